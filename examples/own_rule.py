"""
A rewrite rule of one's own in a pipeline: the score-function rule, as Relbo.jl states it.

    ∇ E_q[f]  =  E_q[f ∇ log q + ∇ f]

In the IR the rule adds `upstream(log q)` to every addend f of an expectation: `estim.score f
upstream(u)` has the value f, and the derivative of f plus f times that of u. The choice's draw is
then held fixed (`how = score`).
"""

import coin
from xdsl.builder import Builder
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint

import relbo_ir as rb
from relbo_ir.dialects import dist, estim, prob
from relbo_ir.dialects.prob import How, HowAttr


class ScoreRule(RewritePattern):
    """∇ E_q[f] = E_q[f ∇ log q + ∇ f], one choice at a time."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: prob.SampleOp, rewriter: PatternRewriter, /) -> None:
        expectation = op.parent_op()
        if op.how.data is not How.EXACT or not isinstance(expectation, prob.ExpectationOp):
            return
        op.properties["how"] = HowAttr(How.SCORE)
        end = expectation.terminator
        builder = Builder(InsertPoint.before(end))
        log_q = builder.insert(prob.LogDensityOp(op.law, op.value, dist.float_element(op.law)))
        summed = [-1] * len(log_q.result.type.get_shape())
        for index, f in enumerate(end.addends):
            score = builder.insert(estim.ScoreOp(f, [log_q.result], [summed]))
            end.operands[index] = score.result
        rewriter.notify_op_modified(op)


pipeline = ("objective", ScoreRule(), "program")

if __name__ == "__main__":
    objective = coin.elbo.compile(*coin.data, pipeline=pipeline, particles=20)
    print(objective.ir(3))
    print(rb.fit(objective, steps=1000, progress=False))
