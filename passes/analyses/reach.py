"""Which values depend on which, through laws and into regions."""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.ir import Operation, SSAValue


def reached_from(sources: Iterable[SSAValue]) -> set[SSAValue]:
    """
    Every value that is computed from the sources: through operands, laws and draws, and out of
    regions (an op whose region reads a reached value gives reached results).
    """
    reached: set[SSAValue] = set()
    worklist = list(sources)
    while worklist:
        value = worklist.pop()
        if value in reached:
            continue
        reached.add(value)
        for use in value.uses:
            op: Operation | None = use.operation
            while op is not None:
                worklist.extend(op.results)
                op = op.parent_op()
    return reached
