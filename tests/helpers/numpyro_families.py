"""NumPyro models of every listed family, and parameters of the constraints that no other one has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints
from numpyro.infer import autoguide

from helpers.numpyro_models import Case, Program, real

Law = Callable[[Any], Any]
_FACTOR = np.array([[1.0, 0.0, 0.0], [0.3, 0.8, 0.0], [-0.2, 0.1, 1.2]])
REAL: dict[str, Law] = {
    "student": lambda m: dist.StudentT(3.0 + jnp.exp(m), m, 1.2),
    "cauchy": lambda m: dist.Cauchy(m, 2.0),
    "laplace": lambda m: dist.Laplace(m, 1.0),
    "gumbel": lambda m: dist.Gumbel(m, 1.0),
    "logistic": lambda m: dist.Logistic(m, 1.0),
    "same": lambda m: dist.MixtureSameFamily(
        dist.Categorical(jnp.array([0.3, 0.7])), dist.Normal(jnp.stack([m, m + 2.0]), 1.0)
    ),
    "mixed": lambda m: dist.MixtureGeneral(
        dist.Categorical(jnp.array([0.3, 0.7])), [dist.Normal(m, 1.0), dist.Laplace(m, 2.0)]
    ),
}
POSITIVE: dict[str, Law] = {
    "exponential": lambda m: dist.Exponential(jnp.exp(m)),
    "inverse_gamma": lambda m: dist.InverseGamma(3.0, jnp.exp(m)),
    "weibull": lambda m: dist.Weibull(jnp.exp(m), 2.0),
    "gamma": lambda m: dist.Gamma(2.0, jnp.exp(m)),
    "chi": lambda m: dist.HalfCauchy(jnp.exp(m)),
}
BOUNDED: dict[str, Law] = {
    "uniform": lambda m: dist.Uniform(-1.0, 3.0),
    "kumaraswamy": lambda m: dist.Kumaraswamy(jnp.exp(m), 2.0),
    "beta": lambda m: dist.Beta(2.0, jnp.exp(m)),
    "truncated": lambda m: dist.TruncatedNormal(m, 1.0, low=-1.0, high=2.0),
    "dirichlet": lambda m: dist.Dirichlet(jnp.exp(m) * jnp.arange(1.0, 4.0)),
}
JOINT: dict[str, Law] = {
    "normal": lambda m: dist.MultivariateNormal(m * jnp.ones(3), scale_tril=_FACTOR),
    "low_rank": lambda m: dist.LowRankMultivariateNormal(
        m * jnp.ones(3), jnp.ones((3, 1)), jnp.ones(3)
    ),
    "lkj": lambda m: dist.LKJCholesky(3, 1.0 + jnp.exp(m)),
    "walk": lambda m: dist.GaussianRandomWalk(jnp.exp(m), 4),
}
COUNTED: dict[str, Law] = {
    "binomial": lambda m: dist.Binomial(5, probs=jax.nn.sigmoid(m)),
    "binomial_logits": lambda m: dist.Binomial(5, logits=m),
    "geometric": lambda m: dist.Geometric(jax.nn.sigmoid(m)),
    "geometric_logits": lambda m: dist.Geometric(logits=m),
    "negative_binomial": lambda m: dist.NegativeBinomialProbs(3.0, jax.nn.sigmoid(m)),
    "negative_binomial_logits": lambda m: dist.NegativeBinomialLogits(3.0, m),
    "negative_binomial_2": lambda m: dist.NegativeBinomial2(jnp.exp(m), 2.0),
    "beta_binomial": lambda m: dist.BetaBinomial(jnp.exp(m), 2.0, 5),
    "gamma_poisson": lambda m: dist.GammaPoisson(2.0, jnp.exp(m)),
    "zero_inflated": lambda m: dist.ZeroInflatedPoisson(0.2, jnp.exp(m)),
    "ordered": lambda m: dist.OrderedLogistic(m, jnp.array([-1.0, 0.0, 1.0])),
}
TOTALS: dict[str, Law] = {
    "multinomial": lambda m: dist.Multinomial(6, probs=jax.nn.softmax(m * jnp.arange(3.0))),
    "multinomial_logits": lambda m: dist.Multinomial(6, logits=m * jnp.arange(3.0)),
    "dirichlet_multinomial": lambda m: dist.DirichletMultinomial(jnp.exp(m) * jnp.ones(3), 6),
}


def _latent(laws: dict[str, Law]) -> Program:
    def model() -> None:
        m = numpyro.sample("m", dist.Normal(0.0, 0.5))
        draws = [jnp.sum(numpyro.sample(name, law(m))) for name, law in laws.items()]
        numpyro.sample("y", dist.Normal(0.3 * sum(draws), 1.0), obs=0.7)

    return model


def observed() -> None:
    """Every law of counts, and of angles, which NumPyro has no good automatic guide for."""
    m = numpyro.sample("m", dist.Normal(0.0, 0.5))
    with numpyro.plate("three", 3):
        for name, law in COUNTED.items():
            numpyro.sample(name, law(m), obs=np.array([2, 1, 3]))
    for name, law in TOTALS.items():
        numpyro.sample(name, law(m), obs=np.array([2, 1, 3]))
    numpyro.sample("die", dist.DiscreteUniform(1, 6), obs=2)
    numpyro.sample("angle", dist.VonMises(m, 2.0), obs=0.3)


def observed_guide() -> None:
    """Near 0: NumPyro's densities that rest on `betaln` are good to 1e-9 where exp(m) is below 8."""
    real("m")


CONSTRAINED: dict[str, tuple[Any, Any]] = {
    "nonnegative": (0.4, constraints.nonnegative),
    "greater_than_eq": (1.4, constraints.greater_than_eq(1.0)),
    "positive_ordered": (np.array([0.2, 0.5, 0.9]), constraints.positive_ordered_vector),
    "corr_matrix": (np.array([[1.0, 0.2], [0.2, 1.0]]), constraints.corr_matrix),
    "positive_definite": (np.array([[0.9, 0.2], [0.2, 0.5]]), constraints.positive_definite),
    "softplus_cholesky": (np.array([[0.9, 0.0], [0.2, 0.5]]), constraints.softplus_lower_cholesky),
    "unit_cholesky": (np.array([[0.9, 0.0], [0.2, 0.5]]), constraints.scaled_unit_lower_cholesky),
}


def constrained() -> None:
    """A choice of the size of all parameters of its guide."""
    size = sum(np.size(value) for value, _ in CONSTRAINED.values())
    m: Any = numpyro.sample("m", dist.Normal(0.5, 1.0).expand([size]).to_event(1))
    numpyro.sample("y", dist.Normal(m.sum(), 1.0), obs=1.0)


def constrained_guide() -> None:
    """All parameters, in a row, are its location."""
    given: list[Any] = []
    for name, (start, constraint) in CONSTRAINED.items():
        value: Any = numpyro.param(name, jnp.asarray(start), constraint=constraint)
        given.append(jnp.ravel(value))
    numpyro.sample("m", dist.Normal(jnp.concatenate(given), 0.5).to_event(1))


def _case(name: str, model: Program, guide: Any = None) -> Case:
    return Case(name, model, autoguide.AutoNormal(model) if guide is None else guide)


FAMILY_CASES = [
    *(
        _case(name, _latent(laws))
        for name, laws in {
            "real_families": REAL,
            "positive_families": POSITIVE,
            "bounded_families": BOUNDED,
            "joint_families": JOINT,
        }.items()
    ),
    _case("observed_families", observed, observed_guide),
    _case("constrained_parameters", constrained, constrained_guide),
]
