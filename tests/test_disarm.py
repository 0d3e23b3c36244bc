"""DisARM: exact gradients, variances in closed form, and what it must refuse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.emitted import draws_of, estimates
from helpers.texts import COIN, apply, hows, objective_module, plans
from oracle import Outcomes, Precision, interpret_module
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import VerifyException

import relbo_ir
from relbo_ir.dialects import estim, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import How, HowAttr
from relbo_ir.lowering.executable import executable
from relbo_ir.passes.disarm import DisarmPass

COINS = "!prob.law<tensor<3xi32>>"
QUADRATIC = f"""
  %law = dist.bernoulli_logits %phi_ : (tensor<f64>) -> {COIN}
  %b = prob.sample "b" from %law : {COIN}
  %x = lax.convert %b : (tensor<i32>) -> tensor<f64>
  %k = lax.constant "0.49" : tensor<f64>
  %c = lax.sub %x, %k : tensor<f64>
  %f = lax.square %c : tensor<f64>
  prob.yield "f" %f : tensor<f64>
"""
LOWERED = (
    "relbo-expand-densities",
    "relbo-externalize-draws",
    "relbo-lower-estimators",
    "relbo-canonicalize",
    "cse",
)


def assert_same_gradient(one: Outcomes, other: Outcomes) -> None:
    """Values and gradients agree."""
    assert one.value() == pytest.approx(other.value(), rel=1e-9, abs=1e-9)
    for name, slope in other.gradient().items():
        np.testing.assert_allclose(one.gradient()[name], slope, rtol=1e-9, atol=1e-9)


def assert_emitted_is_exact(module: ModuleOp, arguments: Mapping[str, Any]) -> None:
    """The emitted estimator, summed over its noise, has the meaning's value and gradient."""
    outcomes = interpret_module(module, arguments)
    draws = draws_of(module, outcomes, Precision())
    lowered = apply(module, *LOWERED)
    with jax.enable_x64(True):
        value, gradient = estimates(lowered, arguments, draws, outcomes.weights).mean()
    assert value == pytest.approx(outcomes.value(), rel=1e-9, abs=1e-9)
    for name, slope in outcomes.gradient().items():
        np.testing.assert_allclose(gradient[name], slope, rtol=1e-9, atol=1e-9)


@pytest.mark.compat
@pytest.mark.parametrize(("phi", "variance"), [(0.0, 0.0), (1.0, 1.328e-5), (-1.0, 1.328e-5)])
def test_the_variance_of_a_coin(phi: float, variance: float) -> None:
    """
    The estimate is ±(f(1) − f(0))/2·σ(|φ|) = .01·σ(|φ|) where the pair differs, which it does with
    probability 2·min(p, 1 − p), and 0 elsewhere.
    """
    module = apply(objective_module({"phi": "real"}, QUADRATIC), "relbo-disarm")
    p = 1.0 / (1.0 + math.exp(-phi))
    result = interpret_module(module, {"phi": phi})
    assert result.gradient()["phi"] == pytest.approx(0.02 * p * (1.0 - p), abs=1e-15)
    estimate, differs = 0.01 * max(p, 1.0 - p), 2.0 * min(p, 1.0 - p)
    exact = differs * (1.0 - differs) * estimate**2
    assert result.gradient_variance()["phi"] == pytest.approx(exact, abs=1e-16)
    assert result.gradient_variance()["phi"] == pytest.approx(variance, rel=5e-4, abs=1e-16)
    assert_emitted_is_exact(module, {"phi": phi})


def test_probabilities_give_the_estimator_of_logits() -> None:
    p = 0.3
    phi = math.log(p / (1.0 - p))
    by_logits = apply(objective_module({"phi": "real"}, QUADRATIC), "relbo-disarm")
    probs = QUADRATIC.replace("bernoulli_logits", "bernoulli")
    by_probs = apply(objective_module({"phi": "unit_interval"}, probs), "relbo-disarm")
    one, other = interpret_module(by_logits, {"phi": phi}), interpret_module(by_probs, {"phi": p})
    scale = p * (1.0 - p)
    assert other.gradient()["phi"] * scale == pytest.approx(one.gradient()["phi"], abs=1e-15)
    variances = other.gradient_variance()["phi"] * scale**2, one.gradient_variance()["phi"]
    assert variances[0] == pytest.approx(variances[1], rel=1e-10)
    assert_emitted_is_exact(by_probs, {"phi": p})


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_a_coin_that_cannot_flip_has_a_finite_estimate(p: float) -> None:
    body = QUADRATIC.replace("bernoulli_logits", "bernoulli").replace("f64", "f32")
    module = objective_module({"phi": "unit_interval"}, body, "f32")
    finish = ("relbo-expand-densities", "relbo-lower-sampling", "relbo-lower-estimators")
    program = executable(apply(module, "relbo-disarm", *finish))
    for number in range(5):
        value, gradient = program.run({"phi": jnp.float32(p)}, jax.random.key(number), ())
        assert float(value) == pytest.approx((p - 0.49) ** 2, rel=1e-5)
        assert float(gradient["phi"]) == 0.0


# A vector of coins, each element of the first addend its own and the other all of them.
VECTOR = f"""
  %law = dist.bernoulli_logits %phi_ : (tensor<f64>) -> {COIN}
  %wide = dist.expand %law {{shape = array<i64: 3>}} : ({COIN}) -> {COINS}
  %b = prob.sample "b" from %wide : {COINS}
  %x = lax.convert %b : (tensor<3xi32>) -> tensor<3xf64>
  %k = lax.constant "0.3, -1.0, 2.0" : tensor<3xf64>
  %c = lax.mul %k, %x : tensor<3xf64>
  %own = lax.exp %c : tensor<3xf64>
  %sum = lax.reduce_sum %c {{axes = array<i64: 0>}} : (tensor<3xf64>) -> tensor<f64>
  %all = lax.square %sum : tensor<f64>
"""


@pytest.mark.parametrize(
    "ending",
    [
        'prob.yield "own" %own : tensor<3xf64>',
        'prob.yield "all" %all : tensor<f64>',
        'prob.yield "own" %own, "all" %all : tensor<3xf64>, tensor<f64>',
    ],
)
def test_a_vector_of_coins_flips_together(ending: str) -> None:
    module = objective_module({"phi": "real"}, VECTOR + ending)
    treated = apply(module, "relbo-disarm")
    assert hows(treated) == {"b": "disarm"}
    assert_same_gradient(
        interpret_module(treated, {"phi": 0.4}), interpret_module(module, {"phi": 0.4})
    )
    assert_emitted_is_exact(treated, {"phi": 0.4})
    scored = apply(module, "relbo-score-function", "relbo-rao-blackwellize")
    mine = interpret_module(treated, {"phi": 0.4}).gradient_variance()["phi"]
    assert mine < interpret_module(scored, {"phi": 0.4}).gradient_variance()["phi"]


def test_an_element_is_weighed_by_its_own_coin() -> None:
    """Coins with additive costs eᵏ: the variances add, (e^k − 1)²·σ²/4·r·(1 − r), r = 2·(1 − σ)."""
    module = objective_module({"phi": "real"}, VECTOR + 'prob.yield "own" %own : tensor<3xf64>')
    s = 1.0 / (1.0 + math.exp(-0.4))
    differs = 2.0 * (1.0 - s)
    slopes = [0.5 * (math.exp(k) - 1.0) * s for k in (0.3, -1.0, 2.0)]
    exact = sum(differs * (1.0 - differs) * slope**2 for slope in slopes)
    result = interpret_module(apply(module, "relbo-disarm"), {"phi": 0.4})
    assert result.gradient_variance()["phi"] == pytest.approx(exact, rel=1e-10)


# A coin under a coin: the law of the second reads the first.
CHAIN = f"""
  %qa = dist.bernoulli %p_ : (tensor<f64>) -> {COIN}
  %a = prob.sample "a" from %qa : {COIN}
  %x = lax.convert %a : (tensor<i32>) -> tensor<f64>
  %l = lax.mul %x, %r_ : tensor<f64>
  %qb = dist.bernoulli_logits %l : (tensor<f64>) -> {COIN}
  %b = prob.sample "b" from %qb : {COIN}
  %y = lax.convert %b : (tensor<i32>) -> tensor<f64>
  %three = lax.constant "3.0" : tensor<f64>
  %z = lax.mul %y, %three : tensor<f64>
  %s = lax.add %x, %z : tensor<f64>
  %f = lax.exp %s : tensor<f64>
  %la = prob.log_density %qa at %a : {COIN}, tensor<i32> -> tensor<f64>
  %lb = prob.log_density %qb at %b : {COIN}, tensor<i32> -> tensor<f64>
  prob.yield "f" %f, "a" %la, "b" %lb : tensor<f64>, tensor<f64>, tensor<f64>
"""
CHAIN_PARAMETERS = {"p": "unit_interval", "r": "real"}
AT = {"p": 0.35, "r": 0.9}


@pytest.mark.parametrize(
    "steps",
    [
        ("relbo-disarm", "relbo-score-function", "relbo-rao-blackwellize"),
        ("relbo-score-function{sites=a}", "relbo-rao-blackwellize", "relbo-disarm"),
        ("relbo-score-function{sites=a}", 'relbo-baseline{kind="leave-one-out"}', "relbo-disarm"),
        ("relbo-expand-densities", "relbo-disarm", "relbo-score-function"),
        ("relbo-assign-estimators{disarm=true}", "relbo-score-function", "relbo-disarm"),
    ],
)
def test_disarm_under_a_score_is_exact(steps: tuple[str, ...]) -> None:
    module = objective_module(CHAIN_PARAMETERS, CHAIN)
    treated = apply(module, *steps)
    assert hows(treated) == {"a": "score", "b": "disarm"}
    assert_same_gradient(interpret_module(treated, AT), interpret_module(module, AT))


PAIRS = f"""
  %qa = dist.bernoulli_logits %r_ : (tensor<f64>) -> {COIN}
  %wa = dist.expand %qa {{shape = array<i64: 3>}} : ({COIN}) -> {COINS}
  %a = prob.sample "a" from %wa : {COINS}
  %x = lax.convert %a : (tensor<3xi32>) -> tensor<3xf64>
  %qb = dist.bernoulli_logits %x : (tensor<3xf64>) -> {COINS}
  %b = prob.sample "b" from %qb : {COINS}
  %y = lax.convert %b : (tensor<3xi32>) -> tensor<3xf64>
  %f = lax.exp %y : tensor<3xf64>
  prob.yield "f" %f : tensor<3xf64>
"""


def test_a_twin_reads_what_its_draw_reads_element_by_element() -> None:
    """So a score over it is pruned to its own element, whichever pass comes first."""
    module = objective_module({"r": "real"}, PAIRS)
    steps = ("relbo-disarm", "relbo-score-function", "relbo-rao-blackwellize")
    first = apply(module, *steps)
    (score,) = (op for op in first.walk() if isinstance(op, estim.ScoreOp))
    assert score.axis_maps == [(0,)]
    last = apply(module, "relbo-score-function{sites=a}", "relbo-rao-blackwellize", "relbo-disarm")
    results = [interpret_module(m, {"r": 0.4}) for m in (first, last)]
    for result in results:
        assert_same_gradient(result, interpret_module(module, {"r": 0.4}))
    variances = [result.gradient_variance()["r"] for result in results]
    assert variances[0] <= variances[1] * (1.0 + 1e-9)


def test_a_draw_that_another_law_reads_is_refused() -> None:
    module = objective_module(CHAIN_PARAMETERS, CHAIN)
    with pytest.raises(PassError, match='the law of "b" reads its draw') as caught:
        apply(module, DisarmPass(sites=("a",)))
    assert caught.value.site == "a"
    with pytest.raises(PassError, match='the law of "b" reads its draw'):
        apply(module, 'relbo-assign-estimators{how="disarm" sites=a}', "relbo-disarm")
    assert hows(apply(module, "relbo-disarm")) == {"a": "exact", "b": "disarm"}
    planned = apply(module, "relbo-assign-estimators{disarm=true}")
    assert plans(planned) == {"a": "score", "b": "disarm"}


def test_two_coins_in_one_addend_flip_together() -> None:
    """The factors of several choices were once added where the first of them was drawn."""
    body = CHAIN.replace("dist.bernoulli_logits %l", "dist.bernoulli_logits %r_")
    module = objective_module(CHAIN_PARAMETERS, body)
    treated = apply(module, "relbo-disarm")
    assert hows(treated) == {"a": "disarm", "b": "disarm"}
    assert_same_gradient(interpret_module(treated, AT), interpret_module(module, AT))
    one_by_one = apply(module, "relbo-disarm{sites=a}", "relbo-disarm{sites=b}")
    assert_same_gradient(interpret_module(one_by_one, AT), interpret_module(module, AT))
    assert_emitted_is_exact(treated, AT)


def test_what_is_not_bernoulli_is_refused() -> None:
    body = """
      %one = lax.constant "1.0" : tensor<f64>
      %q = dist.normal %m_, %one : (tensor<f64>, tensor<f64>) -> !prob.law<tensor<f64>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f64>>
      prob.yield "z" %z : tensor<f64>
    """
    module = objective_module({"m": "real"}, body)
    with pytest.raises(PassError, match="its law is not Bernoulli") as caught:
        apply(module, DisarmPass(sites=("z",)))
    assert caught.value.site == "z"
    assert hows(apply(module, "relbo-disarm")) == {"z": "exact"}


def test_a_twin_belongs_to_a_choice_that_is_treated_so() -> None:
    module = apply(objective_module({"phi": "real"}, QUADRATIC), "relbo-disarm")
    (choice,) = (op for op in module.walk() if isinstance(op, prob.SampleOp))
    assert any(isinstance(use.operation, estim.AntitheticOp) for use in choice.value.uses)
    choice.properties["how"] = HowAttr(How.SCORE)
    with pytest.raises(VerifyException, match="is of the draw of a choice that is `disarm`"):
        module.verify()


# Coins and a Normal in one addend, as a user writes them.


def _model(y: jax.Array) -> None:
    with relbo_ir.plate("coins", 3):
        b = relbo_ir.sample("b", nd.Bernoulli(0.4))
    z = relbo_ir.sample("z", nd.Normal(0.0, 1.0))
    relbo_ir.observe("y", nd.Normal(z + jnp.sum(b * jnp.arange(3.0)), 1.0), y)


def _guide(y: jax.Array) -> None:
    logits = relbo_ir.param("phi", jnp.array([0.3, -0.2, 0.5]))
    with relbo_ir.plate("coins", 3):
        relbo_ir.sample("b", nd.Bernoulli(logits=logits))
    relbo_ir.sample("z", nd.Normal(relbo_ir.param("m", 0.2), 0.7))


def test_the_pipeline_treats_each_choice_as_fits() -> None:
    objective = relbo_ir.ELBO(_model, _guide).compile(jnp.float32(2.0), pipeline="disarm")
    text = str(objective.explain())
    assert "BernoulliLogits in plate coins, disarm" in text
    assert "the draw is held fixed, and its antithetic twin beside it" in text
    assert '"z"' in text and "Normal, pathwise" in text
    default = relbo_ir.ELBO(_model, _guide).compile(jnp.float32(2.0))
    params = objective.init(jax.random.key(0))
    keys = jax.random.split(jax.random.key(1), 20_000)

    def gradients(which: relbo_ir.Objective) -> Any:
        return jax.jit(jax.vmap(lambda key: which.step_function(params, key, (jnp.float32(2.0),))))(
            keys
        )[1]["phi"]

    mine, other = (np.asarray(gradients(o), np.float64) for o in (objective, default))
    # Seed 1, 20,000 draws of each: |z| < 4.5 in three coordinates fails by chance 2 times in 10⁵.
    error = np.sqrt((mine.var(axis=0) + other.var(axis=0)) / len(keys))
    assert np.all(np.abs(mine.mean(axis=0) - other.mean(axis=0)) < 4.5 * error)
    assert np.all(mine.var(axis=0) < 0.5 * other.var(axis=0))


def test_a_coin_is_drawn_as_by_the_score_function() -> None:
    """Its draw comes from the same bits, so passes do not change a site's draws."""
    body = QUADRATIC.replace('"f" %f', '"x" %x').replace("f64", "f32")
    module = objective_module({"phi": "real"}, body, "f32")
    finish = ("relbo-expand-densities", "relbo-lower-sampling", "relbo-lower-estimators")
    scored = executable(apply(module, "relbo-score-function", *finish))
    treated = executable(apply(module, "relbo-disarm", *finish))
    means: list[float] = []
    for number in range(20):
        key, params = jax.random.key(number), {"phi": jnp.float32(0.3)}
        draw, mean = (float(p.run(params, key, ())[0]) for p in (scored, treated))
        assert mean in (draw, 0.5)
        means.append(mean)
    assert {0.5, 1.0} == set(means)
