"""
Pyro's own runs of the coin of `pyro_coin.py`, in a process of their own: Pyro lives with torch.

`python pyro_coin_rival.py BASELINE SEEDS LIMIT` prints a line of JSON: by seed, the steps until
each parameter is within 0.8 of the posterior's, and until the sum of both errors is below 0.8.
"""

from __future__ import annotations

import json
import sys

import pyro
import pyro.distributions as pd
import torch
from pyro.distributions.testing.fakes import NonreparameterizedBeta
from pyro.infer import SVI, TraceGraph_ELBO
from pyro.optim import Adam
from torch.distributions import constraints

FLIPS = torch.tensor([1.0] * 6 + [0.0] * 4)
POSTERIOR = {"alpha": 16.0, "beta": 14.0}
TOLERANCE = 0.8


def model(use: bool) -> None:
    """A coin of unknown fairness."""
    fairness = pyro.sample("fairness", pd.Beta(10.0, 10.0))
    with pyro.plate("flips", len(FLIPS)):
        pyro.sample("flip", pd.Bernoulli(fairness), obs=FLIPS)


def guide(use: bool) -> None:
    """A Beta whose draws are not differentiated."""
    alpha = pyro.param("alpha", torch.tensor(15.0), constraint=constraints.positive)
    beta = pyro.param("beta", torch.tensor(15.0), constraint=constraints.positive)
    baseline = {"use_decaying_avg_baseline": use, "baseline_beta": 0.9}
    pyro.sample("fairness", NonreparameterizedBeta(alpha, beta), infer={"baseline": baseline})


def steps_taken(use: bool, seed: int, limit: int) -> tuple[int, int]:
    """Of one run, `limit` where it takes as many or more."""
    pyro.clear_param_store()
    pyro.set_rng_seed(seed)
    svi = SVI(model, guide, Adam({"lr": 5e-4, "betas": (0.93, 0.999)}), TraceGraph_ELBO())
    each = limit
    for number in range(1, limit):
        svi.step(use)
        errors = [abs(pyro.param(name).item() - value) for name, value in POSTERIOR.items()]
        if max(errors) < TOLERANCE:
            each = min(each, number)
        if sum(errors) < TOLERANCE:
            return each, number
    return each, limit


if __name__ == "__main__":
    baseline, seeds, last = sys.argv[1] == "1", int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps([steps_taken(baseline, seed, last) for seed in range(seeds)]))
