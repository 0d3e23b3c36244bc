"""Time series: what is hidden in them is integrated out by a scan."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from posteriors.priors import Problem, flat_positive, half_cauchy, half_normal, positive_normal
from relbo_ir import distributions as dist
from relbo_ir import factor, observe, sample

_LAGS = 5


def autoregression(y: Any) -> None:
    """AR(5) given the first five values."""
    alpha = sample("alpha", dist.Normal(0.0, 10.0))
    beta = sample("beta", dist.Normal(0.0, 10.0).expand([_LAGS]))
    sigma = half_cauchy("sigma", 2.5)
    lagged = jnp.stack([y[_LAGS - k : -k] for k in range(1, _LAGS + 1)], axis=1)
    observe("y", dist.Normal(alpha + lagged @ beta, sigma), y[_LAGS:])


def arma(y: Any) -> None:
    """ARMA(1,1): the errors are a recursion."""
    mu = sample("mu", dist.Normal(0.0, 10.0))
    phi = sample("phi", dist.Normal(0.0, 2.0))
    theta = sample("theta", dist.Normal(0.0, 2.0))
    sigma = half_cauchy("sigma", 2.5)
    first = y[0] - (mu + phi * mu)

    def advance(error: Any, pair: Any) -> Any:
        before, now = pair
        error = now - (mu + phi * before + theta * error)
        return error, error

    _, errors = jax.lax.scan(advance, first, (y[:-1], y[1:]))
    factor("first", dist.Normal(0.0, sigma).log_prob(first))
    factor("errors", dist.Normal(0.0, sigma).log_prob(errors))


def basketball(alpha: Any, u: Any, v: Any) -> None:
    """
    A hidden Markov chain of two states, summed out by the forward recursion; an ordered pair of
    rates is its first element and the gap to the second.
    """
    rows = [sample(f"theta{k + 1}", dist.Dirichlet(alpha[k])) for k in range(2)]
    rates: list[Any] = []
    for name in ("phi", "lambda"):
        low = positive_normal(f"{name}.low", 0.0, 1.0)
        gap = flat_positive(f"{name}.gap")
        factor(f"{name}.high", dist.Normal(3.0, 1.0).log_prob(low + gap))
        rates.append(jnp.stack([low, low + gap]))
    emissions = dist.Exponential(rates[0]).log_prob(u[:, None]) + dist.Exponential(
        rates[1]
    ).log_prob(v[:, None])
    moves = jnp.log(jnp.stack(rows))

    def advance(forward: Any, emission: Any) -> Any:
        return logsumexp(forward[:, None] + moves, axis=0) + emission, None

    last, _ = jax.lax.scan(advance, emissions[0], emissions[1:])
    factor("path", logsumexp(last))


def nile(y: Any) -> None:
    """A local level with Normal noise, integrated out by the Kalman filter."""
    sigma_eps = half_normal("sigma_eps", 200.0)
    sigma_eta = half_normal("sigma_eta", 100.0)

    def advance(carry: Any, observed: Any) -> Any:
        mean, variance = carry
        total = variance + sigma_eps**2
        density = dist.Normal(mean, jnp.sqrt(total)).log_prob(observed)
        gain = variance / total
        mean = mean + gain * (observed - mean)
        return (mean, (1.0 - gain) * variance + sigma_eta**2), density

    start = (jnp.full_like(sigma_eps, 1000.0), jnp.full_like(sigma_eps, 500.0**2))
    _, densities = jax.lax.scan(advance, start, y)
    factor("y", densities)


def _series(data: dict[str, Any]) -> tuple[Any, ...]:
    return (np.asarray(data["y"], float),)


SEQUENCES = {
    "arK": Problem(autoregression, _series),
    "arma11": Problem(arma, _series),
    "bball_hmm_drive_0": Problem(
        basketball, lambda d: tuple(np.asarray(d[name], float) for name in ("alpha", "u", "v"))
    ),
    "x_nile_local_level": Problem(nile, _series),
}
