"""Baselines: control variates that belong to one upstream each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import estim, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.tensors import element_of
from relbo_ir.passes.analyses.dependence import DependenceOf
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.order import require_scores
from relbo_ir.passes.rewriting import is_zero, replace_all
from relbo_ir.passes.treatment import SelectivePass, expectations
from relbo_ir.passes.upstreams import origin, parted, parts_of, upstreams_of

_KINDS = ("leave-one-out", "running-mean", "function")
_Make = Callable[[Writer, estim.ScoreOp], SSAValue]


@dataclass(frozen=True)
class BaselinePass(SelectivePass):
    """
    Subtracts from what weighs an upstream a value that is independent of the upstream's draw:
    (c − b)·∇ log q for c·∇ log q.

    Lemma: E[b ∇log q(z | parents)] = 0 where b is independent of z given its parents (control
    variates: Williams 1992; leave-one-out: Kool, van Hoof and Welling 2019; Mnih and Rezende 2016).
    Side condition: proved by the dependence analysis for each upstream; another particle's draws are
    independent of this one's by construction.

    Options: `kind`: `leave-one-out` (default), the mean of the addend over the other particles, of
    which there must be one at least when the program is lowered; `running-mean`, the mean of the
    addend over earlier steps with weights decayᵏ (`decay`, 0.999 by default), which the program
    hands on from step to step; `function`, the deterministic value of the program that `value`
    names. Where the addend moves, a long mean lags behind: element by element, one of decay 0.9
    takes the place of a longer one whose squared error has lately been a tenth above its own.
    `sites`, `families`, `plates`: glob patterns that select the choices whose upstreams take the
    baseline (all by default); of a joint upstream of which they select a part, the parts stand apart
    afterwards.

    ```mlir
    %s = estim.score %c upstream(%u) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>)
    ```

    yields

    ```mlir
    %b = estim.leave_one_out %c : tensor<f32>
    %s = estim.score %c upstream(%u) baselines(%b) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>) baselines (tensor<f32>)
    ```
    """

    name = "relbo-baseline"

    kind: str = "leave-one-out"
    value: str = ""
    decay: float = 0.999

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.kind not in _KINDS:
            raise PassError(f"{self.kind!r} is no baseline", f"use one of {', '.join(_KINDS)}")
        self.check_selection(op)
        for expectation in expectations(op):
            require_scores(expectation, self.name)
            found = [s for s in expectation.body.block.ops if isinstance(s, estim.ScoreOp)]
            mixed = {u for u in upstreams_of(found) if self._takes_a_part(u)}
            scores = [s if mixed.isdisjoint(s.upstream) else parted(s) for s in found]
            make = self._maker(expectation, scores)
            centred = ((s, self._centred(s, make)) for s in scores if s.result.uses)
            replace_all({score: new for score, new in centred if new is not None})

    def _maker(self, expectation: prob.ExpectationOp, scores: list[estim.ScoreOp]) -> _Make:
        match self.kind:
            case "function":
                return self._function(expectation, scores)
            case "running-mean":
                if not 0.0 < self.decay < 1.0:
                    raise PassError(f"the decay is {self.decay}", "choose one between 0 and 1")
                names = _names(expectation)
                return lambda w, score: w.insert(
                    estim.RunningMeanOp(score.cost, names[score.result], self.decay)
                )
            case _:
                return _leave_one_out

    def _centred(self, score: estim.ScoreOp, make: _Make) -> SSAValue | None:
        """The score with the baseline; None where none of its upstreams takes it."""
        chosen = [self._is_chosen(u) for u in score.upstream]
        if not any(chosen):
            return None
        w = Writer(InsertPoint.before(score))
        given = list(score.baselines)
        if any(mine and not is_zero(b) for mine, b in zip(chosen, given, strict=False)):
            raise PassError.at(
                score,
                "an upstream of the addend has a baseline already",
                f"run {self.name} once on each choice: select others by sites, families or plates",
            )
        baseline = make(w, score)
        other = given or [w.constant(score.cost.type, 0.0).value] * len(chosen)
        baselines = [baseline if mine else b for mine, b in zip(chosen, other, strict=True)]
        new = estim.ScoreOp(score.cost, list(score.upstream), score.axis_maps, baselines)
        new.location = score.location
        return w.insert(new)

    def _takes_a_part(self, upstream: SSAValue) -> bool:
        """Whether of a joint upstream some parts take the baseline, and others do not."""
        return len({self._is_chosen(part) for part in parts_of(upstream)}) > 1

    def _is_chosen(self, upstream: SSAValue) -> bool:
        if not self.is_selective:
            return True
        choice = origin(parts_of(upstream)[0])
        if choice is None:
            raise PassError(
                "of an upstream it is not known any more whose log density it is",
                "run relbo-baseline with a selection before relbo-expand-densities",
            )
        return self.selects(choice)

    def _function(self, expectation: prob.ExpectationOp, scores: list[estim.ScoreOp]) -> _Make:
        named = _named(expectation, self.value)
        parts = (part for u in upstreams_of(scores) for part in parts_of(u))
        drawn = {c for part in parts if (c := origin(part)) is not None}
        read = DependenceOf(expectation.body.block, drawn).of(named.value)

        def make(w: Writer, score: estim.ScoreOp) -> SSAValue:
            for part in (v for u in score.upstream for v in parts_of(u)):
                choice = origin(part)
                if self._is_chosen(part) and (choice is None or choice in read):
                    site = "a choice" if choice is None else f'"{choice.site.data}"'
                    raise PassError.at(
                        named,
                        f'the baseline "{self.value}" is not proved to be independent of {site}',
                        "compute it from what is known before the choice, or name other choices",
                        site=self.value,
                    )
            return _shaped(w, named, score.cost).value

        return make


def _leave_one_out(w: Writer, score: estim.ScoreOp) -> SSAValue:
    return w.insert(estim.LeaveOneOutOp(score.cost))


def _names(expectation: prob.ExpectationOp) -> dict[SSAValue, str]:
    """The addend that every score is, or is a part of."""
    yielded = expectation.terminator
    names: dict[SSAValue, str] = {}
    for name, addend in zip(yielded.names, yielded.addends, strict=True):
        label, value = name.data, addend
        while isinstance(score := value.owner, estim.ScoreOp) and value not in names:
            names[value] = label
            label, value = f"{label}'", score.cost
    return names


def _named(expectation: prob.ExpectationOp, name: str) -> prob.DeterministicOp:
    known = [op for op in expectation.body.block.ops if isinstance(op, prob.DeterministicOp)]
    for op in known:
        if op.site.data == name:
            return op
    names = ", ".join(op.site.data for op in known) or "none"
    raise PassError(
        f"the program has no deterministic value {name!r} (there are: {names})",
        "name one by relbo_ir.deterministic, and give its name as `value`",
    )


def _shaped(w: Writer, named: prob.DeterministicOp, cost: SSAValue) -> Expression:
    """The baseline at the shape and the precision of the addend."""
    shape, mine = shape_of(cost), shape_of(named.value)
    element = element_of(cost.type)
    fits = len(mine) <= len(shape) and all(
        n in (1, m) for n, m in zip(mine[::-1], shape[::-1], strict=False)
    )
    if element is None or not fits:
        raise PassError.at(
            named,
            f"a baseline of shape {mine} does not fit an addend of shape {shape}",
            "give it the addend's shape, or one that broadcasts to it",
            site=named.site.data,
        )
    return w.broadcast(w.convert(w.expression(named.value), element), shape)
