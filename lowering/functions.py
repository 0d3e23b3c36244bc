"""Functions of a module: what loops, branches and custom derivatives refer to by symbol."""

from __future__ import annotations

from io import StringIO

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.printer import Printer


class Functions:
    """
    The private functions of one module. A function that is structurally there already is shared,
    so importing one thing twice adds nothing.
    """

    def __init__(self, module: ModuleOp):
        self.module = module
        self._by_text: dict[str, str] = {}
        self._pairs: dict[str, tuple[str, str]] = {}
        self._names: set[str] = set()
        for op in module.ops:
            name = op.properties.get("sym_name")
            if isinstance(name, StringAttr):
                self._names.add(name.data)
            if isinstance(op, FuncOp):
                self._by_text[self._text(op)] = op.sym_name.data

    @staticmethod
    def _text(function: FuncOp) -> str:
        name, function.properties["sym_name"] = function.sym_name, StringAttr("_")
        stream = StringIO()
        Printer(stream).print_op(function)
        function.properties["sym_name"] = name
        return stream.getvalue()

    def reserve(self, prefix: str) -> str:
        """A name that no function of the module has."""
        number = 0
        while (name := f"{prefix}_{number}") in self._names:
            number += 1
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
        text = f"{self._text(function)}{self._text(rule)}"
        text = text.replace(f"@{name}(", "@self(").replace(f"@{rule_name}(", "@self_rule(")
        text = text.replace(f"@{name} ", "@self ").replace(f"@{rule_name} ", "@self_rule ")
        if text in self._pairs:
            return self._pairs[text]
        self._pairs[text] = (name, rule_name)
        self.insert(function, name)
        self.insert(rule, rule_name)
        return name, rule_name
