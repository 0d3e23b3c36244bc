"""From level 4 to StableHLO text, by JAX's own lowering."""

from __future__ import annotations

from typing import Any

import jax
from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects import prob
from relbo_ir.lowering.executable import Executable, find_function
from relbo_ir.lowering.types import struct

Types = tuple[dict[str, jax.ShapeDtypeStruct], jax.ShapeDtypeStruct, tuple[Any, ...]]


def argument_types(module: ModuleOp, symbol: str) -> Types:
    """The types of (params, typed key, data) of a level-4 function."""
    function = find_function(module, symbol)
    params: dict[str, jax.ShapeDtypeStruct] = {}
    data: list[jax.ShapeDtypeStruct] = []
    for argument, role in zip(function.body.block.args, function.roles, strict=True):
        match role:
            case prob.ParameterAttr() | prob.UnconstrainedAttr():
                params[role.parameter.data] = struct(argument.type)
            case prob.DataAttr() | prob.ClosureAttr():
                data.append(struct(argument.type))
            case _:
                pass
    return params, jax.eval_shape(lambda: jax.random.key(0)), tuple(data)


def stablehlo_text(program: Executable, module: ModuleOp, symbol: str) -> str:
    """The program's StableHLO module, for the default device."""
    lowered = jax.jit(program.plain).lower(*argument_types(module, symbol))
    return str(lowered.as_text("stablehlo"))
