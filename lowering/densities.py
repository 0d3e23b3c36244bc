"""Log densities of the families, as formulas on tensor values; nats, elementwise over the batch."""

from __future__ import annotations

import math
from collections.abc import Callable

from xdsl.dialects.builtin import f64

from relbo_ir.dialects import dist, lax
from relbo_ir.dialects.dist import Support
from relbo_ir.dialects.tensors import element_of
from relbo_ir.passes.expressions import Expression, Writer

Density = Callable[..., Expression]
DENSITIES: dict[type[dist.FamilyOp], Density] = {}

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_HALF_LOG_TWO_OVER_PI = 0.5 * math.log(2 / math.pi)
_LOG_TWO_OVER_PI = math.log(2 / math.pi)


def density_of(family: type[dist.FamilyOp]) -> Callable[[Density], Density]:
    """Registers the density of a family: (writer, value, parameters...) → log density."""

    def register(function: Density) -> Density:
        DENSITIES[family] = function
        return function

    return register


@density_of(dist.NormalOp)
def _normal(w: Writer, x: Expression, loc: Expression, scale: Expression) -> Expression:
    z = (x - loc) / scale
    return -0.5 * (z * z) - w.apply("log", scale) - _HALF_LOG_TWO_PI


@density_of(dist.HalfNormalOp)
def _half_normal(w: Writer, x: Expression, scale: Expression) -> Expression:
    z = x / scale
    return -0.5 * (z * z) - w.apply("log", scale) + _HALF_LOG_TWO_OVER_PI


@density_of(dist.LogNormalOp)
def _log_normal(w: Writer, x: Expression, loc: Expression, scale: Expression) -> Expression:
    log_x = w.apply("log", x)
    z = (log_x - loc) / scale
    return -0.5 * (z * z) - w.apply("log", scale) - log_x - _HALF_LOG_TWO_PI


@density_of(dist.HalfCauchyOp)
def _half_cauchy(w: Writer, x: Expression, scale: Expression) -> Expression:
    z = x / scale
    return _LOG_TWO_OVER_PI - w.apply("log", scale) - w.apply("log1p", z * z)


@density_of(dist.GammaOp)
def _gamma(w: Writer, x: Expression, a: Expression, rate: Expression) -> Expression:
    powers = a * w.apply("log", rate) + w.call("xlogy", a - 1, x)
    return powers - rate * x - w.apply("lgamma", a)


@density_of(dist.BetaOp)
def _beta(w: Writer, x: Expression, a: Expression, b: Expression) -> Expression:
    powers = w.call("xlogy", a - 1, x) + w.call("xlog1py", b - 1, -x)
    return powers - _log_beta(w, a, b)


def _log_beta(w: Writer, a: Expression, b: Expression) -> Expression:
    """
    log B(a, b): in double precision by log-Gamma functions; in single precision these cancel, and
    JAX's expansion, which is good to 1e-6, is better.
    """
    if element_of(a.value.type) == f64:
        return w.apply("lgamma", a) + w.apply("lgamma", b) - w.apply("lgamma", a + b)
    return w.call("betaln", a, b)


@density_of(dist.BernoulliOp)
def _bernoulli(w: Writer, x: Expression, probs: Expression) -> Expression:
    return w.call("xlogy", x, probs) + w.call("xlog1py", 1 - x, -probs)


@density_of(dist.BernoulliLogitsOp)
def _bernoulli_logits(w: Writer, x: Expression, logits: Expression) -> Expression:
    return x * logits - w.apply("softplus", logits)


@density_of(dist.PoissonOp)
def _poisson(w: Writer, x: Expression, rate: Expression) -> Expression:
    return w.call("xlogy", x, rate) - rate - w.apply("lgamma", x + 1)


@density_of(dist.InverseGaussianOp)
def _inverse_gaussian(w: Writer, x: Expression, m: Expression, c: Expression) -> Expression:
    deviation = (x - m) / m
    quadratic = c * (deviation * deviation) / x
    return 0.5 * (w.apply("log", c) - 3 * w.apply("log", x) - quadratic) - _HALF_LOG_TWO_PI


def categorical(w: Writer, x: Expression, weights: Expression, logits: bool) -> Expression:
    """
    log softmax(weights)[x], or log of the normalised probabilities; categories on the last axis.
    The chosen weight is a maximum over one finite element, so no category at all gives −∞.
    """
    axis = len(weights.shape) - 1
    if logits:
        norm = w.expression(w.insert(lax.LogSumExpOp(weights.value, [axis])))
    else:
        norm = w.apply("log", w.sum(weights, [axis]))
    shape, count = x.shape, weights.shape[-1]
    wide = w.broadcast(weights, (*shape, count))
    index_type = wide.value.type
    iota = w.expression(
        w.insert(
            lax.IotaOp.create(
                result_types=[index_type], properties={"dimension": lax.integer(len(shape))}
            )
        )
    )
    column = w.insert(lax.BroadcastInDimOp(x.value, index_type, range(len(shape))))
    chosen = w.apply("eq", iota, w.expression(column))
    values = wide if logits else w.apply("log", wide)
    outside = w.constant(values.value.type, -math.inf)
    picked = w.insert(lax.SelectNOp(chosen.value, [outside.value, values.value]))
    return w.expression(w.insert(lax.ReduceMaxOp(picked, [len(shape)]))) - norm


def guarded(w: Writer, support: Support, x: Expression, density: Expression) -> Expression:
    """The density where x lies in the support, −∞ elsewhere."""
    match support:
        case Support.REAL | Support.CATEGORY:
            return density
        case Support.POSITIVE | Support.NONNEGATIVE:
            inside = w.call("ge", x, 0.0)
        case Support.UNIT_INTERVAL:
            inside = w.apply("logical_and", w.call("ge", x, 0.0), w.call("le", x, 1.0))
        case Support.BOOLEAN:
            inside = w.apply("logical_or", w.call("eq", x, 0.0), w.call("eq", x, 1.0))
        case Support.COUNT:
            whole = w.call("eq", w.apply("floor", x), x)
            inside = w.apply("logical_and", w.call("ge", x, 0.0), whole)
    wide = w.broadcast(inside, density.shape)
    outside = w.constant(density.value.type, -math.inf)
    select = lax.SelectNOp(wide.value, [outside.value, density.value])
    return w.expression(w.insert(select))
