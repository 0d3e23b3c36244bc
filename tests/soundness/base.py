"""What a program of the mutation tests is: an objective whose exact gradient is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from helpers.emitted import draws_of, estimates, load_main
from helpers.texts import objective_module
from oracle import Precision, interpret_elbo, interpret_module, interpret_objective
from oracle.objectives import COIN, find_function
from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects import lax, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.pipelines import resolve, run

STEPS = (
    "relbo-split-addends",
    "relbo-score-function",
    "relbo-rao-blackwellize",
    "relbo-drop-zero-score",
    'relbo-baseline{kind="leave-one-out"}',
)
WITHOUT_LAWS = ("relbo-expand-densities", "dce")
TO_LEVEL_FOUR = ("relbo-expand-densities", "relbo-externalize-draws", "relbo-lower-estimators")
WEIGHTS = Precision(exact_normal="weights")


class Checked(Protocol):
    """What says whether everything is as it has to be."""

    def holds(self) -> bool:
        """Whether it is."""
        ...


@dataclass(frozen=True)
class Program:
    """A module, values for its arguments, its exact gradient, and the passes to be tried on it."""

    module: ModuleOp
    arguments: Mapping[Any, Any]
    gradient: Mapping[str, Any]
    steps: tuple[str, ...] = STEPS
    precision: Precision = WEIGHTS

    def holds(self) -> bool:
        """Whether the estimator that the passes make of it has the exact gradient as its mean."""
        module = self.module.clone()
        run(module, resolve(self.steps))
        func = find_function(module, "elbo")
        return self.is_exact(interpret_objective(func, self.arguments, self.precision).gradient())

    def is_exact(self, found: Mapping[str, Any]) -> bool:
        """Whether a gradient is the exact one."""
        return all(np.allclose(found[n], g, 1e-9, 1e-9) for n, g in self.gradient.items())


class Emitted(Program):
    """A program that is held to its gradient as it is emitted, over all of its draws."""

    def holds(self) -> bool:
        module = self.module.clone()
        run(module, resolve(self.steps))
        func = find_function(module, "elbo")
        outcomes = interpret_objective(func, self.arguments, self.precision)
        draws = draws_of(module, outcomes, self.precision)
        run(module, resolve(TO_LEVEL_FOUR))
        with jax.enable_x64(True):
            found = estimates(module, self.arguments, draws, outcomes.weights)
        return self.is_exact(found.mean()[1])


class Refused(Program):
    """
    A program for which the passes have to be refused, as their side condition does not hold: where
    they are not, its gradient shows it.
    """

    def holds(self) -> bool:
        try:
            run(self.module.clone(), resolve(self.steps))
        except PassError:
            return True
        return super().holds()


@dataclass(frozen=True)
class Draws:
    """
    Sites of one law in a program that hands out its draws, vectors or the steps' ones in rows: no
    two may draw the same.
    """

    module: ModuleOp

    def holds(self) -> bool:
        module = self.module.clone()
        run(module, resolve(("relbo-report", "relbo-lower-sampling", "relbo-canonicalize", "cse")))
        result = load_main(module)(jnp.float32(0.0), jax.random.key(3))
        tables = [np.asarray(draw) for draw in result if np.ndim(draw) > 0]
        rows = [row for table in tables for row in table.reshape(-1, table.shape[-1])]
        return len({row.tobytes() for row in rows}) == len(rows) > 1


def formed(
    model: Callable[..., None], guide: Callable[..., None], *data: Any, expanded: bool = False
) -> Program:
    """
    The program of a model and a guide, whose exact gradient is that of its objective; `expanded`,
    of the objective with its densities as `lax` ops, for laws that the oracle has no densities of.
    """
    with jax.enable_x64(True):
        module, traced = trace_elbo(model, guide, split_call(model, data, {}))
        run(module, resolve("objective"))
    arguments: dict[Any, Any] = {
        (t.function, k): c for t in traced for k, c in enumerate(t.constants)
    }
    function = find_function(module, "elbo")
    given = iter(data)
    for argument, role in zip(function.body.block.args, function.roles, strict=True):
        if isinstance(role, prob.UnconstrainedAttr):
            shape = lax.shape_of(argument)
            arguments[role.parameter.data] = np.linspace(-0.6, 0.5, int(np.prod(shape))).reshape(
                shape
            )
        elif isinstance(role, prob.DataAttr):
            arguments[role.argument.data] = next(given)
    steps, exact = STEPS, module
    if expanded:
        steps, exact = (*STEPS, *WITHOUT_LAWS), module.clone()
        run(exact, resolve(WITHOUT_LAWS))
    gradient = interpret_module(exact, arguments).gradient()
    return Program(module, arguments, gradient, steps)


def asked(module: ModuleOp, arguments: Mapping[Any, Any], *steps: str) -> Program:
    """The program of a `prob.elbo`, whose exact gradient is that of model and guide themselves."""
    exact = interpret_elbo(module, arguments).gradient()
    return Program(module, arguments, exact, ("relbo-form-elbo", *steps))


def two_coins(body: str, *steps: str) -> Program:
    """An objective of two coins a and b in IR text: their draws %za, %zb, as floats %x, %y."""
    both = f"""
      %qa = dist.bernoulli_logits %a_ : (tensor<f64>) -> {COIN}
      %za = prob.sample "a" from %qa : {COIN}
      %x = lax.convert %za : (tensor<i32>) -> tensor<f64>
      %qb = dist.bernoulli_logits %b_ : (tensor<f64>) -> {COIN}
      %zb = prob.sample "b" from %qb : {COIN}
      %y = lax.convert %zb : (tensor<i32>) -> tensor<f64>
      %la = prob.log_density %qa at %za : {COIN}, tensor<i32> -> tensor<f64>
      %lb = prob.log_density %qa at %zb : {COIN}, tensor<i32> -> tensor<f64>
    """
    return text({"a": "real", "b": "real"}, both + body, {"a": 0.4, "b": -0.7}, *steps)


def text(
    parameters: Mapping[str, str],
    body: str,
    arguments: Mapping[str, float],
    *steps: str,
    functions: str = "",
) -> Program:
    """The program of an objective in IR text."""
    module = objective_module(parameters, body, functions=functions)
    func = find_function(module, "elbo")
    exact = interpret_objective(func, arguments, WEIGHTS).gradient()
    return Program(module, arguments, exact, steps or STEPS)
