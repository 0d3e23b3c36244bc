"""ELBOs, and what is compiled from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import ModelError
from relbo_ir.explanation import explain
from relbo_ir.lowering import constraints
from relbo_ir.lowering.autoguides import (
    MEAN_FIELD,
    auto_guide,
    is_auto_guide,
    prepare_auto_guide,
)
from relbo_ir.lowering.executable import Executable, data_roles, executable, find_function
from relbo_ir.lowering.trace import Call, Traced, lacks_guides, split_call, trace_elbo
from relbo_ir.lowering.types import struct
from relbo_ir.pipelines import Pipeline, resolve, run, without_cycle_collection

Params = dict[str, jax.Array]
Key = int | jax.Array


def as_key(key: Key) -> jax.Array:
    """A typed random key, from a typed key, a raw one (uint32), or an int."""
    if isinstance(key, (int, np.integer)):
        return jax.random.key(int(key))
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key
    return jax.random.wrap_key_data(key)


class ELBO:
    """
    The evidence lower bound E_q[log p(x, z) − log q(z)] of a model and a guide.

    `model` and `guide` are functions of the same arguments, written with `relbo_ir.sample` and its
    like or with NumPyro's; a guide may be one of NumPyro's automatic ones. Without a guide, choices
    name their guides in place (`sample(..., guide=q)`); where none does, the guide is the
    mean-field Normal, in unconstrained space (`AutoNormal`). `guide="full-rank"` and `"low-rank"`
    are one Normal over all choices with that covariance, `guide="map"` is a point each: it
    maximises the log joint density in the choices' own spaces and is no bound.
    """

    def __init__(self, model: Callable[..., Any], guide: Callable[..., Any] | str | None = None):
        self.model = model
        self.guide = auto_guide(guide, model) if isinstance(guide, str) else guide

    def compile(
        self, *args: Any, pipeline: Pipeline = "default", particles: int = 1, **kwargs: Any
    ) -> Objective:
        """
        Traces model and guide on these arguments and compiles an estimator of the ELBO.

        Array arguments (also inside tuples and dicts) are data: other arrays of the same shapes can
        be passed to the objective later. Everything else is static. `pipeline` is a name, a text,
        or a sequence of passes and patterns; `particles` is the number of independent draws that a
        value and a gradient are the mean of.
        """
        call = split_call(self.model, args, kwargs)
        check_data(call.names, call.leaves)
        with without_cycle_collection():
            elbo, (module, traced) = self, self.trace(args, kwargs, call)
            if self.guide is None and lacks_guides(module):
                elbo = ELBO(self.model, MEAN_FIELD)
                module, traced = elbo.trace(args, kwargs, call)
            return Objective(elbo, args, kwargs, call, module, traced, pipeline, particles)

    def trace(
        self, args: Any, kwargs: Mapping[str, Any], call: Call, key: Key = 0
    ) -> tuple[ModuleOp, list[Traced]]:
        """The level-1 module; an automatic guide is set up anew, from this key."""
        guide = self.guide
        if is_auto_guide(guide):
            guide = prepare_auto_guide(guide, as_key(key), args, kwargs)
        return trace_elbo(self.model, guide, call)


def check_data(names: tuple[str, ...], leaves: tuple[Any, ...]) -> None:
    """Refuses NaN in data, and arrays of what is no number."""
    for name, leaf in zip(names, leaves, strict=True):
        if not isinstance(leaf, jax.Array) and leaf.dtype.kind not in "biufc":
            raise ModelError(
                f'the data "{name}" is an array of {leaf.dtype}',
                "pass numbers; pass text and objects as Python values, which are static",
            )
        if isinstance(leaf, Tracer) or not np.issubdtype(leaf.dtype, np.floating):
            continue
        bad = np.argwhere(np.isnan(np.asarray(leaf)))
        if len(bad):
            where = tuple(int(k) for k in bad[0])
            raise ModelError(
                f'the data "{name}" has {len(bad)} NaN, the first at index {where}',
                "remove or impute the missing values before they are passed",
            )


def _spoken(arrays: Sequence[tuple[Any, Any]]) -> str:
    return ", ".join(f"{dtype}{list(shape)}" for shape, dtype in arrays) or "none"


class Objective:
    """
    A compiled estimator of an ELBO, to be maximised.

    Parameters are dicts by name, of unconstrained arrays; values are in nats. All functions can
    stand inside the caller's `jax.jit` and `jax.vmap`.
    """

    def __init__(
        self,
        elbo: ELBO,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        call: Call,
        module: ModuleOp,
        traced: list[Traced],
        pipeline: Pipeline,
        particles: int,
    ):
        self.elbo, self.particles = elbo, particles
        self._args, self._kwargs, self._call = args, dict(kwargs), call
        self._pipeline, self._traced = pipeline, traced
        self._level_one = module
        self._program = module.clone()
        run(self._program, resolve(pipeline, particles))
        self._executable: Executable = executable(self._program)
        self._constraints = {
            role.parameter.data: role.constraint
            for role in find_function(self._program, "elbo").roles
            if isinstance(role, (prob.UnconstrainedAttr, prob.ParameterAttr))
        }
        self._lines = {name: p.line for t in traced for name, p in t.parameters.items()}
        self._constants = {
            (t.function, k): value for t in traced for k, value in enumerate(t.constants)
        }

    def prepare(self, *args: Any, **kwargs: Any) -> tuple[jax.Array, ...]:
        """
        The arrays that the objective reads, in its order, from arguments like those of `compile`
        (from those themselves when none are given). Raises ModelError where shapes differ, or NaN.
        """
        if not args and not kwargs:
            return self.data
        call = split_call(self.elbo.model, args, kwargs)
        check_data(call.names, call.leaves)
        return self._prepared(call)

    def _prepared(self, call: Call) -> tuple[jax.Array, ...]:
        roles = data_roles(find_function(self._program, "elbo"))
        return self._arrays(dict(zip(call.names, call.leaves, strict=True)), roles)

    def _arrays(
        self, given: Mapping[str, Any], roles: Sequence[Attribute]
    ) -> tuple[jax.Array, ...]:
        arrays: list[jax.Array] = []
        for (name, value), expected in self._slots(given, roles):
            array = jnp.asarray(value)
            if array.shape != expected.shape or array.dtype != expected.dtype:
                raise ModelError(
                    f'the data "{name}" is {array.dtype}{list(array.shape)}, compiled for '
                    f"{expected.dtype}{list(expected.shape)}",
                    "compile the ELBO again for data of another shape or type",
                )
            arrays.append(array)
        return tuple(arrays)

    def _slots(
        self, given: Mapping[str, Any], roles: Sequence[Attribute]
    ) -> list[tuple[tuple[str, Any], Any]]:
        compiled = dict(zip(self._call.names, self._call.leaves, strict=True))
        slots: list[tuple[tuple[str, Any], Any]] = []
        for role in roles:
            if isinstance(role, prob.DataAttr):
                name = role.argument.data
                if name not in given:
                    raise ModelError(
                        f'the data "{name}" is missing', "pass the arguments that `compile` had"
                    )
                slots.append(((name, given[name]), jnp.asarray(compiled[name])))
            elif isinstance(role, prob.ClosureAttr):
                value = self._constants[role.function.data, role.index.data]
                slots.append(((f"closed over by {role.function.data}", value), jnp.asarray(value)))
        return slots

    @cached_property
    def data(self) -> tuple[jax.Array, ...]:
        """`prepare()` of the arguments that the objective was compiled with."""
        # The objective keeps them: arrays made inside the caller's `jit` would outlive it.
        with jax.ensure_compile_time_eval():
            return self._prepared(self._call)

    def init(self, key: Key = 0) -> Params:
        """Initial unconstrained parameters, by name; raises ModelError outside a constraint."""
        key = as_key(key)
        values: dict[str, Any] = {}
        for traced in self._retraced(key):
            values.update(traced.initial(key, self._call.leaves))
        return {
            name: constraints.to_unconstrained(
                constraint, values[name], name, self._lines.get(name)
            )
            for name, constraint in self._constraints.items()
        }

    def _retraced(self, key: jax.Array) -> list[Traced]:
        """The traced functions; an automatic guide is set up anew, from this key."""
        if not is_auto_guide(self.elbo.guide):
            return self._traced
        return self.elbo.trace(self._args, self._kwargs, self._call, key)[1]

    def constrain(self, params: Mapping[str, Any]) -> Params:
        """The parameters in their own spaces, by name, from unconstrained ones."""
        self._check_params(params)
        return {
            name: constraints.bijection(constraint)(params[name])
            for name, constraint in self._constraints.items()
        }

    def value(
        self, params: Mapping[str, Any], key: Key, data: tuple[jax.Array, ...] | None = None
    ) -> jax.Array:
        """An unbiased estimate of the ELBO in nats, a scalar."""
        self._check_params(params)
        return self._executable.run_value(params, as_key(key), self._data(data))

    def value_and_grad(
        self, params: Mapping[str, Any], key: Key, data: tuple[jax.Array, ...] | None = None
    ) -> tuple[jax.Array, Params]:
        """Unbiased estimates of the ELBO and of its gradient in the unconstrained parameters."""
        self._check_params(params)
        return self._executable.run(params, as_key(key), self._data(data))

    @cached_property
    def _data_types(self) -> list[tuple[tuple[int, ...], Any]]:
        return [(x.shape, x.dtype) for x in self.data]

    def _data(self, data: tuple[jax.Array, ...] | None) -> tuple[jax.Array, ...]:
        if data is None or data is self.data:
            return self.data
        known = self._data_types
        if len(data) == len(known) and all(
            getattr(x, "shape", None) == shape and getattr(x, "dtype", None) == dtype
            for x, (shape, dtype) in zip(data, known, strict=True)
        ):
            return data
        given = [(jnp.shape(x), jnp.result_type(x)) for x in data]
        compiled = [(jnp.shape(x), jnp.result_type(x)) for x in self.data]
        if given != compiled:
            raise ModelError(
                f"the data are {_spoken(given)}, compiled for {_spoken(compiled)}",
                "pass what `prepare` gives",
            )
        return data

    def _check_params(self, params: Mapping[str, Any]) -> None:
        wanted = self._structs
        missing = [name for name in wanted if name not in params]
        unknown = [name for name in params if name not in wanted]
        if missing or unknown:
            raise ModelError(
                "the parameters are not the guide's"
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; unknown: {', '.join(unknown)}" if unknown else ""),
                "pass a dict like the one that `init` gives",
            )
        for name, expected in wanted.items():
            if jnp.shape(params[name]) != expected.shape:
                raise ModelError(
                    f'parameter "{name}" has shape {jnp.shape(params[name])}, its unconstrained '
                    f"coordinates have shape {expected.shape}",
                    "pass a dict like the one that `init` gives",
                    site=name,
                    line=self._lines.get(name),
                )

    @property
    def step_function(self) -> Callable[..., Any]:
        """(params, typed key, data) → (value, gradients), not jitted, for use inside a `jax.jit`."""
        return self._executable.plain

    def ir(self, level: int = 4) -> ModuleOp:
        """The module at a level: 1 model, 2 objective, 3 estimator, 4 program."""
        if level not in (1, 2, 3, 4):
            raise ValueError(f"there is no level {level}; levels are 1 to 4")
        if level == 4:
            return self._program.clone()
        module = self._level_one.clone()
        if level > 1:
            run(module, resolve(self._pipeline, self.particles), until=level)
        return module

    def source(self) -> str:
        """The Python source that runs: it needs jax and numpy alone."""
        return self._executable.source

    def jaxpr(self) -> Any:
        """The jaxpr of value and gradient."""
        params = {name: jax.ShapeDtypeStruct(s.shape, s.dtype) for name, s in self._structs.items()}
        key = jax.eval_shape(lambda: jax.random.key(0))
        return jax.make_jaxpr(self._executable.plain)(params, key, self.data)

    @cached_property
    def _structs(self) -> dict[str, Any]:
        """The types of the unconstrained parameters, by name."""
        function = find_function(self._program, "elbo")
        return {
            role.parameter.data: struct(argument.type)
            for argument, role in zip(function.body.block.args, function.roles, strict=True)
            if isinstance(role, (prob.UnconstrainedAttr, prob.ParameterAttr))
        }

    def explain(self) -> str:
        """Site by site: family, plates, how its gradient is taken, why, and the source line."""
        return explain(self.ir(3))

    def variant(self, pipeline: Pipeline) -> Executable:
        """Another program of the same trace: `draws` and `addends` are two."""
        module = self._level_one.clone()
        run(module, resolve(pipeline))
        return executable(module)

    def data_for(self, program: Executable) -> tuple[jax.Array, ...]:
        """The arrays that a variant reads, from the arguments of `compile`."""
        given = dict(zip(self._call.names, self._call.leaves, strict=True))
        return self._arrays(given, program.data_roles)
