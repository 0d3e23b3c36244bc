"""The emitted estimator, evaluated at every outcome of its draws and summed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from oracle import Arguments, Outcomes, Precision
from oracle.choices import Choices
from oracle.dual import Array
from oracle.objectives import find_function
from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects import prob
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.prob import How
from relbo_ir.lowering.emit import emit_function
from relbo_ir.lowering.executable import load

from .comparing import coordinates, parameters_of

Draws = dict[str, Array]
States = Mapping[str, Array]
"""What a program hands from one step to the next, by name."""


def draws_of(module: ModuleOp, outcomes: Outcomes, precision: Precision) -> Draws:
    """
    What `relbo-externalize-draws` wants of each site in each outcome: the draw of a `score`
    choice, the standard normal noise of a `pathwise` one, the uniform noise of a `disarm` one; each
    (K, *shape).
    """
    sites = [op for op in module.walk() if isinstance(op, prob.SampleOp)]
    choices = Choices(sites, precision)
    nodes, _ = np.polynomial.hermite_e.hermegauss(precision.normal_nodes)
    result: Draws = {}
    for site in sites:
        name, shape = site.site.data, shape_of(site.value)
        if site.how.data is How.PATHWISE:
            result[name] = nodes[choices.digits(name, shape)]
        elif site.how.data is How.DISARM:
            result[name] = np.broadcast_to(outcomes.noise[name], (choices.count, *shape))
        else:
            value = outcomes.values[name].value
            result[name] = np.broadcast_to(value, (choices.count, *shape))
    return result


def load_main(module: ModuleOp, symbol: str = "elbo") -> Callable[..., Any]:
    """The emitted `main`, its arguments positional."""
    return load(emit_function(module, symbol))["main"]


@dataclass(frozen=True)
class Estimates:
    """
    The value (K,) of the emitted estimator and its gradient, by parameter (K, *shape), in each
    outcome that can occur, with its probability (K,).
    """

    weights: Array
    values: Array
    gradients: dict[str, Array]

    def mean(self) -> tuple[float, dict[str, Array]]:
        """The mean of value and gradient over all draws."""
        means = {name: self._mean(rows) for name, rows in self.gradients.items()}
        return float(self._mean(self.values)), means

    def variance(self) -> dict[str, Array]:
        """The variance of the gradient."""
        return {
            name: self._mean((rows - self._mean(rows)) ** 2)
            for name, rows in self.gradients.items()
        }

    def _mean(self, rows: Array) -> Array:
        return np.tensordot(self.weights, rows, axes=1)


def estimates(
    module: ModuleOp,
    arguments: Arguments,
    draws: Draws,
    weights: Array,
    states: States | None = None,
) -> Estimates:
    """
    The emitted estimator with the draws of each outcome, and these states.

    Operation by operation: the programs are all different, and compiling one takes XLA longer
    than running it. Outcomes are padded to a fixed number, so that operations are compiled once.
    """
    func = find_function(module, "elbo")
    given, main = coordinates(func, arguments), load_main(module)
    values: list[Any] = []
    axes: list[int | None] = []
    count = _padded(len(weights))
    for arg, role in zip(func.body.block.args, func.roles, strict=True):
        drawn = role.site.data if isinstance(role, prob.DrawAttr) else None
        if isinstance(role, prob.StateAttr):
            rows = (states or {})[role.state.data]
        else:
            rows = _argument(role, given) if drawn is None else _filled(draws[drawn], count)
        values.append(np.asarray(rows).astype(_dtype(arg.type)))
        axes.append(None if drawn is None else 0)
    results = _all_outcomes(main, values, axes, count)
    if all(axis is None for axis in axes):
        results = [np.broadcast_to(r, (count, *np.shape(r))) for r in results]
    alive = np.flatnonzero(weights > 0)
    value, *slopes = (np.asarray(r)[alive] for r in results)
    names = parameters_of(func)
    return Estimates(weights[alive], value, dict(zip(names, slopes[: len(names)], strict=True)))


def _padded(count: int) -> int:
    return next(size for size in (1, 4096, 65536) if size >= count)


def _filled(rows: Array, count: int) -> Array:
    """More rows, of draws that can occur."""
    return np.concatenate([rows, np.repeat(rows[:1], count - len(rows), axis=0)])


def _argument(role: object, given: Arguments) -> Any:
    match role:
        case prob.ParameterAttr() | prob.UnconstrainedAttr():
            return given[role.parameter.data]
        case prob.DataAttr():
            return given[role.argument.data]
        case prob.ClosureAttr():
            return given[role.function.data, role.index.data]
        case _:
            raise TypeError(f"the tests have no value for {role}")


def _dtype(type_: object) -> str:
    return "int32" if "i32" in str(type_) else "float64"


def _all_outcomes(
    main: Callable[..., Any], values: Sequence[Any], axes: Sequence[int | None], count: int
) -> list[Any]:
    mapped: Callable[..., Any] = main
    if any(axis == 0 for axis in axes):
        mapped = jax.vmap(main, in_axes=tuple(axes), axis_size=count)
    with jax.disable_jit():
        results = mapped(*values)
    return list(results) if isinstance(results, tuple) else [results]
