"""Log densities of the families of vectors and matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpyro.distributions as nd

from relbo_ir.dialects import dist
from relbo_ir.lowering.densities.commonest import density_of, log_beta
from relbo_ir.passes.expressions import Expression, Writer

_HALF_LOG_TWO_PI = 0.9189385332046727


def _total(w: Writer, x: Expression) -> Expression:
    return w.sum(x, [len(x.shape) - 1])


@density_of(dist.DirichletOp)
def _dirichlet(w: Writer, x: Expression, a: Expression) -> Expression:
    norm = _total(w, w.apply("lgamma", a)) - w.apply("lgamma", _total(w, a))
    return _total(w, w.call("xlogy", a - 1, x)) - norm


@density_of(dist.GaussianRandomWalkOp)
def _gaussian_random_walk(w: Writer, x: Expression, scale: Expression) -> Expression:
    none, size = [0] * (len(x.shape) - 1), x.shape[-1]
    before = w.pad(w.part(x, 0, size - 1), [*none, 1], [*none, 0])
    z = (x - before) / w.expand(scale, -1)
    return -0.5 * _total(w, z * z) - size * (w.apply("log", scale) + _HALF_LOG_TWO_PI)


def _log_ways(w: Writer, n: Expression, x: Expression) -> Expression:
    """log n! − Σ log xₖ!."""
    return w.apply("lgamma", n + 1) - _total(w, w.apply("lgamma", x + 1))


@density_of(dist.MultinomialOp)
def _multinomial(w: Writer, x: Expression, probs: Expression, n: Expression) -> Expression:
    powers = _total(w, w.call("xlogy", x, probs)) - n * w.apply("log", _total(w, probs))
    return _log_ways(w, n, x) + powers


@density_of(dist.MultinomialLogitsOp)
def _multinomial_logits(w: Writer, x: Expression, logits: Expression, n: Expression) -> Expression:
    return _log_ways(w, n, x) + _total(w, x * logits) - n * w.logsumexp(logits)


def _log_repeated(w: Writer, a: Expression, x: Expression) -> Expression:
    """log Γ(x + a)/(Γ(a) x!) = −log(x + a) − log B(a, x + 1)."""
    return -w.apply("log", x + a) - log_beta(w, a, x + 1)


@density_of(dist.DirichletMultinomialOp)
def _dirichlet_multinomial(w: Writer, x: Expression, a: Expression, n: Expression) -> Expression:
    return _total(w, _log_repeated(w, a, x)) - _log_repeated(w, _total(w, a), n)


TRACED: dict[type[dist.FamilyOp], Callable[..., Any]] = {
    dist.MultivariateNormalOp: lambda op: (
        lambda x, loc, scale_tril: nd.MultivariateNormal(
            loc, scale_tril=scale_tril, validate_args=False
        ).log_prob(x)
    ),
    dist.LowRankMultivariateNormalOp: lambda op: (
        lambda x, loc, factor, diagonal: nd.LowRankMultivariateNormal(
            loc, factor, diagonal, validate_args=False
        ).log_prob(x)
    ),
    dist.LKJCholeskyOp: lambda op: (
        lambda x, concentration: nd.LKJCholesky(
            op.size.value.data, concentration, validate_args=False
        ).log_prob(x)
    ),
}
"""Families whose density is NumPyro's, traced: the op gives the function of value and parameters."""
