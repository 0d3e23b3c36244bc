"""What weighs one upstream, in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import estim, lax, prob
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.order import require_scores
from relbo_ir.passes.rewriting import fresh
from relbo_ir.passes.running_means import STEPS
from relbo_ir.passes.treatment import expectations
from relbo_ir.passes.upstreams import origin


@dataclass(frozen=True)
class MergeScoresPass(ModulePass):
    """
    Sums the addends that are weighed alike, along the axes that no upstream is aligned with too,
    and weighs every upstream once, by the sum of what weighs it: Σⱼ (cⱼ − bⱼ)·∇u becomes
    (Σⱼ cⱼ − Σⱼ bⱼ)·∇u. Running means and means over particles are then of the sums, so a program
    computes, and hands on, one for each upstream and not one for each element of each addend.

    Lemma: linearity of the sum, of the derivative, of means over particles and, in the limit of
    many steps, of running means of one decay; at any step these are baselines, one or many. Side
    condition: the objective is the sum of all elements of all addends, and a score that is merged
    is an addend and nothing else. Upstreams are one where they are one value, so `cse` stands
    before. One thing changes: a running mean leaves out steps at which the sum is not finite, where
    it left out those at which its own cost is not.

    Options: none.

    ```mlir
    %r = estim.score %a upstream(%u) {maps = [array<i64: -1>]} : tensor<f32>, (tensor<8xf32>)
    %s = estim.score %c upstream(%u) {maps = [array<i64: 0>]} : tensor<8xf32>, (tensor<8xf32>)
    %t = estim.score %d upstream(%u) {maps = [array<i64: 0>]} : tensor<8xf32>, (tensor<8xf32>)
    prob.yield "a" %r, "c" %s, "d" %t : tensor<f32>, tensor<8xf32>, tensor<8xf32>
    ```

    yields

    ```mlir
    %e = lax.add %c, %d : tensor<8xf32>
    %0 = lax.stop_gradient %a : tensor<f32>
    %1 = lax.reduce_sum %u {axes = array<i64: 0>} : (tensor<8xf32>) -> tensor<f32>
    %2 = lax.mul %0, %1 : tensor<f32>
    %f = estim.attach %zero gradient_of %2 : tensor<f32>
    %3 = lax.stop_gradient %e : tensor<8xf32>
    %4 = lax.mul %3, %u : tensor<8xf32>
    %g = estim.attach %zeros gradient_of %4 : tensor<8xf32>
    prob.yield "a" %a, "c" %e, "z.score" %f, "z.score'" %g : tensor<f32>, tensor<8xf32>, tensor<f32>, tensor<8xf32>
    ```
    """

    name = "relbo-merge-scores"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for expectation in expectations(op):
            require_scores(expectation, self.name)
            _merge(expectation)


_Maps = tuple[tuple[int, ...], ...]
_Signature = tuple[tuple[SSAValue, ...], _Maps]


@dataclass
class _Baseline:
    """A sum of baselines by kind: what running means, and means over particles, are taken of."""

    running: dict[float, list[Expression]] = field(default_factory=dict[float, list[Expression]])
    others: list[Expression] = field(default_factory=list[Expression])
    values: list[Expression] = field(default_factory=list[Expression])

    def add(self, other: _Baseline) -> None:
        for decay, costs in other.running.items():
            self.running.setdefault(decay, []).extend(costs)
        self.others += other.others
        self.values += other.values

    def along(self, axes: Sequence[int]) -> _Baseline:
        return _Baseline(
            {decay: [_along(x, axes) for x in costs] for decay, costs in self.running.items()},
            [_along(x, axes) for x in self.others],
            [_along(x, axes) for x in self.values],
        )

    def written(self, w: Writer, state: Callable[[], str]) -> list[Expression]:
        """The baseline's terms; each running mean takes a name for its state."""
        terms = [
            w.expression(w.insert(estim.RunningMeanOp(_total(costs).value, state(), decay)))
            for decay, costs in self.running.items()
        ]
        if self.others:
            terms.append(w.expression(w.insert(estim.LeaveOneOutOp(_total(self.others).value))))
        return terms + self.values


@dataclass
class _Weighed:
    """Addends that are weighed alike: their names, costs, and baselines by upstream."""

    names: list[str]
    costs: list[Expression]
    baselines: list[_Baseline]


@dataclass
class _Weight:
    """What weighs an upstream that is summed over all but these of its axes."""

    costs: list[Expression] = field(default_factory=list[Expression])
    baseline: _Baseline = field(default_factory=_Baseline)


def _merge(expectation: prob.ExpectationOp) -> None:
    yielded = expectation.terminator
    w = Writer(InsertPoint.before(yielded))
    names: list[str] = []
    addends: list[SSAValue] = []
    alike: dict[_Signature, _Weighed] = {}
    merged: list[estim.ScoreOp] = []
    for name, addend in zip(yielded.names, yielded.addends, strict=True):
        score = addend.owner
        if isinstance(score, estim.ScoreOp) and addend.has_one_use():
            _take(w, name.data, score, alike)
            merged.append(score)
        else:
            names.append(name.data)
            addends.append(addend)
    if not alike:
        return
    weights: dict[tuple[SSAValue, tuple[int, ...]], _Weight] = {}
    for (upstream, maps), weighed in alike.items():
        cost = _total(weighed.costs)
        names.append(weighed.names[0])
        addends.append(cost.value)
        for u, axes, baseline in zip(upstream, maps, weighed.baselines, strict=True):
            kept = tuple(k for k, target in enumerate(axes) if target != -1)
            weight = weights.setdefault((u, kept), _Weight())
            targets = [axes[k] for k in kept]
            weight.costs.append(_along(cost, targets))
            weight.baseline.add(baseline.along(targets))
    taken = set(names)
    states = {STEPS}
    for (u, kept), weight in weights.items():
        site = _site(u)
        names.append(fresh(f"{site}.score", taken))
        addends.append(_attached(w, w.expression(u), kept, weight, partial(fresh, site, states)))
    Rewriter.replace_op(yielded, prob.YieldOp(names, addends))
    for score in merged:
        _erase(score)


def _erase(score: estim.ScoreOp) -> None:
    """Erases a score, and the baselines that nothing else uses: a running mean is a state."""
    baselines = {b.owner: None for b in score.baselines}
    Rewriter.erase_op(score)
    for op in baselines:
        if isinstance(op, (estim.RunningMeanOp, estim.LeaveOneOutOp)) and not op.result.uses:
            Rewriter.erase_op(op)


def _take(w: Writer, name: str, score: estim.ScoreOp, alike: dict[_Signature, _Weighed]) -> None:
    """Puts a score beside those that are weighed alike, summed over axes of no upstream."""
    aligned = sorted({k for axes in score.axis_maps for k in axes if k != -1})
    place = {k: n for n, k in enumerate(aligned)}
    maps = tuple(tuple(place.get(k, -1) for k in axes) for axes in score.axis_maps)
    cost = _along(w.expression(score.cost), aligned)
    given = list(score.baselines) or [None] * len(maps)
    baselines = [_baseline(w, b).along(aligned) for b in given]
    key = (tuple(score.upstream), maps)
    if key not in alike:
        alike[key] = _Weighed([name], [cost], baselines)
        return
    alike[key].names.append(name)
    alike[key].costs.append(cost)
    for mine, more in zip(alike[key].baselines, baselines, strict=True):
        mine.add(more)


def _baseline(w: Writer, value: SSAValue | None) -> _Baseline:
    match None if value is None else value.owner:
        case None:
            return _Baseline()
        case estim.RunningMeanOp() as op:
            return _Baseline({op.decay.value.data: [w.expression(op.cost)]})
        case estim.LeaveOneOutOp() as op:
            return _Baseline(others=[w.expression(op.cost)])
        case lax.ConstantOp() as op if op.value.splat == 0:
            return _Baseline()
        case _:
            return _Baseline() if value is None else _Baseline(values=[w.expression(value)])


def _along(x: Expression, axes: Sequence[int]) -> Expression:
    """x summed over all but these of its axes, which come in this order."""
    w, kept = x.writer, sorted(axes)
    summed = w.sum(x, [k for k in range(len(x.shape)) if k not in kept])
    if kept == list(axes):
        return summed
    order = [kept.index(k) for k in axes]
    return w.expression(w.insert(lax.TransposeOp(summed.value, order)))


def _attached(
    w: Writer, u: Expression, kept: Sequence[int], weight: _Weight, state: Callable[[], str]
) -> SSAValue:
    """0, with the derivative of the upstream times its weight."""
    total = _total(weight.costs)
    for term in weight.baseline.written(w, state):
        total = total - term
    carrier = w.stop_gradient(total) * _along(u, kept)
    zero = w.constant(carrier.value.type, 0.0)
    return w.insert(estim.AttachOp(zero.value, carrier.value))


def _total(terms: Sequence[Expression]) -> Expression:
    """The sum, from the last one back: sums that end alike share that end (by `cse`)."""
    total = terms[-1]
    for term in reversed(terms[:-1]):
        total = total + term
    return total


def _site(upstream: SSAValue) -> str:
    choice = origin(upstream)
    return "choices" if choice is None else choice.site.data
