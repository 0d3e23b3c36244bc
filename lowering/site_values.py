"""What the message of a site holds, as arrays, and the checks that it passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
from jax.core import Tracer
from numpyro import handlers

from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.lowering import sites
from relbo_ir.lowering.constraints import check_real
from relbo_ir.lowering.law_specs import LawSpec
from relbo_ir.lowering.wider_laws import mask_of

_Made = TypeVar("_Made")


def leaf_name(name: str, path: Any) -> str:
    """The name of one array of a parameter that is a tree: `net$params/Dense_0/kernel`."""
    return f"{name}/{jax.tree_util.keystr(path, simple=True, separator='/')}"


def scale_arrays(scale: Any, arrays: list[Any]) -> list[Any]:
    """The scale as an array of the law's precision, if there is one."""
    if scale is None:
        return []
    floats = [a.dtype for a in arrays if jnp.issubdtype(a.dtype, jnp.floating)]
    return [jnp.asarray(scale, jnp.result_type(*floats) if floats else float)]


def index_hint(plates: Sequence[tuple[str, int, int, int]]) -> str:
    """What else may be wrong with the shape of data in a minibatch."""
    parts = [name for name, _, count, size in plates if count != size]
    return f'; index it by the minibatch that plate "{parts[0]}" gives' if parts else ""


def check_in_plates(
    what: str,
    batch: Sequence[int],
    plates: Sequence[tuple[str, int, int, int]],
    site: str,
    line: str,
) -> None:
    """Refuses a batch shape that has another number of elements along the axis of a plate."""
    for plate, dim, count, _ in plates:
        if len(batch) >= -dim and batch[dim] != count:
            raise ModelError(
                f'{what} has {batch[dim]} elements on the axis of plate "{plate}", which has {count}',
                "make it and the plate one size" + index_hint(plates),
                site=site,
                line=line,
            )


def spoken_size(size: int, count: int) -> str:
    return str(size) if count == size else f"{size} (subsample {count})"


def check_size(what: str, size: Any, line: str) -> None:
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise ModelError(
            f"{what} has size {size}", "give its size as a Python integer of 1 or more", line=line
        )


def placed(make: Callable[[], _Made], site: str, line: str) -> _Made:
    """What `make` gives; its errors get the site and the line."""
    try:
        return make()
    except (UnsupportedError, ModelError) as error:
        raise type(error)(error.cause, error.remedy, site=site, line=line) from error


def check_observed(value: Any, dtype: Any, site: str, line: str) -> None:
    """
    Refuses NaN in an observation that is no argument of the model, and a complex one where the law's
    draws, of that type, are real.
    """
    if not jnp.issubdtype(dtype, jnp.complexfloating):
        placed(lambda: check_real("the observed value", value), site, line)
    if isinstance(value, Tracer):
        return
    array = np.asarray(value)
    if np.issubdtype(array.dtype, np.floating) and np.isnan(array).any():
        raise ModelError(
            f"the observed value has {int(np.isnan(array).sum())} NaN",
            "remove or impute the missing values, or put any number of the support in their place "
            "and pass obs_mask",
            site=site,
            line=line,
        )


def initial_value(msg: Any, key: jax.Array) -> Any:
    if msg["value"] is not None:
        value = msg["value"]  # from a handler (substitute)
    elif msg["args"]:
        value = msg["args"][0]
    else:
        with handlers.seed(rng_seed=key), handlers.block():
            value = msg["fn"]()
    if value is None:
        raise ModelError(
            "the parameter has no initial value",
            "give numbers, or a function of a random key",
            site=msg["name"],
            line=sites.user_line(),
        )
    return value


def as_floats(value: Any) -> jax.Array:
    """The initial value of a parameter in floats."""
    check_real("the initial value", value)
    dtype = jnp.result_type(value)
    return jnp.asarray(value, dtype if jnp.issubdtype(dtype, jnp.floating) else float)


def log_factor(law: Any) -> Any:
    """The log factor that a law stands for, at its batch shape; None for a law that is one."""
    match law:
        case nd.Unit():
            check_real("the factor", law.log_factor)
            return jnp.broadcast_to(jnp.asarray(law.log_factor), law.batch_shape)
        case nd.ExpandedDistribution():
            inner = log_factor(law.base_dist)
            return None if inner is None else jnp.broadcast_to(inner, law.batch_shape)
        case nd.Independent():
            inner = log_factor(law.base_dist)
            axes = tuple(range(-law.reinterpreted_batch_ndims, 0))
            return None if inner is None else jnp.sum(inner, axes)
        case nd.MaskedDistribution():
            inner = log_factor(law.base_dist)
            return None if inner is None else jnp.where(mask_of(law), inner, 0.0)
        case _:
            return None


def draw_dtype(law: Any, spec: LawSpec, arrays: list[Any]) -> Any:
    while spec.base is not None:
        spec = spec.base
    if spec.kind == "opaque":
        return jnp.dtype(spec.static[2])
    if spec.kind == "delta":
        return arrays[0].dtype
    if law.is_discrete:
        return jnp.int32
    floats = [a.dtype for a in arrays if jnp.issubdtype(a.dtype, jnp.floating)]
    return jnp.result_type(*floats) if floats else jnp.result_type(float)
