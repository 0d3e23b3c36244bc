"""What is asked of the outcomes of a program: mean, gradient, variance of the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .dual import Array, Dual, times


@dataclass(frozen=True)
class Outcomes:
    """
    All K joint outcomes of a program.

    `summed` (K,) is the weight of the choices that are integrated exactly, with its derivative;
    `sampled` (K,) that of the choices that an estimator would draw. `addends` holds, by name,
    the sum of all elements of each addend in each outcome. `coordinates` gives each parameter
    its places among the P coordinates of the tangents, and its shape.
    """

    summed: Dual
    sampled: Dual
    sampled_index: Array
    addends: Mapping[str, Dual]
    coordinates: Mapping[str, tuple[slice, tuple[int, ...]]]
    values: Mapping[str, Dual] = field(default_factory=dict[str, Dual])
    copies: int = 1
    """Of K outcomes of so many particles; the values are those of the first, whose single outcome
    runs fastest along K."""
    noise: Mapping[str, Array] = field(default_factory=dict[str, Array])
    """Of each antithetic pair, a uniform number that it is made of in each outcome."""

    def __post_init__(self) -> None:
        mass = float(np.sum(self.weights))
        if not abs(mass - 1.0) < 1e-6:
            raise ValueError(
                f"the outcomes have weight {mass}, not 1: a law's parameters are outside their "
                "constraint, or its quadrature is too coarse"
            )

    @property
    def weights(self) -> Array:
        """The probability of each outcome, (K,)."""
        return times(self._spread(times(self.summed.value, self.sampled.value)), self._others)

    @property
    def _single(self) -> int:
        return round(len(self.sampled_index) ** (1.0 / self.copies))

    @property
    def _others(self) -> Array:
        """The probability of the outcomes of all particles but the first, (K,)."""
        single = self._single
        one = self._spread(times(self.summed.value, self.sampled.value))[:single]
        places = np.arange(len(self.sampled_index))
        factors = [one[places // single**p % single] for p in range(1, self.copies)]
        return np.prod([np.ones(len(places)), *factors], axis=0)

    @property
    def total(self) -> Dual:
        """The sum of all addends in each outcome, (K,)."""
        result = Dual(np.zeros(1))
        with np.errstate(all="ignore"):
            for addend in self.addends.values():
                result = result + addend
        return result

    def value(self, addend: str | None = None) -> float:
        """The expectation of the total, or of one addend."""
        return float(np.sum(times(self.weights, self._of(addend).value)))

    def gradient(self, addend: str | None = None) -> dict[str, Array]:
        """The derivative of the denotation with respect to each parameter."""
        drawn = times(self._spread(self.sampled.value), self._others)
        rows = times(self._per_outcome(addend), drawn)
        return self._by_name(np.sum(rows, axis=1))

    def gradient_variance(self) -> dict[str, Array]:
        """
        The variance of the one-draw gradient estimator, coordinate by coordinate: the choices
        that are exact or enumerated are integrated within it, the others are drawn. Where there
        are both, no drawn finite choice may depend on an integrated one (ValueError).
        """
        if self.copies > 1:
            return self._variance_of_mean()
        names, group = np.unique(self.sampled_index, return_inverse=True)
        mass = np.zeros(len(names))
        mass[group] = self._spread(self.sampled.value)
        if np.max(np.abs(mass[group] - self._spread(self.sampled.value)), initial=0.0) > 1e-12:
            raise ValueError("a drawn choice depends on one that is integrated")
        estimates = np.zeros((len(names), self._coordinate_count))
        np.add.at(estimates, group, self._per_outcome(None).T)
        column = mass[:, np.newaxis]
        mean = np.sum(times(column, estimates), axis=0)
        return self._by_name(np.sum(times(column, (estimates - mean) ** 2), axis=0))

    def _variance_of_mean(self) -> dict[str, Array]:
        """Of the mean of the particles' estimates; particle p's is the first's with both swapped."""
        if self.summed.tangent is not None or np.any(self.summed.value != 1.0):
            raise ValueError("particles are drawn: no choice may be integrated")
        single, places = self._single, np.arange(len(self.sampled_index))
        first = self._per_outcome(None)
        total = np.zeros_like(first)
        for p in range(self.copies):
            mine, theirs = places % single, places // single**p % single
            total += first[:, places + (theirs - mine) * (1 - single**p)]
        mean = total / self.copies
        centre = np.sum(times(mean, self.weights), axis=1, keepdims=True)
        return self._by_name(np.sum(times((mean - centre) ** 2, self.weights), axis=1))

    def _of(self, addend: str | None) -> Dual:
        return self.total if addend is None else self.addends[addend]

    def _per_outcome(self, addend: str | None) -> Array:
        """(P, K): the derivative of weight·total in each outcome, the drawn weight left out."""
        chosen, count = self._of(addend), self._coordinate_count
        rows = np.zeros((count, len(self.sampled_index)))
        alive = self._spread(self.weights) > 0
        if self.summed.tangent is not None:
            rows = rows + times(self.summed.tangent, chosen.value)
        if chosen.tangent is not None:
            rows = rows + np.where(alive, times(chosen.tangent, self.summed.value), 0.0)
        return np.where(self._spread(self.sampled.value) > 0, rows, 0.0)

    @property
    def _coordinate_count(self) -> int:
        return max((places.stop for places, _ in self.coordinates.values()), default=0)

    def _spread(self, array: Array) -> Array:
        return np.broadcast_to(array, (len(self.sampled_index),))

    def _by_name(self, flat: Array) -> dict[str, Array]:
        return {name: flat[at].reshape(shape) for name, (at, shape) in self.coordinates.items()}
