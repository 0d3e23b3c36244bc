"""The plan: which choice is to be treated how."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import How, HowAttr
from relbo_ir.passes.pathwise import Facts, pathwise_obstacle
from relbo_ir.passes.treatment import check_patterns, choices, expectations, matches


@dataclass(frozen=True)
class AssignEstimatorsPass(ModulePass):
    """
    Writes a plan on every undecided choice, which the passes that follow carry out: pathwise where
    that is proved to be legal, else the score function.

    A plan has no meaning of its own, so nothing is to be proved here: the passes that act on it
    ask for their own side conditions.

    Options: `score`, `pathwise`: glob patterns of choices to be treated so. A choice that both
    match is an error.

    ```mlir
    %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
    %b = prob.sample "b" from %r : !prob.law<tensor<i32>>
    ```

    yields

    ```mlir
    %z = prob.sample "z" from %q {plan = #prob.how<pathwise>} : !prob.law<tensor<f32>>
    %b = prob.sample "b" from %r {plan = #prob.how<score>} : !prob.law<tensor<i32>>
    ```
    """

    name = "relbo-assign-estimators"

    score: tuple[str, ...] = ()
    pathwise: tuple[str, ...] = ()

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        check_patterns(op, self.score, "score")
        check_patterns(op, self.pathwise, "pathwise")
        for expectation in expectations(op):
            facts = Facts(expectation)
            undecided = [c for c in choices(expectation) if c.how.data is How.EXACT]
            for choice in undecided:
                named_score = matches(choice, self.score)
                named_pathwise = matches(choice, self.pathwise)
                if named_score and named_pathwise:
                    raise PassError.at(
                        choice,
                        "the choice is named for the score function and for pathwise",
                        "name it once",
                        site=choice.site.data,
                    )
                if named_score or named_pathwise:
                    how = How.SCORE if named_score else How.PATHWISE
                else:
                    legal = pathwise_obstacle(choice, facts) is None
                    how = How.PATHWISE if legal else How.SCORE
                choice.properties["plan"] = HowAttr(how)
