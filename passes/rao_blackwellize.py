"""Rao-Blackwellization: an addend is weighed by the choices that it depends on, and by no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import estim, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of
from relbo_ir.passes.analyses.dependence import DependenceOf, Facts
from relbo_ir.passes.analyses.dependence.facts import Dependence
from relbo_ir.passes.analyses.dependence.table import Source
from relbo_ir.passes.analyses.laws import own_draw
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.order import require_scores
from relbo_ir.passes.rewriting import replace_all
from relbo_ir.passes.treatment import SelectivePass, expectations
from relbo_ir.passes.upstreams import (
    element_density,
    parts_of,
    refined,
    unknown_upstreams,
    upstreams_of,
)

_GRANULARITIES = ("site", "axis", "element")


@dataclass(frozen=True)
class RaoBlackwellizePass(SelectivePass):
    """
    Takes from the upstream of every addend what the addend does not depend on, element by element:
    whole choices, and the elements of a choice that an element of the addend does not read. A joint
    upstream gives way to those of its parts that are left.

    Lemma: E[c ∇log q(z | parents)] = 0 where c is no descendant of z (Ranganath, Gerrish and Blei
    2014), used for each element of z that is drawn by itself and each element of c. Dependence is
    read off the values (`passes/analyses/dependence.py`), through draws and laws; what is not
    proved to be independent stays. Draws that are decided later do not matter: a choice that reads
    z makes its readers descendants of z, however it is treated.

    It lowers the variance of centred addends; without a baseline it can raise it.

    Options: `granularity`: `element` (default), `axis` (an axis of a choice is kept pointwise or
    summed whole) or `site` (choices are dropped whole or not at all). `sites`, `families`,
    `plates`: glob patterns that select the choices that are taken from upstreams (all by default).

    ```mlir
    %u = prob.log_density %q at %z : !prob.law<tensor<8xf32>>, tensor<8xf32> -> tensor<8xf32>
    %s = estim.score %c upstream(%u, %v) {maps = [array<i64: -1>, array<i64>]} : tensor<8xf32>, (tensor<8xf32>, tensor<f32>)
    ```

    yields, where %c reads %z element by element and not the choice of %v,

    ```mlir
    %u = prob.log_density %q at %z : !prob.law<tensor<8xf32>>, tensor<8xf32> -> tensor<8xf32>
    %s = estim.score %c upstream(%u) {maps = [array<i64: 0>]} : tensor<8xf32>, (tensor<8xf32>)
    ```
    """

    name = "relbo-rao-blackwellize"

    granularity: str = "element"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.granularity not in _GRANULARITIES:
            raise PassError(
                f"{self.granularity!r} is no granularity", f"use one of {', '.join(_GRANULARITIES)}"
            )
        self.check_selection(op)
        for expectation in expectations(op):
            require_scores(expectation, self.name)
            scores = [s for s in expectation.body.block.ops if isinstance(s, estim.ScoreOp)]
            if not scores:
                continue
            if unknown := unknown_upstreams(scores):
                raise PassError.at(
                    next(s for s in scores if unknown.intersection(s.upstream)),
                    "of an upstream it is not known any more whose log density it is",
                    "run relbo-rao-blackwellize before relbo-expand-densities",
                )
            upstreams = upstreams_of(scores)
            parts = {u: [_Part(v, self._chosen(v)) for v in parts_of(u)] for u in upstreams}
            choices = {p.choice for found in parts.values() for p in found if p.choice is not None}
            facts = DependenceOf(expectation.body.block, choices)
            table = {u: _Parts(found) for u, found in parts.items()}
            pruned = ((s, self._pruned(s, facts, table)) for s in scores)
            replace_all({score: new for score, new in pruned if new is not None})
            for upstream in upstreams:
                if isinstance(joint := upstream.owner, estim.JointOp) and not upstream.uses:
                    Rewriter.erase_op(joint)

    def _chosen(self, upstream: SSAValue) -> prob.SampleOp | None:
        """The selected choice whose whole log density an upstream is."""
        choice = choice_of(upstream)
        return choice if choice is not None and self.selects(choice) else None

    def _pruned(
        self, score: estim.ScoreOp, facts: DependenceOf, table: dict[SSAValue, _Parts]
    ) -> SSAValue | None:
        """What takes the place of a score; None where it stays as it is."""
        if score.baselines:
            raise PassError.at(
                score,
                "the addend has baselines already",
                "run relbo-rao-blackwellize before relbo-baseline",
            )
        read = facts.of(score.cost)
        w = Writer(InsertPoint.before(score))
        upstream: list[SSAValue] = []
        maps: list[tuple[int, ...]] = []
        for whole, given in zip(score.upstream, score.axis_maps, strict=True):
            if not set(given) <= {-1}:
                upstream.append(whole)
                maps.append(given)
                continue
            for value, choice in table[whole].read_by(read):
                axes = (-1,) * len(shape_of(value))
                if choice is not None:
                    fact = read[choice]
                    if fact.is_empty:
                        continue
                    if self.granularity != "site" and not _reads_all(fact):
                        density = element_density(w, choice)
                        wide, axes = refined(w, density, fact, self.granularity == "axis")
                        value = wide.value
                upstream.append(value)
                maps.append(axes)
        if not upstream:
            return score.cost
        if upstream == list(score.upstream) and maps == score.axis_maps:
            return None
        new = estim.ScoreOp(score.cost, upstream, maps)
        new.location = score.location
        return w.insert(new)


class _Part(NamedTuple):
    """A log density, and the choice that is taken from upstreams with it."""

    value: SSAValue
    choice: prob.SampleOp | None


class _Parts:
    """
    What an upstream is the sum of, found by choice: an addend looks up what it reads, and does not
    pass by all the choices that it does not read.
    """

    def __init__(self, parts: list[_Part]):
        self._parts = parts
        self._kept = [n for n, part in enumerate(parts) if part.choice is None]
        self._places: dict[Source, list[int]] = {}
        for n, part in enumerate(parts):
            if part.choice is not None:
                self._places.setdefault(part.choice, []).append(n)

    def read_by(self, read: Facts) -> list[_Part]:
        """In order, the parts of choices that are read, and those that are not to be taken."""
        found = [n for source in read for n in self._places.get(source, [])]
        return [self._parts[n] for n in sorted([*found, *self._kept])]


def choice_of(upstream: SSAValue) -> prob.SampleOp | None:
    """The choice whose whole log density an upstream is."""
    density = upstream.owner
    return own_draw(density) if isinstance(density, prob.LogDensityOp) else None


def _reads_all(fact: Dependence) -> bool:
    """Every element of the addend reads the whole choice."""
    everywhere = fact.box == tuple((0, n) for n in fact.shape)
    return everywhere and all(a.is_full and a.axis is None for a in fact.along)
