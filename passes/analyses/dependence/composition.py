"""What is read through a value in between, and what the rows of a stacked value read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from relbo_ir.passes.analyses.dependence.facts import (
    NONE_HIGH,
    NONE_LOW,
    Along,
    Dependence,
    Ints,
    span,
    width,
)

_Row = tuple[int, Along]


def compose(through: Dependence, read: Dependence) -> Dependence | None:
    """
    What a value reads of a choice through another one, None if nothing: `through` is how it reads the other value,
    taken as a choice that is drawn element by element, and `read` how that reads the choice.

    Exact where every element reads one interval of the value between, and this one interval of the
    choice for each of its elements; the hull of what is read else.
    """
    box, along = list(through.box), list(read.along)
    for k, reader in enumerate(through.along):
        start, stop = read.box[k]
        low, high = np.maximum(reader.low, start), np.minimum(reader.high, stop - 1)
        some = low <= high
        if not some.any():
            return None
        if reader.axis is not None:
            places = np.flatnonzero(some)
            begin, end = box[reader.axis]
            box[reader.axis] = (max(begin, int(places[0])), min(end, int(places[-1]) + 1))
        for number, a in enumerate(read.along):
            if a.axis == k:
                along[number] = _read_through(reader, a, low, high)
    return Dependence(through.shape, tuple(box), tuple(along), read.mixer)


def _read_through(reader: Along, a: Along, low: Ints, high: Ints) -> Along:
    """The hulls of the intervals at low … high; none where low > high."""
    if reader.is_pointwise:
        return replace(a, axis=reader.axis)
    index = reader.index if a.is_pointwise else None
    n, shape = len(a.low), low.shape
    bounds = np.stack([low.ravel(), high.ravel() + 1], axis=-1)
    bounds[(low > high).ravel()] = n
    places = bounds.ravel()
    least = np.minimum.reduceat(np.append(a.low, NONE_LOW), places)[::2]
    most = np.maximum.reduceat(np.append(a.high, NONE_HIGH), places)[::2]
    return Along(a.size, reader.axis, least.reshape(shape), most.reshape(shape), index)


def at_every_step(through: Dependence, length: int, scanned: bool) -> Dependence:
    """
    A relation between one step's values as one between their stacks along a new axis 0; where it
    is not `scanned`, what is read is the same value at every step.
    """
    steps = span(0, length)
    along = tuple(a if a.axis is None else replace(a, axis=a.axis + 1) for a in through.along)
    time = (Along(length, 0, steps, steps),) if scanned else ()
    box = ((0, length), *through.box)
    return Dependence((length, *through.shape), box, (*time, *along), through.mixer)


def row(stack: Dependence, place: int) -> Dependence:
    """What one row of a value along axis 0 reads."""
    return stack.take(0, np.array([place])).drop_axes([0])


def stack(rows: Sequence[Dependence | None]) -> Dependence | None:
    """What a value reads that has these rows along axis 0; None for a row that reads nothing."""
    found = [(t, d) for t, d in enumerate(rows) if d is not None and not d.is_empty]
    if not found:
        return None
    (first, some), (last, _) = found[0], found[-1]
    boxes = zip(*(d.box for _, d in found), strict=True)
    box = [(min(a for a, _ in axis), max(b for _, b in axis)) for axis in boxes]
    along = [
        _stacked([(t, d.along[number]) for t, d in found], len(rows))
        for number in range(len(some.along))
    ]
    shape = (len(rows), *some.shape)
    return Dependence(shape, ((first, last + 1), *box), tuple(along), some.mixer)


def _stacked(rows: list[_Row], length: int) -> Along:
    """One axis of a choice: by row, or along an axis of the rows where that says more."""
    (_, first), *others = rows
    axis = first.axis
    if all(first.same(a) for _, a in others):  # rows that read nothing are outside of the box
        return first if axis is None else replace(first, axis=axis + 1)
    low, high = np.full(length, NONE_LOW), np.full(length, NONE_HIGH)
    for t, a in rows:
        hull = a.hull
        low[t], high[t] = hull.low, hull.high
    by_row = Along(first.size, 0, low, high)
    if axis is None or any(a.axis != axis for _, a in others):
        return by_row
    index = first.index if all(a.index is first.index for _, a in others) else None
    least = np.min([a.low for _, a in rows], axis=0)
    most = np.max([a.high for _, a in rows], axis=0)
    inside = Along(first.size, axis + 1, least, most, index)
    return inside if index is not None or width(inside) < width(by_row) else by_row
