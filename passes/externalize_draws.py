"""Draws become arguments: the estimator as a deterministic function, for oracles and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import dist, prob, rng
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import How
from relbo_ir.passes.draws import Noise
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.lower_sampling import (
    add_argument,
    check_decided,
    draw_from,
    finish,
    function_of,
)
from relbo_ir.passes.rewriting import replace
from relbo_ir.passes.samples import samples_of
from relbo_ir.passes.step_draws import Steps, lower_steps, scans
from relbo_ir.passes.treatment import choices, expectations


@dataclass(frozen=True)
class ExternalizeDrawsPass(ModulePass):
    """
    Turns randomness into arguments instead of drawing it: the draw itself for a `score` choice,
    the parameter-free noise for a `pathwise` or a `disarm` one, the indices of a plate's minibatch.
    The result is a function whose weighted sum over all draws is the estimator's exact mean.

    Lemma: as for `relbo-lower-sampling`. Side conditions: every choice is `score`, `pathwise` or
    `disarm`; a pathwise choice is a function of one tensor of noise without parameters (an implicit
    derivative has no such noise), else an error.

    Options: none.

    ```mlir
    %z = prob.sample "z" from %q {how = #prob.how<score>} : !prob.law<tensor<f32>>
    ```

    yields a function with the argument `%z: tensor<f32> {prob.role = #prob.draw<#prob.name"z">}` and

    ```mlir
    %z_ = lax.stop_gradient %z : tensor<f32>
    ```
    """

    name = "relbo-externalize-draws"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for expectation in list(expectations(op)):
            if samples_of(expectation) > 1:
                raise PassError.at(
                    expectation,
                    "each importance sample has draws of its own, and an argument is one draw",
                    "use relbo-lower-sampling instead",
                )
            sites = choices(expectation)
            check_decided(sites)
            function = function_of(expectation)
            _externalize_steps(expectation, function, sites)
            for choice in sites:
                writer = Writer(InsertPoint.before(choice))
                if choice.drawn is not None:
                    finish(choice, choice.drawn, writer)
                elif choice.how.data is How.SCORE:
                    finish(choice, _argument(function, choice, choice.value.type), writer)
                else:
                    draw_from(choice, _External(function, choice), writer)
            for inner in list(expectation.body.block.ops):
                if isinstance(inner, prob.SubsampleOp):
                    role = prob.DrawAttr(prob.NameAttr(inner.plate.string_value()))
                    function = function_of(inner)
                    replace(inner, [add_argument(function, inner.result.type, role)])


def _externalize_steps(
    expectation: prob.ExpectationOp, function: prob.FuncOp, sites: list[prob.SampleOp]
) -> None:
    """The draws of a loop, or the noise of all its steps, as arguments."""

    def given(steps: Steps, choice: prob.SampleOp, writer: Writer) -> SSAValue | _ExternalSteps:
        if choice.how.data is How.SCORE:
            return steps.row(_argument(function, choice, choice.value.type))
        return _ExternalSteps(function, choice, steps)

    in_loops = {choice.site.data: choice for choice in sites if choice.drawn is not None}
    for loop in scans(expectation.body.block):
        lower_steps(loop, in_loops, given)


def _argument(function: prob.FuncOp, choice: prob.SampleOp, type_: Attribute) -> SSAValue:
    return add_argument(function, type_, prob.DrawAttr(choice.site))


@dataclass
class _External:
    """Noise from arguments."""

    function: prob.FuncOp
    choice: prob.SampleOp

    def noise(self, noise: Noise) -> SSAValue:
        return _argument(self.function, self.choice, TensorType(noise.element, noise.shape))

    def parametric(self, draw: Callable[[SSAValue], rng.ShapedDrawOp]) -> SSAValue:
        raise self._refuse()

    def opaque(self, sampler: SymbolRefAttr, law: dist.OpaqueOp) -> SSAValue:
        raise self._refuse()

    def part(self, number: int) -> _External:
        raise self._refuse()

    def _refuse(self) -> PassError:
        return PassError.at(
            self.choice,
            "its pathwise draw is not a function of noise without parameters",
            "treat it by the score function in this pipeline",
            site=self.choice.site.data,
        )


@dataclass
class _ExternalSteps(_External):
    """Noise of a loop's steps from an argument, a row for each."""

    steps: Steps

    def noise(self, noise: Noise) -> SSAValue:
        shape = (self.steps.op.steps, *noise.shape)
        return self.steps.row(
            _argument(self.function, self.choice, TensorType(noise.element, shape))
        )
