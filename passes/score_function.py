"""The score-function estimator."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import dist, estim, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.prob import How, HowAttr
from relbo_ir.passes.analyses.reach import reached_from
from relbo_ir.passes.analyses.support import support_moves
from relbo_ir.passes.treatment import SelectivePass, expectations


@dataclass(frozen=True)
class ScoreFunctionPass(SelectivePass):
    """
    Holds the draws of choices fixed and weighs every addend by their scores:
    ∇E_q[c] = E_q[∇c + c ∇ log q], so c becomes c·□(Σ log q) with □(u) = exp(u − stop u). Of
    several choices the sum is one value, `estim.joint`, that weighs all addends.

    Lemma: the gradient of an expectation (Williams 1992; Schulman et al. 2015; DiCE, Foerster et
    al. 2018). Side condition: the support of q does not depend on the parameters, and an error
    names the choice where that is not proved.

    Options: `sites`, `families`, `plates`, glob patterns that select choices; by default the
    undecided choices that are planned for the score function or have no plan.

    ```mlir
    %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
    %c = prob.log_density %p at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
    prob.yield "c" %c : tensor<f32>
    ```

    yields

    ```mlir
    %z = prob.sample "z" from %q {how = #prob.how<score>} : !prob.law<tensor<f32>>
    %c = prob.log_density %p at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
    %u = prob.log_density %q at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
    %s = estim.score %c upstream(%u) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>)
    prob.yield "c" %s : tensor<f32>
    ```

    and of two choices, of which %v is the other's log density,

    ```mlir
    %j = estim.joint %u, %v : tensor<f32>, tensor<f32> -> tensor<f32>
    %s = estim.score %c upstream(%j) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>)
    ```
    """

    name = "relbo-score-function"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        undecided = self.undecided(op, How.SCORE)
        for expectation in expectations(op):
            treated = [c for c in undecided if c.parent_op() is expectation]
            if treated:
                _score(expectation, treated)


def check_supports(expectation: prob.ExpectationOp, treated: list[prob.SampleOp]) -> None:
    """Refuses a choice whose law's support is not proved to be free of parameters."""
    moving = _parameter_values(expectation)
    for choice in treated:
        if support_moves(choice.law, moving.__contains__):
            raise PassError.at(
                choice,
                "the support of the guide's law is not proved to be free of parameters",
                "treat this choice pathwise, or draw from a law on a fixed support",
                site=choice.site.data,
            )


def _score(expectation: prob.ExpectationOp, treated: list[prob.SampleOp]) -> None:
    check_supports(expectation, treated)
    yielded = expectation.terminator
    builder = Builder(InsertPoint.before(yielded))
    upstream: list[SSAValue] = []
    for choice in treated:
        choice.properties["how"] = HowAttr(How.SCORE)
        choice.properties.pop("plan", None)
        density = prob.LogDensityOp(choice.law, choice.value, dist.float_element(choice.law))
        density.location = choice.location
        upstream.append(builder.insert(density).result)
    if not yielded.addends:
        return
    weight = upstream[0] if len(upstream) == 1 else builder.insert(estim.JointOp(upstream)).result
    maps = [[-1] * len(shape_of(weight))]
    scores = [builder.insert(estim.ScoreOp(c, [weight], maps)) for c in yielded.addends]
    yielded.operands = [score.result for score in scores]


def _parameter_values(expectation: prob.ExpectationOp) -> set[SSAValue]:
    parent = expectation.parent_op()
    return reached_from(parent.body.block.args) if isinstance(parent, prob.GradientOp) else set()
