"""Functions of a vector of six elements, one for each way in which elements can be combined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Function = Callable[[Any], Any]
_TABLE = (np.arange(13.0)[:, None] + 20.0 * np.arange(13.0)) ** 2


def _cell(z: Any) -> Any:
    return jnp.clip(3.0 * z + 6.0, 0.0, 12.0).astype(jnp.int32)


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
    "two computed indices": lambda z: jnp.asarray(_TABLE)[_cell(z[:-1]), _cell(z[1:])],
    "windows": lambda z: z[:-2] + z[2:] + z[1:-1],
    "softplus": lambda z: jax.nn.softplus(z),
    "jit": lambda z: jax.jit(lambda x: x * 2.0)(z)[1:],
    "padding": lambda z: jnp.pad(z, (2, 1)),
    "split": lambda z: jnp.split(z, 3)[1],
    "maximum of rows": lambda z: jnp.exp(z.reshape(3, 2)).prod(1),
}
SUPERSET: dict[str, Function] = {
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
    "computed index": lambda z: jnp.arange(6.0)[jnp.argmax(z)] + z,
    "dynamic slice": lambda z: jax.lax.dynamic_slice(z, (jnp.argmax(z),), (2,)),
    "fft": lambda z: jnp.fft.fft(z).real,
    "gather in two axes": lambda z: z.reshape(2, 3)[jnp.array([0, 1]), jnp.array([2, 0])],
}
