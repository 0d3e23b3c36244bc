"""What rewrites share: replacing many values in time that is linear in their uses, zeros, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import Rewriter

from relbo_ir.dialects import lax


def replace_uses(values: Mapping[SSAValue, SSAValue]) -> None:
    """
    Replaces every use of each key by its value, which takes its name where it has none. xDSL copies
    an op's whole list of operands for each one that it sets, so the operands of an op are set once,
    however many of them change.
    """
    users = {use.operation: None for old in values for use in old.uses}
    for old, new in values.items():
        new.name_hint = new.name_hint or old.name_hint
    for user in users:
        user.operands = [values.get(v, v) for v in user.operands]


def replace_all(values: Mapping[Operation, SSAValue]) -> None:
    """
    Puts values in the places of ops of one result, and erases the ops. A value may be the result of
    another of them: then what takes the place of that.
    """
    found: dict[SSAValue, SSAValue] = {}
    for op, new in values.items():
        while isinstance(made := new.owner, Operation) and made in values:
            new = values[made]
        found[op.results[0]] = new
    replace_uses(found)
    for op in values:
        Rewriter.erase_op(op)


def replace(op: Operation, results: Sequence[SSAValue]) -> None:
    """Puts values in the place of an op's results, and erases the op."""
    replace_uses(dict(zip(op.results, results, strict=True)))
    Rewriter.erase_op(op)


def move_ops(source: Block, target: Block) -> None:
    """Moves every op of a block to the end of another."""
    for op in list(source.ops):
        op.detach()
        target.add_op(op)


def is_zero(value: SSAValue) -> bool:
    """Whether a value is a constant of zeros."""
    return isinstance(value.owner, lax.ConstantOp) and value.owner.value.splat == 0


def fresh(name: str, taken: set[str]) -> str:
    """The name, or the first variant of it that is not taken; it is from now on."""
    while name in taken:
        name += "'"
    taken.add(name)
    return name
