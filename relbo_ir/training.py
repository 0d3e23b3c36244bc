"""Stochastic gradient ascent on an ELBO."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

from relbo_ir.dialects.errors import ModelError
from relbo_ir.objective import ELBO, Key, Objective, Params, as_key
from relbo_ir.pipelines import Pipeline
from relbo_ir.posterior import Fit

_FINAL_DRAWS = 1000
_CHUNKS = 20


def fit(
    elbo: ELBO | Objective,
    *args: Any,
    steps: int = 2000,
    optimizer: optax.GradientTransformation | None = None,
    particles: int = 1,
    key: Key = 0,
    progress: bool = True,
    init: Params | None = None,
    pipeline: Pipeline = "default",
    **kwargs: Any,
) -> Fit:
    """
    Maximises an ELBO and gives the fitted guide.

    `args` and `kwargs` are the model's arguments (none for an `Objective`). `optimizer` is an optax
    gradient transformation for minimisation (default: Adam with step size 0.01), `particles` the
    draws per step, `init` unconstrained parameters to start from. Ctrl-C ends the fit early and
    gives what was learnt. Raises ModelError at the first ELBO or gradient that is not finite, with
    step, site and parameters.
    """
    if steps < 1:
        raise ValueError(f"a fit takes one step at least, not {steps}")
    objective = (
        elbo
        if isinstance(elbo, Objective)
        else elbo.compile(*args, pipeline=pipeline, particles=particles, **kwargs)
    )
    init_key, step_key, final_key = jax.random.split(as_key(key), 3)
    params = objective.init(init_key) if init is None else dict(init)
    trainer = _Trainer(objective, optimizer or optax.adam(1e-2), step_key)
    params, history, interrupted = trainer.run(params, steps, progress)
    mean, error = final_elbo(objective, params, final_key)
    return Fit(objective, params, history, mean, error, interrupted)


def final_elbo(objective: Objective, params: Params, key: Key) -> tuple[float, float]:
    """The ELBO of these parameters and its standard error (nats), over 1,000 fresh draws."""
    keys = jax.random.split(as_key(key), _FINAL_DRAWS)
    values = _values(objective)(params, keys, objective.data)
    array = np.asarray(values, dtype=np.float64)
    return float(array.mean()), float(array.std(ddof=1) / math.sqrt(_FINAL_DRAWS))


def _values(objective: Objective) -> Callable[..., Any]:
    program = objective.step_function

    def values(params: Params, keys: jax.Array, data: Any) -> jax.Array:
        return jax.lax.map(lambda key: program(params, key, data)[0], keys, batch_size=50)

    return jax.jit(values)


class _Trainer:
    """Runs steps in chunks of one `lax.scan` each; buffers are donated from chunk to chunk."""

    def __init__(
        self, objective: Objective, optimizer: optax.GradientTransformation, key: jax.Array
    ):
        self.objective, self.optimizer, self.key = objective, optimizer, key
        self._chunk = jax.jit(self._scan, static_argnames=("length",), donate_argnums=(0,))

    def _scan(self, state: Any, start: jax.Array, data: Any, *, length: int) -> Any:
        program = self.objective.step_function

        def step(carry: Any, number: jax.Array) -> Any:
            params, optimizer_state = carry
            value, gradient = program(params, jax.random.fold_in(self.key, number), data)
            finite = [jnp.isfinite(value), *(jnp.all(jnp.isfinite(g)) for g in gradient.values())]
            ascent = jax.tree.map(jnp.negative, gradient)
            updates, optimizer_state = self.optimizer.update(ascent, optimizer_state, params)
            params = optax.apply_updates(params, updates)
            return (params, optimizer_state), (value, jnp.all(jnp.stack(finite)))

        return jax.lax.scan(step, state, start + jnp.arange(length))

    def run(self, params: Params, steps: int, progress: bool) -> tuple[Params, Any, bool]:
        """Takes the steps; gives parameters, ELBO history and whether it was interrupted."""
        params = jax.tree.map(jnp.array, params)
        state = (params, self.optimizer.init(params))
        data = self.objective.data
        length = chunk_length(steps)
        history: list[np.ndarray[Any, Any]] = []
        done = 0
        with _interruptions() as interrupted, tqdm(total=steps, disable=not progress) as bar:
            while done < steps and not interrupted():
                count = min(length, steps - done)
                before = jax.tree.map(np.asarray, state[0])
                optimizer_before = jax.tree.map(np.asarray, state[1])
                state, (values, finite) = self._chunk(state, jnp.int32(done), data, length=count)
                values, finite = np.asarray(values), np.asarray(finite)
                if not finite.all():
                    bad = int(np.argmin(finite))
                    self._report((before, optimizer_before), done, bad, data)
                history.append(values.astype(np.float64))
                done += count
                bar.set_postfix_str(f"ELBO {float(np.mean(values)):.4f}", refresh=False)
                bar.update(count)
        return state[0], np.concatenate(history), done < steps

    def _report(self, before: Any, start: int, bad: int, data: Any) -> None:
        """Raises the error for step `start + bad`, after running the good steps again."""
        state = jax.tree.map(jnp.asarray, before)
        if bad:
            state, _ = self._chunk(state, jnp.int32(start), data, length=bad)
        params = state[0]
        number = start + bad
        key = jax.random.fold_in(self.key, number)
        program = self.objective.variant("addends")
        addends = program.run(params, key, self.objective.data_for(program))
        sites = [name for name, value in addends.items() if not np.isfinite(np.asarray(value))]
        value, gradient = self.objective.value_and_grad(params, key, data)
        wrong = [name for name, g in gradient.items() if not np.isfinite(np.asarray(g)).all()]
        constrained = self.objective.constrain(params)
        shown = ", ".join(
            f"{name} = {np.array2string(np.asarray(v), precision=4, threshold=6)}"
            for name, v in constrained.items()
        )
        what = (
            f"the ELBO is {float(value)}"
            if sites or not np.isfinite(value)
            else "a gradient is not finite"
        )
        raise ModelError(
            f"{what} at step {number}"
            + (f"; addends that are not finite: {', '.join(sites)}" if sites else "")
            + (f"; gradients that are not finite: {', '.join(wrong)}" if wrong else "")
            + f"; parameters: {shown}",
            "lower the step size, start elsewhere (init=), or check the support of the site",
            site=sites[0].split(".")[0] if sites else None,
        )


def chunk_length(steps: int) -> int:
    """The longest chunk that divides the steps into at least about twenty."""
    longest = max(1, math.ceil(steps / _CHUNKS))
    divisors = [n for n in range(1, longest + 1) if steps % n == 0]
    best = divisors[-1]
    return best if 4 * best >= longest else longest


@contextmanager
def _interruptions() -> Generator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a flag; the second one interrupts as usual."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag.is_set
        return
    previous = signal.getsignal(signal.SIGINT)

    def handler(number: int, frame: FrameType | None) -> None:
        if flag.is_set():
            raise KeyboardInterrupt
        flag.set()

    signal.signal(signal.SIGINT, handler)
    try:
        yield flag.is_set
    finally:
        signal.signal(signal.SIGINT, previous)
