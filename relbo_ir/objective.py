"""ELBOs, and what is compiled from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from xdsl.dialects.builtin import ModuleOp

from relbo_ir.coordinates import Coordinates, Params
from relbo_ir.dialects.errors import ModelError
from relbo_ir.emission import at_level
from relbo_ir.explanation import explain
from relbo_ir.graph import dot
from relbo_ir.latex import latex
from relbo_ir.lowering.autoguides import auto_guide
from relbo_ir.lowering.executable import Executable, executable
from relbo_ir.lowering.export import Exportable, artifact_bytes
from relbo_ir.lowering.stablehlo import argument_types, stablehlo_text
from relbo_ir.notebook import Program, Text, preformatted
from relbo_ir.origins import FromPython, Origin, closure_name, slots_of, traced_model
from relbo_ir.pipelines import (
    Pipeline,
    level_of,
    remaining,
    resolve,
    run,
    without_cycle_collection,
)
from relbo_ir.predictive import Forward
from relbo_ir.storage import write_file
from relbo_ir.tree import tree

State = dict[str, jax.Array]
Key = int | jax.Array
_ROWS = 20
"""How many parameters and data are printed."""


def as_key(key: Key) -> jax.Array:
    """A typed random key, from a typed key, a raw one (uint32), or an int."""
    if isinstance(key, (int, np.integer)):
        if not -(2**63) <= key < 2**63:
            raise ModelError(f"the key {key} has more than 64 bits", "give a smaller whole number")
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
        with without_cycle_collection():
            origin = FromPython(self, args, kwargs)
            return Objective(origin, origin.module, pipeline, particles)

    def prior_predictive(
        self, *args: Any, n: int = 1000, key: Key = 0, **kwargs: Any
    ) -> dict[str, np.ndarray[Any, Any]]:
        """
        `n` runs of the model on these arguments: its choices drawn from their priors, observations
        from their laws (the observed values are not read), and the named values, each of shape
        (n, ...). The model's own parameters have their initial values.

        Raises PassError for a model with a factor, whose choices have no law of their own.
        """
        model = traced_model(self, args, kwargs)
        init_key, run_key = jax.random.split(as_key(key))
        return Forward(model, model.initial(init_key)).runs(run_key, n, {}, fresh=None)


def _spoken(arrays: Sequence[tuple[Any, Any]]) -> str:
    return ", ".join(f"{dtype}{list(shape)}" for shape, dtype in arrays) or "none"


class Objective:
    """
    A compiled estimator of an ELBO, to be maximised.

    Parameters are dicts by name, of unconstrained arrays; values are in nats. All functions can
    stand inside the caller's `jax.jit` and `jax.vmap`.
    """

    def __init__(self, origin: Origin, module: ModuleOp, pipeline: Pipeline, particles: int):
        self.origin, self.particles = origin, particles
        self._pipeline, self._level_one = pipeline, module
        self._program = module.clone()
        if level_of(module) < 4:
            run(self._program, remaining(self._program, resolve(pipeline, particles)))
        self._executable: Executable = executable(self._program, origin.symbol)
        self._coordinates = Coordinates(origin, self._program)

    def __str__(self) -> str:
        """The parameters with their constraints and unconstrained coordinates, and the data."""
        draws = "1 particle" if self.particles == 1 else f"{self.particles} particles"
        rows = [
            f"parameter {name}, {self._coordinates.constraints[name].constraint.data}: "
            + _spoken([(x.shape, x.dtype)])
            for name, x in self._coordinates.types.items()
        ]
        rows += [
            f"data {name}: {_spoken([(jnp.shape(x), jnp.result_type(x))])}"
            for name, x in self.origin.data.items()
        ]
        if len(rows) > _ROWS:
            rows[_ROWS:] = [f"... and {len(rows) - _ROWS} more"]
        return "\n".join([f"a compiled ELBO, {draws} a step; explain() says how", *rows])

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def prepare(self, *args: Any, **kwargs: Any) -> tuple[jax.Array, ...]:
        """
        The arrays that the objective reads, in its order, from arguments like those of `compile`
        (from those themselves when none are given). Raises ModelError where shapes differ, or NaN.
        """
        if not args and not kwargs:
            return self.data
        given = self.origin.named(args, kwargs)
        return self.origin.arrays(given, self._executable.data_roles)

    @cached_property
    def data(self) -> tuple[jax.Array, ...]:
        """`prepare()` of the arguments that the objective was compiled with."""
        # The objective keeps them: arrays made inside the caller's `jit` would outlive it.
        with jax.ensure_compile_time_eval():
            return self.origin.arrays(self.origin.data, self._executable.data_roles)

    def init(self, key: Key = 0) -> Params:
        """Initial unconstrained parameters, by name; raises ModelError outside a constraint."""
        return self._coordinates.initial(as_key(key))

    def unconstrain(self, values: Mapping[str, Any]) -> Params:
        """
        Unconstrained coordinates of parameters that are given in their own spaces, by name; one
        number stands for all elements. Raises ModelError for an unknown name, another shape, or a
        value outside of its constraint.
        """
        return self._coordinates.of(values)

    def constrain(self, params: Mapping[str, Any]) -> Params:
        """The parameters in their own spaces, by name, from unconstrained ones."""
        return self._coordinates.constrained(params)

    def value(
        self, params: Mapping[str, Any], key: Key, data: tuple[jax.Array, ...] | None = None
    ) -> jax.Array:
        """An unbiased estimate of the ELBO in nats, a scalar."""
        self._coordinates.check(params)
        return self._executable.run_value(params, as_key(key), self._data(data))

    def values(
        self,
        params: Mapping[str, Any],
        n: int,
        key: Key = 0,
        data: tuple[jax.Array, ...] | None = None,
    ) -> jax.Array:
        """`n` independent unbiased estimates of the ELBO in nats, of shape (n,)."""
        self._coordinates.check(params)
        return self._executable.run_values(params, as_key(key), self._data(data), n)

    def value_and_grad(
        self, params: Mapping[str, Any], key: Key, data: tuple[jax.Array, ...] | None = None
    ) -> tuple[jax.Array, Params]:
        """
        Unbiased estimates of the ELBO and of its gradient in the unconstrained parameters. Running
        means, which `step` hands on, are empty here: the gradient may be noisier than that of `fit`.
        """
        self._coordinates.check(params)
        return self._executable.run(params, as_key(key), self._data(data))

    def init_state(self) -> State:
        """What the first `step` takes: arrays by name, none where no running mean is a baseline."""
        return self._executable.initial_state()

    def step(
        self,
        params: Mapping[str, Any],
        key: Key,
        data: tuple[jax.Array, ...] | None = None,
        state: State | None = None,
    ) -> tuple[jax.Array, Params, State]:
        """
        `value_and_grad`, with what one step hands to the next: gives value, gradient and the new
        state. Without a state it is the first step.
        """
        self._coordinates.check(params)
        state = self.init_state() if state is None else state
        return self._executable.run_step(params, as_key(key), self._data(data), state)

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

    def start(self, params: Mapping[str, Any]) -> Params:
        """Unconstrained parameters to start from, at their types; ModelError where they do not fit."""
        return self._coordinates.typed(params)

    @property
    def transition(self) -> Callable[..., Any]:
        """(params, typed key, data, state) → (value, gradients, state), for use inside a `jax.jit`."""
        return self._executable.step

    @property
    def step_function(self) -> Callable[..., Any]:
        """(params, typed key, data) → (value, gradients), not jitted, for use inside a `jax.jit`."""
        return self._executable.plain

    def ir(self, level: int = 4) -> Program:
        """
        The module at a level: 1 model, 2 objective, 3 estimator, 4 program. Raises ModelError for a
        level that the file which the objective was read from has left.
        """
        if level not in (1, 2, 3, 4):
            raise ValueError(f"there is no level {level}; levels are 1 to 4")
        if level == 4:
            return Program.of(self._program.clone())
        return Program.of(at_level(self._level_one.clone(), level, self._pipeline, self.particles))

    def source(self) -> Text:
        """The Python source that runs: it needs jax and numpy alone."""
        return Text(self._executable.source)

    def jaxpr(self) -> Any:
        """The jaxpr of value and gradient."""
        types = argument_types(self._program, self.origin.symbol)
        return jax.make_jaxpr(self._executable.plain)(*types)

    def stablehlo(self) -> Text:
        """Value and gradient as StableHLO text, as JAX lowers them."""
        return Text(stablehlo_text(self._executable, self._program, self.origin.symbol))

    def export(
        self,
        path: str | Path,
        platforms: Sequence[str] = ("cpu", "cuda"),
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Writes one file with the compiled step, evaluation and posterior sampling for these
        platforms (of `cpu`, `cuda`, `rocm`, `tpu`; they need not be there), and the parameters
        `params` (unconstrained; by default the initial ones).

        `relbo_ir.load` reads it, and so does the reader inside it, which needs jax and numpy alone.
        The step takes and gives a state, the running means, as `step` does.
        """
        params = self.init() if params is None else params
        self._coordinates.check(params)
        closed = {closure_name(*key): value for key, value in self.origin.constants.items()}
        program = Exportable(
            step=self.transition,
            state=self.init_state(),
            step_slots=slots_of(self._executable, self.data),
            draw=self.draws.plain,
            draw_slots=slots_of(self.draws, self.data_for(self.draws)),
            constrain=self.constrain,
            params=params,
            constraints={n: c.constraint.data for n, c in self._coordinates.constraints.items()},
            closed=closed,
        )
        write_file(path, artifact_bytes(program, platforms))

    def explain(self) -> Text:
        """
        Site by site and addend by addend: family, plates, how its gradient is taken, why, and the
        source lines that decided it.
        """
        return explain(self.ir(3))

    def tree(self) -> Text:
        """The ELBO's addends as a tree for the terminal."""
        return tree(self._elbo)

    def latex(self) -> Text:
        """The ELBO as LaTeX formulas, one a line, which matplotlib's mathtext renders."""
        return latex(self._elbo)

    def dot(self) -> Text:
        """Model and guide with their plates, in Graphviz's language."""
        return dot(self._level_one)

    @property
    def _elbo(self) -> ModuleOp:
        """The expectation of the ELBO, its parameters in their own spaces."""
        module = self._level_one.clone()
        run(module, resolve("elbo"))
        return module

    @property
    def has_choices(self) -> bool:
        """Whether the choices are known, or the objective was read as a program of level 4."""
        return level_of(self._level_one) < 4

    @cached_property
    def draws(self) -> Executable:
        """The program of one draw from the guide, and of the named values."""
        return self.variant("draws")

    @cached_property
    def addends(self) -> Executable:
        """The program of every addend's sum at one draw from the guide."""
        return self.variant("addends")

    def variant(self, pipeline: Pipeline) -> Executable:
        """
        Another program of the same trace: `draws` and `addends` are two. Raises ModelError for an
        objective that was read as a program of level 4, whose choices are lowered.
        """
        if not self.has_choices:
            raise ModelError(
                "a program of level 4 holds no choices any more, so nothing can be drawn from it",
                "compile the program of an earlier level: relbo emit --to objective",
            )
        module = self._level_one.clone()
        run(module, resolve(pipeline))
        return executable(module, self.origin.symbol)

    def data_for(self, program: Executable) -> tuple[jax.Array, ...]:
        """The arrays that a variant reads, from the arguments of `compile`."""
        return self.origin.arrays(self.origin.data, program.data_roles)
