"""Idioms that JAX spells out, as the one op that they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
)
from xdsl.transforms.dead_code_elimination import region_dce

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import shape_of, tuple_of
from relbo_ir.dialects.tensors import has_floats
from relbo_ir.passes.analyses.spread import spread


@dataclass(frozen=True)
class RaiseIdiomsPass(ModulePass):
    """
    Raises log Σ exp x, which JAX writes with the maximum taken out, its derivative stopped and a
    guard for infinities, to `lax.logsumexp`, and the logarithm of a softmax and a softmax to it.
    So analyses see functions that are smooth, where they saw comparisons. A power whose exponent is
    a small whole number becomes one of integers. In functions too.

    Lemma: log Σ exp(x − s) + s = log Σ exp x for every finite s that is constant along the axes of
    the sum, and d(log Σ exp x) = Σ softmax(x)·dx, in which s has no part, whether its derivative is
    stopped or not. Where all x are −∞ both are −∞. xⁿ is the same function of real x for a float n.

    Options: none.

    ```mlir
    %b = lax.broadcast_in_dim %s {dimensions = array<i64>} : (tensor<f32>) -> tensor<8xf32>
    %c = lax.sub %x, %b : tensor<8xf32>
    %e = lax.exp %c : tensor<8xf32>
    %t = lax.reduce_sum %e {axes = array<i64: 0>} : (tensor<8xf32>) -> tensor<f32>
    %l = lax.log %t : tensor<f32>
    %r = lax.add %l, %s : tensor<f32>
    ```

    yields

    ```mlir
    %r = lax.logsumexp %x {axes = array<i64: 0>} : (tensor<8xf32>) -> tensor<f32>
    ```
    """

    name = "relbo-raise-idioms"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = GreedyRewritePatternApplier([LogSumExp(), LogSoftmax(), Softmax(), WholePower()])
        PatternRewriteWalker(patterns, post_walk_func=region_dce).rewrite_module(op)


class LogSumExp(RewritePattern):
    """log Σ exp(x − s) + s = logsumexp(x), for s constant along the sum; |Σ| for Σ too."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name != "lax.add" or not has_floats(op.results[0].type):
            return
        for logarithm, shift in (op.operands, op.operands[::-1]):
            found = _log_of_sum(logarithm)
            if found is None:
                continue
            total, places = found
            shifted = _shifted(total.x)
            if shifted is None or not _constant_along(shifted.operands[1], total):
                continue
            inner, outer = spread(shifted.operands[1]), spread(shift)
            kept = _kept(total)
            wanted = [None if k is None else inner.axes[kept[k]] for k in places]
            same_size = prod(shape_of(op.results[0])) == prod(shape_of(total.result))
            if inner.root is outer.root and list(outer.axes) == wanted and same_size:
                whole = lax.LogSumExpOp(shifted.operands[0], tuple_of(total.axes))
                whole.location = op.location
                type_ = op.results[0].type
                same = whole.result.type == type_
                rewriter.replace(op, whole if same else [whole, lax.ReshapeOp(whole.result, type_)])
                return


class LogSoftmax(RewritePattern):
    """(x − s) − log Σ exp(x − s) = x − logsumexp(x), for s constant along the sum."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name != "lax.sub" or not has_floats(op.results[0].type):
            return
        outer = spread(op.operands[1])
        found = _log_of_sum(outer.root)
        if found is None:
            return
        total, places = found
        shifted = _shifted(total.x)
        if shifted is None or shifted.results[0] is not op.operands[0]:
            return
        reduced = [None if k is None else places[k] for k in outer.axes]
        if _constant_along(shifted.operands[1], total) and _aligned(reduced, total):
            rewriter.replace(op, _centred(op, shifted.operands[0], total))


class Softmax(RewritePattern):
    """exp(x − s)/Σ exp(x − s) = exp(x − logsumexp(x)), for s constant along the sum."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name != "lax.div" or not has_floats(op.results[0].type):
            return
        outer = spread(op.operands[1])
        total = outer.root.owner
        if not isinstance(total, lax.ReduceSumOp) or total.x is not op.operands[0]:
            return
        shifted = _shifted(total.x)
        if shifted is None or not _constant_along(shifted.operands[1], total):
            return
        if _aligned(outer.axes, total):
            ops = _centred(op, shifted.operands[0], total)
            rewriter.replace(op, [*ops, lax.elementwise("exp", ops[-1].results[0])])


_HIGHEST = 8
"""Above it a power of floats is one call, and products of itself would round more often."""


class WholePower(RewritePattern):
    """xʸ = xⁿ for a constant y that is a whole number n ≥ 0, smooth where x is negative too."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name != "lax.pow" or not has_floats(op.results[0].type):
            return
        exponent = spread(op.operands[1]).root.owner
        number = exponent.value.splat if isinstance(exponent, lax.ConstantOp) else None
        if number is None or not 0 <= number <= _HIGHEST or number != int(number):
            return
        power = lax.IntegerPowOp.create(
            operands=op.operands[:1],
            result_types=[op.results[0].type],
            properties={"exponent": lax.integer(int(number))},
        )
        power.location = op.location
        rewriter.replace(op, power)


def _log_of_sum(value: SSAValue) -> tuple[lax.ReduceSumOp, list[int | None]] | None:
    """Σ of log Σ or log |Σ|, and for each axis of the logarithm the axis of the sum."""
    op = value.owner
    if not isinstance(op, Operation) or op.name != "lax.log":
        return None
    inner = op.operands[0].owner
    if isinstance(inner, Operation) and inner.name == "lax.abs":
        op = inner
    seen = spread(op.operands[0])
    total = seen.root.owner
    return (total, list(seen.axes)) if isinstance(total, lax.ReduceSumOp) else None


def _shifted(value: SSAValue) -> Operation | None:
    """The difference x − s of exp(x − s)."""
    op = value.owner
    inner = op.operands[0].owner if isinstance(op, Operation) and op.name == "lax.exp" else None
    return inner if isinstance(inner, Operation) and inner.name == "lax.sub" else None


def _kept(total: lax.ReduceSumOp) -> list[int]:
    """The axes of the summand that its sum still has."""
    axes = tuple_of(total.axes)
    return [k for k in range(len(shape_of(total.x))) if k not in axes]


def _constant_along(shift: SSAValue, total: lax.ReduceSumOp) -> bool:
    axes = spread(shift).axes
    return all(axes[k] is None for k in tuple_of(total.axes))


def _aligned(axes: Sequence[int | None], total: lax.ReduceSumOp) -> bool:
    """Whether each element of a value of the summand's shape reads the sum that it is a term of."""
    kept, whole = _kept(total), shape_of(total.x)
    wanted = [kept.index(k) if k in kept and whole[k] != 1 else None for k in range(len(whole))]
    return list(axes) == wanted


def _centred(op: Operation, x: SSAValue, total: lax.ReduceSumOp) -> list[Operation]:
    """x − logsumexp(x) along the axes of the sum."""
    whole = lax.LogSumExpOp(x, tuple_of(total.axes))
    whole.location = op.location
    wide = lax.BroadcastInDimOp(whole.result, x.type, _kept(total))
    return [whole, wide, lax.elementwise("sub", x, wide.result)]
