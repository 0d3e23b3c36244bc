"""
Which matrices are positive definite, read off the SSA graph: covariances and kernels.

A matrix is a value and two of its axes, one for each of its other axes' elements. Beside
semidefinite ones the analysis follows matrices that are *conditionally* so, cᵀAc ≥ 0 for every c
whose elements sum to 0: of these are squared distances, negated. Their exponentials are
semidefinite (Schoenberg 1938), as are elementwise products of semidefinite matrices (Schur 1911);
Berg, Christensen and Ressel (1984), chapter 3, have all rules that are used here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from xdsl.ir import Operation, SSAValue

from relbo_ir.dialects import lax, prob
from relbo_ir.dialects.dist import Support
from relbo_ir.dialects.lax import shape_of, tuple_of
from relbo_ir.dialects.tensors import has_floats
from relbo_ir.passes.analyses.masks import is_eye, is_lower, is_zero
from relbo_ir.passes.analyses.spread import spread
from relbo_ir.passes.analyses.support import law_support
from relbo_ir.passes.analyses.value_ranges import Ranges

_DEEPEST = 100
"""Beyond so many ops nothing is said."""
_FACTORS = (Support.LOWER_CHOLESKY, Support.CORR_CHOLESKY)
_PRODUCTS = (Support.POSITIVE_DEFINITE, Support.CORR_MATRIX)


class Definite(IntEnum):
    """xᵀAx of a symmetric A, for every x that is not 0."""

    UNKNOWN = 0
    NONNEGATIVE = 1
    POSITIVE = 2


@dataclass(frozen=True)
class Matrix:
    """
    What is known of matrices; those that are definite are symmetric and rising too. `rising`:
    symmetric, and cᵀAc ≥ 0 where Σc = 0; `falling`: −A is so. `difference`: ±(uᵢ − uⱼ), of either
    sign for each element, so that even functions of it are those of a distance on the line.
    `diagonal`: 0 elsewhere.
    """

    definite: Definite = Definite.UNKNOWN
    rising: bool = False
    falling: bool = False
    difference: bool = False
    diagonal: bool = False

    @property
    def is_definite(self) -> bool:
        return self.definite is Definite.POSITIVE

    def scaled(self, positive: bool, nonnegative: bool, nonpositive: bool) -> Matrix:
        """Times a number, of which is known which sign it may have."""
        weakest = Definite.POSITIVE if positive else Definite.NONNEGATIVE
        return Matrix(
            min(self.definite, weakest) if nonnegative else Definite.UNKNOWN,
            (self.rising and nonnegative) or (self.falling and nonpositive),
            (self.falling and nonnegative) or (self.rising and nonpositive),
            self.difference,
            self.diagonal,
        )

    def plus(self, other: Matrix) -> Matrix:
        """The sum: as much as both are, and definite where one is and the other semidefinite."""
        both = min(self.definite, other.definite) > Definite.UNKNOWN
        return Matrix(
            max(self.definite, other.definite) if both else Definite.UNKNOWN,
            self.rising and other.rising,
            self.falling and other.falling,
            diagonal=self.diagonal and other.diagonal,
        )


NOTHING = Matrix()
_SEMIDEFINITE = Matrix(Definite.NONNEGATIVE, rising=True)
_DEFINITE = Matrix(Definite.POSITIVE, rising=True)
_RISING, _FALLING = Matrix(rising=True), Matrix(falling=True)


class Definiteness:
    """Facts about matrices, computed on demand and kept."""

    def __init__(self, ranges: Ranges):
        self._ranges = ranges
        self._known: dict[tuple[SSAValue, int, int], Matrix] = {}

    def is_definite(self, value: SSAValue, depth: int = 0) -> bool:
        """Whether the matrices over the last two axes of a value are proved positive definite."""
        rank = len(shape_of(value))
        return self.of(value, rank - 2, rank - 1, depth).is_definite

    def is_factor(self, value: SSAValue, depth: int = 0) -> bool:
        """
        Whether the diagonals of the last two axes are proved to be above 0, whatever stands above
        them: those of draws of Cholesky factors, and of the factors of definite matrices.
        """
        op = value.owner
        if isinstance(op, lax.SelectNOp) and is_lower(op.which):
            return depth <= _DEEPEST and self.is_factor(op.cases[1], depth + 1)
        if isinstance(op, prob.SampleOp):
            return law_support(op.law) in _FACTORS
        return isinstance(op, lax.CholeskyOp) and self.is_definite(op.x, depth)

    def of(self, value: SSAValue, row: int, column: int, depth: int = 0) -> Matrix:
        """What is known of the matrices over two axes of a value of floats, in either order."""
        row, column = sorted((row, column))
        shape = shape_of(value)
        if not has_floats(value.type) or shape[row] != shape[column] or depth > _DEEPEST:
            return NOTHING
        key = (value, row, column)
        if key not in self._known:
            self._known[key] = self._found(value, row, column, depth + 1)
        return self._known[key]

    def _found(self, value: SSAValue, row: int, column: int, depth: int) -> Matrix:
        seen = spread(value)
        r, c = seen.axes[row], seen.axes[column]
        if r is None and c is None:
            return self._constant(value, shape_of(value)[row])
        if r is None or c is None:
            return NOTHING
        if seen.root is not value:
            return self.of(seen.root, r, c, depth)
        op = value.owner
        return self._rule(op, row, column, depth) if isinstance(op, Operation) else NOTHING

    def _constant(self, value: SSAValue, size: int) -> Matrix:
        """k·11ᵀ."""
        found = self._ranges.of(value)
        definite = Definite.NONNEGATIVE if found.nonnegative else Definite.UNKNOWN
        if size == 1 and found.positive:
            definite = Definite.POSITIVE
        return Matrix(definite, rising=True, falling=True, diagonal=size == 1)

    def _rule(self, op: Operation, row: int, column: int, depth: int) -> Matrix:
        def of(value: SSAValue) -> Matrix:
            return self.of(value, row, column, depth)

        match op.name:
            case "lax.neg":
                return of(op.operands[0]).scaled(False, False, True)
            case "lax.add":
                return of(op.operands[0]).plus(of(op.operands[1]))
            case "lax.sub" if _outer(op, row, column):
                return Matrix(difference=True)
            case "lax.sub":
                return of(op.operands[0]).plus(of(op.operands[1]).scaled(False, False, True))
            case "lax.mul":
                return self._product(op, row, column, depth)
            case "lax.div":
                return self._quotient(op, row, column, depth)
            case "lax.copy" | "lax.stop_gradient":
                return of(op.operands[0])
            case "lax.abs" if of(op.operands[0]).difference:
                return Matrix(falling=True, difference=True)
            case "lax.cos" if of(op.operands[0]).difference:
                return _SEMIDEFINITE
            case "lax.exp" if of(op.operands[0]).rising:
                return _DEFINITE if of(op.operands[0]).is_definite else _SEMIDEFINITE
            case "lax.square":
                return self._power(op, 2, of(op.operands[0]), row, column, depth)
            case "lax.sqrt" | "lax.log1p" if self._is_distance(op.operands[0], row, column, depth):
                return _FALLING
            case "lax.rsqrt" if self._is_positive_distance(op.operands[0], row, column, depth):
                return _SEMIDEFINITE
            case "lax.pow":
                return self._real_power(op, row, column, depth)
            case _:
                return self._structured(op, row, column, depth)

    def _structured(self, op: Operation, row: int, column: int, depth: int) -> Matrix:
        match op:
            case lax.IntegerPowOp():
                base = self.of(op.x, row, column, depth)
                return self._power(op, op.exponent.value.data, base, row, column, depth)
            case lax.ConvertOp():
                if is_eye(op.x, row, column):
                    return replace(_DEFINITE, diagonal=True)
                return self.of(op.x, row, column, depth)
            case lax.TransposeOp():
                order = tuple_of(op.permutation)
                return self.of(op.x, order[row], order[column], depth)
            case lax.ReduceSumOp():
                kept = [k for k in range(len(shape_of(op.x))) if k not in tuple_of(op.axes)]
                if 0 in shape_of(op.x):
                    return NOTHING
                terms = self.of(op.x, kept[row], kept[column], depth)
                return replace(terms, difference=False)
            case lax.ConstantOp():
                return self._numbers(op, row, column)
            case lax.SelectNOp() if len(op.cases) == 2:
                return self._selected(op, row, column)
            case lax.DotGeneralOp():
                return self._contraction(op, row, column, depth)
            case prob.SampleOp() if law_support(op.law) in _PRODUCTS:
                rank = len(shape_of(op.value))
                return _DEFINITE if {row, column} == {rank - 2, rank - 1} else NOTHING
            case _:
                return NOTHING

    def _product(self, op: Operation, row: int, column: int, depth: int) -> Matrix:
        x, y = op.operands
        a, b = (self.of(v, row, column, depth) for v in (x, y))
        for fact, other in ((a, y), (b, x)):
            if _is_constant(other, row, column):
                found = self._ranges.of(other)
                below = (-found).nonnegative
                return fact.scaled(found.positive, found.nonnegative, below)
            if fact.diagonal:
                found = self._ranges.of(other)
                scaled = fact.scaled(found.positive, found.nonnegative, False).definite
                definite = max(scaled, min(a.definite, b.definite))
                return Matrix(definite, rising=definite > Definite.UNKNOWN, diagonal=True)
        if x is y:
            return self._power(op, 2, a, row, column, depth)
        if _outer(op, row, column):
            return _SEMIDEFINITE
        weaker = min(a.definite, b.definite)
        if weaker is Definite.UNKNOWN:
            return NOTHING
        with_diagonal = self._ranges.of(y if a.is_definite else x).positive
        one = a.is_definite or b.is_definite
        both = a.is_definite and b.is_definite
        return _DEFINITE if both or (one and with_diagonal) else _SEMIDEFINITE

    def _quotient(self, op: Operation, row: int, column: int, depth: int) -> Matrix:
        x, y = op.operands
        if _is_constant(y, row, column):
            found = self._ranges.of(y)
            below = (-found).positive
            return self.of(x, row, column, depth).scaled(found.positive, found.positive, below)
        over = _is_constant(x, row, column) and self._ranges.of(x).nonnegative
        return (
            _SEMIDEFINITE if over and self._is_positive_distance(y, row, column, depth) else NOTHING
        )

    def _power(
        self, op: Operation, n: int, base: Matrix, row: int, column: int, depth: int
    ) -> Matrix:
        """xⁿ, element by element."""
        x = op.operands[0]
        if n < 0:
            whole = self._is_positive_distance(x, row, column, depth)
            return _SEMIDEFINITE if whole else NOTHING
        if n == 2 and (base.difference or self._is_sine(x, row, column, depth)):
            return _FALLING
        if n > 0 and base.definite > Definite.UNKNOWN:
            return _DEFINITE if base.is_definite else _SEMIDEFINITE
        return NOTHING

    def _real_power(self, op: Operation, row: int, column: int, depth: int) -> Matrix:
        x, y = op.operands
        if not _is_constant(y, row, column):
            return NOTHING
        exponent = self._ranges.of(y)
        if (-exponent).nonnegative:
            whole = self._is_positive_distance(x, row, column, depth)
            return _SEMIDEFINITE if whole else NOTHING
        small = exponent.nonnegative and bool((exponent.high <= 1).all())
        return _FALLING if small and self._is_distance(x, row, column, depth) else NOTHING

    def _is_distance(self, value: SSAValue, row: int, column: int, depth: int) -> bool:
        """Whether it falls and is nowhere below 0: its powers up to 1 fall too."""
        falls = self.of(value, row, column, depth).falling
        return falls and self._ranges.of(value).nonnegative

    def _is_positive_distance(self, value: SSAValue, row: int, column: int, depth: int) -> bool:
        """Whether it falls and is above 0: its powers below 0 are semidefinite."""
        falls = self.of(value, row, column, depth).falling
        return falls and self._ranges.of(value).positive

    def _is_sine(self, value: SSAValue, row: int, column: int, depth: int) -> bool:
        """Whether it is the sine of a difference: 2 sin² d = 1 − cos 2d."""
        op = value.owner
        if not isinstance(op, Operation) or op.name != "lax.sin":
            return False
        return self.of(op.operands[0], row, column, depth).difference

    def _numbers(self, op: lax.ConstantOp, row: int, column: int) -> Matrix:
        """
        A diagonal, zeros beside it. Numbers that look like differences are none: they were rounded,
        and a cosine of many times them is a cosine of many times the rounding.
        """
        numbers = self._ranges.of(op.result).low
        if not numbers.size or not np.isfinite(numbers).all():
            return NOTHING
        diagonal = np.diagonal(numbers, axis1=row, axis2=column)
        if np.count_nonzero(numbers) != np.count_nonzero(diagonal):
            return NOTHING
        fact = _DEFINITE if (diagonal > 0).all() else _SEMIDEFINITE
        return replace(fact if (diagonal >= 0).all() else NOTHING, diagonal=True)

    def _selected(self, op: lax.SelectNOp, row: int, column: int) -> Matrix:
        """A diagonal, zeros beside it."""
        beside, diagonal = op.cases
        found, zero = self._ranges.of(diagonal), self._ranges.of(beside)
        apart = zero.is_point and not zero.low.any()
        if not apart or not found.nonnegative or not is_eye(op.which, row, column):
            return NOTHING
        return replace(_DEFINITE if found.positive else _SEMIDEFINITE, diagonal=True)

    def _contraction(self, op: lax.DotGeneralOp, row: int, column: int, depth: int) -> Matrix:
        """x·xᵀ of one value; definite where x is a factor, with zeros beside it."""
        batch = len(tuple_of(op.x_batch))
        if (row, column) != (batch, batch + 1) or len(shape_of(op.result)) != batch + 2:
            return NOTHING
        x, axes, batches = _turned(op.x, tuple_of(op.x_contract), tuple_of(op.x_batch))
        other = _turned(op.y, tuple_of(op.y_contract), tuple_of(op.y_batch))
        if (x, axes, batches) != other or len(axes) != 1:
            return NOTHING
        last = {len(shape_of(x)) - 2, len(shape_of(x)) - 1}
        square = axes[0] in last and not last & set(batches)
        whole = square and _is_triangular(x) and self.is_factor(x, depth)
        return _DEFINITE if whole else _SEMIDEFINITE


def _turned(
    value: SSAValue, contract: tuple[int, ...], batch: tuple[int, ...]
) -> tuple[SSAValue, tuple[int, ...], tuple[int, ...]]:
    """What a value is the transpose of, and where its axes are there."""
    op = value.owner
    if not isinstance(op, lax.TransposeOp):
        return value, contract, batch
    order = tuple_of(op.permutation)
    return op.x, tuple(order[k] for k in contract), tuple(order[k] for k in batch)


def _is_triangular(value: SSAValue) -> bool:
    """Whether a factor has zeros above its diagonal, which `lax.cholesky` alone need not have."""
    op = value.owner
    if isinstance(op, lax.SelectNOp):
        return is_lower(op.which) and is_zero(op.cases[0])
    return isinstance(op, prob.SampleOp)


def _is_constant(value: SSAValue, row: int, column: int) -> bool:
    """Whether it is the same along both axes."""
    axes = spread(value).axes
    return axes[row] is None and axes[column] is None


def _outer(op: Operation, row: int, column: int) -> bool:
    """Whether one operand is uᵢ and the other uⱼ, of one u: along rows, and along columns."""
    one, other = map(spread, op.operands)
    if one.root is not other.root:
        return False
    if one.axes[row] is None:
        one, other = other, one
    along = one.axes[row]
    if along is None or one.axes[column] is not None:
        return False
    if other.axes[row] is not None or other.axes[column] != along:
        return False
    rest = [k for k in range(len(one.axes)) if k not in (row, column)]
    return all(one.axes[k] == other.axes[k] for k in rest)
