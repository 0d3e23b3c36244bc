"""The model run forward: from its prior, or from draws of the posterior, also on new data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import ModelError
from relbo_ir.dialects.location import source_line
from relbo_ir.lowering.executable import executable, find_function
from relbo_ir.lowering.types import struct
from relbo_ir.origins import Model
from relbo_ir.passes.predict import PredictPass
from relbo_ir.pipelines import resolve, run, without_cycle_collection

Draws = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Forward:
    """A model on some arguments, and values of its parameters in their own spaces, by name."""

    model: Model
    params: Mapping[str, Any]

    def runs(
        self,
        key: jax.Array,
        n: int,
        given: Mapping[str, Any],
        fresh: Sequence[str] | None = (),
        results: str = "draws",
    ) -> Draws:
        """
        `n` runs of the model, each with its own row of the values that are `given` (arrays of shape
        (n, ...) by choice; those that are no choice of the model are left out), and with draws of
        the choices that `fresh` names (None: of all choices).

        Gives every site that was not given and every named value, of shape (n, ...); with `results`
        "densities" for every observation the log density (nats) of its value, per batch element.
        """
        if n < 1:
            raise ValueError(f"a model is run once at least, not {n} times")
        self._check_whole()
        choices = self.choices
        fresh = list(choices) if fresh is None else fresh
        for name in fresh:
            if name not in choices:
                raise ModelError(
                    f'the model has no choice "{name}" to draw afresh',
                    f"its choices are: {', '.join(choices) or 'none'}",
                )
        kept = [name for name in choices if name not in fresh]
        missing = [name for name in kept if name not in given]
        if missing:
            raise ModelError(
                f"there are no values for the choices {', '.join(missing)}",
                "draw them from the model: name them in fresh=(...)",
            )
        values = {name: given[name] for name in kept}
        _check_shapes(values, choices)
        module = self.model.module.clone()
        lowering = [
            "relbo-canonicalize",
            "cse",
            "relbo-lower-sampling",
            "relbo-canonicalize",
            "cse",
        ]
        if results == "densities":
            lowering.insert(0, "relbo-expand-densities")
        with without_cycle_collection():
            run(module, [PredictPass(tuple(values), results)])
            if not find_function(module, self.model.symbol).function_type.outputs.data:
                return {}
            run(module, resolve(lowering))
            program = executable(module, self.model.symbol)
        params = {**self._params(module), **values}
        data = self.model.arrays(program.data_roles)
        axes = {name: 0 if name in values else None for name in params}
        many = jax.vmap(program.plain, in_axes=(axes, 0, None), axis_size=n)
        found = jax.jit(many)(params, jax.random.split(key, n), data)
        return {name: np.asarray(value) for name, value in found.items()}

    @property
    def observed(self) -> list[str]:
        """The names of the observed sites."""
        function = find_function(self.model.module, self.model.function)
        return [op.site.data for op in function.walk() if isinstance(op, prob.ObserveOp)]

    def observations(self, draws: Draws) -> Draws:
        """The observed values, by site; where choices make them, at the first row of these draws."""
        given = {name: rows[:1] for name, rows in draws.items()}
        rows = self.runs(jax.random.key(0), 1, given, results="values")
        return {name: value[0] for name, value in rows.items()}

    @property
    def choices(self) -> dict[str, prob.SampleOp]:
        """The model's choices, by site."""
        ops = [op for op in self.model.module.walk() if isinstance(op, prob.SampleOp)]
        mine = find_function(self.model.module, self.model.function)
        return {op.site.data: op for op in ops if op.parent_op() is mine}

    def _check_whole(self) -> None:
        """Refuses minibatches: each run would have rows of its own, and mean other elements."""
        function = find_function(self.model.module, self.model.function)
        for op in function.walk():
            if isinstance(op, prob.SubsampleOp):
                name = op.plate.string_value()
                raise ModelError(
                    f'the model draws a minibatch of plate "{name}", another one in each run, so '
                    "the rows of two runs are not of the same elements",
                    f'give arguments for which plate "{name}" is not subsampled (subsample_size=None)',
                    line=source_line(op),
                )

    def _params(self, module: ModuleOp) -> dict[str, Any]:
        """The values of the model's own parameters."""
        function = find_function(self.model.module, self.model.function)
        names = [role.parameter.data for _, role in function.arguments(prob.ParameterAttr)
                 if isinstance(role, prob.ParameterAttr)]  # fmt: skip
        return {name: jnp.asarray(self.params[name]) for name in names}


def _check_shapes(values: Mapping[str, Any], choices: Mapping[str, prob.SampleOp]) -> None:
    for name, value in values.items():
        wanted = struct(choices[name].value.type)
        if tuple(value.shape[1:]) != wanted.shape:
            raise ModelError(
                f"the posterior has draws of shape {tuple(value.shape[1:])}, the model on these "
                f"arguments makes a choice of shape {wanted.shape}",
                f'name it in fresh=("{name}",) to draw it from the model given the other choices, '
                "which is right where its elements are new ones; or keep the size",
                site=name,
                line=source_line(choices[name]),
            )


def log_mean_exp(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """log of the mean of the exponentials along the first axis, in float64; −∞ where all are."""
    wide = values.astype(np.float64)
    highest = wide.max(0)
    shift = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(wide - shift).mean(0)) + shift
