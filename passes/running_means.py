"""Running means: what a program hands from one step to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import FunctionType
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import estim, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.name import NameAttr
from relbo_ir.dialects.tensors import with_shape
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.lower_sampling import add_argument, function_of
from relbo_ir.passes.rewriting import fresh, replace

STEPS = "steps"
"""The state that counts the steps of a program."""
NEAR = 0.9
"""The decay of the short mean that stands in for a long one."""
_TOLERATED = 1.1
"""
Times its squared error a short mean gives way to a long one. About a cost that stays, its error is
1.05 of the cost's variance, and a long one's 1.00: noise in their averages does not change places.
"""
_RECENT = 0.99
"""The decay of these averages."""


@dataclass(frozen=True)
class RunningMean:
    """
    A running mean that was taken out of a gradient: the steps so far, its cost, its states with
    their decays, and the means that they stand for. Of two the second is short, and `excess` holds
    by how much the long one's squared error has lately been above the short one's.
    """

    steps: SSAValue
    cost: SSAValue
    states: tuple[tuple[SSAValue, float], ...]
    means: tuple[SSAValue, ...]
    excess: SSAValue | None


def take_out(gradient: prob.GradientOp, expectation: prob.ExpectationOp) -> list[RunningMean]:
    """
    Computes the running means of an expectation before the gradient, from arguments that hold
    Σ (1 − d)·dᵏ·c: divided by 1 − dⁿ after n steps they are means, and 0 before the first.
    """
    found = [op for op in expectation.body.block.ops if isinstance(op, estim.RunningMeanOp)]
    if not found:
        return []
    function = function_of(gradient)
    names = {STEPS}
    for op in found:
        if op.state.data in names:
            raise PassError.at(
                op, f'two states are named "{op.state.data}"', "give each its own name"
            )
        names.add(op.state.data)

    def state(op: estim.RunningMeanOp, name: str) -> SSAValue:
        return add_argument(function, op.cost.type, prob.StateAttr(NameAttr(name)))

    def beside(op: estim.RunningMeanOp, ending: str) -> SSAValue:
        return state(op, fresh(op.state.data + ending, names))

    number = with_shape(expectation.result.type, ())
    w = Writer(InsertPoint.before(gradient))
    steps = add_argument(function, number, prob.StateAttr(NameAttr(STEPS)))
    taken: list[RunningMean] = []
    for op in found:
        decay = op.decay.value.data
        states, excess = [(state(op, op.state.data), decay)], None
        if decay > NEAR:
            states.append((beside(op, ".near"), NEAR))
            excess = beside(op, ".excess")
        means = [_mean(w, steps, *held) for held in states]
        taken.append(RunningMean(steps, op.cost, (*states,), (*(m.value for m in means),), excess))
        if excess is not None:
            means[0] = w.select(w.call("gt", w.expression(excess), 0.0), *means)
        replace(op, [means[0].value])
    return taken


def _mean(w: Writer, steps: SSAValue, state: SSAValue, decay: float) -> Expression:
    weight = 1.0 - w.apply("exp", w.expression(steps) * math.log(decay))
    return w.expression(state) * (1.0 / w.call("max", weight, 1.0 - decay))


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
        states += [state.value for state in _updated(w, mean, w.expression(value))]
    results = [*last.operands, *states]
    Rewriter.replace_op(last, prob.ReturnOp(results))
    inputs = list(function.function_type.inputs.data)
    types = [v.type for v in results]
    function.properties["function_type"] = FunctionType.from_lists(inputs, types)


def _updated(w: Writer, mean: RunningMean, value: Expression) -> list[Expression]:
    """
    The states after a step. What is not finite would stay in them for ever: a mean takes itself for
    such a cost, which leaves it as it is.
    """
    finite = w.apply("is_finite", value)
    new: list[Expression] = []
    for (state, decay), held in zip(mean.states, mean.means, strict=True):
        known = w.select(finite, w.expression(held), value)
        new.append(decay * w.expression(state) + (1.0 - decay) * known)
    if mean.excess is not None:
        long, short = (w.apply("square", value - w.expression(m)) for m in mean.means)
        later = w.call("min", w.expression(mean.steps), 1.0)  # the first step has no mean
        old = w.expression(mean.excess)
        excess = _RECENT * old + (1.0 - _RECENT) * later * (long - _TOLERATED * short)
        new.append(w.select(w.apply("is_finite", excess), old, excess))
    return new
