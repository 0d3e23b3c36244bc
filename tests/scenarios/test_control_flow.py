"""Sites in the steps of NumPyro's scan: the program written out, plates and masks in a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as nd
import pytest
from jax.lax import stop_gradient
from numpyro.contrib.control_flow import scan
from numpyro.handlers import mask
from xdsl.dialects.builtin import TensorType

import relbo_ir as rb
from relbo_ir.passes.treatment import choices, expectations
from scenarios.programs import EXACT, PLANNED, PRUNED, Scenario, Steps

CHAIN = 10
PHI, BETA, SD, NOISE = 0.4, 0.7, 0.9, 0.8
Y = np.random.default_rng(1).normal(size=CHAIN)
LOC, SCALE = np.linspace(-0.6, 0.5, CHAIN), np.linspace(0.3, 0.9, CHAIN)


def _step(name: Callable[[str], str], before: Any, y: Any) -> Any:
    """One step of PS-15: a positive choice around the one before, and a level that forgets."""
    last, level = before
    x = numpyro.sample(name("x"), nd.LogNormal(PHI * last, SD))
    level = BETA * level + x
    numpyro.sample(name("y"), nd.Normal(level, NOISE), obs=y)
    return x, level


def _parameters() -> tuple[Any, Any]:
    """Of the guide's Normal logarithms."""
    scale = rb.param("scale", jnp.asarray(SCALE), rb.constraints.positive)
    return rb.param("loc", jnp.asarray(LOC)), scale


def _in_a_scan() -> Scenario:
    def model(y: Any) -> None:
        scan(lambda c, y: (_step(lambda site: site, c, y), None), (0.0, 0.0), y)

    def guide(y: Any) -> None:
        loc, scale = _parameters()
        scan(lambda c, law: (c, rb.sample("x", nd.LogNormal(*law))), None, (loc, scale))

    return Scenario(model, guide, (Y,))


def _written_out() -> Scenario:
    def model(y: Any) -> None:
        carry: Any = (0.0, 0.0)
        for t in range(CHAIN):
            carry = _step(lambda site, t=t: f"{site}_{t}", carry, y[t])

    def guide(y: Any) -> None:
        loc, scale = _parameters()
        for t in range(CHAIN):
            rb.sample(f"x_{t}", nd.LogNormal(loc[t], scale[t]))

    return Scenario(model, guide, (Y,))


def _log_normal(value: Any, loc: Any, scale: Any) -> Any:
    error = (value - loc) / scale
    return -0.5 * error**2 - jnp.log(scale) - 0.5 * math.log(2.0 * math.pi)


def _terms(x: Any, params: dict[str, Any]) -> tuple[Any, Any, Any]:
    """By step: log densities of the choice in model and guide, and of the observation."""
    before = jnp.concatenate([jnp.zeros(1), x[:-1]])
    prior = _log_normal(jnp.log(x), PHI * before, SD) - jnp.log(x)
    entropic = _log_normal(jnp.log(x), params["loc"], jnp.exp(params["scale"])) - jnp.log(x)
    forget = jnp.tril(BETA ** jnp.abs(jnp.arange(CHAIN)[:, None] - jnp.arange(CHAIN)))
    return prior, entropic, _log_normal(Y, forget @ x, NOISE)


def _by_hand_pathwise(params: dict[str, Any], noise: Any) -> tuple[Any, dict[str, Any]]:
    def elbo(params: dict[str, Any]) -> Any:
        x = jnp.exp(params["loc"] + jnp.exp(params["scale"]) * noise)
        prior, entropic, likelihood = _terms(x, params)
        return jnp.sum(prior - entropic + likelihood)

    return jax.value_and_grad(elbo)(params)


def _by_hand_pruned(params: dict[str, Any], x: Any) -> tuple[Any, dict[str, Any]]:
    """A choice weighs its own terms, the next step's prior, and all that is observed from it on."""

    def surrogate(params: dict[str, Any]) -> tuple[Any, Any]:
        prior, entropic, likelihood = _terms(x, params)
        later = jnp.append(prior[1:], 0.0) + jnp.cumsum(likelihood[::-1])[::-1]
        weighed = stop_gradient(prior - entropic + later) * entropic
        return jnp.sum(weighed - entropic), jnp.sum(prior - entropic + likelihood)

    (_, value), gradient = jax.value_and_grad(surrogate, has_aux=True)(params)
    return value, gradient


@pytest.mark.parametrize("make", [_in_a_scan, _written_out])
@pytest.mark.parametrize(
    ("steps", "by_hand"), [(PLANNED, _by_hand_pathwise), (PRUNED, _by_hand_pruned)]
)
def test_ps_15_a_scan_is_the_program_written_out(
    make: Callable[[], Scenario], steps: Steps, by_hand: Any
) -> None:
    """The log joint at given draws less the guide's, and its gradient in every coordinate."""
    noise = np.random.default_rng(0).normal(size=(4, CHAIN))
    rows = np.exp(LOC + SCALE * noise) if steps is PRUNED else noise
    named = {f"x_{t}": rows[:, t] for t in range(CHAIN)} if make is _written_out else {"x": rows}
    scenario = make()
    value, gradient = scenario.estimator(steps)(named)
    params = {name: jnp.asarray(x) for name, x in scenario.coordinates.items()}
    wanted, slopes = jax.vmap(by_hand, (None, 0))(params, rows)
    np.testing.assert_allclose(value, wanted, rtol=1e-10)
    assert gradient.keys() == slopes.keys()
    for name, slope in slopes.items():
        np.testing.assert_allclose(gradient[name], slope, rtol=1e-9, atol=1e-11)


TIMES, SERIES, EVENT = 12, 10, 3
SEEN = np.random.default_rng(2).normal(size=(TIMES, SERIES, EVENT))


def _masked_walks(until: int) -> Scenario:
    """Walks side by side in a plate of each step; steps from `until` on are masked."""

    def model(seen: Any) -> None:
        def step(carry: Any, y: Any) -> Any:
            x, t = carry
            with numpyro.plate("series", SERIES, dim=-1), mask(mask=t < until):
                x = numpyro.sample("x", nd.Normal(x, SD).to_event(1))
                numpyro.sample("y", nd.Normal(x, NOISE).to_event(1), obs=y)
            return (x, t + 1), None

        scan(step, (jnp.zeros((SERIES, EVENT)), 0), seen)

    def guide(seen: Any) -> None:
        loc = rb.param("loc", jnp.asarray(0.5 * SEEN))

        def step(t: Any, at: Any) -> Any:
            with numpyro.plate("series", SERIES, dim=-1), mask(mask=t < until):
                numpyro.sample("x", nd.Normal(at, SD).to_event(1))
            return t + 1, None

        scan(step, 0, loc)

    return Scenario(model, guide, (SEEN,))


@pytest.mark.parametrize("until", [TIMES, 7])
def test_ps_16_a_plate_and_a_mask_on_time_in_a_step(until: int) -> None:
    """One site of shape (steps, plate, event); a masked step counts neither in value nor in slope."""
    scenario = _masked_walks(until)
    (expectation,) = expectations(scenario.module())
    (x,) = choices(expectation)
    assert tuple(x.law_type.batch_shape) == (TIMES, SERIES)
    assert x.law_type.value.get_shape() == (TIMES, SERIES, EVENT)

    def elbo(loc: Any, noise: Any) -> Any:
        x = loc + SD * noise
        before = jnp.concatenate([jnp.zeros((1, SERIES, EVENT)), x[:-1]])
        terms = _log_normal(x, before, SD) + _log_normal(SEEN, x, NOISE) - _log_normal(x, loc, SD)
        return jnp.sum(terms[:until])

    noise = np.random.default_rng(0).normal(size=(3, *SEEN.shape))
    value, gradient = scenario.estimator(PLANNED)({"x": noise})
    loc = jnp.asarray(0.5 * SEEN)
    wanted, slope = jax.vmap(jax.value_and_grad(elbo), (None, 0))(loc, noise)
    np.testing.assert_allclose(value, wanted, rtol=1e-10)
    np.testing.assert_allclose(gradient["loc"], slope, rtol=1e-9, atol=1e-11)
    assert not gradient["loc"][:, until:].any()


def test_ps_16_an_observation_is_broadcast_in_the_plate_of_every_step() -> None:
    """One number, observed in a plate of 3 in each of 10 steps, is observed thirty times."""

    def model() -> None:
        def step(carry: None, row: None) -> tuple[None, None]:
            with numpyro.plate("three", 3, dim=-1):
                numpyro.sample("y", nd.Normal(0.2, NOISE), obs=0.7)
            return None, None

        scan(step, None, None, length=10)

    scenario = Scenario(model)
    (expectation,) = expectations(scenario.module())
    (addend,) = expectation.terminator.addends
    assert isinstance(addend.type, TensorType)
    assert addend.type.get_shape() == (10, 3)
    one = float(_log_normal(0.7, 0.2, NOISE))
    assert scenario.outcomes(EXACT).value() == pytest.approx(30 * one, rel=1e-12)
