"""Rules for values that are written into others, at places that are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from xdsl.ir import SSAValue

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
from relbo_ir.passes.analyses.dependence.indexing import anywhere, constant_numbers
from relbo_ir.passes.analyses.dependence.table import Facts, each, everywhere, join, rule


@rule(lax.DynamicUpdateSliceOp)
def _update(op: lax.DynamicUpdateSliceOp, facts: list[Facts]) -> list[Facts]:
    """x where it is not replaced, and the block where it may be."""
    whole, sizes = shape_of(op.x), shape_of(op.update)
    places: list[Ints | None] = []
    for n, size, start in zip(whole, sizes, op.starts, strict=True):
        first = span(0, 1) if size == n else constant_numbers(start)
        begin = None if first is None else min(max(int(first.ravel()[0]), 0), n - size)
        places.append(None if begin is None else span(begin, begin + size))
    starts = everywhere(op, facts[2:])[0]
    return [join([_kept(op.x, facts[0], places), _written(whole, facts[1], places), starts])]


def _kept(x: SSAValue, fact: Facts, places: Sequence[Ints | None]) -> Facts:
    """x without the places that are replaced along its only axis that is not replaced whole."""
    shape = shape_of(x)
    part = [k for k, p in enumerate(places) if p is None or len(p) < shape[k]]
    if not part:
        return each(fact, lambda d: None)
    gone = places[part[0]]
    if len(part) > 1 or gone is None:
        return fact
    source = span(0, shape[part[0]])
    source[gone] = -1
    return each(fact, lambda d: d.take(part[0], source))


def _written(shape: Sequence[int], fact: Facts, places: Sequence[Ints | None]) -> Facts:
    """A block at known places along each axis, or anywhere."""

    def move(d: Dependence) -> Dependence:
        for axis, at in enumerate(places):
            if at is None:
                d = anywhere(d, axis, shape[axis])
            else:
                source = np.full(shape[axis], -1)
                source[at] = span(0, len(at))
                d = d.take(axis, source)
        return d

    return each(fact, move)


@rule(lax.ScatterBase)
def _scatter(op: lax.ScatterBase, facts: list[Facts]) -> list[Facts]:
    """x, and at the places of the indices the updates; any place where these are not known."""
    shape = shape_of(op.x)
    rows = [k for k in range(len(shape_of(op.updates))) if k not in tuple_of(op.update_window_dims)]
    batched = dict(
        zip(
            tuple_of(op.operand_batching_dims),
            tuple_of(op.scatter_indices_batching_dims),
            strict=True,
        )
    )
    dropped = {*tuple_of(op.inserted_window_dims), *batched}
    kept = [k for k in range(len(shape)) if k not in dropped]
    windows = dict(zip(tuple_of(op.update_window_dims), kept, strict=True))
    batches = {rows[r]: axis for axis, r in batched.items()}
    landing = _landing(op, rows)

    def move(d: Dependence) -> Dependence | None:
        targets: list[int | None] = []
        if landing is not None and not rows:  # one row
            d = d.placed((*d.shape, 1), range(len(d.shape)))
        for axis in range(len(d.shape)):
            target = windows.get(axis, batches.get(axis))
            if target is not None and d.shape[axis] < shape[target]:
                started = target in tuple_of(op.scatter_dims_to_operand_dims)
                d = anywhere(d, axis, shape[target]) if started else _front(d, axis, shape[target])
            elif target is None and landing is not None:
                moved, target = _gathered(d, axis, landing), tuple_of(op.inserted_window_dims)[0]
                if moved is None:
                    return None
                d = moved
            targets.append(target)
        return d.placed(shape, targets)

    places = everywhere(op, [facts[1]])[0]
    return [join([_left(op, facts[0], landing), each(facts[2], move), places])]


def _landing(op: lax.ScatterBase, rows: Sequence[int]) -> list[Ints] | None:
    """For each place along the one axis that is indexed, the rows that land there; if known."""
    numbers, inserted = constant_numbers(op.indices), tuple_of(op.inserted_window_dims)
    if numbers is None or len(rows) > 1 or inserted != tuple_of(op.scatter_dims_to_operand_dims):
        return None
    if len(inserted) != 1:
        return None
    n, at = shape_of(op.x)[inserted[0]], numbers.ravel()
    at = np.clip(at, 0, n - 1) if op.mode.data == "clip" else at
    return [np.flatnonzero(at == place) for place in range(n)]


def _left(op: lax.ScatterBase, fact: Facts, landing: list[Ints] | None) -> Facts:
    """What is left of x: where whole rows are written it is not read."""
    if landing is None or not isinstance(op, lax.ScatterOp):
        return fact
    (axis,) = tuple_of(op.inserted_window_dims)
    written = [shape_of(op.updates)[k] for k in tuple_of(op.update_window_dims)]
    if written != [n for k, n in enumerate(shape_of(op.x)) if k != axis]:
        return fact
    source = np.array([-1 if hits.size else k for k, hits in enumerate(landing)])
    return each(fact, lambda d: d.take(axis, source))


def _front(d: Dependence, axis: int, count: int) -> Dependence:
    """The elements as the first ones of a longer axis."""
    size = d.shape[axis]
    return d.take(axis, np.concatenate([span(0, size), np.full(count - size, -1)]))


def _gathered(d: Dependence, axis: int, landing: list[Ints]) -> Dependence | None:
    """Element i along the axis reads what elements landing[i] read."""
    low = np.array([rows.min(initial=NONE_LOW) for rows in landing])
    high = np.array([rows.max(initial=NONE_HIGH) for rows in landing])
    shape = (*d.shape[:axis], len(landing), *d.shape[axis + 1 :])
    by_row = Dependence.identity(shape, 0)
    along = list(by_row.along)
    along[axis] = Along(d.shape[axis], axis, low, high)
    return compose(replace(by_row, along=tuple(along)), d)
