"""What sites weigh in the oracle: scales, minibatches and masks, against sums written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from oracle import interpret_elbo, parse_module

PHI = '%phi: tensor<2xf64> {prob.role = #prob.parameter<#prob.name"phi", #prob.constraint<"real">>}'
LAW = "!prob.law<tensor<2xi32>>"
PLATES = "{plates = [#prob.plate_axis<@N, -1>]}"
TEXT = f"""
prob.func @model({PHI}) {{
  prob.plate @N {{size = 5 : i64, subsample = 2 : i64}}
  %p = lax.constant "0.3, 0.6" : tensor<2xf64>
  %m = lax.constant "true, false" : tensor<2xi1>
  %s = lax.constant "1.5, 0.5" : tensor<2xf64>
  %law = dist.bernoulli %p : (tensor<2xf64>) -> {LAW}
  %masked = dist.mask %law, %m : ({LAW}, tensor<2xi1>) -> {LAW}
  %z = prob.sample "z" from %masked scale %s {PLATES} : {LAW} scale tensor<2xf64>
  %x = lax.convert %z : (tensor<2xi32>) -> tensor<2xf64>
  %one = lax.constant "1.0" : tensor<2xf64>
  %y = lax.constant "0.4, -0.2" : tensor<2xf64>
  %normal = dist.normal %x, %one : (tensor<2xf64>, tensor<2xf64>) -> !prob.law<tensor<2xf64>>
  %event = dist.independent %normal {{rank = 1 : i64}} : (!prob.law<tensor<2xf64>>) -> !prob.law<tensor<2xf64>, event_rank = 1>
  prob.observe "y" %event at %y : !prob.law<tensor<2xf64>, event_rank = 1>, tensor<2xf64>
  prob.return
}}
prob.func @guide({PHI}) {{
  prob.plate @N {{size = 5 : i64, subsample = 2 : i64}}
  %t = lax.constant "2.0" : tensor<f64>
  %law = dist.bernoulli_logits %phi : (tensor<2xf64>) -> {LAW}
  %z = prob.sample "z" from %law scale %t {PLATES} : {LAW} scale tensor<f64>
  prob.return
}}
prob.elbo @elbo model(@model) guide(@guide)
"""


def _by_hand(phi: np.ndarray) -> float:
    """Of the prior the first coin, times 1.5; −log q twice; both 5/2 times; draws of both coins."""
    q = special.expit(phi)
    prior = 1.5 * (q[0] * np.log(0.3) + (1.0 - q[0]) * np.log(0.7))
    entropy = 2.0 * float(np.sum(stats.bernoulli(q).entropy()))
    fits = [
        (1.0 - p) * stats.norm.logpdf(y, 0.0) + p * stats.norm.logpdf(y, 1.0)
        for p, y in zip(q, (0.4, -0.2), strict=True)
    ]
    return float(2.5 * (prior + entropy) + sum(fits))


def test_scales_minibatches_and_masks() -> None:
    phi = np.array([0.4, -0.9])
    outcomes = interpret_elbo(parse_module(TEXT), {"phi": phi})
    assert outcomes.value() == pytest.approx(_by_hand(phi), abs=1e-12)
    for k, step in enumerate(np.eye(2) * 1e-5):
        slope = (_by_hand(phi + step) - _by_hand(phi - step)) / 2e-5
        assert outcomes.gradient()["phi"][k] == pytest.approx(slope, abs=1e-8)
