"""Random legal pipelines: the passes of levels 1 to 3 in the orders that keep a meaning."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import assume
from hypothesis import strategies as st
from oracle import Precision
from oracle.choices import outcomes_of
from oracle.laws import family_of
from strategies import Program, programs, text_of
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.transforms.common_subexpression_elimination import CommonSubexpressionElimination
from xdsl.transforms.dead_code_elimination import DeadCodeElimination

from relbo_ir.dialects import prob
from relbo_ir.dialects.dist import BernoulliLogitsOp, BernoulliOp, Draw
from relbo_ir.dialects.lax import shape_of
from relbo_ir.lowering.expand_densities import ExpandDensitiesPass
from relbo_ir.lowering.unconstrain_params import UnconstrainParamsPass
from relbo_ir.passes.analyses.reach import reached_from
from relbo_ir.passes.assign_estimators import AssignEstimatorsPass
from relbo_ir.passes.baseline import BaselinePass
from relbo_ir.passes.canonicalize import CanonicalizePass
from relbo_ir.passes.disarm import DisarmPass
from relbo_ir.passes.drop_zero_score import DropZeroScorePass
from relbo_ir.passes.form_elbo import FormElboPass
from relbo_ir.passes.merge_scores import MergeScoresPass
from relbo_ir.passes.pathwise import PathwisePass
from relbo_ir.passes.rao_blackwellize import RaoBlackwellizePass
from relbo_ir.passes.score_function import ScoreFunctionPass
from relbo_ir.passes.split_addends import SplitAddendsPass

CLEANERS: tuple[type[ModulePass], ...] = (
    CanonicalizePass,
    CommonSubexpressionElimination,
    DeadCodeElimination,
)


@dataclass(frozen=True)
class Case:
    """A program and the passes to run on it."""

    program: Program
    passes: tuple[ModulePass, ...]
    precision: Precision

    def __repr__(self) -> str:
        return f"Case(\n{text_of(self.program.module)}\n{self.program.arguments}\n{self.passes}\n{self.precision})"


@dataclass(frozen=True)
class _Sites:
    """
    The choices of the guide: all of them, those whose draws are differentiable, and the Bernoulli
    ones whose draws no other law of the guide reads; and whether all their pairs of draws are no more
    outcomes than the oracle takes.
    """

    names: list[str]
    differentiable: set[str]
    flippable: set[str]
    pairs_fit: bool


def _sites(program: Program) -> _Sites:
    (guide,) = (
        op
        for op in program.module.ops
        if isinstance(op, prob.FuncOp) and op.sym_name.data == "guide"
    )
    choices = [op for op in guide.body.block.ops if isinstance(op, prob.SampleOp)]
    names = [op.site.data for op in choices]
    moving = {
        op.site.data for op in choices if family_of(op.law).FAMILY.draw is Draw.LOCATION_SCALE
    }
    flippable = [
        op
        for op in choices
        if isinstance(family_of(op.law), BernoulliOp | BernoulliLogitsOp)
        and not any(other.law in reached_from(_draws(op)) for other in choices)
    ]
    # A pair of draws of an element has twice the outcomes of one.
    outcomes = math.prod(outcomes_of(op, Precision()) for op in choices)
    outcomes <<= sum(math.prod(shape_of(op.value)) for op in flippable)
    fit = outcomes <= Precision().outcome_limit
    return _Sites(names, moving, {op.site.data for op in flippable}, fit)


def _draws(choice: prob.SampleOp) -> list[SSAValue]:
    """A choice's draw, and what its loop drew, if it was one."""
    return [choice.value, *([] if choice.drawn is None else [choice.drawn])]


@st.composite
def cases(
    draw: st.DrawFn, family: str | None = None, decided: bool = False, baseline: str = ""
) -> Case:
    """
    A random program with a random legal pipeline of passes from `relbo-form-elbo` on.

    The choices are decided in one of three manners: named in groups, planned and then carried
    out, or some named and the others planned. Unless `decided`, some may stay undecided. Changing
    the parameters' coordinates, expanding densities and the three cleaning passes stand anywhere.
    Addends may be split, pruned, rid of scores of zero mean, and, unless `decided`, centred; scores
    may be merged. With `baseline`, every case has some score, and is centred by that one.
    """
    program = draw(programs(family))
    sites = _sites(program)
    decisions = _with_rao_blackwellization(draw, _decisions(draw, sites, decided))
    steps = [FormElboPass(), *_interleaved(draw, decisions)]
    scored = _places(steps, ScoreFunctionPass)
    expanded = _places(steps, ExpandDensitiesPass)
    deciding = (ScoreFunctionPass, PathwisePass, DisarmPass)
    is_decided = any(isinstance(step, deciding) for step in steps)
    if (
        is_decided
        and not (scored and expanded and expanded[-1] > scored[0])
        and draw(st.booleans())
    ):
        steps.append(DropZeroScorePass(pathwise=draw(st.booleans())))
    if baseline:
        assume(scored)
        steps.append(BaselinePass(kind=baseline))
    elif scored and not decided and draw(st.booleans()):
        steps.append(BaselinePass(kind=draw(st.sampled_from(["leave-one-out", "running-mean"]))))
    if scored and draw(st.booleans()):
        steps += [CommonSubexpressionElimination(), MergeScoresPass()]
    result: list[ModulePass] = []
    for step in steps:
        result.append(step)
        while draw(st.integers(0, 2)) == 2:
            result.append(draw(st.sampled_from(CLEANERS))())
    normal = ("nodes", "weights")[draw(st.integers(0, 1))]
    return Case(program, tuple(result), Precision(exact_normal=normal))


def _with_rao_blackwellization(draw: st.DrawFn, decisions: list[ModulePass]) -> list[ModulePass]:
    """The decisions, with addends split before the first score and pruned at any time."""
    steps = list(decisions)
    scores = _places(steps, ScoreFunctionPass)
    for _ in range(draw(st.integers(0, 2)) if scores else 0):
        granularity = draw(st.sampled_from(["element", "axis", "site"]))
        place = draw(st.integers(0, len(steps) - scores[0] - 1))
        steps.insert(len(steps) - place, RaoBlackwellizePass(granularity=granularity))
    weighing = (ScoreFunctionPass, DisarmPass)
    first = next((k for k, s in enumerate(steps) if isinstance(s, weighing)), len(steps))
    if draw(st.booleans()):
        steps.insert(draw(st.integers(0, first)), SplitAddendsPass())
    return steps


def _interleaved(draw: st.DrawFn, decisions: list[ModulePass]) -> list[ModulePass]:
    """The decisions in their order, with the passes that may stand anywhere between them."""
    steps = list(decisions)
    for step in (UnconstrainParamsPass(), ExpandDensitiesPass(), ExpandDensitiesPass()):
        if draw(st.integers(0, 3)) == 0:
            continue
        places = list(range(len(steps) + 1))
        if isinstance(step, ExpandDensitiesPass):
            scored = _places(steps, ScoreFunctionPass)
            pruned = _places(steps, RaoBlackwellizePass)
            places = [k for k in places if not pruned or k <= scored[0] or k > pruned[-1]]
        steps.insert(draw(st.sampled_from(places)), step)
    return steps


def _places(steps: list[ModulePass], kind: type[ModulePass]) -> list[int]:
    return [k for k, step in enumerate(steps) if isinstance(step, kind)]


def _decisions(draw: st.DrawFn, sites: _Sites, decided: bool) -> list[ModulePass]:
    treatment: dict[str, str] = {}
    for name in sites.names:
        kinds = ["score", "planned", "score"] if decided else ["score", "planned", "left"]
        if name in sites.differentiable:
            kinds += ["pathwise", "pathwise"]
        if sites.pairs_fit and name in sites.flippable:
            kinds += ["disarm", "disarm"]
        treatment[name] = draw(st.sampled_from(kinds))
    passes = {"score": ScoreFunctionPass, "pathwise": PathwisePass, "disarm": DisarmPass}
    named = [name for name in sites.names if treatment[name] in passes]
    steps: list[ModulePass] = []
    order = draw(st.permutations(named)) if named else []
    while order:
        count = draw(st.integers(1, len(order)))
        group, order = order[:count], order[count:]
        parts: list[ModulePass] = []
        for how, kind in passes.items():
            mine = tuple(name for name in group if treatment[name] == how)
            if mine:
                parts.append(kind(sites=mine))
        steps += draw(st.permutations(parts))
    planned = [name for name in sites.names if treatment[name] == "planned"]
    if planned and "left" not in treatment.values():
        steps += _planned(draw, sites, planned)
    elif planned:
        steps.append(ScoreFunctionPass(sites=tuple(planned)))
    return steps


def _planned(draw: st.DrawFn, sites: _Sites, planned: list[str]) -> list[ModulePass]:
    """A plan for the choices that nothing else decides, with or without options, carried out."""
    score = tuple(name for name in planned if draw(st.integers(0, 2)) == 2)
    rest = [name for name in planned if name in sites.differentiable and name not in score]
    moving = tuple(name for name in rest if draw(st.integers(0, 2)) == 2)
    carried_out: list[ModulePass] = [ScoreFunctionPass(), PathwisePass()]
    disarm = sites.pairs_fit and draw(st.booleans())
    plan = AssignEstimatorsPass(score=score, pathwise=moving, disarm=disarm)
    if plan.disarm:
        carried_out.append(DisarmPass())
    return [plan, *draw(st.permutations(carried_out))]
