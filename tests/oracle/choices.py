"""The outcomes of the choices of a program: all joint ones, laid out along one axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from relbo_ir.dialects import dist
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.prob import How, SampleOp

from .dual import Array, Dual, chain, linear, product, times, total
from .elementwise import unary
from .laws import FINITE, Law, family_of, probability

LOCATION_SCALE = frozenset({"normal", "half_normal", "half_cauchy"})


@dataclass(frozen=True)
class Precision:
    """
    How finely continuous choices are summed. `normal_nodes` Gauss–Hermite nodes an element are
    exact for polynomials of degree 2·normal_nodes − 1; other continuous laws take `line_nodes`
    of the trapezoidal rule on the whole line after a logarithmic or logistic change of variable;
    Poisson draws stop below `count_limit`. A program with more than `outcome_limit` joint
    outcomes is refused.

    `exact_normal` says how the derivative of an exact integral over a Normal is taken: at moving
    nodes loc + scale·node, or at nodes that stay while their weights change. The two agree but
    for the error of the quadrature, unless something stops a gradient halfway.
    """

    normal_nodes: int = 12
    line_nodes: int = 401
    count_limit: int = 200
    outcome_limit: int = 200_000
    exact_normal: Literal["nodes", "weights"] = "nodes"


def outcomes_per_element(site: SampleOp, precision: Precision) -> int:
    """The number of outcomes of one element of a choice, read off its law's op."""
    op = family_of(site.law if site.guide is None else site.guide)
    if site.how.data is How.DISARM:
        return 4
    match op:
        case dist.BernoulliOp() | dist.BernoulliLogitsOp():
            return 2
        case dist.CategoricalOp() | dist.CategoricalLogitsOp():
            return shape_of(op.operands[0])[-1]
        case dist.PoissonOp():
            return precision.count_limit
        case dist.NormalOp() | dist.LogNormalOp():
            return precision.normal_nodes
        case _:
            return precision.line_nodes


def outcomes_of(site: SampleOp, precision: Precision) -> int:
    """The number of outcomes of a choice."""
    return outcomes_per_element(site, precision) ** math.prod(shape_of(site.value))


class Choices:
    """
    The joint outcomes of some sites. `summed` is the weight of the choices whose expectation is
    exact, with its derivative; `sampled` that of the choices whose draw is held fixed or moved,
    without one; `sampled_index` tells outcomes apart by the latter alone. `twins` are the antithetic
    twins of draws, and `noise` a uniform number of which each such pair is made.
    """

    def __init__(self, sites: Iterable[SampleOp], precision: Precision, copies: int = 1):
        """With `copies`, the outcomes of so many particles; all values are those of the first."""
        self.precision, self.copies = precision, copies
        self.count = 1
        self._layout: dict[str, tuple[int, int]] = {}
        for site in sites:
            per_element = outcomes_per_element(site, precision)
            self._layout[site.site.data] = (per_element, self.count)
            self.count *= outcomes_of(site, precision)
        self.single = self.count
        self.count **= copies
        if self.count > precision.outcome_limit:
            raise ValueError(
                f"{self.count} joint outcomes of {', '.join(self._layout)} are more than the "
                f"oracle's limit of {precision.outcome_limit}: make the program smaller, or take "
                "fewer nodes"
            )
        self.summed = Dual(np.ones(1))
        self.sampled = Dual(np.ones(1))
        self.sampled_index = np.zeros(self.count, dtype=np.int64)
        self.values: dict[str, Dual] = {}
        self.twins: dict[str, Dual] = {}
        self.noise: dict[str, Array] = {}

    def digits(self, site: str, shape: tuple[int, ...]) -> Array:
        """The outcome of every element of a site in every joint outcome: (K, *shape)."""
        base, stride = self._layout[site]
        elements = math.prod(shape)
        own = np.arange(self.count) // stride % base**elements
        digits = own[:, np.newaxis] // base ** np.arange(elements) % base
        return digits.reshape(self.count, *shape)

    def expected(self, cost: Dual) -> Dual:
        """The expectation of a value of the first particle, as a value without derivative."""
        weight = np.broadcast_to(times(self.summed.value, self.sampled.value), (self.count,))
        table = np.broadcast_to(cost.value, (self.count, *cost.shape))
        column = (weight / np.sum(weight)).reshape(-1, *(1 for _ in cost.shape))
        return Dual(np.sum(times(column, table), axis=0, keepdims=True))

    def leave_one_out(self, cost: Dual) -> Dual:
        """
        The mean of a value over the other particles; of one particle alone the expectation, which
        stands for any number of others.
        """
        if self.copies == 1:
            return self.expected(cost)
        table = np.broadcast_to(cost.value, (self.count, *cost.shape))[: self.single]
        others = [table[self.particle(p)] for p in range(1, self.copies)]
        return Dual(np.mean(others, axis=0))

    def log_mean_exp(self, weight: Dual, order: float) -> Dual:
        """(1/β)·log (1/K)·Σₖ exp β·wₖ over all K copies, β = 1 − order, of a value of the first."""
        lanes = [self._of_copy(weight, p) for p in range(self.copies)]
        table = np.stack([lane.value for lane in lanes])
        result = _log_mean_exp(table, order)
        shares = [np.exp((1.0 - order) * (row - result)) / self.copies for row in table]
        parts = zip(lanes, shares, strict=True)
        return chain(result, *((lane, lambda share=share: share) for lane, share in parts))

    def vimco(self, weight: Dual, order: float) -> Dual:
        """The same, with the first copy's value replaced by the mean of the others' ones."""
        lanes = [self._of_copy(weight, p).value for p in range(1, self.copies)]
        result = _log_mean_exp(np.stack([np.mean(lanes, axis=0), *lanes]), order)
        return Dual(np.where(np.isfinite(result), result, 0.0))

    def _of_copy(self, x: Dual, number: int) -> Dual:
        """The value that another copy has where the first has x."""

        def move(array: Array) -> Array:
            table = np.broadcast_to(array, (self.count, *array.shape[1:]))[: self.single]
            return table[self.particle(number)]

        return linear(x, move)

    def particle(self, number: int) -> Array:
        """The single outcome of each particle in every joint outcome."""
        return np.arange(self.count) // self.single**number % self.single

    def draw(self, site: SampleOp, law: Law) -> Dual:
        """The value of a choice in every outcome; its weight is taken into account once."""
        name, how = site.site.data, site.how.data
        if name in self.values:
            raise ValueError(f'two choices are named "{name}"')
        digits = self.digits(name, law.shape)
        if how is How.DISARM:
            value, weight = self._pair(name, law, digits)
        else:
            value, weight = self.outcome(law, digits, how)
        if how in (How.SCORE, How.PATHWISE, How.DISARM):
            self.sampled = self.sampled * weight.stopped
            base, stride = self._layout[name]
            own = np.arange(self.count) // stride % base ** math.prod(law.shape)
            self.sampled_index += own * stride
        else:
            self.summed = _weighted(self.summed, weight)
        self.values[name] = value
        return value

    def outcome(self, law: Law, digits: Array, how: How) -> tuple[Dual, Dual]:
        """The draws of a law in every outcome, by the digits of their elements, and their weight."""
        law = replace(law, mask=None)
        if law.family in LOCATION_SCALE:
            value, weight = self._location_scale(law, digits, how)
        elif how is How.PATHWISE:
            raise NotImplementedError(
                f"the oracle has no pathwise derivative of draws of {law.family}"
            )
        elif law.family in FINITE:
            value, weight = Dual(digits), product(probability(law, digits))
        elif law.family == "poisson":
            value = Dual(digits)
            weight = product(unary("exp", _elementwise_density(law, value)))
        else:
            value, weight = _line(law, digits, self.precision.line_nodes)
        return (value.stopped if how is How.SCORE else value), weight

    def _pair(self, name: str, law: Law, digits: Array) -> tuple[Dual, Dual]:
        """
        The draw [u < p] and the twin [1 − u ≤ p] of a uniform u: both 0, the draw alone 1, the twin
        alone 1, both 1. The smaller of p and 1 − p is the probability of each middle pair.
        """
        if law.family not in ("bernoulli", "bernoulli_logits"):
            raise NotImplementedError(f'"{name}": {law.family} has no antithetic twin')
        p, q = (probability(law, np.full((1, *law.shape), k)).value for k in (1, 0))
        least = np.minimum(p, q)
        masses = [q - least, least, least, p - least]
        self.twins[name] = Dual(digits // 2)
        self.noise[name] = np.select(
            [digits == 1, digits == 2], [0.5 * least, 1.0 - 0.5 * least], 0.5
        )
        weights = np.select([digits == k for k in range(4)], masses)
        return Dual(digits % 2), product(Dual(weights))

    def _location_scale(self, law: Law, digits: Array, how: How) -> tuple[Dual, Dual]:
        nodes, masses = _standard(law.family, self.precision)
        noise, weight = Dual(nodes[digits]), product(Dual(masses[digits]))
        draw = law.parameters[-1] * noise
        if law.family == "normal":
            draw = law.parameters[0] + draw
        value = law.forward(draw)
        if how is How.EXACT and self.precision.exact_normal == "weights":
            value = value.stopped
            slope = total(law.log_density(value)).tangent
            weight = Dual(weight.value, None if slope is None else times(slope, weight.value))
        return value, weight


def _log_mean_exp(table: Array, order: float) -> Array:
    """Along the first axis."""
    powers = (1.0 - order) * table
    peak = np.max(powers, axis=0)
    shift = np.where(np.isfinite(peak), peak, 0.0)
    return (shift + np.log(np.mean(np.exp(powers - shift), axis=0))) / (1.0 - order)


def _weighted(x: Dual, weight: Dual) -> Dual:
    """x·weight, 0 where either is 0, NaN or not."""
    tangent = (x * weight).tangent
    return Dual(times(x.value, weight.value), tangent)


@cache
def _standard(family: str, precision: Precision) -> tuple[Array, Array]:
    """Fixed nodes and weights of the standard law of a location-scale family."""
    if family == "normal":
        nodes, masses = np.polynomial.hermite_e.hermegauss(precision.normal_nodes)
        return nodes, masses / math.sqrt(2.0 * math.pi)
    low, high = (-42.0, 2.4) if family == "half_normal" else (-40.0, 40.0)
    t = np.linspace(low, high, precision.line_nodes)
    x, step = np.exp(t), t[1] - t[0]
    if family == "half_normal":
        density = math.sqrt(2.0 / math.pi) * np.exp(-0.5 * x**2)
    else:
        density = 2.0 / math.pi / (1.0 + x**2)
    return x, step * x * density


def _line(law: Law, digits: Array, nodes: int) -> tuple[Dual, Dual]:
    """
    Trapezoidal nodes of a law on the positive reals (x = eᵗ) or the unit interval (x = σ(t)).
    They stay where they are; their weights are the density, and carry its derivative.

    In t the integrand is analytic and its tails decay exponentially, so the rule converges
    geometrically. Near 1 a float has no room: for a Beta with concentration0 below 1 the mass
    beyond 1 − 10⁻¹⁵ is lost, 10^(−15·concentration0) of it.
    """
    first, second = law.parameters[0].value, law.parameters[1].value
    match law.family:
        case "gamma":
            width = 9.0 * np.sqrt(1.0 / first) + 40.0 / first
            low, high = np.log(first) - width, np.log(first + 10.0 * np.sqrt(first) + 60.0)
            low, high = low - np.log(second), high - np.log(second)
        case "inverse_gaussian":
            mean, ratio = first, second / first
            high = np.log(mean * (2.0 + 120.0 / ratio))
            low = np.log(mean / (2.0 + 120.0 / ratio))
        case "beta":
            centre = np.log(first / second)
            width = 9.0 * np.sqrt(1.0 / first + 1.0 / second)
            low = centre - width - 40.0 / first
            high = np.minimum(centre + width + 40.0 / second, 34.0)
        case _:
            raise NotImplementedError(f"the oracle does not draw from {law.family}")
    step = (high - low) / (nodes - 1)
    t = low + step * digits
    x = np.exp(t) if law.family != "beta" else 1.0 / (1.0 + np.exp(-t))
    jacobian = x if law.family != "beta" else x * (1.0 - x)
    base = Law(law.family, law.parameters, law.shape, 0)
    density = unary("exp", base.log_density(Dual(x)))
    return law.forward(Dual(x)), product(density * Dual(step * jacobian))


def _elementwise_density(law: Law, value: Dual) -> Dual:
    return Law(law.family, law.parameters, law.shape, 0).log_density(value)
