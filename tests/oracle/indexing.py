"""What the ops that read at computed positions compute: rows, blocks, order."""

from __future__ import annotations

import numpy as np

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import tuple_of

from .dual import Array, Dual, linear, linear_together


def _pick(array: Array, positions: list[Array]) -> Array:
    """array[k, positions…] for every outcome k; positions broadcast to (K, *result)."""
    rows = array.shape[0]
    if not positions:
        return array
    lead = np.arange(rows) if rows > 1 else np.zeros(1, dtype=np.int64)
    return array[(lead.reshape(-1, *(1,) * (positions[0].ndim - 1)), *positions)]


def dynamic_slice(op: lax.DynamicSliceOp, x: Dual, starts: list[Dual]) -> Dual:
    """The block of the op's sizes at the start indices, moved inside x."""
    sizes = tuple_of(op.sizes)
    positions: list[Array] = []
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        corner = np.clip(start.value.astype(np.int64), 0, x.shape[axis] - size)
        steps = np.arange(size).reshape(-1, *(1,) * (len(sizes) - 1 - axis))
        positions.append(corner.reshape(-1, *(1,) * len(sizes)) + steps)
    return linear(x, lambda a: _pick(a, positions))


def gather(op: lax.GatherOp, x: Dual, indices: Dual) -> Dual:
    """XLA's gather: slices of x at the rows of `indices`, their axes laid out as it says."""
    sizes, offsets = tuple_of(op.slice_sizes), tuple_of(op.offset_dims)
    dropped = tuple_of(op.collapsed_slice_dims) + tuple_of(op.operand_batching_dims)
    batching = dict(
        zip(
            tuple_of(op.operand_batching_dims),
            tuple_of(op.start_indices_batching_dims),
            strict=True,
        )
    )
    rows = indices.value.astype(np.int64)
    batch = rows.shape[1:-1]
    kept = [axis for axis in range(len(x.shape)) if axis not in dropped]
    rank = 1 + len(batch) + len(kept)
    inside = np.ones((1,) * rank, dtype=np.bool_)
    positions: list[Array] = []
    for axis, extent in enumerate(x.shape):
        position = np.zeros((1,) * rank, dtype=np.int64)
        if axis in tuple_of(op.start_index_map):
            start = rows[..., tuple_of(op.start_index_map).index(axis)]
            start = start.reshape(*start.shape, *(1,) * len(kept))
            inside = inside & (start >= 0) & (start <= extent - sizes[axis])
            position = position + np.clip(start, 0, extent - sizes[axis])
        if axis in batching:
            position = position + _ramp(extent, 1 + batching[axis], rank)
        if axis in kept:
            place = 1 + len(batch) + kept.index(axis)
            position = position + _ramp(sizes[axis], place, rank)
        positions.append(position)
    batch_axes = iter(range(1, 1 + len(batch)))
    order = [0]
    for place in range(len(batch) + len(kept)):
        if place in offsets:
            order.append(1 + len(batch) + offsets.index(place))
        else:
            order.append(next(batch_axes))
    result = linear(x, lambda a: np.transpose(_pick(a, positions), order))
    inside = np.transpose(
        np.broadcast_to(inside, (inside.shape[0], *_unordered(result, order))), order
    )
    if op.mode.data != "fill" or bool(np.all(inside)):
        return result
    filler = _fill_value(op, result.value.dtype)
    value = np.where(inside, result.value, filler)
    tangent = None if result.tangent is None else np.where(inside, result.tangent, 0.0)
    return Dual(value, tangent)


def _unordered(result: Dual, order: list[int]) -> tuple[int, ...]:
    shape = [0] * len(result.shape)
    for place, source in enumerate(order[1:]):
        shape[source - 1] = result.shape[place]
    return tuple(shape)


def _ramp(size: int, axis: int, rank: int) -> Array:
    return np.arange(size).reshape(tuple(-1 if k == axis else 1 for k in range(rank)))


def _fill_value(op: lax.GatherOp, kind: np.dtype[np.generic]) -> float | int | bool:
    if op.fill_value is not None and op.fill_value.splat is not None:
        return op.fill_value.splat
    if np.issubdtype(kind, np.floating):
        return float("nan")
    if kind == np.bool_:
        return True
    width = op.result.type.get_element_type().width.data  # pyright: ignore
    return -(2 ** (width - 1))


def sort(op: lax.SortOp, xs: list[Dual]) -> list[Dual]:
    """The operands in the order of the first one along the op's axis; a stable sort."""
    if op.num_keys.value.data != 1:
        raise NotImplementedError("the oracle sorts by one key only")
    axis = op.dimension.value.data + 1
    rows = max(x.value.shape[0] for x in xs)
    order = np.argsort(xs[0].value, axis=axis, kind="stable")
    order = np.broadcast_to(order, (rows, *order.shape[1:]))

    def arrange(arrays: list[Array]) -> Array:
        array = np.broadcast_to(arrays[0], (rows, *arrays[0].shape[1:]))
        return np.take_along_axis(array, order, axis=axis)

    return [linear_together([x], arrange) for x in xs]
