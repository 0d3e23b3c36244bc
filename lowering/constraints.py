"""Constraints: NumPyro's objects as attributes, and back; bijections from unconstrained space."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpyro.distributions import constraints
from numpyro.distributions.transforms import biject_to

from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.dialects.prob import ConstraintAttr

_PLAIN = (
    "real",
    "positive",
    "nonnegative",
    "unit_interval",
    "simplex",
    "softplus_positive",
    "real_vector",
    "real_matrix",
    "ordered_vector",
    "positive_ordered_vector",
    "lower_cholesky",
    "softplus_lower_cholesky",
    "scaled_unit_lower_cholesky",
    "corr_cholesky",
    "corr_matrix",
    "positive_definite",
    "positive_semidefinite",
    "circular",
    "l1_ball",
)
BOUNDED: dict[str, tuple[str, ...]] = {
    "interval": ("lower_bound", "upper_bound"),
    "greater_than": ("lower_bound",),
    "greater_than_eq": ("lower_bound",),
    "less_than": ("upper_bound",),
    "less_than_eq": ("upper_bound",),
}
"""Constraints with ends that are numbers or arrays, and the names of these."""
_RANKED = ("zero_sum",)
"""Constraints whose one number is the rank of what they constrain."""
_NAMES = (*_PLAIN, *BOUNDED, *_RANKED)


def check_real(what: str, *values: Any) -> None:
    """Refuses complex numbers, whose imaginary parts JAX would drop with a warning."""
    if any(jnp.iscomplexobj(value) for value in values):
        raise ModelError(
            f"{what} is complex",
            "give real numbers: a real and an imaginary part, or a modulus",
        )


def floats(values: list[Any]) -> list[Any]:
    """Parameters of a law as arrays of one float type; ModelError for complex ones."""
    check_real("a parameter of the law", *values)
    dtype = jnp.result_type(
        float, *[v for v in values if jnp.issubdtype(jnp.result_type(v), float)]
    )
    return [jnp.asarray(value, dtype) for value in values]


def constraint_attr(constraint: Any, parameter: str, shape: tuple[int, ...] = ()) -> ConstraintAttr:
    """A NumPyro constraint as an attribute, of a parameter of that shape."""
    while type(constraint) is constraints.independent:
        constraint = constraint.base_constraint
    for name in _PLAIN:
        if constraint is getattr(constraints, name):
            return ConstraintAttr(name)
    for name, fields in BOUNDED.items():
        if type(constraint) is getattr(constraints, name):
            given = [getattr(constraint, field) for field in fields]
            if any(isinstance(bound, Tracer) for bound in given):
                raise UnsupportedError(
                    f'parameter "{parameter}" has bounds that are computed in the function',
                    "give each bound as a number or an array that is known before the function "
                    "runs, or scale a parameter in the unit interval",
                    site=parameter,
                )
            check_real(f'a bound of parameter "{parameter}"', *given)
            bounds = [np.asarray(bound, np.float64) for bound in given]
            if not all(np.isfinite(bound).all() for bound in bounds):
                raise ModelError(
                    f'parameter "{parameter}" has a bound that is not finite',
                    "declare what has no bound as a parameter of its own",
                    site=parameter,
                )
            if any(np.broadcast_shapes(b.shape, shape) != shape for b in bounds if b.size != 1):
                raise ModelError(
                    f'parameter "{parameter}" has shape {shape}, its bounds '
                    + " and ".join(str(b.shape) for b in bounds),
                    "give bounds that broadcast to the shape of the initial value",
                    site=parameter,
                )
            bounds = [b.reshape(()) if b.size == 1 else b for b in bounds]
            return ConstraintAttr(name, [b.tolist() for b in bounds])
    for name in _RANKED:
        if type(constraint) is getattr(constraints, name):
            return ConstraintAttr(name, [float(constraint.event_dim)])
    raise UnsupportedError(
        f'parameter "{parameter}" has the constraint {constraint}, which is not supported',
        f"use one of {', '.join(_NAMES)}",
        site=parameter,
    )


def constraint_object(attr: ConstraintAttr) -> Any:
    """The NumPyro constraint of an attribute; ModelError for a name that is none."""
    name = attr.constraint.data
    bounds: list[Any] = [b if isinstance(b, float) else np.asarray(b) for b in attr.numbers]
    if name in _PLAIN and not bounds:
        return getattr(constraints, name)
    if name in BOUNDED and len(bounds) == len(BOUNDED[name]):
        return getattr(constraints, name)(*bounds)
    if name in _RANKED and len(bounds) == 1:
        return getattr(constraints, name)(int(bounds[0]))
    raise ModelError(
        f"{attr} is no constraint",
        f"use one of {', '.join(_NAMES)}, with its bounds",
    )


def bijection(attr: ConstraintAttr) -> Any:
    """The NumPyro transform from unconstrained coordinates to the constrained set."""
    return biject_to(constraint_object(attr))


def constrained(attr: ConstraintAttr, coordinates: Any) -> jax.Array:
    """The value at unconstrained coordinates, in their precision, which bounds do not widen."""
    return bijection(attr)(coordinates).astype(coordinates.dtype)


def unconstrained_shape(attr: ConstraintAttr, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the unconstrained coordinates of a parameter of that shape."""
    return tuple(bijection(attr).inverse_shape(shape))


def to_unconstrained(
    attr: ConstraintAttr, value: Any, parameter: str, line: str | None = None
) -> jax.Array:
    """The unconstrained coordinates of a parameter's value; ModelError where it is outside."""
    constraint = constraint_object(attr)
    array = jnp.asarray(value)
    held = np.asarray(array)  # NumPy compares at once what JAX would compile, shape by shape
    if not bool(np.all(np.asarray(constraint(held)))) or bool(np.any(np.isnan(held))):
        raise ModelError(
            f'parameter "{parameter}" is {np.array2string(np.asarray(value), threshold=8)}, '
            f"outside its constraint {attr.constraint.data}",
            "start it inside the constraint, or declare the constraint that it satisfies",
            site=parameter,
            line=line,
        )
    return _inverse(attr, array)


@partial(jax.jit, static_argnums=0)
def _inverse(attr: ConstraintAttr, value: jax.Array) -> jax.Array:
    return bijection(attr).inv(value).astype(value.dtype)


@partial(jax.jit, static_argnums=0)
def to_constrained(attr: ConstraintAttr, value: Any) -> jax.Array:
    """The value of a parameter at its unconstrained coordinates."""
    return constrained(attr, jnp.asarray(value))
