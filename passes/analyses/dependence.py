"""
Which elements of which choices every value depends on, read off the SSA graph.

Dependence follows values, not derivatives: `stop_gradient` passes it on, a draw depends on what
its law reads, and so do all that read the draw. An op without a rule gives the conservative
answer, that every element reads all that any operand reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from xdsl.dialects.func import CallOp
from xdsl.ir import Block, Operation, SSAValue

from relbo_ir.dialects import dist, estim, lax, prob
from relbo_ir.dialects.lax import shape_of, tuple_of
from relbo_ir.dialects.prob import LawType
from relbo_ir.passes.analyses.dependence_facts import Dependence
from relbo_ir.passes.analyses.laws import joint_rank
from relbo_ir.passes.analyses.walker import Order, Walker

Facts = Mapping[prob.SampleOp, Dependence]
"""By choice; a choice that is absent is not read at all."""

OpT = TypeVar("OpT", bound=Operation)
_Move = Callable[[Dependence], Dependence]
_RuleOf = Callable[[OpT, list[Facts]], list[Facts]]
_NOTHING: Facts = {}
_RULES: dict[type[Operation], _RuleOf[Operation]] = {}


class DependenceOf(Walker[Facts]):
    """The dependence of every value of a block on the given choices."""

    def __init__(self, block: Block, choices: Iterable[prob.SampleOp]):
        super().__init__(Order(block), _NOTHING)
        self._choices = set(choices)
        for choice in self._choices:
            self.record(choice.value, self._own(choice))
        self.walk()

    @staticmethod
    def _own(choice: prob.SampleOp) -> Facts:
        return {choice: Dependence.identity(shape_of(choice.value), joint_rank(choice.law))}

    def rule(self, op: Operation, facts: list[Facts]) -> Sequence[Facts]:
        match op:
            case prob.SampleOp():
                own = self._own(op) if op in self._choices else _NOTHING
                return [join([facts[0], own])]
            case lax.CustomJvpOp() | lax.CustomVjpOp():
                return self.call(op, op.function, facts) or everywhere(op, facts)
            case CallOp():
                return self.call(op, op.callee, facts) or everywhere(op, facts)
            case _ if op.regions:
                captured = [self.of(v) for inner in op.walk() for v in inner.operands]
                return everywhere(op, captured)
            case _:
                rule = next((_RULES[c] for c in type(op).__mro__ if c in _RULES), everywhere)
                return [_mixed_by(f, op, facts) for f in rule(op, facts)]


def join(facts: Iterable[Facts]) -> Facts:
    """What is read by a value that is computed element by element from several."""
    result: dict[prob.SampleOp, Dependence] = {}
    for fact in facts:
        for choice, dependence in fact.items():
            known = result.get(choice)
            result[choice] = dependence if known is None else known.join(dependence)
    return result or _NOTHING


def everywhere(op: Operation, facts: list[Facts]) -> list[Facts]:
    """The conservative answer: every element of every result reads all, inside of regions too."""
    inside = [f for f in facts if f]
    read = join([{c: d.everywhere(()) for c, d in f.items()} for f in inside])
    return [{c: d.everywhere(_shape(r)) for c, d in read.items()} for r in op.results]


def _mixed_by(fact: Facts, op: Operation, before: list[Facts]) -> Facts:
    """Notes the op as the mixer of what was pointwise in all its operands and no longer is."""
    for choice, dependence in fact.items():
        if dependence.mixer is None and not dependence.is_pointwise:
            known = [f[choice] for f in before if choice in f]
            if known and all(d.is_pointwise for d in known):
                fact = {**fact, choice: dependence.mixed_by(op, known[0])}
    return fact


def _shape(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor, or of a draw of a law."""
    return value.type.value.get_shape() if isinstance(value.type, LawType) else shape_of(value)


def _each(fact: Facts, move: _Move) -> Facts:
    moved = ((choice, move(dependence)) for choice, dependence in fact.items())
    return {choice: d for choice, d in moved if not d.is_empty} or _NOTHING


def _rule(*classes: type[OpT]) -> Callable[[_RuleOf[OpT]], _RuleOf[OpT]]:
    """Registers the rule of op classes: a result's facts from those of the operands."""

    def register(function: _RuleOf[OpT]) -> _RuleOf[OpT]:
        def rule(op: Operation, facts: list[Facts]) -> list[Facts]:
            if not isinstance(op, classes):
                raise TypeError(op.name)
            return function(op, facts)

        _RULES.update(dict.fromkeys(classes, rule))
        return function

    return register


@_rule(lax.ElementwiseOp, lax.ConvertOp, lax.IntegerPowOp)
def _elementwise(op: Operation, facts: list[Facts]) -> list[Facts]:
    return [join(facts)]


@_rule(lax.SelectNOp, lax.ClampOp)
def _with_scalars(op: lax.SelectNOp | lax.ClampOp, facts: list[Facts]) -> list[Facts]:
    shape = shape_of(op.result)
    return [join(_each(f, lambda d: _trailing(d, shape)) for f in facts)]


def _trailing(d: Dependence, shape: tuple[int, ...]) -> Dependence:
    """Broadcast by NumPy's rule."""
    return d.broadcast(shape, range(len(shape) - len(d.shape), len(shape)))


@_rule(estim.ScoreOp, estim.AttachOp)
def _weighed(op: Operation, facts: list[Facts]) -> list[Facts]:
    return [facts[0]]  # its value is that of what is weighed


@_rule(lax.BroadcastInDimOp)
def _broadcast(op: lax.BroadcastInDimOp, facts: list[Facts]) -> list[Facts]:
    shape, dimensions = shape_of(op.result), tuple_of(op.dimensions)
    return [_each(facts[0], lambda d: d.broadcast(shape, dimensions))]


@_rule(lax.ReshapeOp, lax.SqueezeOp)
def _reshape(op: lax.ReshapeOp | lax.SqueezeOp, facts: list[Facts]) -> list[Facts]:
    return [_each(facts[0], lambda d: d.reshape(shape_of(op.result)))]


@_rule(lax.TransposeOp)
def _transpose(op: lax.TransposeOp, facts: list[Facts]) -> list[Facts]:
    return [_each(facts[0], lambda d: d.transpose(tuple_of(op.permutation)))]


@_rule(lax.ReductionOp)
def _reduction(op: lax.ReductionOp, facts: list[Facts]) -> list[Facts]:
    return [_each(facts[0], lambda d: d.drop_axes(tuple_of(op.axes)))]


@_rule(lax.ArgumentOp)
def _argument(op: lax.ArgumentOp, facts: list[Facts]) -> list[Facts]:
    return [_each(facts[0], lambda d: d.drop_axes([op.axis.value.data]))]


@_rule(lax.CumulativeOp)
def _cumulative(op: lax.CumulativeOp, facts: list[Facts]) -> list[Facts]:
    return [_each(facts[0], lambda d: d.running(op.axis.value.data, bool(op.reverse)))]


@_rule(lax.SortOp)
def _sort(op: lax.SortOp, facts: list[Facts]) -> list[Facts]:
    exchanged = _each(join(facts), lambda d: d.forget([op.dimension.value.data]))
    return [exchanged for _ in op.results]


@_rule(lax.RevOp)
def _reverse(op: lax.RevOp, facts: list[Facts]) -> list[Facts]:
    def move(d: Dependence) -> Dependence:
        for axis in tuple_of(op.dimensions):
            d = d.take(axis, np.arange(d.shape[axis])[::-1])
        return d

    return [_each(facts[0], move)]


@_rule(lax.SliceOp)
def _slice(op: lax.SliceOp, facts: list[Facts]) -> list[Facts]:
    bounds = list(zip(*map(tuple_of, (op.start, op.limit, op.strides)), strict=True))

    def move(d: Dependence) -> Dependence:
        for axis, (start, limit, stride) in enumerate(bounds):
            d = d.take(axis, np.arange(start, limit, stride))
        return d

    return [_each(facts[0], move)]


@_rule(lax.PadOp)
def _pad(op: lax.PadOp, facts: list[Facts]) -> list[Facts]:
    shape = shape_of(op.result)
    config = list(zip(*map(tuple_of, (op.low, op.interior)), strict=True))

    def move(d: Dependence) -> Dependence:
        for axis, (low, interior) in enumerate(config):
            places = low + np.arange(d.shape[axis]) * (interior + 1)
            kept = (places >= 0) & (places < shape[axis])
            source = np.full(shape[axis], -1)
            source[places[kept]] = np.flatnonzero(kept)
            d = d.take(axis, source)
        return d

    padding = _each(facts[1], lambda d: _trailing(d, shape))
    return [join([_each(facts[0], move), padding])]


def _placed(axis: int, start: int, count: int) -> _Move:
    """An array as a part of a longer one along an axis."""

    def move(d: Dependence) -> Dependence:
        source = np.full(count, -1)
        source[start : start + d.shape[axis]] = np.arange(d.shape[axis])
        return d.take(axis, source)

    return move


@_rule(lax.ConcatenateOp)
def _concatenate(op: lax.ConcatenateOp, facts: list[Facts]) -> list[Facts]:
    axis = op.dimension.value.data
    starts = np.cumsum([0, *(shape_of(x)[axis] for x in op.xs)])
    parts = zip(facts, starts[:-1], strict=True)
    return [join(_each(f, _placed(axis, int(s), int(starts[-1]))) for f, s in parts)]


@_rule(lax.StackOp)
def _stack(op: lax.StackOp, facts: list[Facts]) -> list[Facts]:
    axis, count = op.axis.value.data, len(op.xs)

    def layer(place: int) -> _Move:
        def move(d: Dependence) -> Dependence:
            shape = (*d.shape[:axis], 1, *d.shape[axis:])
            thin = d.broadcast(shape, [k for k in range(len(shape)) if k != axis])
            return _placed(axis, place, count)(thin)

        return move

    return [join(_each(f, layer(k)) for k, f in enumerate(facts))]


@_rule(lax.UnstackOp)
def _unstack(op: lax.UnstackOp, facts: list[Facts]) -> list[Facts]:
    axis = op.axis.value.data

    def layer(place: int) -> _Move:
        return lambda d: d.take(axis, np.array([place])).drop_axes([axis])

    return [_each(facts[0], layer(k)) for k in range(len(op.results))]


@_rule(lax.SplitOp)
def _split(op: lax.SplitOp, facts: list[Facts]) -> list[Facts]:
    axis = op.axis.value.data
    ends = np.cumsum([0, *tuple_of(op.sizes)])

    def piece(k: int) -> _Move:
        return lambda d: d.take(axis, np.arange(ends[k], ends[k + 1]))

    return [_each(facts[0], piece(k)) for k in range(len(op.results))]


@_rule(lax.DotGeneralOp)
def _dot_general(op: lax.DotGeneralOp, facts: list[Facts]) -> list[Facts]:
    shape, batch = shape_of(op.result), len(tuple_of(op.x_batch))
    x_free = len(shape_of(op.x)) - batch - len(tuple_of(op.x_contract))

    def side(batched: Sequence[int], contracted: Sequence[int], start: int) -> _Move:
        def move(d: Dependence) -> Dependence:
            free = [k for k in range(len(d.shape)) if k not in (*batched, *contracted)]
            order = d.transpose([*batched, *free, *contracted])
            kept = order.drop_axes(range(len(batched) + len(free), len(order.shape)))
            places = [*range(batch), *range(start, start + len(free))]
            return kept.broadcast(shape, places)

        return move

    x = side(tuple_of(op.x_batch), tuple_of(op.x_contract), batch)
    y = side(tuple_of(op.y_batch), tuple_of(op.y_contract), batch + x_free)
    return [join([_each(facts[0], x), _each(facts[1], y)])]


@_rule(prob.LogDensityOp)
def _log_density(op: prob.LogDensityOp, facts: list[Facts]) -> list[Facts]:
    rank, event = len(shape_of(op.value)), dist.law_of(op.law).event_rank.data
    return [_each(join(facts), lambda d: d.drop_axes(range(rank - event, rank)))]


@_rule(dist.FamilyOp)
def _family(op: dist.FamilyOp, facts: list[Facts]) -> list[Facts]:
    """A draw reads each parameter at its own batch element; what is one joint draw reads it all."""
    law = dist.law_of(op.result)
    shape, batch = law.value.get_shape(), len(law.batch_shape)

    def at_draw(events: int) -> _Move:
        def move(d: Dependence) -> Dependence:
            own = d.drop_axes(range(len(d.shape) - events, len(d.shape)))
            return own.broadcast(shape, range(batch - len(own.shape), batch))

        return move

    names = op.FAMILY.parameters
    event = [1 if name in op.FAMILY.event_parameters else 0 for name in names]
    return [join(_each(f, at_draw(n)) for f, n in zip(facts, event, strict=True))]


@_rule(dist.IndependentOp)
def _independent(op: dist.IndependentOp, facts: list[Facts]) -> list[Facts]:
    return [facts[0]]


@_rule(dist.ExpandOp, dist.TransformedOp)
def _wrapper(op: dist.ExpandOp | dist.TransformedOp, facts: list[Facts]) -> list[Facts]:
    shape = dist.law_of(op.result).value.get_shape()
    return [join(_each(f, lambda d: _trailing(d, shape)) for f in facts)]


@_rule(lax.DynamicSliceOp)
def _dynamic_slice(op: lax.DynamicSliceOp, facts: list[Facts]) -> list[Facts]:
    shape, whole = shape_of(op.result), shape_of(op.x)

    def move(d: Dependence) -> Dependence:
        for axis, (n, start) in enumerate(zip(shape, op.starts, strict=True)):
            if n == whole[axis]:
                continue
            first = _constant(start)
            if first is None:
                d = _anywhere(d, axis, n)
            else:
                begin = min(max(int(first), 0), whole[axis] - n)
                d = d.take(axis, np.arange(begin, begin + n))
        return d

    starts = everywhere(op, facts[1:])[0]
    return [join([_each(facts[0], move), starts])]


def _anywhere(d: Dependence, axis: int, count: int) -> Dependence:
    """`count` elements along an axis from places that are not known."""
    hull = d.drop_axes([axis])
    shape = (*d.shape[:axis], count, *d.shape[axis + 1 :])
    return hull.broadcast(shape, [k for k in range(len(shape)) if k != axis])


def _constant(value: SSAValue) -> npt.NDArray[np.int64] | None:
    owner = value.owner
    if not isinstance(owner, lax.ConstantOp):
        return None
    numbers = np.asarray(owner.value.values, np.int64)
    shape = shape_of(value)
    return (
        np.broadcast_to(numbers, shape) if owner.value.splat is not None else numbers.reshape(shape)
    )


@_rule(lax.GatherOp)
def _gather(op: lax.GatherOp, facts: list[Facts]) -> list[Facts]:
    """Rows along one axis; what is gathered in another way is read everywhere."""
    axis = _rows_axis(op)
    if axis is None:
        return everywhere(op, facts)
    shape, offsets = shape_of(op.result), tuple_of(op.offset_dims)
    rows = [k for k in range(len(shape)) if k not in offsets]
    picked = _constant(op.indices)

    def move(d: Dependence) -> Dependence:
        if len(rows) != 1:
            return d.drop_axes([axis]).broadcast(shape, offsets)
        if picked is not None:
            flat = picked.reshape(-1)
            inside = (flat >= 0) & (flat < d.shape[axis])
            clipped = np.clip(flat, 0, d.shape[axis] - 1)
            source = clipped if op.mode.data == "clip" else np.where(inside, flat, -1)
            moved = d.take(axis, source)
        else:
            moved = d.indexed(axis, op.indices, shape[rows[0]])
        order = [k for k in range(len(shape)) if k != axis]
        places = dict(zip(order, offsets, strict=True)) | {axis: rows[0]}
        return moved.transpose([k for k, _ in sorted(places.items(), key=lambda p: p[1])])

    def index(d: Dependence) -> Dependence:
        return d.drop_axes([len(d.shape) - 1]).broadcast(shape, rows)

    free = not facts[1]
    read = move if free else lambda d: d.drop_axes([axis]).broadcast(shape, offsets)
    return [join([_each(facts[0], read), _each(facts[1], index)])]


def _rows_axis(op: lax.GatherOp) -> int | None:
    """The axis along which whole rows are taken, one for each index."""
    start, collapsed = tuple_of(op.start_index_map), tuple_of(op.collapsed_slice_dims)
    if len(start) != 1 or start != collapsed or tuple_of(op.operand_batching_dims):
        return None
    sizes, whole = tuple_of(op.slice_sizes), shape_of(op.x)
    rest = all(n == m for k, (n, m) in enumerate(zip(sizes, whole, strict=True)) if k != start[0])
    return start[0] if rest else None
