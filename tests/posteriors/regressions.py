"""Regressions of counts and of binary outcomes."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from posteriors.priors import Problem, flat
from relbo_ir import distributions as dist
from relbo_ir import observe, sample


def breast_cancer(x: Any, y: Any) -> None:
    """A logistic regression with an intercept."""
    alpha = sample("alpha", dist.Normal(0.0, 2.5))
    beta = sample("beta", dist.Normal(0.0, 1.0).expand([10]))
    observe("y", dist.Bernoulli(logits=alpha + x @ beta), y)


def nes(income: Any, vote: Any) -> None:
    """A logistic regression with flat priors."""
    alpha, beta = flat("alpha"), flat("beta")
    observe("vote", dist.Bernoulli(logits=alpha + beta * income), vote)


def glm_poisson(year: Any, counts: Any) -> None:
    """A cubic trend of a log rate."""
    alpha = sample("alpha", dist.Uniform(-20.0, 20.0))
    beta1 = sample("beta1", dist.Uniform(-10.0, 10.0))
    beta2 = sample("beta2", dist.Uniform(-10.0, 10.0))
    beta3 = sample("beta3", dist.Uniform(-10.0, 10.0))
    log_rate = alpha + beta1 * year + beta2 * year**2 + beta3 * year**3
    observe("C", dist.Poisson(jnp.exp(log_rate)), counts)


def glmm_poisson(year: Any, counts: Any) -> None:
    """A cubic trend of a log rate, and an effect for each year."""
    alpha = sample("alpha", dist.Uniform(-20.0, 20.0))
    beta1 = sample("beta1", dist.Uniform(-10.0, 10.0))
    beta2 = sample("beta2", dist.Uniform(-10.0, 20.0))
    beta3 = sample("beta3", dist.Uniform(-10.0, 10.0))
    sigma = sample("sigma", dist.Uniform(0.0, 5.0))
    effects = sample("eps", dist.Normal(0.0, sigma).expand([40]))
    log_rate = alpha + beta1 * year + beta2 * year**2 + beta3 * year**3 + effects
    observe("C", dist.Poisson(jnp.exp(log_rate)), counts)


def randhie(features: Any, visits: Any) -> None:
    """Overdispersed counts: the variance is m + alpha·m², the concentration 1/alpha."""
    beta = sample("beta", dist.Normal(0.0, 2.5).expand([4]))
    alpha = sample("alpha", dist.Exponential(1.0))
    mean = jnp.exp(features @ beta)
    observe("mdvis", dist.NegativeBinomial2(mean, 1.0 / alpha), visits)


def _integers(data: dict[str, Any], name: str) -> np.ndarray[Any, Any]:
    return np.asarray(data[name], np.int32)


def _counts(data: dict[str, Any]) -> tuple[Any, ...]:
    return np.asarray(data["year"], float), _integers(data, "C")


def _randhie(data: dict[str, Any]) -> tuple[Any, ...]:
    columns = [np.asarray(data[name], float) for name in ("lncoins", "physlm", "hlthp")]
    return np.stack([np.ones_like(columns[0]), *columns], axis=1), _integers(data, "mdvis")


REGRESSIONS = {
    "x_breast_cancer_logit": Problem(
        breast_cancer, lambda d: (np.asarray(d["x"], float), _integers(d, "y"))
    ),
    "x_glm_poisson": Problem(glm_poisson, _counts),
    "x_glmm_poisson": Problem(glmm_poisson, _counts),
    "x_nes_logit": Problem(nes, lambda d: (np.asarray(d["income"], float), _integers(d, "vote"))),
    "x_randhie_negbin": Problem(randhie, _randhie),
}
