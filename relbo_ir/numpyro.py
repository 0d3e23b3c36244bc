"""Our estimator as a loss of NumPyro's own stochastic variational inference."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpyro.infer import SVI
from numpyro.infer import elbo as numpyro_elbo
from numpyro.infer.svi import SVIState

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.lowering.autoguides import is_prepared
from relbo_ir.lowering.executable import Executable, executable, find_function
from relbo_ir.lowering.site_values import leaf_name
from relbo_ir.lowering.trace import Call, split_call, trace_elbo
from relbo_ir.lowering.types import struct
from relbo_ir.objective import as_key
from relbo_ir.pipelines import Pipeline, resolve, run, without_cycle_collection

__all__ = ["ELBO"]

_UNCONSTRAIN = "relbo-unconstrain-params"
_MEANS = "relbo-ir running means"
"""The entry of an SVI state's mutable state that is ours."""
_CACHE_SIZE = 16


class ELBO(numpyro_elbo.ELBO):
    """
    A loss for `numpyro.infer.SVI`: minus the ELBO in nats, and its derivative by our estimators.

    `num_particles` is the number of independent draws that the loss is the mean of; `pipeline` is
    what `relbo_ir.ELBO.compile` takes. `vectorize_particles` is there because NumPyro's losses take
    it: the loss does not depend on it, and all particles are computed at once (under `jax.vmap`)
    in any case, as each may be centred by the others. As NumPyro's own losses it is used in
    `SVI(model, guide, optimizer, relbo_ir.numpyro.ELBO())`; discrete choices are allowed.

    Model and guide are traced once for each shape of the arguments and each value of what is no
    array in them, and what is compiled is kept with this object: of arrays that the model closes
    over, the values of the first trace are used, as `jax.jit` does. The loss has a first
    derivative in the parameters alone.

    With one particle a score function is centred by running means, which a step hands to the next in
    the state of SVI: `state = loss.with_running_means(svi, svi.init(key, *args), *args)`, then
    `svi.update(state, *args)` or `svi.run(..., init_state=state)`. Without that call every step
    starts them anew: unbiased, and noisier. With several particles each is centred by the others.

    Raises ModelError and UnsupportedError as `relbo_ir.ELBO` does, and for a parameter that is not
    given or a `vectorize_particles` that is a function.
    """

    can_infer_discrete = True

    def __init__(
        self,
        num_particles: int = 1,
        vectorize_particles: bool = True,
        *,
        pipeline: Pipeline = "default",
    ):
        if num_particles < 1:
            raise ValueError(f"{num_particles} particles are none; use one at least")
        if callable(vectorize_particles):
            raise UnsupportedError(
                "a function that maps over the particles (vectorize_particles) is not supported",
                "leave it out: all particles are computed at once",
            )
        super().__init__(num_particles=num_particles, vectorize_particles=vectorize_particles)
        self.pipeline = pipeline
        self._programs: OrderedDict[Any, _Program] = OrderedDict()

    def loss_with_mutable_state(
        self, rng_key: Any, param_map: Any, model: Any, guide: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """
        `{"loss": minus the ELBO, "mutable_state": ...}` at constrained parameters; the running means
        that `with_running_means` put into them are handed on in the mutable state.

        Mutable sites are an UnsupportedError.
        """
        call = split_call(model, args, kwargs)
        program = self._program(model, guide, args, kwargs, call)
        means = param_map.get(_MEANS)
        given = {name: value for name, value in param_map.items() if name != _MEANS}
        elbo, means = program(given, as_key(rng_key), call, means or {})
        return {"loss": -elbo, "mutable_state": {_MEANS: means} if means else None}

    def with_running_means(self, svi: SVI, state: SVIState, *args: Any, **kwargs: Any) -> SVIState:
        """
        A state of `svi`, whose loss this is, that hands running means from step to step; the state
        itself where the program of these arguments has none. `args` and `kwargs` are the model's.
        """
        kwargs = {**kwargs, **svi.static_kwargs}
        call = split_call(svi.model, args, kwargs)
        means = self._program(svi.model, svi.guide, args, kwargs, call).code.initial_state()
        return state._replace(mutable_state={_MEANS: means}) if means else state

    def _program(self, model: Any, guide: Any, args: Any, kwargs: Any, call: Call) -> _Program:
        key = (model, guide, _static(args, kwargs), bool(jax.config.read("jax_enable_x64")))
        try:
            known = self._programs.get(key)
        except TypeError as error:
            raise ModelError(
                f"an argument of the model is neither an array nor hashable: {error}",
                "pass arrays, or hashable Python values, which are static",
            ) from error
        if known is not None:
            self._programs.move_to_end(key)
            return known
        if not is_prepared(guide):
            raise ModelError(
                "the automatic guide has not seen its model yet",
                "call SVI.init before the loss",
            )
        made = _compiled(model, guide, call, self.pipeline, self.num_particles)
        if not any(isinstance(value, Tracer) for value in made.constants.values()):
            self._programs[key] = made
        while len(self._programs) > _CACHE_SIZE:
            self._programs.popitem(last=False)
        return made


def _static(args: Any, kwargs: Mapping[str, Any]) -> Any:
    """What a trace depends on: shapes and types of arrays, and the values of everything else."""
    leaves, structure = jax.tree.flatten((tuple(args), dict(kwargs)))
    described = [
        (leaf.shape, jnp.dtype(leaf.dtype).name)
        if isinstance(leaf, (np.ndarray, np.generic, jax.Array))
        else (type(leaf), leaf)
        for leaf in leaves
    ]
    return structure, tuple(described)


@dataclass(frozen=True)
class _Program:
    """A compiled estimator in constrained parameters."""

    code: Executable
    parameters: dict[str, Any]
    """The types of the parameters, by name."""
    constants: dict[tuple[str, int], Any]
    surrogate: Callable[..., Any]

    def __call__(self, param_map: Mapping[str, Any], key: Any, call: Call, means: Any) -> Any:
        """The estimate of the ELBO, and the new running means where some are given."""
        given = _flat(param_map)
        missing = [name for name in self.parameters if name not in given]
        if missing:
            raise ModelError(
                f"the parameters {', '.join(map(repr, missing))} are not given",
                "pass the parameters that SVI.init and SVI.get_params give",
                site=missing[0],
            )
        arrays = dict(zip(call.names, call.leaves, strict=True))
        data = tuple(
            jnp.asarray(arrays[role.argument.data])
            if isinstance(role, prob.DataAttr)
            else self.constants[role.function.data, role.index.data]
            for role in self.code.data_roles
            if isinstance(role, (prob.DataAttr, prob.ClosureAttr))
        )
        params = {name: _fitted(name, given[name], s) for name, s in self.parameters.items()}
        return self.surrogate(params, key, data, means)


def _compiled(model: Any, guide: Any, call: Call, pipeline: Pipeline, particles: int) -> _Program:
    with without_cycle_collection():
        module, traced = trace_elbo(model, guide, call)
        # SVI unconstrains the parameters itself.
        run(module, [p for p in resolve(pipeline, particles) if p.name != _UNCONSTRAIN])
        code = executable(module)
    arguments = find_function(module, "elbo").arguments(prob.ParameterAttr)
    parameters = {
        role.parameter.data: struct(argument.type)
        for argument, role in arguments
        if isinstance(role, prob.ParameterAttr)
    }
    constants = {(t.function, k): value for t in traced for k, value in enumerate(t.constants)}
    return _Program(code, parameters, constants, _differentiable(code))


def _fitted(name: str, value: Any, expected: Any) -> Any:
    """A parameter in the precision of the program; ModelError where it has another shape."""
    if jnp.shape(value) != expected.shape:
        raise ModelError(
            f'parameter "{name}" has shape {jnp.shape(value)}, the model declares {expected.shape}',
            "pass the parameters that SVI.init and SVI.get_params give",
            site=name,
        )
    return jnp.asarray(value, expected.dtype)


def _flat(param_map: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by name; one that is a tree of arrays gives one for each, named by its path."""
    flat: dict[str, Any] = {}
    for name, value in param_map.items():
        if jax.tree_util.all_leaves([value]):
            flat[name] = value
            continue
        for path, leaf in jax.tree_util.tree_leaves_with_path(value):
            flat[leaf_name(name, path)] = leaf
    return flat


def _differentiable(code: Executable) -> Callable[..., Any]:
    """
    (params, key, data, means) → the estimate of the ELBO, with the estimate of its gradient as
    derivative, and the new running means where some are given.
    """

    @jax.custom_jvp
    def surrogate(params: Any, key: Any, data: Any, means: Any) -> Any:
        if not means:
            return code.run_value(params, key, data), {}
        value, _, new = code.run_step(params, key, data, means)
        return value, new

    def rule(primals: Any, tangents: Any) -> Any:
        if any(_moves(t) for t in jax.tree.leaves(tangents[1:], is_leaf=_is_zero)):
            raise UnsupportedError(
                "a derivative of the loss in the data or the key is not supported",
                "differentiate in the parameters alone",
            )
        params, key, data, means = primals
        if means:
            value, gradients, new = code.run_step(params, key, data, means)
        else:
            (value, gradients), new = code.run(params, key, data), {}
        terms = [
            jnp.vdot(_once(gradients[name]), tangent)
            for name, tangent in tangents[0].items()
            if _moves(tangent)
        ]
        slope = sum(terms, start=jnp.zeros_like(value))
        return (value, new), (slope, jax.tree.map(jnp.zeros_like, new))

    surrogate.defjvp(rule, symbolic_zeros=True)
    return surrogate


def _is_zero(tangent: Any) -> bool:
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


def _moves(tangent: Any) -> bool:
    """Whether a tangent may be other than zero."""
    return not _is_zero(tangent) and jnp.result_type(tangent) != jax.dtypes.float0


@jax.custom_jvp
def _once(gradient: Any) -> Any:
    """The identity, which refuses to be differentiated."""
    return gradient


@_once.defjvp
def _refuse_second(primals: Any, tangents: Any) -> Any:
    raise UnsupportedError(
        "a second derivative of the loss is not supported: its surrogate has first derivatives only",
        "use an optimizer of first order",
    )
