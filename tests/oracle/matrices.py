"""Factors and triangular systems, with their derivatives."""

from __future__ import annotations

import numpy as np

from relbo_ir.dialects import lax

from .dual import Array, Dual


def _transposed(a: Array) -> Array:
    return np.swapaxes(a, -1, -2)


def cholesky(x: Dual) -> Dual:
    """L with L Lᵀ = x; L⁻¹ L̇ is the lower half of L⁻¹ ẋ L⁻ᵀ, the diagonal halved."""
    lower = np.linalg.cholesky(x.value)
    if x.tangent is None:
        return Dual(lower)
    inner = np.linalg.solve(lower, _transposed(np.linalg.solve(lower, x.tangent)))
    half = np.tril(inner) - 0.5 * inner * np.eye(x.shape[-1])
    return Dual(lower, lower @ half)


def triangular_solve(op: lax.TriangularSolveOp, a: Dual, b: Dual) -> Dual:
    """The y with op(a) y = b, or y op(a) = b; ẏ solves the same system for ḃ − op(ȧ) y."""
    read = np.tril if op.lower.value.data else np.triu
    unit, turned = op.unit_diagonal.value.data, op.transpose_a.value.data
    left = op.left_side.value.data

    def matrix(x: Array, diagonal: float) -> Array:
        kept = read(x)
        if unit:
            kept = read(kept, -1 if read is np.tril else 1) + diagonal * np.eye(x.shape[-1])
        return _transposed(kept) if turned else kept

    system = matrix(a.value, 1.0)

    def solve(rhs: Array) -> Array:
        if left:
            return np.linalg.solve(system, rhs)
        return _transposed(np.linalg.solve(_transposed(system), _transposed(rhs)))

    y = solve(b.value)
    moved: list[Array] = []
    if b.tangent is not None:
        moved.append(solve(b.tangent))
    if a.tangent is not None:
        slope = matrix(a.tangent, 0.0)
        moved.append(-solve(slope @ y if left else y @ slope))
    return Dual(y, sum(moved[1:], moved[0]) if moved else None)
