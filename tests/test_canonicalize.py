"""Equations of the canonicalizer: the same values and slopes, and better ones where floats end."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.texts import apply, objective_module
from oracle import interpret_module
from xdsl.dialects.builtin import ModuleOp

BODIES = {
    "log σ": """
      %y = lax.logistic %x_ : tensor<f64>
      %c = lax.log %y : tensor<f64>""",
    "log(1 − σ)": """
      %y = lax.logistic %x_ : tensor<f64>
      %n = lax.neg %y : tensor<f64>
      %c = lax.log1p %n : tensor<f64>""",
    "3 log σ": """
      %three = lax.constant "3.0" : tensor<f64>
      %y = lax.logistic %x_ : tensor<f64>
      %c = lax.xlogy %three, %y : tensor<f64>""",
    "3 log(1 − σ)": """
      %three = lax.constant "3.0" : tensor<f64>
      %y = lax.logistic %x_ : tensor<f64>
      %n = lax.neg %y : tensor<f64>
      %c = lax.xlog1py %three, %n : tensor<f64>""",
    "log-odds": """
      %y = lax.logistic %x_ : tensor<f64>
      %n = lax.neg %y : tensor<f64>
      %a = lax.log %y : tensor<f64>
      %b = lax.log1p %n : tensor<f64>
      %c = lax.sub %a, %b : tensor<f64>""",
    "odds the other way": """
      %m = lax.neg %x_ : tensor<f64>
      %a = lax.softplus %m : tensor<f64>
      %b = lax.softplus %x_ : tensor<f64>
      %c = lax.sub %a, %b : tensor<f64>""",
    "a sum of softplus": """
      %m = lax.neg %x_ : tensor<f64>
      %a = lax.softplus %m : tensor<f64>
      %b = lax.softplus %x_ : tensor<f64>
      %c = lax.add %a, %b : tensor<f64>""",
    "a softplus taken back": """
      %y = lax.softplus %x_ : tensor<f64>
      %n = lax.neg %y : tensor<f64>
      %e = lax.expm1 %n : tensor<f64>
      %p = lax.neg %e : tensor<f64>
      %l = lax.log %p : tensor<f64>
      %c = lax.add %l, %y : tensor<f64>""",
    "a scaled draw": """
      %s = lax.constant "0.7" : tensor<f64>
      %e = lax.sin %x_ : tensor<f64>
      %p = lax.mul %s, %e : tensor<f64>
      %y = lax.add %x_, %p : tensor<f64>
      %d = lax.sub %y, %x_ : tensor<f64>
      %c = lax.div %d, %s : tensor<f64>""",
    "a draw": """
      %e = lax.sin %x_ : tensor<f64>
      %y = lax.add %e, %x_ : tensor<f64>
      %c = lax.sub %y, %x_ : tensor<f64>""",
    "another difference": """
      %e = lax.sin %x_ : tensor<f64>
      %y = lax.add %e, %x_ : tensor<f64>
      %c = lax.sub %x_, %y : tensor<f64>""",
}
FAR = {
    "log σ": (-800.0, 1.0),
    "log(1 − σ)": (0.0, 0.0),
    "log-odds": (-800.0, 1.0),
    "a softplus taken back": (-800.0, 1.0),
}
"""Value and slope at −800, where σ and softplus are 0."""


def _module(name: str) -> ModuleOp:
    return objective_module({"x": "real"}, f'{BODIES[name]}\nprob.yield "c" %c : tensor<f64>')


def _at(module: ModuleOp, x: float) -> tuple[float, float]:
    outcomes = interpret_module(module, {"x": np.array(x)})
    return float(outcomes.value()), float(outcomes.gradient()["x"])


@pytest.mark.parametrize("name", BODIES)
def test_an_equation_keeps_values_and_slopes(name: str) -> None:
    before = _module(name)
    after = apply(before, "relbo-canonicalize")
    for x in (-2.3, -0.4, 0.1, 1.7):
        np.testing.assert_allclose(_at(after, x), _at(before, x), rtol=1e-12)


@pytest.mark.parametrize("name", FAR)
def test_an_equation_holds_where_floats_end(name: str) -> None:
    after = apply(_module(name), "relbo-canonicalize")
    np.testing.assert_allclose(_at(after, -800.0), FAR[name], rtol=1e-12)
    value, slope = _at(after, 800.0)
    assert math.isfinite(value)
    assert math.isfinite(slope)
