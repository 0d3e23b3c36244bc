"""
Eight schools and breast cancer once more: by hand in JAX, and as NumPyro models and guides.

By hand means as an expert writes it who wants speed: one draw by location and scale, one key per
site, the guide's density straight from the noise, no work that the ELBO does not need. Parameters
are those of the examples: a scale is the softplus of its coordinate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as nd
from jax import random

from relbo_ir.dialects.rng import stable_hash

Params = Mapping[str, jax.Array]
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Rival:
    """One problem written twice."""

    by_hand: Callable[[Params, jax.Array, tuple[jax.Array, ...]], jax.Array]
    """(unconstrained parameters, key, data) → one draw's ELBO."""
    model: Callable[..., Any]
    guide: Callable[..., Any]


def _noise(key: jax.Array, site: str, shape: tuple[int, ...] = ()) -> jax.Array:
    """A site's noise; the numbers folded in are relbo-ir's, so that both have the same draws."""
    return random.normal(random.fold_in(key, stable_hash(site)), shape)


def _log_normal(noise: jax.Array, scale: jax.Array) -> jax.Array:
    """log N(loc + scale·noise; loc, scale), summed."""
    return jnp.sum(-0.5 * noise**2 - jnp.log(scale) - _HALF_LOG_2PI)


def eight_schools_by_hand(params: Params, key: jax.Array, data: tuple[jax.Array, ...]) -> jax.Array:
    """One draw's ELBO of eight schools."""
    errors, effects = data
    mu_scale = jax.nn.softplus(params["mu.scale"])
    tau_scale = jax.nn.softplus(params["tau.scale"])
    offset_scale = jax.nn.softplus(params["offset.scale"])
    mu_noise, tau_noise = _noise(key, "mu"), _noise(key, "tau")
    offset_noise = _noise(key, "offset", (8,))
    mu = params["mu.loc"] + mu_scale * mu_noise
    log_tau = params["tau.loc"] + tau_scale * tau_noise
    tau = jnp.exp(log_tau)
    offset = params["offset.loc"] + offset_scale * offset_noise
    log_q = (
        _log_normal(mu_noise, mu_scale)
        + _log_normal(tau_noise, tau_scale)
        - log_tau
        + _log_normal(offset_noise, offset_scale)
    )
    log_p = (
        -0.5 * (mu / 5.0) ** 2
        - math.log(5.0)
        - _HALF_LOG_2PI
        + math.log(2 / (5.0 * math.pi))
        - jnp.log1p((tau / 5.0) ** 2)
        + jnp.sum(-0.5 * offset**2 - _HALF_LOG_2PI)
    )
    residual = (effects - (mu + tau * offset)) / errors
    log_likelihood = jnp.sum(-0.5 * residual**2 - jnp.log(errors) - _HALF_LOG_2PI)
    return log_p + log_likelihood - log_q


def breast_cancer_by_hand(params: Params, key: jax.Array, data: tuple[jax.Array, ...]) -> jax.Array:
    """One draw's ELBO of the logistic regression."""
    features, labels = data
    intercept_scale = jax.nn.softplus(params["intercept.scale"])
    weights_scale = jax.nn.softplus(params["weights.scale"])
    intercept_noise = _noise(key, "intercept")
    weights_noise = _noise(key, "weights", (features.shape[1],))
    intercept = params["intercept.loc"] + intercept_scale * intercept_noise
    weights = params["weights.loc"] + weights_scale * weights_noise
    log_q = _log_normal(intercept_noise, intercept_scale) + _log_normal(
        weights_noise, weights_scale
    )
    log_p = -0.5 * intercept**2 - _HALF_LOG_2PI + jnp.sum(-0.5 * weights**2 - _HALF_LOG_2PI)
    logits = features @ weights + intercept
    log_likelihood = jnp.sum(labels * logits - jax.nn.softplus(logits))
    return log_p + log_likelihood - log_q


def eight_schools_model(errors: jax.Array, effects: jax.Array) -> None:
    """Eight schools in NumPyro."""
    mu = numpyro.sample("mu", nd.Normal(0.0, 5.0))
    tau = numpyro.sample("tau", nd.HalfCauchy(5.0))
    with numpyro.plate("schools", 8):
        offset = numpyro.sample("offset", nd.Normal(0.0, 1.0))
        numpyro.sample("effect", nd.Normal(mu + tau * offset, errors), obs=effects)


def eight_schools_guide(errors: jax.Array, effects: jax.Array) -> None:
    """Its mean-field guide in NumPyro."""
    positive = nd.constraints.softplus_positive
    mu_loc = numpyro.param("mu.loc", 0.0)
    mu_scale = numpyro.param("mu.scale", 1.0, constraint=positive)
    tau_loc = numpyro.param("tau.loc", 0.0)
    tau_scale = numpyro.param("tau.scale", 0.5, constraint=positive)
    offset_loc = numpyro.param("offset.loc", jnp.zeros(8))
    offset_scale = numpyro.param("offset.scale", jnp.ones(8), constraint=positive)
    numpyro.sample("mu", nd.Normal(mu_loc, mu_scale))
    numpyro.sample("tau", nd.LogNormal(tau_loc, tau_scale))
    with numpyro.plate("schools", 8):
        numpyro.sample("offset", nd.Normal(offset_loc, offset_scale))


def breast_cancer_model(features: jax.Array, labels: jax.Array) -> None:
    """The logistic regression in NumPyro."""
    intercept = numpyro.sample("intercept", nd.Normal(0.0, 1.0))
    prior = nd.Normal(0.0, 1.0).expand([features.shape[1]]).to_event(1)
    weights = numpyro.sample("weights", prior)
    with numpyro.plate("tumours", features.shape[0]):
        logits = features @ weights + intercept
        numpyro.sample("benign", nd.Bernoulli(logits=logits), obs=labels)


def breast_cancer_guide(features: jax.Array, labels: jax.Array) -> None:
    """Its mean-field guide in NumPyro."""
    positive = nd.constraints.softplus_positive
    count = features.shape[1]
    intercept_loc = numpyro.param("intercept.loc", 0.0)
    intercept_scale = numpyro.param("intercept.scale", 0.1, constraint=positive)
    weights_loc = numpyro.param("weights.loc", jnp.zeros(count))
    weights_scale = numpyro.param("weights.scale", jnp.full(count, 0.1), constraint=positive)
    numpyro.sample("intercept", nd.Normal(intercept_loc, intercept_scale))
    numpyro.sample("weights", nd.Normal(weights_loc, weights_scale).to_event(1))


RIVALS = {
    "eight_schools": Rival(eight_schools_by_hand, eight_schools_model, eight_schools_guide),
    "breast_cancer": Rival(breast_cancer_by_hand, breast_cancer_model, breast_cancer_guide),
}
