"""Functions of a vector of six elements, one for each way in which elements can be combined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Function = Callable[[Any], Any]


def scanned(body: Callable[..., Any], init: Any, *arrays: Any, **options: Any) -> Any:
    """What a scan over arrays stacks."""
    return jax.lax.scan(lambda c, xs: body(c, *xs), init, arrays, **options)[1]


def _table() -> Any:
    """A new array each time: JAX remembers of one array the precision that it was first used in."""
    return jnp.asarray((np.arange(13.0)[:, None] + 20.0 * np.arange(13.0)) ** 2)


def _cell(z: Any) -> Any:
    return jnp.clip(3.0 * z + 6.0, 0.0, 12.0).astype(jnp.int32)


def _windows(z: Any, taps: int, **options: Any) -> Any:
    """Windows of a vector, each element weighed by its place in the window."""
    kernel = jnp.arange(1.0, taps + 1.0)[None, None]
    given: dict[str, Any] = {"window_strides": (1,), "padding": "VALID", **options}
    return jax.lax.conv_general_dilated(z[None, None], kernel.astype(z.dtype), **given)[0, 0]


def _grouped(z: Any, shape: tuple[int, ...], kernel: tuple[int, ...], **options: Any) -> Any:
    """Rows of features at a few places, convolved with a kernel of that shape."""
    weights = jnp.arange(1.0, 1.0 + np.prod(kernel)).reshape(kernel).astype(z.dtype)
    around = [(kernel[2] - 1, kernel[2] - 1)]
    return jax.lax.conv_general_dilated(z.reshape(shape), weights, (1,), around, **options)


EXACT: dict[str, Function] = {
    "elementwise": lambda z: jnp.exp(z) * 2.0 + z,
    "broadcast": lambda z: z[:, None] + jnp.zeros((6, 2)),
    "sum of rows": lambda z: z.reshape(2, 3).sum(1),
    "sum": lambda z: z.sum(),
    "slice": lambda z: z[1:4],
    "strided slice": lambda z: z[::2],
    "one element": lambda z: z[2],
    "last element": lambda z: z[-1],
    "reverse": lambda z: z[::-1],
    "roll": lambda z: jnp.roll(z, 2),
    "shift": lambda z: jnp.concatenate([jnp.zeros(1), z[:-1]]) + z,
    "stack": lambda z: jnp.stack([z[0], z[3] * z[4], z[5]]),
    "concatenate": lambda z: jnp.concatenate([z[3:], z[:2]]),
    "cumulative sum": lambda z: jnp.cumsum(z),
    "reverse cumulative sum": lambda z: jnp.cumsum(z[::-1])[::-1],
    "difference": lambda z: jnp.diff(z),
    "contraction": lambda z: jnp.arange(1.0, 7.0).reshape(2, 3) @ z[:3],
    "batched contraction": lambda z: jnp.einsum("bi,bi->b", z.reshape(3, 2), z.reshape(3, 2)),
    "two computed indices": lambda z: _table()[_cell(z[:-1]), _cell(z[1:])],
    "windows": lambda z: z[:-2] + z[2:] + z[1:-1],
    "softplus": lambda z: jax.nn.softplus(z),
    "jit": lambda z: jax.jit(lambda x: x * 2.0)(z)[1:],
    "padding": lambda z: jnp.pad(z, (2, 1)),
    "split": lambda z: jnp.split(z, 3)[1],
    "one-hot": lambda z: jax.nn.one_hot((z > 0.5).astype(int), 2) + z[:, None],
    "scan without a carry": lambda z: scanned(lambda c, x: (c, jnp.exp(x)), 0.0, z),
    "scan, what was carried": lambda z: scanned(lambda c, x: (c + x, c + x), 0.0, z),
    "scan backwards": lambda z: scanned(lambda c, x: (c + x, c * 2.0), 0.0, z, reverse=True),
    "scan, lagged": lambda z: scanned(lambda c, x: (jnp.append(c[1:], x), c[0]), jnp.ones(3), z),
    "scan, window": lambda z: scanned(
        lambda c, x: (jnp.append(c[1:], x), c.sum() + x), jnp.ones(2), z
    ),
    "scan, rows": lambda z: scanned(
        lambda c, x: (c + x, c + x), jnp.zeros(2), jnp.stack([z, 2.0 * z], axis=1)
    ),
    "scan, last carry": lambda z: jax.lax.scan(lambda c, x: (x, None), 0.0, z)[0],
    "scan, constants": lambda z: scanned(lambda c, x: (c, x * z[1:3]), 0.0, jnp.ones(4)),
    "nested scans": lambda z: scanned(
        lambda c, x: (c, scanned(lambda d, k: (d + x, d + k * x), 0.0, jnp.ones(2))), 0.0, z
    ),
    "branches": lambda z: jax.lax.cond(jnp.ones(()) > 0.5, lambda x: x * 2.0, jnp.sin, z),
    "counted loop": lambda z: jax.lax.fori_loop(0, 3, lambda i, c: c * 2.0 + i, z),
    "update": lambda z: z[:4].at[2].set(z[5]),
    "added": lambda z: z.at[2].add(z[3]),
    "block": lambda z: jax.lax.dynamic_update_slice(z, z[:2], (3,)),
    "convolution": lambda z: jnp.convolve(z, jnp.array([1.0, 2.0, 1.0]), "same"),
    "convolution, padded before": lambda z: _windows(z, 3, padding=[(2, 0)]),
    "convolution, cropped": lambda z: _windows(z, 2, padding=[(-1, 3)]),
    "convolution, in strides": lambda z: _windows(z, 2, window_strides=(3,), padding=[(1, 2)]),
    "convolution, spread": lambda z: _windows(z, 3, lhs_dilation=(2,), padding=[(2, 1)]),
    "convolution, by a kernel": lambda z: jnp.convolve(jnp.arange(1.0, 9.0), z, "full"),
    "convolution, rows": lambda z: _grouped(z, (6, 1, 1), (2, 1, 2)),
    "convolution, groups of features": lambda z: _grouped(
        z, (1, 6, 1), (6, 2, 2), feature_group_count=3
    ),
    "convolution, each row by itself": lambda z: _grouped(
        z, (6, 1, 1), (6, 1, 1), batch_group_count=6
    ),
    "spectra of rows": lambda z: jnp.fft.fft(z.reshape(2, 3)).real,
    "real spectra of rows": lambda z: jnp.fft.irfft(jnp.fft.rfft(z.reshape(2, 3)) ** 2, 3),
    "multiplied": lambda z: z.at[2].mul(z[3], unique_indices=True),
    "subtracted": lambda z: z.at[2].subtract(z[3]),
    "maximum of rows": lambda z: jnp.exp(z.reshape(3, 2)).prod(1),
}
SUPERSET: dict[str, Function] = {
    "convolution, taps apart": lambda z: _windows(z, 2, rhs_dilation=(3,), padding=[(2, 2)]),
    "convolution, all apart": lambda z: _windows(
        z, 2, lhs_dilation=(2,), rhs_dilation=(3,), window_strides=(2,), padding=[(4, 3)]
    ),
    "convolution, rows of features": lambda z: _grouped(z, (2, 3, 1), (2, 3, 1)),
    "convolution, groups of rows": lambda z: _grouped(z, (6, 1, 1), (6, 1, 1), batch_group_count=3),
    "unstack": lambda z: jnp.unstack(z)[1] * jnp.unstack(z)[4],
    "rows at a closed-over index": lambda z: z[jnp.array([4, 0, 0])],
    "where": lambda z: jnp.where(jnp.arange(6) > 2, z, 0.0 * z + z[0]),
    "transpose": lambda z: z.reshape(2, 3).T + 1.0,
    "reshape twice": lambda z: z.reshape(2, 3).reshape(3, 2),
    "reshape": lambda z: z.reshape(2, 3) * 2.0,
    "sort": jnp.sort,
    "argmax": lambda z: jnp.argmax(z) * 1.0,
    "outer": lambda z: z[:, None] * z[None, :],
    "scatter": lambda z: jnp.zeros(8).at[jnp.array([1, 5, 1, 0, 2, 2])].add(z),
    "scan": lambda z: jax.lax.scan(lambda c, x: (c + x, c * x), 0.0, z)[1],
    "branch on an element": lambda z: jax.lax.cond(
        z[0] > 0.5, lambda x: x[1:4], lambda x: x[3:0:-1], z
    ),
    "loop until": lambda z: jax.lax.while_loop(
        lambda c: c[0] < 4.0, lambda c: (2.0 * c[0] + 1.0, c[1] + 1.0), (z[2], z[3])
    )[1],
    "block anywhere": lambda z: jax.lax.dynamic_update_slice(z, z[:2], (jnp.argmax(z),)),
    "scatter rows": lambda z: jnp.zeros((4, 2)).at[jnp.array([3, 0, 1])].set(z.reshape(3, 2)),
    "factor": lambda z: jnp.linalg.cholesky(
        jnp.eye(2) * 9.0 + (z[:2, None] * z[None, :2] + z[2:4, None] * z[None, 2:4])
    ),
    "solve": lambda z: jax.scipy.linalg.solve_triangular(
        jnp.eye(2) * 3.0 + jnp.tril(jnp.ones((2, 2))), z.reshape(2, 3), lower=True
    ),
    "least": lambda z: z[:4].at[jnp.array([0, 3])].min(z[4:]),
    "greatest": lambda z: z[:4].at[jnp.array([0, 3])].max(z[4:]),
    "computed index": lambda z: jnp.arange(6.0)[jnp.argmax(z)] + z,
    "dynamic slice": lambda z: jax.lax.dynamic_slice(z, (jnp.argmax(z),), (2,)),
    "fft": lambda z: jnp.fft.fft(z).real,
    "gather in two axes": lambda z: z.reshape(2, 3)[jnp.array([0, 1]), jnp.array([2, 0])],
}
