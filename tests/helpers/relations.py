"""Facts of dependence as dense relations, and random ones of both kinds side by side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from relbo_ir.passes.analyses.dependence import Dependence

Relation = np.ndarray[Any, np.dtype[np.bool_]]
"""(*shape of the value, *shape of the choice): whether the element reads the other."""


def relation(fact: Dependence) -> Relation:
    """A fact, element by element; a data index counts as all rows."""
    shape = fact.shape
    inside = np.ones(shape, bool)
    for axis, (start, stop) in enumerate(fact.box):
        places = np.arange(shape[axis])
        column = [-1 if k == axis else 1 for k in range(len(shape))]
        inside &= ((places >= start) & (places < stop)).reshape(column)
    result = inside
    for along in fact.along:
        places = np.arange(along.size)
        column = [1] * len(shape)
        if along.axis is not None:
            column[along.axis] = -1
        low, high = (x.reshape(column)[..., None] for x in (along.low, along.high))
        mine = (places >= low) & (places <= high)
        extra = result.ndim - len(shape)
        mine = mine.reshape(*mine.shape[:-1], *[1] * extra, along.size)
        result = result[..., None] & mine
    return result


SHAPES = ((4,), (3, 2), (2, 3), (6,), (2, 1, 3))


@st.composite
def moves(draw: st.DrawFn) -> tuple[Dependence, Relation]:
    """A few moves of the elements of a choice, as a fact and element by element."""
    return draw(moves_of(draw(st.sampled_from(SHAPES))))


@st.composite
def moves_of(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Dependence, Relation]:
    """The same, of a choice of this shape."""
    fact = Dependence.identity(shape, 0)
    dense = np.eye(math.prod(shape), dtype=bool).reshape((*shape, *shape))
    for _ in range(draw(st.integers(1, 5))):
        fact, dense = _moved(draw, fact, dense)
    return fact, dense


def _moved(draw: st.DrawFn, fact: Dependence, dense: Relation) -> tuple[Dependence, Relation]:
    rank = len(fact.shape)
    kinds = ["reshape", "join"] + ["take", "running", "transpose", "drop", "widen", "forget"] * (
        rank > 0
    )
    kind = draw(st.sampled_from(kinds))
    axis = draw(st.integers(0, rank - 1)) if rank else 0
    if kind == "take":
        n = fact.shape[axis]
        source = np.array(draw(st.lists(st.integers(-1, n - 1), min_size=1, max_size=5)))
        moved = np.take(dense, np.maximum(source, 0), axis=axis)
        kept = (source >= 0).reshape([-1 if k == axis else 1 for k in range(moved.ndim)])
        return fact.take(axis, source), moved & kept
    if kind == "running":
        reverse = draw(st.booleans())
        turned = np.flip(dense, axis) if reverse else dense
        run_of = np.logical_or.accumulate(turned, axis=axis)
        return fact.running(axis, reverse), np.flip(run_of, axis) if reverse else run_of
    if kind == "transpose":
        order = draw(st.permutations(range(rank)))
        return fact.transpose(order), np.transpose(dense, [*order, *range(rank, dense.ndim)])
    if kind == "drop":
        return fact.drop_axes([axis]), np.any(dense, axis=axis)
    if kind == "forget":
        every = np.broadcast_to(np.any(dense, axis=axis, keepdims=True), dense.shape)
        return fact.forget([axis]), every
    if kind == "widen":
        place = draw(st.integers(0, rank))
        dimensions = [k + (k >= place) for k in range(rank)]
        shape = list(fact.shape)
        shape.insert(place, 2)
        wide = np.repeat(np.expand_dims(dense, place), 2, axis=place)
        return fact.broadcast(shape, dimensions), wide
    if kind == "join":
        other, seen = fact, dense
        if rank and draw(st.booleans()):
            order = np.array(draw(st.permutations(range(fact.shape[axis]))))
            other, seen = fact.take(axis, order), np.take(dense, order, axis=axis)
        return fact.join(other), dense | seen
    size = math.prod(fact.shape)
    target = draw(st.sampled_from([(size,), (1, size), *_factored(size)]))
    return fact.reshape(target), dense.reshape(*target, *dense.shape[rank:])


def _factored(size: int) -> list[tuple[int, ...]]:
    return [(k, size // k) for k in range(2, size) if size % k == 0]
