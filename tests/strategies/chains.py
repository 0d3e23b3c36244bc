"""Choices that a loop draws: the law of a step reads the draws of the steps before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.ir import Region, SSAValue

from relbo_ir.dialects import dist, prob
from relbo_ir.dialects.lax import shape_of

from .build import Body, Shape, floats
from .expressions import positive, real
from .scope import Scope

CHAINED = ("bernoulli", "categorical", "normal", "affine")
"""The kinds of choices that may be chains."""

_STARTS = (0.0, 0.6, -0.4)
_WEIGHTS = (0.0, 0.9, -0.6)
"""By category: the factor of its logit."""


@dataclass(frozen=True)
class Chain:
    """The draws of all steps, their law given the steps before, and their degree in the noise."""

    drawn: SSAValue
    law: SSAValue
    degree: int


@dataclass(frozen=True)
class _Step:
    """The law of a step from scalars and, from vectors, that of all steps."""

    kind: str
    categories: int
    logits: bool

    def law(
        self, body: Body, slope: SSAValue, before: SSAValue, rows: Sequence[SSAValue]
    ) -> SSAValue:
        centre, *rest = rows
        x = body.elementwise("add", centre, body.elementwise("mul", slope, before))
        match self.kind:
            case "bernoulli" if self.logits:
                return body.add(dist.BernoulliLogitsOp(x))
            case "bernoulli":
                return body.add(dist.BernoulliOp(body.elementwise("logistic", x)))
            case "categorical":
                factors = [body.constant(k, x.type) for k in _WEIGHTS[: self.categories]]
                logits = [body.elementwise("mul", k, x) for k in factors]
                return body.add(dist.CategoricalLogitsOp(body.stack(logits, len(shape_of(x)))))
            case "normal":
                return body.add(dist.NormalOp(x, rest[0]))
            case _:
                inner = body.add(dist.NormalOp(x, rest[0]))
                return body.add(dist.TransformedOp(inner, dist.Transform.AFFINE, rest[1:]))

    def number(self, body: Body, drawn: SSAValue) -> SSAValue:
        """A draw as a real number."""
        return body.real(drawn) if self.kind in ("bernoulli", "categorical") else drawn


def chained(scope: Scope, name: str, kind: str, categories: int, length: int, most: int) -> Chain:
    """
    A choice of so many steps, forwards or backwards. Each reads the step before it, or the sum of
    all before it, a row of its own of degree `most` at the most, and a slope for all steps.
    """
    body, shape = scope.body, (length,)
    step = _Step(kind, categories, logits=scope.pick(2) == 0)
    scope.shared.mark("normal" if kind == "affine" else kind)
    centre = real(scope, shape, most if kind in ("normal", "affine") else 0)
    rows, degree = [centre.value], 0
    if kind in ("normal", "affine"):
        rows.append(positive(scope, shape))
        degree = max(1, centre.degree)
    if kind == "affine":
        scope.shared.mark("affine")
        shift = real(scope, shape, 2, 1)
        rows += [shift.value, positive(scope, shape)]
        degree = max(degree, shift.degree)
    slope = real(scope, (), 0, 1).value
    start = body.constant(_STARTS[scope.pick(3)], floats(()))
    summed, reverse = bool(scope.pick(2)), bool(scope.pick(2))
    inside = Body()
    carry, *own = (inside.block.insert_arg(floats(()), k) for k in range(1 + len(rows)))
    draw = inside.add(prob.DrawOp(name, step.law(inside, slope, carry, own)))
    number = step.number(inside, draw)
    following = inside.elementwise("add", carry, number) if summed else number
    inside.block.add_op(prob.YieldValueOp([following, draw]))
    drawn = body.add(prob.ScanOp([start], rows, Region(inside.block), length, reverse))
    before = _before(body, step.number(body, drawn), start, summed, reverse)
    return Chain(drawn, step.law(body, body.spread(slope, shape), before, rows), degree)


def _before(body: Body, draws: SSAValue, start: SSAValue, summed: bool, reverse: bool) -> SSAValue:
    """What is carried into each step."""
    shape: Shape = shape_of(draws)
    if summed:
        total = body.cumsum(draws, reverse)
        draws = body.elementwise("add", total, body.spread(start, shape))
    return body.shift(draws, start, reverse)
