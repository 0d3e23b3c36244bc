"""Objectives as IR text: one expectation around a body, in a function that level 4 can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oracle.text import parse_module
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from relbo_ir.dialects import prob
from relbo_ir.pipelines import resolve, run

LAW = "!prob.law<tensor<f64>>"
COIN = "!prob.law<tensor<i32>>"
FINISH = ("relbo-expand-densities", "relbo-lower-sampling", "relbo-lower-estimators")


def objective_module(
    parameters: Mapping[str, str],
    body: str,
    element: str = "f64",
    functions: str = "",
    data: Mapping[str, str] | None = None,
) -> ModuleOp:
    """
    The module of one objective @elbo. `parameters` are scalars by name, with their constraint; in
    `body`, `%x_` is the parameter x as it is differentiated. `data` gives further arguments by
    name with their type. The text is written in f64; `element` replaces that throughout.
    """
    args = [
        f'%{name}: tensor<f64> {{prob.role = #prob.parameter<#prob.name"{name}", '
        f'#prob.constraint<"{constraint}">>}}'
        for name, constraint in parameters.items()
    ]
    for name, type_ in (data or {}).items():
        args.append(f'%{name}: {type_} {{prob.role = #prob.data<#prob.name"{name}">}}')
    bindings = ", ".join(f"%{n}_ = %{n}" for n in parameters)
    types = ", ".join("tensor<f64>" for _ in parameters)
    slopes = ", ".join(f"%d_{n}" for n in parameters)
    text = f"""
    {functions}
    prob.func @elbo({", ".join(args)}) -> (tensor<f64>, {types}) {{
      %v, {slopes} = prob.gradient ({bindings}) : ({types}) -> (tensor<f64>, {types}) {{
        %e = prob.expectation {{
          {body}
        }} : tensor<f64>
        prob.yield_value %e : tensor<f64>
      }}
      prob.return %v, {slopes} : tensor<f64>, {types}
    }}
    """
    return parse_module(text.replace("f64", element))


def apply(module: ModuleOp, *steps: str | ModulePass) -> ModuleOp:
    """A copy of the module after the passes."""
    copy = module.clone()
    run(copy, resolve(steps))
    return copy


def choice(module: ModuleOp, site: str) -> prob.SampleOp:
    """The choice of that name."""
    found = (op for op in module.walk() if isinstance(op, prob.SampleOp))
    return next(op for op in found if op.site.data == site)


def hows(module: ModuleOp) -> dict[str, str]:
    """How each choice is treated, by name."""
    found = [op for op in module.walk() if isinstance(op, prob.SampleOp)]
    return {op.site.data: str(op.how.data) for op in found}


def plans(module: ModuleOp) -> dict[str, str | None]:
    """What is planned for each choice, by name."""
    found = [op for op in module.walk() if isinstance(op, prob.SampleOp)]
    return {op.site.data: None if op.plan is None else str(op.plan.data) for op in found}


def elements(values: Sequence[float]) -> str:
    """A vector constant's text."""
    return ", ".join(repr(float(v)) for v in values)
