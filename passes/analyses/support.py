"""The set that a law's draws lie in, and whether it moves."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.ir import SSAValue

from relbo_ir.dialects import dist
from relbo_ir.dialects.dist import Support, Transform

_IMAGES = {
    Transform.EXP: Support.POSITIVE,
    Transform.SOFTPLUS: Support.POSITIVE,
    Transform.SIGMOID: Support.UNIT_INTERVAL,
    Transform.AFFINE: Support.REAL,
}
"""Where a transform takes the reals."""
_PRODUCTS_OF = {
    Support.POSITIVE_DEFINITE: Support.LOWER_CHOLESKY,
    Support.CORR_MATRIX: Support.CORR_CHOLESKY,
}
"""Of which factors a set of matrices has the products; all else is made of all real numbers."""


def _image(transform: Transform, support: Support | None) -> Support | None:
    """Where a transform takes a set."""
    if support is Support.ORDERED_VECTOR and transform is Transform.EXP:
        return Support.POSITIVE_ORDERED_VECTOR
    return _IMAGES[transform] if support is Support.REAL else None


def law_support(law: SSAValue) -> Support | None:
    """The support of a law; None where it is not known or depends on parameters."""
    match law.owner:
        case dist.FamilyOp() as op:
            return None if op.FAMILY.support_parameters else op.FAMILY.support
        case dist.IndependentOp() | dist.ExpandOp() | dist.MaskOp() as op:
            return law_support(op.base)
        case dist.ImproperOp() as op:
            return None if op.bounds else op.set
        case dist.MixtureOp() as op:
            supports = {law_support(component) for component in op.components}
            return supports.pop() if len(supports) == 1 else None
        case dist.MixtureSameFamilyOp() as op:
            return law_support(op.component)
        case dist.TransformedOp() as op:
            return _image(op.transform.data, law_support(op.base))
        case dist.TransformedByOp() as op if op.support is not None:
            named = next((s for s in Support if s.value == op.support.data), None)
            whole = Support.REAL if named is None else _PRODUCTS_OF.get(named, Support.REAL)
            return named if law_support(op.base) is whole else None
        case dist.OpaqueOp() as op if op.support is not None:
            return next((s for s in Support if s.value == op.support.data), None)
        case _:
            return None


def support_moves(law: SSAValue, moves: Callable[[SSAValue], bool]) -> bool:
    """
    Whether the support may depend on values that `moves` accepts: bounds that are parameters, a
    bounded law shifted or scaled, a law of which nothing is known.
    """
    match law.owner:
        case dist.FamilyOp() as op:
            bounds = zip(op.FAMILY.parameters, op.operands, strict=True)
            return any(n in op.FAMILY.support_parameters and moves(v) for n, v in bounds)
        case dist.IndependentOp() | dist.ExpandOp() | dist.MaskOp() as op:
            return support_moves(op.base, moves)
        case dist.ImproperOp() as op:
            return any(moves(bound) for bound in op.bounds)
        case dist.TransformedOp() as op:
            bounded = law_support(op.base) is not Support.REAL
            if bounded and any(moves(argument) for argument in op.arguments):
                return True
            return support_moves(op.base, moves)
        case dist.TransformedByOp() as op if law_support(law) is not None:
            return False
        case dist.TransformedByOp() as op:
            return any(moves(x) for x in op.arguments) or support_moves(op.base, moves)
        case dist.MixtureOp() as op:
            return any(support_moves(component, moves) for component in op.components)
        case dist.MixtureSameFamilyOp() as op:
            return support_moves(op.component, moves)
        case dist.OpaqueOp() as op:
            return op.support is None and any(moves(x) for x in op.parameters)
        case _:
            return True
