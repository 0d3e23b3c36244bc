"""Rules for deterministic ops that keep, move or combine elements."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from xdsl.ir import Operation

from relbo_ir.dialects import estim, lax
from relbo_ir.dialects.lax import shape_of, tuple_of
from relbo_ir.passes.analyses.dependence.facts import Dependence, span
from relbo_ir.passes.analyses.dependence.table import Facts, Move, each, join, rule, trailing


@rule(lax.ElementwiseOp, lax.ConvertOp, lax.IntegerPowOp)
def _elementwise(op: Operation, facts: list[Facts]) -> list[Facts]:
    return [join(facts)]


@rule(lax.SelectNOp, lax.ClampOp)
def _with_scalars(op: lax.SelectNOp | lax.ClampOp, facts: list[Facts]) -> list[Facts]:
    shape = shape_of(op.result)
    return [join(each(f, lambda d: trailing(d, shape)) for f in facts)]


@rule(estim.ScoreOp, estim.AttachOp)
def _weighed(op: Operation, facts: list[Facts]) -> list[Facts]:
    return [facts[0]]  # its value is that of what is weighed


@rule(estim.AntitheticOp)
def _twin(op: estim.AntitheticOp, facts: list[Facts]) -> list[Facts]:
    return [facts[0]]  # of the noise of its draw, element by element


@rule(lax.BroadcastInDimOp)
def _broadcast(op: lax.BroadcastInDimOp, facts: list[Facts]) -> list[Facts]:
    shape, dimensions = shape_of(op.result), tuple_of(op.dimensions)
    return [each(facts[0], lambda d: d.broadcast(shape, dimensions))]


@rule(lax.ReshapeOp)
def _reshape(op: lax.ReshapeOp, facts: list[Facts]) -> list[Facts]:
    return [each(facts[0], lambda d: d.reshape(shape_of(op.result)))]


@rule(lax.SqueezeOp)
def _squeeze(op: lax.SqueezeOp, facts: list[Facts]) -> list[Facts]:
    return [each(facts[0], lambda d: d.drop_axes(tuple_of(op.dimensions)))]


@rule(lax.TransposeOp)
def _transpose(op: lax.TransposeOp, facts: list[Facts]) -> list[Facts]:
    return [each(facts[0], lambda d: d.transpose(tuple_of(op.permutation)))]


@rule(lax.ReductionOp)
def _reduction(op: lax.ReductionOp, facts: list[Facts]) -> list[Facts]:
    return [each(facts[0], lambda d: d.drop_axes(tuple_of(op.axes)))]


@rule(lax.ArgumentOp)
def _argument(op: lax.ArgumentOp, facts: list[Facts]) -> list[Facts]:
    return [each(facts[0], lambda d: d.drop_axes([op.axis.value.data]))]


@rule(lax.CumulativeOp)
def _cumulative(op: lax.CumulativeOp, facts: list[Facts]) -> list[Facts]:
    return [each(facts[0], lambda d: d.running(op.axis.value.data, bool(op.reverse)))]


@rule(lax.SortOp)
def _sort(op: lax.SortOp, facts: list[Facts]) -> list[Facts]:
    exchanged = each(join(facts), lambda d: d.forget([op.dimension.value.data]))
    return [exchanged for _ in op.results]


@rule(lax.RevOp)
def _reverse(op: lax.RevOp, facts: list[Facts]) -> list[Facts]:
    def move(d: Dependence) -> Dependence:
        for axis in tuple_of(op.dimensions):
            n = d.shape[axis]
            d = d.forget([axis]) if n == 1 else d.take(axis, span(0, n)[::-1])
        return d

    return [each(facts[0], move)]


@rule(lax.SliceOp)
def _slice(op: lax.SliceOp, facts: list[Facts]) -> list[Facts]:
    bounds = list(zip(*map(tuple_of, (op.start, op.limit, op.strides)), strict=True))

    def move(d: Dependence) -> Dependence:
        for axis, (start, limit, stride) in enumerate(bounds):
            d = d.take(axis, span(start, limit, stride))
        return d

    return [each(facts[0], move)]


@rule(lax.PadOp)
def _pad(op: lax.PadOp, facts: list[Facts]) -> list[Facts]:
    shape = shape_of(op.result)
    config = list(zip(*map(tuple_of, (op.low, op.interior)), strict=True))

    def move(d: Dependence) -> Dependence:
        for axis, (low, interior) in enumerate(config):
            places = low + span(0, d.shape[axis]) * (interior + 1)
            kept = (places >= 0) & (places < shape[axis])
            source = np.full(shape[axis], -1)
            source[places[kept]] = np.flatnonzero(kept)
            d = d.take(axis, source)
        return d

    padding = each(facts[1], lambda d: trailing(d, shape))
    return [join([each(facts[0], move), padding])]


def _placed(axis: int, start: int, count: int) -> Move:
    """An array as a part of a longer one along an axis."""

    def move(d: Dependence) -> Dependence:
        source = np.full(count, -1)
        source[start : start + d.shape[axis]] = span(0, d.shape[axis])
        return d.take(axis, source)

    return move


@rule(lax.ConcatenateOp)
def _concatenate(op: lax.ConcatenateOp, facts: list[Facts]) -> list[Facts]:
    axis = op.dimension.value.data
    starts = [0, *accumulate(shape_of(x)[axis] for x in op.xs)]
    parts = zip(facts, starts[:-1], strict=True)
    return [join(each(f, _placed(axis, s, starts[-1])) for f, s in parts)]


@rule(lax.StackOp)
def _stack(op: lax.StackOp, facts: list[Facts]) -> list[Facts]:
    axis, count = op.axis.value.data, len(op.xs)

    def layer(place: int) -> Move:
        def move(d: Dependence) -> Dependence:
            shape = (*d.shape[:axis], 1, *d.shape[axis:])
            thin = d.broadcast(shape, [k for k in range(len(shape)) if k != axis])
            return _placed(axis, place, count)(thin)

        return move

    return [join(each(f, layer(k)) for k, f in enumerate(facts))]


@rule(lax.UnstackOp)
def _unstack(op: lax.UnstackOp, facts: list[Facts]) -> list[Facts]:
    axis = op.axis.value.data

    def layer(place: int) -> Move:
        return lambda d: d.take(axis, np.array([place])).drop_axes([axis])

    return [each(facts[0], layer(k)) for k in range(len(op.results))]


@rule(lax.SplitOp)
def _split(op: lax.SplitOp, facts: list[Facts]) -> list[Facts]:
    axis = op.axis.value.data
    ends = [0, *accumulate(tuple_of(op.sizes))]

    def piece(k: int) -> Move:
        return lambda d: d.take(axis, span(ends[k], ends[k + 1]))

    return [each(facts[0], piece(k)) for k in range(len(op.results))]


@rule(lax.DotGeneralOp)
def _dot_general(op: lax.DotGeneralOp, facts: list[Facts]) -> list[Facts]:
    shape, batch = shape_of(op.result), len(tuple_of(op.x_batch))
    x_free = len(shape_of(op.x)) - batch - len(tuple_of(op.x_contract))

    def side(batched: Sequence[int], contracted: Sequence[int], start: int) -> Move:
        def move(d: Dependence) -> Dependence:
            free = [k for k in range(len(d.shape)) if k not in (*batched, *contracted)]
            order = d.transpose([*batched, *free, *contracted])
            kept = order.drop_axes(range(len(batched) + len(free), len(order.shape)))
            places = [*range(batch), *range(start, start + len(free))]
            return kept.broadcast(shape, places)

        return move

    x = side(tuple_of(op.x_batch), tuple_of(op.x_contract), batch)
    y = side(tuple_of(op.y_batch), tuple_of(op.y_contract), batch + x_free)
    return [join([each(facts[0], x), each(facts[1], y)])]
