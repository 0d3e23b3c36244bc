"""Checkpoints: the state of a fit in a file that is replaced in one step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from relbo_ir.dialects.errors import ModelError
from relbo_ir.storage import arrays_from_bytes, arrays_to_bytes, write_file

_IDENTITY, _DIGEST = "identity", "digest"
_History = list[np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Identity:
    """Which fit a checkpoint is of: digests of what decides its bits, and words for messages."""

    program: str
    """Of a chunk of steps as StableHLO: objective, optimizer and JAX's lowering of them."""
    data: str
    start: str
    key: str
    steps: int
    parameters: str


def digest(arrays: Iterable[Any]) -> str:
    """A hash of arrays with their types and shapes; random keys by their raw data."""
    total = hashlib.sha256()
    for value in arrays:
        array = _raw(value)
        total.update(f"{array.dtype}{array.shape};".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def _is_key(value: Any) -> bool:
    return isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)


def _raw(value: Any) -> np.ndarray[Any, Any]:
    return np.asarray(jax.random.key_data(value) if _is_key(value) else value)


class Layout:
    """How a state of JAX arrays, random keys among them, lies in NumPy arrays, and comes back."""

    def __init__(self, state: Any):
        leaves, self._structure = jax.tree.flatten(state)
        self._dtypes = [leaf.dtype for leaf in leaves]
        self._keys = [str(jax.random.key_impl(leaf)) if _is_key(leaf) else None for leaf in leaves]

    def save(self, state: Any) -> list[np.ndarray[Any, Any]]:
        """The leaves of a state."""
        return [_raw(leaf) for leaf in jax.tree.leaves(state)]

    def load(self, arrays: Sequence[np.ndarray[Any, Any]]) -> Any:
        """The state of these leaves."""
        leaves = [
            jnp.asarray(array.view(dtype) if array.dtype.kind == "V" else array)
            if key is None
            else jax.random.wrap_key_data(jnp.asarray(array), impl=key)
            for array, dtype, key in zip(arrays, self._dtypes, self._keys, strict=True)
        ]
        return jax.tree.unflatten(self._structure, leaves)


class Checkpoint:
    """The file of one fit, and how often it is written."""

    def __init__(self, path: Path, every: int | None):
        self.path, self.every = path, every
        self._identity: Identity | None = None
        self._written = 0

    def resume(self, start: Any, identity: Identity) -> tuple[Any, _History, int]:
        """
        State, history and number of steps in the file; `start`, nothing and 0 without a file.

        Raises ModelError for a file that is damaged, is no checkpoint, or is one of another fit.
        """
        self._identity = identity
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return start, [], 0
        except OSError as error:
            raise ModelError(
                f"the checkpoint {self.path} cannot be read: {error.strerror}", "check the path"
            ) from error
        arrays = arrays_from_bytes(content, f"the checkpoint {self.path}")
        self._check(arrays, identity)
        count = len(jax.tree.leaves(start))
        state = Layout(start).load([arrays[f"state/{k}"] for k in range(count)])
        history = arrays["history"]
        self._written = len(history)
        return state, [history], len(history)

    def _check(self, arrays: dict[str, np.ndarray[Any, Any]], identity: Identity) -> None:
        marked = arrays.pop(_DIGEST, None)
        if marked is None or _IDENTITY not in arrays:
            raise ModelError(
                f"{self.path} is no checkpoint of a fit", "name another file, or remove this one"
            )
        if str(marked) != _total(arrays):
            raise ModelError(
                f"the checkpoint {self.path} is damaged", "remove it to start the fit anew"
            )
        saved: dict[str, Any] = json.loads(str(arrays[_IDENTITY]))
        differing = [name for name, value in asdict(identity).items() if saved.get(name) != value]
        if differing:
            raise ModelError(
                f"the checkpoint {self.path} belongs to another fit, of {saved.get('steps')} steps "
                f"with the parameters {saved.get('parameters')}; this fit differs in its "
                f"{', '.join(differing)}",
                "give each fit a file of its own, or remove this one to start anew",
            )

    def write(self, state: Any, history: Sequence[np.ndarray[Any, Any]], done: int) -> None:
        """Replaces the file, where enough steps have been taken since it was last written."""
        if self._identity is None:
            raise ValueError("a checkpoint is resumed before it is written")
        last = done == self._identity.steps
        if done - self._written < (self.every or 1) and not last:
            return
        arrays: dict[str, Any] = {
            f"state/{k}": _raw(leaf) for k, leaf in enumerate(jax.tree.leaves(state))
        }
        arrays["history"] = np.concatenate(history)
        arrays[_IDENTITY] = np.array(json.dumps(asdict(self._identity)))
        arrays[_DIGEST] = np.array(_total(arrays))
        write_file(self.path, arrays_to_bytes(arrays))
        self._written = done


def _total(arrays: dict[str, Any]) -> str:
    names = sorted(name for name in arrays if name != _DIGEST)
    return digest([np.array(names), *(_plain(arrays[name]) for name in names)])


def _plain(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array as NumPy reads it back: a type that is not NumPy's own comes back as bytes."""
    return array.view(f"V{array.dtype.itemsize}") if array.dtype.kind == "V" else array
