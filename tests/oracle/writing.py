"""What the ops that write into an array at computed positions compute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import tuple_of

from .dual import Array, Dual, linear_together


def update_slice(x: Dual, update: Dual, starts: list[Dual]) -> Dual:
    """x with a block replaced at the start indices, which are moved inside."""
    room = [n - size for n, size in zip(x.shape, update.shape, strict=True)]
    outcomes = max([1, *(s.value.shape[0] for s in starts)])
    corners = np.zeros((outcomes, len(starts)), np.int64)
    for axis, (start, most) in enumerate(zip(starts, room, strict=True)):
        corners[:, axis] = np.clip(start.value, 0, most)

    def write(arrays: list[Array]) -> Array:
        result, block = _outcomes(arrays, outcomes)
        for k in range(len(result)):
            corner = corners[k if outcomes > 1 else 0]
            ends = corner + np.array(update.shape, np.int64)
            result[(k, *map(slice, corner, ends))] = block[k]
        return result

    return linear_together([x, update], write)


def scatter(op: lax.ScatterBase, x: Dual, indices: Dual, updates: Dual) -> Dual:
    """XLA's scatter: windows written, or added, where each row of indices says, one by one."""
    windows, axes = tuple_of(op.update_window_dims), tuple_of(op.scatter_dims_to_operand_dims)
    batching = tuple_of(op.operand_batching_dims)
    thin = sorted({*tuple_of(op.inserted_window_dims), *batching})
    rows = indices.value.astype(np.int64)
    outcomes, batch = rows.shape[0], rows.shape[1:-1]
    extent = np.array(x.shape, np.int64)

    def blocks(count: int) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """Where each window comes from and where it goes."""
        for k in range(count):
            for place in np.ndindex(batch):
                position = iter(place)
                chosen = [
                    slice(None) if axis in windows else next(position)
                    for axis in range(len(updates.shape))
                ]
                window = np.expand_dims(np.empty(updates.shape)[tuple(chosen)], tuple(thin))
                corner = np.zeros_like(extent)
                corner[list(axes)] = rows[(k if outcomes > 1 else 0, *place)]
                for axis, source in zip(
                    batching, tuple_of(op.scatter_indices_batching_dims), strict=True
                ):
                    corner[axis] = place[source]
                room = extent - np.array(window.shape)
                if op.mode.data == "clip":
                    corner = np.clip(corner, 0, room)
                if np.all(corner >= 0) and np.all(corner <= room):
                    yield (k, *chosen), (k, *map(slice, corner, corner + np.array(window.shape)))

    known = [(a, d.value.ndim) for d in (x, updates) for a in (d.value, d.tangent) if a is not None]
    count = max(outcomes, *(array.shape[-rank] for array, rank in known))
    result, new = _outcomes([x.value, updates.value], count)
    moved, moving = _slopes(x, updates, count)
    for source, target in blocks(count):
        window = np.expand_dims(new[source], tuple(thin))
        slope = np.stack([np.expand_dims(t[source], tuple(thin)) for t in moving])
        whole = (slice(None), *target)
        result[target], moved[whole] = _combined(op, result[target], window, moved[whole], slope)
    still = x.tangent is None and updates.tangent is None
    return Dual(result, None if still else moved)


def _combined(op: lax.ScatterBase, x: Array, y: Array, dx: Array, dy: Array) -> tuple[Any, Any]:
    """What stands where a window lands, and its derivatives."""
    match op:
        case lax.ScatterAddOp():
            return x + y, dx + dy
        case lax.ScatterSubOp():
            return x - y, dx - dy
        case lax.ScatterMulOp():
            return x * y, dx * y + x * dy
        case lax.ScatterMinOp():
            return np.minimum(x, y), np.where(y < x, dy, dx)
        case lax.ScatterMaxOp():
            return np.maximum(x, y), np.where(y > x, dy, dx)
        case _:
            return y, dy


def _slopes(x: Dual, updates: Dual, count: int) -> tuple[Array, Array]:
    """A copy of the derivatives of what is written into, and those of what is written."""
    known = [d.tangent for d in (x, updates) if d.tangent is not None]
    along = max([1, *map(len, known)])
    wide = (
        np.broadcast_to(0.0 if d.tangent is None else d.tangent, (along, count, *d.shape))
        for d in (x, updates)
    )
    return next(wide).copy(), next(wide)


def _outcomes(arrays: list[Array], count: int) -> tuple[Array, Array]:
    """A copy of what is written into and what is written, for so many outcomes at least."""
    into, new = arrays
    rows = max(count, into.shape[0])
    wide = (np.broadcast_to(a, (rows, *a.shape[1:])) for a in (into, new))
    return next(wide).copy(), next(wide)
