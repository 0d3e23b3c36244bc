"""What the `lax` ops that move, combine and choose elements compute, with their derivatives."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import AnyFloat, ComplexType, IntegerType, TensorType
from xdsl.ir import Attribute, Operation

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import shape_of, tuple_of

from .dual import Array, Dual, aligned, chain, element, linear_together, rowwise
from .elementwise import evaluate_elementwise
from .indexing import dynamic_slice, gather, sort
from .matrices import cholesky, triangular_solve
from .reductions import argument, contraction, cumulative, reduction
from .windows import convolution
from .writing import scatter, update_slice


def dtype_of(type_: Attribute) -> npt.DTypeLike:
    """The NumPy type that stands for a tensor's elements: all floats are float64."""
    element_type = type_.get_element_type() if isinstance(type_, TensorType) else type_
    if isinstance(element_type, AnyFloat):
        return np.float64
    if isinstance(element_type, ComplexType):
        return np.complex128
    if isinstance(element_type, IntegerType):
        return np.bool_ if element_type.width.data == 1 else np.int64
    raise NotImplementedError(f"the oracle has no numbers of type {element_type}")


def constant(op: lax.ConstantOp) -> Dual:
    """A constant, the same in all outcomes."""
    shape = (1, *shape_of(op.result))
    values = np.array(op.value.values, dtype=dtype_of(op.result.type))
    wide = np.broadcast_to(values, math.prod(shape)) if op.value.splat is not None else values
    return Dual(wide.reshape(shape))


def convert(x: Dual, target: Attribute) -> Dual:
    """The elements as another type; only between real and complex numbers the derivative survives."""
    kind = np.dtype(dtype_of(target))
    if kind == np.complex128:
        return rowwise(x, lambda a: a.astype(kind))
    if kind == np.float64 and x.value.dtype == np.float64:
        return x
    if kind == np.int64 and x.value.dtype == np.float64:
        return Dual(np.trunc(x.value).astype(kind))
    return Dual(x.value.astype(kind))


def select(which: Dual, cases: list[Dual]) -> Dual:
    """Element by element, the case that `which` names."""
    chosen = which.value.astype(np.int64)
    if len(which.shape) < len(cases[0].shape):
        chosen = chosen.reshape(-1, *(1,) * len(cases[0].shape))

    def pick(arrays: list[Array]) -> Array:
        result = arrays[0]
        for number, array in enumerate(arrays[1:], start=1):
            result = np.where(chosen == number, array, result)
        return np.where(chosen == 0, arrays[0], result)

    return linear_together(cases, pick)


def clamp(low: Dual, x: Dual, high: Dual) -> Dual:
    """min(max(x, low), high), with JAX's derivative: that of x strictly inside, else 0."""
    a, b = aligned(low, x.shape), aligned(high, x.shape)
    if a.tangent is not None or b.tangent is not None:
        raise NotImplementedError("the oracle does not differentiate the bounds of lax.clamp")
    inside = (x.value > a.value) & (x.value < b.value)
    return chain(np.minimum(np.maximum(x.value, a.value), b.value), (x, lambda: inside * 1.0))


def _axes(attribute: Any) -> tuple[int, ...]:
    """The axes of (K, *shape) arrays that these axes of the tensor are."""
    return tuple(k + 1 for k in tuple_of(attribute))


def _broadcast(op: lax.BroadcastInDimOp, x: Dual) -> Dual:
    target = shape_of(op.result)
    dimensions = tuple_of(op.dimensions)
    expanded = [1] * len(target)
    for size, dimension in zip(x.shape, dimensions, strict=True):
        expanded[dimension] = size
    return aligned(rowwise(x, lambda a: a.reshape(a.shape[0], *expanded)), target)


def _pad(op: lax.PadOp, x: Dual, value: Dual) -> Dual:
    low, high, interior = tuple_of(op.low), tuple_of(op.high), tuple_of(op.interior)
    if min((*low, *high, 0)) < 0:
        raise NotImplementedError("the oracle has no semantics for lax.pad with negative sizes")
    target = shape_of(op.result)
    where = tuple(
        slice(a, size - b, step + 1)
        for a, b, step, size in zip(low, high, interior, target, strict=True)
    )

    def place(arrays: list[Array]) -> Array:
        inner, filler = arrays
        rows = inner.shape[0]
        outer = np.broadcast_to(filler.reshape(rows, *(1,) * len(target)), (rows, *target)).copy()
        outer[(slice(None), *where)] = inner
        return outer

    return linear_together([x, value], place)


def _pieces(op: lax.SplitOp, x: Dual) -> list[Dual]:
    axis, cuts = op.axis.value.data + 1, np.cumsum(tuple_of(op.sizes))
    starts = [0, *(int(c) for c in cuts)]

    def piece(a: Array, start: int, stop: int) -> Array:
        return np.take(a, range(start, stop), axis=axis)

    return [
        rowwise(x, lambda a, i=start, j=stop: piece(a, i, j)) for start, stop in pairwise(starts)
    ]


_FOURIER = {"FFT": np.fft.fftn, "IFFT": np.fft.ifftn, "RFFT": np.fft.rfftn, "IRFFT": np.fft.irfftn}


def _fourier(op: lax.FftOp, x: Dual) -> Dual:
    lengths = tuple_of(op.lengths)
    axes = range(len(x.shape) + 1 - len(lengths), len(x.shape) + 1)
    return rowwise(x, lambda a: _FOURIER[op.kind.data](a, lengths, tuple(axes)))


def _iota(op: lax.IotaOp) -> Dual:
    shape, axis = shape_of(op.result), op.dimension.value.data
    line = np.arange(shape[axis], dtype=dtype_of(op.result.type))
    column = line.reshape(tuple(-1 if k == axis else 1 for k in range(len(shape))))
    return Dual(np.broadcast_to(column, shape)[np.newaxis])


def _slice(op: lax.SliceOp, x: Dual) -> Dual:
    bounds = zip(tuple_of(op.start), tuple_of(op.limit), tuple_of(op.strides), strict=True)
    index = (slice(None), *(slice(*b) for b in bounds))
    return rowwise(x, lambda a: a[index])


def _integer_pow(op: lax.IntegerPowOp, x: Dual) -> Dual:
    n = op.exponent.value.data
    power = np.power(x.value, np.float64(n)) if n < 0 else np.power(x.value, n)
    return chain(power, (x, lambda: n * np.power(x.value, np.float64(n - 1)) if n else 0.0))


def evaluate(op: Operation, operands: list[Dual]) -> list[Dual]:
    """The results of a deterministic op; NotImplementedError naming an op without semantics."""
    xs = operands
    if isinstance(op, lax.ElementwiseOp):
        return [evaluate_elementwise(op, xs)]
    if isinstance(op, lax.ReductionOp):
        return [reduction(op, xs[0])]
    if isinstance(op, lax.CumulativeOp):
        return [cumulative(op, xs[0])]
    if isinstance(op, lax.ArgumentOp):
        return [argument(op, xs[0])]
    match op:
        case lax.ConstantOp():
            return [constant(op)]
        case lax.IotaOp():
            return [_iota(op)]
        case lax.ConvertOp():
            return [convert(xs[0], op.result.type)]
        case lax.BroadcastInDimOp():
            return [_broadcast(op, xs[0])]
        case lax.ReshapeOp() | lax.SqueezeOp():
            target = shape_of(op.result)
            return [rowwise(xs[0], lambda a: a.reshape(a.shape[0], *target))]
        case lax.TransposeOp():
            order = (0, *_axes(op.permutation))
            return [rowwise(xs[0], lambda a: np.transpose(a, order))]
        case lax.ConcatenateOp():
            axis = op.dimension.value.data + 1
            return [linear_together(xs, lambda arrays: np.concatenate(arrays, axis=axis))]
        case lax.StackOp():
            axis = op.axis.value.data + 1
            return [linear_together(xs, lambda arrays: np.stack(arrays, axis=axis))]
        case lax.UnstackOp():
            along = op.axis.value.data
            return [element(xs[0], along, i) for i in range(xs[0].shape[along])]
        case lax.SplitOp():
            return _pieces(op, xs[0])
        case lax.SliceOp():
            return [_slice(op, xs[0])]
        case lax.PadOp():
            return [_pad(op, xs[0], xs[1])]
        case lax.RevOp():
            flipped = _axes(op.dimensions)
            return [rowwise(xs[0], lambda a: np.flip(a, axis=flipped))]
        case lax.SelectNOp():
            return [select(xs[0], xs[1:])]
        case lax.ClampOp():
            return [clamp(xs[0], xs[1], xs[2])]
        case lax.IntegerPowOp():
            return [_integer_pow(op, xs[0])]
        case lax.DotGeneralOp():
            return [contraction(op, xs[0], xs[1])]
        case lax.ConvGeneralDilatedOp():
            return [convolution(op, xs[0], xs[1])]
        case lax.FftOp():
            return [_fourier(op, xs[0])]
        case lax.DynamicSliceOp():
            return [dynamic_slice(op, xs[0], xs[1:])]
        case lax.GatherOp():
            return [gather(op, xs[0], xs[1])]
        case lax.SortOp():
            return sort(op, xs)
        case lax.DynamicUpdateSliceOp():
            return [update_slice(xs[0], xs[1], xs[2:])]
        case lax.ScatterBase():
            return [scatter(op, xs[0], xs[1], xs[2])]
        case lax.CholeskyOp():
            return [cholesky(xs[0])]
        case lax.TriangularSolveOp():
            return [triangular_solve(op, xs[0], xs[1])]
        case _:
            raise NotImplementedError(f"the oracle has no semantics for {op.name}")
