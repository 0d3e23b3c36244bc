"""Continuous and finite choices in two crossed minibatches, in every treatment."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
import numpyro.distributions as nd
import pytest
from scipy import special, stats

import relbo_ir as rb
from scenarios.draws import batches, product
from scenarios.programs import PRUNED, SCORED, WITHOUT_ZERO_SCORES, Array, Scenario, mean

A, B, C, D = 2.5, 1.8, 0.35, 0.6
"""The guide's parameters; the prior has Beta(2, 2), a coin of 0.4, and a coin of b."""


def program(x: tuple[int, int], y: tuple[int, int]) -> Scenario:
    """b in the plate x, c in the plate y, and d, whose prior reads b, in both."""

    def run(b_law: Any, c_law: Any, d_law: Any) -> None:
        outer = rb.plate("x", x[0], subsample=x[1], dim=-1)
        inner = rb.plate("y", y[0], subsample=y[1], dim=-2)
        with outer:
            b = rb.sample("b", b_law)
        with inner:
            rb.sample("c", c_law)
        with outer, inner:
            rb.sample("d", nd.Bernoulli(b) if d_law is None else d_law)

    def guide() -> None:
        a, b = (rb.param(n, v, rb.constraints.positive) for n, v in (("a", A), ("b0", B)))
        c, d = rb.param("pc", C), rb.param("pd", D)
        run(nd.Beta(a, b), nd.Bernoulli(c), nd.Bernoulli(d))

    return Scenario(lambda: run(nd.Beta(2.0, 2.0), nd.Bernoulli(0.4), None), guide)


def exact(x: int, y: int) -> tuple[float, dict[str, float]]:
    """The loss of the whole plates, and its slopes in the unconstrained coordinates."""
    total = special.digamma(A + B)
    logs = np.array([special.digamma(A) - total, special.digamma(B) - total])  # E log b, log(1 − b)
    common = special.polygamma(1, A + B)
    slopes = np.array(
        [[special.polygamma(1, A) - common, -common], [-common, special.polygamma(1, B) - common]]
    )
    kl_b = special.betaln(2.0, 2.0) - special.betaln(A, B) + np.array([A - 2.0, B - 2.0]) @ logs
    kl_c = C * math.log(C / 0.4) + (1 - C) * math.log((1 - C) / 0.6)
    coin = np.array([D, 1.0 - D])
    kl_d = coin @ (np.log(coin) - logs)
    in_beta = x * slopes @ np.array([A - 2.0, B - 2.0]) - x * y * slopes @ coin
    gradient = {
        "a": A * in_beta[0],
        "b0": B * in_beta[1],
        "pc": y * (math.log(C / 0.4) - math.log((1 - C) / 0.6)),
        "pd": x * y * (math.log(D / (1 - D)) - logs[0] + logs[1]),
    }
    loss = x * kl_b + y * kl_c + x * y * kl_d
    return float(loss), {name: float(s) for name, s in gradient.items()}


def _on_the_unit_interval() -> tuple[dict[str, Array], Array]:
    """Nodes and weights of the guide's Beta: the trapezoidal rule in the logit."""
    t = np.linspace(-24.0, 24.0, 481)
    b = special.expit(t)
    return {"b": b[:, np.newaxis]}, (t[1] - t[0]) * b * (1 - b) * stats.beta.pdf(b, A, B)


@pytest.mark.parametrize(
    "steps", [SCORED, PRUNED, WITHOUT_ZERO_SCORES], ids=["score", "pruned", "without zero scores"]
)
def test_ps_18_the_mean_over_minibatches_and_draws(steps: Any) -> None:
    """One of three rows and one of two columns: the exact mean is that of the whole plates."""
    coin = np.array([0, 1], np.int32)
    draws, weights = product(
        batches("x", 3, 1),
        batches("y", 2, 1),
        _on_the_unit_interval(),
        ({"c": coin.reshape(2, 1, 1)}, np.array([1 - C, C])),
        ({"d": coin.reshape(2, 1, 1)}, np.array([1 - D, D])),
    )
    np.testing.assert_allclose(np.sum(weights), 1.0, rtol=1e-10)
    value, gradient = program((3, 1), (2, 1)).estimator(steps)(draws)
    loss, slopes = exact(3, 2)
    np.testing.assert_allclose(-mean(weights, value), loss, rtol=1e-9)
    for name, slope in slopes.items():
        np.testing.assert_allclose(-mean(weights, gradient[name]), slope, rtol=1e-9)


def test_ps_18_particles_of_crossed_minibatches() -> None:
    """
    Fifty particles, seed 0, five of ten and six of eleven: loss and slopes of 100 runs within 5
    standard errors; of 5 comparisons one fails by chance in 300,000 runs.
    """
    scenario = program((10, 5), (11, 6))
    objective = rb.ELBO(scenario.model, scenario.guide).compile(particles=50)
    params, keys = objective.init(0), jax.random.split(jax.random.key(0), 100)
    values, gradient = jax.jit(jax.vmap(lambda key: objective.value_and_grad(params, key)))(keys)
    loss, slopes = exact(10, 11)
    for rows, number in ((values, loss), *((gradient[n], s) for n, s in slopes.items())):
        rows = -np.asarray(rows)
        assert rows.shape == (100,)
        assert abs(rows.mean() - number) < 5.0 * rows.std() / math.sqrt(100)
