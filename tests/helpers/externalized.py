"""A compiled estimator as a function of its draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from relbo_ir import ELBO
from relbo_ir.dialects import prob
from relbo_ir.lowering.executable import find_function
from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.pipelines import Step, resolve, run

from .emitted import load_main

PLANNED = ("objective", "relbo-assign-estimators", "relbo-score-function", "relbo-pathwise")
"""Pathwise where it is legal, else the score function, without baselines."""
_LOWERED = ("relbo-expand-densities", "relbo-externalize-draws", "relbo-lower-estimators", "cse")


def externalized(
    elbo: ELBO, args: tuple[Any, ...] = (), estimator: Sequence[Step] = PLANNED
) -> Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[Any, ...]]:
    """
    (unconstrained parameters, draws) → (value, gradients in the order of the parameters); draws
    are choices held fixed, the noise of pathwise ones, and the indices of minibatches.
    """
    call = split_call(elbo.model, args, {})
    module, traced = trace_elbo(elbo.model, elbo.guide, call)
    run(module, resolve((*estimator, *_LOWERED)))
    function, main = find_function(module, "elbo"), load_main(module)
    data = dict(zip(call.names, call.leaves, strict=True))
    constants = {(t.function, k): v for t in traced for k, v in enumerate(t.constants)}

    def estimate(params: Mapping[str, Any], draws: Mapping[str, Any]) -> tuple[Any, ...]:
        values: list[Any] = []
        for role in function.roles:
            match role:
                case prob.UnconstrainedAttr():
                    values.append(params[role.parameter.data])
                case prob.DrawAttr():
                    values.append(draws[role.site.data])
                case prob.DataAttr():
                    values.append(data[role.argument.data])
                case prob.ClosureAttr():
                    values.append(constants[role.function.data, role.index.data])
                case _:
                    raise TypeError(f"the tests have no value for {role}")
        result = main(*(jnp.asarray(value) for value in values))
        return result if isinstance(result, tuple) else (result,)

    return estimate
