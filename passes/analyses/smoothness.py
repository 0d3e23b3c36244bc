"""
How smoothly a program depends on a draw: what a pathwise derivative needs to be unbiased.

Lee, Yu and Yang (2018) and Lee, Rival and Yang (2023): the derivative passes under the integral
when everything that is integrated is continuous and locally Lipschitz in the draw. The analysis
is conservative: what has no rule is discontinuous.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from xdsl.ir import Block, Operation, SSAValue

from relbo_ir.dialects import dist, estim, lax, prob
from relbo_ir.dialects.dist import Support
from relbo_ir.dialects.location import place
from relbo_ir.dialects.prob import How
from relbo_ir.dialects.tensors import element_of, is_float
from relbo_ir.passes.analyses.laws import own_draw
from relbo_ir.passes.analyses.support import Sign, Signs, law_support, support_moves
from relbo_ir.passes.analyses.walker import Order, Walker


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

_SMOOTH = {
    f"lax.{short}"
    for short in [
        "neg",
        "exp",
        "exp2",
        "expm1",
        "sin",
        "cos",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "atan",
        "square",
        "logistic",
        "softplus",
        "erf",
        "erfc",
        "add",
        "sub",
        "mul",
        "logaddexp",
        "copy",
        "log_ndtr",
        "bessel_i0e",
        "bessel_i1e",
    ]
} | {
    "lax.broadcast_in_dim",
    "lax.reshape",
    "lax.transpose",
    "lax.squeeze",
    "lax.concatenate",
    "lax.stack",
    "lax.unstack",
    "lax.split",
    "lax.slice",
    "lax.pad",
    "lax.rev",
    "lax.reduce_sum",
    "lax.reduce_prod",
    "lax.logsumexp",
    "lax.cumsum",
    "lax.cumprod",
    "lax.cumlogsumexp",
    "lax.dot_general",
    "estim.log_mean_exp",
    "estim.score",
}
_LIPSCHITZ = {
    f"lax.{short}"
    for short in ["abs", "max", "min", "clamp", "reduce_max", "reduce_min", "cummax", "cummin"]
}
_NEEDS_POSITIVE: dict[str, tuple[int, ...]] = {
    "lax.log": (0,),
    "lax.sqrt": (0,),
    "lax.rsqrt": (0,),
    "lax.cbrt": (0,),
    "lax.div": (1,),
    "lax.pow": (0,),
    "lax.lgamma": (0,),
    "lax.digamma": (0,),
    "lax.xlogy": (1,),
    "lax.betaln": (0, 1),
}
"""Smooth where these operands, if they depend on the draw, are proved positive."""


_WORDS = {
    **{f"lax.{c}": "compared" for c in ("eq", "ne", "lt", "le", "gt", "ge", "is_finite")},
    **{
        f"lax.{r}": "rounded"
        for r in ("floor", "ceil", "round_half_even", "round_half_away", "sign")
    },
    "lax.convert": "converted to integers",
    "lax.sort": "sorted",
    "lax.argmax": "turned into an index",
    "lax.argmin": "turned into an index",
    "lax.stop_gradient": "hidden from the derivative",
    "lax.bind": "read by an operation without a rule",
    "lax.scan": "read by a loop",
    "lax.while": "read by a loop",
    "lax.cond": "read by a branch",
}


class SmoothnessOf(Walker[Fact]):
    """Facts about every value of an expectation as a function of one draw."""

    def __init__(self, draw: prob.SampleOp | prob.DeterministicOp, signs: Signs, order: Order):
        super().__init__(order, CONSTANT)
        self.signs = signs
        self.failures: list[Fact] = []
        self.record(draw.value, SMOOTH)
        self.walk()

    def record(self, value: SSAValue, fact: Fact) -> None:
        """Notes a fact; what is handed out must not be discontinuous."""
        super().record(value, fact)
        ends = (prob.YieldOp, prob.YieldValueOp)
        if fact.level is Smoothness.DISCONTINUOUS:
            handed = (use for use in value.uses if isinstance(use.operation, ends))
            self.failures.extend(fact for _ in handed)

    def rule(self, op: Operation, facts: list[Fact]) -> list[Fact]:
        fact = self._rule(op, facts)
        return [CONSTANT if fact.level is Smoothness.CONSTANT else fact for _ in op.results]

    def _rule(self, op: Operation, facts: list[Fact]) -> Fact:
        if isinstance(op, estim.AttachOp):
            return facts[0]  # what is attached has no value: who attached it answers for it
        worst = max(facts, key=lambda f: f.level, default=CONSTANT)
        if worst.level is Smoothness.DISCONTINUOUS:
            if isinstance(op, prob.SampleOp):
                self.failures.append(worst)
            return worst
        if _is_nan_test(op):
            return CONSTANT
        if op.name in _SMOOTH:
            return (
                worst if op.results and _is_float(op.results[0]) else _broken(op, "made discrete")
            )
        if op.name in _LIPSCHITZ:
            return LIPSCHITZ
        if op.name in _NEEDS_POSITIVE:
            return self._where_positive(op, facts, worst)
        match op:
            case prob.SampleOp():
                return self._draw(op, worst)
            case prob.LogDensityOp():
                return self._density(op, worst)
            case dist.FamilyOp() | dist.IndependentOp() | dist.ExpandOp() | dist.TransformedOp():
                return worst
            case dist.TransformedByOp() | dist.MixtureOp() | dist.MixtureSameFamilyOp():
                return worst
            case dist.MaskOp():
                return worst
            case dist.OpaqueOp():
                return _broken(op, "read by a law without declared smoothness")
            case estim.ScoreOp():
                return worst
            case estim.LeaveOneOutOp() | estim.RunningMeanOp() | estim.VimcoOp():
                return CONSTANT  # of other draws than this one
            case lax.IntegerPowOp() if op.exponent.value.data >= 0:
                return worst
            case lax.IntegerPowOp() if self.signs.of(op.x) is Sign.POSITIVE:
                return worst
            case lax.ConvertOp() if _is_float(op.result) and _is_float(op.x):
                return worst
            case lax.GatherOp() | lax.DynamicSliceOp() | lax.DynamicUpdateSliceOp():
                return self._indexed(op, facts, worst)
            case lax.TriangularSolveOp() if facts[0].level is Smoothness.CONSTANT:
                return worst
            case lax.SelectNOp() if facts[0].level is Smoothness.CONSTANT:
                return worst
            case _ if op.name == "lax.log1p":
                return self._where_positive(op, facts, worst, (0,), at_least=Sign.NONNEGATIVE)
            case lax.CustomJvpOp() | lax.CustomVjpOp():
                return self._custom(op, facts)
            case _:
                return _broken(op, _WORDS.get(op.name, "read"))

    def _reads(self, value: SSAValue) -> bool:
        """Whether a value depends on the draw."""
        return self.of(value).level is not Smoothness.CONSTANT

    def _custom(self, op: lax.CustomJvpOp | lax.CustomVjpOp, facts: list[Fact]) -> Fact:
        """
        A function with its author's derivative is as smooth as its body; what the body hides by
        stop_gradient, the author's rule differentiates.
        """
        returned = self.call(op, op.function, facts, hidden="lax.stop_gradient")
        if returned is None:
            return _broken(op, "read")
        worst = max(returned, key=lambda f: f.level)
        return worst if worst.op is None else Fact(worst.level, op, worst.why)

    def _where_positive(
        self,
        op: Operation,
        facts: list[Fact],
        worst: Fact,
        places: Iterable[int] | None = None,
        at_least: Sign = Sign.POSITIVE,
    ) -> Fact:
        for k in _NEEDS_POSITIVE[op.name] if places is None else places:
            if facts[k].level is Smoothness.CONSTANT:
                continue
            if self.signs.of(op.operands[k]) < at_least:
                return _broken(op, "read at an argument that is not proved positive")
        return worst

    def _indexed(self, op: Operation, facts: list[Fact], worst: Fact) -> Fact:
        index_facts = facts[1:2] if isinstance(op, lax.GatherOp) else facts[1:]
        if isinstance(op, lax.DynamicUpdateSliceOp):
            index_facts = facts[2:]
        if any(f.level is not Smoothness.CONSTANT for f in index_facts):
            return _broken(op, "used as an index")
        return worst

    def _draw(self, op: prob.SampleOp, worst: Fact) -> Fact:
        """
        The law of another choice reads the draw. A draw that is held fixed does not move with it
        (its upstream density is judged where it stands); any other moves smoothly where its own
        sampler is differentiable, and else its weight is smooth and its value fixed.
        """
        how = op.plan.data if op.plan is not None and op.how.data is How.EXACT else op.how.data
        discrete = not _is_float(op.value)
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
        if support is None or support.is_discrete:
            return _broken(op, "scored by a law whose density may jump")
        if support is Support.REAL:
            return worst
        if _draw_support_within(op.value, support) or _clipped_within(op.value, support):
            return worst
        if (
            support in (Support.POSITIVE, Support.NONNEGATIVE)
            and self.signs.of(op.value) is Sign.POSITIVE
        ):
            return worst
        return _broken(
            op, f"scored by a law on {support.value} where it is not proved to stay inside"
        )


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


def _draw_support_within(value: SSAValue, support: Support) -> bool:
    owner = value.owner
    if not isinstance(owner, prob.SampleOp):
        return False
    mine = law_support(owner.law)
    return mine is not None and mine.within(support)


def _clipped_within(value: SSAValue, support: Support) -> bool:
    """Whether the value is clipped to an interval of constants inside the support."""
    low, high = _clip_bounds(value)
    match support:
        case Support.UNIT_INTERVAL:
            return low >= 0 and high <= 1
        case Support.POSITIVE:
            return low > 0
        case _:
            return support is Support.NONNEGATIVE and low >= 0


def _clip_bounds(value: SSAValue) -> tuple[float, float]:
    """The constants between which a value is clipped, through changes of shape."""
    low, high = -math.inf, math.inf
    while not isinstance(op := value.owner, Block):
        match op.name:
            case "lax.reshape" | "lax.broadcast_in_dim" | "lax.squeeze" | "lax.copy":
                value = op.operands[0]
            case "lax.clamp":
                bounds = _splat(op.operands[0]), _splat(op.operands[2])
                low = low if bounds[0] is None else max(low, bounds[0])
                high = high if bounds[1] is None else min(high, bounds[1])
                break
            case "lax.max" | "lax.min":
                numbers = [_splat(v) for v in op.operands]
                place = next((k for k, number in enumerate(numbers) if number is not None), None)
                number = None if place is None else numbers[place]
                if place is None or number is None:
                    break
                if op.name == "lax.max":
                    low = max(low, number)
                else:
                    high = min(high, number)
                value = op.operands[1 - place]
            case _:
                break
    return low, high


def _splat(value: SSAValue) -> float | None:
    owner = value.owner
    number = owner.value.splat if isinstance(owner, lax.ConstantOp) else None
    return None if number is None else float(number)


def _is_nan_test(op: Operation) -> bool:
    """x ≠ x: false for every number, so constant almost everywhere."""
    return op.name == "lax.ne" and op.operands[0] is op.operands[1]


def _is_float(value: SSAValue) -> bool:
    return is_float(element_of(value.type))


def _broken(op: Operation, why: str) -> Fact:
    return Fact(Smoothness.DISCONTINUOUS, op, why)
