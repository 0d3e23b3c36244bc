"""Sites in several copies: what `jax.vmap` and loops make of a choice, an observation, a factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters import batching

from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.lowering import sites
from relbo_ir.lowering.batched_laws import Part, batch_shape, batched_law, padded, whole
from relbo_ir.lowering.law_specs import LawSpec
from relbo_ir.lowering.site_values import placed


def bind_copies(
    primitive: Any, parts: Sequence[Part], size: int, params: dict[str, Any], drawn: Any = None
) -> Any:
    """
    Binds a site in `size` copies, axis 0 of its arrays and of its draw. `drawn` are draws that were
    made already, one copy after the other.

    Raises UnsupportedError, with site and line, where the law has no form in copies.
    """
    make = _RULES[primitive]

    def bind() -> Any:
        return make(list(parts), size, dict(params), drawn)

    return placed(bind, params["name"], params["line"])


def _law(
    spec: LawSpec, parts: Sequence[Part], size: int, shape: tuple[int, ...]
) -> tuple[LawSpec, list[Any]]:
    event_rank = len(shape) - len(batch_shape(spec, parts))
    return batched_law(spec, parts, size, event_rank)


def loop_in_loop(params: dict[str, Any]) -> UnsupportedError:
    """The error for draws that are made step by step, in a loop around the steps."""
    return UnsupportedError(
        "a choice that reads its own earlier steps is not supported in a loop in a loop",
        "make one of the two loops a plate or jax.vmap, or a Python loop with a site name each",
        site=params["name"],
        line=params["line"],
    )


def drawn_from(params: dict[str, Any], parts: Sequence[Any]) -> tuple[LawSpec, list[Any]]:
    """The law that a choice is drawn from, its guide's in place or its own, and the arrays of it."""
    count = params["prior_count"]
    if params["guide"] is None:
        return params["prior"], list(parts[:count])
    end = len(parts) - params["scaled"] - params["drawn"]
    return params["guide"], list(parts[count:end])


def _sample(parts: list[Part], size: int, params: dict[str, Any], drawn: Any) -> Any:
    if params["drawn"]:
        raise loop_in_loop(params)
    shape = tuple(params["out"].shape)
    scale = [parts.pop()] if params["scaled"] else []
    count = params["prior_count"]
    prior, arrays = _law(params["prior"], parts[:count], size, shape)
    params |= {"prior": prior, "prior_count": len(arrays)}
    rank = len(batch_shape(params["prior"], [Part(a, False) for a in arrays])) - 1
    if params["guide"] is not None:
        params["guide"], guided = _law(params["guide"], parts[count:], size, shape)
        arrays += guided
    arrays += [padded(part, rank) for part in scale]
    params["out"] = jax.ShapeDtypeStruct((size, *shape), params["out"].dtype)
    if drawn is not None:
        arrays.append(drawn)
        params["drawn"] = True
    return sites.SAMPLE.bind(*arrays, **params)


def _observe(parts: list[Part], size: int, params: dict[str, Any], drawn: Any) -> Any:
    scale = [parts.pop()] if params["scaled"] else []
    *laws, value = parts
    params["law"], arrays = _law(params["law"], laws, size, value.shape)
    rank = len(batch_shape(params["law"], [Part(a, False) for a in arrays])) - 1
    given = whole(value, size, len(value.shape))
    return sites.OBSERVE.bind(*arrays, given, *(padded(p, rank) for p in scale), **params)


def _value(primitive: Any) -> Any:
    def rule(parts: list[Part], size: int, params: dict[str, Any], drawn: Any) -> Any:
        return primitive.bind(whole(parts[0], size, len(parts[0].shape)), **params)

    return rule


_RULES = {
    sites.SAMPLE: _sample,
    sites.OBSERVE: _observe,
    sites.FACTOR: _value(sites.FACTOR),
    sites.DETERMINISTIC: _value(sites.DETERMINISTIC),
}


def _vmapped(primitive: Any) -> Any:
    def rule(axis: Any, arrays: Any, dims: Any, **params: Any) -> Any:
        parts = [
            Part(a if d is None else jnp.moveaxis(a, d, 0), d is not None)
            for a, d in zip(arrays, dims, strict=True)
        ]
        out = bind_copies(primitive, parts, axis.size, params)
        return (out, [0] * len(out)) if primitive.multiple_results else (out, 0)

    return rule


def _one_minibatch(axis: Any, arrays: Any, dims: Any, **params: Any) -> Any:
    """A plate has one minibatch."""
    return sites.SUBSAMPLE.bind(**params), None


def _shared(axis: Any, arrays: Any, dims: Any, **params: Any) -> Any:
    """A parameter is one for all copies."""
    if dims[0] is not None:
        raise UnsupportedError(
            "the initial values of a parameter differ from copy to copy of jax.vmap",
            "declare the parameter outside of the mapped function, with an axis for the copies",
            site=params["name"],
            line=params["line"],
        )
    return sites.PARAM.bind(*arrays, **params), None


# The `fancy` rule is asked for sites with no mapped argument too, which JAX would else make once for
# the whole batch: every copy has draws of its own.
for _primitive in _RULES:
    batching.fancy_primitive_batchers[_primitive] = _vmapped(_primitive)
batching.fancy_primitive_batchers[sites.PARAM] = _shared
batching.fancy_primitive_batchers[sites.SUBSAMPLE] = _one_minibatch
