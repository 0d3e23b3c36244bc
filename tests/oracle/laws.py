"""The densities of laws, from the formulas of their ops' docstrings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from xdsl.ir import Operation, SSAValue

from relbo_ir.dialects import dist
from relbo_ir.dialects.dist import Transform

from .dual import Array, Dual, aligned, lift, linear_together, times, total
from .elementwise import binary, unary
from .reductions import categories, logsumexp, masked

HALF_LOG_TAU = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True)
class Law:
    """
    A law in every outcome. All wrappers act element by element on a draw, so a law is a family
    with parameters broadcast to the shape of a draw (category weights have one axis more), and
    the transforms of its draws, innermost first, each with its arguments. `mask` says of each
    element whether its density counts; a draw does not know of it.
    """

    family: str
    parameters: tuple[Dual, ...]
    shape: tuple[int, ...]
    event_rank: int
    transforms: tuple[tuple[Transform, tuple[Dual, ...]], ...] = ()
    mask: Dual | None = None

    def log_density(self, value: Dual) -> Dual:
        """One number per batch element: the density of each element, summed over the event."""
        correction = lift(0.0)
        for transform, arguments in reversed(self.transforms):
            value, slope = _invert(transform, arguments, value)
            correction = correction - slope
        rows = aligned(DENSITIES[self.family](value, *self.parameters) + correction, self.shape)
        if self.mask is not None:
            rows = masked(rows, self.mask.value, 0.0)
        batch = len(self.shape) - self.event_rank
        return total(rows, range(batch, len(self.shape)))

    def forward(self, draw: Dual) -> Dual:
        """A draw of the family through the transforms."""
        for transform, arguments in self.transforms:
            match transform:
                case Transform.EXP:
                    draw = unary("exp", draw)
                case Transform.AFFINE:
                    draw = arguments[0] + arguments[1] * draw
                case Transform.SIGMOID:
                    draw = unary("logistic", draw)
                case Transform.SOFTPLUS:
                    draw = unary("softplus", draw)
        return draw


def law_of(op: Operation, operands: list[Dual | Law]) -> Law:
    """The law that a `dist` op stands for; NotImplementedError naming one without semantics."""
    law = dist.law_of(op.results[0])
    shape = law.value.get_shape()
    base = operands[0] if operands else None
    numbers = [x for x in operands if isinstance(x, Dual)]
    if isinstance(op, dist.FamilyOp):
        return _family(op, numbers, shape)
    if not isinstance(base, Law):
        raise NotImplementedError(f"the oracle has no semantics for {op.name}")
    match op:
        case dist.IndependentOp():
            return replace(base, event_rank=law.event_rank.data)
        case dist.ExpandOp():
            return replace(
                base,
                parameters=tuple(
                    aligned(x, (*shape, *x.shape[len(base.shape) :])) for x in base.parameters
                ),
                shape=shape,
                transforms=tuple(
                    (t, tuple(aligned(x, shape) for x in arguments))
                    for t, arguments in base.transforms
                ),
                mask=None if base.mask is None else aligned(base.mask, shape),
            )
        case dist.MaskOp():
            mine = _of_elements(numbers[0], shape)
            return replace(base, mask=mine if base.mask is None else _both(base.mask, mine))
        case dist.TransformedOp():
            if base.family in FINITE or base.family == "poisson":
                raise NotImplementedError("the oracle does not transform discrete laws")
            step = (op.transform.data, tuple(aligned(x, shape) for x in numbers))
            return replace(base, transforms=(*base.transforms, step))
        case _:
            raise NotImplementedError(f"the oracle has no semantics for {op.name}")


def _of_elements(mask: Dual, shape: tuple[int, ...]) -> Dual:
    """A mask of batch elements as one of all elements of a draw."""
    events = (1,) * (len(shape) - len(mask.shape))
    return aligned(Dual(mask.value.reshape(*mask.value.shape, *events)), shape)


def _both(one: Dual, other: Dual) -> Dual:
    return Dual(np.logical_and(one.value, other.value))


def _family(op: dist.FamilyOp, parameters: list[Dual], shape: tuple[int, ...]) -> Law:
    family = op.name.removeprefix("dist.")
    names = op.FAMILY.parameters
    wide = tuple(
        aligned(x, (*shape, x.shape[-1]) if name in op.FAMILY.event_parameters else shape)
        for name, x in zip(names, parameters, strict=True)
    )
    if family == "log_normal":
        return Law("normal", wide, shape, 0, ((Transform.EXP, ()),))
    if family not in DENSITIES:
        raise NotImplementedError(f"the oracle has no semantics for {op.name}")
    return Law(family, wide, shape, 0)


def family_of(law: SSAValue) -> dist.FamilyOp:
    """The op of the family under all wrappers of a law, without evaluating anything."""
    op = law.owner
    while isinstance(op, (dist.IndependentOp, dist.ExpandOp, dist.TransformedOp, dist.MaskOp)):
        op = op.base.owner
    if not isinstance(op, dist.FamilyOp):
        raise NotImplementedError(f"the oracle draws from no law like {law.type}")
    return op


def _invert(transform: Transform, arguments: tuple[Dual, ...], y: Dual) -> tuple[Dual, Dual]:
    """T⁻¹(y) and log|T′| there."""
    match transform:
        case Transform.EXP:
            x = unary("log", y)
            return x, x
        case Transform.AFFINE:
            loc, scale = arguments
            return (y - loc) / scale, unary("log", unary("abs", scale))
        case Transform.SIGMOID:
            x = unary("log", y) - unary("log1p", -y)
            return x, -(unary("softplus", x) + unary("softplus", -x))
        case Transform.SOFTPLUS:
            x = y + unary("log", -unary("expm1", -y))
            return x, -unary("softplus", -x)


def _nothing_times(x: Dual, y: Dual) -> Dual:
    """x·y, 0 where x = 0 whatever y is."""
    z = x * y
    return Dual(times(x.value, y.value), z.tangent)


def _log(x: Dual) -> Dual:
    return unary("log", x)


def _normal(x: Dual, loc: Dual, scale: Dual) -> Dual:
    return -0.5 * unary("square", (x - loc) / scale) - _log(scale) - HALF_LOG_TAU


def _positive(x: Dual, density: Dual) -> Dual:
    return masked(density, x.value >= 0, -math.inf)


def _half_normal(x: Dual, scale: Dual) -> Dual:
    rows = -0.5 * unary("square", x / scale) - _log(scale) + 0.5 * math.log(2.0 / math.pi)
    return _positive(x, rows)


def _half_cauchy(x: Dual, scale: Dual) -> Dual:
    tail = unary("log1p", unary("square", x / scale))
    return _positive(x, math.log(2.0 / math.pi) - _log(scale) - tail)


def _gamma(x: Dual, a: Dual, b: Dual) -> Dual:
    rows = a * _log(b) + binary("xlogy", a - 1.0, x) - b * x - unary("lgamma", a)
    return _positive(x, rows)


def _beta(x: Dual, a: Dual, b: Dual) -> Dual:
    rows = binary("xlogy", a - 1.0, x) + binary("xlog1py", b - 1.0, -x) - binary("betaln", a, b)
    return masked(rows, (x.value >= 0) & (x.value <= 1), -math.inf)


def _inverse_gaussian(x: Dual, mean: Dual, concentration: Dual) -> Dual:
    spread = concentration * unary("square", x - mean) / (2.0 * unary("square", mean) * x)
    rows = 0.5 * _log(concentration) - HALF_LOG_TAU - 1.5 * _log(x) - spread
    return _positive(x, rows)


def _bernoulli(x: Dual, p: Dual) -> Dual:
    return binary("xlogy", x, p) + binary("xlog1py", 1.0 - x, -p)


def _bernoulli_logits(x: Dual, logit: Dual) -> Dual:
    one, zero = -unary("softplus", -logit), -unary("softplus", logit)
    return _nothing_times(x, one) + _nothing_times(1.0 - x, zero)


def _poisson(x: Dual, rate: Dual) -> Dual:
    return binary("xlogy", x, rate) - rate - unary("lgamma", x + 1.0)


def _categorical(x: Dual, probs: Dual) -> Dual:
    return _log(categories(probs, x.value)) - _log(total(probs, [len(probs.shape) - 1]))


def _categorical_logits(x: Dual, logits: Dual) -> Dual:
    return categories(logits, x.value) - logsumexp(logits, [len(logits.shape) - 1])


DENSITIES: dict[str, Callable[..., Dual]] = {
    "normal": _normal,
    "half_normal": _half_normal,
    "half_cauchy": _half_cauchy,
    "gamma": _gamma,
    "beta": _beta,
    "inverse_gaussian": _inverse_gaussian,
    "bernoulli": _bernoulli,
    "bernoulli_logits": _bernoulli_logits,
    "poisson": _poisson,
    "categorical": _categorical,
    "categorical_logits": _categorical_logits,
}
"""The log density of every family, element by element, before any event is summed."""

FINITE = frozenset({"bernoulli", "bernoulli_logits", "categorical", "categorical_logits"})


def probability(law: Law, outcome: Array) -> Dual:
    """P(element = outcome) of a finite law, not by way of its logarithm: 0 is no trouble."""
    parameter = law.parameters[0]
    match law.family:
        case "bernoulli":
            return _pick_binary(outcome, 1.0 - parameter, parameter)
        case "bernoulli_logits":
            one, zero = unary("logistic", parameter), unary("logistic", -parameter)
            return _pick_binary(outcome, zero, one)
        case "categorical":
            return categories(parameter, outcome) / total(parameter, [len(law.shape)])
        case "categorical_logits":
            rows = logsumexp(parameter, [len(law.shape)])
            return unary("exp", categories(parameter, outcome) - rows)
        case _:
            raise NotImplementedError(f"{law.family} is not a finite law")


def _pick_binary(outcome: Array, zero: Dual, one: Dual) -> Dual:
    def pick(arrays: list[Array]) -> Array:
        return np.where(outcome == 1, arrays[1], arrays[0])

    return linear_together([zero, one], pick)
