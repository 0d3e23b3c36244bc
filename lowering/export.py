"""From level 4 to one file: exported functions for several platforms, and what they need."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from relbo_ir.dialects.errors import ModelError
from relbo_ir.lowering import artifact

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


@dataclass(frozen=True)
class Slot:
    """An array that a program reads: data, or one that its function closed over."""

    name: str
    type: jax.ShapeDtypeStruct
    closed: bool


@dataclass(frozen=True)
class Exportable:
    """What an artifact is made of."""

    step: Callable[..., Any]
    """(params, typed key, data, state) → (value, gradients, state)"""
    state: Mapping[str, Any]
    """What the first step takes: arrays of zeros by name."""
    step_slots: Sequence[Slot]
    draw: Callable[..., Any]
    """(params, typed key, data) → draws by name"""
    draw_slots: Sequence[Slot]
    constrain: Callable[..., Any]
    params: Mapping[str, Any]
    """Where the parameters start: unconstrained arrays by name."""
    constraints: Mapping[str, str]
    closed: Mapping[str, Any]
    """The closed-over arrays, by name."""


def artifact_bytes(program: Exportable, platforms: Sequence[str]) -> bytes:
    """
    The content of the artifact: `step`, `values` and `draws` for every number of draws, and
    `constrain`, as `jax.export` serializes them; their arrays and types; and the reader.

    Raises ModelError for an unknown platform.
    """
    unknown = [p for p in platforms if p not in PLATFORMS]
    if unknown or not platforms:
        raise ModelError(
            f"there is no platform {', '.join(unknown) or 'given'}",
            f"give some of {', '.join(PLATFORMS)}",
        )
    params = {name: _type(value) for name, value in program.params.items()}
    key = jax.random.key_data(jax.random.key(0))
    (count,) = export.symbolic_shape("n")
    one, many = _type(key), jax.ShapeDtypeStruct((count, *key.shape), key.dtype)
    state = {name: _type(value) for name, value in program.state.items()}
    step, step_reads = _called(program.step, program.step_slots, params, state)
    draw, draw_reads = _called(program.draw, program.draw_slots, params)

    def value(params: Any, key: Any, data: Any) -> Any:
        return step(params, key, data, dict(program.state))[0]

    step_data = tuple(slot.type for slot in step_reads)
    draw_data = tuple(slot.type for slot in draw_reads)
    write = _Writer(tuple(platforms))
    members = {
        "step": write.function(step, params, one, step_data, state),
        "values": write.function(_over_keys(value), params, many, step_data),
        "draws": write.function(_over_keys(draw), params, many, draw_data),
        "constrain": write.function(program.constrain, params),
    }
    sites = jax.eval_shape(draw, params, one, draw_data)
    members["arrays.npz"] = _arrays(program)
    slots = {s.name: s for s in (*program.step_slots, *program.draw_slots) if not s.closed}
    metadata = {
        "format": artifact.FORMAT,
        "jax": jax.__version__,
        "platforms": list(platforms),
        "key": str(jax.random.key_impl(jax.random.key(0))),
        "parameters": {
            name: {**_described(type_), "constraint": program.constraints[name]}
            for name, type_ in params.items()
        },
        "state": {name: _described(type_) for name, type_ in state.items()},
        "data": {name: _described(slot.type) for name, slot in slots.items()},
        "sites": {name: _described(type_) for name, type_ in sites.items()},
        "reads": {
            "step": [s.name for s in step_reads],
            "values": [s.name for s in step_reads],
            "draws": [s.name for s in draw_reads],
        },
        "sha256": {name: hashlib.sha256(m).hexdigest() for name, m in members.items()},
    }
    members["program.json"] = json.dumps(metadata, indent=1).encode()
    members["relbo_artifact.py"] = Path(artifact.__file__).read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclass(frozen=True)
class _Writer:
    platforms: tuple[str, ...]

    def function(self, function: Callable[..., Any], *types: Any) -> bytes:
        """A function of these argument types, serialized."""
        exported = export.export(jax.jit(function), platforms=self.platforms)(*types)
        return bytes(exported.serialize())


def _called(
    program: Callable[..., Any], slots: Sequence[Slot], params: Mapping[str, Any], *more: Any
) -> tuple[Callable[..., Any], list[Slot]]:
    """
    The program as a function of (params, raw key, data, *more) without the data that it does not read,
    and the slots of those that it does.
    """
    key = jax.eval_shape(lambda: jax.random.key(0))
    jaxpr = jax.make_jaxpr(program)(params, key, tuple(s.type for s in slots), *more).jaxpr
    data = jaxpr.invars[len(params) + 1 :][: len(slots)]
    used = {v for e in jaxpr.eqns for v in e.invars if not hasattr(v, "val")} | set(
        v for v in jaxpr.outvars if not hasattr(v, "val")
    )
    read = [var in used for var in data]

    def call(params: Any, key: Any, given: Any, *more: Any) -> Any:
        arrays = iter(given)
        full = tuple(
            next(arrays) if r else jnp.zeros(slot.type.shape, slot.type.dtype)
            for slot, r in zip(slots, read, strict=True)
        )
        return program(params, jax.random.wrap_key_data(key), full, *more)

    return call, [slot for slot, r in zip(slots, read, strict=True) if r]


def _over_keys(function: Callable[..., Any]) -> Callable[..., Any]:
    return jax.vmap(function, in_axes=(None, 0, None))


def _type(value: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(value), jnp.result_type(value))


def _described(type_: Any) -> dict[str, Any]:
    return {"shape": list(type_.shape), "dtype": np.dtype(type_.dtype).name}


def _arrays(program: Exportable) -> bytes:
    named = {f"init/{name}": value for name, value in program.params.items()}
    named |= {f"closed/{name}": value for name, value in program.closed.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, value in named.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)
            archive.writestr(f"{name}.npy", member.getvalue())
    return buffer.getvalue()
