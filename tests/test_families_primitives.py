"""The primitives that the families brought: import and emission back give the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from numpyro.distributions import biject_to
from test_constraints import CASES as CONSTRAINTS
from test_jaxpr_roundtrip import check, imported

from relbo_ir.dialects import lax as ops

MATRIX = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.0]], np.float32)
BATCH = np.stack([MATRIX, 2 * MATRIX])
RIGHT = np.array([[1.0, 2.0], [0.5, -1.0], [0.0, 3.0]], np.float32)
POINTS = np.array([0.1, 0.7, 2.5, -0.4], np.float32)


def solve(left: bool, lower: bool, transpose: bool, unit: bool) -> Callable[..., Any]:
    def function(a: Any, b: Any) -> Any:
        return lax.linalg.triangular_solve(
            a,
            b,
            left_side=left,
            lower=lower,
            transpose_a=transpose,
            unit_diagonal=unit,
        )

    return function


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "cholesky": (jnp.linalg.cholesky, (MATRIX,)),
    "cholesky of a batch": (jnp.linalg.cholesky, (BATCH,)),
    "solve": (solve(True, True, False, False), (MATRIX, RIGHT)),
    "solve upper": (solve(True, False, False, False), (MATRIX, RIGHT)),
    "solve transposed": (solve(True, True, True, False), (MATRIX, RIGHT)),
    "solve unit": (solve(True, True, False, True), (MATRIX, RIGHT)),
    "solve from the right": (solve(False, True, False, False), (MATRIX, RIGHT.T.copy())),
    "bits": (lambda x: lax.bitcast_convert_type(x, np.int32), (POINTS,)),
    "bits back": (lambda x: lax.bitcast_convert_type(x, np.float32), (POINTS.view(np.int32),)),
    "bessel": (lambda x: lax.bessel_i0e(x) + lax.bessel_i1e(x), (POINTS,)),
    "accuracy": (lambda x: lax.exp(x, accuracy=lax.AccuracyMode.HIGHEST), (POINTS,)),
    "diagonal": (lambda x: jnp.diagonal(x, axis1=-1, axis2=-2), (BATCH,)),
    "lower triangle": (lambda x: jnp.zeros((3, 3)).at[jnp.tril_indices(3)].set(x), (POINTS[:1],)),
    "inverse sine": (jnp.arcsin, (POINTS[:2],)),
    "log_ndtr": (jax.scipy.special.log_ndtr, (np.array([-30.0, -5.0, 0.3, 9.0], np.float32),)),
}


@pytest.mark.compat
@pytest.mark.parametrize("name", CASES)
def test_there_and_back(name: str) -> None:
    function, arguments = CASES[name]
    check(function, *arguments)
    module = imported(function, *arguments)
    assert not [op for op in module.walk() if isinstance(op, ops.BindOp)]


@pytest.mark.compat
@pytest.mark.parametrize("case", CONSTRAINTS, ids=lambda case: case.name)
def test_no_opaque_primitive_in_a_bijection(case: Any) -> None:
    """Neither in the map, nor in its log-determinant, nor in their derivatives, nor back."""
    transform = biject_to(case.constraint)
    inside = jnp.asarray(case.inside, jnp.float32)
    start = transform.inv(inside)

    def both(u: Any) -> Any:
        x = transform(u)
        return transform.log_abs_det_jacobian(u, x).sum() + (x**2).sum()

    for function, at in ((both, start), (jax.grad(both), start), (transform.inv, inside)):
        module = imported(function, at)
        left = [op.primitive.data for op in module.walk() if isinstance(op, ops.BindOp)]
        assert not left
