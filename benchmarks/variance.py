"""
Time to a gradient: step time times variance, for guides that draw discrete values.

The estimators of relbo-ir's default pipeline, of an expert (`discrete.py`), of NumPyro and of Pyro
are asked for gradients at one point, which 300 steps of Adam lead to, one draw a step. The figure
is what a relative error of 1e-2 costs: seconds a step × total variance / (1e-4 ‖gradient‖²), the
variance being the trace of the covariance of all parameters. Running means settle first. Steps of
JAX's contestants are those of a `lax.scan` that sums the gradients. First all are checked to have
the same mean gradient, along its direction and along random ones, within five standard errors.

Where the problem has a form in arrays, relbo-ir and NumPyro take that, and NumPyro also the one
with a site for each element, which prunes more; as XLA takes a minute or two for it, it is compiled
once, and its steps are called one by one.

Pyro lives in another Python, which `--pyro-python` names; without it Pyro is not measured.

    python benchmarks/variance.py [--pyro-python PATH] [--quick] [--problem NAME]
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from discrete import PROBLEMS, Params, Problem, expert
from harness import Control, Target, interleave, machine_line, report
from jax import lax, random
from numpyro.infer import TraceGraph_ELBO

import relbo_ir

OURS, HAND, AGAIN, NUMPYRO = "relbo-ir", "hand-written", "hand-written again", "numpyro"
NUMPYRO_SITES = "numpyro, site by site"
PYRO, PYRO_MEAN = "pyro", "pyro, decaying average"
DIRECTIONS, DISCARDED, ADAM_STEPS = 8, 50, 300
CALLS = 20
"""Steps in a turn of a contestant that is called."""
Step = Callable[[Params, jax.Array, Any, Any], tuple[Params, Any]]


@dataclass(frozen=True)
class Size:
    """How much of a problem is measured."""

    draws: int
    """Gradients of JAX's contestants for their mean and variance."""
    called_draws: int
    """Of Pyro, and of what is called step by step."""
    steps: int
    """Steps in one scan."""
    pyro_steps: int


SIZES = {
    "mixture": Size(4000, 1000, 200, 5),
    "belief net": Size(1000, 300, 10, 3),
    "hidden chain": Size(20_000, 400, 500, 1),
}


@dataclass(frozen=True)
class Moments:
    """What was seen of an estimator's gradients."""

    variance: float
    variance_error: float
    projections: np.ndarray[Any, Any]
    projection_errors: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Contestant:
    """(parameters, key, data, state) → (gradient, state), its data and its first state."""

    step: Step
    data: Any
    state: Any
    called: bool = False
    """Whether the step is compiled already, and is called from Python."""


def ours(problem: Problem) -> Contestant:
    """The default pipeline's estimator, of the form in arrays where there is one."""
    model, guide = problem.vectorized or (problem.model, problem.guide)
    objective = relbo_ir.ELBO(model, guide).compile(problem.data)

    def step(params: Params, key: jax.Array, data: Any, state: Any) -> tuple[Params, Any]:
        _, gradient, state = objective.transition(params, key, data, state)
        return gradient, state

    return Contestant(step, objective.prepare(), objective.init_state())


def by_numpyro(problem: Problem, site_by_site: bool) -> Contestant:
    """NumPyro's TraceGraph_ELBO, which has no baseline."""
    elbo = TraceGraph_ELBO()
    model, guide = problem.vectorized or (problem.model, problem.guide)
    if site_by_site:
        model, guide = problem.model, problem.guide

    def value(params: Params, key: jax.Array, data: Any) -> jax.Array:
        return -elbo.loss(key, params, model, guide, data)

    def step(params: Params, key: jax.Array, data: Any, state: Any) -> tuple[Params, Any]:
        return jax.grad(value)(params, key, data), state

    data = jnp.asarray(problem.data)
    if not site_by_site:
        return Contestant(step, data, ())
    params = {n: jnp.asarray(v) for n, v in problem.start.items()}
    compiled = jax.jit(step).lower(params, random.key(0), data, ()).compile()
    return Contestant(compiled, data, (), called=True)


def trained(contestant: Contestant, start: Params) -> Params:
    """The point at which all are compared."""
    adam = optax.adam(0.02)

    def step(carry: Any, key: jax.Array) -> tuple[Any, None]:
        params, optimizer, state = carry
        gradient, state = contestant.step(params, key, contestant.data, state)
        descent = jax.tree.map(jnp.negative, gradient)
        updates, optimizer = adam.update(descent, optimizer, params)
        return (optax.apply_updates(params, updates), optimizer, state), None

    keys = random.split(random.key(9), ADAM_STEPS)
    first = (start, adam.init(start), contestant.state)
    return jax.jit(lambda first: lax.scan(step, first, keys)[0][0])(first)


def gradients(contestant: Contestant, params: Params, directions: Params, count: int) -> Any:
    """Mean gradient, and of each one its squared norm and its projections."""

    def seen_of(gradient: Params) -> tuple[jax.Array, jax.Array]:
        square = sum(jnp.sum(g * g) for g in gradient.values())
        along = sum(jnp.tensordot(directions[n], g, axes=g.ndim) for n, g in gradient.items())
        return square, along

    if contestant.called:
        keys = random.split(random.key(1), count)
        each = [contestant.step(params, k, contestant.data, contestant.state)[0] for k in keys]
        stacked = jax.tree.map(lambda *g: jnp.stack(g), *each)
        return jax.tree.map(lambda g: g.mean(0), stacked), jax.vmap(seen_of)(stacked)

    @jax.jit
    def run(params: Params, data: Any, state: Any) -> Any:
        def draw(carry: Any, key: jax.Array) -> tuple[Any, Any]:
            state, total = carry
            gradient, state = contestant.step(params, key, data, state)
            return (state, jax.tree.map(jnp.add, total, gradient)), seen_of(gradient)

        zeros = jax.tree.map(jnp.zeros_like, params)
        settle, keys = random.split(random.key(1))
        (state, _), _ = lax.scan(draw, (state, zeros), random.split(settle, DISCARDED))
        (_, total), seen = lax.scan(draw, (state, zeros), random.split(keys, count))
        return jax.tree.map(lambda x: x / count, total), seen

    return run(params, contestant.data, contestant.state)


def moments(contestant: Contestant, params: Params, directions: Params, count: int) -> Moments:
    """The moments of an estimator's gradients."""
    mean, (squares, along) = gradients(contestant, params, directions, count)
    values, along = np.asarray(squares, np.float64), np.asarray(along, np.float64)
    square = sum(float(jnp.sum(m * m)) for m in mean.values())
    return Moments(
        (float(values.mean()) - square) * count / (count - 1),
        float(values.std()) / math.sqrt(count),
        along.mean(0),
        along.std(0) / math.sqrt(count),
    )


class Pyro:
    """The process that Pyro runs in."""

    def __init__(self, python: str, problem: str, arrays: Mapping[str, Any], folder: str):
        file = Path(folder) / "problem.npz"
        np.savez(file, **{name: np.asarray(value) for name, value in arrays.items()})
        command = [python, str(Path(__file__).parent / "pyro_rival.py"), problem, str(file)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        print(f"  {self._answer().strip()}")

    def ask(self, command: str) -> str:
        """The answer to a command, once it is there."""
        if self._process.stdin is None:
            raise SystemExit("Pyro's process takes no commands")
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        line = "" if self._process.stdout is None else self._process.stdout.readline()
        if not line:
            raise SystemExit(f"Pyro's process ended with {self._process.wait()}")
        return line

    def close(self) -> None:
        """Ends the process, which has nothing left to read."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def moments(self, baseline: bool, count: int) -> Moments:
        """The moments of Pyro's gradients."""
        seen = json.loads(self.ask(f"moments {int(baseline)} {DISCARDED} {count}"))
        arrays = (np.array(seen[name]) for name in ("projections", "projection_errors"))
        return Moments(seen["variance"], seen["variance_error"], *arrays)


def check(found: Mapping[str, Moments]) -> None:
    """Refuses to measure estimators whose mean gradients differ."""
    reference = found[HAND]
    for name, moment in found.items():
        errors = np.hypot(moment.projection_errors, reference.projection_errors)
        worst = float(np.max(np.abs(moment.projections - reference.projections) / errors))
        if name != HAND and not worst < 5:
            raise SystemExit(f"{name} differs from {HAND} by {worst:.1f} standard errors")
        print(
            f"  {name:<26}total variance {moment.variance:.6g} ± {moment.variance_error:.2g}"
            + ("" if name == HAND else f"   mean gradient within {worst:.1f} s.e.")
        )


def timed(
    contestants: Mapping[str, Contestant], params: Params, steps: int
) -> dict[str, Callable[[], Any]]:
    """Compiled scans of so many steps, as calls without arguments."""

    def caller(contestant: Contestant) -> Callable[[], Any]:
        if contestant.called:
            keys = random.split(random.key(2), CALLS)
            arguments = contestant.data, contestant.state
            return lambda: [contestant.step(params, k, *arguments) for k in keys]

        @jax.jit
        def run(params: Params, key: jax.Array, data: Any, state: Any) -> Any:
            def step(carry: Any, key: jax.Array) -> tuple[Any, None]:
                state, total = carry
                gradient, state = contestant.step(params, key, data, state)
                return (state, jax.tree.map(jnp.add, total, gradient)), None

            zeros = jax.tree.map(jnp.zeros_like, params)
            return lax.scan(step, (state, zeros), random.split(key, steps))[0]

        key = random.key(2)
        return lambda: run(params, key, contestant.data, contestant.state)

    return {name: caller(contestant) for name, contestant in contestants.items()}


def measure(name: str, python: str | None, quick: bool) -> bool:
    """Checks and measures one problem; says whether its targets hold."""
    print(f"\n{name}")
    problem, size = PROBLEMS[name](), SIZES[name]
    part = 8 if quick else 1
    hand_step, hand_state = expert(problem)
    hand = Contestant(hand_step, jnp.asarray(problem.data), hand_state)
    contestants = {OURS: ours(problem), HAND: hand, NUMPYRO: by_numpyro(problem, False)}
    if problem.vectorized is not None:
        contestants[NUMPYRO_SITES] = by_numpyro(problem, True)
    start = {n: jnp.asarray(v) for n, v in problem.start.items()}
    params = trained(contestants[OURS], start)
    keys = iter(random.split(random.key(5), len(params)))
    signs = {n: random.rademacher(next(keys), (DIRECTIONS, *v.shape)) for n, v in params.items()}
    directions = {n: v.astype(jnp.float32) for n, v in signs.items()}
    ahead, _ = gradients(hand, params, directions, size.draws // part)
    directions = {n: jnp.concatenate([v, ahead[n][None]]) for n, v in directions.items()}

    found = {
        who: moments(
            contestant,
            params,
            directions,
            (size.called_draws if contestant.called else size.draws) // part,
        )
        for who, contestant in contestants.items()
    }
    square = sum(float(jnp.sum(g * g)) for g in ahead.values())
    square -= found[HAND].variance * part / size.draws
    with tempfile.TemporaryDirectory() as folder:
        pyro = None
        if python is not None:
            arrays = {"data": problem.data}
            arrays |= {f"param:{n}": v for n, v in params.items()}
            arrays |= {f"direction:{n}": v for n, v in directions.items()}
            pyro = Pyro(python, name, arrays, folder)
            found[PYRO] = pyro.moments(False, size.called_draws // part)
            found[PYRO_MEAN] = pyro.moments(True, size.called_draws // part)
        else:
            print(f"  {PYRO:<26}not measured (--pyro-python)")
        check(found)
        print(f"  norm of the gradient {math.sqrt(square):.4g}")
        holds = _race(name, contestants, found, params, pyro, square, 20 if quick else 100)
        if pyro is not None:
            pyro.close()
    return holds


def _race(
    name: str,
    contestants: Mapping[str, Contestant],
    found: Mapping[str, Moments],
    params: Params,
    pyro: Pyro | None,
    square: float,
    rounds: int,
) -> bool:
    size = SIZES[name]
    line_up = {**contestants, AGAIN: contestants[HAND]}

    def build() -> dict[str, Callable[[], Any]]:
        calls = timed(line_up, params, size.steps)
        if pyro is not None:
            calls[PYRO] = lambda: pyro.ask(f"steps 0 {size.pyro_steps}")
            calls[PYRO_MEAN] = lambda: pyro.ask(f"steps 1 {size.pyro_steps}")
        return calls

    samples = interleave(build, rounds, builds=2, warm_up=1)
    counts = dict.fromkeys(samples, size.steps)
    counts |= {PYRO: size.pyro_steps, PYRO_MEAN: size.pyro_steps, NUMPYRO_SITES: CALLS}
    steps = {who: seconds / counts[who] for who, seconds in samples.items()}
    control = Control(AGAIN, HAND)
    report(f"{name}: a step (told, not asked for)", steps, [], control)
    variances = {who: moment.variance for who, moment in found.items()}
    variances[AGAIN] = variances[HAND]
    cost = {who: s * variances[who] / (1e-4 * square) for who, s in steps.items()}
    peers = [
        Target(OURS, who, 1.0) for who in (NUMPYRO, NUMPYRO_SITES, PYRO, PYRO_MEAN) if who in cost
    ]
    targets = [Target(OURS, HAND, 1.1), *peers]
    return report(f"{name}: to a relative error of 1e-2", cost, targets, control, 1.0)


def main() -> int:
    """Measures the problems; 1 where a target is missed beyond the A/A spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pyro-python", help="a Python that has pyro-ppl")
    parser.add_argument("--quick", action="store_true", help="an eighth of the draws, fewer rounds")
    parser.add_argument("--problem", choices=list(PROBLEMS), action="append")
    options = parser.parse_args()
    print(machine_line())
    names = options.problem or list(PROBLEMS)
    holds = [measure(name, options.pyro_python, options.quick) for name in names]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
