"""A law in several copies: a new first batch axis, along which some of its arrays differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp

from relbo_ir.dialects.dist import broadcast_shapes
from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.lowering.law_specs import LawSpec, is_traced


@dataclass(frozen=True)
class Part:
    """An array of a site; `mapped`: its first axis counts the copies, else all copies share it."""

    array: Any
    mapped: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one copy's array."""
        shape = tuple(self.array.shape)
        return shape[1:] if self.mapped else shape


def batch_shape(spec: LawSpec, parts: Sequence[Part]) -> tuple[int, ...]:
    """The batch shape of one copy of a law."""
    return _batch(spec, iter(parts))


def _batch(spec: LawSpec, parts: Iterator[Part]) -> tuple[int, ...]:
    inner = [_batch(law, parts) for law in _laws(spec)]
    mine = [next(parts).shape for _ in range(spec.count)]
    match spec.kind:
        case "family":
            cls = spec.static[0]
            ranks = [cls.parameter_rank(name) for name in cls.FAMILY.parameters]
            return broadcast_shapes(
                *(shape[: len(shape) - n] for shape, n in zip(mine, ranks, strict=True))
            )
        case "independent":
            return inner[0][: len(inner[0]) - spec.static[0]]
        case "expand":
            return spec.static[0]
        case "delta":
            return mine[0][: len(mine[0]) - spec.static[0]]
        case "improper":
            shape, event = spec.static[1], spec.static[3]
            return shape[: len(shape) - event]
        case "opaque":
            shape, event = spec.static[1], spec.static[3]
            return shape[: len(shape) - event]
        case "transformed_by":
            shape, event = spec.static[0].shape, spec.static[0].event_rank
            return shape[: len(shape) - event]
        case "mixture":
            return broadcast_shapes(mine[0][:-1], *inner)
        case "mixture_same_family":
            return broadcast_shapes(mine[0][:-1], inner[0][:-1])
        case _:
            return inner[0]


def _laws(spec: LawSpec) -> list[LawSpec]:
    """The laws that a law is made of, in the order of their arrays."""
    return [*([] if spec.base is None else [spec.base]), *spec.others]


def _count(spec: LawSpec) -> int:
    return spec.count + sum(_count(law) for law in _laws(spec))


def batched_law(
    spec: LawSpec, parts: Sequence[Part], size: int, event_rank: int
) -> tuple[LawSpec, list[Any]]:
    """
    The law of `size` copies, batch axis 0 of the result, and its arrays. UnsupportedError for a
    law that was traced for one shape, in a mixture with others.
    """
    rank = len(batch_shape(spec, parts))
    return _batched(spec, list(parts), size, rank, event_rank)


def _batched(
    spec: LawSpec, parts: list[Part], size: int, rank: int, event: int
) -> tuple[LawSpec, list[Any]]:
    """The same, padded to so many batch axes besides the new one."""
    if spec.kind in ("opaque", "transformed_by") and len(batch_shape(spec, parts)) != rank:
        raise UnsupportedError(
            "a law without an op that broadcasts against others is not supported in a loop or "
            "under jax.vmap",
            "write the copies as a plate",
        )
    if spec.kind == "opaque":
        flags = tuple(part.mapped for part in parts)
        tree, shape, dtype, own, support, mapped, is_read = spec.static
        static = (tree, (size, *shape), dtype, own, support, ((size, flags), *mapped), is_read)
        return replace(spec, static=static), [part.array for part in parts]
    if spec.kind == "improper":
        support, shape, dtype, own = spec.static
        wide = (size, *(1,) * (rank - len(shape) + own), *shape)
        bounds = [padded(part, rank + event) for part in parts]
        return replace(spec, static=(support, wide, dtype, own)), bounds
    if not is_traced(spec) and not any(part.mapped for part in parts):
        batch = batch_shape(spec, parts)
        wide = (size, *(1,) * (rank - len(batch)), *batch)
        base = spec.base if spec.kind == "expand" else spec
        return LawSpec("expand", (wide,), base), [part.array for part in parts]
    return _composed(spec, parts, size, rank, event)


def _composed(
    spec: LawSpec, parts: list[Part], size: int, rank: int, event: int
) -> tuple[LawSpec, list[Any]]:
    """A law of which some array is mapped, or that is traced in part."""
    ranks = {"independent": rank + spec.static[0] if spec.kind == "independent" else rank}
    ranks |= {"mixture_same_family": rank + 1}
    inner_rank = ranks.get(spec.kind, rank)
    inner_event = event - spec.static[0] if spec.kind == "independent" else event
    if spec.kind == "transformed_by":
        inner_event = spec.static[0].base_rank
    laws: list[LawSpec] = []
    arrays: list[Any] = []
    for law in _laws(spec):
        own, parts = parts[: _count(law)], parts[_count(law) :]
        made, some = _batched(law, own, size, inner_rank, inner_event)
        laws.append(made)
        arrays += some
    static = spec.static
    match spec.kind:
        case "family":
            cls = spec.static[0]
            events = [cls.parameter_rank(name) for name in cls.FAMILY.parameters]
            mine = [padded(p, rank + n) for p, n in zip(parts, events, strict=True)]
        case "expand":
            static = ((size, *(1,) * (rank - len(static[0])), *static[0]),)
            mine = []
        case "mask":
            mine = [whole(parts[0], size, rank)]
        case "delta":
            value, density = parts
            mine = [whole(value, size, rank + event), whole(density, size, rank)]
        case "mixture" | "mixture_same_family":
            mine = [padded(parts[0], rank + 1)]
        case "transformed_by":
            static = (static[0].copied(size, tuple(part.mapped for part in parts)),)
            mine = [part.array for part in parts]
        case _:
            mine = [padded(part, rank + event) for part in parts]
    made = replace(spec, static=static, base=laws[0] if laws else None, others=tuple(laws[1:]))
    return made, [*arrays, *mine]


def padded(part: Part, rank: int) -> Any:
    """A mapped array with axes of one element after its first, so that it has rank + 1 axes."""
    if not part.mapped or len(part.shape) == rank:
        return part.array
    ones = (1,) * (rank - len(part.shape))
    return jnp.reshape(part.array, (part.array.shape[0], *ones, *part.shape))


def whole(part: Part, size: int, rank: int) -> Any:
    """An array for each copy, padded to so many axes besides the first."""
    shape = (*(1,) * (rank - len(part.shape)), *part.shape)
    return jnp.broadcast_to(padded(part, rank), (size, *shape))
