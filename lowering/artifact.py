"""
Reads a compiled ELBO: one zip file with exported functions, arrays, and this reader.

It needs jax and numpy alone. Where relbo_ir is not installed, the file itself is the library:

    import sys
    sys.path.insert(0, "model.relbo")
    import relbo_artifact
    program = relbo_artifact.load("model.relbo")
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

FORMAT = 2
FUNCTIONS = ("step", "values", "draws", "constrain")


class ArtifactError(ValueError):
    """A file that is no compiled ELBO, or arguments that do not fit it: cause and remedy."""

    def __init__(self, cause: str, remedy: str):
        self.cause, self.remedy = cause, remedy
        super().__init__(f"{cause}\n  remedy: {remedy}")


class Program:
    """
    A compiled estimator of an ELBO, to be maximised, and draws from its guide.

    `parameters` maps each parameter's name to `shape` and `dtype` of its unconstrained coordinates
    and to its `constraint`; `data`, `sites` and `state` map names to `shape` and `dtype`. Parameters
    are dicts by name of unconstrained arrays, data and state dicts by name, values in nats. A key is
    an int, a typed key, or raw key data.
    """

    def __init__(self, metadata: Any, functions: dict[str, Any], arrays: dict[str, Any]):
        self.parameters, self.data = metadata["parameters"], metadata["data"]
        self.sites, self.platforms = metadata["sites"], tuple(metadata["platforms"])
        self.state = metadata["state"]
        self._impl, self._reads, self._arrays = metadata["key"], metadata["reads"], arrays
        self._calls = {name: jax.jit(function.call) for name, function in functions.items()}

    def init(self) -> dict[str, Any]:
        """The parameters that the file was written with: initial ones, or those of a fit."""
        return {name: self._arrays[f"init/{name}"] for name in self.parameters}

    def constrain(self, params: Any) -> dict[str, Any]:
        """The parameters in their own spaces, by name."""
        return self._calls["constrain"](self._params(params))

    def value_and_grad(self, params: Any, key: Any, data: Any = ()) -> tuple[Any, dict[str, Any]]:
        """
        Unbiased estimates of the ELBO and of its gradient in the unconstrained parameters, as of a
        first step: a later `step` may have less noise.
        """
        value, gradient, _ = self.step(params, key, data)
        return value, gradient

    def init_state(self) -> dict[str, Any]:
        """What the first `step` takes: the running means, empty where the program has none."""
        return {n: np.zeros(t["shape"], t["dtype"]) for n, t in self.state.items()}

    def step(
        self, params: Any, key: Any, data: Any = (), state: Any = None
    ) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """
        `value_and_grad`, with what one step hands to the next: gives value, gradient and the new
        state. Without a state it is the first step.
        """
        state = self.init_state() if state is None else state
        _check_names("states", self.state, state)
        fitted = {n: _fitted(f"state {n!r}", state[n], t) for n, t in self.state.items()}
        given = self._given("step", data)
        return self._calls["step"](self._params(params), self._key(key), given, fitted)

    def value(self, params: Any, key: Any, data: Any = ()) -> Any:
        """An unbiased estimate of the ELBO, a scalar."""
        return self.value_and_grad(params, key, data)[0]

    def values(self, params: Any, n: int, key: Any = 0, data: Any = ()) -> Any:
        """`n` independent unbiased estimates of the ELBO, of shape (n,)."""
        given = self._given("values", data)
        return self._calls["values"](self._params(params), self._keys(key, n), given)

    def sample_posterior(self, params: Any, n: int, key: Any = 0, data: Any = ()) -> dict[str, Any]:
        """`n` draws from the guide: every choice and named value, each of shape (n, ...)."""
        given = self._given("draws", data)
        return self._calls["draws"](self._params(params), self._keys(key, n), given)

    def _params(self, params: Any) -> dict[str, Any]:
        _check_names("parameters", self.parameters, params)
        return {
            name: _fitted(f"parameter {name!r}", params[name], type_)
            for name, type_ in self.parameters.items()
        }

    def _given(self, function: str, data: Any) -> tuple[Any, ...]:
        names, data = self._reads[function], dict(data)
        unknown = [name for name in data if name not in self.data]
        missing = [name for name in names if name in self.data and name not in data]
        if unknown or missing:
            raise ArtifactError(
                f"the data are not the program's; missing: {missing}, unknown: {unknown}",
                f"pass a dict with an array for each of {sorted(self.data)}",
            )
        return tuple(
            _fitted(f"data {name!r}", data[name], self.data[name])
            if name in self.data
            else self._arrays[f"closed/{name}"]
            for name in names
        )

    def _typed(self, key: Any) -> Any:
        if isinstance(key, (int, np.integer)):
            return jax.random.key(int(key), impl=self._impl)
        if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
            if str(jax.random.key_impl(key)) != self._impl:
                raise ArtifactError(
                    f"the key is of kind {jax.random.key_impl(key)}, the program's {self._impl}",
                    f"make it with jax.random.key(0, impl={self._impl!r})",
                )
            return key
        return jax.random.wrap_key_data(key, impl=self._impl)

    def _key(self, key: Any) -> Any:
        return jax.random.key_data(self._typed(key))

    def _keys(self, key: Any, n: int) -> Any:
        return jax.random.key_data(jax.random.split(self._typed(key), n))


def _check_names(what: str, known: Any, given: Any) -> None:
    missing = [name for name in known if name not in given]
    unknown = [name for name in given if name not in known]
    if missing or unknown:
        raise ArtifactError(
            f"the {what} are not the program's; missing: {missing}, unknown: {unknown}",
            "pass a dict like the one that `init` (of parameters) or `init_state` gives",
        )


def _fitted(what: str, value: Any, type_: Any) -> Any:
    array = value if isinstance(value, jax.Array) else np.asarray(value)
    shape, dtype = tuple(type_["shape"]), type_["dtype"]
    fits = np.can_cast(array.dtype, dtype, "same_kind")
    if isinstance(array, np.ndarray) and array.dtype.kind in "iu" and np.dtype(dtype).kind in "iu":
        fits = np.array_equal(array.astype(dtype), array)
    if array.shape != shape or not fits:
        raise ArtifactError(
            f"{what} is {array.dtype}{list(array.shape)}, the program takes {dtype}{list(shape)}",
            "pass an array of that shape and type",
        )
    return jnp.asarray(array, dtype)


def load(path: Any) -> Program:
    """The program in a file; ArtifactError for a file that is none, is damaged, or cannot run."""
    try:
        with zipfile.ZipFile(path) as archive:
            metadata = json.loads(archive.read("program.json"))
            if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
                raise ArtifactError(
                    f"{path} is of another format than {FORMAT}", "use the reader inside the file"
                )
            members = {name: archive.read(name) for name in metadata["sha256"]}
            _check_digests(path, members, metadata["sha256"])
            functions = {f: export.deserialize(bytearray(members[f])) for f in FUNCTIONS}
            for function in functions.values():
                function.mlir_module()  # the code of a newer JAX may be unreadable
            with np.load(io.BytesIO(members["arrays.npz"]), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            program = Program(metadata, functions, arrays)
            _check_runs(path, program)
            program.init()
    except FileNotFoundError as error:
        raise ArtifactError(f"there is no file {path}", "check the path") from error
    except ArtifactError:
        raise
    # What reading bytes of another's making can raise: zip, JSON, flatbuffers, NumPy, lookups.
    except (
        OSError, zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError, AttributeError, IndexError,
        EOFError, struct.error, NotImplementedError, AssertionError, RecursionError, RuntimeError,
    ) as error:  # fmt: skip
        raise ArtifactError(
            f"{path} is no readable compiled ELBO: {type(error).__name__}: {error}",
            "write it again with objective.export, with a JAX no newer than the one that reads it",
        ) from error
    return program


def _check_digests(path: Any, members: dict[str, bytes], digests: Any) -> None:
    for name, content in members.items():
        if hashlib.sha256(content).hexdigest() != digests[name]:
            raise ArtifactError(f"{path} is damaged: {name}", "copy or write the file again")


def _check_runs(path: Any, program: Program) -> None:
    types = [
        *program.parameters.values(),
        *program.data.values(),
        *program.sites.values(),
        *program.state.values(),
    ]
    wide = {t["dtype"] for t in types} & {"float64", "int64", "uint64", "complex128"}
    if wide and not jax.config.read("jax_enable_x64"):
        raise ArtifactError(
            f"{path} computes in {', '.join(sorted(wide))}, which this process has switched off",
            'call jax.config.update("jax_enable_x64", True) before it is loaded',
        )
    devices = [str(device.platform) for device in jax.devices()]
    here = {"cpu", *("cuda" if name == "gpu" else name for name in devices)}
    if not here & set(program.platforms):
        raise ArtifactError(
            f"{path} runs on {', '.join(program.platforms)}, this machine has {sorted(here)}",
            "export it again for this platform: export(path, platforms=(...))",
        )
