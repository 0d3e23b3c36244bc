"""Intervals that hold the elements of a value, and their arithmetic (Moore 1966)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Ends = NDArray[np.float64]
"""An end for all elements, or one for each: broadcasts to the shape of the value."""

_TINY = 5e-324


def _ends(number: float | Ends) -> Ends:
    return np.asarray(number, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Range:
    """
    low ≤ x ≤ high for every element x of a value. Where `above`, no element is its low; where
    `below`, none is its high. Elements are real: an infinite end is never met.
    """

    low: Ends
    high: Ends
    above: bool = False
    below: bool = False

    @staticmethod
    def of(
        low: float | Ends, high: float | Ends, above: bool = False, below: bool = False
    ) -> Range:
        """The interval; an end that is no number is infinite, and a zero has no sign."""
        lows, highs = _ends(low), _ends(high)
        lows = np.where(np.isnan(lows), -math.inf, lows + 0.0)
        highs = np.where(np.isnan(highs), math.inf, highs + 0.0)
        above = above or bool(np.all(np.isneginf(lows)))
        below = below or bool(np.all(np.isposinf(highs)))
        return Range(lows, highs, above, below)

    @staticmethod
    def point(number: float | Ends) -> Range:
        """Elements that are known; one that is no number may be any."""
        return Range.of(number, number)

    @property
    def positive(self) -> bool:
        """Whether every element is above 0."""
        return bool(np.all(self.low > 0)) or (self.above and self.nonnegative)

    @property
    def nonnegative(self) -> bool:
        """Whether no element is below 0."""
        return bool(np.all(self.low >= 0))

    @property
    def is_point(self) -> bool:
        """Whether every element is known."""
        return bool(np.all(self.low == self.high) and np.all(np.isfinite(self.low)))

    @property
    def is_line(self) -> bool:
        """Whether nothing is known of any element."""
        return bool(np.all(np.isneginf(self.low)) and np.all(np.isposinf(self.high)))

    def hull(self) -> Range:
        """One interval for all elements."""
        if 0 in (self.low.size, self.high.size):
            return ANY
        if not self.low.ndim and not self.high.ndim:
            return self
        return Range.of(np.min(self.low), np.max(self.high), self.above, self.below)

    def shaped(self, change: Callable[[Ends], Ends]) -> Range:
        """The interval of elements in another order or shape; `change` is told of arrays alone."""
        low, high = (change(end) if end.ndim else end for end in (self.low, self.high))
        return Range.of(low, high, self.above, self.below)

    def within(self, other: Range, slack: float = 0.0) -> bool:
        """
        Whether every element lies in `other`, up to `slack` times the larger finite end of `other`
        past an end that it holds.
        """
        margins = [np.where(np.isfinite(end), np.abs(end), 0.0) for end in (other.low, other.high)]
        margin = slack * np.maximum(*margins)
        low, high = self.low, self.high
        above = (low > other.low) | ((low >= other.low) & self.above)
        below = (high < other.high) | ((high <= other.high) & self.below)
        return bool(
            np.all(above if other.above else low >= other.low - margin)
            and np.all(below if other.below else high <= other.high + margin)
        )

    def join(self, other: Range) -> Range:
        """What holds both."""
        a, b = self.low, other.low
        above = np.where(
            a < b, self.above, np.where(b < a, other.above, self.above and other.above)
        )
        a, b = self.high, other.high
        below = np.where(
            a > b, self.below, np.where(b > a, other.below, self.below and other.below)
        )
        return Range.of(
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            bool(np.all(above)),
            bool(np.all(below)),
        )

    def meet(self, other: Range) -> Range:
        """What is in both."""
        return -(-self.at_most(other)).at_most(-other)

    def at_most(self, other: Range) -> Range:
        """This interval's lower end, and the smaller of both upper ends."""
        a, b = self.high, other.high
        below = np.where(a < b, self.below, np.where(b < a, other.below, self.below or other.below))
        return Range.of(self.low, np.minimum(a, b), self.above, bool(np.all(below)))

    def widened(self) -> Range:
        """What holds these elements and has one of −∞, 0 and ∞ for its ends: there are few such."""
        low = 0.0 if self.nonnegative else -math.inf
        high = 0.0 if (-self).nonnegative else math.inf
        return Range.of(low, high, self.positive, (-self).positive)

    def through(self, function: Callable[[Ends], Ends]) -> Range:
        """The image under a strictly increasing function."""
        with np.errstate(all="ignore"):
            return Range.of(function(self.low), function(self.high), self.above, self.below)

    def made_positive(self) -> Range:
        """The same elements, of which it is known that each is positive."""
        low = np.maximum(self.low, 0.0)
        return Range.of(
            low if self.above else np.maximum(low, _TINY), self.high, self.above, self.below
        )

    def __neg__(self) -> Range:
        return Range.of(-self.high, -self.low, self.below, self.above)

    def __add__(self, other: Range) -> Range:
        with np.errstate(invalid="ignore", over="ignore"):
            low, high = self.low + other.low, self.high + other.high
        return Range.of(low, high, self.above or other.above, self.below or other.below)

    def __sub__(self, other: Range) -> Range:
        return self + -other

    def __mul__(self, other: Range) -> Range:
        if not other.nonnegative:
            if (-other).nonnegative:
                return -(self * -other)
            if self.nonnegative:
                return other * self
        if (-self).nonnegative and not self.nonnegative:
            return -(-self * other)
        corners = [_times(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        low, high = reduce(np.minimum, corners), reduce(np.maximum, corners)
        if self.nonnegative and other.nonnegative:
            above = (self.above and other.positive) or (other.above and self.positive)
            below = (self.below and other.positive) or (other.below and self.positive)
            product = Range.of(low, high, above, below)
            return product.made_positive() if self.positive and other.positive else product
        return Range.of(low, high, other.positive and self.above, other.positive and self.below)

    def __truediv__(self, other: Range) -> Range:
        if not other.is_point or not (other.positive or (-other).positive):
            return self * other.reciprocal()
        if not other.positive:
            return -(self / -other)
        return Range.of(self.low / other.low, self.high / other.low, self.above, self.below)

    def reciprocal(self) -> Range:
        """1/x, where x has one sign."""
        if not self.nonnegative:
            return -(-self).reciprocal() if (-self).nonnegative else ANY
        with np.errstate(divide="ignore", over="ignore"):
            inverse = Range.of(1 / self.high, 1 / self.low, self.below, self.above)
        return inverse.made_positive()

    def power(self, exponent: int) -> Range:
        """x to an integer."""
        if exponent < 0:
            return self.power(-exponent).reciprocal()
        if exponent == 0:
            return Range.point(1.0)
        base = self.magnitude() if exponent % 2 == 0 else self
        image = base.through(lambda end: end**exponent)
        return image.made_positive() if base.positive else image

    def magnitude(self) -> Range:
        """|x|."""
        if self.nonnegative:
            return self
        if (-self).nonnegative:
            return -self
        ends = self.join(-self)
        return Range.of(0.0, ends.high, False, ends.below)

    def maximum(self, other: Range) -> Range:
        """max(x, y)."""
        return -(-self).minimum(-other)

    def minimum(self, other: Range) -> Range:
        """min(x, y)."""
        below, above = self.join(other), self.at_most(other)
        return Range.of(below.low, above.high, below.above, above.below)


ANY = Range.of(-math.inf, math.inf)
"""Nothing is known."""
POSITIVE = Range.of(0.0, math.inf, above=True)
NONNEGATIVE = Range.of(0.0, math.inf)
UNIT = Range.of(0.0, 1.0)
OPEN_UNIT = Range.of(0.0, 1.0, above=True, below=True)
ANGLE = Range.of(-math.pi, math.pi)


def joined(ranges: Iterable[Range]) -> Range:
    """What holds all; nothing is known of none."""
    given = list(ranges)
    return reduce(Range.join, given) if given else ANY


def _times(a: Ends, b: Ends) -> Ends:
    """a·b, where an infinite end times 0 is 0."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where((a == 0) | (b == 0), 0.0, a * b)
