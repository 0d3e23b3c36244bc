"""Plates, scales, and parameters and data of their sizes."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as nd
import pytest
from numpyro import handlers
from scipy import stats

import relbo_ir as rb
from relbo_ir.dialects.errors import ModelError, PassError
from relbo_ir.numpyro import ELBO as Loss
from scenarios.expected import needs_numbers, result
from scenarios.programs import PLANNED, PRUNED, SCORES, Scenario, check

P, Q = 0.2693204236205713, 0.75


@pytest.mark.parametrize("estimator", SCORES)
def test_ps_03_plate_counts(estimator: str) -> None:
    """One coin, two in each of two plates, four in both: nine times the KL of ½, and its slope."""

    def run(law: Any) -> None:
        outer, inner = rb.plate("outer", 2, dim=-1), rb.plate("inner", 2, dim=-2)
        rb.sample("w", law)
        with outer:
            rb.sample("x", law)
        with inner:
            rb.sample("y", law)
        with outer, inner:
            rb.sample("z", law)

    kl = Q * math.log(Q / P) + (1 - Q) * math.log((1 - Q) / (1 - P))
    slope = math.log(Q / P) - math.log((1 - Q) / (1 - P))
    scenario = Scenario(lambda: run(nd.Bernoulli(P)), lambda: run(nd.Bernoulli(rb.param("q", Q))))
    assert kl == pytest.approx(0.5, abs=1e-12)
    check(scenario, 4.5, {"q": 9.0 * slope}, SCORES[estimator])


@needs_numbers
def test_ps_03_unit_as_tabulated() -> None:
    known = result("kl_half")
    slope = math.log(Q / P) - math.log((1 - Q) / (1 - P))
    assert known["loss"] == pytest.approx(0.5, abs=1e-12)
    assert known["grad"] == pytest.approx(slope, abs=1e-9)


def _terms(scenario: Scenario) -> dict[str, Any]:
    """The addends of one draw, and the draws, by name."""
    objective = rb.ELBO(scenario.model, scenario.guide).compile(*scenario.args)
    params, key = objective.init(0), jax.random.key(0)
    found: dict[str, Any] = {}
    for name in ("addends", "draws"):
        program = objective.variant(name)
        rows = program.run(params, key, objective.data_for(program))
        found |= {f"{name}/{k}": np.asarray(v) for k, v in rows.items()}
    return found


def test_ps_05_a_site_in_two_minibatches() -> None:
    """Two of eight, and three of six: every addend of the site weighs 4·2 = 8."""

    def model() -> None:
        a, b = rb.plate("a", 8, subsample=2, dim=-2), rb.plate("b", 6, subsample=3, dim=-1)
        with a, b:
            law = nd.Normal(rb.param("loc", 0.3), 1.0)
            z = rb.sample("z", nd.Normal(0.0, 1.0), guide=law)
            rb.observe("x", nd.Normal(z, 1.0), 0.7)

    found = _terms(Scenario(model))
    z = found["draws/z"]
    assert z.shape == (2, 3)
    expected = {
        "z.prior": stats.norm.logpdf(z),
        "z.entropy": -stats.norm.logpdf(z, 0.3),
        "x": stats.norm.logpdf(0.7, z),
    }
    for name, rows in expected.items():
        np.testing.assert_allclose(found[f"addends/{name}"], 8.0 * np.sum(rows), rtol=1e-12)


def test_ps_08_plates_side_by_side() -> None:
    """Two plates of ten that have nothing to do with each other: one number, the sum of both."""

    def model() -> None:
        for plate, site, loc in (("N", "x", 0.3), ("M", "y", -0.6)):
            with rb.plate(plate, 10):
                law = nd.Normal(rb.param(f"loc_{site}", loc), 1.0)
                rb.sample(site, nd.Normal(0.0, 1.0), guide=law)

    noise = np.random.default_rng(0).normal(size=(3, 2, 10))
    for steps, loc in ((PLANNED, (0.0, 0.0)), (PRUNED, (0.3, -0.6))):
        draws = {"x": loc[0] + noise[:, 0], "y": loc[1] + noise[:, 1]}
        value, _ = Scenario(model).estimator(steps)(draws)
        assert value.shape == (3,)
        shifts = np.array([0.3, -0.6])
        expected = -10 * 0.5 * np.sum(shifts**2) - np.sum(noise, axis=2) @ shifts
        np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("estimator", ["exact", "pruned", "planned"])
def test_ps_08_a_plate_that_feeds_a_product(estimator: str) -> None:
    """The elements of a plate enter a matrix product that is observed in two other plates."""
    rng = np.random.default_rng(1)
    left, right, data = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=(4, 2))
    loc = np.array([0.4, -0.2, 0.9])

    def model() -> None:
        with rb.plate("x_plate", 3):
            law = nd.Normal(rb.param("loc", jnp.array(loc)), 0.5)
            x = rb.sample("x", nd.Normal(0.0, 1.0), guide=law)
        with rb.plate("rows", 4, dim=-2), rb.plate("columns", 2, dim=-1):
            rb.observe("y", nd.Normal((jnp.array(left) * x) @ jnp.array(right), 1.0), data)

    residual = (left * loc) @ right - data
    spread = np.einsum("ik,kj->ijk", left, right)
    loss = (
        float(np.sum(0.5 * (0.25 + loc**2 - 1.0) - math.log(0.5)))
        + 0.5 * float(np.sum(residual**2 + 0.25 * np.sum(spread**2, axis=2)))
        + 4.0 * math.log(2.0 * math.pi)
    )
    slope = loc + np.einsum("ij,ijk->k", residual, spread)
    steps = {"exact": SCORES["exact"], "pruned": PRUNED, "planned": PLANNED}[estimator]
    check(Scenario(model), loss, {"loc": slope}, steps)


@pytest.mark.parametrize("around", ["observation", "all"])
def test_ps_10_a_scale(around: str) -> None:
    """A scale of ten around an observation, or around all: lp₁ + 10·lp₂, or 10·(lp₁ + lp₂)."""

    def model() -> None:
        with handlers.scale(scale=10.0 if around == "all" else 1.0):
            x = rb.sample("x", nd.Normal(0.0, 1.0), guide=nd.Delta(rb.param("at", 0.4)))
        with handlers.scale(scale=10.0):
            rb.observe("obs", nd.Normal(x, 1.0), 1.0)

    prior = 10.0 if around == "all" else 1.0
    joint = prior * stats.norm.logpdf(0.4) + 10.0 * stats.norm.logpdf(1.0, 0.4)
    check(Scenario(model), -float(joint), {"at": prior * 0.4 - 10.0 * 0.6})


def _param(name: str, start: Any, **options: Any) -> Any:
    return numpyro.param(name, start, **options)


def test_ps_11_parameters_of_a_minibatch() -> None:
    """Of a parameter of a plate's size the drawn rows are read, and they alone have a gradient."""
    rows = np.linspace(-1.0, 1.0, 10)
    seen: dict[str, tuple[int, ...]] = {}

    def run(prior: bool) -> None:
        with numpyro.plate("N", 10, subsample_size=5):
            loc = _param("loc", jnp.array(rows), event_dim=0)
            width = _param("width", 0.5, constraint=rb.constraints.positive, event_dim=0)
            vector = _param("vector", jnp.zeros((10, 3)), event_dim=1)
            seen.update(loc=jnp.shape(loc), width=jnp.shape(width), vector=jnp.shape(vector))
            if prior:
                numpyro.sample("z", nd.Normal(0.0, 1.0))
                numpyro.factor("f", jnp.sum(jnp.asarray(vector), axis=-1))
            else:
                numpyro.sample("z", nd.Normal(loc, width))

    scenario = Scenario(lambda: run(True), lambda: run(False))
    index = np.array([[7, 0, 3, 9, 4]], np.int32)
    noise = np.array([[0.1, -0.4, 1.2, 0.0, 0.7]])
    _, gradient = scenario.estimator()({"N": index, "z": noise})
    assert seen == {"loc": (5,), "width": (), "vector": (5, 3)}
    z = rows[index[0]] + 0.5 * noise[0]
    expected = np.zeros(10)
    expected[index[0]] = -2.0 * z
    np.testing.assert_allclose(gradient["loc"][0], expected, rtol=1e-12)
    drawn = np.isin(np.arange(10), index[0])
    np.testing.assert_allclose(gradient["vector"][0], 2.0 * drawn[:, np.newaxis] * np.ones(3))


def test_ps_11_parameters_of_nested_minibatches() -> None:
    """Shapes of parameters outside and inside of two nested minibatches, by their event dimensions."""
    seen: dict[str, tuple[int, ...]] = {}

    def run(law: Any) -> None:
        outside = _param("outside", jnp.zeros((4, 5)), event_dim=2)
        seen["outside"] = jnp.shape(outside)
        outer = numpyro.plate("outer", 10, subsample_size=5, dim=-1)
        with outer:
            first = _param("first", jnp.zeros(10), event_dim=0)
            seen["first"] = jnp.shape(first)
            with numpyro.plate("inner", 11, subsample_size=6, dim=-2):
                both = _param("both", jnp.zeros((11, 10)), event_dim=0)
                seen["both"] = jnp.shape(both)
                numpyro.sample("z", law(both))

    scenario = Scenario(
        lambda: run(lambda at: nd.Normal(0.0 * at, 1.0)), lambda: run(lambda at: nd.Normal(at, 1.0))
    )
    inner, outer = np.arange(11)[-6:][::-1], np.array([1, 3, 5, 7, 9])
    noise = np.random.default_rng(0).normal(size=(1, 6, 5))
    draws = {
        "inner": inner[np.newaxis].astype(np.int32),
        "outer": outer[np.newaxis].astype(np.int32),
        "z": noise,
    }
    _, gradient = scenario.estimator()(draws)
    assert seen == {"outside": (4, 5), "first": (5,), "both": (6, 5)}
    expected = np.zeros((11, 10))
    expected[np.ix_(inner, outer)] = -110.0 / 30.0 * noise[0]
    np.testing.assert_allclose(gradient["both"][0], expected, rtol=1e-12)


def _of_any_length() -> tuple[Any, Any]:
    def model(data: Any) -> None:
        loc = rb.sample("loc", nd.Normal(0.0, 1.0))
        with rb.plate("data", len(data)):
            rb.observe("x", nd.Normal(loc, 1.0), data)

    def guide(data: Any) -> None:
        rb.sample("loc", nd.Delta(rb.param("at", 0.3)))

    return model, guide


def test_ps_13_an_irregular_last_batch() -> None:
    """A plate as long as the data, of ten and then of three: each loss is that of its own length."""
    model, guide = _of_any_length()
    loss = Loss()
    for count in (10, 3, 10):
        data = np.linspace(-1.0, 2.0, count)
        found: Any = loss.loss(
            jax.random.key(0), {"at": jnp.array(0.3)}, model, guide, jnp.array(data)
        )
        exact = stats.norm.logpdf(0.3) + np.sum(stats.norm.logpdf(data, 0.3))
        np.testing.assert_allclose(found, -exact, rtol=1e-12)


def test_ps_13_a_compiled_objective_keeps_its_length() -> None:
    """Data of another length are refused: they would meet the first one's plate."""
    objective = rb.ELBO(*_of_any_length()).compile(np.zeros(10))
    with pytest.raises(ModelError, match="compile") as caught:
        objective.prepare(np.zeros(3))
    assert "compile the ELBO again" in caught.value.remedy


def _indexed(model_count: int | None, guide_count: int | None) -> rb.ELBO:
    def model() -> None:
        with rb.plate("N", 100, subsample=model_count) as i:
            rb.deterministic("model_index", i)
            rb.sample("z", nd.Normal(0.0, 1.0))

    def guide() -> None:
        with rb.plate("N", 100, subsample=guide_count) as i:
            rb.deterministic("guide_index", i)
            rb.sample("z", nd.Normal(rb.param("a", 0.3), 1.0))

    return rb.ELBO(model, guide)


def test_ps_14_model_and_guide_share_seven_of_a_hundred() -> None:
    objective = _indexed(7, 7).compile()
    program = objective.variant("draws")
    draws = program.run(objective.init(0), jax.random.key(1), objective.data_for(program))
    index = np.asarray(draws["model_index"])
    assert len(set(index.tolist())) == 7
    np.testing.assert_array_equal(index, draws["guide_index"])


def test_ps_14_the_model_s_plate_follows_the_guide() -> None:
    """A plate of the model without a minibatch: the program is that of a model with the guide's."""
    found = []
    for count in (None, 5):
        objective = _indexed(count, 5).compile()
        params, key = objective.init(0), jax.random.key(1)
        program = objective.variant("draws")
        draws = program.run(params, key, objective.data_for(program))
        assert draws["model_index"].shape == draws["z"].shape == (5,)
        np.testing.assert_array_equal(draws["model_index"], draws["guide_index"])
        found.append((objective.value_and_grad(params, key), draws))
    jax.tree.map(np.testing.assert_array_equal, *found)


@pytest.mark.parametrize("counts", [(20, 5), (100, 5), (5, None)])
def test_ps_14_minibatches_of_two_sizes_are_refused(counts: Any) -> None:
    """Also a model that asks for the whole plate, and one that draws a minibatch of its own."""
    with pytest.raises(PassError, match='"N"'):
        _indexed(*counts).compile()
