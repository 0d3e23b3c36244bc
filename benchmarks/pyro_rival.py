"""
The problems of `discrete.py` in Pyro, in a process of their own: Pyro lives with torch.

`variance.py` starts it as `python pyro_rival.py PROBLEM FILE` and writes a command a line:
`moments BASELINE DISCARDED COUNT` answers with one line of JSON, `steps BASELINE COUNT` with an
empty line once they are done. FILE is an `.npz` of the data, the parameters (`param:NAME`), and
directions (`direction:NAME`, one a row) on which gradients of the ELBO are projected.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyro
import pyro.distributions as pd
import torch
from pyro.infer import TraceGraph_ELBO

COMPONENTS, DECAY = 3, 0.9
Start = Mapping[str, Any]
Program = Callable[..., None]


def _baseline(use: bool) -> dict[str, Any]:
    return {"baseline": {"use_decaying_avg_baseline": use, "baseline_beta": DECAY}}


def mixture(start: Start, data: Any) -> tuple[Program, Program]:
    """A mixture of Normals whose means and assignments are drawn."""

    def model(use: bool) -> None:
        with pyro.plate("components", COMPONENTS):
            loc = pyro.sample("loc", pd.Normal(0.0, 5.0))
        with pyro.plate("points", len(data)):
            component = pyro.sample("component", pd.Categorical(logits=torch.zeros(COMPONENTS)))
            pyro.sample("point", pd.Normal(loc[component], 1.0), obs=data)

    def guide(use: bool) -> None:
        mean, log_sd = pyro.param("mean", start["mean"]), pyro.param("log_sd", start["log_sd"])
        logits = pyro.param("logits", start["logits"])
        with pyro.plate("components", COMPONENTS):
            pyro.sample("loc", pd.Normal(mean, log_sd.exp()))
        with pyro.plate("points", len(data)):
            pyro.sample("component", pd.Categorical(logits=logits), infer=_baseline(use))

    return model, guide


def belief_net(start: Start, data: Any) -> tuple[Program, Program]:
    """Two layers of binary units under binary pixels."""

    def bernoulli(logits: Any) -> Any:
        return pd.Bernoulli(logits=logits).to_event(1)

    def params(*names: str) -> tuple[Any, ...]:
        return tuple(pyro.param(name, start[name]) for name in names)

    def model(use: bool) -> None:
        top, down, middle, draw, floor = params("top", "down", "middle", "draw", "floor")
        with pyro.plate("rows", len(data)):
            second = pyro.sample("second", bernoulli(top))
            first = pyro.sample("first", bernoulli(second @ down + middle))
            pyro.sample("pixels", bernoulli(first @ draw + floor), obs=data)

    def guide(use: bool) -> None:
        see, seen, up, upper = params("see", "seen", "up", "upper")
        with pyro.plate("rows", len(data)):
            first = pyro.sample("first", bernoulli(data @ see + seen), infer=_baseline(use))
            pyro.sample("second", bernoulli(first @ up + upper), infer=_baseline(use))

    return model, guide


def hidden_chain(start: Start, data: Any) -> tuple[Program, Program]:
    """One site a step, by which Pyro sees which step reads which."""

    def model(use: bool) -> None:
        levels, moves = pyro.param("levels", start["levels"]), pyro.param("moves", start["moves"])
        logits = torch.zeros(len(levels))
        for time, seen in enumerate(data):
            state = pyro.sample(f"state{time}", pd.Categorical(logits=logits))
            pyro.sample(f"seen{time}", pd.Normal(levels[state], 1.0), obs=seen)
            logits = moves[state]

    def guide(use: bool) -> None:
        logits = pyro.param("logits", start["logits"])
        for time in range(len(data)):
            law = pd.Categorical(logits=logits[time])
            pyro.sample(f"state{time}", law, infer=_baseline(use))

    return model, guide


PROBLEMS = {"mixture": mixture, "belief net": belief_net, "hidden chain": hidden_chain}


class Rival:
    """One problem at fixed parameters, with or without a decaying average as a baseline."""

    def __init__(self, problem: str, file: str):
        arrays = dict(np.load(file))
        tensors = {name: torch.tensor(value) for name, value in arrays.items()}
        self._start = {n[6:]: v for n, v in tensors.items() if n.startswith("param:")}
        self._directions = {n[10:]: v for n, v in tensors.items() if n.startswith("direction:")}
        self._programs = PROBLEMS[problem](self._start, tensors["data"])
        self._elbo = TraceGraph_ELBO()

    def gradient(self, use: bool) -> dict[str, Any]:
        """One estimate of the gradient of the ELBO, by parameter."""
        store = pyro.get_param_store()
        for name in self._start:
            if name in store:
                store.get_param(name).grad = None
        self._elbo.loss_and_grads(*self._programs, use)
        return {name: store.get_param(name).grad for name in self._start}

    def moments(self, use: bool, discarded: int, count: int) -> dict[str, Any]:
        """Of gradients: mean projections, and mean squared distances from their own mean."""
        pyro.clear_param_store()
        for _ in range(discarded):
            self.gradient(use)
        sums = {name: torch.zeros(v.shape, dtype=torch.float64) for name, v in self._start.items()}
        squares: list[float] = []
        projections: list[Any] = []
        for _ in range(count):
            gradient = {name: -g.double() for name, g in self.gradient(use).items()}
            squares.append(sum(float((g * g).sum()) for g in gradient.values()))
            projections.append(
                sum(
                    self._directions[n].double().flatten(1) @ g.flatten()
                    for n, g in gradient.items()
                ).numpy()
            )
            for name, g in gradient.items():
                sums[name] += g
        mean = sum(float((s * s).sum()) for s in sums.values()) / count**2
        values, along = np.array(squares), np.stack(projections)
        return {
            "variance": float((values.mean() - mean) * count / (count - 1)),
            "variance_error": float(values.std() / math.sqrt(count)),
            "projections": along.mean(0).tolist(),
            "projection_errors": (along.std(0) / math.sqrt(count)).tolist(),
        }


def main() -> None:
    """Answers commands until there are no more."""
    torch.manual_seed(0)
    pyro.enable_validation(False)
    rival = Rival(*sys.argv[1:3])
    print(f"torch {torch.__version__}, pyro {pyro.__version__}", flush=True)
    for line in sys.stdin:
        match line.split():
            case ["moments", use, discarded, count]:
                print(json.dumps(rival.moments(use == "1", int(discarded), int(count))), flush=True)
            case ["steps", use, count]:
                for _ in range(int(count)):
                    rival.gradient(use == "1")
                print(flush=True)
            case _:
                raise SystemExit(f"unknown command {line!r}")


if __name__ == "__main__":
    main()
