"""Descriptions of laws without their arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from relbo_ir.lowering.wider_laws import is_masked_away


@dataclass(frozen=True)
class LawSpec:
    """A law without its arrays: what is static of it, hashable, as a parameter of a primitive."""

    kind: str
    static: tuple[Any, ...] = ()
    base: LawSpec | None = None
    count: int = 0
    """How many arrays this node takes, after those of its base."""
    others: tuple[LawSpec, ...] = ()
    """Further laws that this node is made of; their arrays follow those of the base."""


def is_traced(spec: LawSpec) -> bool:
    """Whether a law is made of a traced law or transform, which has one shape."""
    if spec.kind in ("opaque", "transformed_by"):
        return True
    return any(is_traced(law) for law in (spec.base, *spec.others) if law is not None)


def masked_away(law: Any, spec: LawSpec) -> LawSpec:
    """
    The description of a law that nothing is drawn from. Under a mask that is the literal False the
    densities of opaque laws are not read, and are not traced: they may raise.
    """
    return _unread(spec) if is_masked_away(law) else spec


def _unread(spec: LawSpec) -> LawSpec:
    static = (*spec.static[:-1], False) if spec.kind == "opaque" else spec.static
    base = None if spec.base is None else _unread(spec.base)
    return replace(spec, static=static, base=base, others=tuple(map(_unread, spec.others)))
