"""A Gaussian process, an ordinary differential equation, rates, and a sum over a hidden count."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from posteriors.priors import Problem, half_normal, positive_normal
from relbo_ir import distributions as dist
from relbo_ir import factor, observe, sample

_STEPS_A_YEAR = 40


def gaussian_process(x: Any, y: Any) -> None:
    """The latent function is integrated out; `sigma` is the noise's variance."""
    rho = sample("rho", dist.Gamma(25.0, 4.0))
    alpha = half_normal("alpha", 2.0)
    sigma = half_normal("sigma", 1.0)
    distance = x[:, None] - x[None, :]
    kernel = alpha**2 * jnp.exp(-(distance**2) / (2 * rho**2))
    covariance = kernel + sigma * jnp.eye(x.shape[0])
    observe("y", dist.MultivariateNormal(jnp.zeros(x.shape[0]), covariance), y)


def lotka_volterra(y_init: Any, y: Any) -> None:
    """Hares and lynxes, by the fourth-order Runge-Kutta rule with 40 steps a year."""
    loc, scale = jnp.array([1.0, 0.05, 1.0, 0.05]), jnp.array([0.5, 0.05, 0.5, 0.05])
    theta = positive_normal("theta", loc, scale, 4)
    start = sample("z_init", dist.LogNormal(math.log(10.0), 1.0).expand([2]))
    sigma = sample("sigma", dist.LogNormal(-1.0, 1.0).expand([2]))
    a, b, c, d = theta[0], theta[1], theta[2], theta[3]

    def slope(state: Any) -> Any:
        hare, lynx = state[0], state[1]
        return jnp.stack([(a - b * lynx) * hare, (d * hare - c) * lynx])

    h = 1.0 / _STEPS_A_YEAR

    def runge_kutta(state: Any, _: Any) -> Any:
        k1 = slope(state)
        k2 = slope(state + h / 2 * k1)
        k3 = slope(state + h / 2 * k2)
        k4 = slope(state + h * k3)
        return state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

    def year(state: Any, _: Any) -> Any:
        state, _ = jax.lax.scan(runge_kutta, state, None, length=_STEPS_A_YEAR)
        return state, state

    _, states = jax.lax.scan(year, start, None, length=y.shape[0])
    observe("y_init", dist.LogNormal(jnp.log(start), sigma), y_init)
    observe("y", dist.LogNormal(jnp.log(states), sigma), y)


def common_rate(trials: Any, successes: Any) -> None:
    """One rate behind two counts."""
    theta = sample("theta", dist.Beta(1.0, 1.0))
    observe("k", dist.Binomial(trials, theta), successes)


def survey(counts: Any, sizes: Any, prior: Any) -> None:
    """A rate; the number of surveys is summed out over `sizes`, each of log weight `prior`."""
    theta = sample("theta", dist.Uniform(0.0, 1.0))
    densities = dist.Binomial(sizes[:, None], theta).log_prob(counts[None, :])
    factor("k", logsumexp(densities.sum(1)) + prior)


def _survey(data: dict[str, Any]) -> tuple[Any, ...]:
    # Floats, as JAX takes the log gamma of an int32 in single precision.
    counts = np.asarray(data["k"], float)
    # Fewer surveys than answers are impossible.
    sizes = np.arange(counts.max(), data["nmax"] + 1)
    return counts, sizes, np.asarray(-math.log(data["nmax"]))


def _rates(data: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(np.asarray([data[f"{name}1"], data[f"{name}2"]], np.int32) for name in ("n", "k"))


NONLINEAR = {
    "gp_regr": Problem(
        gaussian_process, lambda d: tuple(np.asarray(d[name], float) for name in ("x", "y"))
    ),
    "lotka_volterra": Problem(
        lotka_volterra, lambda d: tuple(np.asarray(d[name], float) for name in ("y_init", "y"))
    ),
    "x_rate_common": Problem(common_rate, _rates),
    "x_survey_n": Problem(survey, _survey),
}
