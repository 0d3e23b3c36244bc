"""Rules for elements at places that are computed."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import shape_of, tuple_of
from relbo_ir.passes.analyses.dependence.facts import Dependence, Ints, span
from relbo_ir.passes.analyses.dependence.table import Facts, each, everywhere, join, rule


@rule(lax.DynamicSliceOp)
def _dynamic_slice(op: lax.DynamicSliceOp, facts: list[Facts]) -> list[Facts]:
    shape, whole = shape_of(op.result), shape_of(op.x)

    def move(d: Dependence) -> Dependence:
        for axis, (n, start) in enumerate(zip(shape, op.starts, strict=True)):
            if n == whole[axis]:
                continue
            first = _constant(start)
            if first is None:
                d = _anywhere(d, axis, n)
            else:
                begin = min(max(int(first), 0), whole[axis] - n)
                d = d.take(axis, span(begin, begin + n))
        return d

    starts = everywhere(op, facts[1:])[0]
    return [join([each(facts[0], move), starts])]


def _anywhere(d: Dependence, axis: int, count: int) -> Dependence:
    """`count` elements along an axis from places that are not known."""
    hull = d.drop_axes([axis])
    shape = (*d.shape[:axis], count, *d.shape[axis + 1 :])
    return hull.broadcast(shape, [k for k in range(len(shape)) if k != axis])


def _constant(value: SSAValue) -> Ints | None:
    owner = value.owner
    if not isinstance(owner, lax.ConstantOp):
        return None
    numbers = np.asarray(owner.value.values, np.int64)
    shape = shape_of(value)
    return (
        np.broadcast_to(numbers, shape) if owner.value.splat is not None else numbers.reshape(shape)
    )


@rule(lax.GatherOp)
def _gather(op: lax.GatherOp, facts: list[Facts]) -> list[Facts]:
    """
    Rows along one axis; of what is gathered in another way everything is read. Each row of the
    indices is read where it is used.
    """
    if tuple_of(op.operand_batching_dims):
        return everywhere(op, facts)
    shape, offsets = shape_of(op.result), tuple_of(op.offset_dims)
    rows = [k for k in range(len(shape)) if k not in offsets]

    def index(d: Dependence) -> Dependence:
        return d.drop_axes([len(d.shape) - 1]).broadcast(shape, rows)

    axis = _rows_axis(op)
    if axis is None:
        return [join([*everywhere(op, facts[:1]), each(facts[1], index)])]
    picked = _constant(op.indices)

    def move(d: Dependence) -> Dependence:
        if len(rows) != 1:
            return d.drop_axes([axis]).broadcast(shape, offsets)
        if picked is not None:
            flat = picked.reshape(-1)
            inside = (flat >= 0) & (flat < d.shape[axis])
            clipped = np.clip(flat, 0, d.shape[axis] - 1)
            source = clipped if op.mode.data == "clip" else np.where(inside, flat, -1)
            moved = d.take(axis, source)
        else:
            moved = d.indexed(axis, op.indices, shape[rows[0]])
        order = [k for k in range(len(shape)) if k != axis]
        places = dict(zip(order, offsets, strict=True)) | {axis: rows[0]}
        return moved.transpose([k for k, _ in sorted(places.items(), key=lambda p: p[1])])

    def anywhere(d: Dependence) -> Dependence:
        return d.drop_axes([axis]).broadcast(shape, offsets)

    read = anywhere if facts[1] else move
    return [join([each(facts[0], read), each(facts[1], index)])]


def _rows_axis(op: lax.GatherOp) -> int | None:
    """The axis along which whole rows are taken, one for each index."""
    start, collapsed = tuple_of(op.start_index_map), tuple_of(op.collapsed_slice_dims)
    if len(start) != 1 or start != collapsed:
        return None
    sizes, whole = tuple_of(op.slice_sizes), shape_of(op.x)
    rest = all(n == m for k, (n, m) in enumerate(zip(sizes, whole, strict=True)) if k != start[0])
    return start[0] if rest else None
