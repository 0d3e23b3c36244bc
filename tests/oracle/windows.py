"""What convolutions compute, place by place and tap by tap, with their derivatives."""

from __future__ import annotations

import numpy as np

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import shape_of, tuple_of

from .dual import Array, Dual, bilinear


def convolution(op: lax.ConvGeneralDilatedOp, x: Dual, kernel: Dual) -> Dual:
    """Each place of each feature, from the elements of x that the taps of its kernel meet."""
    by_feature, by_row = op.feature_group_count.value.data, op.batch_group_count.value.data
    shape = [shape_of(op.result)[k] for k in tuple_of(op.out_spec)]
    rows, features, *places = shape
    numbers = (op.window_strides, op.low, op.lhs_dilation, op.rhs_dilation)
    axes = list(zip(*map(tuple_of, numbers), strict=True))

    def convolve(a: Array, b: Array) -> Array:
        a, b = _ordered(a, tuple_of(op.lhs_spec)), _ordered(b, tuple_of(op.rhs_spec))
        rank = len(shape)
        sizes, (read, *taps) = a.shape[a.ndim - rank + 2 :], b.shape[b.ndim - rank + 1 :]
        outcomes = np.broadcast_shapes(a.shape[: a.ndim - rank], b.shape[: b.ndim - rank])
        result = np.zeros((*outcomes, *shape))
        for place in np.ndindex(*places):
            for tap in np.ndindex(*taps):
                steps = zip(place, tap, axes, strict=True)
                spots = [(i * s - low + k * apart, d) for i, k, (s, low, d, apart) in steps]
                at = [spot // d for spot, d in spots]
                if any(spot % d for spot, d in spots) or any(
                    not 0 <= i < n for i, n in zip(at, sizes, strict=True)
                ):
                    continue
                for feature in range(features):
                    first = feature * by_feature // features * read
                    row = feature * by_row // features * rows
                    seen = a[..., row : row + rows, first : first + read, *at]
                    weights = b[..., feature, :, *tap]
                    term = np.einsum("...nc,...c->...n", seen, weights)
                    result[..., feature, *place] += term
        back = np.argsort(tuple_of(op.out_spec))
        return _ordered(result, tuple(int(k) for k in back))

    return bilinear(convolve, x, kernel)


def _ordered(array: Array, spec: tuple[int, ...]) -> Array:
    """The last axes in the order that is named."""
    first = array.ndim - len(spec)
    return np.transpose(array, (*range(first), *(first + k for k in spec)))
