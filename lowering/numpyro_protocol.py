"""The one place that speaks NumPyro's handler protocol: its messages become site primitives."""

from __future__ import annotations

import math
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
from relbo_ir.lowering.control_flow import run_control_flow
from relbo_ir.lowering.law_specs import LawSpec, masked_away
from relbo_ir.lowering.laws import describe, widened
from relbo_ir.lowering.site_values import (
    as_floats,
    check_in_plates,
    check_observed,
    check_size,
    draw_dtype,
    index_hint,
    initial_value,
    leaf_name,
    log_factor,
    placed,
    scale_arrays,
    spoken_size,
)
from relbo_ir.lowering.transformed_choices import split_transformed, transformed_point
from relbo_ir.lowering.wider_laws import mask_of

CONCRETIZATION = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)
"""What JAX raises where Python wants the number of a traced value."""
_Made = TypeVar("_Made")
_MODULE = "$params"
"""How the parameters of NumPyro's neural networks end."""
GUIDE = "relbo_guide"
"""The key of a site's `infer` dictionary that holds its guide."""


class SiteTracer(Messenger):
    """
    Binds a site primitive for every message of a model or a guide that runs under it.

    `lines` holds the source line of every site that was met, by name; `plates` the size of every
    plate and the number of its copies that a site has, and `followed` those of minibatches that a
    plate of the same size without one follows. NumPyro's neural networks ask for their
    parameters before they make initial ones, and go on with these: `modules` holds the trees of
    the ones that got no answer. A second run, with their initial values as `initial`, gives it.
    """

    def __init__(
        self,
        key: jax.Array,
        *,
        is_guide: bool = False,
        initial: Mapping[str, Any] | None = None,
        followed: Mapping[str, tuple[int, int]] | None = None,
    ):
        super().__init__(None)
        self.key, self.is_guide = key, is_guide
        self.lines: dict[str, str] = {}
        self.plates: dict[str, tuple[int, int]] = {}
        self.modules: dict[str, Any] = {}
        self._initial = {} if initial is None else initial
        self._followed = {} if followed is None else followed
        self._trees: dict[str, Any] = {}
        self._asked: set[str] = set()
        self._keys = 0

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
                self._plate(msg)
            case "subsample" | "inspect":
                pass  # for the plates and masks around the statement, which act on them
            case "prng_key":
                self._prng_key(msg)
            case "control_flow":
                msg["value"] = run_control_flow(msg)
            case kind:
                self._refuse(msg, f"the NumPyro message {kind!r}")

    def _refuse(self, msg: Any, what: str) -> NoReturn:
        raise UnsupportedError(
            f"{what} is not supported",
            "write the model without it",
            site=msg.get("name"),
            line=sites.user_line(),
        )

    def _plate(self, msg: Any) -> None:
        name, line = msg["name"], sites.user_line()
        size, subsample = msg["args"]
        check_size(f'plate "{name}"', size, line)
        count = size if subsample is None else subsample
        check_size(f'the subsample of plate "{name}"', count, line)
        given = msg["value"]
        if subsample is None and name in self._followed and size == self._followed[name][0]:
            count, given = self._followed[name][1], None
        count = count if given is None else given.shape[0]
        if count > size:
            raise ModelError(
                f'plate "{name}" of size {size} has a subsample of {count}',
                "give a subsample that is no larger than the plate",
                line=line,
            )
        known = self.plates.setdefault(name, (size, count))
        if known != (size, count):
            raise ModelError(
                f'plate "{name}" has size {spoken_size(*known)} and size {spoken_size(size, count)}',
                "give each plate one size, or each size its own name",
                line=line,
            )
        if given is None:
            out = jax.ShapeDtypeStruct((count,), jnp.int32)
            msg["value"] = sites.SUBSAMPLE.bind(
                name=name, line=line, size=size, count=count, out=out
            )

    def _prng_key(self, msg: Any) -> None:
        """
        A key for initial values, unless an inner seed has given one; nothing else may depend on
        it, which `trace_function` checks.
        """
        if msg["kwargs"]["rng_key"] is None:
            self._keys += 1
            msg["value"] = jax.random.fold_in(self.key, self._keys)

    def _deterministic(self, msg: Any) -> None:
        paths, _ = jax.tree_util.tree_flatten_with_path(msg["value"])
        for path, leaf in paths:
            part = {**msg, "name": msg["name"] + jax.tree_util.keystr(path)}
            line = self._register(part)
            sites.DETERMINISTIC.bind(jnp.asarray(leaf), name=part["name"], line=line)

    def _register(self, msg: Any) -> str:
        """The line of a site. One name may come twice, in branches or where JAX traces again."""
        name, line = msg["name"], sites.user_line()
        if not isinstance(name, str):
            raise ModelError(f"a site's name is a string, not {name!r}", "name the site", line=line)
        self.lines[name] = line
        return line

    def _plates(self, msg: Any) -> tuple[tuple[str, int, int, int], ...]:
        """The plates of a site: name, batch axis, number of copies, size."""
        frames = reversed(msg["cond_indep_stack"])
        unseen = (0, 0)
        plates = [(f.name, f.dim, f.size, self.plates.get(f.name, unseen)[0]) for f in frames]
        return tuple((n, dim, count, size or count) for n, dim, count, size in plates)

    def _scale(self, msg: Any, plates: tuple[tuple[str, int, int, int], ...]) -> Any:
        """The scale that `handlers.scale` gives, or None; that of subsampled plates is theirs."""
        mine = msg.get("plate_to_scale", {}).get(None)
        weight = math.prod(size / count for _, _, count, size in plates)
        total = 1.0 if msg["scale"] is None else msg["scale"]
        expected = weight if mine is None else mine * weight
        known = not isinstance(total, Tracer) and not isinstance(expected, Tracer)
        hidden = any(name not in self.plates for name, *_ in plates)
        if (known and not np.allclose(total, expected, rtol=1e-5)) or (hidden and not known):
            self._refuse(msg, "a subsampled plate that handlers.block hides")
        return mine

    def _sample(self, msg: Any) -> None:
        name, line = msg["name"], self._register(msg)
        law, infer, plates = msg["fn"], msg["infer"], self._plates(msg)
        scale = self._scale(msg, plates)
        shape = msg["kwargs"].get("sample_shape") or ()
        if shape:
            law = law.expand(tuple(shape) + tuple(law.batch_shape))
        factor = placed(lambda: log_factor(law), name, line)
        if factor is not None:
            weight = math.prod(size / count for _, _, count, size in plates)
            check_in_plates("the factor", factor.shape, plates, name, line)
            factor = factor if scale is None else scale * factor
            factor = factor if weight == 1 else weight * factor
            sites.FACTOR.bind(factor, name=name, line=line, plates=plates)
            return
        if self.is_guide and msg["value"] is None:
            law = self._base_choice(msg, law)
        spec, arrays = placed(lambda: describe(law, name), name, line)
        if msg["value"] is not None:
            # Observed, or fixed by a handler (substitute): its log density counts all the same.
            self._observe(msg, law, spec, arrays, scale, plates)
            return
        spec = spec if self.is_guide else masked_away(law, spec)
        check_in_plates("the distribution", law.batch_shape, plates, name, line)
        prior_count = len(arrays)
        guide, auxiliary = infer.get(GUIDE), bool(infer.get("is_auxiliary", False))
        guide_spec: LawSpec | None = None
        if guide is not None:
            guide_spec, extra = self._in_place(guide, law, name, line)
            arrays = [*arrays, *extra]
        out = jax.ShapeDtypeStruct(
            (*law.batch_shape, *law.event_shape), draw_dtype(law, spec, arrays)
        )
        msg["value"] = sites.SAMPLE.bind(
            *arrays,
            *scale_arrays(scale, arrays),
            name=name,
            line=line,
            prior=spec,
            prior_count=prior_count,
            guide=guide_spec,
            scaled=scale is not None,
            drawn=False,
            plates=plates,
            auxiliary=auxiliary,
            out=out,
        )

    def _base_choice(self, msg: Any, law: Any) -> Any:
        """
        A guide's choice from a transformed law that has no op: a choice from its base, named
        `NAME_base`, and a point, its transform. Gives the law of the point.
        """
        masks: list[Any] = []
        while type(law) is nd.MaskedDistribution:
            masks.append(mask_of(law))
            law = law.base_dist
        split = placed(lambda: split_transformed(law, msg["name"]), msg["name"], sites.user_line())
        if split is None:
            return msg["fn"] if masks else law
        base, transforms = split
        for mask in masks:
            base = base.mask(mask)
        drawn = {
            **msg,
            "name": f"{msg['name']}_base",
            "fn": base,
            "infer": {"is_auxiliary": True},
            "kwargs": {**msg["kwargs"], "sample_shape": ()},
        }
        self._sample(drawn)
        point = transformed_point(drawn["value"], transforms, law.event_dim)
        for mask in masks:
            point = point.mask(mask)
        return point

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
        return placed(lambda: describe(guide, name), name, line)

    def _observe(
        self, msg: Any, law: Any, spec: LawSpec, arrays: list[Any], scale: Any, plates: Any
    ) -> None:
        name = msg["name"]
        line = self.lines[name]
        check_observed(msg["value"], draw_dtype(law, spec, arrays), name, line)
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
                "make the data's shape that of the site's plates and distribution"
                + index_hint(plates),
                site=name,
                line=line,
            ) from error
        check_in_plates("the observed value", batch, plates, name, line)
        spec, arrays = widened(law, (spec, arrays), tuple(batch), name)
        spec = masked_away(law, spec)
        sites.OBSERVE.bind(
            *arrays,
            value,
            *scale_arrays(scale, arrays),
            name=name,
            line=line,
            law=spec,
            scaled=scale is not None,
            fixed=_is_fixed(name),
            plates=plates,
        )

    def _param(self, msg: Any) -> None:
        name = msg["name"]
        if name in self._trees:
            msg["value"] = self._trees[name]
            return
        if name in self._initial:
            init = self._initial[name]
        elif name.endswith(_MODULE) and msg["value"] is None and _asks(msg):
            self._asked.add(name)
            return
        else:
            init = initial_value(msg, jax.random.fold_in(self.key, stable_hash(name)))
        declared = msg["kwargs"].get("constraint", nd.constraints.real)
        if jax.tree_util.all_leaves([init]):
            line = self._register(msg)
            shape = jnp.shape(init)
            constraint = placed(lambda: constraint_attr(declared, name, shape), name, line)
            msg["value"] = self._declare(name, init, constraint)
        else:
            msg["value"] = self._trees[name] = self._declare_tree(msg, init, declared)

    def _declare(self, name: str, init: Any, constraint: Any, part: bool = False) -> Any:
        line = self.lines[name]
        start = placed(lambda: as_floats(init), name, line)
        return sites.PARAM.bind(start, name=name, line=line, constraint=constraint, part=part)

    def _declare_tree(self, msg: Any, init: Any, declared: Any) -> Any:
        """A parameter that is a tree of arrays: one parameter for each, named by its path."""
        name = msg["name"]
        if declared is not nd.constraints.real:
            self._refuse(msg, f"the constraint {declared} of a parameter that is no array")
        paths, tree = jax.tree_util.tree_flatten_with_path(init)
        names = [leaf_name(name, path) for path, _ in paths]
        leaves: list[Any] = []
        for part, (_, leaf) in zip(names, paths, strict=True):
            self._register({"name": part})
            leaves.append(self._declare(part, leaf, constraint_attr(declared, part), part=True))
        if name in self._asked:
            self.modules[name] = jax.tree.unflatten(tree, names)
        return jax.tree.unflatten(tree, leaves)


def _is_fixed(name: str) -> bool:
    """Whether a handler around the statement fixes the value of a site by its name."""
    fixing = (handlers.condition, handlers.substitute)
    return any(isinstance(h, fixing) and name in (h.data or {}) for h in _PYRO_STACK)


def _asks(msg: Any) -> bool:
    """Whether a parameter is asked for without an initial value."""
    return len(msg["args"]) == 1 and msg["args"][0] is None


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
