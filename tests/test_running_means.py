"""Running means: what the default pipeline reaches with one particle, step by step, as it is run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from jax import lax

import relbo_ir as rb
from relbo_ir.pipelines import PIPELINES

PHI = 0.3
Q = 1.0 / (1.0 + math.exp(PHI))
PQ = Q * (1.0 - Q)
LONG, SHORT = 0.999, 0.9
ONE_MEAN = f"relbo-baseline{{kind=running-mean decay={SHORT}}}"
SHORT_ALONE = [ONE_MEAN if s == "relbo-baseline" else s for s in PIPELINES["default"]]


def model(offsets: jax.Array) -> None:
    """
    Costs offset + (z − ½), not written as a sum, of which the offset would be split off. The prior
    is the guide's law, so its log ratio is 0.
    """
    with rb.plate("coins", 2):
        z = rb.sample("z", nd.Bernoulli(logits=jnp.full(2, PHI)))
        rb.factor("cost", jnp.where(z == 1, offsets + 0.5, offsets - 0.5))


def guide(offsets: jax.Array) -> None:
    phi = rb.param("phi", jnp.full(2, PHI))
    with rb.plate("coins", 2):
        rb.sample("z", nd.Bernoulli(logits=phi))


def gradients(offsets: np.ndarray, pipeline: str | Sequence[str] = "default") -> np.ndarray:
    """The gradients of as many steps as there are rows of offsets, at unchanged parameters."""
    objective = rb.ELBO(model, guide).compile(offsets[0], pipeline=pipeline)
    params = objective.init()

    @jax.jit
    def run(rows: jax.Array, key: jax.Array) -> jax.Array:
        def step(carry: tuple[Any, Any], row: jax.Array) -> tuple[tuple[Any, Any], jax.Array]:
            key, state = carry
            key, used = jax.random.split(key)
            _, gradient, state = objective.transition(params, used, (row,), state)
            return (key, state), gradient["phi"]

        return lax.scan(step, (key, objective.init_state()), rows)[1]

    return np.asarray(run(offsets, jax.random.key(0)), np.float64)


def spread(decay: float) -> float:
    """
    The gradient's variance about a mean of that decay, after many steps: that about the exact
    mean, pq(1 − 4pq), and pq times the mean's own variance, pq(1 − d)/(1 + d).
    """
    return PQ * (1.0 - 4.0 * PQ) + PQ * PQ * (1.0 - decay) / (1.0 + decay)


def test_two_coins_with_costs_of_ten_are_centred_by_the_default_pipeline() -> None:
    """Pruned alone 24.1; about the exact means .0054. A wrong alarm: one in a thousand keys."""
    steps, settled = 60_000, 10_000
    found = gradients(np.tile([10.0, -10.0], (steps, 1)).astype(np.float32))[settled:]
    assert spread(LONG) == pytest.approx(0.0054, abs=5e-5)
    assert spread(SHORT) == pytest.approx(0.0086, abs=5e-5)
    np.testing.assert_allclose(found.mean(), PQ, rtol=3e-3)
    np.testing.assert_allclose(found.var(0), spread(LONG), rtol=0.05)


def test_a_long_mean_that_lags_behind_gives_way_to_a_short_one() -> None:
    """
    One cost rises by a half at every step: it lies some 500 above a mean of a thousand steps, and 5
    above one of ten. The other coin keeps the long mean.
    """
    rising = np.zeros((6000, 2), np.float32)
    rising[2000:4000, 0] = 0.5 * np.arange(2000)
    rising[4000:, 0] = rising[3999, 0]
    mine, short = gradients(rising), gradients(rising, SHORT_ALONE)
    moves = slice(2020, 4000)
    assert mine[moves, 0].var() < 1.1 * short[moves, 0].var()
    np.testing.assert_allclose(mine[:, 1].mean(), PQ, rtol=0.05)
    assert mine[moves, 1].var() < 0.7 * short[moves, 1].var()
    assert mine[5500:, 0].var() < 1.1 * short[5500:, 0].var()


def test_a_cost_that_is_not_finite_leaves_the_means_as_they_are() -> None:
    offsets = np.full((4, 2), [3.0, -2.0], np.float32)
    objective = rb.ELBO(model, guide).compile(offsets[0])
    params, state = objective.init(), objective.init_state()
    for key in range(3):
        _, _, state = objective.step(params, key, state=state)
    spoiled = (jnp.asarray([np.inf, -2.0], jnp.float32),)
    _, _, after = objective.step(params, 3, spoiled, state)
    assert set(after) == set(state) and after["steps"] == 4.0
    (name,) = (name for name in state if name + ".near" in state)
    for ending, decay in (("", LONG), (".near", SHORT)):
        before, found = (x[name + ending] / (1.0 - decay ** x["steps"]) for x in (state, after))
        np.testing.assert_allclose(found[0], before[0], rtol=1e-4)
        assert found[0] > 2.0 and abs(found[1] / before[1] - 1.0) > 1e-3
    assert after[name + ".excess"][0] == state[name + ".excess"][0]


def test_choices_with_the_names_of_states() -> None:
    def two() -> None:
        for name in ("z", "z.near"):
            z = rb.sample(name, nd.Bernoulli(0.3))
            rb.factor(f"{name}.cost", jnp.where(z == 1, 2.0, 1.0))

    def coins() -> None:
        for name in ("z", "z.near"):
            rb.sample(name, nd.Bernoulli(logits=rb.param(f"{name}.logit", 0.0)))

    objective = rb.ELBO(two, coins).compile()
    assert {"z", "z.near", "z.near'", "z.near.near"} <= set(objective.init_state())
