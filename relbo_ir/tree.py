"""A program as a tree for the terminal: one node an op, its operands below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from relbo_ir.dialects import dist, lax, prob
from relbo_ir.formulas import constant_texts
from relbo_ir.notebook import Text

_FEW = 6
_SITES = (prob.SampleOp, prob.ObserveOp, prob.FactorOp, prob.DeterministicOp)


def tree(module: ModuleOp) -> Text:
    """
    The expression tree of every model, guide and objective of a module, at any level: below an
    expectation its addends by name, below an op its operands. What is read more than once is
    written out once, with a number, and then referred to by it.
    """
    lines: list[str] = []
    for op in module.ops:
        if isinstance(op, prob.FuncOp):
            lines.extend(_Drawer(op).lines())
        elif isinstance(op, prob.ElboOp):
            guide = "" if op.guide is None else f", {op.guide.string_value()}"
            lines.append(f"elbo {op.sym_name.data}({op.model.string_value()}{guide})")
    return Text("\n".join(lines))


@dataclass
class _Node:
    """What stands in one line, and what hangs below it; `value` is what later lines refer to."""

    label: str
    children: list[_Node | SSAValue] = field(default_factory=list["_Node | SSAValue"])
    value: SSAValue | None = None


class _Drawer:
    """Draws one function."""

    def __init__(self, function: prob.FuncOp):
        self._function = function
        self._arguments: dict[SSAValue, str] = {
            argument: _role(role)
            for argument, role in zip(function.body.block.args, function.roles, strict=True)
        }
        self._numbers: dict[SSAValue, int] = {}
        self._draws: set[SSAValue] = set()

    def lines(self) -> Iterator[str]:
        """The lines, depth first; a stack of our own, since programs can be deep."""
        root = _Node(self._function.sym_name.data, _ends(self._function.body.block))
        stack: list[tuple[_Node | SSAValue, str, str]] = [(root, "", "")]
        while stack:
            item, lead, below = stack.pop()
            node = item if isinstance(item, _Node) else self._node(item)
            number = self._number(node)
            yield lead + node.label + number
            for place, child in reversed(list(enumerate(node.children))):
                last = place == len(node.children) - 1
                branch, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
                stack.append((child, below + branch, below + rest))

    def _number(self, node: _Node) -> str:
        """The number of a node that is read again, put where it is written out."""
        value = node.value
        if value is None or not node.children or len(list(value.uses)) < 2:
            return ""
        self._numbers[value] = 1 + len(self._numbers)
        return f"  #{self._numbers[value]}"

    def _node(self, value: SSAValue) -> _Node:
        owner = value.owner
        if isinstance(owner, Block):
            return self._argument(value, owner)
        label = _label(owner)
        if isinstance(owner, prob.SampleOp):  # its name is its number
            known = value in self._draws
            self._draws.add(value)
            return _Node(label, [] if known else [v for v in owner.operands])
        if value in self._numbers:
            return _Node(f"{label}  (see #{self._numbers[value]})")
        if len(owner.results) > 1 and not owner.regions:
            label += f" [{owner.results.index(value)}]"
        children: list[_Node | SSAValue] = list(owner.operands)
        for region in owner.regions:
            for block in region.blocks:
                children = _ends(block)
        return _Node(label, children, value)

    def _argument(self, value: SSAValue, block: Block) -> _Node:
        if value in self._arguments:
            return _Node(self._arguments[value])
        parent = block.parent_op()
        index = block.args.index(value)
        if parent is not None and index < len(parent.operands):
            return self._node(parent.operands[index])
        return _Node("particle")


def _ends(block: Block) -> list[_Node | SSAValue]:
    """What a block is for: its sites or named addends, else what it returns."""
    children: list[_Node | SSAValue] = []
    last = block.last_op
    returned = [] if last is None else list(last.operands)
    if isinstance(last, prob.YieldOp):
        return [
            _Node(f'addend "{name.data}"', [value])
            for name, value in zip(last.names, returned, strict=True)
        ]
    if not returned:
        for op in block.ops:
            if isinstance(op, _SITES):
                children.append(op.value if isinstance(op, prob.SampleOp) else _site(op))
        return children
    owners = [v.owner for v in returned]
    # A gradient gives a value and derivatives of one region: one node.
    return [v for k, v in enumerate(returned) if owners[k] not in owners[:k]]


def _site(op: prob.ObserveOp | prob.FactorOp | prob.DeterministicOp) -> _Node:
    kind = op.name.partition(".")[2]
    return _Node(f'{kind} "{op.site.data}"', list(op.operands))


def _label(op: Operation) -> str:
    match op:
        case prob.SampleOp():
            plates = [axis.plate.string_value() for axis in op.plates or ()]
            where = f" in {', '.join(plates)}" if plates else ""
            how = "" if op.how.data is prob.How.EXACT else f", {op.how.data.value}"
            return f'sample "{op.site.data}"{where}{how}'
        case prob.DrawOp():
            return f'draw "{op.site.data}", step by step'
        case dist.FamilyOp():
            return op.FAMILY.name
        case lax.ConstantOp():
            return _constant(op)
        case prob.GradientOp():
            return "gradient"
        case _:
            called = op.properties.get("callee") or op.properties.get("function")
            name = op.name.partition(".")[2]
            return f"{name} {called}" if isinstance(called, SymbolRefAttr) else name


def _constant(op: lax.ConstantOp) -> str:
    texts = [text.removesuffix(".0") for text in constant_texts(op)]
    if op.value.splat is not None:
        return texts[0]
    return f"[{', '.join(texts[:_FEW])}{', ...' if len(texts) > _FEW else ''}]"


def _role(role: Attribute) -> str:
    match role:
        case prob.ParameterAttr():
            return f"param {role.parameter.data}"
        case prob.UnconstrainedAttr():
            return f"param {role.parameter.data} (unconstrained)"
        case prob.DataAttr():
            return f"data {role.argument.data}"
        case prob.ClosureAttr():
            return f"array {role.index.data} of {role.function.data}"
        case prob.DrawAttr():
            return f'noise of "{role.site.data}"'
        case _:
            return "key"
