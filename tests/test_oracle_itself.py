"""The oracle held against closed forms and finite differences that share nothing with it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from oracle import Arguments, Outcomes, Precision, interpret_elbo, interpret_objective, parse_module
from oracle.dual import Array
from oracle.objectives import COIN, LAW, objective
from scipy import special, stats
from strategies import FAMILIES as PROGRAM_FAMILIES
from strategies import Program, programs

QUADRATIC = f"""
  %q = dist.normal %mu_, %sigma_ : (tensor<f64>, tensor<f64>) -> {LAW}
  %x = prob.sample "x" from %q {{how = #prob.how<HOW>}} : {LAW}
  %k = lax.constant "0.7" : tensor<f64>
  %c = lax.sub %x, %k : tensor<f64>
  %f = lax.square %c : tensor<f64>
"""
PATHWISE = QUADRATIC.replace("HOW", "pathwise") + '  prob.yield "f" %f : tensor<f64>'
SCORE = (
    QUADRATIC.replace("HOW", "score")
    + f"""
  %u = prob.log_density %q at %x : {LAW}, tensor<f64> -> tensor<f64>
  %g = estim.score %f upstream(%u) {{maps = [array<i64>]}} : tensor<f64>, (tensor<f64>)
  prob.yield "f" %g : tensor<f64>
"""
)


@pytest.mark.parametrize("body", [PATHWISE, SCORE, PATHWISE.replace("pathwise", "exact")])
@pytest.mark.parametrize("normal", ["nodes", "weights"])
def test_gradient_of_a_quadratic(body: str, normal: str) -> None:
    func = objective({"mu": "real", "sigma": "positive"}, body)
    precision = Precision(exact_normal="weights" if normal == "weights" else "nodes")
    outcomes = interpret_objective(func, {"mu": 1.2, "sigma": 0.8}, precision)
    assert outcomes.value() == pytest.approx(0.5**2 + 0.8**2, abs=1e-12)
    gradient = outcomes.gradient()
    assert gradient["mu"] == pytest.approx(1.0, abs=1e-12)
    assert gradient["sigma"] == pytest.approx(1.6, abs=1e-12)


def test_variance_of_score_and_pathwise_gradients() -> None:
    d, s = 1.2 - 0.7, 0.8
    score = interpret_objective(
        objective({"mu": "real", "sigma": "positive"}, SCORE), {"mu": 1.2, "sigma": s}
    ).gradient_variance()
    moving = interpret_objective(
        objective({"mu": "real", "sigma": "positive"}, PATHWISE), {"mu": 1.2, "sigma": s}
    ).gradient_variance()
    assert score["mu"] == pytest.approx(d**4 / s**2 + 14.0 * d**2 + 15.0 * s**2, abs=1e-9)
    assert moving["mu"] == pytest.approx(4.0 * s**2, abs=1e-12)


def test_a_baseline_leaves_the_mean_and_lowers_the_variance() -> None:
    with_baseline = SCORE.replace(
        "%g = estim.score %f upstream(%u) {maps = [array<i64>]} : tensor<f64>, (tensor<f64>)",
        '%b = lax.constant "0.89" : tensor<f64>\n'
        "%g = estim.score %f upstream(%u) baselines(%b) {maps = [array<i64>]} "
        ": tensor<f64>, (tensor<f64>) baselines (tensor<f64>)",
    )
    assert with_baseline != SCORE
    arguments = {"mu": 1.2, "sigma": 0.8}
    plain = interpret_objective(objective({"mu": "real", "sigma": "positive"}, SCORE), arguments)
    less = interpret_objective(
        objective({"mu": "real", "sigma": "positive"}, with_baseline), arguments
    )
    assert less.value() == pytest.approx(plain.value(), abs=1e-12)
    assert less.gradient()["mu"] == pytest.approx(plain.gradient()["mu"], abs=1e-12)
    assert less.gradient_variance()["mu"] < plain.gradient_variance()["mu"]


# Two coins, the second's probability depending on the first; the ELBO has both entropies.
COINS = f"""
  %qa = dist.bernoulli %p_ : (tensor<f64>) -> {COIN}
  %a = prob.sample "a" from %qa {{how = #prob.how<HOW_A>}} : {COIN}
  %af = lax.convert %a : (tensor<i32>) -> tensor<f64>
  %t = lax.mul %af, %r_ : tensor<f64>
  %qb = dist.bernoulli_logits %t : (tensor<f64>) -> {COIN}
  %b = prob.sample "b" from %qb {{how = #prob.how<HOW_B>}} : {COIN}
  %bf = lax.convert %b : (tensor<i32>) -> tensor<f64>
  %three = lax.constant "3.0" : tensor<f64>
  %bb = lax.mul %three, %bf : tensor<f64>
  %s = lax.add %af, %bb : tensor<f64>
  %f = lax.square %s : tensor<f64>
  %ua = prob.log_density %qa at %a : {COIN}, tensor<i32> -> tensor<f64>
  %ub = prob.log_density %qb at %b : {COIN}, tensor<i32> -> tensor<f64>
  %ha = lax.neg %ua : tensor<f64>
  %hb = lax.neg %ub : tensor<f64>
"""
PLAIN = '  prob.yield "f" %f, "ha" %ha, "hb" %hb : tensor<f64>, tensor<f64>, tensor<f64>'


def _scored(upstream: str) -> str:
    count = upstream.count("%")
    maps = ", ".join(["array<i64>"] * count)
    types = ", ".join(["tensor<f64>"] * count)
    lines = [
        f"%{c}s = estim.score %{c} upstream({upstream}) {{maps = [{maps}]}} "
        f": tensor<f64>, ({types})"
        for c in ("f", "ha", "hb")
    ]
    lines.append('prob.yield "f" %fs, "ha" %has, "hb" %hbs : tensor<f64>, tensor<f64>, tensor<f64>')
    return "\n".join(lines)


COIN_PARAMETERS = {"p": "unit", "r": "real"}
COIN_ARGUMENTS = {"p": 0.35, "r": 0.9}


def _coins(how_a: str, how_b: str, ending: str) -> Outcomes:
    body = COINS.replace("HOW_A", how_a).replace("HOW_B", how_b) + ending
    return interpret_objective(objective(COIN_PARAMETERS, body), COIN_ARGUMENTS)


def test_two_coins_in_closed_form() -> None:
    def elbo(p: float, r: float) -> float:
        s = special.expit(r)
        value = (1 - p) * 0.5 * 9.0 + p * ((1 - s) * 1.0 + s * 16.0)
        return value + _coin_entropy(p) + (1 - p) * math.log(2.0) + p * _coin_entropy(s)

    outcomes = _coins("exact", "enumerated", PLAIN)
    p, r = COIN_ARGUMENTS["p"], COIN_ARGUMENTS["r"]
    assert outcomes.value() == pytest.approx(elbo(p, r), abs=1e-13)
    step = 1e-5
    slope = (elbo(p + step, r) - elbo(p - step, r)) / (2 * step)
    assert outcomes.gradient()["p"] == pytest.approx(slope, abs=1e-8)
    slope = (elbo(p, r + step) - elbo(p, r - step)) / (2 * step)
    assert outcomes.gradient()["r"] == pytest.approx(slope, abs=1e-8)


def _coin_entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


@pytest.mark.parametrize(
    ("how_a", "how_b", "upstream"),
    [
        ("score", "exact", "%ua"),
        ("score", "enumerated", "%ua"),
        ("exact", "score", "%ub"),
        ("enumerated", "score", "%ub"),
        ("score", "score", "%ua, %ub"),
    ],
)
def test_every_treatment_of_two_coins_has_one_mean(how_a: str, how_b: str, upstream: str) -> None:
    truth = _coins("exact", "exact", PLAIN)
    mixed = _coins(how_a, how_b, _scored(upstream))
    assert mixed.value() == pytest.approx(truth.value(), abs=1e-12)
    for name, slope in truth.gradient().items():
        assert mixed.gradient()[name] == pytest.approx(slope, abs=1e-12)


def test_an_enumerated_choice_left_upstream_counts_twice() -> None:
    truth = _coins("exact", "exact", PLAIN)
    doubled = _coins("score", "enumerated", _scored("%ua, %ub"))
    right, wrong = truth.gradient()["r"], doubled.gradient()["r"]
    assert abs(float(wrong) - float(right)) > 1e-3
    body = COINS.replace("HOW_A", "exact").replace("HOW_B", "exact")
    only_f = '  prob.yield "f" %f : tensor<f64>'
    scored = """
      %fs = estim.score %f upstream(%ub) {maps = [array<i64>]} : tensor<f64>, (tensor<f64>)
      prob.yield "f" %fs : tensor<f64>"""
    once = interpret_objective(objective(COIN_PARAMETERS, body + only_f), COIN_ARGUMENTS)
    twice = interpret_objective(objective(COIN_PARAMETERS, body + scored), COIN_ARGUMENTS)
    assert twice.gradient()["r"] == pytest.approx(2.0 * once.gradient()["r"], abs=1e-12)


def test_a_missing_upstream_is_seen() -> None:
    truth = _coins("exact", "exact", PLAIN).gradient()
    assert abs(float(_coins("score", "exact", PLAIN).gradient()["p"] - truth["p"])) > 1e-3


def test_enumerating_lowers_the_variance() -> None:
    both = _coins("score", "score", _scored("%ua, %ub")).gradient_variance()
    with pytest.raises(ValueError, match="depends on one that is integrated"):
        _coins("enumerated", "score", _scored("%ub")).gradient_variance()
    one = _coins("score", "enumerated", _scored("%ua")).gradient_variance()
    none = _coins("enumerated", "enumerated", PLAIN).gradient_variance()
    assert 0.0 < float(one["p"]) < float(both["p"])
    assert none["p"] == pytest.approx(0.0, abs=1e-14)


def test_an_impossible_outcome_is_skipped() -> None:
    body = f"""
      %w = lax.constant "0.25, 0.0, 0.75" : tensor<3xf64>
      %q = dist.categorical %w : (tensor<3xf64>) -> {COIN}
      %z = prob.sample "z" from %q : {COIN}
      %l = prob.log_density %q at %z : {COIN}, tensor<i32> -> tensor<f64>
      %h = lax.neg %l : tensor<f64>
      %f = lax.convert %z : (tensor<i32>) -> tensor<f64>
      %g = lax.mul %f, %m_ : tensor<f64>
      prob.yield "h" %h, "g" %g : tensor<f64>, tensor<f64>"""
    outcomes = interpret_objective(objective({"m": "real"}, body), {"m": 2.0})
    assert outcomes.value("h") == pytest.approx(_coin_entropy(0.25), abs=1e-14)
    assert outcomes.gradient()["m"] == pytest.approx(1.5, abs=1e-14)


ELBO = """
  prob.func @model(%b: tensor<f64> {prob.role = #prob.parameter<#prob.name"b", #prob.constraint<"real">>},
                   %y: tensor<3xf64> {prob.role = #prob.data<#prob.name"y">},
                   %k: tensor<f64> {prob.role = #prob.closure<#prob.name"model", #builtin.int<0>>}) {
    %p = dist.normal %k, %k : (tensor<f64>, tensor<f64>) -> !prob.law<tensor<f64>>
    %z = prob.sample "z" from %p : !prob.law<tensor<f64>>
    %m = lax.add %z, %b : tensor<f64>
    %l = dist.normal %m, %k : (tensor<f64>, tensor<f64>) -> !prob.law<tensor<f64>>
    %ls = dist.expand %l {shape = array<i64: 3>} : (!prob.law<tensor<f64>>) -> !prob.law<tensor<3xf64>>
    prob.observe "y" %ls at %y : !prob.law<tensor<3xf64>>, tensor<3xf64>
    prob.return
  }
  prob.func @guide(%mu: tensor<f64> {prob.role = #prob.parameter<#prob.name"mu", #prob.constraint<"real">>},
                   %s: tensor<f64> {prob.role = #prob.parameter<#prob.name"s", #prob.constraint<"positive">>}) {
    %q = dist.normal %mu, %s : (tensor<f64>, tensor<f64>) -> !prob.law<tensor<f64>>
    %z = prob.sample "z" from %q : !prob.law<tensor<f64>>
    prob.return
  }
  prob.elbo @elbo model(@model) guide(@guide)
"""


def test_elbo_of_a_normal_model_in_closed_form() -> None:
    k, y = 1.3, np.array([0.2, -0.4, 2.0])
    arguments: Arguments = {"b": 0.6, "mu": 0.5, "s": 0.7, "y": y, ("model", 0): k}
    outcomes = interpret_elbo(parse_module(ELBO), arguments)
    mu, s, b = 0.5, 0.7, 0.6
    divergence = math.log(k / s) + (s**2 + (mu - k) ** 2) / (2 * k**2) - 0.5
    fit = float(np.sum(stats.norm.logpdf(y, mu + b, k))) - 3 * s**2 / (2 * k**2)
    assert outcomes.value() == pytest.approx(fit - divergence, abs=1e-12)
    assert outcomes.value("y.likelihood") == pytest.approx(fit, abs=1e-12)
    gradient = outcomes.gradient()
    pull = float(np.sum(y - mu - b)) / k**2
    assert gradient["mu"] == pytest.approx(pull - (mu - k) / k**2, abs=1e-12)
    assert gradient["b"] == pytest.approx(pull, abs=1e-12)
    assert gradient["s"] == pytest.approx(1 / s - s / k**2 - 3 * s / k**2, abs=1e-12)


def _scalar_differences(program: Program, step: float) -> dict[str, Array]:
    """Central finite differences in every element of every parameter."""
    slopes: dict[str, Array] = {}
    for name in interpret_elbo(program.module, program.arguments).gradient():
        base = np.asarray(program.arguments[name], dtype=np.float64)
        slope = np.zeros(base.size)
        for index in range(base.size):
            offset = np.zeros(base.size)
            offset[index] = step
            ends = [
                interpret_elbo(program.module, {**program.arguments, name: moved}).value()
                for moved in (base + offset.reshape(base.shape), base - offset.reshape(base.shape))
            ]
            slope[index] = (ends[0] - ends[1]) / (2 * step)
        slopes[name] = slope.reshape(base.shape)
    return slopes


@pytest.mark.parametrize("family", PROGRAM_FAMILIES)
def test_gradients_of_random_programs(family: str) -> None:
    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(programs(family))
    def check(program: Program) -> None:
        outcomes = interpret_elbo(program.module, program.arguments)
        gradient = outcomes.gradient()
        size = 1.0 + sum(float(np.sum(np.abs(a.value))) for a in outcomes.addends.values()) / max(
            len(outcomes.weights), 1
        )
        for name, slope in _scalar_differences(program, 1e-5).items():
            np.testing.assert_allclose(gradient[name], slope, rtol=1e-5, atol=1e-7 * size)

    check()
