"""Compiled estimators of one continuous choice, summed over their draws by quadrature."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from oracle import Precision
from scipy import integrate, special, stats

import relbo_ir as rb
from relbo_ir.dialects.errors import PassError
from scenarios.expected import extra, needs_numbers
from scenarios.programs import EXACT, PLANNED, PRUNED, SCORES, Array, Scenario, check, mean


def normal_between(loc: float, *breaks: float) -> tuple[Array, Array]:
    """Nodes and weights of N(loc, 1), Gauss–Legendre between the points where a cost is not smooth."""
    edges = np.array([loc - 12.0, *breaks, loc + 12.0])
    nodes, weights = np.polynomial.legendre.leggauss(80)
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    x = (middle[:, np.newaxis] + half[:, np.newaxis] * nodes).ravel()
    return x, (half[:, np.newaxis] * weights).ravel() * stats.norm.pdf(x, loc)


def hows(scenario: Scenario) -> str:
    """The text of the planned program."""
    return str(scenario.module(PLANNED))


@pytest.mark.parametrize("treatment", ["score", "pathwise"])
def test_gv_16_a_clamped_mean(treatment: str) -> None:
    """
    A mean that is clamped: its kinks are Lipschitz, so that pathwise is legal, and both estimators
    have the slope loc + ½·d/dloc E[clamp²].
    """
    loc = 0.2

    def model() -> None:
        z = rb.sample("z", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("loc", loc), 1.0))
        rb.observe("x", nd.Normal(jnp.clip(100.0 * z, 0.0, 1.0), 1.0), 0.0)

    def inner(power: int) -> float:
        def integrand(z: float) -> float:
            return z**power * float(stats.norm.pdf(z, loc))

        return float(integrate.quad(integrand, 0.0, 0.01, epsabs=1e-14)[0])

    scenario = Scenario(model)
    assert "pathwise" in hows(scenario)
    z, weights = normal_between(loc, 0.0, 0.01)
    steps, draws = (PRUNED, z) if treatment == "score" else (PLANNED, z - loc)
    value, gradient = scenario.estimator(steps)({"z": draws})
    square = 1e4 * inner(2) + float(stats.norm.sf(0.01, loc))
    loss = 0.5 * loc**2 + 0.5 * math.log(2.0 * math.pi) + 0.5 * square
    np.testing.assert_allclose(-mean(weights, value), loss, rtol=1e-9)
    np.testing.assert_allclose(-mean(weights, gradient["loc"]), loc + 1e4 * inner(1), rtol=1e-9)


def _rounded(loc: float) -> Scenario:
    def model() -> None:
        z = rb.sample("z", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("loc", loc), 1.0))
        rb.observe("x", nd.Bernoulli(jnp.clip(jnp.round(z), 0.2, 0.8)), 0)

    return Scenario(model)


@pytest.mark.parametrize("loc", [-0.3, 0.4, 1.1])
def test_gv_17_a_rounded_choice_is_scored(loc: float) -> None:
    """The cost jumps at z = ½, from log .8 to log .2: the score function has the jump's slope."""
    scenario = _rounded(loc)
    assert "score" in hows(scenario) and "pathwise" not in hows(scenario)
    z, weights = normal_between(loc, 0.5)
    value, gradient = scenario.estimator(PLANNED)({"z": z})
    jump = math.log(0.8) - math.log(0.2)
    loss = 0.5 * loc**2 - math.log(0.8) + jump * float(stats.norm.sf(0.5, loc))
    np.testing.assert_allclose(-mean(weights, value), loss, rtol=1e-9)
    slope = loc + jump * float(stats.norm.pdf(0.5, loc))
    np.testing.assert_allclose(-mean(weights, gradient["loc"]), slope, rtol=1e-9)


def test_gv_17_a_rounded_choice_is_not_pathwise() -> None:
    """Asked for by name, the pathwise estimator is refused: its slope would be 0 for the jump."""
    with pytest.raises(PassError, match="z"):
        _rounded(0.4).module((*EXACT, 'relbo-pathwise{sites="z"}'))


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("treatment", ["score", "pathwise"])
def test_gv_18_exponential(treatment: str, rate: float) -> None:
    """KL(Exponential(r) ‖ Exponential(1)) = log r + 1/r − 1, by Gauss–Laguerre nodes."""

    def model() -> None:
        r = rb.param("r", rate, rb.constraints.positive)
        rb.sample("z", nd.Exponential(1.0), guide=nd.Exponential(r))

    nodes, weights = np.polynomial.laguerre.laggauss(8)
    steps, draws = (PRUNED, nodes / rate) if treatment == "score" else (PLANNED, nodes)
    value, gradient = Scenario(model).estimator(steps)({"z": draws})
    np.testing.assert_allclose(-mean(weights, value), math.log(rate) + 1 / rate - 1, atol=1e-12)
    slope = 1.0 / rate - 1.0 / rate**2
    np.testing.assert_allclose(-mean(weights, gradient["r"]), rate * slope, atol=1e-12)


class Rejected(nd.Distribution):
    """An Exponential whose sampler proposes a wider one, by a factor, and rejects."""

    support: Any = nd.constraints.positive
    pytree_data_fields = ("rate", "factor")

    def __init__(self, rate: Any, factor: Any):
        self.rate, self.factor = rate, factor
        super().__init__(jnp.shape(rate), ())

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Any:
        def propose(state: Any) -> Any:
            following, first, second = jax.random.split(state[0], 3)
            x = jax.random.exponential(first, sample_shape) / (self.factor * self.rate)
            log_accepted = (self.factor - 1.0) * self.rate * x
            kept = jnp.log(jax.random.uniform(second, sample_shape)) <= log_accepted
            return following, x, kept

        first = propose((key, None, None))
        return jax.lax.while_loop(lambda state: ~state[2], propose, first)[1]

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        return jnp.log(self.rate) - self.rate * value


def _rejected(rate: float, factor: float) -> Scenario:
    def model() -> None:
        r = rb.param("r", rate, rb.constraints.positive)
        law = Rejected(r, rb.param("factor", factor, rb.constraints.interval(0.0, 2.0)))
        rb.sample("z", nd.Exponential(1.0), guide=law)

    return Scenario(model)


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_gv_18_a_rejection_sampler(rate: float, factor: float) -> None:
    """The slope in r is 1/r − 1/r², and 0 in every draw in the parameter of the sampler alone."""
    scenario = _rejected(rate, factor)
    assert "score" in hows(scenario) and "pathwise" not in hows(scenario)
    nodes, weights = np.polynomial.laguerre.laggauss(8)
    value, gradient = scenario.estimator(PLANNED)({"z": nodes / rate})
    np.testing.assert_allclose(-mean(weights, value), math.log(rate) + 1 / rate - 1, atol=1e-12)
    slope = 1.0 / rate - 1.0 / rate**2
    np.testing.assert_allclose(-mean(weights, gradient["r"]), rate * slope, atol=1e-12)
    assert not gradient["factor"].any()


def test_gv_18_draws_of_a_rejection_sampler() -> None:
    """Seed 0, 20,000 draws: value and slope within 5 standard errors."""
    scenario = _rejected(2.0, 0.25)
    objective = rb.ELBO(scenario.model).compile()
    params, keys = objective.init(0), jax.random.split(jax.random.key(0), 20_000)
    value, gradient = jax.jit(jax.vmap(lambda key: objective.value_and_grad(params, key)))(keys)
    assert not gradient["factor"].any()
    for rows, exact in ((value, math.log(2.0) - 0.5), (gradient["r"], 2.0 * 0.25)):
        error = float(jnp.std(rows)) / math.sqrt(len(keys))
        assert error < 0.02
        assert abs(float(jnp.mean(rows)) + exact) < 5.0 * error


def _gamma_slopes(a: float, b: float) -> dict[str, float]:
    """Of KL(Gamma(a, b) ‖ Gamma(1, 1)), in a and b."""
    return {
        "a": (a - 1.0) * float(special.polygamma(1, a)) + 1.0 / b - 1.0,
        "b": 1.0 / b - a / b**2,
    }


GRID = [(a, b) for a in (0.2, 0.5, 1.0, 2.0, 5.0) for b in (0.2, 0.5, 1.0, 2.0, 5.0)]


def _gammas(a: Any, b: Any, shape: tuple[int, ...] = ()) -> Scenario:
    def model() -> None:
        first = rb.param("a", a, rb.constraints.positive)
        second = rb.param("b", b, rb.constraints.positive)
        prior = nd.Gamma(jnp.ones(shape), 1.0).to_event(len(shape))
        rb.sample("z", prior, guide=nd.Gamma(first, second).to_event(len(shape)))

    return Scenario(model)


@pytest.mark.parametrize("estimator", ["exact", "pruned"])
def test_gv_19_gamma_grid(estimator: str) -> None:
    """The slopes of 25 Gamma guides, by the trapezoidal rule in log z."""
    for a, b in GRID:
        kl = (a - 1.0) * special.digamma(a) - special.gammaln(a) + math.log(b) + a * (1.0 - b) / b
        slopes = _gamma_slopes(a, b)
        gradient = {"a": a * slopes["a"], "b": b * slopes["b"]}
        check(_gammas(a, b), kl, gradient, SCORES[estimator], Precision(line_nodes=2001))


def test_gv_19_implicit_gamma_gradients() -> None:
    """
    Seed 0, 4,000 draws of all 25: the implicit derivative's mean within 5 standard errors; of
    50 slopes one fails by chance in 35,000 runs.
    """
    a, b = np.array(GRID).T
    scenario = _gammas(a, b, (25,))
    assert "pathwise" in hows(scenario)
    objective = rb.ELBO(scenario.model).compile()
    params, keys = objective.init(0), jax.random.split(jax.random.key(0), 4_000)
    _, gradient = jax.jit(jax.vmap(lambda key: objective.value_and_grad(params, key)))(keys)
    for name, at in (("a", a), ("b", b)):
        rows = -np.asarray(gradient[name])
        error = rows.std(axis=0) / math.sqrt(len(rows)) + 1e-12
        exact = at * np.array([_gamma_slopes(*pair)[name] for pair in GRID])
        assert np.abs((rows.mean(axis=0) - exact) / error).max() < 5.0


@needs_numbers
def test_gv_19_as_tabulated() -> None:
    """The closed forms above are the catalogue's numbers."""
    known = extra("rejection")["gamma"]
    assert len(known) == len(GRID)
    for a, b in GRID:
        row, slope = known[f"{a},{b}"], _gamma_slopes(a, b)
        assert slope["a"] == pytest.approx(row["grad_alpha"], abs=1e-9)
        assert slope["b"] == pytest.approx(row["grad_beta"], abs=1e-9)


@pytest.mark.parametrize("coin", ["exact", "score"])
def test_gv_14_gamma_beside_a_coin(coin: str) -> None:
    """
    A Gamma guide beside a coin; a rejection sampler is one way to draw the Gamma, its law and
    the exact slopes log 3 and (a − ½)·ψ₁(a) are the same.
    """
    a = 1.5

    def model() -> None:
        rb.sample("z", nd.Bernoulli(0.25), guide=nd.Bernoulli(rb.param("q", 0.5)))
        shape = rb.param("a", a, rb.constraints.positive)
        rb.sample("y", nd.Gamma(0.5, 1.0), guide=nd.Gamma(shape, 1.0))

    slope = (a - 0.5) * float(special.polygamma(1, a))
    assert slope == pytest.approx(0.9348022005, abs=1e-10)
    kl = (a - 0.5) * special.digamma(a) - special.gammaln(a) + special.gammaln(0.5)
    loss = 0.5 * math.log(4.0 / 3.0) + kl
    scored = '{sites="y"}' if coin == "exact" else '{sites="y","z"}'
    steps = [*EXACT, f"relbo-score-function{scored}", "relbo-rao-blackwellize"]
    gradient = {"q": math.log(3.0), "a": a * slope}
    check(Scenario(model), loss, gradient, steps, Precision(line_nodes=801))


def test_gv_34_endpoints_of_a_uniform() -> None:
    """E[x²] of a Uniform on (0, 1): the slopes ⅓ and ⅔ in its ends, pathwise."""

    def model() -> None:
        law = nd.Uniform(rb.param("low", 0.0), rb.param("high", 1.0))
        x = rb.sample("x", law, guide=law)
        rb.factor("cost", x**2)

    nodes, weights = np.polynomial.legendre.leggauss(5)
    value, gradient = Scenario(model).estimator(PLANNED)({"x": 0.5 * (nodes + 1.0)})
    np.testing.assert_allclose(mean(0.5 * weights, value), 1.0 / 3.0, rtol=1e-12)
    np.testing.assert_allclose(mean(0.5 * weights, gradient["low"]), 1.0 / 3.0, rtol=1e-12)
    np.testing.assert_allclose(mean(0.5 * weights, gradient["high"]), 2.0 / 3.0, rtol=1e-12)
