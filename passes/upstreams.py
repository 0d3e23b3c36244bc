"""Upstream log densities, element by element, brought to the axes of the addend that they weigh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import BoolAttr, StringAttr, TensorType, i32
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import dist, estim, lax, prob
from relbo_ir.dialects.lax import ints, shape_of
from relbo_ir.dialects.tensors import with_shape
from relbo_ir.passes.analyses.dependence.facts import Along, Dependence, Ints, span
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.rewriting import replace

_LARGEST_MASK = 1 << 20
"""Elements of a constant 0-1 matrix; where it would be larger, the upstream is summed whole."""
_MOST_SHIFTS = 8
"""Of an array of densities, the sum of which is that over windows; wider ones take a matrix."""


def element_density(w: Writer, choice: prob.SampleOp) -> Expression:
    """log q of every element of a choice that is drawn by itself, at the draw."""
    law = _elements(w, choice.law)
    density = prob.LogDensityOp(law, choice.value, dist.float_element(law))
    density.location = choice.location
    return w.expression(w.insert(density))


def upstreams_of(scores: Sequence[estim.ScoreOp]) -> list[SSAValue]:
    """The upstreams of scores, each once."""
    return list(dict.fromkeys(u for score in scores for u in score.upstream))


def parts_of(upstream: SSAValue) -> list[SSAValue]:
    """The log densities that an upstream is the sum of: itself, but where it is a joint one."""
    return list(op.parts) if isinstance(op := upstream.owner, estim.JointOp) else [upstream]


def parted(score: estim.ScoreOp) -> estim.ScoreOp:
    """The score in its place with the parts of joint upstreams for these, of the same baselines."""
    upstream: list[SSAValue] = []
    maps: list[tuple[int, ...]] = []
    baselines: list[SSAValue] = []
    for n, (value, axes) in enumerate(zip(score.upstream, score.axis_maps, strict=True)):
        for part in parts_of(value):
            upstream.append(part)
            maps.append(axes if part is value else (-1,) * len(shape_of(part)))
            baselines += score.baselines[n : n + 1]
    new = estim.ScoreOp(score.cost, upstream, maps, baselines)
    new.location = score.location
    Writer(InsertPoint.before(score)).insert(new)
    replace(score, [new.result])
    return new


def origin(upstream: SSAValue) -> prob.SampleOp | None:
    """
    The choice whose log density an upstream was made of; None where densities are expanded, and of
    a joint one.
    """
    op = upstream.owner
    whole = (prob.LogDensityOp, estim.JointOp)
    while isinstance(op, Operation) and not isinstance(op, whole) and op.operands:
        op = op.operands[0].owner
    if not isinstance(op, prob.LogDensityOp):
        return None
    draw = op.value.owner
    return draw if isinstance(draw, prob.SampleOp) else None


def unknown_upstreams(scores: Sequence[estim.ScoreOp]) -> set[SSAValue]:
    """The upstreams of which it is not known any more whose log densities they are."""
    return {u for u in upstreams_of(scores) if any(origin(p) is None for p in parts_of(u))}


def _elements(w: Writer, law: SSAValue) -> SSAValue:
    """The law without the wrappers that count independent axes as one event."""
    match law.owner:
        case dist.IndependentOp() as op:
            return _elements(w, op.base)
        case dist.ExpandOp() as op:
            base = _elements(w, op.base)
            if base is op.base:
                return law
            inner, outer = dist.law_of(base), dist.law_of(law)
            joint = len(inner.value.get_shape()) - len(inner.batch_shape)
            shape = outer.value.get_shape()
            return w.insert(dist.ExpandOp(base, shape[: len(shape) - joint]))
        case dist.TransformedOp() as op:
            base = _elements(w, op.base)
            if base is op.base:
                return law
            return w.insert(dist.TransformedOp(base, op.transform.data, list(op.arguments)))
        case _:
            return law


def refined(
    w: Writer, density: Expression, fact: Dependence, whole_axes: bool = False
) -> tuple[Expression, tuple[int, ...]]:
    """
    The upstream of an addend and its axis map, from the element densities of a choice and what the
    addend reads of it: for every element of the addend, the sum over the elements that it reads.
    With `whole_axes`, an axis of the choice is either read pointwise or summed whole.
    """
    axes: list[int] = []
    for k, along in enumerate(fact.along):
        target = None if _all_alike(along) else along.axis
        if target is None or target in axes or (whole_axes and not along.is_pointwise):
            density = density if whole_axes else _interval(w, density, k, along.hull)
            axes.append(-1)
            continue
        aligned = _aligned(w, density, k, along)
        axes.append(target if aligned is not None else -1)
        density = density if aligned is None else aligned
    if not whole_axes:
        for target, (start, stop) in enumerate(fact.box):
            if target not in axes and (start, stop) != (0, fact.shape[target]):
                wide = (*density.shape, stop - start)
                type_ = with_shape(density.value.type, wide)
                spread = lax.BroadcastInDimOp(density.value, type_, range(len(density.shape)))
                density = w.expression(w.insert(spread))
                after = fact.shape[target] - stop
                density = _padded(w, density, len(wide) - 1, start, after)
                axes.append(target)
    return density, tuple(axes)


def _all_alike(along: Along) -> bool:
    """Every element of the addend reads the same of the choice's axis."""
    hull = along.hull
    same = np.all(along.low == hull.low) and np.all(along.high == hull.high)
    return along.index is None and bool(same)


def mapped(
    w: Writer, upstream: Expression, axes: tuple[int, ...], shape: tuple[int, ...]
) -> Expression:
    """The upstream summed over its own axes, its others where the map puts them, broadcastable."""
    kept = [k for k in axes if k != -1]
    summed = w.sum(upstream, [n for n, k in enumerate(axes) if k == -1])
    if not kept:
        return summed
    if kept != sorted(kept):
        order = sorted(range(len(kept)), key=lambda n: kept[n])
        summed = w.expression(w.insert(lax.TransposeOp(summed.value, order)))
    wide = with_shape(summed.value.type, shape)
    return w.expression(w.insert(lax.BroadcastInDimOp(summed.value, wide, sorted(kept))))


def _interval(w: Writer, density: Expression, axis: int, along: Along) -> Expression:
    return _cut(w, density, axis, int(along.low), int(along.high) + 1)


def _cut(w: Writer, x: Expression, axis: int, start: int, stop: int) -> Expression:
    """Elements start to stop − 1 along an axis."""
    shape = x.shape
    if (start, stop) == (0, shape[axis]):
        return x
    low, high = [0] * len(shape), list(shape)
    low[axis], high[axis] = start, stop
    kept = [b - a for a, b in zip(low, high, strict=True)]
    type_ = with_shape(x.value.type, kept)
    return w.expression(w.insert(lax.SliceOp(x.value, type_, low, high, [1] * len(shape))))


def _padded(w: Writer, x: Expression, axis: int, before: int, after: int) -> Expression:
    """Zeros before and after along an axis."""
    if before == after == 0:
        return x
    shape = list(x.shape)
    shape[axis] += before + after
    low, high = [0] * len(shape), [0] * len(shape)
    low[axis], high[axis] = before, after
    zero = w.constant(with_shape(x.value.type, ()), 0.0)
    pad = lax.PadOp.create(
        operands=[x.value, zero.value],
        result_types=[with_shape(x.value.type, shape)],
        properties={"low": ints(low), "high": ints(high), "interior": ints([0] * len(shape))},
    )
    return w.expression(w.insert(pad))


def _aligned(w: Writer, u: Expression, axis: int, along: Along) -> Expression | None:
    """u with its axis replaced by the value's: element i is the sum over what i reads."""
    if along.index is not None:
        return _gathered(w, u, axis, along.index, len(along.low), "clip")
    empty = along.low > along.high
    low, high = along.low, along.high
    if np.all(empty | (low == high)):
        return _taken(w, u, axis, np.where(empty, -1, low))
    if np.all(empty | (low == 0)):
        return _taken(w, _running(w, u, axis, reverse=False), axis, np.where(empty, -1, high))
    if np.all(empty | (high == along.size - 1)):
        return _taken(w, _running(w, u, axis, reverse=True), axis, np.where(empty, -1, low))
    places = span(0, len(low))
    if (high - places)[~empty].max() - (low - places)[~empty].min() < _MOST_SHIFTS:
        return _shifted(w, u, axis, along)
    if len(low) * along.size > _LARGEST_MASK:
        return None
    return _windows(w, u, axis, along)


def _running(w: Writer, u: Expression, axis: int, reverse: bool) -> Expression:
    op = lax.CumsumOp.create(
        operands=[u.value],
        result_types=[u.value.type],
        properties={"axis": lax.integer(axis), "reverse": BoolAttr.from_bool(reverse)},
    )
    return w.expression(w.insert(op))


def _taken(w: Writer, u: Expression, axis: int, source: Ints) -> Expression:
    """Element i along the axis is element source[i], 0 where that is −1."""
    used = np.flatnonzero(source >= 0)
    first, last = int(used[0]), int(used[-1])
    run = source[first : last + 1]
    if np.array_equal(run, span(int(run[0]), int(run[0]) + len(run))):
        cut = _cut(w, u, axis, int(run[0]), int(run[-1]) + 1)
        return _padded(w, cut, axis, first, len(source) - last - 1)
    n = u.shape[axis]
    rows = np.where(source < 0, n, source)
    type_ = TensorType(i32, [len(rows), 1])
    index = w.insert(lax.ConstantOp.of(type_, [int(k) for k in rows]))
    return _gathered(w, u, axis, index, len(rows), "fill")


def _gathered(
    w: Writer, u: Expression, axis: int, index: SSAValue, count: int, mode: str
) -> Expression:
    """Rows of u at indices (count, 1) along an axis; `fill` puts 0 for those out of bounds."""
    shape = list(u.shape)
    sizes = [1 if k == axis else n for k, n in enumerate(shape)]
    shape[axis] = count
    scalar = with_shape(u.value.type, ())
    zero = lax.ConstantOp.splat(scalar, 0.0).value if mode == "fill" else None
    gather = lax.GatherOp.create(
        operands=[u.value, index],
        result_types=[with_shape(u.value.type, shape)],
        properties={
            "offset_dims": ints([k for k in range(len(shape)) if k != axis]),
            "collapsed_slice_dims": ints([axis]),
            "operand_batching_dims": ints([]),
            "start_indices_batching_dims": ints([]),
            "start_index_map": ints([axis]),
            "slice_sizes": ints(sizes),
            "indices_are_sorted": BoolAttr.from_bool(False),
            "unique_indices": BoolAttr.from_bool(False),
            "mode": StringAttr(mode),
            **({} if zero is None else {"fill_value": zero}),
        },
    )
    return w.expression(w.insert(gather))


def _shifted(w: Writer, u: Expression, axis: int, along: Along) -> Expression:
    """Sums over short intervals near to the elements, each a sum of shifts of u."""
    low, high, places = along.low, along.high, span(0, len(along.low))
    some = low <= high
    offsets = span(int((low - places)[some].min()), int((high - places)[some].max()) + 1)
    parts = [np.where((low <= k) & (k <= high), k, -1) for k in places + offsets[:, None]]
    total, *others = [_taken(w, u, axis, part) for part in parts if np.any(part >= 0)]
    for part in others:
        total = total + part
    return total


def _windows(w: Writer, u: Expression, axis: int, along: Along) -> Expression:
    """Sums over any intervals, by a constant matrix of zeros and ones."""
    places = np.arange(along.size)
    mask = (places >= along.low[:, None]) & (places <= along.high[:, None])
    type_ = with_shape(u.value.type, mask.shape)
    matrix = w.insert(lax.ConstantOp.of(type_, mask.astype(float).ravel().tolist()))
    rest = [n for k, n in enumerate(u.shape) if k != axis]
    dot = lax.DotGeneralOp.create(
        operands=[u.value, matrix],
        result_types=[with_shape(u.value.type, (*rest, len(mask)))],
        properties={
            "x_contract": ints([axis]),
            "y_contract": ints([1]),
            "x_batch": ints([]),
            "y_batch": ints([]),
        },
    )
    summed = w.expression(w.insert(dot))
    order = [*range(axis), len(rest), *range(axis, len(rest))]
    if order == list(range(len(order))):
        return summed
    return w.expression(w.insert(lax.TransposeOp(summed.value, order)))
