"""Which values depend on which, through laws and into regions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xdsl.ir import Operation, SSAValue


def closure(
    sources: Iterable[SSAValue], step: Callable[[SSAValue], Iterable[SSAValue]]
) -> set[SSAValue]:
    """The sources, and every value that steps lead to from them."""
    reached: set[SSAValue] = set()
    worklist = list(sources)
    while worklist:
        value = worklist.pop()
        if value not in reached:
            reached.add(value)
            worklist.extend(step(value))
    return reached


def reached_from(sources: Iterable[SSAValue]) -> set[SSAValue]:
    """
    Every value that is computed from the sources: through operands, laws and draws, and out of
    regions (an op whose region reads a reached value gives reached results).
    """
    return closure(sources, _computed_directly)


def _computed_directly(value: SSAValue) -> Iterable[SSAValue]:
    for use in value.uses:
        op: Operation | None = use.operation
        while op is not None:
            yield from op.results
            op = op.parent_op()
