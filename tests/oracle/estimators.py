"""What the `estim` ops that weigh an addend mean: values and first derivatives."""

from __future__ import annotations

import numpy as np

from relbo_ir.dialects.estim import AttachOp, JointOp, ScoreOp

from .dual import Array, Dual, aligned, chain, rowwise, total


def score(op: ScoreOp, operands: list[Dual]) -> Dual:
    """
    c·□(Σᵢ uᵢ) + Σᵢ bᵢ·(1 − □(uᵢ)), □(u) = exp(u − stop u): the value c, and the derivative
    ċ + c·Σᵢ u̇ᵢ − Σᵢ bᵢ·u̇ᵢ.
    """
    cost, count = operands[0], len(op.upstream)
    upstream, baselines = operands[1 : 1 + count], operands[1 + count :]
    result = cost
    for index, (u, axes) in enumerate(zip(upstream, op.axis_maps, strict=True)):
        log_density = _mapped(u, axes, cost.shape)
        weight = cost.value - (baselines[index].value if baselines else 0.0)
        direct = result
        result = chain(cost.value, (direct, lambda: 1.0), (log_density, lambda w=weight: w))
    return result


def _mapped(u: Dual, axes: tuple[int, ...], shape: tuple[int, ...]) -> Dual:
    """An upstream with the axes of its addend: summed over those of its own."""
    summed = total(u, [k for k, target in enumerate(axes) if target == -1])
    targets = [target for target in axes if target != -1]
    order = sorted(range(len(targets)), key=lambda k: targets[k])
    wide = [shape[k] if k in targets else 1 for k in range(len(shape))]

    def arrange(array: Array) -> Array:
        moved = np.transpose(array, (0, *(k + 1 for k in order)))
        return moved.reshape(array.shape[0], *wide)

    return aligned(rowwise(summed, arrange), shape)


def joint(op: JointOp, operands: list[Dual]) -> Dual:
    """The sum of all elements of all operands."""
    result = total(operands[0], range(len(operands[0].shape)))
    for operand in operands[1:]:
        rest = total(operand, range(len(operand.shape)))
        direct = result
        result = chain(direct.value + rest.value, (direct, lambda: 1.0), (rest, lambda: 1.0))
    return result


def attach(op: AttachOp, operands: list[Dual]) -> Dual:
    """c + h − stop h."""
    value, carrier = operands
    return chain(value.value, (value, lambda: 1.0), (carrier, lambda: 1.0))
