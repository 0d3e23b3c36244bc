"""The plan: which choice is to be treated how."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import How, HowAttr
from relbo_ir.passes.disarm import disarm_obstacle
from relbo_ir.passes.pathwise import Facts, pathwise_obstacle
from relbo_ir.passes.treatment import (
    SelectivePass,
    check_patterns,
    choices,
    expectations,
    matches,
)

_PLANS = (How.SCORE.value, How.PATHWISE.value, How.DISARM.value)


@dataclass(frozen=True)
class AssignEstimatorsPass(SelectivePass):
    """
    Writes a plan on undecided choices, which the passes that follow carry out: pathwise where that
    is proved to be legal, else the score function.

    A plan has no meaning of its own, so nothing is to be proved here: the passes that act on it
    ask for their own side conditions.

    Options: `sites`, `families`, `plates`: glob patterns that select the choices to plan for (all
    by default); `how`: what to plan for them, instead (`score`, `pathwise` or `disarm`). `disarm`:
    DisARM before the score function, where it is legal. `score`, `pathwise`: glob patterns of
    names of choices to be treated so; a choice that both match is an error.

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

    how: str = ""
    disarm: bool = False
    score: tuple[str, ...] = ()
    pathwise: tuple[str, ...] = ()

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.how and self.how not in _PLANS:
            raise PassError(f"{self.how!r} is no plan", f"use one of {', '.join(_PLANS)}")
        self.check_selection(op)
        check_patterns(op, self.score, "score")
        check_patterns(op, self.pathwise, "pathwise")
        for expectation in expectations(op):
            found = choices(expectation)
            if found and all(choice.how.data is not How.EXACT for choice in found):
                raise PassError.at(
                    found[0],
                    "every choice is treated already, so there is nothing to plan",
                    "run relbo-assign-estimators before the passes that carry the plan out",
                    site=found[0].site.data,
                )
            facts = Facts(expectation)
            for choice in found:
                if choice.how.data is How.EXACT and self.selects(choice):
                    how = self._named(choice) or self._best(choice, facts)
                    choice.properties["plan"] = HowAttr(how)

    def _named(self, choice: prob.SampleOp) -> How | None:
        """What the options say of the choice."""
        if self.how:
            return How(self.how)
        named_score = matches(choice, self.score)
        named_pathwise = matches(choice, self.pathwise)
        if named_score and named_pathwise:
            raise PassError.at(
                choice,
                "the choice is named for the score function and for pathwise",
                "name it once",
                site=choice.site.data,
            )
        if named_score:
            return How.SCORE
        return How.PATHWISE if named_pathwise else None

    def _best(self, choice: prob.SampleOp, facts: Facts) -> How:
        if pathwise_obstacle(choice, facts) is None:
            return How.PATHWISE
        if self.disarm and disarm_obstacle(choice) is None:
            return How.DISARM
        return How.SCORE
