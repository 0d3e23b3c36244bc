"""The pathwise estimator."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from relbo_ir.dialects import dist, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import How, HowAttr
from relbo_ir.passes.analyses.smoothness import SmoothnessOf
from relbo_ir.passes.analyses.value_ranges import Ranges
from relbo_ir.passes.analyses.walker import Order
from relbo_ir.passes.treatment import SelectivePass, expectations


@dataclass(frozen=True)
class PathwisePass(SelectivePass):
    """
    Draws choices by a differentiable sampler z = g(ε, θ): ∇E_q[c(z)] = E_ε[∇c(g(ε, θ))].

    Lemma: location-scale and implicit reparameterization (Kingma and Welling 2014; Figurnov,
    Mohamed and Mnih 2018). Side conditions: the family's draw is differentiable, and every addend
    and every law that reads the draw is continuous and locally Lipschitz in it (Lee, Yu and Yang
    2018). An undecided choice for which that is not proved is left as it is; one that is selected
    or planned is an error with the op that breaks it.

    Options: `sites`, `families`, `plates`, glob patterns that select choices; by default the
    undecided choices that are planned to be pathwise or have no plan.

    ```mlir
    %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
    ```

    yields

    ```mlir
    %z = prob.sample "z" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
    ```
    """

    name = "relbo-pathwise"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        undecided = self.undecided(op, How.PATHWISE)
        for expectation in expectations(op):
            facts = Facts(expectation)
            for choice in (c for c in undecided if c.parent_op() is expectation):
                obstacle = pathwise_obstacle(choice, facts)
                if obstacle is None:
                    choice.properties["how"] = HowAttr(How.PATHWISE)
                    choice.properties.pop("plan", None)
                elif self.is_selective or choice.plan is not None:
                    raise PassError.at(
                        choice,
                        f"the choice cannot be pathwise: {obstacle}",
                        "leave it to the score function, or make the program smooth in it",
                        site=choice.site.data,
                    )


class Facts:
    """What is shared by the questions about all choices of one expectation."""

    def __init__(self, expectation: prob.ExpectationOp):
        self.ranges = Ranges()
        self.order = Order(expectation.body.block)


def pathwise_obstacle(choice: prob.SampleOp, facts: Facts) -> str | None:
    """Why a choice cannot be pathwise, or None where it is proved that it can."""
    obstacle = _draw_obstacle(choice.law)
    if obstacle is not None:
        return obstacle
    failures = SmoothnessOf(choice, facts.ranges, facts.order).failures
    return f"the draw is {failures[0].reason}" if failures else None


def _draw_obstacle(law: SSAValue) -> str | None:
    match law.owner:
        case dist.FamilyOp() as op:
            if op.FAMILY.draw is dist.Draw.NONE:
                return f"draws of {op.name} are not differentiable"
            return None
        case (
            dist.IndependentOp()
            | dist.ExpandOp()
            | dist.TransformedOp()
            | dist.TransformedByOp() as op
        ):
            return _draw_obstacle(op.base)
        case dist.MixtureOp() | dist.MixtureSameFamilyOp():
            return "a mixture's draw chooses a component, which is not differentiable"
        case _:
            return "nothing is known of how its law is drawn"
