"""
Rules for loops, from what their body reads of its arguments.

The body is read once: every argument counts as a choice that is drawn element by element, and what
the body's results read of it is a relation that is composed with what the argument reads. Carried
values are followed step by step, so that a value at step t reads what entered up to t alone; what
is not carried is composed for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import shape_of
from relbo_ir.passes.analyses.dependence.composition import at_every_step, compose, row, stack
from relbo_ir.passes.analyses.dependence.facts import Dependence
from relbo_ir.passes.analyses.dependence.table import NOTHING, Facts, each, everywhere, join

Relations = Mapping[int, Dependence]
"""The arguments of a function that a result reads, by their number, and how."""

_MOST_COMPOSITIONS = 20_000
"""Of relations along a loop; the steps of a longer one are not told apart."""

_MOST_ROUNDS = 32
"""Until what is carried reads no more than before; a loop that needs more reads everything."""


@dataclass(frozen=True)
class Loop:
    """A loop's length and direction, and how many constants and carried values its body takes."""

    length: int
    reverse: bool
    consts: int
    carried: int

    @property
    def steps(self) -> Sequence[int]:
        """The steps, in the order in which they are taken."""
        return range(self.length)[::-1] if self.reverse else range(self.length)


def scan(loop: Loop, facts: list[Facts], body: Sequence[Relations]) -> list[Facts] | None:
    """
    What is carried at last and what every step hands out: y[t] reads x[t], the constants, and by
    what is carried into step t all that entered before. For a loop of very many steps, what is
    carried into a step counts as that which any step hands on; None where that is not found.
    """
    length, first = loop.length, loop.consts
    last = first + loop.carried
    if length == 0:
        return [*facts[first:last], *(NOTHING for _ in body[last - first :])]
    given = {k: f for k, f in enumerate(facts) if f}
    consts = {k: f for k, f in given.items() if k < first}
    carried = {k: given.get(k, NOTHING) for k in range(first, last)}
    scanned = {k: f for k, f in given.items() if k >= last}
    hands_on = dict(enumerate(body[: last - first], first))
    entering = {k: read(relations, consts) for k, relations in hands_on.items()}

    def step(before: Mapping[int, Facts], xs: Mapping[int, Facts]) -> dict[int, Facts]:
        known = {**before, **xs}
        return {k: join([entering[k], read(r, known)]) for k, r in hands_on.items()}

    work = sum(len(given.get(k, NOTHING)) + 1 for r in body for k in r if k >= first)
    if length * work > _MOST_COMPOSITIONS:
        xs = {k: each(f, lambda d: d.drop_axes([0])) for k, f in scanned.items()}
        closed = closure(carried, lambda known: step(known, xs))
        if closed is None:
            return None
        carried, rows = closed, [closed] * length
    else:
        rows = [carried] * length
        fed = {k for r in hands_on.values() for k in r}
        for t in loop.steps:
            rows[t] = carried
            xs = {k: each(f, lambda d, t=t: row(d, t)) for k, f in scanned.items() if k in fed}
            carried = step(carried, xs)
    results = [carried[k] for k in range(first, last)]
    for relations in body[last - first :]:
        own = {k: at_every_step(r, length, k >= last) for k, r in relations.items()}
        through_carry = _stacked([read(relations, known) for known in rows])
        results.append(join([read(own, consts), read(own, scanned), through_carry]))
    return results


def while_loop(
    op: lax.WhileOp, facts: list[Facts], test: Relations, body: Sequence[Relations]
) -> list[Facts]:
    """
    What is carried reads what it read before and what the body gives it, until it reads no more;
    how often the body runs depends on all that the condition reads.
    """
    first = op.cond_consts.value.data
    start = first + op.body_consts.value.data
    consts = dict(enumerate(facts[first:start]))
    shift = start - first

    def step(before: Mapping[int, Facts]) -> dict[int, Facts]:
        known = {**consts, **before}
        return {k: join([before[k], read(r, known)]) for k, r in enumerate(body, shift)}

    carried = closure(dict(enumerate(facts[start:], shift)), step)
    if carried is None:
        return everywhere(op, facts)
    tested = dict(enumerate([*facts[:first], *carried.values()]))
    steps = read(test, tested)
    return [
        join([carried[k], each(steps, lambda d, r=result: d.broadcast(shape_of(r), []))])
        for k, result in enumerate(op.values, shift)
    ]


def read(relations: Relations, arguments: Mapping[int, Facts]) -> Facts:
    """What a result of a function reads, from what its arguments read."""
    return join(
        each(arguments[k], lambda d, r=relation: compose(r, d))
        for k, relation in relations.items()
        if k in arguments
    )


def closure(
    start: Mapping[int, Facts], step: Callable[[Mapping[int, Facts]], Mapping[int, Facts]]
) -> dict[int, Facts] | None:
    """What values read at most that begin so and take such steps; None if that is not found."""
    known = dict(start)
    for _ in range(_MOST_ROUNDS):
        more = step(known)
        grown = {k: join([f, more[k]]) for k, f in known.items()}
        if all(_same(known[k], f) for k, f in grown.items()):
            return known
        known = grown
    return None


def _same(some: Facts, others: Facts) -> bool:
    return some.keys() == others.keys() and all(d.same(others[c]) for c, d in some.items())


def _stacked(rows: Sequence[Facts]) -> Facts:
    choices = dict.fromkeys(c for facts in rows for c in facts)
    stacks = {c: stack([facts.get(c) for facts in rows]) for c in choices}
    return {c: d for c, d in stacks.items() if d is not None} or NOTHING
