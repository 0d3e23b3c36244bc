"""What importance samples tell each other, written out in a loop over them."""

from __future__ import annotations

import math

from xdsl.ir import Block
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import estim, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.rewriting import replace


def samples_of(expectation: prob.ExpectationOp) -> int:
    """For how many importance samples an expectation stands; 1 where there is no talk of any."""
    found = [op for op in expectation.walk() if isinstance(op, estim.OfSamplesOp)]
    counts = {op.samples.value.data for op in found}
    if len(counts) > 1:
        raise PassError.at(
            found[0],
            f"the ops of an expectation speak of {' and '.join(map(str, sorted(counts)))} samples",
            "give them all one number of samples",
        )
    return counts.pop() if counts else 1


def write_alone(block: Block) -> None:
    """log_mean_exp(w) = w where there is one sample, whatever the order."""
    for op in list(block.ops):
        if isinstance(op, estim.LogMeanExpOp):
            replace(op, [op.weight])


def write_samples(loop: estim.ReplicateOp) -> None:
    """log_mean_exp and vimco by the log weights of all samples, in the loop over them."""
    block = loop.body.block
    for op in list(block.ops):
        if not isinstance(op, estim.OfSamplesOp):
            continue
        count = op.samples.value.data
        w = Writer(InsertPoint.before(op))
        weights = w.expression(w.insert(estim.AllSamplesOp(op.weight, count)))
        if isinstance(op, estim.LogMeanExpOp):
            result = _log_mean_exp(w, weights, op.order)
        else:
            result = _vimco(w, weights, w.expression(block.args[0]), op.order)
        replace(op, [result.value])


def _log_mean_exp(w: Writer, weights: Expression, order: float) -> Expression:
    (count,) = weights.shape
    if order == 0.0:
        return w.logsumexp(weights) - math.log(count)
    return (w.logsumexp(weights * (1.0 - order)) - math.log(count)) * (1.0 / (1.0 - order))


def _vimco(w: Writer, weights: Expression, index: Expression, order: float) -> Expression:
    """The log-mean-exp of weights with the one at the index replaced by the mean of the others."""
    (count,) = weights.shape
    mine = w.call("eq", w.iota(index, [count], 0), index)
    others = w.sum(w.select(mine, weights, w.constant(weights.value.type, 0.0)))
    filled = w.select(mine, weights, w.broadcast(others * (1.0 / (count - 1)), [count]))
    baseline = _log_mean_exp(w, filled, order)
    finite = w.select(w.apply("is_finite", baseline), 0.0, baseline)
    return w.stop_gradient(finite)
