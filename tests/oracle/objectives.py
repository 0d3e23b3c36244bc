"""Small objectives for tests: one expectation around a body of IR text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects.prob import FuncOp

from .machine import Arguments
from .outcomes import Outcomes
from .text import parse_module

ROLES = {
    "real": '#prob.constraint<"real">',
    "positive": '#prob.constraint<"positive">',
    "unit": '#prob.constraint<"unit_interval">',
}


def objective(parameters: dict[str, str], body: str) -> FuncOp:
    """An objective of scalar float64 parameters around the body of an expectation."""
    args = ", ".join(
        f'%{n}: tensor<f64> {{prob.role = #prob.parameter<#prob.name"{n}", {ROLES[c]}>}}'
        for n, c in parameters.items()
    )
    bindings = ", ".join(f"%{n}_ = %{n}" for n in parameters)
    types = ", ".join("tensor<f64>" for _ in parameters)
    text = f"""
    prob.func @objective({args}) {{
      %v, %d:{len(parameters)} = prob.gradient ({bindings}) : ({types}) -> (tensor<f64>, {types}) {{
        %e = prob.expectation {{
          {body}
        }} : tensor<f64>
        prob.yield_value %e : tensor<f64>
      }}
      prob.return
    }}
    """
    if len(parameters) == 1:
        text = text.replace("%d:1", "%d")
    return find_function(parse_module(text), "objective")


def find_function(module: ModuleOp, name: str) -> FuncOp:
    """The `prob.func` of that name."""
    (found,) = (op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == name)
    return found


def differences(
    evaluate: Callable[[Arguments], Outcomes], arguments: Mapping[str, float], step: float = 1e-5
) -> dict[str, float]:
    """Central finite differences of the value in each scalar argument."""
    result: dict[str, float] = {}
    for name, value in arguments.items():
        high = evaluate({**arguments, name: value + step}).value()
        low = evaluate({**arguments, name: value - step}).value()
        result[name] = (high - low) / (2.0 * step)
    return result


LAW = "!prob.law<tensor<f64>>"
COIN = "!prob.law<tensor<i32>>"
