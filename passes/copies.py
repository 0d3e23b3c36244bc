"""Values of a block computed once more, from other draws."""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import prob
from relbo_ir.passes.expressions import Writer


def copied(block: Block, values: dict[SSAValue, SSAValue], targets: Iterable[SSAValue]) -> None:
    """
    Computes targets with other values in the place of some: copies every op that a target needs and
    that reads a replaced value, right after it, and adds to `values` what each of its results is.
    What does not read a replaced value is shared; a choice is never drawn again.
    """
    needed: set[Operation] = set()
    waiting = [target.owner for target in targets]
    while waiting:
        op = waiting.pop()
        if isinstance(op, Operation) and op not in needed:
            needed.add(op)
            waiting.extend(v.owner for inner in op.walk() for v in inner.operands)
    for op in list(block.ops):
        if op not in needed or isinstance(op, prob.SampleOp):
            continue
        if op.results[0] not in values and _reads(op, values):
            copy = op.clone(values)
            copy.location = op.location
            Writer(InsertPoint.after(op)).insert(copy)
            values.update(zip(op.results, copy.results, strict=True))


def _reads(op: Operation, values: dict[SSAValue, SSAValue]) -> bool:
    return any(v in values for inner in op.walk() for v in inner.operands)
