"""Named pipelines: visible lists of passes, and how a list of passes is run."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.passes import ModulePass, PassPipeline
from xdsl.pattern_rewriter import PatternRewriteWalker, RewritePattern
from xdsl.transforms.common_subexpression_elimination import CommonSubexpressionElimination
from xdsl.transforms.dead_code_elimination import DeadCodeElimination
from xdsl.utils.exceptions import ArgSpecParseError

from relbo_ir.dialects import estim, prob
from relbo_ir.dialects.errors import PassError, RelboError
from relbo_ir.dialects.prob import How
from relbo_ir.dialects.scopes import verify_module
from relbo_ir.universe import RELBO_UNIVERSE

_ELBO = ("relbo-form-elbo", "relbo-raise-idioms", "relbo-canonicalize", "cse")
_OBJECTIVE = (*_ELBO, "relbo-unconstrain-params")
_SCORE = ("relbo-split-addends", "relbo-score-function", "relbo-rao-blackwellize")
_CENTRE = ("relbo-drop-zero-score", "relbo-baseline")
# What is dropped would hide a draw that the law of a score choice reads, so pathwise stands before.
_ESTIMATOR = (*_OBJECTIVE, "relbo-assign-estimators", *_SCORE, "relbo-pathwise", *_CENTRE)
_DISARM = (
    *_OBJECTIVE,
    "relbo-assign-estimators{disarm=true}",
    "relbo-split-addends",
    "relbo-disarm",
    *_SCORE[1:],
    "relbo-pathwise",
    *_CENTRE,
)
_CLEAN = ("relbo-canonicalize", "cse")
_PROGRAM = (
    "cse",
    "relbo-merge-scores",
    "relbo-expand-densities",
    "relbo-lower-sampling",
    "relbo-lower-estimators",
    "cse",
    *_CLEAN,
)

PIPELINES: dict[str, tuple[str, ...]] = {
    "elbo": _ELBO,
    "objective": _OBJECTIVE,
    "estimator": _ESTIMATOR,
    "program": _PROGRAM,
    "default": (*_ESTIMATOR, *_PROGRAM),
    "score-function": (*_OBJECTIVE, *_SCORE, *_CENTRE, *_PROGRAM),
    "disarm": (*_DISARM, *_PROGRAM),
    "importance-weighted": (*_OBJECTIVE, "relbo-importance-weighted", *_PROGRAM),
    "explicit": (*_ESTIMATOR, *_PROGRAM, "relbo-differentiate", *_CLEAN),
    "draws": (*_OBJECTIVE, "relbo-report", "relbo-lower-sampling", *_CLEAN),
    "addends": (
        *_OBJECTIVE,
        "relbo-report{addends=true}",
        "relbo-expand-densities",
        "relbo-lower-sampling",
        *_CLEAN,
    ),
}
"""The passes of each named pipeline, in order."""

_LOWERINGS = {
    step.partition("{")[0]
    for step in (*_PROGRAM[1:5], "relbo-report", "relbo-predict", "relbo-externalize-draws")
}

Step = str | ModulePass | RewritePattern
Pipeline = str | Sequence[Step]


@dataclass(frozen=True)
class PatternPass(ModulePass):
    """
    A user's own rewrite pattern as a pass.

    ```mlir
    // whatever the pattern matches
    ```

    yields

    ```mlir
    // what it writes
    ```
    """

    name: ClassVar[str] = "relbo-pattern"
    pattern: RewritePattern

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(self.pattern).rewrite_module(op)


def context() -> Context:
    """An xDSL context that knows our dialects."""
    ctx = Context()
    for dialect in (Builtin, Func, *(get() for get in RELBO_UNIVERSE.all_dialects.values())):
        ctx.load_dialect(dialect)
    return ctx


def parse_module(text: str, name: str = "<text>") -> ModuleOp:
    """A module from its text, verified; the errors are xDSL's, with the place in the text."""
    module = Parser(context(), text, name).parse_module()
    verify_module(module)
    return module


_DECIDING = frozenset(
    {
        "relbo-assign-estimators",
        "relbo-split-addends",
        "relbo-score-function",
        "relbo-disarm",
        "relbo-importance-weighted",
        "relbo-rao-blackwellize",
        "relbo-pathwise",
        "relbo-drop-zero-score",
        "relbo-baseline",
    }
)
"""The passes that decide how choices are treated, and what weighs addends."""


def available_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Our passes, and xDSL's `cse` and `dce`."""
    return {
        **RELBO_UNIVERSE.all_passes,
        "cse": lambda: CommonSubexpressionElimination,
        "dce": lambda: DeadCodeElimination,
    }


@contextmanager
def without_cycle_collection() -> Generator[None]:
    """
    Holds back Python's cyclic garbage collector: IR is one large cyclic structure that stays alive
    while it is built, and scanning it again and again takes longer than building it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def resolve(pipeline: Pipeline, particles: int = 1) -> list[ModulePass]:
    """
    The passes of a pipeline: a name, a text as `relbo-opt -p` takes it, or a sequence of names,
    texts, passes and patterns. Where the text gives them no options, particles go to
    `relbo-lower-estimators`, and `relbo-baseline` is leave-one-out where there are several, else a
    running mean.
    """
    if isinstance(pipeline, str):
        pipeline = (pipeline,)
    passes: list[ModulePass] = []
    for step in pipeline:
        if isinstance(step, str) and step in PIPELINES:
            passes.extend(resolve(PIPELINES[step], particles))
        elif isinstance(step, ModulePass):
            passes.append(step)
        elif isinstance(step, RewritePattern):
            passes.append(PatternPass(step))
        else:
            passes.extend(_parsed(_with_particles(step, particles)))
    return passes


def _with_particles(step: str, particles: int) -> str:
    if step == "relbo-lower-estimators" and particles != 1:
        return f"{step}{{particles={particles}}}"
    if step == "relbo-baseline":
        kind = "running-mean" if particles == 1 else "leave-one-out"
        return f'{step}{{kind="{kind}"}}'
    return step


def _parsed(text: str) -> Iterable[ModulePass]:
    try:
        return PassPipeline.parse_spec(available_passes(), text).passes
    except (ValueError, ArgSpecParseError) as error:
        known = ", ".join((*PIPELINES, *sorted(available_passes())))
        raise PassError(
            f"{text!r} is no pipeline: {error}", f"use the names of pipelines or passes: {known}"
        ) from error


def remaining(module: ModuleOp, passes: list[ModulePass]) -> list[ModulePass]:
    """
    What of a pipeline is left to do for a module: where it is decided how every choice is treated,
    as in a text of level 3, nothing that decides it again.
    """
    drawn = [op for op in module.walk() if isinstance(op, prob.SampleOp)]
    if level_of(module) < 3 or any(op.how.data is How.EXACT for op in drawn):
        return passes
    return [step for step in passes if step.name not in _DECIDING]


def run(module: ModuleOp, passes: Iterable[ModulePass], until: int = 4) -> None:
    """
    Applies passes in place, and verifies after each one; stops before a pass that leaves `until`.

    Raises what the pass raises, with a note that names it.
    """
    ctx = context()
    for step in passes:
        if until < 4 and step.name in _LOWERINGS:
            return
        before = module.clone() if until < 3 else None
        try:
            step.apply(ctx, module)
            verify_module(module)
        except RelboError as error:
            error.add_note(f"  pass: {step.name}")
            raise
        if before is not None and level_of(module) > until:
            _restore(module, before)
            return


def _restore(module: ModuleOp, before: ModuleOp) -> None:
    region = before.detach_region(0)
    module.detach_region(0)
    module.add_region(region)


def level_of(module: ModuleOp) -> int:
    """The level of a module: 1 model, 2 objective, 3 estimator, 4 program."""
    level = 4
    for op in module.walk():
        if isinstance(op, prob.ElboOp):
            return 1
        if isinstance(op, prob.ExpectationOp):
            decided = any(_is_decided(inner) for inner in op.body.walk())
            level = min(level, 3 if decided else 2)
    return level


def _is_decided(op: Operation) -> bool:
    if isinstance(op, prob.SampleOp):
        return op.how.data is not How.EXACT or op.plan is not None
    return isinstance(op, (estim.ScoreOp, estim.AttachOp))
