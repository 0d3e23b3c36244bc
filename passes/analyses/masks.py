"""Which booleans are masks of a matrix: of its diagonal, of its lower triangle."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import shape_of
from relbo_ir.passes.analyses.spread import spread


def is_zero(value: SSAValue) -> bool:
    """Whether all elements are 0."""
    op = spread(value).root.owner
    return isinstance(op, lax.ConstantOp) and op.value.splat == 0


def is_lower(value: SSAValue) -> bool:
    """Whether it is true on and below the diagonal of the last two axes alone."""
    op, rank = value.owner, len(shape_of(value))
    if not isinstance(op, Operation) or op.name != "lax.ge" or rank < 2:
        return False
    return _counts(op.operands[0], rank - 2) and _counts(op.operands[1], rank - 1)


def is_eye(value: SSAValue, row: int, column: int) -> bool:
    """Whether it is true on the diagonal alone."""
    op, rank = value.owner, len(shape_of(value))
    if not isinstance(op, Operation) or op.name != "lax.eq" or rank <= max(row, column):
        return False
    x, y = op.operands
    return (_counts(x, row) and _counts(y, column)) or (_counts(x, column) and _counts(y, row))


def _counts(value: SSAValue, axis: int) -> bool:
    """Whether each element is its index along an axis, plus 0 as in `jnp.eye`'s rows."""
    while isinstance(op := value.owner, Operation) and op.name == "lax.add":
        x, y = op.operands
        if not is_zero(x) and not is_zero(y):
            return False
        value = y if is_zero(x) else x
    seen = spread(value)
    root = seen.root.owner
    if not isinstance(root, lax.IotaOp) or not root.is_exact:
        return False
    return seen.axes[axis] == root.dimension.value.data
