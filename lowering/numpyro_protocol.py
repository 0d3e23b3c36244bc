"""The one place that speaks NumPyro's handler protocol: its messages become site primitives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
from jax.core import Tracer
from numpyro import handlers
from numpyro.distributions.distribution import validation_enabled
from numpyro.primitives import (
    _PYRO_STACK,  # pyright: ignore[reportPrivateUsage]  # there is no public way to ask
    Messenger,
)

from relbo_ir.dialects.errors import ModelError, RelboError, UnsupportedError
from relbo_ir.dialects.rng import stable_hash
from relbo_ir.lowering import sites
from relbo_ir.lowering.constraints import constraint_attr
from relbo_ir.lowering.laws import LawSpec, describe

CONCRETIZATION = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)
"""What JAX raises where Python wants the number of a traced value."""
_Made = TypeVar("_Made")
GUIDE = "relbo_guide"
"""The key of a site's `infer` dictionary that holds its guide."""


class SiteTracer(Messenger):
    """
    Binds a site primitive for every message of a model that runs under it.

    `lines` holds the source line of every site that was met, by name.
    """

    def __init__(self, key: jax.Array):
        super().__init__(None)
        self.key = key
        self.lines: dict[str, str] = {}

    def process_message(self, msg: Any) -> None:
        """Handles one message; an unknown kind is an error that names it."""
        match msg["type"]:
            case "sample":
                self._sample(msg)
            case "param":
                self._param(msg)
            case "deterministic":
                self._deterministic(msg)
            case "plate":
                size, subsample = msg["args"]
                self._check_size(msg["name"], size)
                if subsample is not None and subsample != size:
                    self._refuse(msg, f"plate subsampling ({subsample} of {size})")
                msg["value"] = jnp.arange(size)
            case "prng_key" if msg["kwargs"]["rng_key"] is not None:
                pass  # an inner seed has given a key, that of a parameter's initial value
            case kind:
                self._refuse(msg, f"the NumPyro message {kind!r}")

    def _refuse(self, msg: Any, what: str) -> NoReturn:
        raise UnsupportedError(
            f"{what} is not supported",
            "write the model without it",
            site=msg.get("name"),
            line=sites.user_line(),
        )

    def _check_size(self, name: str, size: Any) -> None:
        if not isinstance(size, (int, np.integer)) or size < 1:
            raise ModelError(
                f'plate "{name}" has size {size}',
                "give its size as a Python integer of 1 or more",
                line=sites.user_line(),
            )

    def _deterministic(self, msg: Any) -> None:
        paths, _ = jax.tree_util.tree_flatten_with_path(msg["value"])
        for path, leaf in paths:
            part = {**msg, "name": msg["name"] + jax.tree_util.keystr(path)}
            line = self._register(part)
            sites.DETERMINISTIC.bind(jnp.asarray(leaf), name=part["name"], line=line)

    def _register(self, msg: Any) -> str:
        name, line = msg["name"], sites.user_line()
        if not isinstance(name, str):
            raise ModelError(f"a site's name is a string, not {name!r}", "name the site", line=line)
        if name in self.lines:
            raise ModelError(
                f'two sites are named "{name}"; the other one is at {self.lines[name]}',
                "give every site its own name",
                site=name,
                line=line,
            )
        self.lines[name] = line
        return line

    def _sample(self, msg: Any) -> None:
        name, line = msg["name"], self._register(msg)
        law, infer = msg["fn"], msg["infer"]
        if msg["scale"] is not None:
            self._refuse(msg, "handlers.scale")
        if msg["value"] is not None and not msg["is_observed"]:
            self._refuse(msg, "a choice that a handler fixes (substitute, replay)")
        shape = msg["kwargs"].get("sample_shape") or ()
        if shape:
            law = law.expand(tuple(shape) + tuple(law.batch_shape))
        factor = _factor(law)
        if factor is not None:
            sites.FACTOR.bind(factor, name=name, line=line)
            return
        spec, arrays = _placed(lambda: describe(law, name), name, line)
        plates = tuple((f.name, f.dim, f.size) for f in reversed(msg["cond_indep_stack"]))
        if msg["is_observed"]:
            self._observe(msg, law, spec, arrays, plates)
            return
        prior_count = len(arrays)
        guide, auxiliary = infer.get(GUIDE), bool(infer.get("is_auxiliary", False))
        guide_spec: LawSpec | None = None
        if guide is not None:
            guide_spec, extra = self._in_place(guide, law, name, line)
            arrays = [*arrays, *extra]
        out = jax.ShapeDtypeStruct(
            (*law.batch_shape, *law.event_shape), _draw_dtype(law, spec, arrays)
        )
        msg["value"] = sites.SAMPLE.bind(
            *arrays,
            name=name,
            line=line,
            prior=spec,
            prior_count=prior_count,
            guide=guide_spec,
            plates=plates,
            auxiliary=auxiliary,
            out=out,
        )

    def _in_place(self, guide: Any, law: Any, name: str, line: str) -> tuple[LawSpec, list[Any]]:
        shape, event = tuple(law.batch_shape), tuple(law.event_shape)
        try:
            if tuple(guide.batch_shape) != shape:
                guide = guide.expand(shape)
        except (ValueError, TypeError) as error:
            raise ModelError(
                f"the guide's batch shape {tuple(guide.batch_shape)} does not broadcast to the "
                f"prior's, {shape}",
                "give prior and guide one shape",
                site=name,
                line=line,
            ) from error
        if tuple(guide.event_shape) != event:
            raise ModelError(
                f"the guide's event shape {tuple(guide.event_shape)} is not the prior's, {event}",
                "use to_event alike on both",
                site=name,
                line=line,
            )
        return _placed(lambda: describe(guide, name), name, line)

    def _observe(
        self, msg: Any, law: Any, spec: LawSpec, arrays: list[Any], plates: tuple[Any, ...]
    ) -> None:
        name = msg["name"]
        line = self.lines[name]
        _check_observed(msg["value"], name, line)
        value = jnp.asarray(msg["value"])
        event = len(law.event_shape)
        given = value.shape[: value.ndim - event]
        try:
            batch = jax.lax.broadcast_shapes(tuple(law.batch_shape), given)
            value = jnp.broadcast_to(value, (*batch, *law.event_shape))
        except ValueError as error:
            raise ModelError(
                f"the observed value has shape {value.shape}, which does not broadcast against "
                f"batch {tuple(law.batch_shape)} and event {tuple(law.event_shape)}",
                "make the data's shape that of the site's plates and distribution",
                site=name,
                line=line,
            ) from error
        for plate, dim, size in plates:
            if len(batch) >= -dim and batch[dim] != size:
                raise ModelError(
                    f"the observed value has {batch[dim]} elements on the axis of plate "
                    f'"{plate}", which has {size}',
                    "make the data and the plate one size",
                    site=name,
                    line=line,
                )
        if tuple(batch) != tuple(law.batch_shape):
            spec = LawSpec("expand", (tuple(batch),), spec)
        sites.OBSERVE.bind(*arrays, value, name=name, line=line, law=spec, plates=plates)

    def _param(self, msg: Any) -> None:
        name, line = msg["name"], self._register(msg)
        if msg["value"] is not None:
            self._refuse(msg, "a parameter that a handler fixes (substitute)")
        declared = msg["kwargs"].get("constraint", nd.constraints.real)
        constraint = _placed(lambda: constraint_attr(declared, name), name, line)
        init = _initial(msg, jax.random.fold_in(self.key, stable_hash(name)), line)
        msg["value"] = sites.PARAM.bind(init, name=name, line=line, constraint=constraint)


def _placed(make: Callable[[], _Made], site: str, line: str) -> _Made:
    """What `make` gives; its errors get the site and the line."""
    try:
        return make()
    except (UnsupportedError, ModelError) as error:
        raise type(error)(error.cause, error.remedy, site=site, line=line) from error


def _check_observed(value: Any, site: str, line: str) -> None:
    """Refuses NaN in an observation that is no argument of the model."""
    if isinstance(value, Tracer):
        return
    array = np.asarray(value)
    if np.issubdtype(array.dtype, np.floating) and np.isnan(array).any():
        raise ModelError(
            f"the observed value has {int(np.isnan(array).sum())} NaN",
            "remove or impute the missing values",
            site=site,
            line=line,
        )


def _initial(msg: Any, key: jax.Array, line: str) -> jax.Array:
    if msg["args"]:
        value = msg["args"][0]
    else:
        with handlers.seed(rng_seed=key), handlers.block():
            value = msg["fn"]()
    if value is None:
        raise ModelError(
            "the parameter has no initial value",
            "give numbers, or a function of a random key",
            site=msg["name"],
            line=line,
        )
    dtype = jnp.result_type(value)
    return jnp.asarray(value, dtype if jnp.issubdtype(dtype, jnp.floating) else float)


def _factor(law: Any) -> Any:
    base = law
    while type(base) in (nd.ExpandedDistribution, nd.Independent):
        base = base.base_dist
    if type(base) is not nd.Unit:
        return None
    return jnp.broadcast_to(jnp.asarray(base.log_factor), law.batch_shape)


def _draw_dtype(law: Any, spec: LawSpec, arrays: list[Any]) -> Any:
    while spec.base is not None:
        spec = spec.base
    if spec.kind == "opaque":
        return jnp.dtype(spec.static[2])
    if law.is_discrete:
        return jnp.int32
    floats = [a.dtype for a in arrays if jnp.issubdtype(a.dtype, jnp.floating)]
    return jnp.result_type(*floats) if floats else jnp.result_type(float)


def run_under(tracer: SiteTracer, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    """
    Runs a model or a guide, native or NumPyro's, with the tracer as the outermost handler.

    What NumPyro refuses becomes a ModelError with the user's line; an error of the user's own
    code is raised as it is.
    """
    try:
        with validation_enabled(False), tracer:
            function(*args, **kwargs)
    except (ValueError, TypeError, AssertionError, NotImplementedError) as error:
        origin = sites.origin_of(error)
        if isinstance(error, (RelboError, *CONCRETIZATION)) or origin.callee != "numpyro":
            raise
        raise ModelError(
            f"NumPyro refuses this: {str(error).strip() or type(error).__name__}",
            "make the shapes, plates and arguments of the statement fit each other",
            site=origin.site,
            line=origin.line,
        ) from error


def is_handled() -> bool:
    """Whether a model runs: a site that is met now reaches some handler."""
    return bool(_PYRO_STACK)


def prepare_auto_guide(guide: Any, key: jax.Array, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """
    A copy of an automatic guide that has seen its model once, with concrete values.

    NumPyro's automatic guides fail cold under tracing and keep their first initialisation; a copy
    per call leaves the user's object alone.
    """
    import copy

    fresh = copy.copy(guide)
    with handlers.seed(rng_seed=key), handlers.block():
        fresh(*args, **kwargs)
    return fresh


def is_auto_guide(guide: Any) -> bool:
    """Whether a guide is one of NumPyro's automatic ones."""
    from numpyro.infer.autoguide import AutoGuide

    return isinstance(guide, AutoGuide)
