"""What a family declares about itself: plain data that every pass and the lowering read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Support(Enum):
    """The set a draw lies in."""

    REAL = "real"
    POSITIVE = "positive"
    NONNEGATIVE = "nonnegative"
    UNIT_INTERVAL = "unit_interval"
    CIRCULAR = "circular"
    """Angles, −π ≤ x ≤ π."""
    SIMPLEX = "simplex"
    CORR_CHOLESKY = "corr_cholesky"
    """Cholesky factors of correlation matrices."""
    LOWER_CHOLESKY = "lower_cholesky"
    """Lower triangular matrices with a positive diagonal."""
    POSITIVE_DEFINITE = "positive_definite"
    """Symmetric matrices with positive eigenvalues."""
    CORR_MATRIX = "corr_matrix"
    """Such with a diagonal of ones."""
    L1_BALL = "l1_ball"
    """Vectors whose absolute values sum to 1 at most."""
    SPHERE = "sphere"
    """Vectors of length 1."""
    ZERO_SUM = "zero_sum"
    """Vectors whose elements sum to 0."""
    ZERO_SUM_2 = "zero_sum_2"
    """Matrices whose rows and columns do."""
    ORDERED_VECTOR = "ordered_vector"
    POSITIVE_ORDERED_VECTOR = "positive_ordered_vector"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    COUNT = "count"
    INTERVAL = "interval"
    """Reals between bounds that are parameters, the bounds included."""
    BOUNDED_COUNT = "bounded_count"
    """0, 1, ..., up to a parameter."""
    COUNTS = "counts"
    """Vectors of counts whose sum is a parameter."""

    @property
    def is_discrete(self) -> bool:
        return self in _DISCRETE

    @property
    def event_rank(self) -> int:
        """How many axes a point of the set has at least."""
        return 2 if self in _OF_MATRICES else 1 if self in _OF_VECTORS else 0

    def within(self, other: Support) -> bool:
        """Whether every point of this set lies in `other`, and it is no null set there."""
        return other is self or other in _SUPERSETS[self]


_DISCRETE = frozenset(
    {Support.BOOLEAN, Support.CATEGORY, Support.COUNT, Support.BOUNDED_COUNT, Support.COUNTS}
)
_OF_MATRICES = frozenset(
    {
        *(Support.CORR_CHOLESKY, Support.LOWER_CHOLESKY, Support.POSITIVE_DEFINITE),
        *(Support.CORR_MATRIX, Support.ZERO_SUM_2),
    }
)
_OF_VECTORS = frozenset(
    {
        *(Support.SIMPLEX, Support.L1_BALL, Support.SPHERE, Support.ZERO_SUM, Support.COUNTS),
        *(Support.ORDERED_VECTOR, Support.POSITIVE_ORDERED_VECTOR),
    }
)
_SUPERSETS: Mapping[Support, frozenset[Support]] = {
    Support.REAL: frozenset(),
    Support.NONNEGATIVE: frozenset({Support.REAL}),
    Support.POSITIVE: frozenset({Support.NONNEGATIVE, Support.REAL}),
    Support.UNIT_INTERVAL: frozenset({Support.POSITIVE, Support.NONNEGATIVE, Support.REAL}),
    Support.CIRCULAR: frozenset({Support.REAL}),
    Support.SIMPLEX: frozenset(),
    Support.CORR_CHOLESKY: frozenset(),
    Support.LOWER_CHOLESKY: frozenset(),
    Support.POSITIVE_DEFINITE: frozenset(),
    Support.CORR_MATRIX: frozenset(),
    Support.L1_BALL: frozenset({Support.REAL}),
    Support.SPHERE: frozenset(),
    Support.ZERO_SUM: frozenset(),
    Support.ZERO_SUM_2: frozenset(),
    Support.ORDERED_VECTOR: frozenset({Support.REAL}),
    Support.POSITIVE_ORDERED_VECTOR: frozenset(
        {Support.ORDERED_VECTOR, Support.POSITIVE, Support.NONNEGATIVE, Support.REAL}
    ),
    Support.BOOLEAN: frozenset({Support.COUNT}),
    Support.CATEGORY: frozenset({Support.COUNT}),
    Support.COUNT: frozenset(),
    Support.INTERVAL: frozenset({Support.REAL}),
    Support.BOUNDED_COUNT: frozenset({Support.COUNT}),
    Support.COUNTS: frozenset(),
}


class Draw(Enum):
    """How a draw can be differentiated with respect to the law's parameters."""

    LOCATION_SCALE = "location-scale"
    """By a smooth map of noise that has no parameters."""
    IMPLICIT = "implicit"
    """By implicit differentiation of the distribution function (Figurnov et al. 2018)."""
    NONE = "none"
    """Not at all: the draw is discrete, or its sampler's derivative is wrong."""


@dataclass(frozen=True)
class Family:
    """
    The facts about one family of distributions.

    `parameters` maps each parameter, in operand order, to the constraint it must satisfy (a name
    of `numpyro.distributions.constraints`, elementwise over the broadcast batch shape).
    `event_parameters` are those whose last axis is not a batch axis (category weights, vectors),
    `matrix_parameters` those whose last two axes are none. `support_parameters` are those that the
    support depends on. The log density is smooth in the other parameters on their constraint sets,
    and in the value in the interior of the support; where `kinks`, it is Lipschitz there and not
    smooth.
    """

    name: str
    parameters: Mapping[str, str]
    support: Support
    draw: Draw
    event_parameters: frozenset[str] = frozenset()
    matrix_parameters: frozenset[str] = frozenset()
    support_parameters: frozenset[str] = frozenset()
    kinks: bool = False
