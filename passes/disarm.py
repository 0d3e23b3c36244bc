"""DisARM: antithetic pairs of draws of Bernoulli choices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import dist, estim, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.location import place
from relbo_ir.dialects.prob import How, HowAttr
from relbo_ir.dialects.tensors import element_of
from relbo_ir.passes.analyses.dependence import DependenceOf
from relbo_ir.passes.analyses.laws import bernoulli_of
from relbo_ir.passes.analyses.reach import reached_from
from relbo_ir.passes.copies import copied
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.treatment import SelectivePass, expectations
from relbo_ir.passes.upstreams import mapped, refined


@dataclass(frozen=True)
class DisarmPass(SelectivePass):
    """
    Evaluates every addend c at the draws b of Bernoulli choices and once more at their antithetic
    twins t, which all flip together, and takes the gradient from the difference: the addend
    becomes (c(b) + c(t))/2 with the gradient of

        (c(b) − c(t))/2 · Σₖ (bₖ − tₖ)·σ(|ℓₖ|)·ℓₖ

    in the logits ℓ attached, the sum over those elements k that the addend's element depends on.

    Lemma: the estimator of Dong, Mnih and Tucker (2020) and Yin, Ho, Yan and Qian (2020) is the mean
    of the augmented REINFORCE merge over what (b, t) leaves open of its noise, so it has the same
    mean, the derivative of E[c] in ℓₖ; and that derivative is 0 where c does not depend on bₖ
    (`relbo-rao-blackwellize`). In success probabilities p the weight is (bₖ − tₖ)/min(pₖ, 1 − pₖ).
    Side conditions: the law is Bernoulli, and the law of no other choice reads the draw, as the
    twin has no draws of its own for those. An undecided choice for which that does not hold is
    left as it is; one that is selected or planned is an error.

    Options: `sites`, `families`, `plates`, glob patterns that select choices; by default the
    undecided choices that are planned for DisARM or have no plan.

    ```mlir
    %q = dist.bernoulli_logits %l : (tensor<f32>) -> !prob.law<tensor<i32>>
    %b = prob.sample "b" from %q : !prob.law<tensor<i32>>
    %x = lax.convert %b : (tensor<i32>) -> tensor<f32>
    %c = lax.exp %x : tensor<f32>
    prob.yield "c" %c : tensor<f32>
    ```

    yields, where %u is (b − t)·σ(|ℓ|)·ℓ with a derivative in the last ℓ alone, and %m and %d are the
    mean of %c and %c_t and half their difference, without derivative,

    ```mlir
    %b = prob.sample "b" from %q {how = #prob.how<disarm>} : !prob.law<tensor<i32>>
    %t = estim.antithetic %b : tensor<i32>
    %x_t = lax.convert %t : (tensor<i32>) -> tensor<f32>
    %c_t = lax.exp %x_t : tensor<f32>
    %h = lax.mul %d, %u : tensor<f32>
    %r = estim.attach %m gradient_of %h : tensor<f32>
    prob.yield "c" %r : tensor<f32>
    ```
    """

    name = "relbo-disarm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        undecided = self.undecided(op, How.DISARM)
        for expectation in expectations(op):
            treated: list[prob.SampleOp] = []
            for choice in (c for c in undecided if c.parent_op() is expectation):
                obstacle = disarm_obstacle(choice)
                if obstacle is None:
                    treated.append(choice)
                elif self.is_selective or choice.plan is not None:
                    raise PassError.at(
                        choice,
                        f"the choice cannot be treated by DisARM: {obstacle}",
                        "leave it to the score function",
                        site=choice.site.data,
                    )
            if treated:
                _treat(expectation, treated)


def disarm_obstacle(choice: prob.SampleOp) -> str | None:
    """Why a choice cannot be treated by DisARM, or None where it can."""
    if bernoulli_of(choice.law) is None:
        return "its law is not Bernoulli"
    if choice.drawn is not None:
        return "its steps read the draws of the steps before, and a twin would need other ones"
    block = choice.parent_block()
    reached = reached_from([choice.value])
    for other in () if block is None else block.walk():
        if isinstance(other, prob.SampleOp) and other.law in reached:
            return (
                f'the law of "{other.site.data}"{place(other)} reads its draw, and the antithetic '
                "twin would need another draw of that"
            )
    return None


def _treat(expectation: prob.ExpectationOp, treated: list[prob.SampleOp]) -> None:
    ends = list(_weighed_places(expectation))
    facts = DependenceOf(expectation.body.block, treated)
    costs = {user.operands[k]: facts.of(user.operands[k]) for user, k in ends}
    element = expectation.result.type
    weights: dict[prob.SampleOp, SSAValue] = {}
    twins: dict[SSAValue, SSAValue] = {}
    for choice in treated:
        choice.properties["how"] = HowAttr(How.DISARM)
        choice.properties.pop("plan", None)
        w = Writer(InsertPoint.after(choice))
        twin = w.insert(estim.AntitheticOp(choice.value))
        twins[choice.value] = twin
        weights[choice] = _weight(w, choice, twin, element_of(element))
    copied(expectation.body.block, twins, [cost for cost, fact in costs.items() if fact])
    for user, k in ends:
        cost = user.operands[k]
        if not costs[cost]:
            continue
        w = Writer(InsertPoint.before(user))
        here, there = w.expression(cost), w.expression(twins[cost])
        half = w.stop_gradient((here - there) * 0.5)
        total: Expression | None = None
        for choice, fact in costs[cost].items():
            if not isinstance(choice, prob.SampleOp):
                continue
            upstream, axes = refined(w, w.expression(weights[choice]), fact)
            term = mapped(w, upstream, axes, here.shape)
            total = term if total is None else total + term
        if total is not None:
            mean = (here + there) * 0.5
            attached = estim.AttachOp(mean.value, (half * total).value)
            user.operands[k] = w.insert(attached)


def _weighed_places(expectation: prob.ExpectationOp) -> Iterable[tuple[Operation, int]]:
    """Where each addend stands inside of all that weighs it: its user, and the operand it is."""
    places: dict[tuple[Operation, int], None] = {}
    yielded = expectation.terminator
    for number, addend in enumerate(yielded.addends):
        user: Operation = yielded
        index = number
        while isinstance(owner := addend.owner, (estim.ScoreOp, estim.AttachOp)):
            user, index, addend = owner, 0, owner.operands[0]
        places[user, index] = None
    return places


def _weight(
    w: Writer, choice: prob.SampleOp, twin: SSAValue, element: Attribute | None
) -> SSAValue:
    """What weighs the half difference: its derivative alone counts, at draws that are fixed."""
    law = bernoulli_of(choice.law)
    if law is None or element is None:
        raise ValueError(f'"{choice.site.data}" is not Bernoulli')
    draws = [w.convert(w.expression(v), element) for v in (choice.value, twin)]
    flip = draws[0] - draws[1]
    parameter = w.broadcast(w.convert(w.expression(law.operands[0]), element), flip.shape)
    if isinstance(law, dist.BernoulliLogitsOp):
        factor = flip * w.apply("logistic", w.apply("abs", parameter))
    else:
        least = w.call("min", parameter, 1.0 - parameter)
        same = w.call("eq", draws[0], draws[1])
        factor = flip / w.select(same, least, w.constant(flip.value.type, 1.0))
    return (w.stop_gradient(factor) * parameter).value
