"""An objective on one device: its draws, values and gradients at fixed keys, to hold side by side."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from relbo_ir.objective import Objective

KEYS = 8
TOLERANCE = 1e-4
"""
Of an array's largest element: what float32 may differ by between two devices. They sum in other
orders (√10⁴ terms · 6e-8 = 6e-6) and round elementary functions to a few units in the last place
(4e-7), which digammas and derivatives of Gamma draws amplify about a hundredfold.
"""


def outcomes(objective: Objective, device: Any, params: Any) -> dict[str, Any]:
    """`draws`, `value` and `gradient` of KEYS keys, computed on the device (float32, no TF32)."""
    program, draws = objective.step_function, objective.draws

    def run(params: Any, keys: Any, data: Any, drawn_from: Any) -> Any:
        def one(key: Any) -> Any:
            value, gradient = program(params, key, data)
            sampled = draws.plain(params, key, drawn_from)
            return {"value": value, "gradient": gradient, "draws": sampled}

        return jax.lax.map(one, keys)

    keys = jax.random.split(jax.random.key(5), KEYS)
    given = (params, keys, objective.data, objective.data_for(draws))
    with jax.default_matmul_precision("highest"), jax.default_device(device):
        result = jax.jit(run)(*jax.device_put(given, device))
    for array in jax.tree.leaves(result):
        on = array.devices()
        if on != {device}:
            raise RuntimeError(f"asked for {device}, ran on {on}")
    return jax.device_get(result)


def assert_alike(expected: Any, found: Any) -> None:
    """Integers are equal; floats agree to TOLERANCE of the array's largest element, and are finite."""
    paths, structure = jax.tree_util.tree_flatten_with_path(expected)
    leaves, other = jax.tree.flatten(found)
    assert structure == other
    for (path, wanted), got in zip(paths, leaves, strict=True):
        name = jax.tree_util.keystr(path)
        assert (wanted.dtype, wanted.shape) == (got.dtype, got.shape), name
        if not jnp.issubdtype(wanted.dtype, jnp.floating):
            np.testing.assert_array_equal(got, wanted, err_msg=name)
            continue
        assert np.isfinite(wanted).all(), name
        largest = float(np.max(np.abs(wanted), initial=0.0))
        np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE * largest, err_msg=name)
