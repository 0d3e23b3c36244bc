"""
Relaxed coins and categories. A straight-through use of their draws, which rounds the value and keeps
the derivative, leaves the entropy's gradient as it is; the rounding is scored, never differentiated.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from numpyro.distributions.transforms import SigmoidTransform
from scipy import special, stats

import relbo_ir as rb
from relbo_ir.dialects.errors import PassError
from scenarios.programs import EXACT, PLANNED, PRUNED, Array, Scenario, mean

Q = np.array([0.1, 0.2, 0.3, 0.4])
COST = np.array([2.0, -1.0, 0.5, 3.0])
TEMPERATURES = [0.3, 0.5, 1.0]


def _straight_through(soft: Any, hard: Any) -> Any:
    """The value of `hard`, with the derivative of `soft`."""
    return soft + jax.lax.stop_gradient(hard - soft)


def _coins(temperature: float, law: str, *, rounded: bool = False) -> Scenario:
    """Four relaxed coins under a flat prior: the loss is E[log q], and a cost of their rounding."""

    def model() -> None:
        with rb.plate("coins", 4):
            z = rb.sample("z", nd.Uniform(0.0, 1.0))
        if rounded:
            rb.factor("cost", jnp.sum(COST * _straight_through(z, jnp.round(z))))

    def guide() -> None:
        logits = rb.param("logits", jnp.array(special.logit(Q)))
        base = nd.Logistic(logits / temperature, 1.0 / temperature)
        written_out = nd.TransformedDistribution(base, SigmoidTransform())
        with rb.plate("coins", 4):
            relaxed = nd.RelaxedBernoulliLogits(temperature, logits=logits)
            rb.sample("z", relaxed if law == "relaxed" else written_out)

    return Scenario(model, guide)


def _coin_nodes() -> tuple[Array, Array]:
    """Nodes and weights of the difference of a coin's logit from 0, on both sides of the rounding."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    x = 30.0 * np.concatenate([nodes - 1.0, nodes + 1.0])
    return x, 30.0 * np.concatenate([weights, weights])


def _relaxed_coins(temperature: float) -> tuple[Array, Array]:
    """
    Nodes (K, 4) of four coins, each of its own, and their weights (K, 4). What rounds to 1 is the
    number below it, as in the sampler; at temperature .3 that is 10⁻⁵ of a coin's mass.
    """
    x, weights = _coin_nodes()
    densities = stats.logistic.pdf(x[:, np.newaxis] - special.logit(Q))
    z = np.minimum(special.expit(x / temperature), 1.0 - 2.0**-53)
    return np.repeat(z[:, np.newaxis], 4, axis=1), weights[:, np.newaxis] * densities


@pytest.mark.parametrize("law", ["relaxed", "written out"])
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gv_53_the_path_of_a_relaxed_coin(temperature: float, law: str) -> None:
    """The slope of log q along the path of a draw z, in the coin's logit, is (2z − 1)/temperature."""
    noise = np.random.default_rng(0).logistic(size=(5, 4))
    z = special.expit((special.logit(Q) + noise) / temperature)
    _, gradient = _coins(temperature, law).estimator(PLANNED)({"z": noise})
    np.testing.assert_allclose(-gradient["logits"], (2.0 * z - 1.0) / temperature, rtol=1e-9)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gv_53_a_straight_through_coin(temperature: float) -> None:
    """
    The entropy's gradient is that of the ordinary relaxation, E[2z − 1]/temperature, and the rounded
    cost adds its exact one, cost·q(1 − q); the relaxation's derivative of it is another number.
    """
    z, weights = _relaxed_coins(temperature)
    np.testing.assert_allclose(np.sum(weights, axis=0), 1.0, rtol=1e-9)
    entropy = np.sum(weights * (2.0 * z - 1.0), axis=0) / temperature
    for rounded in (False, True):
        scenario = _coins(temperature, "relaxed", rounded=rounded)
        _, gradient = scenario.estimator(PRUNED)({"z": z})
        exact = entropy - rounded * COST * Q * (1.0 - Q)
        found = -np.sum(weights * gradient["logits"], axis=0)
        tolerance = 1e-4 if temperature == 0.3 else 1e-7
        np.testing.assert_allclose(found, exact, atol=tolerance)
    soft = COST * np.sum(weights * z * (1.0 - z), axis=0) / temperature
    assert np.abs(soft - COST * Q * (1.0 - Q)).max() > 0.005


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gv_53_rounding_is_not_pathwise(temperature: float) -> None:
    """The rounded cost jumps: planned, the coins are scored; asked for, the path is refused."""
    scenario = _coins(temperature, "relaxed", rounded=True)
    assert "pathwise" in str(_coins(temperature, "relaxed").module(PLANNED))
    assert "pathwise" not in str(scenario.module(PLANNED))
    with pytest.raises(PassError, match="z"):
        scenario.module((*EXACT, 'relbo-pathwise{sites="z"}'))


class RelaxedOneHot(nd.Distribution):
    """Categories, relaxed to the simplex (Maddison et al. 2017): softmax((logits + Gumbel)/t)."""

    support: Any = nd.constraints.simplex
    pytree_data_fields = ("logits", "temperature")

    def __init__(self, logits: Any, temperature: Any):
        self.logits, self.temperature = logits, temperature
        super().__init__((), jnp.shape(logits))

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Any:
        shape = (*sample_shape, *self.event_shape)
        noise = jax.random.gumbel(key, shape, jnp.result_type(float))
        return jax.nn.softmax((self.logits + noise) / self.temperature)

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        return self.of_logarithms(jnp.log(value))

    def of_logarithms(self, logs: Any) -> Any:
        """The log density of a value, from its elements' logarithms."""
        count, scores = self.event_shape[0], self.logits - self.temperature * logs
        constant = math.lgamma(count) + (count - 1) * jnp.log(self.temperature)
        return constant + jnp.sum(scores - logs) - count * jax.nn.logsumexp(scores)


def _law(temperature: float) -> RelaxedOneHot:
    return RelaxedOneHot(rb.param("logits", jnp.log(jnp.array(Q))), temperature)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gv_53_the_path_of_a_relaxed_category(temperature: float) -> None:
    """
    The slope of log q along the path of a draw z, in the logits, is (4z − 1)/temperature; the path
    is that of its Gumbels, and log q is the density of a point that is computed from them.
    """

    def model() -> None:
        rb.sample("logarithms", nd.ImproperUniform(nd.constraints.real, (), (4,)))

    def guide() -> None:
        law = _law(temperature)
        gumbels = nd.Gumbel(law.logits, 1.0).to_event(1)
        x = rb.sample("x", gumbels, auxiliary=True)
        logs = jax.nn.log_softmax(x / temperature)
        density = law.of_logarithms(logs) - gumbels.log_prob(x)
        rb.sample("logarithms", nd.Delta(logs, density, event_dim=1))

    noise = np.random.default_rng(0).gumbel(size=(5, 4))
    z = special.softmax((np.log(Q) + noise) / temperature, axis=1)
    _, gradient = Scenario(model, guide).estimator(PLANNED)({"x": noise})
    np.testing.assert_allclose(-gradient["logits"], (4.0 * z - 1.0) / temperature, rtol=1e-8)


def _categories(temperature: float, *, rounded: bool) -> Scenario:
    """A relaxed category under a flat prior: the loss is E[log q], and a cost of its rounding."""

    def model() -> None:
        z = rb.sample("z", nd.Dirichlet(jnp.ones(4)))
        if rounded:
            hard = jax.nn.one_hot(jnp.argmax(z), 4)
            rb.factor("cost", jnp.sum(COST * _straight_through(z, hard)))

    return Scenario(model, lambda: rb.sample("z", _law(temperature)))


def _relaxed_categories(temperature: float) -> tuple[Array, Array]:
    """
    Nodes (K, 4) and weights (K,), by the largest element: over the differences w > 0 of its logit
    from the others', whose density is Γ(4)·Π r·exp(w) / (1 + Σ r·exp(w))⁴ with ratios r of Q.
    """
    nodes, weights = np.polynomial.legendre.leggauss(12)
    edges = np.array([0.0, 1.0, 4.0, 12.0, 36.0])
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    line = (middle[:, np.newaxis] + half[:, np.newaxis] * nodes).ravel()
    mass = (half[:, np.newaxis] * weights).ravel()
    w = np.array(list(itertools.product(line, repeat=3)))
    each = np.prod(np.array(list(itertools.product(mass, repeat=3))), axis=1)
    rows, masses = [], []
    for k in range(4):
        others = [j for j in range(4) if j != k]
        logits = np.concatenate([np.zeros((len(w), 1)), np.log(Q[others] / Q[k]) + w], axis=1)
        density = 6.0 * np.exp(np.sum(logits, axis=1)) / np.sum(np.exp(logits), axis=1) ** 4
        x = np.zeros((len(w), 4))
        x[:, others] = -w
        rows.append(special.softmax(x / temperature, axis=1))
        masses.append(each * density)
    return np.concatenate(rows), np.concatenate(masses)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gv_53_a_straight_through_category(temperature: float) -> None:
    """
    The entropy's gradient is that of the ordinary relaxation, E[4z − 1]/temperature, and the rounded
    cost adds its exact one, q·(cost − mean cost).
    """
    z, weights = _relaxed_categories(temperature)
    np.testing.assert_allclose(np.sum(weights), 1.0, rtol=1e-7)
    entropy = (4.0 * mean(weights, z) - 1.0) / temperature
    for rounded in (False, True):
        scenario = _categories(temperature, rounded=rounded)
        assert "pathwise" not in str(scenario.module(PLANNED))
        _, gradient = scenario.estimator(PLANNED)({"z": z})
        exact = entropy - rounded * Q * (COST - Q @ COST)
        np.testing.assert_allclose(-mean(weights, gradient["logits"]), exact, atol=2e-5)
