"""Two Normal choices under two observations: one draw's gradient, and its mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from numpyro import handlers
from oracle import Precision
from scipy import stats

import relbo_ir as rb
from scenarios.programs import ALL, PLANNED, PRUNED, WITHOUT_ZERO_SCORES, Array, Scenario, check

X = np.array([-0.5, 2.0])
DRAWS = np.array([[0.3, -1.1], [-0.7, 0.4], [2.0, 1.5]])
SLOPES = {"loc": np.array([0.5, -2.0]), "scale": 2.0}
"""Of the expected loss, at loc 0 and scale 1."""
Program = Callable[[], None]


def _choices(law: Any) -> Any:
    with rb.plate("two", 2):
        return rb.sample("z", law)


def model() -> None:
    z = _choices(nd.Normal(0.0, 1.0))
    with rb.plate("two", 2):
        rb.observe("x", nd.Normal(z, 1.0), X)


def guide() -> None:
    """At scale 1 the slope in log scale is the slope in scale."""
    loc = rb.param("loc", jnp.zeros(2))
    _choices(nd.Normal(loc, rb.param("scale", 1.0, rb.constraints.positive)))


def _scores(kept: float) -> dict[str, Array]:
    """The loss's slope at each draw, from the weights lp(x) + lp(z) − lq(z) − kept."""
    z = DRAWS
    weight = stats.norm.logpdf(X, z, 1.0) - kept  # lp(z) − lq(z) is 0 here
    return {"loc": -weight * z, "scale": -np.sum(weight * (z**2 - 1.0), axis=1)}


def test_gv_01_pathwise_gradient_of_one_draw() -> None:
    """The pathwise slope at each draw in closed form; the noise is the draw."""
    value, gradient = Scenario(model, guide).estimator(PLANNED)({"z": DRAWS})
    slope = -DRAWS + (X - DRAWS)
    np.testing.assert_allclose(-gradient["loc"], -slope, rtol=1e-12)
    scale = -np.sum(slope * DRAWS + 1.0, axis=1)
    np.testing.assert_allclose(-gradient["scale"], scale, rtol=1e-12)
    np.testing.assert_allclose(value, np.sum(stats.norm.logpdf(X, DRAWS), axis=1), rtol=1e-12)


def test_gv_02_score_gradient_of_one_draw() -> None:
    """Each element is weighed by its own costs, and log q's direct slope of mean 0 is left out."""
    _, gradient = Scenario(model, guide).estimator(WITHOUT_ZERO_SCORES)({"z": DRAWS})
    for name, slope in _scores(0.0).items():
        np.testing.assert_allclose(-gradient[name], slope, rtol=1e-12)


def test_gv_03_score_gradient_that_keeps_a_term_of_mean_zero() -> None:
    """With log q's direct slope a weight is w − 1: other draws' gradients, the same mean."""
    scenario = Scenario(model, guide)
    _, gradient = scenario.estimator(PRUNED)({"z": DRAWS})
    for name, slope in _scores(1.0).items():
        np.testing.assert_allclose(-gradient[name], slope, rtol=1e-12)
    assert np.abs(_scores(1.0)["loc"] - _scores(0.0)["loc"]).min() > 0.1
    kept, left = (scenario.outcomes(steps) for steps in (PRUNED, WITHOUT_ZERO_SCORES))
    assert kept.value() == pytest.approx(left.value(), abs=1e-12)
    for name, slope in kept.gradient().items():
        np.testing.assert_allclose(left.gradient()[name], slope, atol=1e-12)


NUISANCES = {"a": (0.0, 1.0), "b": (2.0, 3.0), "c": (4.0, 5.0)}


def with_nuisances(program: Program, before: str, after: str) -> Program:
    """The program between choices that nothing else reads."""

    def run() -> None:
        for name in before:
            rb.sample(f"nuisance_{name}", nd.Normal(*NUISANCES[name]))
        program()
        for name in after:
            rb.sample(f"nuisance_{name}", nd.Normal(*NUISANCES[name]))

    return run


@pytest.mark.parametrize("estimator", ALL)
def test_gv_04_nuisances_do_not_matter(estimator: str) -> None:
    """Three choices that nothing reads, in another order in the guide; four nodes are exact here."""
    scenario = Scenario(with_nuisances(model, "a", "bc"), with_nuisances(guide, "cb", "a"))
    loss = -float(np.sum(stats.norm.logpdf(X, 0.0, 1.0))) + 1.0
    check(scenario, loss, SLOPES, ALL[estimator], Precision(normal_nodes=4))


@pytest.mark.parametrize("steps", [PLANNED, PRUNED], ids=["pathwise", "score"])
def test_gv_05_particles_as_a_plate(steps: Any) -> None:
    """A plate around the program, scaled down by its size: the mean of the single programs."""
    count = len(DRAWS)

    def in_particles(program: Program) -> Program:
        def run() -> None:
            with rb.plate("particles", count, dim=-2), handlers.scale(scale=1.0 / count):
                program()

        return run

    scenario = Scenario(in_particles(model), in_particles(guide))
    together = scenario.estimator(steps)({"z": DRAWS[np.newaxis]})
    single = Scenario(model, guide).estimator(steps)({"z": DRAWS})
    np.testing.assert_allclose(together[0], [np.mean(single[0])], rtol=1e-12)
    for name, slope in together[1].items():
        np.testing.assert_allclose(slope[0], np.mean(single[1][name], axis=0), rtol=1e-12)


def test_gv_05_particles_of_the_estimator() -> None:
    """The estimator's own particles: the mean of the single programs at their draws."""
    count = 3
    elbo = rb.ELBO(model, guide)
    objective = elbo.compile(particles=count)
    params = objective.init(0)
    value, gradient = objective.value_and_grad(params, 0)
    key = jax.random.key(0)
    singles = [
        elbo.compile().value_and_grad(params, jax.random.fold_in(key, k)) for k in range(count)
    ]
    np.testing.assert_allclose(value, np.mean([v for v, _ in singles]), rtol=1e-12)
    for name, slope in gradient.items():
        mean = np.mean([np.asarray(g[name]) for _, g in singles], axis=0)
        np.testing.assert_allclose(slope, mean, rtol=1e-12)
