"""
How smoothly a program depends on a draw: what a pathwise derivative needs to be unbiased.

Lee, Yu and Yang (2018) and Lee, Rival and Yang (2023): the derivative passes under the integral
when everything that is integrated is continuous and locally Lipschitz in the draw. The analysis
is conservative: what has no rule is discontinuous.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.dialects.func import CallOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from relbo_ir.dialects import dist, estim, lax, prob
from relbo_ir.dialects.dist import Support
from relbo_ir.dialects.location import place
from relbo_ir.dialects.prob import How
from relbo_ir.dialects.tensors import has_complex, has_floats
from relbo_ir.passes.analyses.definiteness import Definiteness
from relbo_ir.passes.analyses.laws import choice_of_draw, own_draw, sources
from relbo_ir.passes.analyses.ranges import Range
from relbo_ir.passes.analyses.smoothness_table import (
    LIPSCHITZ_OPS,
    NEEDS_POSITIVE,
    ON_COMPLEX,
    SMOOTH_OPS,
    WORDS,
)
from relbo_ir.passes.analyses.support import law_support, support_moves
from relbo_ir.passes.analyses.value_ranges import Ranges
from relbo_ir.passes.analyses.walker import Order, Walker

_NOT_POSITIVE = "read at an argument that is not proved positive"


class Smoothness(IntEnum):
    """Smaller is smoother."""

    CONSTANT = 0
    SMOOTH = 1
    LIPSCHITZ = 2
    DISCONTINUOUS = 3


@dataclass(frozen=True)
class Fact:
    """A smoothness, and for the worst kind the op and the reason."""

    level: Smoothness
    op: Operation | None = None
    why: str = ""

    @property
    def reason(self) -> str:
        """A sentence for messages."""
        where = "" if self.op is None else f" by {self.op.name}{place(self.op)}"
        return f"{self.why}{where}"


CONSTANT = Fact(Smoothness.CONSTANT)
SMOOTH = Fact(Smoothness.SMOOTH)
LIPSCHITZ = Fact(Smoothness.LIPSCHITZ)


class SmoothnessOf(Walker[Fact]):
    """Facts about every value of an expectation as a function of one draw."""

    def __init__(self, draw: prob.SampleOp | prob.DeterministicOp, ranges: Ranges, order: Order):
        super().__init__(order, CONSTANT)
        self.ranges = ranges
        self.failures: list[Fact] = []
        self._draw_of = draw
        for value in sources(draw) if isinstance(draw, prob.SampleOp) else [draw.value]:
            self.record(value, SMOOTH)
        if isinstance(draw, prob.SampleOp) and draw.drawn is not None:
            self.queue(draw.drawn.owner)
        self.walk()

    def record(self, value: SSAValue, fact: Fact) -> None:
        """Notes a fact; what is handed out must not be discontinuous."""
        super().record(value, fact)
        ends = (prob.YieldOp, prob.YieldValueOp)
        if fact.level is Smoothness.DISCONTINUOUS:
            handed = (use.operation for use in value.uses if isinstance(use.operation, ends))
            outside = [op for op in handed if not isinstance(op.parent_op(), prob.ScanOp)]
            self.failures.extend(fact for _ in outside)

    def rule(self, op: Operation, facts: list[Fact]) -> list[Fact]:
        match op:
            case lax.ScanOp():
                return self._scan(op, facts)
            case lax.CondOp():
                return self._cond(op, facts)
            case prob.ScanOp():
                return self._steps(op, facts)
            case CallOp():
                return self._called(op, op.callee, facts, self._ranges(op.operands))
            case _:
                fact = self._rule(op, facts)
                return [CONSTANT if fact.level is Smoothness.CONSTANT else fact for _ in op.results]

    def _ranges(self, values: Iterable[SSAValue]) -> list[Range]:
        return [self.ranges.of(v) for v in values]

    def _called(
        self,
        op: Operation,
        name: SymbolRefAttr,
        facts: Sequence[Fact],
        ranges: Sequence[Range],
        hidden: str = "",
    ) -> list[Fact]:
        """What a function returns, from what it is given."""
        self.ranges.enter(op, name, ranges)
        returned = self.call(op, name, facts, hidden)
        return [_broken(op, "read") for _ in op.results] if returned is None else returned

    def _scan(self, op: lax.ScanOp, facts: list[Fact]) -> list[Fact]:
        """
        As smooth as the body at any step: what is carried is what it begins as and what the body
        makes of it, until that is no worse.
        """
        first = op.num_consts.value.data
        last = first + op.num_carry.value.data
        ranges, known = self.ranges.entering(op), list(facts)
        while True:
            returned = self._called(op, op.body, known, ranges)
            steps = zip(known[first:last], returned, strict=False)
            carried = [max(before, after, key=lambda f: f.level) for before, after in steps]
            if [f.level for f in carried] == [f.level for f in known[first:last]]:
                return [*carried, *returned[last - first :]]
            known[first:last] = carried

    def _steps(self, op: prob.ScanOp, facts: list[Fact]) -> list[Fact]:
        """Draws of a loop, any step of which may read any other one."""
        count, known = len(op.carried), list(facts)
        while True:
            returned = self.through(op.body.block, known)
            if returned is None:
                return [_broken(op, "read") for _ in op.results]
            pairs = zip(known[:count], returned[:count], strict=True)
            carried = [max(before, after, key=lambda f: f.level) for before, after in pairs]
            if [f.level for f in carried] == [f.level for f in known[:count]]:
                return returned[count:]
            known[:count] = carried

    def _step(self, op: prob.DrawOp, worst: Fact) -> Fact:
        """One step's draw: of the choice itself, or of one whose law reads it."""
        choice = choice_of_draw(op)
        if choice is None:
            return _broken(op, "read by a loop")
        moved = self._draw(choice, worst)
        return max(moved, SMOOTH, key=lambda f: f.level) if choice is self._draw_of else moved

    def _cond(self, op: lax.CondOp, facts: list[Fact]) -> list[Fact]:
        """Smooth where the draw does not choose the branch."""
        index, *given = facts
        if index.level is not Smoothness.CONSTANT:
            chosen = _broken(index.op or op, index.why or "used to choose a branch")
            return [chosen for _ in op.results]
        ranges = self._ranges(op.arguments)
        taken = [self._called(op, name, given, ranges) for name in op.branches]
        return [max(cases, key=lambda f: f.level) for cases in zip(*taken, strict=True)]

    def _rule(self, op: Operation, facts: list[Fact]) -> Fact:
        if isinstance(op, estim.AttachOp):
            return facts[0]  # what is attached has no value: who attached it answers for it
        worst = max(facts, key=lambda f: f.level, default=CONSTANT)
        if worst.level is Smoothness.DISCONTINUOUS:
            if isinstance(op, (prob.SampleOp, prob.DrawOp)):
                self.failures.append(worst)
            return worst
        if _is_nan_test(op):
            return CONSTANT
        if op.name not in ON_COMPLEX and any(map(has_complex, _types(op))):
            moves = worst.level is not Smoothness.CONSTANT
            return _broken(op, "read as complex numbers") if moves else CONSTANT
        if op.name in SMOOTH_OPS:
            fluid = op.results and _is_fluid(op.results[0].type)
            return worst if fluid else _broken(op, "made discrete")
        if op.name in LIPSCHITZ_OPS:
            return LIPSCHITZ
        if op.name in NEEDS_POSITIVE:
            return self._where_positive(op, facts, worst)
        match op:
            case prob.SampleOp():
                return self._draw(op, worst)
            case prob.DrawOp():
                return self._step(op, worst)
            case prob.LogDensityOp():
                return self._density(op, worst)
            case dist.FamilyOp() | dist.IndependentOp() | dist.ExpandOp() | dist.TransformedOp():
                return worst
            case dist.TransformedByOp() | dist.MixtureOp() | dist.MixtureSameFamilyOp():
                return worst
            case dist.MaskOp() | dist.ImproperOp():
                return worst
            case dist.OpaqueOp():
                return _broken(op, "read by a law without declared smoothness")
            case estim.ScoreOp():
                return worst
            case estim.LeaveOneOutOp() | estim.RunningMeanOp() | estim.VimcoOp():
                return CONSTANT  # of other draws than this one
            case lax.IntegerPowOp() if op.exponent.value.data >= 0:
                return worst
            case lax.IntegerPowOp():
                return worst if self.ranges.of(op.x).positive else _broken(op, _NOT_POSITIVE)
            case lax.ConvertOp() if _is_fluid(op.result.type) and _is_fluid(op.x.type):
                return worst
            case lax.ScatterMulOp() if facts[2].level is not Smoothness.CONSTANT and not bool(
                op.unique_indices
            ):
                return _broken(op, "multiplied at places that may coincide (unique_indices=False)")
            case lax.ScatterMinOp() | lax.ScatterMaxOp():
                return max(_at_places(op, facts[1:2], worst), LIPSCHITZ, key=lambda f: f.level)
            case lax.GatherOp() | lax.ScatterBase():
                return _at_places(op, facts[1:2], worst)
            case lax.DynamicSliceOp():
                return _at_places(op, facts[1:], worst)
            case lax.DynamicUpdateSliceOp():
                return _at_places(op, facts[2:], worst)
            case lax.SortOp() if len(op.operands) == 1:
                return LIPSCHITZ
            case lax.CholeskyOp() if Definiteness(self.ranges).is_definite(op.x):
                return worst
            case lax.TriangularSolveOp():
                kept = facts[0].level is Smoothness.CONSTANT or bool(op.unit_diagonal)
                inverts = kept or Definiteness(self.ranges).is_factor(op.a)
                return worst if inverts else _broken(op, WORDS[op.name])
            case lax.SelectNOp() if facts[0].level is Smoothness.CONSTANT:
                return worst
            case _ if op.name == "lax.log1p":
                above = self.ranges.of(op.operands[0]) + Range.point(1.0)
                return (
                    worst
                    if above.positive
                    else _broken(op, "read where 1 + x is not proved positive")
                )
            case _ if op.name == "lax.pow":
                return self._real_power(op, facts, worst)
            case lax.CustomJvpOp() | lax.CustomVjpOp():
                return self._custom(op, facts)
            case _:
                return _broken(op, WORDS.get(op.name, "read"))

    def _reads(self, value: SSAValue) -> bool:
        """Whether a value depends on the draw."""
        return self.of(value).level is not Smoothness.CONSTANT

    def _custom(self, op: lax.CustomJvpOp | lax.CustomVjpOp, facts: list[Fact]) -> Fact:
        """
        A function with its author's derivative is as smooth as its body; what the body hides by
        stop_gradient, the author's rule differentiates.
        """
        ranges = self._ranges(op.operands)
        returned = self._called(op, op.function, facts, ranges, hidden="lax.stop_gradient")
        worst = max(returned, key=lambda f: f.level)
        return worst if worst.op is None else Fact(worst.level, op, worst.why)

    def _where_positive(self, op: Operation, facts: list[Fact], worst: Fact) -> Fact:
        for k in NEEDS_POSITIVE[op.name]:
            moves = facts[k].level is not Smoothness.CONSTANT
            if moves and not self.ranges.of(op.operands[k]).positive:
                return _broken(op, _NOT_POSITIVE)
        return worst

    def _real_power(self, op: Operation, facts: list[Fact], worst: Fact) -> Fact:
        """xʸ: 0ʸ is 1 for y = 0 and 0 above it, so it jumps in its exponent as well."""
        base, exponent = map(self.ranges.of, op.operands)
        if base.positive:
            return worst
        if facts[0].level is not Smoothness.CONSTANT:
            return _broken(op, _NOT_POSITIVE)
        if exponent.positive or (-exponent).positive:
            return worst
        return _broken(op, "the exponent of a number that is not proved positive, read")

    def _draw(self, op: prob.SampleOp, worst: Fact) -> Fact:
        """
        The law of another choice reads the draw. A draw that is held fixed does not move with it
        (its upstream density is judged where it stands); any other moves smoothly where its own
        sampler is differentiable, and else its weight is smooth and its value fixed.
        """
        how = op.plan.data if op.plan is not None and op.how.data is How.EXACT else op.how.data
        discrete = not has_floats(op.value.type)
        if how in (How.SCORE, How.ENUMERATED) or discrete:
            return CONSTANT
        return worst

    def _density(self, op: prob.LogDensityOp, worst: Fact) -> Fact:
        value = self._known(op.value)
        moves_along = value.level is not Smoothness.CONSTANT
        if moves_along and _is_own_draw(op):
            return max(worst, LIPSCHITZ, key=lambda f: f.level) if _has_kinks(op.law) else worst
        if support_moves(op.law, self._reads):
            return _broken(op, "a bound of a law whose density jumps there")
        if _has_kinks(op.law):
            worst = max(worst, LIPSCHITZ, key=lambda f: f.level)
        if not moves_along:
            return worst
        if _opaque_inside(op.law):
            return _broken(op, "scored by a law without declared smoothness")
        support = law_support(op.law)
        if support is Support.REAL or self.ranges.stays_inside(op):
            return worst
        reach = self.ranges.described(op.law)
        if reach is None or (support is not None and support.is_discrete):
            return _broken(op, "scored by a law whose density may jump")
        return _broken(op, f"scored by a law on {reach} where it is not proved to stay inside")


def _types(op: Operation) -> list[Attribute]:
    return [v.type for v in (*op.operands, *op.results)]


def _is_fluid(type_: Attribute) -> bool:
    return has_floats(type_) or has_complex(type_)


def _at_places(op: Operation, places: Sequence[Fact], worst: Fact) -> Fact:
    """Elements that are read or written at places that the draw does not move."""
    if any(f.level is not Smoothness.CONSTANT for f in places):
        return _broken(op, "used as an index")
    return worst


def _is_own_draw(op: prob.LogDensityOp) -> bool:
    """Whether a draw is scored by its own law, so that it never leaves the support."""
    return own_draw(op) is not None and not _opaque_inside(op.law)


def _inner(law: SSAValue) -> Sequence[SSAValue]:
    """The laws that a law is made of."""
    owner = law.owner
    return (
        ()
        if isinstance(owner, Block)
        else [v for v in owner.operands if isinstance(v.type, prob.LawType)]
    )


def _has_kinks(law: SSAValue) -> bool:
    if isinstance(op := law.owner, dist.FamilyOp):
        return op.FAMILY.kinks
    return any(_has_kinks(inner) for inner in _inner(law))


def _opaque_inside(law: SSAValue) -> bool:
    return isinstance(law.owner, dist.OpaqueOp) or any(_opaque_inside(x) for x in _inner(law))


def _is_nan_test(op: Operation) -> bool:
    """x ≠ x: false for every number, so constant almost everywhere."""
    return op.name == "lax.ne" and op.operands[0] is op.operands[1]


def _broken(op: Operation, why: str) -> Fact:
    return Fact(Smoothness.DISCONTINUOUS, op, why)
