"""Mistakes in the forming of the objective, in the estimators, and in their lowering."""

from __future__ import annotations

from typing import Any

import pytest
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import dist, estim, lax, prob, rng
from relbo_ir.passes import (
    baseline,
    drop_zero_score,
    form_elbo,
    lower_estimators,
    lower_sampling,
    merge_scores,
    pathwise,
    score_function,
)
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.upstreams import parted, parts_of

from .mutant import Mutant, replaced, wrapped


def _without_last_upstream(original: Any) -> Any:
    def mutant(expectation: prob.ExpectationOp, treated: Any) -> None:
        original(expectation, treated)
        for score in [s for s in expectation.body.block.ops if isinstance(s, estim.ScoreOp)]:
            whole = parted(score)
            kept, maps = list(whole.upstream)[:-1], whole.axis_maps[:-1]
            new = estim.ScoreOp(whole.cost, kept, maps)
            expectation.body.block.insert_op_before(new, whole)
            whole.result.replace_all_uses_with(new.result)

    return mutant


def _masked(original: Any) -> Any:
    """The densities that weigh are without the elements that a mask of the addends leaves out."""

    def mutant(expectation: prob.ExpectationOp, treated: Any) -> None:
        original(expectation, treated)
        block = expectation.body.block
        masks = [op.mask for op in block.ops if isinstance(op, dist.MaskOp)]
        scores = [op for op in block.ops if isinstance(op, estim.ScoreOp)]
        for density in {p.owner for s in scores for u in s.upstream for p in parts_of(u)}:
            if isinstance(density, prob.LogDensityOp) and masks:
                law = Writer(InsertPoint.before(density)).insert(dist.MaskOp(density.law, masks[0]))
                density.operands[0] = law

    return mutant


def _for_all_upstreams(original: Any) -> Any:
    """A baseline that is proved for one upstream is subtracted for the others too."""

    def mutant(self: Any, score: estim.ScoreOp, make: Any) -> Any:
        cost = score.cost
        result = original(self, score, make)
        for use in list(cost.uses):
            new = use.operation
            if isinstance(new, estim.ScoreOp) and new.baselines:
                first = 1 + len(new.upstream)
                mine = next(b for b in new.baselines if not isinstance(b.owner, lax.ConstantOp))
                for place in range(first, len(new.operands)):
                    new.operands[place] = mine
        return result

    return mutant


def _any_density(original: Any) -> Any:
    def mutant(self: Any, op: prob.LogDensityOp, factors: Any) -> Any:
        w = drop_zero_score.Writer(InsertPoint.after(op))
        return w.stop_gradient(w.expression(op.result)).value

    return mutant


def _also_the_undecided(original: Any) -> Any:
    """Weighs by the choices that stay exact or are enumerated, too."""

    def mutant(expectation: prob.ExpectationOp, treated: Any) -> None:
        drawn = [op for op in expectation.body.block.ops if isinstance(op, prob.SampleOp)]
        before = {choice: choice.how for choice in drawn}
        original(expectation, drawn)
        for choice in drawn:
            if choice not in treated:
                choice.properties["how"] = before[choice]

    return mutant


def _whole_density(original: Any) -> Any:
    """Drops the derivative of a pathwise draw's density altogether."""

    def mutant(self: Any, op: prob.LogDensityOp, factors: Any) -> Any:
        stopped = original(self, op, factors)
        w = Writer(InsertPoint.after(op))
        return None if stopped is None else w.stop_gradient(w.expression(op.result)).value

    return mutant


def _scaled_twice(original: Any) -> Any:
    def mutant(self: Any, density: SSAValue, op: Any, mapper: Any) -> SSAValue:
        return original(self, original(self, density, op, mapper), op, mapper)

    return mutant


def _not_negated(kind: type[Any]) -> Any:
    def make(original: Any) -> Any:
        def mutant(self: Any, value: SSAValue, source: Any) -> SSAValue:
            return value if isinstance(source, kind) else original(self, value, source)

        return mutant

    return make


def _in_order(original: Any) -> Any:
    """Takes an upstream's axes for the addend's in their own order, whatever the map says."""

    def mutant(w: Writer, upstream: Any, axes: tuple[int, ...], shape: Any) -> Any:
        return original(w, upstream, tuple(sorted(axes)), shape)

    return mutant


def _first_of_those_alike(original: Any) -> Any:
    def mutant(w: Writer, name: str, score: estim.ScoreOp, alike: dict[Any, Any]) -> None:
        known = len(alike)
        original(w, name, score, alike)
        for weighed in alike.values() if len(alike) == known else ():
            del weighed.costs[1:]

    return mutant


class _Blind:
    """An analysis that finds no dependence."""

    def of(self, value: SSAValue) -> dict[prob.SampleOp, object]:
        return {}


def _one_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lower_sampling, "_check_hashes", lambda sites: None)
    patch.setattr(rng, "stable_hash", lambda name: 7)


FORMER = form_elbo._Former  # pyright: ignore[reportPrivateUsage]
MUTANTS: dict[str, Mutant] = {
    "an upstream is masked": wrapped(score_function, "_score", _masked),
    "a scale counts twice": wrapped(FORMER, "_weighed", _scaled_twice),
    "a scale is left out": replaced(FORMER, "_weighed", lambda self, density, op, mapper: density),
    "a minibatch stands for itself": replaced(prob.PlateOp, "weight", 1.0),
    "an entropy has the other sign": wrapped(FORMER, "_negated", _not_negated(prob.SampleOp)),
    "a guide's factor is one of the model": wrapped(
        FORMER, "_negated", _not_negated(prob.FactorOp)
    ),
    "an upstream is forgotten": wrapped(score_function, "_score", _without_last_upstream),
    "an enumerated choice is left upstream": wrapped(score_function, "_score", _also_the_undecided),
    "a jump is overlooked": replaced(pathwise, "pathwise_obstacle", lambda choice, facts: None),
    "a score's coefficient may read its draw": lambda patch: patch.setattr(
        drop_zero_score, "reached_from", lambda sources: set[SSAValue]()
    ),
    "the score of another law is dropped": wrapped(
        drop_zero_score.DropZeroScorePass, "_stopped", _any_density
    ),
    "a baseline sees its draw": lambda patch: patch.setattr(
        baseline, "_leave_one_out", lambda w, score: score.cost
    ),
    "one baseline stands for two upstreams": wrapped(
        baseline.BaselinePass, "_centred", _for_all_upstreams
    ),
    "a function baseline may read its draw": replaced(
        baseline, "DependenceOf", lambda block, drawn: _Blind()
    ),
    "sticking the landing drops the path": wrapped(
        drop_zero_score.DropZeroScorePass, "_stopped", _whole_density
    ),
    "an emitted axis map is not followed": wrapped(lower_estimators, "mapped", _in_order),
    "a sum keeps its first term": replaced(lower_estimators, "_total", lambda terms: terms[0]),
    "all sites have one key": _one_key,
    "of costs that are weighed alike one is kept": wrapped(
        merge_scores, "_take", _first_of_those_alike
    ),
    "a merged weight is of one cost": wrapped(
        merge_scores, "_total", lambda f: lambda terms: f(terms[:1])
    ),
}
REFUSED: dict[str, Mutant] = {
    "a drawn law keeps its mask": replaced(
        form_elbo,
        "without_masks",
        lambda block, law, wrappers: wrappers[0].result if wrappers else law,
    ),
}
"""Mistakes that make no program: the verifier refuses what they write, whatever the numbers are."""

# That what weighs a score is cut off from the derivative changes nothing: it stands before
# U − stop U, which is 0, so its own derivative is multiplied by 0. No mutant is made of it.
