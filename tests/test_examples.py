"""Every example against exact values: its gradient, its fit, and what its IR holds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.example_modules import EXAMPLES, example
from jax.scipy.special import betaln, digamma
from numpy.polynomial.hermite_e import hermegauss

import relbo_ir as rb
from relbo_ir.objective import as_key

_NODES, _RAW_WEIGHTS = hermegauss(64)
_WEIGHTS = _RAW_WEIGHTS / math.sqrt(2 * math.pi)
_DRAWS = 20_000
_Z = 5.0
"""Standard errors a mean of draws may be off: two-sided false-alarm rate 6e-7 a coordinate."""

Params = dict[str, Any]


def _entropy(scale: Any) -> Any:
    return jnp.sum(0.5 * math.log(2 * math.pi * math.e) + jnp.log(scale))


def _normal(mean_square: Any, scale: Any) -> Any:
    """E[log N] when E[(x − loc)²] is the first argument."""
    return -0.5 * mean_square / scale**2 - jnp.log(scale) - 0.5 * math.log(2 * math.pi)


def exact_coin(p: Params) -> Any:
    """Closed form: Beta(16, 14) is the joint up to the evidence."""
    a, b = p["a"], p["b"]
    log_z, log_not = digamma(a) - digamma(a + b), digamma(b) - digamma(a + b)
    joint = 15 * log_z + 13 * log_not - betaln(10.0, 10.0)
    return joint - ((a - 1) * log_z + (b - 1) * log_not - betaln(a, b))


def exact_eight_schools(p: Params) -> Any:
    """Closed form but for the prior of tau, which is integrated over its one normal."""
    module = example("eight_schools")
    m, s = p["mu.loc"], p["mu.scale"]
    t, u = p["tau.loc"], p["tau.scale"]
    o, w = p["offset.loc"], p["offset.scale"]
    tau = jnp.exp(t + u * _NODES)
    prior_tau = jnp.sum(_WEIGHTS * (math.log(2 / math.pi / 5) - jnp.log1p((tau / 5) ** 2)))
    first, second = jnp.exp(t + u**2 / 2), jnp.exp(2 * t + 2 * u**2)
    effects, errors = module.EFFECTS, module.ERRORS
    centred = effects - m
    square = centred**2 + s**2 - 2 * centred * first * o + second * (o**2 + w**2)
    joint = _normal(m**2 + s**2, 5.0) + prior_tau
    joint += jnp.sum(_normal(o**2 + w**2, 1.0)) + jnp.sum(_normal(square, errors))
    return joint + _entropy(s) + _entropy(u) + t + _entropy(w)


def exact_breast_cancer(p: Params) -> Any:
    """Every log likelihood depends on one normal, its linear predictor."""
    module = example("breast_cancer")
    loc, scale = p["weights.loc"], p["weights.scale"]
    m, s = p["intercept.loc"], p["intercept.scale"]
    mean = module.FEATURES @ loc + m
    sd = jnp.sqrt(module.FEATURES**2 @ scale**2 + s**2)
    eta = mean[:, None] + sd[:, None] * _NODES
    likelihood = jnp.sum(module.LABELS * mean) - jnp.sum(jax.nn.softplus(eta) @ _WEIGHTS)
    priors = jnp.sum(_normal(loc**2 + scale**2, 1.0)) + _normal(m**2 + s**2, 1.0)
    return likelihood + priors + _entropy(scale) + _entropy(s)


def exact_beta_inverse_gaussian(p: Params) -> Any:
    """One dimension, integrated by the trapezoid rule in logit z."""
    a, b = p["ga"], p["gb"]
    logit = jnp.linspace(-30.0, 30.0, 20_001)
    log_z, log_not = -jax.nn.softplus(-logit), -jax.nn.softplus(logit)
    z = jnp.exp(log_z)
    log_q = (a - 1) * log_z + (b - 1) * log_not - betaln(a, b)
    weight = jnp.exp(log_q + log_z + log_not) * (logit[1] - logit[0])
    prior = 9 * log_z + 9 * log_not - betaln(10.0, 10.0)
    likelihood = 100 * (-0.5 * math.log(2 * math.pi) - 0.5 * ((1 - z) / z) ** 2)
    return jnp.sum(weight * (prior + likelihood - log_q))


EXACT: dict[str, Callable[[Params], Any]] = {
    "coin": exact_coin,
    "eight_schools": exact_eight_schools,
    "breast_cancer": exact_breast_cancer,
    "beta_inverse_gaussian": exact_beta_inverse_gaussian,
}


@pytest.mark.compat
@pytest.mark.parametrize("pipeline", ["default", "score-function", "explicit"])
@pytest.mark.parametrize("name", sorted(EXACT))
def test_gradient_is_exact_in_the_mean(name: str, pipeline: str) -> None:
    """The mean of many estimates is the exact value and gradient, within standard errors."""
    module = example(name)
    objective = module.elbo.compile(*module.data, pipeline=pipeline)
    params = objective.init(0)
    with jax.enable_x64(True):
        wide = {k: jnp.asarray(np.asarray(v, np.float64)) for k, v in params.items()}
        exact, slope = jax.value_and_grad(lambda u: EXACT[name](objective.constrain(u)))(wide)
    program, data = objective.step_function, objective.data
    draws = jax.jit(
        lambda keys: jax.lax.map(lambda k: program(params, k, data), keys, batch_size=100)
    )
    values, gradients = draws(jax.random.split(as_key(7), _DRAWS))
    _check(values, exact)
    for parameter, estimates in gradients.items():
        _check(estimates, slope[parameter])


def _check(estimates: Any, exact: Any) -> None:
    array, target = np.asarray(estimates, np.float64), np.asarray(exact)
    error = array.std(0, ddof=1) / math.sqrt(len(array))
    rounding = 1e-5 * (np.abs(target) + np.abs(array).max(0))
    assert (np.abs(array.mean(0) - target) <= _Z * error + rounding).all()


@pytest.mark.parametrize(("pipeline", "particles"), [("default", 20), ("score-function", 200)])
def test_coin_is_beta_16_14(pipeline: str, particles: int) -> None:
    """Trained from (15, 15), with the score function alone too (it needs more draws a step)."""
    coin = example("coin")
    fit = coin.train(progress=False, pipeline=pipeline, particles=particles)
    a, b = float(fit.params["a"]), float(fit.params["b"])
    mean, sd = coin.posterior()
    assert a / (a + b) == pytest.approx(mean, abs=0.005)
    assert math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))) == pytest.approx(sd, rel=0.05)
    assert float(exact_coin(fit.params)) == pytest.approx(coin.LOG_EVIDENCE, abs=1e-3)
    assert fit.elbo == pytest.approx(coin.LOG_EVIDENCE, abs=1e-3 + 4 * fit.elbo_error)


def test_eight_schools_reaches_the_best_mean_field_guide() -> None:
    """No ascent direction is left, and mu is where the exact posterior has it."""
    module = example("eight_schools")
    fit = module.train(progress=False)
    exact = module.posterior()
    summary = fit.summary(4000)
    assert summary["mu"]["mean"] == pytest.approx(exact["mu"][0], abs=0.5)
    assert summary["mu"]["sd"] == pytest.approx(exact["mu"][1], rel=0.15)
    with jax.enable_x64(True):
        wide = {k: jnp.asarray(np.asarray(v, np.float64)) for k, v in fit.unconstrained.items()}
        slope = jax.grad(lambda u: exact_eight_schools(fit.objective.constrain(u)))(wide)
    assert max(float(np.abs(g).max()) for g in slope.values()) < 0.05


def test_breast_cancer_classifies() -> None:
    module = example("breast_cancer")
    fit = module.train(progress=False)
    assert module.accuracy(fit.params["weights.loc"], fit.params["intercept.loc"]) > 0.97
    assert fit.elbo > -75


def test_beta_inverse_gaussian_as_one_function_is_the_same_program() -> None:
    module = example("beta_inverse_gaussian")
    two, one = module.train(progress=False), module.train(module.elbo_as_one, progress=False)
    assert two.elbo_history.tolist() == one.elbo_history.tolist()
    assert two.params == one.params
    assert two.elbo > exact_beta_inverse_gaussian({"ga": 10.0, "gb": 10.0}) + 1


@pytest.mark.compat
@pytest.mark.parametrize("pipeline", ["default", "score-function", "explicit"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_opaque(name: str, pipeline: str) -> None:
    """No lax.bind and no dist.opaque, at any level, and in the gradient written out."""
    module = example(name)
    objective = module.elbo.compile(*module.data, pipeline=pipeline)
    for level in (1, 2, 3, 4):
        counts = Counter(op.name for op in objective.ir(level).walk())
        assert counts["lax.bind"] == 0
        assert counts["dist.opaque"] == 0


def test_own_rule_is_the_score_function() -> None:
    """The rule written in the example gives what our pass gives, draw by draw."""
    coin, own = example("coin"), example("own_rule")
    mine = coin.elbo.compile(*coin.data, pipeline=own.pipeline)
    passes = ("objective", "relbo-score-function", "program")
    ours = coin.elbo.compile(*coin.data, pipeline=passes)
    for key in range(3):
        value, gradient = mine.value_and_grad(mine.init(0), key)
        expected, slope = ours.value_and_grad(ours.init(0), key)
        assert value == expected
        assert gradient == slope


def test_explicit_gradient_is_the_default_one() -> None:
    """`relbo-differentiate` changes no estimate."""
    for name in EXAMPLES:
        module = example(name)
        default = module.elbo.compile(*module.data)
        explicit = module.elbo.compile(*module.data, pipeline="explicit")
        params = default.init(1)
        value, gradient = default.value_and_grad(params, 3)
        other, slope = explicit.value_and_grad(params, 3)
        np.testing.assert_allclose(value, other, rtol=1e-5)
        for parameter in gradient:
            np.testing.assert_allclose(gradient[parameter], slope[parameter], rtol=2e-4, atol=1e-4)


def test_particles_cannot_be_written_out() -> None:
    coin = example("coin")
    with pytest.raises(rb.PassError, match="loop over particles"):
        coin.elbo.compile(*coin.data, pipeline="explicit", particles=2)
