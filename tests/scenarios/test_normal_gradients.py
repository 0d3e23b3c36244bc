"""Exact losses and gradients of programs with Normal choices, alone or beside finite ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from oracle import Precision

import relbo_ir as rb
from relbo_ir.passes.assign_estimators import AssignEstimatorsPass
from scenarios.expected import needs_numbers, result, results
from scenarios.programs import ALL, EXACT, PLANNED, Scenario, Steps, check


@pytest.mark.parametrize("estimator", ALL)
def test_gv_09_one_normal(estimator: str) -> None:
    """KL(N(1, 1) ‖ N(0, 1)) = ½, and its slope in the mean is the mean."""
    scenario = Scenario(
        lambda: rb.sample("z", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("q", 1.0), 1.0))
    )
    check(scenario, 0.5, {"q": 1.0}, ALL[estimator])


@pytest.mark.parametrize("moving", ["", "a", "bc", "abc"])
def test_gv_10_three_normals_in_mixed_treatment(moving: str) -> None:
    """Three Normals whose guides share a mean; any of them pathwise, the others scored."""

    def model() -> None:
        q = rb.param("q", 0.0)
        for name, loc in zip("abc", (0.25, 0.5, 1.0), strict=True):
            rb.sample(name, nd.Normal(loc, 1.0), guide=nd.Normal(q, 1.0))

    check(Scenario(model), 0.65625, {"q": -1.75}, _treated("abc", moving))


def _treated(sites: Sequence[str], moving: Sequence[str]) -> Steps:
    """The named choices pathwise and the others scored, addends pruned."""
    scored = tuple(site for site in sites if site not in moving)
    return [*EXACT, AssignEstimatorsPass(score=scored, pathwise=tuple(moving)), *PLANNED[2:]]


NORMAL_PARENT = range(8)


@needs_numbers
@pytest.mark.parametrize("row", NORMAL_PARENT)
@pytest.mark.parametrize("estimator", ALL)
def test_gv_13_normal_parent_of_a_coin(estimator: str, row: int) -> None:
    """A coin whose probability is a share of a Normal parent's sigmoid, in model and guide."""
    known = results("non_mean_field_normal_bern")
    assert len(known) == len(NORMAL_PARENT)
    case = known[row]
    q1, q2, q3 = case["pi1"], case["pi2"], case["pi3"]
    q4 = 0.5 * (q1 + q2)

    def model() -> None:
        z = rb.sample("z", nd.Normal(rb.param("q3", q3), 1.0))
        rb.sample("y", nd.Bernoulli(rb.param("q4", q4) * jax.nn.sigmoid(z)))

    def guide() -> None:
        z = rb.sample("z", nd.Normal(rb.param("q2", q2), 1.0))
        rb.sample("y", nd.Bernoulli(rb.param("q1", q1) * jax.nn.sigmoid(z)))

    names: list[str] = ["q1", "q2", "q3", "q4"]
    gradient = dict(zip(names, case["grad"], strict=True))
    precision = Precision(normal_nodes=80)
    tolerance = 1e-8  # the digits that are given
    check(Scenario(model, guide), case["loss"], gradient, ALL[estimator], precision, tolerance)


def _chain(case: dict[str, Any], data: Sequence[float]) -> Scenario:
    """A Gaussian chain under observations of its end, and its posterior run backwards."""
    lambdas, count = case["lambdas"], case["N"]

    def model() -> None:
        value: Any = 0.2
        for k in range(count):
            value = rb.sample(f"l{k}", nd.Normal(value, lambdas[k] ** -0.5))
        rb.observe("y", nd.Normal(value, lambdas[count] ** -0.5), np.array(data))

    def guide() -> None:
        value: Any = None
        for k in reversed(range(count)):
            loc = rb.param(f"loc{k}", case["loc_q"][k])
            scale = rb.param(f"scale{k}", case["sig_q"][k], rb.constraints.positive)
            if value is not None:
                loc = loc + rb.param(f"kappa{k}", case["kappa"][k]) * value
            value = rb.sample(f"l{k}", nd.Normal(loc, scale))

    return Scenario(model, guide)


@needs_numbers
@pytest.mark.parametrize("moving", ["all", "l1", "none"])
@pytest.mark.parametrize("row", [0, 1])
def test_gv_15_no_gradient_at_the_posterior(row: int, moving: str) -> None:
    """
    A guide that is the posterior: no slope in any parameter, and the loss is −log evidence. All
    integrands have degree 4 at most, three nodes are exact.
    """
    case = results("gaussian_chain")[row]
    assert case["N"] == (3, 5)[row]
    scenario = _chain(case, (-0.1, 0.03, 0.2, 0.1))
    zero = dict.fromkeys(scenario.coordinates, 0.0)
    sites = [f"l{k}" for k in range(case["N"])]
    steps = _treated(sites, sites if moving == "all" else [s for s in sites if s == moving])
    check(scenario, -case["log_evidence"], zero, steps, Precision(normal_nodes=3))


@needs_numbers
def test_gv_15_another_guide_has_a_gradient() -> None:
    """One mean moved by a tenth: the slope is not zero, so the test above can fail."""
    case = results("gaussian_chain")[0]
    moved = {**case, "loc_q": [case["loc_q"][0] + 0.1, *case["loc_q"][1:]]}
    outcomes = _chain(moved, (-0.1, 0.03, 0.2, 0.1)).outcomes(PLANNED, Precision(normal_nodes=3))
    assert abs(outcomes.gradient()["loc0"]) > 0.05


@pytest.mark.parametrize("estimator", ALL)
def test_gv_21_normal_with_its_scale(estimator: str) -> None:
    """A mean and a scale of one observation: the moments of exp(−2·Normal) in closed form."""

    def model() -> None:
        loc = rb.sample("loc", nd.Normal(0.0, 1.0))
        scale = rb.sample("scale", nd.LogNormal(0.0, 1.0))
        rb.observe("obs", nd.Normal(loc, scale), 1.0)

    def guide() -> None:
        rb.sample("loc", nd.Normal(rb.param("m", 1.0), 2.0))
        rb.sample("scale", nd.LogNormal(rb.param("s", -1.0), 0.1))

    precision = math.exp(2.0 + 0.02)  # E[scale⁻²]
    square = 4.0  # E[(1 − loc)²]
    loss = (
        0.5 * (5.0 - 1.0) - math.log(2.0)  # KL of loc
        + 0.5 * (0.01 + 1.0 - 1.0) - math.log(0.1)  # KL of scale
        + 0.5 * math.log(2.0 * math.pi) - 1.0 + 0.5 * square * precision
    )  # fmt: skip
    assert loss == pytest.approx(18.6100263, abs=5e-8)
    gradient = {"m": 1.0, "s": -1.0 + 1.0 - square * precision}
    check(Scenario(model, guide), loss, gradient, ALL[estimator], Precision(normal_nodes=24))


def _own_prior(name: str, law: Any) -> Any:
    """A choice that is drawn from its prior: it adds nothing to the loss."""
    return rb.sample(name, law, guide=law)


@pytest.mark.parametrize("batch", ["plate", "vmap"])
def test_gv_37_a_batch_from_one_scalar(batch: str) -> None:
    """The sum of eight Normals of one mean: every draw's pathwise slope in the mean is 8."""

    def model() -> None:
        theta = rb.param("theta", 0.3)

        def draw() -> Any:
            return _own_prior("x", nd.Normal(theta, 1.0))

        if batch == "vmap":
            x = jax.vmap(draw, axis_size=8)()
        else:
            with rb.plate("eight", 8):
                x = draw()
        rb.factor("sum", jnp.sum(x))

    scenario = Scenario(model)
    noise = np.random.default_rng(0).normal(size=(5, 8))
    value, gradient = scenario.estimator(PLANNED)({"x": noise})
    np.testing.assert_allclose(gradient["theta"], np.full(5, 8.0), rtol=1e-13)
    np.testing.assert_allclose(value, 8 * 0.3 + np.sum(noise, axis=1), rtol=1e-12)


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_gv_38_linear_costs_have_no_pathwise_variance(factor: float) -> None:
    """The pathwise slope of k·x in the mean of x is k at every draw."""

    def model() -> None:
        x = _own_prior("x", nd.Normal(rb.param("mu", 0.3), 1.0))
        rb.factor("cost", factor * x)

    outcomes = Scenario(model).outcomes(PLANNED)
    assert outcomes.gradient()["mu"] == pytest.approx(factor, abs=1e-12)
    assert outcomes.gradient_variance()["mu"] < 1e-12


def test_gv_38_an_exact_coin_has_no_variance() -> None:
    """The slope of E[b] in b's probability is 1, without noise where the choice is exact."""

    def model() -> None:
        b = _own_prior("b", nd.Bernoulli(rb.param("p", 0.3)))
        rb.factor("cost", 1.0 * b)

    outcomes = Scenario(model).outcomes(EXACT)
    assert outcomes.gradient()["p"] == pytest.approx(1.0, abs=1e-12)
    assert outcomes.gradient_variance()["p"] < 1e-12


@pytest.mark.parametrize("coin", ["exact", "score"])
def test_gv_40_a_pathwise_normal_beside_a_coin(coin: str) -> None:
    """E[x + y] of a Normal and a coin: the slopes 1, 0 and 1 in mean, scale and probability."""

    def model() -> None:
        scale = rb.param("sigma", 0.8, rb.constraints.positive)
        x = _own_prior("x", nd.Normal(rb.param("mu", 0.3), scale))
        y = _own_prior("y", nd.Bernoulli(rb.param("p", 0.4)))
        rb.factor("cost", x + y)

    scored = ['relbo-score-function{sites="y"}'] if coin == "score" else []
    steps = [*EXACT, *scored, 'relbo-pathwise{sites="x"}']
    check(Scenario(model), -0.7, {"mu": -1.0, "sigma": 0.0, "p": -1.0}, steps)


def test_gv_40_a_pathwise_normal_beside_a_scored_one() -> None:
    """E[x₁ + x₂], one pathwise and one scored: both slopes are 1."""

    def model() -> None:
        x1 = _own_prior("x1", nd.Normal(rb.param("t1", 0.3), 1.0))
        x2 = _own_prior("x2", nd.Normal(rb.param("t2", -0.4), 0.5))
        rb.factor("cost", x1 + x2)

    steps = [*EXACT, 'relbo-score-function{sites="x2"}', 'relbo-pathwise{sites="x1"}']
    check(Scenario(model), 0.1, {"t1": -1.0, "t2": -1.0}, steps)


def test_gv_41_a_coin_feeds_a_pathwise_vector() -> None:
    """
    A coin, made real, is the mean of a pathwise Normal vector; batched over eight probabilities
    inside `jit`. Every slope is finite, of the right shape, and that of its own program.
    """

    def model() -> None:
        b = rb.sample("b", nd.Bernoulli(0.5), guide=nd.Bernoulli(rb.param("p", 0.5)))
        loc = jnp.stack([1.0 * b, 0.0 * b])
        law = nd.MultivariateNormal(loc, scale_tril=math.sqrt(0.1) * jnp.eye(2))
        y = _own_prior("y", law)
        rb.factor("cost", -jnp.sum((y - jnp.array([1.0, 0.5])) ** 2))

    objective = rb.ELBO(model).compile()
    assert "pathwise" in str(objective.ir(3)) and "score" in str(objective.ir(3))
    p, keys = jnp.linspace(0.1, 0.9, 8), jax.random.split(jax.random.key(0), 8)
    together = jax.jit(jax.vmap(lambda q, key: objective.value_and_grad({"p": q}, key)))
    values, gradient = together(p, keys)
    assert gradient["p"].shape == values.shape == (8,)
    assert np.isfinite(gradient["p"]).all()
    for k in (0, 5):
        value, slope = objective.value_and_grad({"p": p[k]}, keys[k])
        np.testing.assert_allclose(values[k], value, rtol=1e-12)
        np.testing.assert_allclose(gradient["p"][k], slope["p"], rtol=1e-12)


@needs_numbers
@pytest.mark.parametrize("key", ["analytic_kl_2", "analytic_kl_3"])
@pytest.mark.parametrize("estimator", ALL)
def test_gv_29_and_gv_30_normal_leaf_of_two_finite_parents(estimator: str, key: str) -> None:
    """A Normal whose mean is a table over two finite choices; its prior has the table, or none."""
    table = jnp.array([[0.3, 0.5], [1.5, 0.0]])

    def model() -> None:
        z1 = rb.sample("z1", nd.CategoricalProbs(jnp.array([0.2, 0.8])))
        rows = jnp.array([[0.4, 0.6], [0.6, 0.4]])
        dependent = key == "analytic_kl_2"
        z2 = rb.sample("z2", nd.CategoricalProbs(rows[z1] if dependent else rows[0]))
        rb.sample("z3", nd.Normal(table[z2, z1] if dependent else 0.3, 1.0))

    def guide() -> None:
        g1 = rb.param("g1", jnp.log(jnp.array([0.3, 0.7])))
        g2 = rb.param("g2", jnp.log(jnp.array([[0.4, 0.6], [0.5, 0.5]])))
        loc = rb.param("loc", jnp.array([[0.0, 0.5], [0.5, 1.0]]))
        z1 = rb.sample("z1", nd.CategoricalLogits(g1))
        z2 = rb.sample("z2", nd.CategoricalLogits(g2[z1]))
        rb.sample("z3", nd.Normal(loc[z2, z1], 1.0))

    known = result(key)
    check(Scenario(model, guide), known["loss"], known["grad"], ALL[estimator])
