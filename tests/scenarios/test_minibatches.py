"""Minibatches: exact means over all of them and over all draws."""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from numpyro import handlers
from scipy import stats

import relbo_ir as rb
from relbo_ir.dialects.errors import ModelError
from scenarios.draws import batches, normals, product
from scenarios.programs import EXACT, PLANNED, PRUNED, Array, Scenario, mean

X = np.array([-0.5, 2.0])


def _two_normals(count: int, scale: float) -> Scenario:
    def model() -> None:
        with handlers.scale(scale=scale), rb.plate("data", 2, subsample=count) as i:
            z = rb.sample("z", nd.Normal(0.0, 1.0))
            rb.observe("x", nd.Normal(z, 1.0), jnp.array(X)[i])

    def guide() -> None:
        loc = rb.param("loc", jnp.zeros(2))
        width = rb.param("scale", 1.0, rb.constraints.positive)
        with handlers.scale(scale=scale), rb.plate("data", 2, subsample=count) as i:
            rb.sample("z", nd.Normal(loc[i], width))

    return Scenario(model, guide)


@pytest.mark.parametrize("steps", [PLANNED, PRUNED], ids=["pathwise", "score"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("count", [1, 2])
def test_ps_01_subsampled_gradient(count: int, scale: float, steps: Any) -> None:
    """The mean over both minibatches of one, or the one of two, is the whole plate's gradient."""
    draws, weights = product(batches("data", 2, count), normals("z", count, 4))
    value, gradient = _two_normals(count, scale).estimator(steps)(draws)
    loss = 1.0 - float(np.sum(stats.norm.logpdf(X)))
    np.testing.assert_allclose(-mean(weights, value), scale * loss, rtol=1e-10)
    slope = -mean(weights, gradient["loc"])
    np.testing.assert_allclose(slope, scale * np.array([0.5, -2.0]), rtol=1e-10)
    np.testing.assert_allclose(-mean(weights, gradient["scale"]), 2.0 * scale, rtol=1e-10)


def test_ps_02_random_minibatches() -> None:
    """
    Seed 0, 5,000 draws: each slope within 5 standard errors; of three one fails by chance in
    500,000 runs.
    """
    scenario = _two_normals(1, 1.0)
    objective = rb.ELBO(scenario.model, scenario.guide).compile()
    params, keys = objective.init(0), jax.random.split(jax.random.key(0), 5_000)
    _, gradient = jax.jit(jax.vmap(lambda key: objective.value_and_grad(params, key)))(keys)
    for name, exact in (("loc", np.array([0.5, -2.0])), ("scale", 2.0)):
        rows = -np.asarray(gradient[name])
        error = rows.std(axis=0) / math.sqrt(len(rows))
        assert error.max() < 0.1
        assert np.abs((rows.mean(axis=0) - exact) / error).max() < 5.0


PROBABILITIES = np.linspace(0.1, 0.9, 60).reshape(3, 4, 5)


def _observations(n: int, k: int) -> Scenario:
    """Heads of all coins of three plates, two of them subsampled."""

    def model() -> None:
        p = rb.param("p", jnp.array(PROBABILITIES))
        first = rb.plate("N", 3, subsample=n, dim=-3)
        last = rb.plate("K", 5, subsample=k, dim=-1)
        with first as i, rb.plate("M", 4, dim=-2), last as j:
            rb.observe("obs", nd.Bernoulli(p[i][:, :, j]), jnp.ones((n, 4, k), jnp.int32))

    return Scenario(model, lambda: None)


@pytest.mark.parametrize("sizes", [(3, 5), (2, 5), (3, 2), (1, 1)])
def test_ps_06_nothing_to_draw_but_minibatches(sizes: tuple[int, int]) -> None:
    """Observations alone, two of their three plates subsampled: N·K/(n·k) times those that are read."""
    n, k = sizes
    draws, weights = product(batches("N", 3, n), batches("K", 5, k))
    value, gradient = _observations(n, k).estimator()(draws)
    scale = 15.0 / (n * k)
    for row, (i, j) in enumerate(zip(draws["N"], draws["K"], strict=True)):
        read = np.zeros_like(PROBABILITIES)
        read[np.ix_(i, range(4), j)] = scale
        logs = np.log(PROBABILITIES)
        np.testing.assert_allclose(value[row], np.sum(read * logs), rtol=1e-12)
        np.testing.assert_allclose(gradient["p"][row], read / PROBABILITIES, rtol=1e-12)
    whole = np.sum(np.log(PROBABILITIES))
    np.testing.assert_allclose(mean(weights, value), whole, rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_ps_06_renyis_bound_of_nothing_to_draw_but_minibatches(n: int, alpha: float) -> None:
    """Without choices it is, of every order, that sum of log densities: of one of three batches."""
    scenario = _observations(n, 5)
    weighted = f"relbo-importance-weighted{{samples=10 alpha={alpha}}}"
    steps = ("objective", weighted, "program")
    objective = rb.ELBO(scenario.model, scenario.guide).compile(pipeline=steps)
    rows = np.sum(np.log(PROBABILITIES), axis=(1, 2))
    possible = [3.0 / n * rows[list(b)].sum() for b in itertools.combinations(range(3), n)]
    found = [objective.value_and_grad(objective.init(0), seed) for seed in range(8)]
    for value, gradient in found:
        assert np.isclose(value, possible, rtol=1e-12).any()
        read = np.any(gradient["p"] != 0.0, axis=(1, 2))
        np.testing.assert_allclose(gradient["p"][read], 3.0 / n / PROBABILITIES[read], rtol=1e-12)
    assert len({float(value) for value, _ in found}) > (n < 3)


POINTS = np.array([0.0975, 0.2153125]) + np.array(
    [
        [0.3, -0.2],
        [-0.3, 0.2],
        [0.1, 0.5],
        [-0.1, -0.5],
        [0.25, 0.0],
        [-0.25, 0.0],
        [0, 0.4],
        [0, -0.4],
    ]
)
POSTERIOR = np.array([[0.0972973, 0.2146417], [0.1441875, 0.1765011]])
"""Mean and standard deviation, to seven digits."""


@pytest.mark.parametrize("steps", [PLANNED, PRUNED], ids=["pathwise", "score"])
@pytest.mark.parametrize(
    "form", ["minibatches of 3", "a minibatch of all", "no minibatch", "a loop"]
)
def test_ps_09_a_conjugate_posterior_from_minibatches(form: str, steps: Any) -> None:
    """At the posterior of all data the mean gradient over minibatches is 0; beside it it is not."""
    count = {"minibatches of 3": 3, "a minibatch of all": 8}.get(form)
    width = np.array([6.0, 4.0]) ** -0.5
    precision = 0.1 + 8.0 * np.array([6.0, 4.0])
    exact = np.stack(
        [8.0 * np.array([6.0, 4.0]) * POINTS.mean(axis=0) / precision, precision**-0.5]
    )
    np.testing.assert_allclose(exact, POSTERIOR, atol=5e-8)

    def model() -> None:
        loc = rb.sample("loc", nd.Normal(jnp.zeros(2), 0.1**-0.5).to_event(1))
        law = nd.Normal(loc, width).to_event(1)
        if form == "a loop":
            for k in range(8):
                rb.observe(f"x{k}", law, POINTS[k])
            return
        with rb.plate("data", 8, subsample=count) as i:
            rb.observe("x", law, jnp.array(POINTS)[i])

    def programs(mean_at: Array, draws: dict[str, Array]) -> Any:
        def guide() -> None:
            loc = rb.param("mean", jnp.array(mean_at))
            sd = rb.param("sd", jnp.array(exact[1]), rb.constraints.positive)
            rb.sample("loc", nd.Normal(loc, sd).to_event(1))

        return Scenario(model, guide).estimator(steps)(draws)

    factors = [normals("loc", 2, 4)]
    if count is not None:
        factors.insert(0, batches("data", 8, count))
    noise, weights = product(*factors)
    for shift in (0.0, 0.1):
        at = exact[0] + shift
        draws = dict(noise)
        if steps is PRUNED:
            draws["loc"] = at + exact[1] * noise["loc"]
        _, gradient = programs(at, draws)
        np.testing.assert_allclose(
            mean(weights, gradient["mean"]), -precision * shift, rtol=1e-9, atol=1e-9
        )
        np.testing.assert_allclose(mean(weights, gradient["sd"]), np.zeros(2), atol=1e-9)


@pytest.mark.parametrize("shared", [False, True])
def test_ps_12_crossed_minibatches(shared: bool) -> None:
    """
    A block of a matrix, its rows and columns drawn apart or by one minibatch, weighs 4. With one
    minibatch the diagonal is read too often and the rest too seldom: the mean is not the whole.
    """
    data = np.random.default_rng(2).normal(size=(4, 4))

    def model() -> None:
        with rb.plate("origin", 4, subsample=2, dim=-2) as i:
            given = {"destination": i} if shared else {}
            with handlers.substitute(data=given):
                destination = rb.plate("destination", 4, subsample=2, dim=-1)
            with destination as j:
                rb.observe("x", nd.Normal(0.0, 1.0), jnp.array(data)[i][:, j])

    draws, weights = product(
        batches("origin", 4, 2), *([] if shared else [batches("destination", 4, 2)])
    )
    value, _ = Scenario(model, lambda: None).estimator()(draws)
    columns = draws["origin"] if shared else draws["destination"]
    logs = stats.norm.logpdf(data)
    blocks = [
        4.0 * np.sum(logs[np.ix_(i, j)]) for i, j in zip(draws["origin"], columns, strict=True)
    ]
    np.testing.assert_allclose(value, blocks, rtol=1e-12)
    whole = float(np.sum(logs))
    if shared:
        diagonal = float(np.trace(logs))
        biased = 2.0 * diagonal + (whole - diagonal) * 2.0 / 3.0
        assert abs(biased - whole) > 0.5
        whole = biased
    np.testing.assert_allclose(mean(weights, value), whole, rtol=1e-12)


@pytest.mark.parametrize("steps", [PLANNED, PRUNED], ids=["pathwise", "score"])
@pytest.mark.parametrize("count", [1, 2])
def test_ps_14_a_minibatch_of_the_guide_alone(count: int, steps: Any) -> None:
    """
    The model's plate follows the guide's minibatch: every addend of it weighs size/count once, in
    every draw, and the mean over minibatches and draws is the whole plate's.
    """
    whole, drawn = _two_normals(2, 1.0), _two_normals(count, 1.0)

    def model() -> None:
        with rb.plate("data", 2) as i:
            z = rb.sample("z", nd.Normal(0.0, 1.0))
            rb.observe("x", nd.Normal(z, 1.0), jnp.array(X)[i])

    draws, weights = product(batches("data", 2, count), normals("z", count, 4))
    value, gradient = Scenario(model, drawn.guide).estimator(steps)(draws)
    same = drawn.estimator(steps)(draws)
    jax.tree.map(np.testing.assert_array_equal, (value, gradient), same)
    exact = whole.outcomes(EXACT)
    np.testing.assert_allclose(mean(weights, value), exact.value(), rtol=1e-10)
    for name, slope in exact.gradient().items():
        np.testing.assert_allclose(mean(weights, gradient[name]), slope, rtol=1e-10)


def test_ps_14_data_that_do_not_follow_are_refused() -> None:
    """An observation of the whole plate beside the guide's minibatch: the error says how to index."""

    def model() -> None:
        with rb.plate("data", 2):
            z = rb.sample("z", nd.Normal(0.0, 1.0))
            rb.observe("x", nd.Normal(z, 1.0), X)

    with pytest.raises(ModelError, match='axis of plate "data"') as caught:
        rb.ELBO(model, _two_normals(1, 1.0).guide).compile()
    assert 'index it by the minibatch that plate "data" gives' in caught.value.remedy
