"""Local simplifications that change no value and no derivative."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.transforms.dead_code_elimination import region_dce

from relbo_ir.dialects import dist, estim, lax
from relbo_ir.dialects.lax import tuple_of
from relbo_ir.dialects.tensors import has_floats


@dataclass(frozen=True)
class CanonicalizePass(ModulePass):
    """
    Applies equations, merges nested scores, removes what is dead.

    Lemma: each pattern's own equation. They hold bit for bit (signed zeros, infinities and NaNs
    included, so x + 0 stays), but for those of logarithms and of a draw scored by its own law,
    which hold for real numbers and round less than what they replace: σ(x) is 1 in floats where
    log(1 − σ(x)) is −x.

    Options: none.

    ```mlir
    %1 = lax.neg %0 : tensor<f32>
    %2 = lax.neg %1 : tensor<f32>
    %3 = lax.mul %2, %one : tensor<f32>
    ```

    yields `%0` in the place of `%3`:

    ```mlir
    ```
    """

    name = "relbo-canonicalize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = GreedyRewritePatternApplier(
            [
                DoubleNegation(),
                UnitFactor(),
                LogOfExp(),
                LogOfLogistic(),
                LogisticOfSoftplus(),
                SoftplusDifference(),
                StandardizedDraw(),
                CentredDraw(),
                NoOp(),
                NestedScore(),
                NestedExpand(),
            ]
        )
        PatternRewriteWalker(patterns, post_walk_func=region_dce).rewrite_module(op)


def _is_splat(value: SSAValue, number: float) -> bool:
    return isinstance(value.owner, lax.ConstantOp) and value.owner.value.splat == number


class DoubleNegation(RewritePattern):
    """−(−x) = x."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name != "lax.neg":
            return
        inner = _operand(op.operands[0], "lax.neg")
        if inner is not None:
            rewriter.replace(op, [], [inner])


class UnitFactor(RewritePattern):
    """1·x = x, x·1 = x, x/1 = x."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name not in ("lax.mul", "lax.div"):
            return
        x, y = op.operands
        if _is_splat(y, 1):
            rewriter.replace(op, [], [x])
        elif op.name == "lax.mul" and _is_splat(x, 1):
            rewriter.replace(op, [], [y])


class LogOfExp(RewritePattern):
    """log(exp x) = x."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name != "lax.log":
            return
        inner = _operand(op.operands[0], "lax.exp")
        if inner is not None:
            rewriter.replace(op, [], [inner])


class LogOfLogistic(RewritePattern):
    """log σ(x) = −softplus(−x) and log(1 − σ(x)) = −softplus(x)."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name == "lax.log":
            given, flips = _operand(op.operands[0], "lax.logistic"), ["neg"]
        elif op.name == "lax.log1p":
            given, flips = _operand(_operand(op.operands[0], "lax.neg"), "lax.logistic"), []
        else:
            return
        if given is None:
            return
        ops: list[Operation] = []
        for short in (*flips, "softplus", "neg"):
            ops.append(lax.elementwise(short, ops[-1].results[0] if ops else given))
        rewriter.replace(op, ops)


class LogisticOfSoftplus(RewritePattern):
    """1 − exp(−softplus(x)) = σ(x): a softplus is taken back."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name != "lax.neg":
            return
        negated = _operand(_operand(op.operands[0], "lax.expm1"), "lax.neg")
        given = _operand(negated, "lax.softplus")
        if given is not None:
            rewriter.replace(op, [lax.elementwise("logistic", given)])


class SoftplusDifference(RewritePattern):
    """softplus(x) − softplus(−x) = x: a logistic or a softplus is taken back."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name not in ("lax.add", "lax.sub"):
            return
        terms: dict[int, SSAValue] = {}
        for value, sign in zip(op.operands, (1, 1 if op.name == "lax.add" else -1), strict=True):
            negated = _operand(value, "lax.neg")
            terms[sign if negated is None else -sign] = value if negated is None else negated
        if len(terms) < 2:
            return
        x, minus = (_operand(terms[sign], "lax.softplus") for sign in (1, -1))
        if x is None or minus is None:
            return
        if _operand(minus, "lax.neg") is x or _operand(x, "lax.neg") is minus:
            rewriter.replace(op, [], [x])


class StandardizedDraw(RewritePattern):
    """((l + s·e) − l)/s = e for s ≠ 0: a draw scored by its own law gives its noise back."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name != "lax.div":
            return
        centred, scale = op.operands[0].owner, op.operands[1]
        if not isinstance(centred, Operation) or centred.name != "lax.sub":
            return
        noise = _other(
            _other(centred.operands[0], "lax.add", centred.operands[1]), "lax.mul", scale
        )
        if noise is not None and noise.type == op.results[0].type:
            rewriter.replace(op, [], [noise])


class CentredDraw(RewritePattern):
    """(0 + e) − 0 = e: the same at location 0 and scale 1."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if op.name != "lax.sub" or not _is_splat(op.operands[1], 0):
            return
        noise = _other(op.operands[0], "lax.add", op.operands[1])
        if noise is not None:
            rewriter.replace(op, [], [noise])


def _other(value: SSAValue | None, name: str, operand: SSAValue) -> SSAValue | None:
    """The other operand of a commutative op that has this one."""
    owner = None if value is None else value.owner
    if not isinstance(owner, Operation) or owner.name != name:
        return None
    x, y = owner.operands
    return y if x is operand else x if y is operand else None


def _operand(value: SSAValue | None, name: str) -> SSAValue | None:
    """The operand of a unary op of that name on real numbers; None for any other value."""
    owner = None if value is None or not has_floats(value.type) else value.owner
    return owner.operands[0] if isinstance(owner, Operation) and owner.name == name else None


class NoOp(RewritePattern):
    """A conversion to the same type, a broadcast, reshape, sum or padding that does nothing, is x."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        kinds = (lax.ConvertOp, lax.BroadcastInDimOp, lax.ReshapeOp, lax.ReduceSumOp)
        if isinstance(op, kinds) and op.x.type == op.result.type:
            rewriter.replace(op, [], [op.x])
        if isinstance(op, lax.PadOp) and not any(
            map(any, map(tuple_of, (op.low, op.high, op.interior)))
        ):
            rewriter.replace(op, [], [op.x])


class NestedScore(RewritePattern):
    """score(score(c, u), v) = score(c, u ∪ v), without baselines."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: estim.ScoreOp, rewriter: PatternRewriter, /) -> None:
        inner = op.cost.owner
        if not isinstance(inner, estim.ScoreOp) or op.baselines or inner.baselines:
            return
        upstream = [*inner.upstream, *op.upstream]
        merged = estim.ScoreOp(inner.cost, upstream, [*inner.axis_maps, *op.axis_maps])
        rewriter.replace(op, [merged])


class NestedExpand(RewritePattern):
    """expand(expand(law, s), t) = expand(law, t)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: dist.ExpandOp, rewriter: PatternRewriter, /) -> None:
        inner = op.base.owner
        if isinstance(inner, dist.ExpandOp):
            rewriter.replace(op, [dist.ExpandOp(inner.base, op.batch)])
