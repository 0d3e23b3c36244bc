"""Baselines of emitted estimators: particles with draws of their own, running means with a past."""

from __future__ import annotations

import math

import numpy as np
from oracle.dual import Array
from oracle.objectives import find_function
from xdsl.dialects.builtin import FunctionType, ModuleOp, TensorType, i32
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import estim, lax, prob
from relbo_ir.dialects.lax import ints, shape_of
from relbo_ir.dialects.tensors import with_shape
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.running_means import NEAR, STEPS

from .emitted import Draws, States

STEPS_BEFORE = 3.0
"""How many steps the running means of a test are of."""


def rows_of_particles(module: ModuleOp) -> None:
    """
    Draws that are arguments, and the same for all particles, become (particles, *shape), of which
    each particle reads a row.
    """
    func = find_function(module, "elbo")
    (loop,) = (op for op in module.walk() if isinstance(op, estim.ReplicateOp))
    w = Writer(InsertPoint.at_start(loop.body.block))
    zero = w.insert(lax.ConstantOp.splat(TensorType(i32, []), 0))
    for argument, role in zip(func.body.block.args, func.roles, strict=True):
        if not isinstance(role, prob.DrawAttr):
            continue
        shape, uses = shape_of(argument), list(argument.uses)
        wide = with_shape(argument.type, (loop.size.value.data, *shape))
        stack = Rewriter.replace_value_with_new_type(argument, wide)
        row = lax.DynamicSliceOp.create(
            operands=[stack, loop.body.block.args[0], *(zero for _ in shape)],
            result_types=[with_shape(wide, (1, *shape))],
            properties={"sizes": ints([1, *shape])},
        )
        own = w.insert(lax.ReshapeOp(w.insert(row), with_shape(wide, shape)))
        for use in uses:
            use.operation.operands[use.index] = own
    inputs = [argument.type for argument in func.body.block.args]
    outputs = list(func.function_type.outputs.data)
    func.properties["function_type"] = FunctionType.from_lists(inputs, outputs)


def joint_draws(draws: Draws, single: int, particles: int) -> Draws:
    """
    The draws (K, *shape) of one particle in its `single` outcomes, as those of all particles in
    their joint ones, of which the first particle's outcome runs fastest: (Kᴾ, particles, *shape).
    """
    joint = np.arange(single**particles)
    places = [joint // single**p % single for p in range(particles)]
    return {name: np.stack([rows[at] for at in places], axis=1) for name, rows in draws.items()}


def with_means_held(module: ModuleOp) -> States:
    """
    Puts numbers in the place of the running means; the states after `STEPS_BEFORE` steps that give
    the emitted program the same ones: at every other element the long mean's, else the short one's.
    """
    states: dict[str, Array] = {STEPS: np.array(STEPS_BEFORE)}

    def state(mean: Array, decay: float) -> Array:
        return mean * (1.0 - decay**STEPS_BEFORE)

    for op in [op for op in module.walk() if isinstance(op, estim.RunningMeanOp)]:
        shape, name, decay = shape_of(op.cost), op.state.data, op.decay.value.data
        size = math.prod(shape)
        long, short = (np.linspace(*ends, size).reshape(shape) for ends in ((0.7, -0.4), (-2, 1)))
        excess = (np.arange(size) % 2 - 0.5).reshape(shape)
        states |= {name: state(long, decay), f"{name}.near": state(short, NEAR)}
        states[f"{name}.excess"] = excess
        mean = np.where(excess > 0, short, long) if decay > NEAR else long
        Rewriter.replace_op(op, lax.ConstantOp.of(op.cost.type, mean.ravel().tolist()))
    return states
