"""Weights and expectations become one surrogate, of which the gradient is taken."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType, i32
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import estim, prob, rng
from relbo_ir.dialects.errors import PassError
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.order import require_formed
from relbo_ir.passes.rewriting import move_ops, replace
from relbo_ir.passes.running_means import hand_on, take_out
from relbo_ir.passes.samples import samples_of, write_alone, write_samples
from relbo_ir.passes.upstreams import mapped


@dataclass(frozen=True)
class LowerEstimatorsPass(ModulePass):
    """
    Writes `estim.score`, `estim.joint` and `estim.attach` as tensor math, sums the addends, and turns the
    gradient of the expectation into the value and gradient of that sum.

    Lemma: □(u) = exp(u − stop u) has the value 1 and the derivative of u, and so has
    1 + (u − stop u); to first order the two are one (Foerster et al. 2018). Side condition: no
    choice is left, else an error.

    Options: `particles`, how many independent draws the value and the gradient are the mean of.

    ```mlir
    %v, %d = prob.gradient (%x_ = %x) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
      %e = prob.expectation {
        %s = estim.score %c upstream(%u) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>)
        prob.yield "c" %s : tensor<f32>
      } : tensor<f32>
      prob.yield_value %e : tensor<f32>
    }
    ```

    yields

    ```mlir
    %v, %d = estim.value_and_grad (%x_ = %x) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
      %0 = lax.stop_gradient %u : tensor<f32>
      %1 = lax.sub %u, %0 : tensor<f32>
      %2 = lax.stop_gradient %c : tensor<f32>
      %3 = lax.mul %2, %1 : tensor<f32>
      %4 = lax.add %c, %3 : tensor<f32>
      prob.yield_value %4 : tensor<f32>
    }
    ```
    """

    name = "relbo-lower-estimators"

    particles: int = 1

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.particles < 1:
            raise PassError(f"{self.particles} particles are none", "use one particle at least")
        require_formed(op, self.name)
        for sample in op.walk():
            if isinstance(sample, prob.SampleOp) and isinstance(
                sample.parent_op(), prob.ExpectationOp
            ):
                raise PassError.at(
                    sample,
                    "a choice is left",
                    "run relbo-lower-sampling or relbo-externalize-draws first",
                    site=sample.site.data,
                )
        patterns = GreedyRewritePatternApplier([LowerScore(), LowerJoint(), LowerAttach()])
        PatternRewriteWalker(patterns).rewrite_module(op)
        for gradient in [g for g in op.walk() if isinstance(g, prob.GradientOp)]:
            _lower_gradient(gradient, self.particles)


class LowerScore(RewritePattern):
    """score(c, u, b) = c + Σ stop(c − b)·(U − stop U), U the sum of the uᵢ of baseline b."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: estim.ScoreOp, rewriter: PatternRewriter, /) -> None:
        w = Writer(InsertPoint.before(op))
        cost = w.expression(op.cost)
        boxes = [
            mapped(w, w.expression(u), axes, cost.shape)
            for u, axes in zip(op.upstream, op.axis_maps, strict=True)
        ]
        together: dict[SSAValue | None, list[Expression]] = {}
        for box, baseline in zip(boxes, op.baselines or [None] * len(boxes), strict=True):
            together.setdefault(baseline, []).append(box)
        result = cost
        for baseline, group in together.items():
            total = _total(group)
            weight = cost if baseline is None else cost - w.expression(baseline)
            result = result + w.stop_gradient(weight) * (total - w.stop_gradient(total))
        rewriter.replace(op, [], [result.value])


def _total(terms: list[Expression]) -> Expression:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


class LowerJoint(RewritePattern):
    """joint(u, v, …) = Σu + Σv + …"""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: estim.JointOp, rewriter: PatternRewriter, /) -> None:
        w = Writer(InsertPoint.before(op))
        total = _total([w.sum(w.expression(part)) for part in op.parts])
        rewriter.replace(op, [], [total.value])


class LowerAttach(RewritePattern):
    """attach(c, h) = c + h − stop h."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: estim.AttachOp, rewriter: PatternRewriter, /) -> None:
        w = Writer(InsertPoint.before(op))
        gradient_of = w.expression(op.gradient_of)
        result = w.expression(op.value) + (gradient_of - w.stop_gradient(gradient_of))
        rewriter.replace(op, [], [result.value])


def _lower_gradient(op: prob.GradientOp, particles: int) -> None:
    """gradient(E[Σ addends]) = value_and_grad(mean over particles of Σ addends), no choice inside."""
    held = [inner for inner in op.body.block.ops if isinstance(inner, prob.ExpectationOp)]
    parent = op.parent_block()
    if len(held) != 1 or parent is None:
        raise PassError.at(op, "a gradient holds one expectation", "split it into several")
    expectation = held[0]
    means = take_out(op, expectation)
    value, *auxiliary = _surrogate(expectation, [mean.cost for mean in means], particles)
    replace(expectation, [value])
    last = op.terminator
    Rewriter.replace_op(last, prob.YieldValueOp([*last.values, *auxiliary]))
    region, types = op.detach_region(0), [v.type for v in auxiliary]
    lowered = estim.ValueAndGradOp(list(op.operand_values), region, op.value.type, types)
    parent.insert_op_before(lowered, op)
    replace(op, [lowered.value, *lowered.gradients])
    hand_on(lowered, means)


def _surrogate(
    expectation: prob.ExpectationOp, costs: list[SSAValue], particles: int
) -> list[SSAValue]:
    """The sum of all addends in the expectation's place, and the costs beside it."""
    samples = samples_of(expectation)
    if samples == 1:
        write_alone(expectation.body.block)
    yielded = expectation.terminator
    for op in expectation.body.walk():
        if isinstance(op, estim.LeaveOneOutOp) and particles == 1:
            raise PassError.at(
                op,
                "a leave-one-out baseline needs two particles at least, and there is one",
                "ask for more particles, or take another baseline",
            )
    w = Writer(InsertPoint.before(yielded))
    zero = [w.constant(expectation.result.type, 0.0)] if not yielded.addends else []
    total = _total([*zero, *(w.sum(w.expression(a)) for a in yielded.addends)]).value
    Rewriter.erase_op(yielded)
    for named in [op for op in expectation.body.block.ops if isinstance(op, prob.DeterministicOp)]:
        Rewriter.erase_op(named)
    values: list[SSAValue] = [total, *costs]
    if samples > 1:
        loop = _replicated(expectation, values, samples)
        write_samples(loop)
        values = list(loop.means)
    if particles > 1:
        values = list(_replicated(expectation, values, particles).means)
    _move(list(expectation.body.block.ops), expectation)
    return values


def _replicated(
    expectation: prob.ExpectationOp, values: list[SSAValue], size: int
) -> estim.ReplicateOp:
    """The means of values over particles: all ops of the expectation become the region of a loop."""
    block = Block(arg_types=[TensorType(i32, [])])
    move_ops(expectation.body.block, block)
    block.add_op(prob.YieldValueOp(values))
    inside = set(block.walk())
    keys = {v for op in inside for v in op.operands if isinstance(v.type, rng.KeyType)}
    for key in (k for k in keys if k.owner not in inside):
        own = rng.ParticleKeyOp(key, block.args[0])
        uses = [u for u in key.uses if u.operation in inside]
        first = block.first_op
        if first is None:
            raise ValueError("a block that uses a key holds an op")
        block.insert_op_before(own, first)
        for use in uses:
            use.operation.operands[use.index] = own.result
    replicate = estim.ReplicateOp(size, Region(block), [v.type for v in values])
    expectation.body.block.add_op(replicate)
    return replicate


def _move(body: list[Operation], before: Operation) -> None:
    parent = before.parent_block()
    if parent is None:
        raise ValueError("an expectation stands in a block")
    for op in body:
        op.detach()
        parent.insert_op_before(op, before)
