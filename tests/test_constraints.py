"""Constraints: to unconstrained coordinates and back, the gradient through them, and outsiders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import biject_to

import relbo_ir as rb
from relbo_ir import constraints as nc

VECTOR = np.array([0.5, 1.5, 4.0])
CORRELATION = np.array([[1.0, 0.3], [0.3, 1.0]])
LOWER = np.array([[2.0, 0.0], [0.7, 0.5]])
UNIT_LOWER = np.linalg.cholesky(CORRELATION)


@dataclass(frozen=True)
class Case:
    """A constraint, a point inside, and points outside."""

    name: str
    constraint: Any
    inside: Any
    outside: tuple[Any, ...]


CASES = [
    Case("real", nc.real, VECTOR - 1.0, (np.nan,)),
    Case("positive", nc.positive, VECTOR, (0.0, -1.0, np.array([1.0, -1.0]))),
    Case("nonnegative", nc.nonnegative, VECTOR, (-1.0,)),
    Case("unit_interval", nc.unit_interval, VECTOR / 5, (1.5, -0.1)),
    Case("simplex", nc.simplex, VECTOR / 6, (VECTOR, np.array([1.5, -0.5]))),
    Case("softplus_positive", nc.softplus_positive, VECTOR, (0.0, -1.0)),
    Case("real_vector", nc.real_vector, VECTOR - 1.0, (np.array([1.0, np.nan]),)),
    Case("real_matrix", nc.real_matrix, LOWER, (LOWER * np.nan,)),
    Case("ordered_vector", nc.ordered_vector, VECTOR - 1.0, (VECTOR[::-1].copy(),)),
    Case(
        "positive_ordered_vector",
        nc.positive_ordered_vector,
        VECTOR,
        (VECTOR - 1.0, VECTOR[::-1].copy()),
    ),
    Case("lower_cholesky", nc.lower_cholesky, LOWER, (LOWER.T.copy(), -LOWER)),
    Case("softplus_lower_cholesky", nc.softplus_lower_cholesky, LOWER, (LOWER.T.copy(),)),
    Case("scaled_unit_lower_cholesky", nc.scaled_unit_lower_cholesky, LOWER, (-LOWER,)),
    Case("corr_cholesky", nc.corr_cholesky, UNIT_LOWER, (LOWER,)),
    Case("corr_matrix", nc.corr_matrix, CORRELATION, (2 * CORRELATION,)),
    Case("positive_definite", nc.positive_definite, LOWER @ LOWER.T, (-np.eye(2), LOWER)),
    Case("zero_sum", nc.zero_sum(1), np.array([1.0, 2.0, -3.0]), (VECTOR,)),
    Case("interval", nc.interval(-1.0, 5.0), VECTOR, (-1.5, 5.5)),
    Case("greater_than", nc.greater_than(0.25), VECTOR, (0.25, 0.0)),
    Case("greater_than_eq", nc.greater_than_eq(0.25), VECTOR, (0.0,)),
    Case("less_than", nc.less_than(5.0), VECTOR, (5.0, 6.0)),
    Case("less_than_eq", nc.less_than_eq(5.0), VECTOR, (6.0,)),
    Case("intervals", nc.interval(VECTOR - 1.0, VECTOR + 2.0), VECTOR, (VECTOR[::-1].copy(),)),
    Case("greater_than_each", nc.greater_than(np.array([[0.2], [0.1]])), LOWER + 1.0, (LOWER,)),
    Case("less_than_each", nc.less_than(VECTOR + 1.0), VECTOR, (VECTOR + 1.0,)),
    Case("circular", nc.circular, VECTOR - 1.0, (4.0,)),
    Case("l1_ball", nc.l1_ball, VECTOR / 10, (VECTOR,)),
    Case("positive_semidefinite", nc.positive_semidefinite, LOWER @ LOWER.T, (-np.eye(2),)),
    Case("independent", nc.independent(nc.positive, 1), VECTOR, (-VECTOR,)),
]
WEIGHTS = 0.3 + np.arange(4.0)


def compiled(constraint: Any, start: Any) -> rb.Objective:
    """The objective Σ wᵢ·xᵢ² of one parameter x."""

    def model() -> None:
        x = rb.param("x", start, constraint=constraint)
        rb.factor("f", (WEIGHTS[: x.size].astype(x.dtype) * x.reshape(-1) ** 2).sum())

    return rb.ELBO(model).compile()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_there_and_back_and_the_gradient(case: Case) -> None:
    with jax.enable_x64(True):
        objective = compiled(case.constraint, case.inside)
        params = objective.init(0)
        back = objective.constrain(params)["x"]
        np.testing.assert_allclose(back, case.inside, rtol=1e-6, atol=1e-6)
        transform = biject_to(case.constraint)

        def reference(u: Any) -> Any:
            x = transform(u).reshape(-1)
            return (WEIGHTS[: x.size] * x**2).sum()

        value, gradient = objective.value_and_grad(params, 0)
        want, slope = jax.value_and_grad(reference)(params["x"])
        np.testing.assert_allclose(value, want, rtol=1e-12)
        np.testing.assert_allclose(gradient["x"], slope, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("case", "which"),
    [pytest.param(c, k, id=f"{c.name}-{k}") for c in CASES for k in range(len(c.outside))],
)
def test_a_start_outside_is_refused(case: Case, which: int) -> None:
    objective = compiled(case.constraint, case.outside[which])
    with pytest.raises(rb.ModelError, match="outside its constraint") as caught:
        objective.init(0)
    assert caught.value.site == "x"
    assert caught.value.line is not None and "test_constraints.py:" in caught.value.line


def test_arrays_of_bounds_keep_a_parameters_precision() -> None:
    with jax.enable_x64(True):
        objective = compiled(nc.interval(VECTOR - 1.0, VECTOR + 2.0), VECTOR.astype(np.float32))
        params = objective.init(0)
        assert params["x"].dtype == objective.constrain(params)["x"].dtype == jnp.float32
        _, gradient = objective.value_and_grad(params, 0)
        assert gradient["x"].dtype == jnp.float32


@pytest.mark.compat
def test_one_constraint_in_both_precisions() -> None:
    params = compiled(nc.positive, 2.0).init(0)
    assert params["x"].dtype == jnp.float32
    np.testing.assert_allclose(params["x"], np.log(2.0), rtol=1e-6)
    with jax.enable_x64(True):
        params = compiled(nc.positive, 2.0).init(0)
        assert params["x"].dtype == jnp.float64
        np.testing.assert_allclose(params["x"], np.log(2.0), rtol=1e-15)
