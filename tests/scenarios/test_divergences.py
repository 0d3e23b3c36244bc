"""Entropies and KL divergences, by site and masked, and losses that a rewritten program keeps."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from numpyro import handlers
from numpyro.distributions.transforms import AffineTransform, ExpTransform, SigmoidTransform
from oracle import Precision
from scipy import stats

import relbo_ir as rb
from scenarios.programs import (
    ALL,
    EXACT,
    EXPANDED,
    PLANNED,
    SCORES,
    Array,
    Scenario,
    check,
    hermite,
    mean,
)


def normal_kl(loc: Any, scale: Any, other_loc: Any, other_scale: Any) -> Array:
    """KL(N(loc, scale) ‖ N(other loc, other scale)), element by element."""
    ratio = np.asarray(scale) / other_scale
    gap = (np.asarray(loc) - other_loc) / other_scale
    return 0.5 * (ratio**2 + gap**2 - 1.0) - np.log(ratio)


@pytest.mark.parametrize("estimator", SCORES)
def test_gv_32_entropy_of_coins(estimator: str) -> None:
    """The entropies of two batches of three coins, as addends of the objective."""

    def model() -> None:
        for name, prior, p in (("w", 0.4, 0.2), ("u", 0.7, 0.5)):
            with rb.plate("batch", 3):
                rb.sample(name, nd.Bernoulli(prior), guide=nd.Bernoulli(rb.param(f"p{name}", p)))

    outcomes = Scenario(model).outcomes(SCORES[estimator])
    total = outcomes.value("w.entropy") + outcomes.value("u.entropy")
    assert total / 3 == pytest.approx(1.1935496041, abs=1e-10)


LOC = np.array([[0.3, -0.8], [1.2, 0.1]])
SCALE = np.array([[0.5, 1.5], [0.9, 1.1]])
MASK = np.array([[True, False], [False, True]])


def _masked(mask: Any) -> Scenario:
    """A matrix of Normals against standard ones, both masked."""

    def model() -> None:
        q = nd.Normal(
            rb.param("loc", jnp.array(LOC)),
            rb.param("scale", jnp.array(SCALE), rb.constraints.positive),
        )
        p = nd.Normal(jnp.zeros((2, 2)), 1.0)
        if mask is not None:
            q, p = q.mask(mask), p.mask(mask)
        with rb.plate("rows", 2, dim=-2), rb.plate("columns", 2, dim=-1):
            rb.sample("x", p, guide=q)

    return Scenario(model)


@pytest.mark.parametrize("estimator", ALL)
def test_gv_44_a_mask_and_its_complement(estimator: str) -> None:
    """KL by the elements of a mask and by the others: they add up, in value and gradient."""
    kl = normal_kl(LOC, SCALE, 0.0, 1.0)
    slope = {"loc": LOC, "scale": SCALE**2 - 1.0}
    steps = (*ALL[estimator], *EXPANDED)
    for mask in (MASK, ~MASK, None):
        kept = np.ones((2, 2), bool) if mask is None else mask
        gradient = {name: kept * rows for name, rows in slope.items()}
        check(_masked(mask), float(np.sum(kl[kept])), gradient, steps, Precision(normal_nodes=5))


class Bomb(nd.Normal):
    """A Normal whose log density is not a number."""

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        return super().log_prob(value) * jnp.sqrt(-1.0 - value**2)


def test_gv_44_nothing_is_left_of_a_site_that_is_masked_whole() -> None:
    """A mask that is False: the loss is exactly 0, and so is its gradient, in every draw."""
    scenario = _masked(False)
    noise = np.random.default_rng(0).normal(size=(4, 2, 2))
    value, gradient = scenario.estimator(PLANNED)({"x": noise})
    assert not value.any()
    assert all(not rows.any() for rows in gradient.values())


def test_gv_44_a_density_that_is_masked_away_is_not_read() -> None:
    """An observation whose density, and its slope, are NaN leaves no trace where it is masked."""

    def model(law: Any) -> None:
        x = rb.sample("x", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("loc", 0.3), 1.0))
        rb.observe("y", law(x, 1.0), 0.5)

    nodes, weights = hermite(1)
    masked = Scenario(lambda: model(lambda *at: Bomb(*at).mask(False)))
    value, gradient = masked.estimator(SCORES["pruned"])({"x": 0.3 + nodes[:, 0]})
    np.testing.assert_allclose(mean(weights, value), -0.5 * 0.3**2, rtol=1e-12)
    np.testing.assert_allclose(mean(weights, gradient["loc"]), -0.3, rtol=1e-12)
    value, _ = Scenario(lambda: model(Bomb)).estimator(SCORES["pruned"])({"x": nodes[:, 0]})
    assert np.isnan(value).all()


class Marked(nd.Normal):
    """A Normal whose log density has an angle in it, which nothing else has."""

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        loc: Any = self.loc
        return super().log_prob(value) * jnp.arctan2(value, loc)


class Raising(nd.Normal):
    """A Normal whose log density nobody can ask for."""

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        raise AssertionError("the log density of what is masked away is evaluated")


@pytest.mark.parametrize("vector", [False, True])
def test_gv_44_a_density_that_raises_is_masked_away(vector: bool) -> None:
    """As an observation and as a prior: it is not evaluated in Python either."""

    def model(law: Any) -> None:
        x = rb.sample("x", law(0.0, 1.0), guide=nd.Normal(rb.param("loc", 0.3), 1.0))
        if vector:
            with rb.plate("rows", 3):
                rb.observe("y", law(x * jnp.ones((3, 2)), 1.0).to_event(1), jnp.zeros((3, 2)))
        else:
            rb.observe("y", law(x, 1.0), 0.5)

    nodes, weights = hermite(1)
    masked = Scenario(lambda: model(lambda *at: Raising(*at).mask(False)))
    value, gradient = masked.estimator(SCORES["pruned"])({"x": 0.3 + nodes[:, 0]})
    entropy = 0.5 * math.log(2.0 * math.pi) + 0.5
    np.testing.assert_allclose(mean(weights, value), entropy, rtol=1e-12)
    np.testing.assert_allclose(mean(weights, gradient["loc"]), 0.0, atol=1e-12)
    with pytest.raises(AssertionError, match="is evaluated"):
        rb.ELBO(lambda: model(Raising)).compile()


def _in_place(law: Any, mask: Any) -> tuple[Any, ...]:
    def model() -> None:
        x = rb.sample("x", nd.Normal(0.0, 1.0), guide=law(rb.param("p", 2.0), 1.0).mask(mask))
        rb.observe("y", nd.Normal(x, 1.0), 0.5)

    return (model,)


def _by_a_handler(law: Any, mask: Any) -> tuple[Any, ...]:
    def model() -> None:
        with rb.plate("rows", 3):
            x = rb.sample("x", nd.Normal(0.0, 1.0))
            rb.observe("y", nd.Normal(x, 1.0), 0.5)

    def guide() -> None:
        with handlers.mask(mask=mask), rb.plate("rows", 3):
            rb.sample("x", law(rb.param("p", 2.0), 1.0))

    return model, guide


def _in_a_loop(law: Any, mask: Any) -> tuple[Any, ...]:
    def step(before: Any, y: Any) -> Any:
        x = rb.sample("x", nd.Normal(before, 1.0), guide=law(rb.param("p", 2.0), 1.0).mask(mask))
        rb.observe("y", nd.Normal(x, 1.0), y)
        return x, None

    return (lambda: rb.scan(step, 0.0, jnp.array([0.5, 1.5])),)


@pytest.mark.parametrize("functions", [_in_place, _by_a_handler, _in_a_loop])
def test_gv_44_what_is_drawn_keeps_its_density_under_a_mask(functions: Any) -> None:
    """A mask takes an entropy away; the score of a traced law is still that of its own density."""

    class Traced(nd.Normal):
        """A Normal that nobody knows to be one."""

    found: list[list[float]] = []
    for mask in (False, jnp.array(False)):
        objective = rb.ELBO(*functions(Traced, mask)).compile(pipeline="score-function")
        value, gradient = objective.value_and_grad(objective.init(0), 3)
        found.append([float(value), float(gradient["p"])])
    assert found[0] == pytest.approx(found[1], rel=1e-12)
    assert abs(found[0][1]) > 0.1


def test_gv_44_a_mixture_that_is_masked_away_is_not_evaluated() -> None:
    def model() -> None:
        x = rb.sample("x", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("loc", 0.3), 1.0))
        parts = Raising(jnp.stack([x, x + 1.0]), 1.0)
        law = nd.MixtureSameFamily(nd.Categorical(jnp.array([0.4, 0.6])), parts)
        rb.observe("y", law.mask(False), jnp.zeros(3))

    nodes, weights = hermite(1)
    value, _ = Scenario(model).estimator(SCORES["pruned"])({"x": 0.3 + nodes[:, 0]})
    np.testing.assert_allclose(mean(weights, value), -0.5 * 0.3**2, rtol=1e-12)


@pytest.mark.parametrize("masked", [True, False])
def test_gv_44_a_density_that_is_masked_away_is_not_evaluated(masked: bool) -> None:
    """The machine code of value and gradient has no instruction of it."""

    def model() -> None:
        x = rb.sample("x", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("loc", 0.3), 1.0))
        law = Marked(x, 1.0)
        rb.observe("y", law.mask(False) if masked else law, 0.5)

    objective = rb.ELBO(model).compile()
    arguments = objective.init(0), jax.random.key(0)
    compiled = jax.jit(objective.value_and_grad).lower(*arguments).compile()
    assert ("atan2" not in str(compiled.as_text())) == masked


COVARIANCE = np.array([[1.3, 0.4], [0.4, 0.8]])


def _gaussians(guide: Any, prior: Any) -> Scenario:
    return Scenario(lambda: rb.sample("x", prior, guide=guide))


def test_gv_45_independent_normals() -> None:
    """The KL of two independent vectors is the sum of those of their elements."""
    loc, scale = LOC[0], SCALE[0]
    q, p = nd.Normal(jnp.array(loc), scale).to_event(1), nd.Normal(jnp.zeros(2), 2.0).to_event(1)
    check(_gaussians(q, p), float(np.sum(normal_kl(loc, scale, 0.0, 2.0))), {})


def test_gv_45_a_diagonal_and_a_full_covariance() -> None:
    """A vector of independent Normals, and the same law as a multivariate one: one KL."""
    loc, scale = np.array([0.3, -0.8]), np.array([0.5, 1.5])
    prior = nd.MultivariateNormal(jnp.zeros(2), jnp.array(COVARIANCE))
    inverse = np.linalg.inv(COVARIANCE)
    logs = math.log(np.linalg.det(COVARIANCE)) - 2.0 * np.sum(np.log(scale))
    kl = 0.5 * (np.trace(inverse @ np.diag(scale**2)) + loc @ inverse @ loc - 2.0 + logs)
    noise, weights = hermite(2)
    for q in (
        nd.Normal(jnp.array(loc), scale).to_event(1),
        nd.MultivariateNormal(jnp.array(loc), scale_tril=jnp.diag(scale)),
    ):
        value, _ = _gaussians(q, prior).estimator(PLANNED)({"x": noise})
        np.testing.assert_allclose(-mean(weights, value), kl, rtol=1e-12)


def test_gv_45_a_point() -> None:
    """A point for a guide: the loss is −log of the prior there, summed over its elements."""

    def model() -> None:
        q = nd.Delta(rb.param("at", jnp.array(LOC[0])), event_dim=1)
        rb.sample("x", nd.Normal(jnp.zeros(2), 1.5).to_event(1), guide=q)

    at = LOC[0]
    loss = -float(np.sum(stats.norm.logpdf(at, 0.0, 1.5)))
    check(Scenario(model), loss, {"at": at / 1.5**2})


@pytest.mark.parametrize("name", ["exp", "affine and exp", "sigmoid"])
def test_gv_45_one_bijection_of_two_laws(name: str) -> None:
    """The KL of two laws that are pushed through one bijection is that of their bases."""
    transforms = {
        "exp": [ExpTransform()],
        "affine and exp": [AffineTransform(0.4, 1.3), ExpTransform()],
        "sigmoid": [SigmoidTransform()],
    }[name]

    def model() -> None:
        q = nd.Normal(rb.param("loc", 0.3), 0.7)
        pushed = [nd.TransformedDistribution(law, transforms) for law in (nd.Normal(0.5, 1.2), q)]
        rb.sample("x", pushed[0], guide=pushed[1])

    kl = float(normal_kl(0.3, 0.7, 0.5, 1.2))
    for steps in (EXACT, PLANNED, SCORES["pruned"]):
        check(Scenario(model), kl, {"loc": (0.3 - 0.5) / 1.2**2}, steps)


def test_gv_46_nothing_to_draw() -> None:
    """No choice at all: the bound is the log density of what was observed, and −x its slope."""

    def model() -> None:
        rb.observe("obs", nd.Normal(0.0, 1.0), rb.param("x", 2.0))

    scenario = Scenario(model, lambda: None)
    check(scenario, 2.0 + 0.5 * math.log(2.0 * math.pi), {"x": 2.0})
    assert -scenario.outcomes().value() == pytest.approx(2.9189385332, abs=1e-10)
    value, gradient = rb.ELBO(model, lambda: None).compile(particles=10).value_and_grad(
        scenario.coordinates, 0
    )  # fmt: skip
    assert float(value) == pytest.approx(-2.9189385332, abs=1e-10)
    assert float(gradient["x"]) == pytest.approx(-2.0, abs=1e-12)


@pytest.mark.parametrize("samples", [1, 10])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_gv_46_renyis_bound_of_nothing_to_draw(samples: int, alpha: float) -> None:
    """Rényi's bound of both orders, of 1 or 10 samples: the same."""

    def model() -> None:
        rb.observe("obs", nd.Normal(0.0, 1.0), rb.param("x", 2.0))

    weighted = f"relbo-importance-weighted{{samples={samples} alpha={alpha}}}"
    objective = rb.ELBO(model, lambda: None).compile(pipeline=("objective", weighted, "program"))
    value, gradient = objective.value_and_grad({"x": jnp.array(2.0)}, 0)
    assert float(value) == pytest.approx(-2.9189385332, abs=1e-10)
    assert float(gradient["x"]) == pytest.approx(-2.0, abs=1e-12)


@pytest.mark.parametrize("particles", [1, 3])
def test_gv_47_the_bound_by_site(particles: int) -> None:
    """Every addend is a site's, and the sites' sums add up to the bound at the same draws."""

    def model() -> None:
        x = rb.sample("x", nd.Normal(-1.0, 1.0))
        rb.sample("y", nd.Gamma(3.0))
        rb.observe("z", nd.Normal(x, 2.0), 5.0)

    def guide() -> None:
        rb.sample("x", nd.Normal(rb.param("m", 2.0), 2.0))
        rb.sample("y", nd.LogNormal(0.1, 0.4))

    objective = rb.ELBO(model, guide).compile(particles=particles)
    program, params, key = objective.variant("addends"), objective.init(0), jax.random.key(0)
    keys = [key] if particles == 1 else [jax.random.fold_in(key, k) for k in range(particles)]
    sites = dict.fromkeys("xyz", 0.0)
    for one in keys:
        for name, term in program.run(params, one, objective.data_for(program)).items():
            sites[name.partition(".")[0]] += float(jnp.sum(term)) / particles
    assert set(sites) == {"x", "y", "z"}
    assert all(sites.values())
    value = objective.value(params, key)
    np.testing.assert_allclose(sum(sites.values()), value, rtol=1e-12)
