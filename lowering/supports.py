"""Where the values of laws lie: −∞ for the density of a value outside."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdsl.dialects.builtin import Float64Type

from relbo_ir.dialects import dist, lax
from relbo_ir.dialects.dist import Support, Transform
from relbo_ir.dialects.tensors import element_of
from relbo_ir.passes.expressions import Expression, Writer

_NOTHING_AT_ZERO = (dist.LogNormalOp, dist.InverseGammaOp, dist.InverseGaussianOp)
"""Positive laws whose density tends to 0 at 0, where their formula is a difference of infinities."""


def guarded(w: Writer, family: dist.FamilyOp, x: Expression, density: Expression) -> Expression:
    """The density where x lies in the family's support, −∞ elsewhere."""
    conditions = _conditions(w, family, x)
    return only_where(w, conditions, len(x.shape) - _event_rank(family), density)


def _event_rank(family: dist.FamilyOp) -> int:
    return dist.law_of(family.result).event_rank.data


def only_where(
    w: Writer, conditions: Sequence[Expression], batch: int, density: Expression
) -> Expression:
    """The density where every condition holds for all elements of an event, −∞ elsewhere."""
    if not conditions:
        return density
    inside: Expression | None = None
    for condition in conditions:
        axes = range(batch, len(condition.shape))
        if axes:
            condition = w.expression(w.insert(lax.ReduceAndOp(condition.value, axes)))
        inside = condition if inside is None else w.call("logical_and", inside, condition)
    if inside is None:
        return density
    return w.select(inside, -math.inf, density)


def conditions_of_transform(w: Writer, transform: Transform, y: Expression) -> list[Expression]:
    """The conditions that y lies in the range of an elementwise transform."""
    match transform:
        case Transform.EXP | Transform.SOFTPLUS:
            return [w.call("gt", y, 0.0)]
        case Transform.SIGMOID:
            return [w.call("gt", y, 0.0), w.call("lt", y, 1.0)]
        case Transform.AFFINE:
            return []


def conditions_of_set(
    w: Writer, support: Support, x: Expression, bounds: Sequence[Expression] = ()
) -> list[Expression]:
    """The conditions that x lies in a set, which has no parameters but the bounds of an interval."""
    match support:
        case Support.REAL:
            return []
        case Support.POSITIVE | Support.NONNEGATIVE:
            return [w.call("ge", x, 0.0)]
        case Support.UNIT_INTERVAL:
            return [w.call("ge", x, 0.0), w.call("le", x, 1.0)]
        case Support.INTERVAL:
            low, high = bounds
            return [w.call("ge", x, low), w.call("le", x, high)]
        case Support.CIRCULAR:
            return [w.call("ge", x, -math.pi), w.call("le", x, math.pi)]
        case Support.SIMPLEX:
            return [w.call("ge", x, 0.0), _is_one(w, w.sum(x, [len(x.shape) - 1]), x.shape[-1])]
        case Support.LOWER_CHOLESKY:
            return _lower_cholesky(w, x)
        case Support.CORR_CHOLESKY:
            total = w.sum(x * x, [len(x.shape) - 1])
            return [*_lower_cholesky(w, x), _is_one(w, total, x.shape[-1])]
        case Support.POSITIVE_DEFINITE:
            return _positive_definite(w, x)
        case Support.CORR_MATRIX:
            return [*_positive_definite(w, x), *_unit_diagonal(w, x)]
        case Support.L1_BALL:
            total = w.sum(w.apply("abs", x), [len(x.shape) - 1])
            return [w.call("le", total, 1.0 + _rounding(total, x.shape[-1]))]
        case Support.SPHERE:
            return [_is_one(w, w.sum(x * x, [len(x.shape) - 1]), x.shape[-1])]
        case Support.ZERO_SUM:
            return _is_zero(w, x, 1)
        case Support.ZERO_SUM_2:
            return _is_zero(w, x, 2)
        case Support.ORDERED_VECTOR:
            return _ordered(w, x)
        case Support.POSITIVE_ORDERED_VECTOR:
            return [*_ordered(w, x), w.call("gt", x, 0.0)]
        case _:
            raise ValueError(f"{support.value} is not a set of real numbers")


def _conditions(w: Writer, family: dist.FamilyOp, x: Expression) -> list[Expression]:
    """None where the formula itself is −∞ outside."""
    match family.FAMILY.support:
        case Support.CATEGORY:
            return []
        case Support.BOOLEAN if isinstance(family, dist.BernoulliLogitsOp):
            return []
        case Support.POSITIVE | Support.NONNEGATIVE if isinstance(family, _NOTHING_AT_ZERO):
            return [w.call("gt", x, 0.0)]
        case Support.BOOLEAN:
            return [w.apply("logical_or", w.call("eq", x, 0.0), w.call("eq", x, 1.0))]
        case Support.COUNT:
            return _whole(w, x)
        case Support.INTERVAL:
            return _between(w, family, x)
        case Support.BOUNDED_COUNT:
            return [*_whole(w, x), w.call("le", x, _total(w, family))]
        case Support.COUNTS:
            total = w.sum(x, [len(x.shape) - 1])
            return [*_whole(w, x), w.call("eq", total, _total(w, family))]
        case known:
            return conditions_of_set(w, known, x)


def _whole(w: Writer, x: Expression) -> list[Expression]:
    return [w.call("ge", x, 0.0), w.call("eq", w.apply("floor", x), x)]


def _named(w: Writer, family: dist.FamilyOp, name: str) -> Expression | None:
    names = list(family.FAMILY.parameters)
    return w.expression(family.operands[names.index(name)]) if name in names else None


def _total(w: Writer, family: dist.FamilyOp) -> Expression:
    return w.expression(family.operands[list(family.FAMILY.parameters).index("total_count")])


def _between(w: Writer, family: dist.FamilyOp, x: Expression) -> list[Expression]:
    low, high = _named(w, family, "low"), _named(w, family, "high")
    conditions = [] if low is None else [w.call("ge", x, low)]
    return conditions if high is None else [*conditions, w.call("le", x, high)]


def _is_one(w: Writer, total: Expression, count: int) -> Expression:
    """Whether sums of `count` numbers are 1, up to their rounding and NumPyro's 1e-6."""
    tolerance = max(1e-6, _rounding(total, count))
    return w.call("le", w.apply("abs", total - 1.0), tolerance)


def _is_zero(w: Writer, x: Expression, rank: int) -> list[Expression]:
    """Whether sums along each of the last axes are 0, up to rounding as NumPyro allows for it."""
    axes = range(len(x.shape) - rank, len(x.shape))
    largest = w.expression(w.insert(lax.ReduceMaxOp(w.apply("abs", x).value, axes)))
    found: list[Expression] = []
    for axis in axes:
        total = w.sum(x, [axis])
        scale = w.call("max", largest, 1.0) * (10 * x.shape[axis] * _epsilon(x))
        wide = w.broadcast(w.reshape(scale, (*scale.shape, *[1] * (rank - 1))), total.shape)
        found.append(w.apply("le", w.apply("abs", total), wide))
    return found


def _rounding(x: Expression, count: int) -> float:
    """What sums of `count` numbers near to 1 may be off by."""
    return 4 * count * _epsilon(x)


def _epsilon(x: Expression) -> float:
    return 2.0**-52 if isinstance(element_of(x.value.type), Float64Type) else 2.0**-23


def _ordered(w: Writer, x: Expression) -> list[Expression]:
    """Every element above the one before."""
    count = x.shape[-1]
    return [w.call("gt", w.part(x, 1, count), w.part(x, 0, count - 1))] if count > 1 else []


def _places(w: Writer, x: Expression) -> tuple[Expression, Expression]:
    """The numbers of row and column of every element of matrices."""
    rank = len(x.shape)
    return w.iota(x, x.shape, rank - 2), w.iota(x, x.shape, rank - 1)


def _positive_definite(w: Writer, x: Expression) -> list[Expression]:
    """Symmetric up to rounding, as NumPyro asks, and with a Cholesky factor."""
    rank = len(x.shape)
    order = [*range(rank - 2), rank - 1, rank - 2]
    across = w.expression(w.insert(lax.TransposeOp(x.value, order)))
    allowed = w.apply("abs", across) * 1e-5 + max(1e-8, _rounding(x, 1))
    factor = w.insert(lax.CholeskyOp.create(operands=[x.value], result_types=[x.value.type]))
    row, column = _places(w, x)
    above_zero = w.call("gt", w.expression(factor), 0.0)  # NaN where there is no factor
    return [
        w.call("le", w.apply("abs", x - across), allowed),
        w.apply("logical_or", w.apply("ne", column, row), above_zero),
    ]


def _unit_diagonal(w: Writer, x: Expression) -> list[Expression]:
    row, column = _places(w, x)
    return [w.apply("logical_or", w.apply("ne", column, row), _is_one(w, x, x.shape[-1]))]


def _lower_cholesky(w: Writer, x: Expression) -> list[Expression]:
    """Lower triangular, a positive diagonal."""
    row, column = _places(w, x)
    zero = w.constant(x.value.type, 0.0)
    above = w.apply("logical_or", w.apply("le", column, row), w.apply("eq", x, zero))
    diagonal = w.apply("logical_or", w.apply("ne", column, row), w.apply("gt", x, zero))
    return [above, diagonal]
