"""
Seconds from `import` to a fit within 0.05 nats of the guide's best ELBO: relbo-ir and NumPyro's SVI.

Both take the same models, guides, particles and step-size schedule (`first_fits.py`), each its own
number of steps: the smallest of a doubling grid (then 20,000 to 40,000) that ends within 0.05 nats, as
`relbo_ir` with 100,000 draws tells for both (a network's ELBO is told per image). The best ELBO is the
better one of their fits of 20,000 steps; who is not within 0.05 nats of it after 40,000 is timed for as
many, and that is said. Then fresh processes take turns, one fit each; JAX's compilation caches are
off, and both packages have Python's bytecode on disk, as installed ones do. A fit is its
parameters: neither is asked for its last ELBO.

    python benchmarks/first_fit.py [--rounds N] [PROBLEM ...]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from first_fits import NUMPYRO, OURS, PROBLEMS, Problem
from harness import Control, Target, machine_line, report

import relbo_ir as rb

AGAIN = "numpyro again"
WITHIN = 0.05
BEST_STEPS = 20_000
GRID = (*(125 * 2**k for k in range(8)), BEST_STEPS, 24_000, 28_000, 32_000, 40_000)
_UNSET = ("JAX_COMPILATION_CACHE_DIR", "PYTHONDONTWRITEBYTECODE")
DRAWS, BATCH = 100_000, 1_000
_TARGETS = (Target(OURS, NUMPYRO, 1.0),)
_CONTROL = Control(AGAIN, NUMPYRO)


def one_fit(contestant: str, name: str, steps: int, path: Path | None = None) -> float:
    """Seconds of one fit in a process of its own; its parameters go to `path`."""
    script = Path(__file__).with_name("first_fits.py")
    command = [sys.executable, str(script), contestant, name, str(steps)]
    environment = {k: v for k, v in os.environ.items() if k not in _UNSET}
    done = subprocess.run(
        command + ([] if path is None else [str(path)]),
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


class Judge:
    """The ELBO (nats, per observation where the problem says so) of parameters, on fixed draws."""

    def __init__(self, problem: Problem, folder: Path):
        self.problem, self.folder = problem, folder
        self.objective = rb.ELBO(*problem.program()).compile(*problem.data())
        draws = DRAWS // problem.observations
        self.keys = jax.random.split(jax.random.key(1), draws)
        self.known: dict[tuple[str, int], float] = {}

        def mean(params: Any, keys: Any) -> Any:
            values = jax.lax.map(
                lambda key: self.objective.value(params, key),
                keys,
                batch_size=max(BATCH // problem.observations, 1),
            )
            return values.mean()

        self._mean = jax.jit(mean)

    def elbo(self, contestant: str, name: str, steps: int) -> float:
        """The ELBO that a contestant's fit of so many steps ends with; each is made once."""
        if (contestant, steps) not in self.known:
            self.known[contestant, steps] = self._judged(contestant, name, steps)
        return self.known[contestant, steps]

    def _judged(self, contestant: str, name: str, steps: int) -> float:
        path = self.folder / f"{name}-{contestant}-{steps}.npz"
        one_fit(contestant, name, steps, path)
        with np.load(path) as arrays:
            params = self.objective.unconstrain(dict(arrays))
        return float(self._mean(params, self.keys)) / self.problem.observations


def steps_needed(judge: Judge, contestant: str, name: str, best: float) -> int:
    """The smallest number of steps of the grid that ends within `WITHIN` nats; all where none does."""
    for steps in GRID:
        elbo = judge.elbo(contestant, name, steps)
        print(f"  {contestant:<10}{steps:>7} steps end at {elbo:.4f}", flush=True)
        if elbo >= best - WITHIN:
            return steps
    print(f"  {contestant} does not come within {WITHIN} nats: {GRID[-1]} steps are timed")
    return GRID[-1]


def measure(name: str, rounds: int) -> bool:
    """Finds the steps that each contestant needs, and times fits of so many."""
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(PROBLEMS[name], Path(folder))
        best = max(judge.elbo(who, name, BEST_STEPS) for who in (OURS, NUMPYRO))
        print(f"\n{name}: the best ELBO is {best:.4f} nats", flush=True)
        steps = {who: steps_needed(judge, who, name, best) for who in (OURS, NUMPYRO)}
    line_up = {OURS: OURS, NUMPYRO: NUMPYRO, AGAIN: NUMPYRO}
    seconds: dict[str, list[float]] = {who: [] for who in line_up}
    for number in range(rounds):
        order = [*line_up][number % 3 :] + [*line_up][: number % 3]
        for who in order:
            seconds[who].append(one_fit(line_up[who], name, steps[line_up[who]]))
    samples = {who: np.asarray([times]) for who, times in seconds.items()}
    title = f"{name}: {steps[OURS]} and {steps[NUMPYRO]} steps"
    return report(title, samples, _TARGETS, _CONTROL, unit=1.0)


def main() -> int:
    """Measures the problems; 1 where a target is missed beyond the A/A spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS), metavar="PROBLEM")
    given = parser.parse_args()
    print(machine_line())
    holds = [measure(name, given.rounds) for name in given.problems]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
