"""The importance-weighted bound and Rényi's: the log of a mean of weights, not the mean of logs."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import dist, estim, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import How, HowAttr
from relbo_ir.passes.copies import copied
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.log_weights import check_entropies, own_densities
from relbo_ir.passes.lower_sampling import function_of
from relbo_ir.passes.order import require_objective
from relbo_ir.passes.pathwise import Facts, pathwise_obstacle
from relbo_ir.passes.score_function import check_supports
from relbo_ir.passes.treatment import choices, expectations

_GRADIENTS = ("reparameterized", "doubly-reparameterized")
_BASELINES = ("vimco", "none")


@dataclass(frozen=True)
class ImportanceWeightedPass(ModulePass):
    """
    Replaces the ELBO E[log w], w = p(x, z)/q(z), by E[log (1/K)·Σₖ wₖ] over K independent samples:
    another objective, which lies between the ELBO and log p(x), and is the ELBO for K = 1. As an
    estimate of the ELBO it is biased. Of order α it is Rényi's bound,
    E[(1/(1 − α))·log (1/K)·Σₖ wₖ^(1 − α)], which tends to the ELBO for α → 1. All addends become one
    log weight, and that one atomic addend; all choices are decided here, pathwise where that is
    planned or else proved to be legal, by their scores where not.

    Lemma: Jensen's inequality, and the derivative of an expectation (Burda, Grosse and
    Salakhutdinov 2016; Li and Turner 2016). With β = 1 − α, w̃ₖ = wₖ^β/Σw^β and L the bound,
    pathwise draws give Σₖ w̃ₖ·∇log wₖ, and scored ones Σₖ (L − bₖ)·∇log q(zₖ) besides, where bₖ does
    not depend on sample k (VIMCO: Mnih and Rezende 2016). `doubly-reparameterized` (Tucker et al.
    2019) replaces the direct derivative −Σₖ w̃ₖ·∇log q(zₖ), a score, by its own pathwise form: w̃ₖ
    for what does not go through a draw, without the densities of the guide, and α·w̃ₖ + β·w̃ₖ² for
    what does. Side conditions of that: every choice is pathwise, and stands in the log weight as
    −log q once. Of all: no choice is decided and no addend weighed yet; no plate has a minibatch,
    since the log of an estimated sum is biased in a way that more steps do not mend. An objective
    without choices, minibatches or not, is its own bound, of every order, and is left as it is.

    Options: `samples`, K (8 by default); `alpha`, α, 0 (default) or any other number but 1;
    `gradient`, `reparameterized` (default) or `doubly-reparameterized`; `baseline`, `vimco`
    (default) or `none`.

    ```mlir
    %z = prob.sample "z" from %q : !prob.law<tensor<i32>>
    prob.yield "z.prior" %p, "z.entropy" %h : tensor<f32>, tensor<f32>
    ```

    yields, where %u is K·(%l − %b)·log q(z) with a derivative in log q alone,

    ```mlir
    %z = prob.sample "z" from %q {how = #prob.how<score>} : !prob.law<tensor<i32>>
    %w = lax.add %p, %h : tensor<f32>
    %l = estim.log_mean_exp %w {samples = 8 : i64} : tensor<f32>
    %b = estim.vimco %w {samples = 8 : i64} : tensor<f32>
    %r = estim.attach %l gradient_of %u : tensor<f32>
    prob.yield "bound" %r : tensor<f32>
    ```
    """

    name = "relbo-importance-weighted"

    samples: int = 8
    alpha: float | int = 0.0
    gradient: str = "reparameterized"
    baseline: str = "vimco"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.samples < 1:
            raise PassError(f"{self.samples} samples are none", "use one sample at least")
        if not isfinite(self.alpha):
            raise PassError(f"the order is {self.alpha}", "use a finite alpha, 0 for IWAE")
        if self.alpha == 1.0:
            raise PassError(
                "the bound of order 1 is the ELBO",
                f"leave {self.name} out, or use an alpha that is not 1",
            )
        for value, known in ((self.gradient, _GRADIENTS), (self.baseline, _BASELINES)):
            if value not in known:
                raise PassError(
                    f"{value!r} is no option of {self.name}", f"use one of {', '.join(known)}"
                )
        require_objective(op, self.name)
        for expectation in expectations(op):
            if choices(expectation):
                self._weigh(expectation)

    def _weigh(self, expectation: prob.ExpectationOp) -> None:
        _check_untouched(expectation)
        _check_whole(expectation)
        scored = _decide(expectation)
        yielded = expectation.terminator
        w = Writer(InsertPoint.before(yielded))
        weight = _total(w, expectation, list(yielded.addends))
        bound = w.expression(w.insert(estim.LogMeanExpOp(weight.value, self.samples, self.alpha)))
        if self.gradient == "doubly-reparameterized":
            if scored:
                raise PassError.at(
                    scored[0],
                    "the choice is scored, so its gradient cannot be reparameterized twice",
                    f'use gradient="reparameterized" of {self.name}',
                    site=scored[0].site.data,
                )
            attached = self._twice(w, expectation, weight, bound)
            result = estim.AttachOp(w.stop_gradient(bound).value, attached.value)
            value = w.insert(result)
        elif scored:
            attached = self._scores(w, scored, weight, bound)
            value = w.insert(estim.AttachOp(bound.value, attached.value))
        else:
            value = bound.value
        Rewriter.replace_op(yielded, prob.YieldOp(["bound"], [value]))

    def _scores(
        self, w: Writer, scored: list[prob.SampleOp], weight: Expression, bound: Expression
    ) -> Expression:
        """K·(L − b)·log q of the scored draws, K as the mean over samples is taken of it."""
        total: Expression | None = None
        for choice in scored:
            density = prob.LogDensityOp(choice.law, choice.value, dist.float_element(choice.law))
            density.location = choice.location
            term = w.sum(w.expression(w.insert(density)))
            total = term if total is None else total + term
        centred = bound
        if self.samples > 1 and self.baseline == "vimco":
            baseline = estim.VimcoOp(weight.value, self.samples, self.alpha)
            centred = bound - w.expression(w.insert(baseline))
        factor = w.stop_gradient(centred) * float(self.samples)
        return factor if total is None else factor * total

    def _twice(
        self, w: Writer, expectation: prob.ExpectationOp, weight: Expression, bound: Expression
    ) -> Expression:
        """
        e·(D + Q) + (α·e + β·e²/K)·(log w − D), e = K·w̃ held fixed, D and Q being log w and log q
        with all draws held fixed: log w − D moves through draws alone, D + Q not through log q.
        """
        check_entropies(expectation, weight.value)
        drawn = choices(expectation)
        for choice in drawn:
            if choice.drawn is not None:
                raise PassError.at(
                    choice,
                    "the choice is drawn in a loop, through which its gradient is not "
                    "reparameterized twice",
                    f'use gradient="reparameterized" of {self.name}',
                    site=choice.site.data,
                )
        fixed: dict[SSAValue, SSAValue] = {c.value: _held(c) for c in drawn}
        densities = [d for c in drawn for d in own_densities(c)]
        copied(expectation.body.block, fixed, [weight.value, *(d.result for d in densities)])
        direct = w.expression(fixed.get(weight.value, weight.value))
        model = direct
        for density in densities:
            model = model + w.sum(w.expression(fixed[density.result]))
        beta, excess = 1.0 - self.alpha, weight - bound
        share = w.stop_gradient(w.apply("exp", excess * beta if self.alpha else excess))
        apart = share * model
        through = share * share * (beta / self.samples)
        if self.alpha:
            through = through + share * self.alpha
        return apart + through * (weight - direct)


def _held(choice: prob.SampleOp) -> SSAValue:
    """The draw with derivative 0."""
    w = Writer(InsertPoint.after(choice))
    return w.stop_gradient(w.expression(choice.value)).value


def _total(w: Writer, expectation: prob.ExpectationOp, addends: list[SSAValue]) -> Expression:
    """The sum of all elements of all addends: the log weight of one sample."""
    terms = [w.sum(w.expression(addend)) for addend in addends]
    total = terms[0] if terms else w.constant(expectation.result.type, 0.0)
    for term in terms[1:]:
        total = total + term
    return total


def _check_untouched(expectation: prob.ExpectationOp) -> None:
    for choice in choices(expectation):
        if choice.how.data is not How.EXACT:
            raise PassError.at(
                choice,
                f"the choice is treated already: it is {choice.how.data.value}",
                "run relbo-importance-weighted before the passes that treat choices",
                site=choice.site.data,
            )
    yielded = expectation.terminator
    for name, addend in zip(yielded.names, yielded.addends, strict=True):
        if isinstance(owner := addend.owner, (estim.ScoreOp, estim.AttachOp)):
            raise PassError.at(
                owner,
                f'the addend "{name.data}" is weighed already',
                "run relbo-importance-weighted before relbo-score-function and relbo-disarm",
            )


def _check_whole(expectation: prob.ExpectationOp) -> None:
    """Refuses minibatches, of which the log weight would be an estimate."""
    for op in function_of(expectation).walk():
        if isinstance(op, prob.PlateOp) and op.subsample is not None:
            raise PassError.at(
                op,
                f'the plate "{op.sym_name.data}" has a minibatch, so that the log of the mean '
                "weight would be biased",
                "give the plate all of its data, or keep to the ELBO",
                site=op.sym_name.data,
            )


def _decide(expectation: prob.ExpectationOp) -> list[prob.SampleOp]:
    """Decides every choice; those that are scored."""
    facts = Facts(expectation)
    scored: list[prob.SampleOp] = []
    moving: list[prob.SampleOp] = []
    for choice in choices(expectation):
        plan = None if choice.plan is None else choice.plan.data
        if plan not in (None, How.SCORE, How.PATHWISE):
            raise _unfit(choice, f"{plan} is no treatment of a choice in an atomic addend")
        obstacle = None if plan is How.SCORE else pathwise_obstacle(choice, facts)
        if plan is How.PATHWISE and obstacle is not None:
            raise _unfit(choice, f"the choice cannot be pathwise: {obstacle}")
        (scored if plan is How.SCORE or obstacle is not None else moving).append(choice)
    check_supports(expectation, scored)
    for how, treated in ((How.SCORE, scored), (How.PATHWISE, moving)):
        for choice in treated:
            choice.properties["how"] = HowAttr(how)
            choice.properties.pop("plan", None)
    return scored


def _unfit(choice: prob.SampleOp, cause: str) -> PassError:
    remedy = "plan the score function for it"
    return PassError.at(choice, cause, remedy, site=choice.site.data)
