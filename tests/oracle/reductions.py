"""What the reductions, running reductions and contractions compute, with their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

import numpy as np

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import tuple_of

from .dual import Array, Dual, bilinear, chain, fold, linear, linear_together, times, total
from .elementwise import binary

_RUNNING = {
    "lax.cumprod": "mul",
    "lax.cummax": "max",
    "lax.cummin": "min",
    "lax.cumlogsumexp": "logaddexp",
}


def logsumexp(x: Dual, axes: Sequence[int]) -> Dual:
    """log Σ eˣ along axes; −∞ where all elements are."""
    where = tuple(k + 1 for k in axes)
    largest = np.max(x.value, axis=where, keepdims=True)
    shift = np.where(np.isfinite(largest), largest, 0.0)
    kept = np.log(np.sum(np.exp(x.value - shift), axis=where, keepdims=True)) + shift
    weights = np.where(np.isneginf(x.value), 0.0, np.exp(x.value - kept))
    return _along(x, weights, np.squeeze(kept, axis=where), axes)


def _along(x: Dual, weights: Array, value: Array, axes: Sequence[int]) -> Dual:
    """`value` with the derivative Σ weights·ẋ along the axes."""
    if x.tangent is None:
        return Dual(value)
    terms = times(x.tangent, weights)
    return Dual(value, np.sum(terms, axis=tuple(k + 2 for k in axes)))


def _extreme(x: Dual, axes: Sequence[int], largest: bool) -> Dual:
    where = tuple(k + 1 for k in axes)
    best = (np.max if largest else np.min)(x.value, axis=where, keepdims=True)
    equal = x.value == best
    weights = equal / np.sum(equal, axis=where, keepdims=True)
    return _along(x, weights, np.squeeze(best, axis=where), axes)


def _prod(x: Dual, axes: Sequence[int]) -> Dual:
    for axis in sorted(axes, reverse=True):
        x = fold(x, axis, lambda a, b: a * b)[-1]
    return x


def reduction(op: lax.ReductionOp, x: Dual) -> Dual:
    """The reduction of x along the op's axes; equal extremes share their derivative."""
    axes = tuple_of(op.axes)
    where = tuple(k + 1 for k in axes)
    match op:
        case lax.ReduceSumOp():
            return total(x, axes)
        case lax.ReduceProdOp():
            return _prod(x, axes)
        case lax.ReduceMaxOp():
            return _extreme(x, axes, True)
        case lax.ReduceMinOp():
            return _extreme(x, axes, False)
        case lax.ReduceAndOp():
            return Dual(np.all(x.value, axis=where))
        case lax.ReduceOrOp():
            return Dual(np.any(x.value, axis=where))
        case lax.LogSumExpOp():
            return logsumexp(x, axes)
        case _:
            raise NotImplementedError(f"the oracle has no semantics for {op.name}")


def argument(op: lax.ArgumentOp, x: Dual) -> Dual:
    """The index of the first extreme element."""
    axis = op.axis.value.data + 1
    find = np.argmax if isinstance(op, lax.ArgmaxOp) else np.argmin
    return Dual(find(x.value, axis=axis).astype(np.int64))


def cumulative(op: lax.CumulativeOp, x: Dual) -> Dual:
    """The running reduction of x along one axis."""
    axis, backwards = op.axis.value.data, bool(op.reverse.value.data)
    source = linear(x, lambda a: np.flip(a, axis=axis + 1)) if backwards else x
    if isinstance(op, lax.CumsumOp):
        result = linear(source, lambda a: np.cumsum(a, axis=axis + 1))
    elif x.shape[axis] == 0:
        return x
    else:
        short = _RUNNING[op.name]
        steps = fold(source, axis, lambda a, b: binary(short, a, b))
        result = linear_together(steps, lambda arrays: np.stack(arrays, axis=axis + 1))
    return linear(result, lambda a: np.flip(a, axis=axis + 1)) if backwards else result


def contraction(op: lax.DotGeneralOp, x: Dual, y: Dual) -> Dual:
    """The sum of products along the contracting axes, by `einsum`."""
    x_axes = list(range(len(x.shape)))
    y_axes = [len(x.shape) + k for k in range(len(y.shape))]
    x_batch, y_batch = tuple_of(op.x_batch), tuple_of(op.y_batch)
    x_contract, y_contract = tuple_of(op.x_contract), tuple_of(op.y_contract)
    for i, j in zip(x_batch + x_contract, y_batch + y_contract, strict=True):
        y_axes[j] = x_axes[i]
    out = [x_axes[k] for k in x_batch]
    out += [a for k, a in enumerate(x_axes) if k not in x_batch + x_contract]
    out += [a for k, a in enumerate(y_axes) if k not in y_batch + y_contract]

    def letters(axes: list[int]) -> str:
        return "..." + "".join(ascii_letters[k] for k in axes)

    subscripts = f"{letters(x_axes)},{letters(y_axes)}->{letters(out)}"

    def contract(a: Array, b: Array) -> Array:
        return np.einsum(subscripts, a, b)

    return bilinear(contract, x, y)


def categories(x: Dual, index: Array) -> Dual:
    """x[..., index] on the last axis, one category for each place of the batch."""
    chosen = np.clip(index.astype(np.int64), 0, x.shape[-1] - 1)[..., np.newaxis]

    def pick(array: Array) -> Array:
        rows = max(array.shape[0], chosen.shape[0])
        wide = np.broadcast_to(array, (rows, *array.shape[1:]))
        places = np.broadcast_to(chosen, (rows, *chosen.shape[1:]))
        return np.take_along_axis(wide, places, axis=-1)[..., 0]

    return linear(x, pick)


def masked(x: Dual, inside: Array, outside: float) -> Dual:
    """x where `inside`, a constant elsewhere."""
    return chain(np.where(inside, x.value, outside), (x, lambda: inside * 1.0))
