"""Values that repeat others, through broadcasts and axes of size 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import shape_of, tuple_of


@dataclass(frozen=True)
class Spread:
    """A value as another one, repeated: its axis k is axis axes[k] of the root, or repeats it."""

    root: SSAValue
    axes: tuple[int | None, ...]


def spread(value: SSAValue) -> Spread:
    """
    What a value repeats, through broadcasts and new axes of size 1. The elements of a constant of
    one number all repeat it.
    """
    axes: list[int | None] = list(range(len(shape_of(value))))
    while True:
        op = value.owner
        if isinstance(op, lax.BroadcastInDimOp):
            source: dict[int, int] = {r: k for k, r in enumerate(tuple_of(op.dimensions))}
        elif isinstance(op, (lax.ReshapeOp, lax.SqueezeOp)):
            before, after = _long(shape_of(op.x)), _long(shape_of(op.result))
            if [n for _, n in before] != [n for _, n in after]:
                break
            source = {r: k for (k, _), (r, _) in zip(before, after, strict=True)}
        else:
            break
        value = op.x
        axes = [None if k is None else source.get(k) for k in axes]
    shape, op = shape_of(value), value.owner
    if isinstance(op, lax.ConstantOp) and op.value.splat is not None:
        return Spread(value, (None,) * len(axes))
    return Spread(value, tuple(None if k is None or shape[k] == 1 else k for k in axes))


def _long(shape: Sequence[int]) -> list[tuple[int, int]]:
    return [(k, n) for k, n in enumerate(shape) if n != 1]
