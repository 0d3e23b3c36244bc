"""Unsound variants of DisARM and of the importance-weighted bound: the programs here catch each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from helpers.texts import COIN, LAW, apply, objective_module
from oracle import Precision, interpret_module
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import estim, prob
from relbo_ir.passes import copies, disarm, importance_weighted
from relbo_ir.passes.expressions import Writer

COINS = f"""
  %qa = dist.bernoulli %p_ : (tensor<f64>) -> {COIN}
  %a = prob.sample "a" from %qa : {COIN}
  %x = lax.convert %a : (tensor<i32>) -> tensor<f64>
  %l = lax.mul %x, %r_ : tensor<f64>
  %qb = dist.bernoulli_logits PARENT : (tensor<f64>) -> {COIN}
  %b = prob.sample "b" from %qb : {COIN}
  %y = lax.convert %b : (tensor<i32>) -> tensor<f64>
  %s = lax.sub %x, %y : tensor<f64>
  %t = lax.add %s, %x : tensor<f64>
  %f = lax.exp %t : tensor<f64>
  %la = prob.log_density %qa at %a : {COIN}, tensor<i32> -> tensor<f64>
  %ha = lax.mul %la, %r_ : tensor<f64>
  prob.yield "f" %f, "a" %ha : tensor<f64>, tensor<f64>
"""
NORMAL = f"""
  %q = dist.normal %p_, %r_ : (tensor<f64>, tensor<f64>) -> {LAW}
  %z = prob.sample "z" from %q : {LAW}
  %half = lax.constant "0.5" : tensor<f64>
  %d = lax.sub %z, %r_ : tensor<f64>
  %e = lax.square %d : tensor<f64>
  %g = lax.mul %half, %e : tensor<f64>
  %f = lax.neg %g : tensor<f64>
  %l = prob.log_density %q at %z : {LAW}, tensor<f64> -> tensor<f64>
  %h = lax.neg %l : tensor<f64>
  prob.yield "f" %f, "h" %h : tensor<f64>, tensor<f64>
"""
AT = {"p": 0.35, "r": 0.9}
TWICE = 'relbo-importance-weighted{samples=2 gradient="doubly-reparameterized"}'


@dataclass(frozen=True)
class Case:
    """A program, the pass under test, and an unsound pass that it must be told from."""

    body: str
    step: str
    owner: Any
    name: str
    mutant: Callable[..., Any]
    reference: str = ""
    """A sound pass to the same objective; without one, the program itself is exact."""


def _negated(w: Writer, choice: prob.SampleOp, twin: SSAValue, element: Any) -> SSAValue:
    return (-w.expression(WEIGHT(w, choice, twin, element))).value


def _without_parameter(w: Writer, choice: prob.SampleOp, twin: SSAValue, element: Any) -> SSAValue:
    return (w.expression(WEIGHT(w, choice, twin, element)) * 0.5).value


def _densities_stay(
    block: Block, values: dict[SSAValue, SSAValue], targets: list[SSAValue]
) -> None:
    """Log densities are not evaluated at the twins."""
    for op in block.ops:
        if isinstance(op, prob.LogDensityOp):
            values[op.result] = op.result
    copies.copied(block, values, targets)


def _moves(choice: prob.SampleOp) -> SSAValue:
    """The draw moves where it should be held."""
    w = Writer(InsertPoint.after(choice))
    return (w.expression(choice.value) * 1.0).value


WEIGHT = disarm._weight  # pyright: ignore[reportPrivateUsage]
ALONE, CHAIN = COINS.replace("PARENT", "%r_"), COINS.replace("PARENT", "%l")
PLAIN = "relbo-importance-weighted{samples=2}"
MUTANTS = {
    "the weight's sign": Case(ALONE, "relbo-disarm", disarm, "_weight", _negated),
    "half of the weight": Case(ALONE, "relbo-disarm", disarm, "_weight", _without_parameter),
    "a density at the draw alone": Case(ALONE, "relbo-disarm", disarm, "copied", _densities_stay),
    "a twin of a draw that a law reads": Case(
        CHAIN, "relbo-disarm", disarm, "disarm_obstacle", lambda choice: None
    ),
    "a baseline that sees its sample": Case(
        ALONE,
        PLAIN,
        estim,
        "VimcoOp",
        estim.LogMeanExpOp,
        'relbo-importance-weighted{samples=2 baseline="none"}',
    ),
    "a direct score that is kept": Case(
        NORMAL, TWICE, importance_weighted, "own_densities", lambda choice: [], PLAIN
    ),
    "a draw that is not held": Case(NORMAL, TWICE, importance_weighted, "_held", _moves, PLAIN),
}


def _gradient(module: ModuleOp, precision: Precision) -> Mapping[str, Any]:
    return interpret_module(module, AT, precision).gradient()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case, precision = MUTANTS[name], Precision(normal_nodes=24)
    module = objective_module({"p": "real", "r": "real"}, case.body)
    truth = _gradient(apply(module, *([case.reference] if case.reference else [])), precision)
    sound = _gradient(apply(module, case.step), precision)
    for parameter, slope in truth.items():
        np.testing.assert_allclose(sound[parameter], slope, rtol=1e-8, atol=1e-9)
    monkeypatch.setattr(case.owner, case.name, case.mutant)
    biased = _gradient(apply(module, case.step), precision)
    assert any(abs(float(biased[p] - slope)) > 1e-3 for p, slope in truth.items())
