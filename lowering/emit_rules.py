"""The Python expression of each op: public `jax.lax`, `jax.numpy` and `jax.random` calls alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from xdsl.dialects.builtin import StringAttr, TensorType
from xdsl.ir import Operation, SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import shape_of, tuple_of
from relbo_ir.dialects.lax.reductions import check_precision
from relbo_ir.lowering.parameters import float_text
from relbo_ir.lowering.types import array_of, dtype_name

if TYPE_CHECKING:
    from relbo_ir.lowering.emit import FunctionEmitter

OpT = TypeVar("OpT", bound=Operation)
EmitOf = Callable[["FunctionEmitter", OpT], str]
Emit = EmitOf[Operation]
EMIT: dict[type[Operation], Emit] = {}

_SPECIAL = {
    "softplus": "jnp.logaddexp({0}, 0.0)",
    "logaddexp": "jnp.logaddexp({0}, {1})",
    "xlogy": "jsp.xlogy({0}, {1})",
    "xlog1py": "jsp.xlog1py({0}, {1})",
    "betaln": "jsp.betaln({0}, {1})",
    "ndtri": "jsp.ndtri({0})",
    "log_ndtr": "jsp.log_ndtr({0})",
    "round_half_even": "lax.round({0}, lax.RoundingMethod.TO_NEAREST_EVEN)",
    "round_half_away": "lax.round({0}, lax.RoundingMethod.AWAY_FROM_ZERO)",
    "logical_not": "lax.bitwise_not({0})",
    "logical_and": "lax.bitwise_and({0}, {1})",
    "logical_or": "lax.bitwise_or({0}, {1})",
    "logical_xor": "lax.bitwise_xor({0}, {1})",
    "abs": "lax.abs({0})",
    "copy": "jnp.copy({0})",
    "regularized_incomplete_beta": "lax.betainc({0}, {1}, {2})",
}


def emits(*classes: type[OpT]) -> Callable[[EmitOf[OpT]], EmitOf[OpT]]:
    """Registers the expression of op classes."""

    def register(function: EmitOf[OpT]) -> EmitOf[OpT]:
        def emit(em: FunctionEmitter, op: Operation) -> str:
            if not isinstance(op, classes):
                raise TypeError(op.name)
            return function(em, op)

        EMIT.update(dict.fromkeys(classes, emit))
        return function

    return register


def element_of(value: SSAValue) -> str:
    """The NumPy dtype name of a tensor value's elements."""
    if not isinstance(value.type, TensorType):
        raise TypeError(f"{value.type} is not a tensor")
    return dtype_name(value.type.get_element_type())


def dtype_text(value: SSAValue) -> str:
    """`jnp.float32` and the like."""
    name = element_of(value)
    return f"jnp.{'bool_' if name == 'bool' else name}"


def scalar_text(value: lax.Scalar) -> str:
    """A Python number as an expression."""
    return float_text(value) if isinstance(value, float) else repr(value)


def typed_scalar_text(constant: lax.ConstantOp, splat: lax.Scalar) -> str:
    """
    The element of a splat as an operand of an elementwise `lax` function. These functions do not
    promote: under x64 a Python number fits float64 alone.
    """
    dtype = element_of(constant.result)
    if dtype == "float64":
        return scalar_text(splat)
    number = constant.value.text if isinstance(splat, float) else repr(splat)
    if isinstance(splat, float) and not math.isfinite(splat):
        number = float_text(splat)
    return f"{'jnp' if dtype == 'bfloat16' else 'np'}.{'bool_' if dtype == 'bool' else dtype}({number})"


def _elementwise(short: str) -> Emit:
    pattern = _SPECIAL.get(short)

    def emit(em: FunctionEmitter, op: Operation) -> str:
        names = em.mixed_operands(op.operands)
        if pattern is not None:
            return pattern.format(*names)
        if "accuracy" in op.properties:
            names.append("accuracy=lax.AccuracyMode.HIGHEST")
        return f"lax.{short}({', '.join(names)})"

    return emit


for _short, _cls in lax.ELEMENTWISE.items():
    EMIT[_cls] = _elementwise(_short)


@emits(lax.ConstantOp)
def _constant(em: FunctionEmitter, op: lax.ConstantOp) -> str:
    value, dtype = op.value, dtype_text(op.result)
    splat, shape = value.splat, shape_of(op.result)
    if value.text.startswith("0x") or ", 0x" in value.text:
        flat = f"np.frombuffer({value.data.payload!r}, np.dtype({element_of(op.result)!r}))"
        return (
            f"np.broadcast_to({flat}, {shape})" if splat is not None else f"{flat}.reshape({shape})"
        )
    if splat is not None:
        return f"jnp.full({shape}, {scalar_text(splat)}, {dtype})"
    flat = [scalar_text(v) for v in array_of(value).reshape(-1).tolist()]
    text = f"np.array([{', '.join(flat)}], {dtype})"
    return text if len(shape) == 1 else f"{text}.reshape({shape})"


@emits(lax.ConvertOp)
def _convert(em: FunctionEmitter, op: Operation) -> str:
    return f"lax.convert_element_type({em.name(op.operands[0])}, {dtype_text(op.results[0])})"


@emits(lax.BitcastOp)
def _bitcast(em: FunctionEmitter, op: Operation) -> str:
    return f"lax.bitcast_convert_type({em.name(op.operands[0])}, {dtype_text(op.results[0])})"


@emits(lax.BroadcastInDimOp)
def _broadcast(em: FunctionEmitter, op: lax.BroadcastInDimOp) -> str:
    x, shape, dims = em.name(op.x), shape_of(op.result), tuple_of(op.dimensions)
    return f"lax.broadcast_in_dim({x}, {shape}, {dims})"


@emits(lax.ReshapeOp)
def _reshape(em: FunctionEmitter, op: Operation) -> str:
    return f"lax.reshape({em.name(op.operands[0])}, {shape_of(op.results[0])})"


@emits(lax.TransposeOp)
def _transpose(em: FunctionEmitter, op: lax.TransposeOp) -> str:
    return f"lax.transpose({em.name(op.x)}, {tuple_of(op.permutation)})"


@emits(lax.SqueezeOp)
def _squeeze(em: FunctionEmitter, op: lax.SqueezeOp) -> str:
    return f"lax.squeeze({em.name(op.x)}, {tuple_of(op.dimensions)})"


@emits(lax.ConcatenateOp)
def _concatenate(em: FunctionEmitter, op: lax.ConcatenateOp) -> str:
    return f"lax.concatenate({em.list_of(op.xs)}, {op.dimension.value.data})"


@emits(lax.StackOp)
def _stack(em: FunctionEmitter, op: lax.StackOp) -> str:
    return f"jnp.stack({em.list_of(op.xs)}, {op.axis.value.data})"


@emits(lax.UnstackOp)
def _unstack(em: FunctionEmitter, op: lax.UnstackOp) -> str:
    return f"jnp.unstack({em.name(op.x)}, axis={op.axis.value.data})"


@emits(lax.SplitOp)
def _split(em: FunctionEmitter, op: lax.SplitOp) -> str:
    return f"lax.split({em.name(op.x)}, {tuple_of(op.sizes)}, {op.axis.value.data})"


@emits(lax.SliceOp)
def _slice(em: FunctionEmitter, op: lax.SliceOp) -> str:
    parts = [tuple_of(a) for a in (op.start, op.limit, op.strides)]
    return f"lax.slice({em.name(op.x)}, {', '.join(map(str, parts))})"


@emits(lax.PadOp)
def _pad(em: FunctionEmitter, op: lax.PadOp) -> str:
    config = list(zip(tuple_of(op.low), tuple_of(op.high), tuple_of(op.interior), strict=True))
    return f"lax.pad({em.name(op.x)}, {em.name(op.value)}, {config})"


@emits(lax.RevOp)
def _rev(em: FunctionEmitter, op: lax.RevOp) -> str:
    return f"lax.rev({em.name(op.x)}, {tuple_of(op.dimensions)})"


@emits(lax.IotaOp)
def _iota(em: FunctionEmitter, op: lax.IotaOp) -> str:
    axis = op.dimension.value.data
    return f"lax.broadcasted_iota({dtype_text(op.result)}, {shape_of(op.result)}, {axis})"


_REDUCTIONS: dict[type[lax.ReductionOp], str] = {
    lax.ReduceSumOp: "lax.reduce_sum({x}, {axes})",
    lax.ReduceProdOp: "lax.reduce_prod({x}, {axes})",
    lax.ReduceMaxOp: "lax.reduce_max({x}, {axes})",
    lax.ReduceMinOp: "lax.reduce_min({x}, {axes})",
    lax.ReduceAndOp: "lax.reduce_and({x}, {axes})",
    lax.ReduceOrOp: "lax.reduce_or({x}, {axes})",
    lax.LogSumExpOp: "jsp.logsumexp({x}, {axes})",
}


@emits(*_REDUCTIONS)
def _reduction(em: FunctionEmitter, op: lax.ReductionOp) -> str:
    return _REDUCTIONS[type(op)].format(x=em.name(op.x), axes=tuple_of(op.axes))


@emits(lax.ArgmaxOp, lax.ArgminOp)
def _argument(em: FunctionEmitter, op: lax.ArgumentOp) -> str:
    name = op.name.removeprefix("lax.")
    return f"lax.{name}({em.name(op.x)}, {op.axis.value.data}, {dtype_text(op.result)})"


@emits(lax.CumsumOp, lax.CumprodOp, lax.CummaxOp, lax.CumminOp, lax.CumlogsumexpOp)
def _cumulative(em: FunctionEmitter, op: lax.CumulativeOp) -> str:
    name, reverse = op.name.removeprefix("lax."), bool(op.reverse)
    return f"lax.{name}({em.name(op.x)}, axis={op.axis.value.data}, reverse={reverse})"


@emits(lax.SortOp)
def _sort(em: FunctionEmitter, op: lax.SortOp) -> str:
    operands = ", ".join(em.name(x) for x in op.xs)
    options = f"is_stable={bool(op.is_stable)}, num_keys={op.num_keys.value.data}"
    return f"lax.sort(({operands},), dimension={op.dimension.value.data}, {options})"


@emits(lax.CholeskyOp)
def _cholesky(em: FunctionEmitter, op: Operation) -> str:
    return f"lax.linalg.cholesky({em.name(op.operands[0])}, symmetrize_input=False)"


@emits(lax.TriangularSolveOp)
def _triangular_solve(em: FunctionEmitter, op: lax.TriangularSolveOp) -> str:
    names = ("left_side", "lower", "transpose_a", "unit_diagonal")
    given = (op.left_side, op.lower, op.transpose_a, op.unit_diagonal)
    options = ", ".join(f"{n}={bool(v)}" for n, v in zip(names, given, strict=True))
    return f"lax.linalg.triangular_solve({em.name(op.a)}, {em.name(op.b)}, {options})"


@emits(lax.DotGeneralOp)
def _dot_general(em: FunctionEmitter, op: lax.DotGeneralOp) -> str:
    contract = (tuple_of(op.x_contract), tuple_of(op.y_contract))
    batch = (tuple_of(op.x_batch), tuple_of(op.y_batch))
    precision = _precision_text(op.precision)
    return f"lax.dot_general({em.name(op.x)}, {em.name(op.y)}, {(contract, batch)}{precision})"


def _precision_text(precision: StringAttr | None) -> str:
    """The argument that asks for a precision, none where it is the usual one; no other text."""
    check_precision(precision)
    return "" if precision is None else f", precision=lax.Precision.{precision.data}"


@emits(lax.ConvGeneralDilatedOp)
def _convolution(em: FunctionEmitter, op: lax.ConvGeneralDilatedOp) -> str:
    padding = tuple(zip(tuple_of(op.low), tuple_of(op.high), strict=True))
    strides = tuple_of(op.window_strides)
    text = f"{em.name(op.x)}, {em.name(op.kernel)}, window_strides={strides}, padding={padding}"
    for name, numbers in (("lhs_dilation", op.lhs_dilation), ("rhs_dilation", op.rhs_dilation)):
        if any(n != 1 for n in tuple_of(numbers)):
            text += f", {name}={tuple_of(numbers)}"
    specs = [tuple_of(spec) for spec in (op.lhs_spec, op.rhs_spec, op.out_spec)]
    if any(spec != tuple(range(len(spec))) for spec in specs):
        numbers = ", ".join(map(str, specs))
        text += f", dimension_numbers=lax.ConvDimensionNumbers({numbers})"
    counts = (op.feature_group_count, op.batch_group_count)
    for name, count in zip(("feature_group_count", "batch_group_count"), counts, strict=True):
        if count.value.data != 1:
            text += f", {name}={count.value.data}"
    return f"lax.conv_general_dilated({text}{_precision_text(op.precision)})"


@emits(lax.RealOp, lax.ImagOp, lax.ComplexOp)
def _parts(em: FunctionEmitter, op: Operation) -> str:
    return f"{op.name}({', '.join(em.name(v) for v in op.operands)})"


@emits(lax.FftOp)
def _fft(em: FunctionEmitter, op: lax.FftOp) -> str:
    return f"lax.fft({em.name(op.x)}, lax.FftType.{op.kind.data}, {tuple_of(op.lengths)})"


@emits(lax.DynamicSliceOp)
def _dynamic_slice(em: FunctionEmitter, op: lax.DynamicSliceOp) -> str:
    arguments = f"{em.name(op.x)}, {em.list_of(op.starts)}, {tuple_of(op.sizes)}"
    return f"lax.dynamic_slice({arguments}, allow_negative_indices=False)"


@emits(lax.DynamicUpdateSliceOp)
def _dynamic_update_slice(em: FunctionEmitter, op: lax.DynamicUpdateSliceOp) -> str:
    arguments = f"{em.name(op.x)}, {em.name(op.update)}, {em.list_of(op.starts)}"
    return f"lax.dynamic_update_slice({arguments}, allow_negative_indices=False)"


_MODES = {
    "clip": "lax.GatherScatterMode.CLIP",
    "fill": "lax.GatherScatterMode.FILL_OR_DROP",
    "promise_in_bounds": "lax.GatherScatterMode.PROMISE_IN_BOUNDS",
}


@emits(lax.GatherOp)
def _gather(em: FunctionEmitter, op: lax.GatherOp) -> str:
    numbers = (
        f"lax.GatherDimensionNumbers(offset_dims={tuple_of(op.offset_dims)}, "
        f"collapsed_slice_dims={tuple_of(op.collapsed_slice_dims)}, "
        f"start_index_map={tuple_of(op.start_index_map)}, "
        f"operand_batching_dims={tuple_of(op.operand_batching_dims)}, "
        f"start_indices_batching_dims={tuple_of(op.start_indices_batching_dims)})"
    )
    fill = "" if op.fill_value is None else f", fill_value={scalar_text(op.fill_value.values[0])}"
    return (
        f"lax.gather({em.name(op.x)}, {em.name(op.indices)}, {numbers}, {tuple_of(op.slice_sizes)}, "
        f"indices_are_sorted={bool(op.indices_are_sorted)}, "
        f"unique_indices={bool(op.unique_indices)}, mode={_MODES[op.mode.data]}{fill})"
    )


@emits(
    *(lax.ScatterOp, lax.ScatterAddOp, lax.ScatterSubOp),
    *(lax.ScatterMulOp, lax.ScatterMinOp, lax.ScatterMaxOp),
)
def _scatter(em: FunctionEmitter, op: lax.ScatterBase) -> str:
    numbers = (
        f"lax.ScatterDimensionNumbers(update_window_dims={tuple_of(op.update_window_dims)}, "
        f"inserted_window_dims={tuple_of(op.inserted_window_dims)}, "
        f"scatter_dims_to_operand_dims={tuple_of(op.scatter_dims_to_operand_dims)}, "
        f"operand_batching_dims={tuple_of(op.operand_batching_dims)}, "
        f"scatter_indices_batching_dims={tuple_of(op.scatter_indices_batching_dims)})"
    )
    names = ", ".join(em.name(v) for v in op.operands)
    return (
        f"lax.{op.name.removeprefix('lax.')}({names}, {numbers}, "
        f"indices_are_sorted={bool(op.indices_are_sorted)}, "
        f"unique_indices={bool(op.unique_indices)}, mode={_MODES[op.mode.data]})"
    )


@emits(lax.SelectNOp)
def _select_n(em: FunctionEmitter, op: Operation) -> str:
    return f"lax.select_n({', '.join(em.name(v) for v in op.operands)})"


@emits(lax.ClampOp)
def _clamp(em: FunctionEmitter, op: Operation) -> str:
    return f"lax.clamp({', '.join(em.name(v) for v in op.operands)})"


@emits(lax.IntegerPowOp)
def _integer_pow(em: FunctionEmitter, op: lax.IntegerPowOp) -> str:
    return f"lax.integer_pow({em.name(op.x)}, {op.exponent.value.data})"
