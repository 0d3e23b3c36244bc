"""Whether a program of level 2 or 3 still means what its level 1 meant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from oracle import Arguments, Outcomes, Precision, interpret_objective
from oracle.dual import Array
from oracle.objectives import find_function
from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects import prob

TOLERANCE = 1e-9
"""Relative and absolute, in float64."""


def coordinates(func: prob.FuncOp, arguments: Arguments) -> Arguments:
    """The arguments, each unconstrained parameter by its coordinates instead of its value."""
    result = dict(arguments)
    for role in func.roles:
        if isinstance(role, prob.UnconstrainedAttr):
            name = role.parameter.data
            result[name] = _inverse(role, np.asarray(arguments[name], dtype=np.float64))
    return result


def _inverse(role: prob.UnconstrainedAttr, x: Array) -> Array:
    match role.constraint.constraint.data:
        case "real":
            return x
        case "positive":
            return np.log(x)
        case "unit_interval":
            return np.log(x) - np.log1p(-x)
        case other:
            raise NotImplementedError(f"the tests have no inverse for {other}")


def expected_gradient(
    func: prob.FuncOp, arguments: Arguments, gradient: Mapping[str, Array]
) -> dict[str, Array]:
    """The gradient in the function's own coordinates, by the chain rule on that of level 1."""
    slopes = {name: np.asarray(slope) for name, slope in gradient.items()}
    for role in func.roles:
        if isinstance(role, prob.UnconstrainedAttr):
            name = role.parameter.data
            x = np.asarray(arguments[name], dtype=np.float64)
            match role.constraint.constraint.data:
                case "positive":
                    slopes[name] = slopes[name] * x
                case "unit_interval":
                    slopes[name] = slopes[name] * x * (1.0 - x)
                case _:
                    pass
    return slopes


def parameters_of(func: prob.FuncOp) -> list[str]:
    """The parameters of an objective, in the order of its gradients."""
    return [
        role.parameter.data
        for role in func.roles
        if isinstance(role, (prob.ParameterAttr, prob.UnconstrainedAttr))
    ]


def assert_same(
    value: float, gradient: Mapping[str, Array], truth: Outcomes, slopes: Mapping[str, Array]
) -> None:
    """Value and gradient equal those of level 1 to the tolerance."""
    np.testing.assert_allclose(value, truth.value(), rtol=TOLERANCE, atol=TOLERANCE)
    assert gradient.keys() == slopes.keys()
    for name, slope in slopes.items():
        np.testing.assert_allclose(
            gradient[name], slope, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name
        )


def assert_means_the_same(
    module: ModuleOp, arguments: Arguments, truth: Outcomes, precision: Precision
) -> Outcomes:
    """The module's objective has the value and the gradient that level 1 had."""
    func = find_function(module, "elbo")
    outcomes = interpret_objective(func, coordinates(func, arguments), precision)
    slopes = expected_gradient(func, arguments, truth.gradient())
    assert_same(outcomes.value(), outcomes.gradient(), truth, slopes)
    return outcomes
