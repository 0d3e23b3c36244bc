"""
Steps to the posterior of Pyro's coin, by the score function, with and without a running mean.

The problem and its settings are those of Pyro's tutorial "SVI Part III: ELBO Gradient Estimators":
a Beta(10, 10) prior, six ones and four zeros, a Beta guide that starts at (15, 15), Adam of step
size 5e-4 and betas 0.93 and 0.999, one draw a step, a decay of 0.9. The posterior is Beta(16, 14).
The tutorial stops where each parameter is within 0.8 of it, and prints one run of each kind:
1,932 steps and 4,908, of a Pyro of 2019. Here are medians over seeds, also of a Pyro of today where
`--pyro-python` names a Python that has it, and besides the steps until the errors of both
parameters sum to less than 0.8.

    python benchmarks/pyro_coin.py [--seeds 20] [--steps 20000] [--pyro-python PATH]
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from harness import machine_line
from jax import lax, random

import relbo_ir as rb
from relbo_ir import distributions as dist

FLIPS = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
POSTERIOR = {"alpha": 16.0, "beta": 14.0}
TOLERANCE = 0.8
PUBLISHED = {"running mean": 1932, "no baseline": 4908}
SCORED = (
    "objective",
    "relbo-split-addends",
    "relbo-score-function",
    "relbo-drop-zero-score",
    "relbo-rao-blackwellize",
)
PIPELINES: dict[str, tuple[str, ...]] = {
    "running mean": ("score-function",),
    "no baseline": (*SCORED, "program"),
}


def model(flips: jax.Array) -> None:
    """A coin of unknown fairness."""
    fairness = rb.sample("fairness", dist.Beta(10.0, 10.0))
    with rb.plate("flips", len(FLIPS)):
        rb.observe("flip", dist.Bernoulli(fairness), flips)


def guide(flips: jax.Array) -> None:
    """Positive parameters are optimized as logarithms, as Pyro's are."""
    alpha = rb.param("alpha", 15.0, rb.constraints.positive)
    beta = rb.param("beta", 15.0, rb.constraints.positive)
    rb.sample("fairness", dist.Beta(alpha, beta))


def steps_taken(
    pipeline: tuple[str, ...], keys: jax.Array, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Steps until each parameter is within the tolerance, and until the errors' sum is, by seed;
    `limit` where it takes as many or more.
    """
    objective = rb.ELBO(model, guide).compile(FLIPS, pipeline=pipeline)
    adam = optax.adam(5e-4, b1=0.93, b2=0.999)
    start = objective.init()
    data = objective.prepare()

    @jax.jit
    @jax.vmap
    def run(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(carry: tuple, number: jax.Array) -> tuple[tuple, None]:
            params, optimizer, state, each, summed = carry
            used = random.fold_in(key, number)
            _, gradient, state = objective.transition(params, used, data, state)
            descent = jax.tree.map(jnp.negative, gradient)
            updates, optimizer = adam.update(descent, optimizer, params)
            params = optax.apply_updates(params, updates)
            values = objective.constrain(params)
            errors = jnp.stack([jnp.abs(values[n] - p) for n, p in POSTERIOR.items()])
            each = jnp.where(jnp.all(errors < TOLERANCE), jnp.minimum(each, number + 1), each)
            summed = jnp.where(jnp.sum(errors) < TOLERANCE, jnp.minimum(summed, number + 1), summed)
            return (params, optimizer, state, each, summed), None

        never = jnp.int32(limit)
        first = (start, adam.init(start), objective.init_state(), never, never)
        (_, _, _, each, summed), _ = lax.scan(step, first, jnp.arange(limit, dtype=jnp.int32))
        return each, summed

    each, summed = run(keys)
    return np.asarray(each), np.asarray(summed)


def pyro_steps_taken(
    python: str, name: str, seeds: int, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same of Pyro's own runs."""
    file = str(Path(__file__).parent / "pyro_coin_rival.py")
    command = [python, file, str(int(name == "running mean")), str(seeds), str(limit)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    each, summed = np.array(json.loads(answer.stdout)).T
    return each, summed


def _spoken(steps: np.ndarray, limit: int) -> str:
    low, middle, high = (f"{q:,.0f}" for q in np.quantile(steps, [0.25, 0.5, 0.75]))
    late = int(np.sum(steps >= limit))
    return f"{middle} ({low} to {high})" + (f", {late} not within {limit:,}" if late else "")


def main() -> None:
    """Prints the table: medians and quartiles over seeds, beside what Pyro publishes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20_000, help="at most so many")
    parser.add_argument("--pyro-python", help="a Python that has pyro-ppl")
    options = parser.parse_args()
    print(machine_line())
    print("| | each error < 0.8 | their sum < 0.8 | published, one run |")
    print("|---|---|---|---|")
    keys = random.split(random.key(0), options.seeds)
    for name, pipeline in PIPELINES.items():
        rows = {"relbo-ir": steps_taken(pipeline, keys, options.steps)}
        if options.pyro_python is not None:
            taken = pyro_steps_taken(options.pyro_python, name, options.seeds, options.steps)
            rows["Pyro"] = taken
        for who, taken in rows.items():
            spoken = " | ".join(_spoken(steps, options.steps) for steps in taken)
            published = f"{PUBLISHED[name]:,}" if who == "Pyro" else ""
            print(f"| {who}, {name} | {spoken} | {published} |")


if __name__ == "__main__":
    main()
