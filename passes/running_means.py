"""Running means: what a program hands from one step to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import FunctionType
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import estim, lax, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.name import NameAttr
from relbo_ir.dialects.tensors import with_shape
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.lower_sampling import add_argument, function_of
from relbo_ir.passes.rewriting import replace

STEPS = "steps"
"""The state that counts the steps of a program."""


@dataclass(frozen=True)
class RunningMean:
    """A running mean that was taken out of a gradient: the steps so far, its old state, its cost."""

    steps: SSAValue
    state: SSAValue
    cost: SSAValue
    decay: float


def take_out(gradient: prob.GradientOp, expectation: prob.ExpectationOp) -> list[RunningMean]:
    """
    Computes the running means of an expectation before the gradient, from arguments that hold
    Σ (1 − d)·dᵏ·c: divided by 1 − dⁿ after n steps they are means, and 0 before the first.
    """
    found = [op for op in expectation.body.block.ops if isinstance(op, estim.RunningMeanOp)]
    if not found:
        return []
    function = function_of(gradient)
    names = [STEPS, *(op.state.data for op in found)]
    for op, name in zip(found, names[1:], strict=True):
        if names.count(name) > 1:
            raise PassError.at(op, f'two states are named "{name}"', "give each its own name")
    number = with_shape(expectation.result.type, ())
    w = Writer(InsertPoint.before(gradient))
    steps = w.expression(add_argument(function, number, prob.StateAttr(NameAttr(STEPS))))
    means: list[RunningMean] = []
    for op in found:
        decay = op.decay.value.data
        state = add_argument(function, op.cost.type, prob.StateAttr(op.state))
        weight = 1.0 - w.apply("exp", steps * math.log(decay))
        safe = w.call("max", weight, 1.0 - decay)
        means.append(RunningMean(steps.value, state, op.cost, decay))
        replace(op, [(w.expression(state) / safe).value])
    return means


def hand_on(gradient: estim.ValueAndGradOp, means: Sequence[RunningMean]) -> None:
    """Computes the new states from what the gradient hands out besides, and returns them."""
    if not means:
        return
    function = function_of(gradient)
    last = function.body.block.last_op
    if not isinstance(last, prob.ReturnOp):
        raise PassError.at(function, "the function does not end in prob.return", "end it so")
    w = Writer(InsertPoint.before(last))
    states = [(w.expression(means[0].steps) + 1.0).value]
    for mean, value in zip(means, gradient.auxiliary, strict=True):
        states.append(_updated(w, mean, w.expression(value)).value)
    results = [*last.operands, *states]
    Rewriter.replace_op(last, prob.ReturnOp(results))
    inputs = list(function.function_type.inputs.data)
    types = [v.type for v in results]
    function.properties["function_type"] = FunctionType.from_lists(inputs, types)


def _updated(w: Writer, mean: RunningMean, value: Expression) -> Expression:
    """The state after a step; a value that is not finite would stay in it for ever."""
    old = w.expression(mean.state)
    new = mean.decay * old + (1.0 - mean.decay) * value
    finite = w.apply("is_finite", value)
    return w.expression(w.insert(lax.SelectNOp(finite.value, [old.value, new.value])))
