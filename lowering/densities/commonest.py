"""Log densities of the commonest families, as formulas on tensor values; nats, one per batch element."""

from __future__ import annotations

import math
from collections.abc import Callable

from xdsl.dialects.builtin import f64

from relbo_ir.dialects import dist, lax
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
    return powers - log_beta(w, a, b)


def log_beta(w: Writer, a: Expression, b: Expression) -> Expression:
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
    """
    −softplus(∓logits), and −∞ for an x that is neither 0 nor 1: where x·logits − softplus(logits)
    is a difference of numbers that are nearly equal, this is not one, and XLA's code is faster.
    """
    zero = w.select(w.call("eq", x, 0.0), math.inf, logits)
    return -w.apply("softplus", w.select(w.call("eq", x, 1.0), zero, -logits))


@density_of(dist.PoissonOp)
def poisson(w: Writer, x: Expression, rate: Expression) -> Expression:
    """x log rate − rate − log x!."""
    return w.call("xlogy", x, rate) - rate - w.apply("lgamma", x + 1)


@density_of(dist.InverseGaussianOp)
def _inverse_gaussian(w: Writer, x: Expression, m: Expression, c: Expression) -> Expression:
    deviation = (x - m) / m
    quadratic = c * (deviation * deviation) / x
    return 0.5 * (w.apply("log", c) - 3 * w.apply("log", x) - quadratic) - _HALF_LOG_TWO_PI


def categorical(w: Writer, x: Expression, weights: Expression, logits: bool) -> Expression:
    """
    log softmax(weights)[x], or log of the normalised probabilities; categories on the last axis.
    """
    if logits:
        return pick(w, x, weights) - w.logsumexp(weights)
    norm = w.apply("log", w.sum(weights, [len(weights.shape) - 1]))
    return pick(w, x, w.apply("log", weights)) - norm


def pick(w: Writer, x: Expression, values: Expression) -> Expression:
    """
    values[..., x], and −∞ for an x that is no index: a maximum over one element and −∞'s.
    """
    batch = dist.broadcast_shapes(x.shape, values.shape[:-1])
    shape = (*batch, values.shape[-1])
    column = w.broadcast(w.expand(x, -1), shape)
    chosen = w.apply("eq", w.iota(x, shape, len(batch)), column)
    picked = w.select(chosen, -math.inf, w.broadcast(values, shape))
    return w.expression(w.insert(lax.ReduceMaxOp(picked.value, [len(batch)])))


@density_of(dist.CategoricalOp)
def _categorical(w: Writer, x: Expression, probs: Expression) -> Expression:
    return categorical(w, x, probs, logits=False)


@density_of(dist.CategoricalLogitsOp)
def _categorical_logits(w: Writer, x: Expression, logits: Expression) -> Expression:
    return categorical(w, x, logits, logits=True)
