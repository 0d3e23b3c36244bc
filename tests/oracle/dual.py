"""Numbers with derivatives, for all outcomes of a program at once: forward mode by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Dual:
    """
    A tensor in each of K joint outcomes, with its derivative along each of P coordinates.

    `value` has shape (K, *shape) and `tangent` (P, K, *shape); either K may be 1, which means
    the same in all outcomes. No tangent means a derivative of zero; integers never have one.
    """

    value: Array
    tangent: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the tensor in one outcome."""
        return self.value.shape[1:]

    @property
    def stopped(self) -> Dual:
        """The same value, with derivative zero."""
        return Dual(self.value)

    def __add__(self, other: Dual | float) -> Dual:
        y = lift(other)
        return chain(self.value + y.value, (self, lambda: 1.0), (y, lambda: 1.0))

    def __sub__(self, other: Dual | float) -> Dual:
        y = lift(other)
        return chain(self.value - y.value, (self, lambda: 1.0), (y, lambda: -1.0))

    def __mul__(self, other: Dual | float) -> Dual:
        y = lift(other)
        return chain(self.value * y.value, (self, lambda: y.value), (y, lambda: self.value))

    def __truediv__(self, other: Dual | float) -> Dual:
        y = lift(other)
        return chain(
            self.value / y.value,
            (self, lambda: 1.0 / y.value),
            (y, lambda: -self.value / y.value**2),
        )

    def __neg__(self) -> Dual:
        return chain(-self.value, (self, lambda: -1.0))

    def __radd__(self, other: float) -> Dual:
        return self + other

    def __rsub__(self, other: float) -> Dual:
        return -self + other

    def __rmul__(self, other: float) -> Dual:
        return self * other


def lift(x: Dual | float) -> Dual:
    """A plain number as a dual that broadcasts against any other."""
    return x if isinstance(x, Dual) else Dual(np.asarray(x))


def times(tangent: Array | float, derivative: Array | float) -> Array:
    """Their product, 0 where either factor is 0: what cannot move changes nothing, even at ∞."""
    with np.errstate(all="ignore"):
        product = np.asarray(tangent) * np.asarray(derivative)
        if np.isfinite(np.sum(product)):
            return product
    nothing = (np.asarray(tangent) == 0) | (np.asarray(derivative) == 0)
    return np.where(nothing, 0.0, product)


def chain(value: Array, *parts: tuple[Dual, Callable[[], Array | float]]) -> Dual:
    """
    `value` with the derivative Σ dᵢ·ẋᵢ over pairs of an operand xᵢ and its partial derivative dᵢ.

    The partial derivatives are thunks: one that has no closed form may raise, and does so only
    for a program that needs it.
    """
    tangent: Array | None = None
    for x, derivative in parts:
        if x.tangent is None:
            continue
        term = times(x.tangent, derivative())
        tangent = term if tangent is None else tangent + term
    return Dual(np.asarray(value), tangent)


def linear(x: Dual, function: Callable[[Array], Array]) -> Dual:
    """A linear function of (K, *shape) arrays, applied to the value and to every tangent."""
    if x.tangent is None:
        return Dual(function(x.value))
    return Dual(function(x.value), np.stack([function(t) for t in x.tangent]))


def bilinear(function: Callable[[Array, Array], Array], x: Dual, y: Dual) -> Dual:
    """A function linear in each of two arrays, whatever axes stand before those of the tensor."""
    tangent: Array | None = None
    if x.tangent is not None:
        tangent = function(x.tangent, y.value)
    if y.tangent is not None:
        term = function(x.value, y.tangent)
        tangent = term if tangent is None else tangent + term
    return Dual(function(x.value, y.value), tangent)


def rowwise(x: Dual, function: Callable[[Array], Array]) -> Dual:
    """`linear`, for a function that treats every outcome alike: all tangents at once."""
    if x.tangent is None:
        return Dual(function(x.value))
    coordinates, outcomes = x.tangent.shape[:2]
    rows = function(x.tangent.reshape(coordinates * outcomes, *x.shape))
    return Dual(function(x.value), rows.reshape(coordinates, outcomes, *rows.shape[1:]))


def linear_together(xs: Sequence[Dual], function: Callable[[list[Array]], Array]) -> Dual:
    """A function linear in all of its (K, *shape) arrays at once, such as a concatenation."""
    value = function(_same_outcomes([x.value for x in xs]))
    counts = [x.tangent.shape[0] for x in xs if x.tangent is not None]
    if not counts:
        return Dual(value)
    tangents = [np.zeros((counts[0], 1, *x.shape)) if x.tangent is None else x.tangent for x in xs]
    rows = [function(_same_outcomes([t[p] for t in tangents])) for p in range(counts[0])]
    return Dual(value, np.stack(rows))


def _same_outcomes(arrays: Sequence[Array]) -> list[Array]:
    count = max(a.shape[0] for a in arrays)
    return [np.broadcast_to(a, (count, *a.shape[1:])) for a in arrays]


def aligned(x: Dual, shape: tuple[int, ...]) -> Dual:
    """The tensor broadcast to a shape by NumPy's rule, in every outcome."""
    if x.shape == shape:
        return x
    missing = (1,) * (len(shape) - len(x.shape))

    def widen(array: Array) -> Array:
        rows = array.shape[0]
        return np.broadcast_to(array.reshape(rows, *missing, *array.shape[1:]), (rows, *shape))

    return rowwise(x, widen)


def total(x: Dual, axes: Sequence[int] | None = None) -> Dual:
    """The sum over axes of the tensor (all of them by default), in every outcome."""
    chosen = range(len(x.shape)) if axes is None else axes
    return rowwise(x, lambda a: np.sum(a, axis=tuple(k + 1 for k in chosen)))


def element(x: Dual, axis: int, index: int) -> Dual:
    """The slice at one index of one axis, which is dropped."""
    return rowwise(x, lambda a: np.take(a, index, axis=axis + 1))


def fold(x: Dual, axis: int, step: Callable[[Dual, Dual], Dual]) -> list[Dual]:
    """The running results of a binary function along an axis, which is dropped."""
    results = [element(x, axis, 0)]
    for index in range(1, x.shape[axis]):
        results.append(step(results[-1], element(x, axis, index)))
    return results


def product(x: Dual) -> Dual:
    """The product of all elements, in every outcome."""
    count = int(np.prod(x.shape, dtype=int))
    flat = rowwise(x, lambda a: a.reshape(a.shape[0], count))
    if count == 0:
        return Dual(np.ones(1))
    return fold(flat, 0, lambda a, b: a * b)[-1]
