"""
The time of one step of Adam: relbo-ir, hand-written JAX and NumPyro's SVI, interleaved.

All draw once a step, carry a raw key that is split each step, take the same `optax.adam`, and are
jitted without donation. A step is timed as one call, and as one of 1,000 inside a `lax.scan`;
`gradient` is a call of `Objective.value_and_grad` against a jitted `jax.value_and_grad`. First
the three are checked against each other.

    python benchmarks/step_time.py [--quick]
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from harness import Control, Target, interleave, machine_line, report
from jax import lax, random
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import optax_to_numpyro
from rivals import RIVALS, Params, Rival

from relbo_ir import Objective

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))

OURS, HAND, AGAIN, NUMPYRO = "relbo-ir", "hand-written", "hand-written again", "numpyro"
SCAN_STEPS = 1000
BUILDS = 5
_ADAM = optax.adam(1e-3)
_TARGETS = (Target(OURS, HAND, 1.05), Target(OURS, NUMPYRO, 1.0))
_CONTROL = Control(AGAIN, HAND)

Step = Callable[[Any, tuple[jax.Array, ...]], tuple[Any, jax.Array]]
Gradient = Callable[[Params, jax.Array, tuple[jax.Array, ...]], tuple[jax.Array, Params]]


def adam_step(value_and_gradient: Gradient) -> Step:
    """(parameters, optimizer state, raw key), data → the next of these, and the ELBO."""

    def step(state: Any, data: tuple[jax.Array, ...]) -> tuple[Any, jax.Array]:
        params, optimizer_state, key = state
        key, used = random.split(key)
        value, gradient = value_and_gradient(params, used, data)
        descent = jax.tree.map(jnp.negative, gradient)
        updates, optimizer_state = _ADAM.update(descent, optimizer_state, params)
        return (optax.apply_updates(params, updates), optimizer_state, key), value

    return step


def scanned(step: Step) -> Step:
    """Many steps in one program."""

    def steps(state: Any, data: tuple[jax.Array, ...]) -> tuple[Any, jax.Array]:
        return lax.scan(lambda carry, _: step(carry, data), state, None, length=SCAN_STEPS)

    return steps


def line_up(
    steps: Mapping[str, Step],
    states: Mapping[str, Any],
    data: tuple[jax.Array, ...],
    wrap: Callable[[Step], Step],
) -> dict[str, Callable[[], Any]]:
    """Jitted steps as calls without arguments, each going on from its own last state."""

    def caller(step: Step, state: Any) -> Callable[[], Any]:
        compiled = jax.jit(wrap(step))

        def call() -> Any:
            nonlocal state
            state, value = compiled(state, data)
            return state, value

        return call

    return {name: caller(step, states[name]) for name, step in steps.items()}


def check(
    objective: Objective, rival: Rival, svi: SVI, state: Any, data: tuple[jax.Array, ...]
) -> None:
    """
    Refuses to measure what is not alike: relbo-ir and the hand-written ELBO on the same draws,
    value and gradient, and NumPyro's mean loss against ours within five standard errors.
    """
    params = {
        name: value + 0.1 * random.normal(random.key(k), value.shape)
        for k, (name, value) in enumerate(objective.init().items())
    }
    value, gradient = objective.value_and_grad(params, 3, data)
    expected, by_hand = jax.value_and_grad(rival.by_hand)(params, random.key(3), data)
    np.testing.assert_allclose(value, expected, rtol=2e-5)
    for name, wanted in by_hand.items():
        np.testing.assert_allclose(gradient[name], wanted, rtol=1e-3, atol=1e-3, err_msg=name)
    state = state._replace(
        optim_state=svi.optim.init(
            {name: params[name] for name in svi.optim.get_params(state.optim_state)}
        )
    )
    keys = random.split(random.key(4), 20_000)
    ours = jax.vmap(lambda key: objective.value(params, key, data))(keys)
    theirs = -jax.vmap(lambda key: svi.evaluate(state._replace(rng_key=key), *data))(
        random.split(random.PRNGKey(5), 20_000)
    )
    error = float(jnp.hypot(ours.std(), theirs.std())) / np.sqrt(20_000)
    gap = float(jnp.abs(ours.mean() - theirs.mean()))
    if not gap < 5 * error:
        raise SystemExit(f"relbo-ir and NumPyro differ by {gap} nats, standard error {error}")
    print(
        f"  agree: same draws {float(value):.4f} = {float(expected):.4f}; NumPyro {gap / error:.1f} s.e."
    )


def measure(name: str, rounds: int) -> bool:
    """Checks and measures one example; says whether its targets hold."""
    example, rival = importlib.import_module(name), RIVALS[name]
    objective: Objective = example.elbo.compile(*example.data)
    data = tuple(jnp.asarray(array) for array in objective.prepare())
    svi = SVI(rival.model, rival.guide, optax_to_numpyro(_ADAM), Trace_ELBO())
    svi_state = svi.init(random.PRNGKey(0), *data)
    print(f"\n{name}")
    check(objective, rival, svi, svi_state, data)

    def by_hand(params: Params, key: jax.Array, data: Any) -> tuple[jax.Array, Params]:
        return jax.value_and_grad(rival.by_hand)(params, key, data)

    def by_numpyro(state: Any, data: Any) -> tuple[Any, jax.Array]:
        return svi.update(state, *data)

    params = objective.init()
    start = (params, _ADAM.init(params), random.PRNGKey(0))
    hand = adam_step(by_hand)
    steps = {
        OURS: adam_step(objective.value_and_grad),
        HAND: hand,
        AGAIN: hand,
        NUMPYRO: by_numpyro,
    }
    states = {OURS: start, HAND: start, AGAIN: start, NUMPYRO: svi_state}
    one = interleave(
        lambda: line_up(steps, states, data, lambda step: step), rounds, calls=20, builds=BUILDS
    )
    holds = report(f"{name}: one call", one, _TARGETS, _CONTROL)

    samples = interleave(
        lambda: line_up(steps, states, data, scanned), max(rounds // 8, 4), builds=BUILDS
    )
    many = {who: seconds / SCAN_STEPS for who, seconds in samples.items()}
    holds &= report(f"{name}: a step of {SCAN_STEPS} in one scan", many, _TARGETS, _CONTROL)

    def gradient_of(function: Gradient) -> Callable[[], Any]:
        key = random.key(0)
        return lambda: function(params, key, data)

    def gradients() -> dict[str, Callable[[], Any]]:
        return {
            OURS: gradient_of(objective.value_and_grad),
            HAND: gradient_of(jax.jit(lambda params, key, data: by_hand(params, key, data))),
            AGAIN: gradient_of(jax.jit(lambda params, key, data: by_hand(params, key, data))),
        }

    samples = interleave(gradients, rounds, calls=20, builds=BUILDS)
    report(f"{name}: gradient (told, not asked for)", samples, _TARGETS[:1], _CONTROL)
    return holds


def main() -> int:
    """Measures both examples; 1 where a target is missed beyond the A/A spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="an eighth of the rounds")
    rounds = 20 if parser.parse_args().quick else 160
    print(machine_line())
    holds = [measure(name, rounds) for name in RIVALS]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
