"""How primitives that read and write at computed positions are written in `lax`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jax import lax as jlax
from xdsl.dialects.builtin import BoolAttr, StringAttr
from xdsl.ir import Attribute, SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.dialects.lax import ints
from relbo_ir.lowering.import_rules import RULES, Built, Rule, known, make, rule
from relbo_ir.lowering.types import literal

if TYPE_CHECKING:
    from relbo_ir.lowering.import_jaxpr import Importer


@rule("dynamic_slice")
def _dynamic_slice(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    if not known(equation.params, "slice_sizes"):
        return None
    sizes = ints(equation.params["slice_sizes"])
    return make(lax.DynamicSliceOp, equation, operands, sizes=sizes)


@rule("dynamic_update_slice")
def _dynamic_update_slice(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    return make(lax.DynamicUpdateSliceOp, equation, operands)


_GATHER = ("dimension_numbers", "slice_sizes", "indices_are_sorted", "unique_indices", "mode")
_SCATTER = ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")


@rule("gather")
def _gather(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    params = equation.params
    if not known(params, *_GATHER, "fill_value") or _mode(params) is None:
        return None
    numbers = params["dimension_numbers"]
    props: dict[str, Attribute] = {
        "offset_dims": ints(numbers.offset_dims),
        "collapsed_slice_dims": ints(numbers.collapsed_slice_dims),
        "operand_batching_dims": ints(numbers.operand_batching_dims),
        "start_indices_batching_dims": ints(numbers.start_indices_batching_dims),
        "start_index_map": ints(numbers.start_index_map),
        "slice_sizes": ints(params["slice_sizes"]),
        **_index_facts(params),
    }
    if params.get("fill_value") is not None:
        dtype = equation.outvars[0].aval.dtype
        props["fill_value"] = literal(np.asarray(params["fill_value"], dtype))
    return make(lax.GatherOp, equation, operands, **props)


_MODES = {
    jlax.GatherScatterMode.CLIP: "clip",
    jlax.GatherScatterMode.FILL_OR_DROP: "fill",
    jlax.GatherScatterMode.PROMISE_IN_BOUNDS: "promise_in_bounds",
}


def _mode(params: dict[str, Any]) -> str | None:
    return _MODES.get(jlax.GatherScatterMode.from_any(params["mode"]))


def _index_facts(params: dict[str, Any]) -> dict[str, Attribute]:
    return {
        "indices_are_sorted": BoolAttr.from_bool(params["indices_are_sorted"]),
        "unique_indices": BoolAttr.from_bool(params["unique_indices"]),
        "mode": StringAttr(_mode(params) or ""),
    }


def _scatter(cls: type[lax.ScatterBase]) -> Rule:
    def build(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
        params = equation.params
        names = (*_SCATTER, "update_jaxpr", "update_consts")
        if not known(params, *names) or _mode(params) is None:
            return None
        if cls is lax.ScatterOp and params.get("update_jaxpr") is not None:
            raise UnsupportedError(
                "x.at[i].apply(f) has no derivative in JAX", "write x.at[i].set(f(x[i]))"
            )
        numbers = params["dimension_numbers"]
        dims = numbers.scatter_dims_to_operand_dims
        facts = _index_facts(params)
        if cls in (lax.ScatterMinOp, lax.ScatterMaxOp) and facts["mode"] == StringAttr("clip"):
            operands = [operands[0], _clamped(importer, equation, operands[1]), operands[2]]
            facts["mode"] = StringAttr("fill")
        return make(
            cls,
            equation,
            operands,
            update_window_dims=ints(numbers.update_window_dims),
            inserted_window_dims=ints(numbers.inserted_window_dims),
            operand_batching_dims=ints(numbers.operand_batching_dims),
            scatter_indices_batching_dims=ints(numbers.scatter_indices_batching_dims),
            scatter_dims_to_operand_dims=ints(dims),
            **facts,
        )

    return build


def _clamped(importer: Importer, equation: Any, indices: SSAValue) -> SSAValue:
    """The indices moved inside, as mode "clip" says; JAX differentiates some scatters without it."""
    numbers = equation.params["dimension_numbers"]
    x, at, updates = (atom.aval for atom in equation.invars)
    thin = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    sizes = iter([updates.shape[k] for k in numbers.update_window_dims])
    window = [1 if axis in thin else next(sizes) for axis in range(len(x.shape))]
    room = [x.shape[axis] - window[axis] for axis in numbers.scatter_dims_to_operand_dims]
    high = importer.constant(np.broadcast_to(np.asarray(room, at.dtype), at.shape))
    low = importer.constant(np.zeros(at.shape, at.dtype))
    clamp = lax.ClampOp.create(operands=[low, indices, high], result_types=[indices.type])
    return importer.insert(clamp).results[0]


RULES["scatter"] = _scatter(lax.ScatterOp)
for _short, _cls in (
    ("add", lax.ScatterAddOp),
    ("sub", lax.ScatterSubOp),
    ("mul", lax.ScatterMulOp),
    ("min", lax.ScatterMinOp),
    ("max", lax.ScatterMaxOp),
):
    RULES[f"scatter-{_short}"] = RULES[f"scatter_{_short}"] = _scatter(_cls)


__all__ = ["RULES"]
