"""Direct derivatives of log densities whose mean is zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import dist, estim, lax, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import How
from relbo_ir.dialects.tensors import is_tensor
from relbo_ir.passes.analyses.laws import element_draw, sources
from relbo_ir.passes.analyses.reach import reached_from
from relbo_ir.passes.analyses.support import support_moves
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.treatment import SelectivePass, choices, expectations
from relbo_ir.passes.upstreams import unknown_upstreams


@dataclass(frozen=True)
class DropZeroScorePass(SelectivePass):
    """
    Takes away the derivative of k·log q(z) with respect to what z's own law is computed from,
    where z is drawn from q and k does not depend on z: use by use, in addends.

    Lemma: E[∇ log q(z | parents)] = 0 (Roeder, Wu and Duvenaud 2017), of every element of z that
    is drawn by itself too. Of a `score` choice the
    whole derivative goes; of a `pathwise` one the derivative through the draw stays, which is
    sticking the landing. Side conditions: k is proved to be independent of z, and the support of q
    does not depend on parameters, which `relbo-score-function` has proved of `score` choices.

    It is a baseline of one: it lowers the variance where the addend is centred, and sticking the
    landing does where the guide comes close to the posterior.

    Options: `sites`, `families`, `plates`: glob patterns that select choices (all by default). `pathwise`: pathwise choices too.

    ```mlir
    %l = prob.log_density %q at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
    %h = lax.neg %l : tensor<f32>
    prob.yield "z.entropy" %h : tensor<f32>
    ```

    yields, where z is treated by its score,

    ```mlir
    %l = prob.log_density %q at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
    %s = lax.stop_gradient %l : tensor<f32>
    %h = lax.neg %s : tensor<f32>
    prob.yield "z.entropy" %h : tensor<f32>
    ```
    """

    name = "relbo-drop-zero-score"

    pathwise: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        self.check_selection(op)
        for expectation in expectations(op):
            _require_decisions(expectation)
            end = expectation.terminator
            addends = list(end.addends)
            for index, addend in enumerate(end.addends):
                user: Operation = end
                while isinstance(score := addend.owner, estim.ScoreOp):
                    user, addend = score, score.cost
                new = self._without(addend, ())
                if new is not None and user is end:
                    addends[index] = new
                elif new is not None:
                    user.operands[0] = new
            end.operands = addends  # at once: xDSL copies the whole list for each that is set

    def _without(self, value: SSAValue, factors: Sequence[SSAValue]) -> SSAValue | None:
        """The value without the derivatives that go, or None where none goes."""
        op = value.owner
        if isinstance(op, prob.LogDensityOp):
            return self._stopped(op, factors)
        if not isinstance(op, Operation):
            return None
        match op.name:
            case "lax.neg" | "lax.reduce_sum" | "lax.reshape" | "lax.broadcast_in_dim":
                changed = {0: self._without(op.operands[0], factors)}
            case "lax.add" | "lax.sub":
                changed = {k: self._without(v, factors) for k, v in enumerate(op.operands)}
            case "lax.mul":
                left, right = op.operands
                changed = {0: self._without(left, (*factors, right))}
                if changed[0] is None:
                    changed = {1: self._without(right, (*factors, left))}
            case "lax.div":
                left, right = op.operands
                changed = {0: self._without(left, (*factors, right))}
            case _:
                return None
        if all(v is None for v in changed.values()):
            return None
        copy = op.clone()
        copy.location = op.location
        for k, v in changed.items():
            if v is not None:
                copy.operands[k] = v
        return Writer(InsertPoint.after(op)).insert(copy)

    def _stopped(self, op: prob.LogDensityOp, factors: Sequence[SSAValue]) -> SSAValue | None:
        draw = element_draw(op)
        if draw is None:
            return None
        if not self.selects(draw):
            return None
        if factors:
            random = reached_from(sources(draw))
            if any(factor in random for factor in factors):
                return None
        w = Writer(InsertPoint.after(op))
        if draw.how.data is How.SCORE:
            stop = lax.elementwise("stop_gradient", op.result)
            stop.location = op.location
            return w.insert(stop)
        if draw.how.data is not How.PATHWISE or not self.pathwise:
            return None
        law = None if support_moves(op.law, lambda _: True) else _fixed(w, op.law)
        if law is None:
            return None
        copy = op.clone()
        copy.location = op.location
        copy.operands[0] = law
        return w.insert(copy)


def _require_decisions(expectation: prob.ExpectationOp) -> None:
    """Refuses an objective of which no choice is decided yet, or whose densities are expanded."""
    found = choices(expectation)
    undecided = (c.how.data is How.EXACT and c.plan is None for c in found)
    if found and all(undecided):
        raise PassError.at(
            found[0],
            "no choice is treated yet",
            "run relbo-score-function or relbo-pathwise before relbo-drop-zero-score",
            site=found[0].site.data,
        )
    scores = [op for op in expectation.body.block.ops if isinstance(op, estim.ScoreOp)]
    unknown = unknown_upstreams(scores)
    for op in scores:
        if unknown.intersection(op.upstream):
            raise PassError.at(
                op,
                "the densities are expanded already",
                "run relbo-drop-zero-score before relbo-expand-densities",
            )


def _fixed(w: Writer, law: SSAValue) -> SSAValue | None:
    """The law with parameters whose derivative is 0; None for a law that is made in another way."""
    op = law.owner
    if isinstance(op, dist.FamilyOp):
        operands = [w.stop_gradient(w.expression(v)).value for v in op.operands]
    elif isinstance(op, (dist.IndependentOp, dist.ExpandOp, dist.TransformedOp)):
        base = _fixed(w, op.base)
        if base is None:
            return None
        rest = [v for v in op.operands if v is not op.base and is_tensor(v.type)]
        operands = [base, *(w.stop_gradient(w.expression(v)).value for v in rest)]
    else:
        return None
    copy = op.clone()
    copy.operands = operands
    return w.insert(copy)
