"""Rules for ops whose elements read windows of an array."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import shape_of, tuple_of
from relbo_ir.passes.analyses.dependence.composition import compose
from relbo_ir.passes.analyses.dependence.facts import (
    NONE_HIGH,
    NONE_LOW,
    Along,
    Dependence,
    Ints,
    span,
)
from relbo_ir.passes.analyses.dependence.table import Facts, each, join, rule


@rule(lax.ConvGeneralDilatedOp)
def _convolution(op: lax.ConvGeneralDilatedOp, facts: list[Facts]) -> list[Facts]:
    """
    A place reads a window of x, and the taps of the kernel that meet x there. A feature reads its
    own kernel, and the features, or the rows, of x that are in its group.
    """
    shape, x_shape, kernel_shape = map(shape_of, (op.result, op.x, op.kernel))
    rows, features, *space = tuple_of(op.out_spec)
    x_rows, x_features, *x_space = tuple_of(op.lhs_spec)
    kernels, read, *taps = tuple_of(op.rhs_spec)
    by_feature, by_row = op.feature_group_count.value.data, op.batch_group_count.value.data
    own_row, own_kernel = span(0, shape[rows]), span(0, shape[features])
    x = {
        x_rows: Along(x_shape[x_rows], rows, own_row, own_row)
        if by_row == 1
        else _group(x_shape[x_rows], by_row, features, shape[features]),
        x_features: _group(x_shape[x_features], by_feature, features, shape[features]),
    }
    kernel = {
        kernels: Along(kernel_shape[kernels], features, own_kernel, own_kernel),
        read: Along.alike(kernel_shape[read], 0, kernel_shape[read] - 1),
    }
    numbers = map(tuple_of, (op.window_strides, op.low, op.lhs_dilation, op.rhs_dilation))
    for axis, of_x, tap, (stride, low, apart, dilation) in zip(
        space, x_space, taps, zip(*numbers, strict=True), strict=True
    ):
        n, count = x_shape[of_x], kernel_shape[tap]
        window, met = meeting(stride * span(0, shape[axis]) - low, n, apart, count, dilation)
        x[of_x], kernel[tap] = _along(n, axis, *window), _along(count, axis, *met)
        if n == shape[axis] == 1 < count:  # as of `Dependence.running`
            x[of_x] = x[of_x].hull
    sides = zip(facts, (x, kernel), strict=True)
    return [join(each(fact, lambda d, s=s: compose(_read(shape, s), d)) for fact, s in sides)]


@rule(lax.FftOp)
def _transform(op: lax.FftOp, facts: list[Facts]) -> list[Facts]:
    """Each coefficient reads all of the axes that are transformed, and its own place in the others."""
    shape, count = shape_of(op.result), len(tuple_of(op.lengths))
    kept = len(shape) - count

    def transformed(d: Dependence) -> Dependence:
        return d.drop_axes(range(kept, len(shape))).broadcast(shape, range(kept))

    return [each(facts[0], transformed)]


def _read(shape: tuple[int, ...], along: Mapping[int, Along]) -> Dependence:
    """How a result of that shape reads an operand, axis by axis."""
    box = tuple((0, n) for n in shape)
    return Dependence(shape, box, tuple(along[k] for k in range(len(along))))


def _group(size: int, groups: int, axis: int, count: int) -> Along:
    """Each of `count` elements along an axis, in equal groups, reads its group of `size` others."""
    if groups == 1:
        return Along.alike(size, 0, size - 1)
    number, wide = np.repeat(span(0, groups), count // groups), size // groups
    return _along(size, axis, number * wide, (number + 1) * wide - 1)


def _along(size: int, axis: int, low: Ints, high: Ints) -> Along:
    """Intervals along an axis; of no axis where several elements all read the same."""
    if len(low) > 1 and np.all(low == low[0]) and np.all(high == high[0]):
        return Along.alike(size, int(low[0]), int(high[0]))
    return Along(size, axis, low, high)


def meeting(
    starts: Ints, n: int, apart: int, taps: int, dilation: int
) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
    """
    The elements of x, which stand `apart`, and the taps, `dilation` apart from `starts` on, that
    meet each other; the hull of such where both numbers are greater than 1.
    """
    end = apart * (n - 1)
    first = np.maximum(0, -(starts // dilation))
    last = np.minimum(taps - 1, (end - starts) // dilation)
    low = -(-(starts + first * dilation) // apart)
    high = (starts + last * dilation) // apart
    some = (first <= last) & (low <= high)
    first = -((starts - low * apart) // dilation)
    last = (high * apart - starts) // dilation

    def kept(least: Ints, most: Ints) -> tuple[Ints, Ints]:
        return np.where(some, least, NONE_LOW), np.where(some, most, NONE_HIGH)

    return kept(low, high), kept(first, last)
