"""A program's parameters: in their own spaces, and as the unconstrained coordinates that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import ModelError
from relbo_ir.lowering import constraints
from relbo_ir.lowering.executable import find_function
from relbo_ir.lowering.stablehlo import argument_types
from relbo_ir.origins import Origin

Params = dict[str, jax.Array]


class Coordinates:
    """The parameters of a program of level 4 with their constraints; values are dicts by name."""

    def __init__(self, origin: Origin, program: ModuleOp):
        self._origin, self._program = origin, program
        self.constraints = {
            role.parameter.data: role.constraint
            for role in find_function(program, origin.symbol).roles
            if isinstance(role, (prob.UnconstrainedAttr, prob.ParameterAttr))
        }

    @cached_property
    def types(self) -> dict[str, Any]:
        """Shapes and dtypes of the coordinates, by name."""
        return argument_types(self._program, self._origin.symbol)[0]

    def initial(self, key: jax.Array) -> Params:
        """The coordinates of the initial values; ModelError for one outside of its constraint."""
        values = self._origin.initial(key)
        return {name: self._unconstrained(name, values[name]) for name in self.constraints}

    def of(self, values: Mapping[str, Any]) -> Params:
        """The coordinates of values in their own spaces; one number stands for all elements."""
        whole = self._origin.initial(jax.random.key(0))
        coordinates: Params = {}
        for name, given in values.items():
            if name not in self.constraints:
                known = ", ".join(self.constraints) or "none"
                raise ModelError(f'there is no parameter "{name}"', f"the parameters are: {known}")
            like = jnp.asarray(whole[name])
            value = jnp.asarray(given, like.dtype)
            if value.ndim and value.shape != like.shape:
                raise ModelError(
                    f'parameter "{name}" has shape {like.shape}, the value given {value.shape}',
                    "give one number, or an array of the parameter's shape",
                    site=name,
                    line=self._origin.lines.get(name),
                )
            coordinates[name] = self._unconstrained(name, jnp.broadcast_to(value, like.shape))
        return coordinates

    def constrained(self, params: Mapping[str, Any]) -> Params:
        """The values in their own spaces."""
        self.check(params)
        return {
            name: constraints.to_constrained(constraint, params[name])
            for name, constraint in self.constraints.items()
        }

    def typed(self, params: Mapping[str, Any]) -> Params:
        """The coordinates at the program's types."""
        self.check(params)
        return {n: jnp.asarray(params[n], type_.dtype) for n, type_ in self.types.items()}

    def check(self, params: Mapping[str, Any]) -> None:
        """Raises ModelError where names or shapes are not the coordinates'."""
        wanted = self.types
        missing = [name for name in wanted if name not in params]
        unknown = [name for name in params if name not in wanted]
        if missing or unknown:
            raise ModelError(
                "the parameters are not the guide's"
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; unknown: {', '.join(unknown)}" if unknown else ""),
                "pass a dict like the one that `init` gives",
            )
        for name, expected in wanted.items():
            if jnp.shape(params[name]) != expected.shape:
                raise ModelError(
                    f'parameter "{name}" has shape {jnp.shape(params[name])}, its unconstrained '
                    f"coordinates have shape {expected.shape}",
                    "pass a dict like the one that `init` gives",
                    site=name,
                    line=self._origin.lines.get(name),
                )

    def _unconstrained(self, name: str, value: Any) -> jax.Array:
        line = self._origin.lines.get(name)
        return constraints.to_unconstrained(self.constraints[name], value, name, line)
