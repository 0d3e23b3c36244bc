"""The oracle's densities and quadratures against scipy and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from oracle import interpret_objective
from oracle.dual import Array, Dual
from oracle.laws import DENSITIES
from oracle.objectives import COIN, LAW, differences, objective


@pytest.mark.parametrize(
    ("law", "arguments", "mean_log"),
    [
        ("beta", {"a": 2.5, "b": 1.5}, special.digamma(2.5) - special.digamma(4.0)),
        ("gamma", {"a": 0.7, "b": 1.5}, special.digamma(0.7) - math.log(1.5)),
        ("inverse_gaussian", {"a": 1.2, "b": 0.8}, None),
        ("half_normal", {"a": 1.2}, math.log(1.2) - (np.euler_gamma + math.log(2.0)) / 2),
        ("half_cauchy", {"a": 1.7}, math.log(1.7)),
    ],
)
def test_continuous_laws_on_the_line(
    law: str, arguments: dict[str, float], mean_log: float | None
) -> None:
    operands = ", ".join(f"%{n}_" for n in arguments)
    types = ", ".join("tensor<f64>" for _ in arguments)
    body = f"""
      %q = dist.{law} {operands} : ({types}) -> {LAW}
      %x = prob.sample "x" from %q : {LAW}
      %f = lax.log %x : tensor<f64>
      %l = prob.log_density %q at %x : {LAW}, tensor<f64> -> tensor<f64>
      %h = lax.neg %l : tensor<f64>
      prob.yield "f" %f, "h" %h : tensor<f64>, tensor<f64>"""
    func = objective(dict.fromkeys(arguments, "positive"), body)
    outcomes = interpret_objective(func, arguments)
    if mean_log is not None:
        assert outcomes.value("f") == pytest.approx(float(mean_log), abs=1e-10)
    frozen = {
        "beta": stats.beta(2.5, 1.5),
        "gamma": stats.gamma(0.7, scale=1 / 1.5),
        "inverse_gaussian": stats.invgauss(1.2 / 0.8, scale=0.8),
        "half_normal": stats.halfnorm(scale=1.2),
        "half_cauchy": stats.halfcauchy(scale=1.7),
    }[law]
    assert outcomes.value("h") == pytest.approx(float(frozen.entropy()), abs=1e-7)
    slopes = differences(lambda given: interpret_objective(func, given), arguments)
    for name, slope in slopes.items():
        assert outcomes.gradient()[name] == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_a_beta_coin_has_its_conjugate_answer() -> None:
    body = f"""
      %q = dist.beta %a_, %b_ : (tensor<f64>, tensor<f64>) -> {LAW}
      %x = prob.sample "x" from %q : {LAW}
      %two = lax.constant "2.0" : tensor<f64>
      %p = dist.beta %two, %two : (tensor<f64>, tensor<f64>) -> {LAW}
      %lp = prob.log_density %p at %x : {LAW}, tensor<f64> -> tensor<f64>
      %lq = prob.log_density %q at %x : {LAW}, tensor<f64> -> tensor<f64>
      %h = lax.neg %lq : tensor<f64>
      %like = dist.bernoulli %x : (tensor<f64>) -> {COIN}
      %one = lax.constant "1" : tensor<i32>
      %ll = prob.log_density %like at %one : {COIN}, tensor<i32> -> tensor<f64>
      prob.yield "p" %lp, "h" %h, "l" %ll : tensor<f64>, tensor<f64>, tensor<f64>"""
    func = objective({"a": "positive", "b": "positive"}, body)
    best = interpret_objective(func, {"a": 3.0, "b": 2.0})
    assert best.value() == pytest.approx(math.log(0.5), abs=1e-11)
    for slope in best.gradient().values():
        assert slope == pytest.approx(0.0, abs=1e-11)


def test_a_poisson_choice_is_summed() -> None:
    body = f"""
      %q = dist.poisson %a_ : (tensor<f64>) -> {COIN}
      %x = prob.sample "x" from %q : {COIN}
      %xf = lax.convert %x : (tensor<i32>) -> tensor<f64>
      %f = lax.square %xf : tensor<f64>
      prob.yield "f" %f : tensor<f64>"""
    outcomes = interpret_objective(objective({"a": "positive"}, body), {"a": 3.5})
    assert outcomes.value() == pytest.approx(3.5 + 3.5**2, abs=1e-11)
    assert outcomes.gradient()["a"] == pytest.approx(1.0 + 2 * 3.5, abs=1e-11)


POINTS = np.array([0.13, 0.42, 0.77])
FAMILIES = [
    ("normal", [0.3, 0.8], lambda x: stats.norm.logpdf(x, 0.3, 0.8)),
    ("half_normal", [0.8], lambda x: stats.halfnorm.logpdf(x, scale=0.8)),
    ("half_cauchy", [0.8], lambda x: stats.halfcauchy.logpdf(x, scale=0.8)),
    ("gamma", [1.7, 0.6], lambda x: stats.gamma.logpdf(x, 1.7, scale=1 / 0.6)),
    ("beta", [1.7, 0.6], lambda x: stats.beta.logpdf(x, 1.7, 0.6)),
    ("inverse_gaussian", [1.7, 0.6], lambda x: stats.invgauss.logpdf(x, 1.7 / 0.6, scale=0.6)),
    ("poisson", [1.7], lambda x: stats.poisson.logpmf(np.array([0, 1, 4]), 1.7)),
    ("bernoulli", [0.3], lambda x: stats.bernoulli.logpmf(np.array([0, 1, 1]), 0.3)),
]


@pytest.mark.parametrize(("family", "parameters", "truth"), FAMILIES)
def test_densities_are_scipys(
    family: str, parameters: list[float], truth: Callable[[Array], Array]
) -> None:
    points = {"poisson": np.array([0, 1, 4]), "bernoulli": np.array([0, 1, 1])}.get(family, POINTS)
    duals = [Dual(np.full((1, 3), p)) for p in parameters]
    density = DENSITIES[family](Dual(points[np.newaxis]), *duals)
    np.testing.assert_allclose(density.value[0], truth(points), rtol=1e-12)


def test_laws_made_from_laws() -> None:
    body = f"""
      %n = dist.normal %a_, %b_ : (tensor<f64>, tensor<f64>) -> {LAW}
      %e = dist.transformed %n {{transform = #dist.transform<exp>}} : ({LAW}) -> {LAW}
      %ln = dist.log_normal %a_, %b_ : (tensor<f64>, tensor<f64>) -> {LAW}
      %g = dist.transformed %n {{transform = #dist.transform<sigmoid>}} : ({LAW}) -> {LAW}
      %s = dist.transformed %n {{transform = #dist.transform<softplus>}} : ({LAW}) -> {LAW}
      %m = dist.transformed %n, %b_, %a_ {{transform = #dist.transform<affine>}} : ({LAW}, tensor<f64>, tensor<f64>) -> {LAW}
      %x = lax.constant "0.37" : tensor<f64>
      %le = prob.log_density %e at %x : {LAW}, tensor<f64> -> tensor<f64>
      %ll = prob.log_density %ln at %x : {LAW}, tensor<f64> -> tensor<f64>
      %lg = prob.log_density %g at %x : {LAW}, tensor<f64> -> tensor<f64>
      %ls = prob.log_density %s at %x : {LAW}, tensor<f64> -> tensor<f64>
      %lm = prob.log_density %m at %x : {LAW}, tensor<f64> -> tensor<f64>
      %v = dist.expand %e {{shape = array<i64: 4>}} : ({LAW}) -> !prob.law<tensor<4xf64>>
      %i = dist.independent %v {{rank = 1 : i64}} : (!prob.law<tensor<4xf64>>) -> !prob.law<tensor<4xf64>, event_rank = 1>
      %xs = lax.constant "0.37" : tensor<4xf64>
      %lv = prob.log_density %v at %xs : !prob.law<tensor<4xf64>>, tensor<4xf64> -> tensor<4xf64>
      %li = prob.log_density %i at %xs : !prob.law<tensor<4xf64>, event_rank = 1>, tensor<4xf64> -> tensor<f64>
      prob.yield "e" %le, "l" %ll, "g" %lg, "s" %ls, "m" %lm, "v" %lv, "i" %li : tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<4xf64>, tensor<f64>"""
    func = objective({"a": "real", "b": "positive"}, body)
    outcomes = interpret_objective(func, {"a": 0.4, "b": 0.9})
    x = 0.37
    truth = {
        "e": stats.lognorm.logpdf(x, 0.9, scale=math.exp(0.4)),
        "l": stats.lognorm.logpdf(x, 0.9, scale=math.exp(0.4)),
        "g": stats.norm.logpdf(special.logit(x), 0.4, 0.9) - math.log(x * (1 - x)),
        "s": stats.norm.logpdf(math.log(math.expm1(x)), 0.4, 0.9) - math.log(-math.expm1(-x)),
        "m": stats.norm.logpdf(x, 0.9 + 0.4 * 0.4, 0.4 * 0.9),
        "v": 4 * stats.lognorm.logpdf(x, 0.9, scale=math.exp(0.4)),
        "i": 4 * stats.lognorm.logpdf(x, 0.9, scale=math.exp(0.4)),
    }
    for name, value in truth.items():
        assert outcomes.value(name) == pytest.approx(float(value), abs=1e-12)
    slopes = differences(
        lambda given: interpret_objective(func, given), {"a": 0.4, "b": 0.9}, step=1e-6
    )
    for name, slope in slopes.items():
        assert outcomes.gradient()[name] == pytest.approx(slope, rel=1e-7)
