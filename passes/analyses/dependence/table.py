"""The table of rules: what an op's results read, from what its operands read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from xdsl.ir import Operation, SSAValue

from relbo_ir.dialects import prob
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.prob import LawType
from relbo_ir.passes.analyses.dependence.facts import Dependence

Source = prob.SampleOp | SSAValue
"""A choice, or a value that a function or a loop is given, whose elements count as drawn each by itself."""

Facts = Mapping[Source, Dependence]
"""By source; one that is absent is not read at all."""

OpT = TypeVar("OpT", bound=Operation)
Move = Callable[[Dependence], Dependence]
MayMove = Callable[[Dependence], Dependence | None]
RuleOf = Callable[[OpT, list[Facts]], list[Facts]]
NOTHING: Facts = {}
RULES: dict[type[Operation], RuleOf[Operation]] = {}


def join(facts: Iterable[Facts]) -> Facts:
    """What is read by a value that is computed element by element from several."""
    result: dict[Source, Dependence] = {}
    for fact in facts:
        for choice, dependence in fact.items():
            known = result.get(choice)
            result[choice] = dependence if known is None else known.join(dependence)
    return result or NOTHING


def everywhere(op: Operation, facts: list[Facts]) -> list[Facts]:
    """The conservative answer: every element of every result reads all, inside of regions too."""
    inside = [f for f in facts if f]
    read = join([{c: d.everywhere(()) for c, d in f.items()} for f in inside])
    return [{c: d.everywhere(shape_of_draw(r)) for c, d in read.items()} for r in op.results]


def shape_of_draw(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor, or of a draw of a law."""
    return value.type.value.get_shape() if isinstance(value.type, LawType) else shape_of(value)


def each(fact: Facts, move: MayMove) -> Facts:
    """The facts moved, without those that say that nothing is read."""
    moved = ((choice, move(dependence)) for choice, dependence in fact.items())
    return {choice: d for choice, d in moved if d is not None and not d.is_empty} or NOTHING


def rule(*classes: type[OpT]) -> Callable[[RuleOf[OpT]], RuleOf[OpT]]:
    """Registers the rule of op classes: a result's facts from those of the operands."""

    def register(function: RuleOf[OpT]) -> RuleOf[OpT]:
        def rule(op: Operation, facts: list[Facts]) -> list[Facts]:
            if not isinstance(op, classes):
                raise TypeError(op.name)
            return function(op, facts)

        RULES.update(dict.fromkeys(classes, rule))
        return function

    return register


def trailing(d: Dependence, shape: tuple[int, ...]) -> Dependence:
    """Broadcast by NumPy's rule."""
    return d.broadcast(shape, range(len(shape) - len(d.shape), len(shape)))
