"""Stochastic gradient ascent on an ELBO."""

from __future__ import annotations

import dataclasses
import math
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm.auto import tqdm

from relbo_ir.checkpoints import Checkpoint, Identity, Layout, digest
from relbo_ir.dialects.errors import ModelError
from relbo_ir.objective import ELBO, Key, Objective, Params, as_key
from relbo_ir.pipelines import Pipeline
from relbo_ir.posterior import Fit, Restart

_CHUNKS = 20


def fit(
    elbo: ELBO | Objective,
    *args: Any,
    steps: int = 2000,
    optimizer: optax.GradientTransformation | None = None,
    particles: int = 1,
    key: Key = 0,
    progress: bool = True,
    init: Params | Fit | None = None,
    restarts: int = 1,
    jitter: float = 1.0,
    checkpoint: str | Path | None = None,
    checkpoint_every: int | None = None,
    pipeline: Pipeline = "default",
    **kwargs: Any,
) -> Fit:
    """
    Maximises an ELBO and gives the fitted guide.

    `args` and `kwargs` are the model's arguments (none for an `Objective`). `optimizer` is an optax
    gradient transformation for minimisation (default: Adam with step size 0.01), `particles` the
    draws per step, `init` unconstrained parameters or a fit to start from. Ctrl-C ends the fit
    early and gives what was learnt.

    With `restarts` the best of that many fits is given, by their final ELBOs on the same draws. The
    first one is the fit without restarts; each other one has a key of its own and starts with
    Normal noise of sd `jitter` added to every unconstrained coordinate.

    With `checkpoint`, a file holds the state every `checkpoint_every` steps (default: a twentieth
    of the steps, at most); the same call goes on from there, to the same bits as without a break.

    Raises ModelError at the first ELBO or gradient that is not finite, with step, site and
    parameters (with restarts, where all of them end so), and for a checkpoint of another fit.
    """
    if steps < 1:
        raise ValueError(f"a fit takes one step at least, not {steps}: give steps=1 or more")
    if restarts < 1:
        raise ValueError(f"a fit starts once at least, not {restarts} times")
    if checkpoint is not None and restarts > 1:
        raise ModelError(
            "a checkpoint holds one fit, not several restarts",
            "give every restart a fit of its own: a key, an init and a checkpoint each",
        )
    if checkpoint_every is not None and (checkpoint is None or checkpoint_every < 1):
        raise ModelError(
            f"checkpoint_every={checkpoint_every} writes no checkpoint",
            "give a file in checkpoint=, and a number of steps of 1 or more",
        )
    objective = (
        elbo
        if isinstance(elbo, Objective)
        else elbo.compile(*args, pipeline=pipeline, particles=particles, **kwargs)
    )
    given = init.unconstrained if isinstance(init, Fit) else init
    start = None if given is None else objective.start(given)
    file = None if checkpoint is None else Checkpoint(Path(checkpoint), checkpoint_every)
    run = _Run(objective, optimizer or optax.adam(1e-2), steps, progress, as_key(key), start)
    return run.once(file) if restarts == 1 else run.best_of(restarts, jitter)


@dataclass(frozen=True)
class _Run:
    """One call of `fit`."""

    objective: Objective
    optimizer: optax.GradientTransformation
    steps: int
    progress: bool
    key: jax.Array
    init: Params | None

    def once(self, file: Checkpoint | None = None) -> Fit:
        """The fit of one start."""
        trainer = _Trainer(self.objective, self.optimizer, file)
        init_key, step_key, final_key = _three(self.key)
        params = self.objective.init(init_key) if self.init is None else dict(self.init)
        return self._from(trainer, params, step_key, final_key)

    def _from(
        self, trainer: _Trainer, params: Params, step_key: jax.Array, final_key: jax.Array
    ) -> Fit:
        taken = trainer.run(params, step_key, self.steps, self.progress)
        params, history, interrupted = taken
        return Fit(self.objective, params, history, final_key, interrupted)

    def best_of(self, restarts: int, jitter: float) -> Fit:
        """The best of several starts; the ELBOs are compared on the same draws."""
        final_key = _three(self.key)[2]
        trainer = _Trainer(self.objective, self.optimizer)
        fits: list[Fit] = []
        ends: list[Restart] = []
        errors: list[ModelError] = []
        for number in range(restarts):
            key = self.key if number == 0 else jax.random.fold_in(self.key, number)
            init_key, step_key, noise_key = _three(key)
            params = self.objective.init(init_key) if self.init is None else dict(self.init)
            if number:
                params = _moved(params, noise_key, jitter)
            try:
                fit = self._from(trainer, params, step_key, final_key)
            except ModelError as error:
                errors.append(error)
                ends.append(Restart(math.nan, math.nan, str(error)))
                continue
            fits.append(fit)
            ends.append(Restart(fit.elbo, fit.elbo_error))
            if fit.interrupted:
                break
        if not fits:
            raise errors[0]
        best = max(fits, key=lambda fit: fit.elbo)
        return dataclasses.replace(best, restarts=tuple(ends))


@jax.jit
def _three(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    first, second, third = jax.random.split(key, 3)
    return first, second, third


def _moved(params: Params, key: jax.Array, sd: float) -> Params:
    """The parameters with Normal noise of this sd added to each element."""
    keys = jax.random.split(key, max(1, len(params)))
    return {
        name: value + sd * jax.random.normal(k, jnp.shape(value), jnp.result_type(value))
        for k, (name, value) in zip(keys, params.items(), strict=False)
    }


class _Trainer:
    """Runs steps in chunks of one `lax.scan` each; buffers are donated from chunk to chunk."""

    def __init__(
        self,
        objective: Objective,
        optimizer: optax.GradientTransformation,
        file: Checkpoint | None = None,
    ):
        self.objective, self.optimizer, self._file = objective, optimizer, file
        self._chunk = jax.jit(self._scan, static_argnames=("length",), donate_argnums=(0,))

    def _scan(self, state: Any, key: jax.Array, start: jax.Array, data: Any, *, length: int) -> Any:
        program = self.objective.transition

        def step(carry: Any, number: jax.Array) -> Any:
            params, optimizer_state, memory = carry
            step_key = jax.random.fold_in(key, number)
            value, gradient, memory = program(params, step_key, data, memory)
            finite = [jnp.isfinite(value), *(jnp.all(jnp.isfinite(g)) for g in gradient.values())]
            ascent = jax.tree.map(jnp.negative, gradient)
            updates, optimizer_state = self.optimizer.update(ascent, optimizer_state, params)
            params = optax.apply_updates(params, updates)
            return (params, optimizer_state, memory), (value, jnp.all(jnp.stack(finite)))

        return jax.lax.scan(step, state, start + jnp.arange(length))

    def run(
        self, params: Params, key: jax.Array, steps: int, progress: bool
    ) -> tuple[Params, Any, bool]:
        """Takes the steps; gives parameters, ELBO history and whether it was interrupted."""
        params = jax.tree.map(jnp.array, params)
        # Jitted: one compilation, where it would be one for each kind and shape of its arrays.
        state = (params, jax.jit(self.optimizer.init)(params), self.objective.init_state())
        layout = Layout(state)
        data = self.objective.data
        length = chunk_length(steps)
        history: list[np.ndarray[Any, Any]] = []
        done = 0
        if self._file is not None:
            length = min(length, self._file.every or length)
            identity = self._identity(state, key, data, steps, length)
            state, history, done = self._file.resume(state, identity)
        with (
            _interruptions() as interrupted,
            tqdm(total=steps, initial=done, disable=not progress) as bar,
        ):
            while done < steps and not interrupted():
                count = min(length, steps - done)
                before = layout.save(state)
                state, (values, finite) = self._chunk(
                    state, key, jnp.int32(done), data, length=count
                )
                values, finite = np.asarray(values), np.asarray(finite)
                if not finite.all():
                    bad = int(np.argmin(finite))
                    self._report(layout.load(before), key, done, bad)
                history.append(values.astype(np.float64))
                done += count
                if self._file is not None:
                    self._file.write(state, history, done)
                bar.set_postfix_str(f"ELBO {float(np.mean(values)):.4f}", refresh=False)
                bar.update(count)
        return state[0], np.concatenate(history), done < steps

    def _identity(self, state: Any, key: jax.Array, data: Any, steps: int, length: int) -> Identity:
        """What two fits share if and only if they take the same steps from the same start."""
        program = self._chunk.lower(state, key, jnp.int32(0), data, length=length)
        return Identity(
            program=digest([np.frombuffer(program.as_text().encode(), np.uint8)]),
            data=digest(data),
            start=digest(jax.tree.leaves(state)),
            key=digest([key]),
            steps=steps,
            parameters=", ".join(f"{n}{list(jnp.shape(v))}" for n, v in state[0].items()),
        )

    def _report(self, before: Any, step_key: jax.Array, start: int, bad: int) -> None:
        """Raises the error for step `start + bad`, after running the good steps again."""
        state, data = before, self.objective.data
        if bad:
            state, _ = self._chunk(state, step_key, jnp.int32(start), data, length=bad)
        params = state[0]
        number = start + bad
        key = jax.random.fold_in(step_key, number)
        program = self.objective.addends
        addends = program.run(params, key, self.objective.data_for(program))
        sites = [name for name, value in addends.items() if not np.isfinite(np.asarray(value))]
        value, gradient, _ = self.objective.step(params, key, data, state[2])
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
