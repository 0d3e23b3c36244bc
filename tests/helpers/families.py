"""Every family beyond the commonest: how to make it, random parameters, random points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd

POINTS = 16
TRIALS = 12
Array = Any
Rng = np.random.Generator


@dataclass(frozen=True)
class Family:
    """`make(*parameters(rng))` is a law of batch (POINTS,), `points(rng)` are values inside."""

    make: Callable[..., Any]
    parameters: Callable[[Rng], tuple[Array, ...]]
    points: Callable[[Rng], Array]
    outside: tuple[Any, ...] = ()
    """Values that have density 0 whatever the parameters."""
    exact_in_numpyro: bool = True
    """Whether NumPyro's own density is good to 1e-9 (its `betaln` is not)."""


def real(*shape: int) -> Callable[[Rng], Array]:
    return lambda rng: 2.0 * rng.normal(size=shape or POINTS)


def positive(*shape: int) -> Callable[[Rng], Array]:
    return lambda rng: rng.gamma(2.0, 1.5, shape or POINTS) + 0.05


def unit(rng: Rng) -> Array:
    return rng.uniform(0.02, 0.98, POINTS)


def simplex(size: int) -> Callable[[Rng], Array]:
    return lambda rng: rng.dirichlet(np.ones(size), POINTS)


def ordered(rng: Rng) -> Array:
    return np.sort(2.0 * rng.normal(size=(POINTS, 3)))


def below(size: int) -> Callable[[Rng], Array]:
    return lambda rng: rng.integers(0, size, POINTS)


def counts(rng: Rng) -> Array:
    return rng.multinomial(TRIALS, [0.1, 0.2, 0.3, 0.4], POINTS)


def triangular(size: int) -> Callable[[Rng], Array]:
    def draw(rng: Rng) -> Array:
        lower = np.tril(rng.normal(size=(POINTS, size, size)))
        diagonal = np.arange(size)
        lower[:, diagonal, diagonal] = np.exp(0.5 * lower[:, diagonal, diagonal])
        return lower

    return draw


def correlation(rng: Rng) -> Array:
    seed = jax.random.key(int(rng.integers(1000)))
    return np.asarray(nd.LKJCholesky(3, jnp.ones(POINTS)).sample(seed))


def drawn(*draws: Callable[[Rng], Array]) -> Callable[[Rng], tuple[Array, ...]]:
    return lambda rng: tuple(draw(rng) for draw in draws)


def negative(rng: Rng) -> Array:
    return -positive()(rng)


def far(rng: Rng) -> Array:
    return rng.uniform(0.1, 9.0, POINTS)


LOCATION_SCALE = drawn(real(), positive())
_WEIGHTS = np.array([0.25, 0.25, 0.25, 0.25])
CONTINUOUS = {
    "Cauchy": Family(nd.Cauchy, LOCATION_SCALE, real()),
    "Laplace": Family(nd.Laplace, LOCATION_SCALE, real()),
    "Logistic": Family(nd.Logistic, LOCATION_SCALE, real()),
    "Gumbel": Family(nd.Gumbel, LOCATION_SCALE, real()),
    "StudentT": Family(nd.StudentT, drawn(positive(), real(), positive()), real()),
    "Uniform": Family(nd.Uniform, drawn(negative, lambda r: 9 + far(r)), far, (-1e4, 1e4)),
    "Exponential": Family(nd.Exponential, drawn(positive()), positive(), (-1e-3, -7.0)),
    "Weibull": Family(nd.Weibull, drawn(positive(), positive()), positive(), (-1e-3,)),
    "Kumaraswamy": Family(nd.Kumaraswamy, drawn(positive(), positive()), unit, (-0.1, 1.1)),
    "InverseGamma": Family(nd.InverseGamma, drawn(positive(), positive()), positive(), (-1.0, 0.0)),
    "TruncatedNormal": Family(
        lambda loc, scale, low, high: nd.TruncatedNormal(loc, scale, low=low, high=high),
        drawn(real(), positive(), negative, lambda r: 9 + far(r)),
        far,
        (-1e4, 1e4),
    ),
    "left TruncatedNormal": Family(
        lambda loc, scale, low: nd.TruncatedNormal(loc, scale, low=low),
        drawn(real(), positive(), negative),
        far,
        (-1e4,),
    ),
    "right TruncatedNormal": Family(
        lambda loc, scale, high: nd.TruncatedNormal(loc, scale, high=high),
        drawn(real(), positive(), lambda r: 9 + far(r)),
        far,
        (1e4,),
    ),
    "VonMises": Family(
        nd.VonMises, drawn(real(), positive()), lambda r: r.uniform(-3, 3, POINTS), (-3.2, 3.2)
    ),
}
COUNTS = {
    "GeometricProbs": Family(nd.GeometricProbs, drawn(unit), below(9), (-1, 0.5)),
    "GeometricLogits": Family(nd.GeometricLogits, drawn(real()), below(9), (-1, 0.5)),
    "BinomialProbs": Family(
        lambda p: nd.BinomialProbs(p, TRIALS), drawn(unit), below(TRIALS + 1), (-1, TRIALS + 1, 0.5)
    ),
    "BinomialLogits": Family(
        lambda p: nd.BinomialLogits(p, np.full(POINTS, TRIALS)),
        drawn(real()),
        below(TRIALS + 1),
        (-1, TRIALS + 1, 0.5),
    ),
    "BetaBinomial": Family(
        lambda a, b: nd.BetaBinomial(a, b, TRIALS),
        drawn(positive(), positive()),
        below(TRIALS + 1),
        (-1, TRIALS + 1),
        exact_in_numpyro=False,
    ),
    "NegativeBinomialProbs": Family(
        nd.NegativeBinomialProbs, drawn(positive(), unit), below(9), (-1,), exact_in_numpyro=False
    ),
    "NegativeBinomialLogits": Family(
        nd.NegativeBinomialLogits, drawn(positive(), real()), below(9), (-1, 0.5)
    ),
    "NegativeBinomial2": Family(
        nd.NegativeBinomial2, drawn(positive(), positive()), below(9), (-1,), exact_in_numpyro=False
    ),
    "GammaPoisson": Family(
        nd.GammaPoisson, drawn(positive(), positive()), below(9), (-1,), exact_in_numpyro=False
    ),
    "ZeroInflatedPoisson": Family(
        nd.ZeroInflatedPoisson, drawn(unit, positive()), below(4), (-1, 0.5)
    ),
    "OrderedLogistic": Family(nd.OrderedLogistic, drawn(real(), ordered), below(4), (-1, 4)),
}
MULTIVARIATE = {
    "Dirichlet": Family(nd.Dirichlet, drawn(positive(POINTS, 4)), simplex(4), (np.ones(4),)),
    "MultivariateNormal": Family(
        lambda loc, lower: nd.MultivariateNormal(loc, scale_tril=lower),
        drawn(real(POINTS, 3), triangular(3)),
        real(POINTS, 3),
    ),
    "MultivariateNormal by covariance": Family(
        lambda loc, lower: nd.MultivariateNormal(loc, lower @ jnp.swapaxes(lower, -1, -2)),
        drawn(real(POINTS, 3), triangular(3)),
        real(POINTS, 3),
    ),
    "LowRankMultivariateNormal": Family(
        nd.LowRankMultivariateNormal,
        drawn(real(POINTS, 3), real(POINTS, 3, 2), positive(POINTS, 3)),
        real(POINTS, 3),
    ),
    "MultinomialProbs": Family(
        lambda logits: nd.MultinomialProbs(jax.nn.softmax(logits), TRIALS),
        drawn(real(POINTS, 4)),
        counts,
        (TRIALS * _WEIGHTS + 1, TRIALS * np.array([0.5, 0.5, 0.5, -0.5])),
    ),
    "MultinomialLogits": Family(
        lambda logits: nd.MultinomialLogits(logits, TRIALS),
        drawn(real(POINTS, 4)),
        counts,
        (TRIALS * _WEIGHTS + 1,),
    ),
    "DirichletMultinomial": Family(
        lambda a: nd.DirichletMultinomial(a, TRIALS),
        drawn(positive(POINTS, 4)),
        counts,
        (TRIALS * _WEIGHTS + 1,),
    ),
    "GaussianRandomWalk": Family(
        lambda scale: nd.GaussianRandomWalk(scale, 5), drawn(positive()), real(POINTS, 5)
    ),
    "LKJCholesky": Family(
        lambda c: nd.LKJCholesky(3, c), drawn(positive()), correlation, (2 * np.eye(3), -np.eye(3))
    ),
}
MIXTURES = {
    "MixtureSameFamily": Family(
        lambda w, m, s: nd.MixtureSameFamily(nd.CategoricalLogits(w), nd.Normal(m, s)),
        drawn(real(POINTS, 3), real(POINTS, 3), positive(POINTS, 3)),
        real(),
    ),
    "mixture of vectors": Family(
        lambda w, m, lower: nd.MixtureSameFamily(
            nd.CategoricalProbs(w), nd.MultivariateNormal(m, scale_tril=lower[:, None])
        ),
        drawn(simplex(3), real(POINTS, 3, 2), triangular(2)),
        real(POINTS, 2),
    ),
    "MixtureGeneral": Family(
        lambda w, m, s: nd.MixtureGeneral(
            nd.CategoricalProbs(w), [nd.Normal(m, s), nd.StudentT(s, m, 1.0), nd.Cauchy(0.0, 1.0)]
        ),
        drawn(simplex(3), real(), positive()),
        real(),
    ),
    "mixture of counts": Family(
        lambda w, p: nd.MixtureGeneral(
            nd.CategoricalLogits(w), [nd.Poisson(p), nd.GeometricLogits(p)]
        ),
        drawn(real(POINTS, 2), positive()),
        below(9),
        (-1, 0.5),
    ),
}
FAMILIES = {**CONTINUOUS, **COUNTS, **MULTIVARIATE, **MIXTURES}
