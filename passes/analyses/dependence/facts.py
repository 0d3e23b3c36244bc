"""
Which elements of a choice an element of a value is computed from: facts and their algebra.

A fact is a product over the axes of the choice, each axis an interval of indices for every element
of the value: pointwise where the interval is the element's own index, causal where it begins at
0, a window where it moves along, and all of the axis where nothing better is known. Intervals only
ever grow by hulls, so a fact may name too many elements and never too few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation, SSAValue

Ints = npt.NDArray[np.int64]
Box = tuple[tuple[int, int], ...]

NONE_LOW, NONE_HIGH = np.iinfo(np.int64).max, -1
"""The interval without an index: neutral for hulls."""


def span(start: int, stop: int, step: int = 1) -> Ints:
    """The numbers from start up to stop."""
    return np.arange(start, stop, step, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Along:
    """
    The indices of one axis of a choice that the elements of a value read.

    With `axis`, element i along that axis of the value reads low[i] to high[i] (none where
    low > high); without, every element reads low to high. `index` is a value (n, 1) of row
    numbers, free of choices: element i reads row index[i] alone; the interval is then all rows.
    """

    size: int
    """The length of the choice's axis."""
    axis: int | None
    low: Ints
    high: Ints
    index: SSAValue | None = None

    @staticmethod
    def alike(size: int, low: int, high: int) -> Along:
        """Every element reads low to high."""
        return Along(size, None, np.array(low, np.int64), np.array(high, np.int64))

    @property
    def hull(self) -> Along:
        """The smallest interval for all elements."""
        if self.axis is None:
            return self
        low = self.low.min(initial=NONE_LOW)
        return Along.alike(self.size, int(low), int(self.high.max(initial=NONE_HIGH)))

    @property
    def is_empty(self) -> bool:
        """No element reads anything."""
        return bool(np.all(self.low > self.high))

    @property
    def is_full(self) -> bool:
        """Every element reads the whole axis, for all that is known."""
        whole = bool(np.all(self.low == 0) and np.all(self.high == self.size - 1))
        return whole and self.index is None

    @property
    def is_pointwise(self) -> bool:
        """Element i reads index i alone."""
        return (
            self.axis is not None
            and self.index is None
            and len(self.low) == self.size
            and np.array_equal(self.low, self.high)
            and np.array_equal(self.low, np.arange(self.size))
        )

    @property
    def reads_itself_at_most(self) -> bool:
        """Element i reads index i or nothing."""
        if self.axis is None or self.index is not None:
            return self.is_empty
        own = np.arange(len(self.low))
        return bool(np.all((self.low > self.high) | ((self.low == own) & (self.high == own))))

    def same(self, other: Along) -> bool:
        """Whether both say the same."""
        return self is other or (
            (self.size, self.axis, self.index) == (other.size, other.axis, other.index)
            and np.array_equal(self.low, other.low)
            and np.array_equal(self.high, other.high)
        )


@dataclass(frozen=True, eq=False)
class Dependence:
    """
    How the elements of a value of `shape` depend on one choice.

    Elements outside `box` (a half-open interval for each axis of the value) do not depend on it.
    An element inside reads the product, over the axes of the choice, of what `along` says; axes
    that are one joint draw are not among them. `mixer` is the first op at which elements stopped
    to read their own index alone.
    """

    shape: tuple[int, ...]
    box: Box
    along: tuple[Along, ...]
    mixer: Operation | None = None

    @staticmethod
    def identity(shape: Sequence[int], joint: int) -> Dependence:
        """A choice as a function of itself; its last `joint` axes are one draw."""
        shape = tuple(shape)
        axes = [np.arange(n, dtype=np.int64) for n in shape[: len(shape) - joint]]
        along = tuple(Along(len(x), k, x, x) for k, x in enumerate(axes))
        return Dependence(shape, tuple((0, n) for n in shape), along)

    @property
    def is_empty(self) -> bool:
        """No element of the value depends on the choice."""
        return any(a >= b for a, b in self.box) or any(a.is_empty for a in self.along)

    @property
    def is_pointwise(self) -> bool:
        """Every axis of the choice is read pointwise, each along an axis of its own."""
        axes = [a.axis for a in self.along]
        return all(a.is_pointwise for a in self.along) and len(set(axes)) == len(axes)

    def same(self, other: Dependence) -> bool:
        """Whether both say the same (their mixers aside)."""
        return (self.shape, self.box) == (other.shape, other.box) and all(
            a.same(b) for a, b in zip(self.along, other.along, strict=True)
        )

    def transpose(self, permutation: Sequence[int]) -> Dependence:
        """Axis k of the result is axis permutation[k]."""
        order = list(permutation)
        return self._remade([self.shape[k] for k in order], [self.box[k] for k in order], order)

    def drop_axes(self, axes: Sequence[int]) -> Dependence:
        """Elements combined along axes: each reads what any of them read."""
        kept = [k for k in range(len(self.shape)) if k not in axes]
        hulled = replace(self, along=tuple(a.hull if a.axis in axes else a for a in self.along))
        if any(self.box[k][0] >= self.box[k][1] for k in axes):
            return hulled._remade([self.shape[k] for k in kept], [(0, 0) for _ in kept], kept)
        return hulled._remade([self.shape[k] for k in kept], [self.box[k] for k in kept], kept)

    def _remade(
        self, shape: Sequence[int], box: Sequence[tuple[int, int]], old: list[int]
    ) -> Dependence:
        """The same facts where axis k is what was axis old[k]."""
        new = {axis: k for k, axis in enumerate(old)}
        along = [a if a.axis is None else replace(a, axis=new[a.axis]) for a in self.along]
        return Dependence(tuple(shape), tuple(box), tuple(along), self.mixer)

    def placed(self, shape: Sequence[int], targets: Sequence[int | None]) -> Dependence:
        """
        Axis k becomes axis targets[k] of the shape, or is combined where that is None; of two axes
        that become the same one, the diagonal. The other axes of the shape are repeated.
        """
        box = [(0, n) for n in shape]
        for (start, stop), target in zip(self.box, targets, strict=True):
            if target is not None:
                box[target] = (max(box[target][0], start), min(box[target][1], stop))
            elif start >= stop:
                return Dependence(tuple(shape), tuple((0, 0) for _ in shape), self.along)

        def moved(a: Along) -> Along:
            target = None if a.axis is None else targets[a.axis]
            return a.hull if target is None else replace(a, axis=target)

        return Dependence(tuple(shape), tuple(box), tuple(map(moved, self.along)), self.mixer)

    def broadcast(self, shape: Sequence[int], dimensions: Sequence[int]) -> Dependence:
        """Axis k becomes axis dimensions[k] of the shape; axes of one element are repeated."""
        place = dict(enumerate(dimensions))
        box = [(0, n) for n in shape]
        repeated: set[int] = set()
        for k, target in place.items():
            box[target] = self.box[k]
            if self.shape[k] != shape[target]:
                repeated.add(k)
                box[target] = (0, shape[target]) if self.box[k] == (0, 1) else (0, 0)
        along = [
            a
            if a.axis is None
            else (a.hull if a.axis in repeated else replace(a, axis=place[a.axis]))
            for a in self.along
        ]
        return Dependence(tuple(shape), tuple(box), tuple(along), self.mixer)

    def take(self, axis: int, source: Ints) -> Dependence:
        """Element i along the axis becomes element source[i], or nothing where that is −1."""
        start, stop = self.box[axis]
        inside = np.flatnonzero((source >= start) & (source < stop))
        mine = (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 0)

        def moved(a: Along) -> Along:
            if a.axis != axis:
                return a
            low = np.where(source >= 0, a.low[source], NONE_LOW)
            high = np.where(source >= 0, a.high[source], NONE_HIGH)
            return Along(a.size, axis, low, high)

        shape = (*self.shape[:axis], len(source), *self.shape[axis + 1 :])
        box = (*self.box[:axis], mine, *self.box[axis + 1 :])
        return Dependence(shape, box, tuple(moved(a) for a in self.along), self.mixer)

    def indexed(self, axis: int, index: SSAValue, count: int) -> Dependence:
        """Element i along the axis becomes element index[i], which is known when the program runs."""
        hull = self.take(axis, np.zeros(count, np.int64))
        box = (*self.box[:axis], (0, count), *self.box[axis + 1 :])

        def moved(a: Along) -> Along:
            if a.axis != axis:
                return a
            whole = a.hull
            every = np.ones(count, np.int64)
            by = index if a.is_pointwise else None
            return Along(a.size, axis, whole.low * every, whole.high * every, by)

        return replace(hull, box=box, along=tuple(moved(a) for a in self.along))

    def running(self, axis: int, reverse: bool) -> Dependence:
        """
        Element i along the axis reads what elements 0 … i read; i … n − 1 if reversed. An only one
        reads all that there is: were there more, as of a minibatch's plate, it would read others.
        (Of a slice, or a loop, of one element that is not seen.)
        """
        n = self.shape[axis]
        if n == 1:
            return self.forget([axis])
        start, stop = self.box[axis]
        mine = (start, n) if not reverse else (0, stop)

        def accumulated(a: Along) -> Along:
            if a.axis != axis:
                return a
            order = slice(None, None, -1 if reverse else 1)
            low = np.minimum.accumulate(a.low[order])[order]
            return Along(a.size, axis, low, np.maximum.accumulate(a.high[order])[order])

        box = (*self.box[:axis], mine if start < stop else (0, 0), *self.box[axis + 1 :])
        return Dependence(self.shape, box, tuple(accumulated(a) for a in self.along), self.mixer)

    def forget(self, axes: Sequence[int]) -> Dependence:
        """Elements exchanged in any way along axes: each may read what any of them read."""
        result = self.drop_axes(axes)
        kept = [k for k in range(len(self.shape)) if k not in axes]
        return result.broadcast(self.shape, kept)

    def everywhere(self, shape: Sequence[int]) -> Dependence:
        """A value of that shape of which nothing better is known: every element reads all."""
        along = tuple(Along.alike(a.size, 0, a.size - 1) for a in self.along)
        return Dependence(tuple(shape), tuple((0, n) for n in shape), along, self.mixer)

    def reshape(self, shape: Sequence[int]) -> Dependence:
        """The same elements, row-major, in another shape."""
        result = Dependence(tuple(shape), tuple((0, n) for n in shape), (), self.mixer)
        box = list(result.box)
        along = list(self.along)
        for old, new in _groups(self.shape, tuple(shape)):
            sizes = [self.shape[k] for k in old]
            mask = np.zeros(sizes, bool)
            mask[tuple(slice(*self.box[k]) for k in old)] = True
            inside = mask.reshape([shape[k] for k in new])
            for position, k in enumerate(new):
                others = tuple(p for p in range(len(new)) if p != position)
                places = np.flatnonzero(inside.any(axis=others))
                box[k] = (int(places[0]), int(places[-1]) + 1) if places.size else (0, 0)
            for number, a in enumerate(self.along):
                if a.axis in old:
                    along[number] = _regrouped(a, old.index(a.axis), sizes, new, shape)
        return replace(result, box=tuple(box), along=tuple(along))

    def join(self, other: Dependence) -> Dependence:
        """What is read by an element that is computed from both values' elements at its place."""
        if self.is_empty:
            return other
        if other.is_empty or self is other:
            return self
        along = tuple(
            _joined(a, b, self.box, other.box, self.shape)
            for a, b in zip(self.along, other.along, strict=True)
        )
        box = tuple(
            (min(a, c), max(b, d)) for (a, b), (c, d) in zip(self.box, other.box, strict=True)
        )
        return Dependence(self.shape, box, along, self.mixer or other.mixer)


def _groups(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The least runs of axes of both shapes that hold the same elements; all in one if empty."""
    if prod(old) == 0:
        return [(list(range(len(old))), list(range(len(new))))]
    result: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        mine, theirs = [i] if i < len(old) else [], [j] if j < len(new) else []
        left = old[i] if mine else 1
        right = new[j] if theirs else 1
        i, j = i + len(mine), j + len(theirs)
        while left != right:
            if left < right:
                left *= old[i]
                mine.append(i)
                i += 1
            else:
                right *= new[j]
                theirs.append(j)
                j += 1
        result.append((mine, theirs))
    return result


def _regrouped(
    a: Along, position: int, sizes: list[int], new: list[int], shape: Sequence[int]
) -> Along:
    """Intervals along one axis of a group, along the best axis of the group that replaces it."""
    targets = [shape[k] for k in new]
    if not new or prod(sizes) == 0:
        return a.hull
    column = [1] * len(sizes)
    column[position] = sizes[position]
    low = np.broadcast_to(a.low.reshape(column), sizes).reshape(targets)
    high = np.broadcast_to(a.high.reshape(column), sizes).reshape(targets)
    best: Along | None = None
    for p, k in enumerate(new):
        others = tuple(q for q in range(len(new)) if q != p)
        candidate = Along(a.size, k, low.min(axis=others), high.max(axis=others))
        if targets[p] == sizes[position] and prod(targets) == targets[p]:
            return replace(candidate, index=a.index)
        if best is None or width(candidate) < width(best):
            best = candidate
    return a.hull if best is None else best


def width(a: Along) -> float:
    """The mean length of the intervals."""
    return float(np.mean(np.maximum(a.high - a.low + 1, 0)))


def _on_axis(a: Along, axis: int, box: Box, n: int) -> Along:
    """The same intervals as arrays along an axis, empty outside the box."""
    inside = np.zeros(n, bool)
    inside[slice(*box[axis])] = True
    low = np.where(inside, a.low, NONE_LOW)
    return Along(a.size, axis, low, np.where(inside, a.high, NONE_HIGH), a.index)


def _joined(a: Along, b: Along, mine: Box, theirs: Box, shape: tuple[int, ...]) -> Along:
    if a.same(b):
        return a
    axis = a.axis if a.axis is not None else b.axis
    if a.axis is not None and b.axis is not None and a.axis != b.axis:
        a, b, axis = a.hull, b.hull, None
    elif axis is not None and shape[axis] == 1 and None in (a.axis, b.axis):
        a, b, axis = a.hull, b.hull, None  # as of `running`: one element that reads all of itself
    elif axis is None:
        axis = next((k for k, (p, q) in enumerate(zip(mine, theirs, strict=True)) if p != q), None)
    if axis is None:
        low, high = np.minimum(a.low, b.low), np.maximum(a.high, b.high)
        return Along(a.size, None, low, high)
    left, right = (_on_axis(x, axis, box, shape[axis]) for x, box in ((a, mine), (b, theirs)))
    return Along(a.size, axis, np.minimum(left.low, right.low), np.maximum(left.high, right.high))
