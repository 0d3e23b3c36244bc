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
            first = constant_numbers(start)
            if first is None:
                d = anywhere(d, axis, n)
            else:
                begin = min(max(int(first), 0), whole[axis] - n)
                d = d.take(axis, span(begin, begin + n))
        return d

    starts = everywhere(op, facts[1:])[0]
    return [join([each(facts[0], move), starts])]


def anywhere(d: Dependence, axis: int, count: int) -> Dependence:
    """`count` elements along an axis from places that are not known."""
    hull = d.drop_axes([axis])
    shape = (*d.shape[:axis], count, *d.shape[axis + 1 :])
    return hull.broadcast(shape, [k for k in range(len(shape)) if k != axis])


def constant_numbers(value: SSAValue) -> Ints | None:
    """The integers that a value is known to be."""
    owner = value.owner
    if not isinstance(owner, lax.ConstantOp):
        return None
    shape, numbers = shape_of(value), np.asarray(owner.value.values, np.int64)
    return np.full(shape, numbers[0]) if owner.value.splat is not None else numbers.reshape(shape)


@rule(lax.GatherOp)
def _gather(op: lax.GatherOp, facts: list[Facts]) -> list[Facts]:
    """Windows of x at rows of indices; an axis of x is read whole where a row says where to begin."""
    shape = shape_of(op.result)
    rows = [k for k in range(len(shape)) if k not in tuple_of(op.offset_dims)]
    sides = _GatherAxes(op, rows)

    def move(d: Dependence) -> Dependence:
        targets: list[int | None] = []
        for axis in range(len(d.shape)):
            d, target = sides.read(d, axis, fixed=not facts[1])
            targets.append(target)
        return d.placed(shape, targets)

    def index(d: Dependence) -> Dependence:
        return d.placed(shape, [*rows, None])

    return [join([each(facts[0], move), each(facts[1], index)])]


class _GatherAxes:
    """How each axis of what is gathered from goes into the result."""

    def __init__(self, op: lax.GatherOp, rows: list[int]):
        self.op, self.rows = op, rows
        self.picked, self.fills = constant_numbers(op.indices), op.mode.data == "fill"
        self.sizes, self.started = tuple_of(op.slice_sizes), tuple_of(op.start_index_map)
        self.batched = dict(
            zip(
                tuple_of(op.operand_batching_dims),
                tuple_of(op.start_indices_batching_dims),
                strict=True,
            )
        )
        dropped = {*tuple_of(op.collapsed_slice_dims), *self.batched}
        window = [k for k in range(len(self.sizes)) if k not in dropped]
        self.offsets = dict(zip(window, tuple_of(op.offset_dims), strict=True))

    def read(self, d: Dependence, axis: int, fixed: bool) -> tuple[Dependence, int | None]:
        """The fact with this axis as the result has it, and the result's axis that it becomes."""
        size, target = self.sizes[axis], self.offsets.get(axis)
        if axis in self.batched:
            return d, self.rows[self.batched[axis]]
        if size == d.shape[axis]:
            return d, target
        if axis not in self.started:
            return d.take(axis, span(0, size)), target
        n, number = d.shape[axis], self.started.index(axis)
        if self.picked is not None:
            starts = self.picked[..., number].ravel()
            if starts.size and np.all(starts == starts[0]):
                return d.take(axis, self._window(int(starts[0]), size, n)), target
            if len(self.rows) == 1 and target is None:
                inside = (starts >= 0) & (starts < n)
                filled = np.where(inside, starts, -1) if self.fills else np.clip(starts, 0, n - 1)
                return d.take(axis, filled), self.rows[0]
        elif fixed and len(self.started) == len(self.rows) == 1 and target is None:
            return d.indexed(axis, self.op.indices, shape_of(self.op.indices)[0]), self.rows[0]
        return anywhere(d, axis, size), target

    def _window(self, start: int, size: int, n: int) -> Ints:
        """The places of a window of n places, −1 where it is filled; moved inside if clipped."""
        if self.fills and not 0 <= start <= n - size:
            return np.full(size, -1)
        begin = min(max(start, 0), n - size)
        return span(begin, begin + size)
