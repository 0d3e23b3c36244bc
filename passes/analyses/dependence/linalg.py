"""Rules for matrices: batch axes stay apart, and so do right-hand sides."""

from __future__ import annotations

from relbo_ir.dialects import lax
from relbo_ir.passes.analyses.dependence.facts import Dependence
from relbo_ir.passes.analyses.dependence.table import Facts, each, join, rule


@rule(lax.CholeskyOp)
def _cholesky(op: lax.CholeskyOp, facts: list[Facts]) -> list[Facts]:
    return [each(facts[0], lambda d: d.forget([len(d.shape) - 2, len(d.shape) - 1]))]


@rule(lax.TriangularSolveOp)
def _triangular_solve(op: lax.TriangularSolveOp, facts: list[Facts]) -> list[Facts]:
    """Each column of the solution (row, where a is on the right) reads its own of b."""

    def matrix(d: Dependence) -> Dependence:
        batch = len(d.shape) - 2
        wide = (*d.shape[:-2], *lax.shape_of(op.b)[-2:])
        return d.drop_axes([batch, batch + 1]).broadcast(wide, range(batch))

    def side(d: Dependence) -> Dependence:
        return d.forget([len(d.shape) - (2 if op.left_side else 1)])

    return [join([each(facts[0], matrix), each(facts[1], side)])]
