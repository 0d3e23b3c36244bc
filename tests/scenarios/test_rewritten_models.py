"""Programs that a rewriting of the model leaves as they are: centring, and conjugate choices."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from numpyro import handlers
from numpyro.infer.reparam import LocScaleReparam
from oracle import Precision
from scipy import special, stats

import relbo_ir as rb
from scenarios.programs import (
    ALL,
    EXACT,
    EXPANDED,
    PLANNED,
    PRUNED,
    Array,
    Scenario,
    check,
    hermite,
    mean,
)

LOC, SCALE = 0.4, 1.3
CENTRINGS = [0.0, 0.6, 1.0]


def _raw_moment(power: int, standard: tuple[float, ...]) -> tuple[float, float, float]:
    """E[(loc + scale·e)^power] and its slopes in loc and log scale, from the moments of e."""
    terms = [
        math.comb(power, k) * LOC ** (power - k) * SCALE**k * standard[k] for k in range(power + 1)
    ]
    in_loc = sum(t * (power - k) / LOC for k, t in enumerate(terms))
    return sum(terms), in_loc, sum(t * k for k, t in enumerate(terms))


def _centred(law: Any, power: int, centring: float) -> Scenario:
    """E[x^power] of a location-scale choice that is rewritten, its guide its own prior."""

    def model() -> None:
        loc, scale = rb.param("loc", LOC), rb.param("scale", SCALE, rb.constraints.positive)
        shapes = ["df"] if law is nd.StudentT else ["asymmetry"]
        shapes = [] if law is nd.Normal else shapes
        reparam = LocScaleReparam(centring, shape_params=shapes)
        with handlers.reparam(config={"x": reparam}):
            x = rb.sample("x", _law(law, loc, scale))
        rb.factor("moment", x**power)

    def guide() -> None:
        loc, scale = rb.param("loc", LOC), rb.param("scale", SCALE, rb.constraints.positive)
        if centring == 1.0:
            rb.sample("x", _law(law, loc, scale))
        else:
            rb.sample("x_decentered", _law(law, centring * loc, scale**centring))

    return Scenario(model, guide)


def _law(law: Any, loc: Any, scale: Any) -> Any:
    if law is nd.Normal:
        return nd.Normal(loc, scale)
    shape = {nd.StudentT: {"df": 10.0}, nd.AsymmetricLaplace: {"asymmetry": 1.5}}[law]
    return law(loc=loc, scale=scale, **shape)


@pytest.mark.parametrize("centring", CENTRINGS)
@pytest.mark.parametrize("power", [1, 2, 3, 4])
def test_gv_49_moments_of_a_rewritten_normal(power: int, centring: float) -> None:
    """Four moments and their slopes in location and scale, at every centring and estimator."""
    value, in_loc, in_scale = _raw_moment(power, (1.0, 0.0, 1.0, 0.0, 3.0))
    for estimator in ("exact", "pruned", "planned"):
        scenario = _centred(nd.Normal, power, centring)
        check(scenario, -value, {"loc": -in_loc, "scale": -in_scale}, ALL[estimator])


def test_gv_49_a_learned_centring_has_no_gradient() -> None:
    """The centring is a parameter of model and guide: nothing depends on it in the mean."""

    def model() -> None:
        with handlers.reparam(config={"x": LocScaleReparam(None)}):
            x = rb.sample("x", nd.Normal(rb.param("loc", LOC), SCALE))
        rb.factor("moment", x**3)

    def guide() -> None:
        c = rb.param("x_centered", 0.5, rb.constraints.unit_interval)
        rb.sample("x_decentered", nd.Normal(c * rb.param("loc", LOC), SCALE**c))

    value, in_loc, _ = _raw_moment(3, (1.0, 0.0, 1.0, 0.0))
    for steps in (EXACT, PLANNED, PRUNED):
        check(Scenario(model, guide), -value, {"loc": -in_loc, "x_centered": 0.0}, steps)


def _standard_nodes(law: Any) -> tuple[Array, Array]:
    """Nodes and weights of the standard law: exact, or converged, for polynomials."""
    if law is nd.StudentT:
        t = np.linspace(-12.0, 12.0, 1201)
        x = np.sinh(t)
        return x, (t[1] - t[0]) * np.cosh(t) * stats.t.pdf(x, 10.0)
    nodes, weights = np.polynomial.laguerre.laggauss(12)
    up, down = nodes / 1.5, -1.5 * nodes
    whole = 1.5 + 1.0 / 1.5
    return np.concatenate([up, down]), np.concatenate([weights / 1.5, weights * 1.5]) / whole


@pytest.mark.parametrize("centring", CENTRINGS)
@pytest.mark.parametrize("law", [nd.StudentT, nd.AsymmetricLaplace])
def test_gv_49_moments_of_other_rewritten_laws(law: Any, centring: float) -> None:
    """The four of a Student t and an asymmetric Laplace, scored, over nodes of their draws."""
    nodes, weights = _standard_nodes(law)
    np.testing.assert_allclose(np.sum(weights), 1.0, rtol=1e-12)
    standard = tuple(float(np.sum(weights * nodes**k)) for k in range(5))
    draws = centring * LOC + SCALE**centring * nodes
    name = "x" if centring == 1.0 else "x_decentered"
    for power in (1, 2, 3, 4):
        exact = _raw_moment(power, standard)
        value, gradient = _centred(law, power, centring).estimator(PRUNED)({name: draws})
        found = (value, gradient["loc"], gradient["scale"])
        for rows, number in zip(found, exact, strict=True):
            np.testing.assert_allclose(mean(weights, rows), number, rtol=1e-9, atol=1e-9)


C1, C0, TRIALS = 0.5, 1.5, 10


def _beta_binomial(count: int) -> tuple[float, dict[str, float]]:
    """Its log density, and its slopes in the logarithms of the concentrations."""
    density = float(stats.betabinom.logpmf(count, TRIALS, C1, C0))
    total = special.digamma(C1 + C0) - special.digamma(C1 + C0 + TRIALS)
    slopes = {
        "c1": C1 * (special.digamma(C1 + count) - special.digamma(C1) + total),
        "c0": C0 * (special.digamma(C0 + TRIALS - count) - special.digamma(C0) + total),
    }
    return density, {name: float(s) for name, s in slopes.items()}


def _concentrations() -> tuple[Any, Any]:
    return (
        rb.param("c1", C1, rb.constraints.positive),
        rb.param("c0", C0, rb.constraints.positive),
    )


@pytest.mark.parametrize("count", [0, 3, 10])
@pytest.mark.parametrize("estimator", ["exact", "pruned"])
def test_gv_50_a_conjugate_guide(estimator: str, count: int) -> None:
    """Under the exact posterior of a Binomial's probability, the loss is the collapsed one's."""

    def model() -> None:
        p = rb.sample("p", nd.Beta(*_concentrations()))
        rb.observe("counts", nd.Binomial(TRIALS, probs=p), count)

    def guide() -> None:
        c1, c0 = _concentrations()
        rb.sample("p", nd.Beta(c1 + count, c0 + (TRIALS - count)))

    density, slopes = _beta_binomial(count)
    gradient = {name: -s for name, s in slopes.items()}
    steps = (*ALL[estimator], *EXPANDED)
    precision = Precision(line_nodes=2001)
    check(Scenario(model, guide), -density, gradient, steps, precision)


@pytest.mark.parametrize("count", [0, 3, 10])
def test_gv_50_and_gv_52_a_collapsed_choice(count: int) -> None:
    """The collapsed program has no choice. Its stated numbers, of three in ten, have six digits."""

    def model() -> None:
        c1, c0 = _concentrations()
        rb.observe("counts", nd.BetaBinomial(c1, c0, TRIALS), count)

    density, slopes = _beta_binomial(count)
    if count == 3:
        assert density == pytest.approx(-2.4161568566, abs=2e-6)
        assert slopes == pytest.approx({"c1": 0.5233946168, "c0": 0.0355847269}, abs=2e-6)
    steps = (*EXACT, *EXPANDED)
    gradient = {name: -s for name, s in slopes.items()}
    check(Scenario(model, lambda: None), -density, gradient, steps)


@pytest.mark.parametrize(("steps", "hidden"), [(1, 3), (2, 1), (2, 3)])
def test_gv_51_a_collapsed_state_space(steps: int, hidden: int) -> None:
    """
    A linear Gaussian state space under noise. Under the exact posterior every draw's loss is that
    of the collapsed program; and the gradients of its matrices agree in the mean.
    """
    rng = np.random.default_rng(hidden)
    start = {
        "transition": 0.5 * np.eye(hidden) + 0.2 * rng.normal(size=(hidden, hidden)),
        "observation": rng.normal(size=(hidden, 1)),
    }
    data = np.array([0.7, -1.1])[:steps]

    def covariance(transition: Any, observation: Any) -> Any:
        """Of what a chain from N(0, I), with unit noise at every step, emits with noise ½."""
        state, rows = jnp.eye(hidden), []
        states = []
        for _ in range(steps):
            state = transition.T @ state @ transition + jnp.eye(hidden)
            states.append(state)
        for i in range(steps):
            row = []
            for j in range(steps):
                power = jnp.linalg.matrix_power(transition, abs(j - i))
                early = states[min(i, j)]
                row.append((observation.T @ early @ power @ observation)[0, 0])
            rows.append(jnp.stack(row))
        return jnp.stack(rows) + 0.25 * jnp.eye(steps)

    def prior() -> Any:
        return covariance(*(rb.param(name, jnp.array(x)) for name, x in start.items()))

    def model() -> None:
        z = rb.sample("z", nd.MultivariateNormal(jnp.zeros(steps), prior()))
        rb.observe("x", nd.Normal(z, 1.0).to_event(1), data)

    def guide() -> None:
        gain = jnp.linalg.inv(jnp.eye(steps) + jnp.linalg.inv(prior()))
        rb.sample("z", nd.MultivariateNormal(gain @ data, gain))

    def collapsed() -> None:
        law = nd.MultivariateNormal(jnp.zeros(steps), prior() + jnp.eye(steps))
        rb.observe("x", law, data)

    def evidence(parameters: dict[str, Any]) -> Any:
        total = covariance(parameters["transition"], parameters["observation"])
        law = nd.MultivariateNormal(jnp.zeros(steps), total + jnp.eye(steps))
        return law.log_prob(data)

    exact, slopes = jax.jit(jax.value_and_grad(evidence))(
        {n: jnp.array(x) for n, x in start.items()}
    )
    noise, weights = hermite(steps)
    value, gradient = Scenario(model, guide).estimator(PLANNED)({"z": noise})
    np.testing.assert_allclose(value, np.full(len(value), exact), rtol=1e-9)
    without, one = Scenario(collapsed, lambda: None).estimator(PLANNED), {"unused": np.zeros(1)}
    found, direct = without(one)
    np.testing.assert_allclose(found, [exact], rtol=1e-12)
    for name, slope in slopes.items():
        np.testing.assert_allclose(mean(weights, gradient[name]), slope, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(direct[name][0], slope, rtol=1e-9, atol=1e-9)
