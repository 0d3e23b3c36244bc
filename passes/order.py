"""Whether a pass stands in its place: what must be there when it runs, and what must not."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from relbo_ir.dialects import estim, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import How


def require_formed(module: ModuleOp, name: str) -> None:
    """Refuses a module that asks for an ELBO and holds no objective yet."""
    if _objectives(module):
        return
    for op in module.walk():
        if isinstance(op, prob.ElboOp):
            raise PassError.at(
                op, "the objective is not formed yet", f"run relbo-form-elbo before {name}"
            )


def require_objective(module: ModuleOp, name: str) -> None:
    """
    Refuses a module that has no objective left whose choices and addends a pass could treat: one
    that is not formed yet, that is drawn or lowered by now, or that is one atomic addend.
    """
    require_formed(module, name)
    found = _objectives(module)
    for op in module.walk() if not found else ():
        if isinstance(op, estim.ValueAndGradOp):
            raise PassError.at(
                op,
                "the objective is a program by now",
                f"run {name} before relbo-lower-estimators",
            )
    for expectation in found:
        for op in expectation.body.block.ops:
            if isinstance(op, estim.LogMeanExpOp):
                raise PassError.at(
                    op,
                    "the objective is one atomic addend, of which nothing can be taken apart, and "
                    "its choices are treated",
                    f"leave {name} out of a pipeline with relbo-importance-weighted",
                )
    require_choices(module, f"run {name} before relbo-lower-sampling or relbo-externalize-draws")


def require_choices(module: ModuleOp, remedy: str) -> None:
    """Refuses a module whose choices have become keys, or arguments."""
    for expectation in _objectives(module):
        if _is_drawn(expectation):
            raise PassError.at(expectation, "the choices of the objective are drawn by now", remedy)


def require_scores(expectation: prob.ExpectationOp, name: str) -> None:
    """Refuses an objective without scores in which some choice may be scored yet."""
    if any(isinstance(op, estim.ScoreOp) for op in expectation.body.block.ops):
        return
    for op in expectation.body.block.ops:
        if isinstance(op, prob.SampleOp) and may_be_scored(op):
            raise PassError.at(
                op,
                "no addend is weighed by a score yet",
                f"run relbo-score-function before {name}",
                site=op.site.data,
            )


def may_be_scored(choice: prob.SampleOp) -> bool:
    """Whether the choice is undecided, and not planned for another treatment than its score."""
    planned = choice.plan is not None and choice.plan.data is not How.SCORE
    return choice.how.data is How.EXACT and not planned


def _objectives(module: ModuleOp) -> list[prob.ExpectationOp]:
    return [op for op in module.walk() if isinstance(op, prob.ExpectationOp)]


def _is_drawn(expectation: prob.ExpectationOp) -> bool:
    """
    Whether draws from the seed, or draws that are arguments, stand in the place of choices; a model
    may draw noise from a key of its own.
    """
    around: Operation | None = expectation.parent_op()
    while around is not None and not isinstance(around, prob.FuncOp):
        around = around.parent_op()
    return around is not None and any(map(around.arguments, (prob.SeedAttr, prob.DrawAttr)))
