"""Functions of a module: what loops, branches and custom derivatives refer to by symbol."""

from __future__ import annotations

from io import StringIO

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.printer import Printer

from relbo_ir.dialects.lax import CustomJvpOp, CustomVjpOp


class Functions:
    """
    The private functions of one module. A function that is structurally there already is shared,
    so importing one thing twice adds nothing.
    """

    def __init__(self, module: ModuleOp):
        self.module = module
        self.pending: dict[str, tuple[str, str]] = {}
        """Custom derivatives whose rule is being imported: a rule that calls them finds them."""
        self._by_text: dict[str, str] = {}
        self._pairs: dict[str, tuple[str, str]] = {}
        self._names: set[str] = set()
        self._numbers: dict[str, int] = {}
        private: dict[str, FuncOp] = {}
        for op in module.ops:
            name = op.properties.get("sym_name")
            if isinstance(name, StringAttr):
                self._names.add(name.data)
            if isinstance(op, FuncOp) and op.sym_visibility == StringAttr("private"):
                private[op.sym_name.data] = op
        for name, op in private.items():
            self._by_text[self._text(op)] = name
        for op in module.walk():
            if isinstance(op, (CustomJvpOp, CustomVjpOp)):
                pair = op.function.string_value(), op.rule.string_value()
                if pair[0] in private and pair[1] in private:
                    self._pairs[self._pair_text(private[pair[0]], private[pair[1]], pair)] = pair

    @staticmethod
    def _text(function: FuncOp) -> str:
        before = dict(function.properties)
        function.properties["sym_name"] = StringAttr("_")
        function.properties["sym_visibility"] = StringAttr("private")
        stream = StringIO()
        Printer(stream).print_op(function)
        function.properties.clear()
        function.properties.update(before)
        return stream.getvalue()

    @classmethod
    def _pair_text(cls, function: FuncOp, rule: FuncOp, names: tuple[str, str]) -> str:
        text = f"{cls._text(function)}{cls._text(rule)}"
        for name, self_name in zip(names, ("self", "self_rule"), strict=True):
            text = text.replace(f"@{name}(", f"@{self_name}(").replace(
                f"@{name} ", f"@{self_name} "
            )
        return text

    def reserve(self, prefix: str) -> str:
        """A name that no function of the module has."""
        number = self._numbers.get(prefix, 0)
        while (name := f"{prefix}_{number}") in self._names:
            number += 1
        self._numbers[prefix] = number + 1
        self._names.add(name)
        return name

    def add(self, function: FuncOp, prefix: str) -> str:
        """Adds the function under a fresh name, or finds its equal; gives the name."""
        text = self._text(function)
        if text in self._by_text:
            return self._by_text[text]
        name = self.reserve(prefix)
        self._by_text[text] = name
        self.insert(function, name)
        return name

    def insert(self, function: FuncOp, name: str) -> None:
        """Adds the function under a name that `reserve` gave."""
        function.properties["sym_name"] = StringAttr(name)
        function.properties["sym_visibility"] = StringAttr("private")
        self.module.body.block.add_op(function)

    def share_pair(
        self, function: FuncOp, name: str, rule: FuncOp, rule_name: str
    ) -> tuple[str, str]:
        """
        Adds a function and its derivative rule, which may call the function by its name, or finds
        their equals; gives the two names.
        """
        text = self._pair_text(function, rule, (name, rule_name))
        if text in self._pairs:
            return self._pairs[text]
        self._pairs[text] = (name, rule_name)
        self.insert(function, name)
        self.insert(rule, rule_name)
        return name, rule_name
