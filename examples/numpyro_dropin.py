"""
A NumPyro model in NumPyro's own SVI, with `relbo_ir.numpyro.ELBO()` as the loss: British coal-mining
disasters from 1851 (Jarrett 1979), whose rate changes in a year that is a discrete choice.

NumPyro's `Trace_ELBO` cannot train the guide of the year; with this loss nothing else changes. The
reference is the posterior itself: the rates integrate out, and the years are summed over.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import optax
from numpyro.infer import SVI
from scipy.special import gammaln

import relbo_ir as rb

DISASTERS = np.array([int(count) for count in (
    "454014340633402633545314415534252234213221111300101100310322011101010002100011023311211112"
    "420014000100000100101"
)])  # fmt: skip
YEARS = np.arange(len(DISASTERS))


def model(disasters):
    change = numpyro.sample("change", dist.Categorical(jnp.full(len(YEARS), 1 / len(YEARS))))
    early = numpyro.sample("early", dist.Gamma(1.0, 1.0))
    late = numpyro.sample("late", dist.Gamma(1.0, 1.0))
    rate = jnp.where(change > YEARS, early, late)
    with numpyro.plate("years", len(YEARS)):
        numpyro.sample("disasters", dist.Poisson(rate), obs=disasters)


def guide(disasters):
    logits = numpyro.param("change.logits", jnp.zeros(len(YEARS)))
    numpyro.sample("change", dist.Categorical(logits=logits))
    for site in ("early", "late"):
        loc = numpyro.param(f"{site}.loc", 0.0)
        scale = numpyro.param(f"{site}.scale", 0.2, constraint=dist.constraints.softplus_positive)
        numpyro.sample(site, dist.LogNormal(loc, scale))


def posterior():
    """The exact probability of each year, and the exact means of the rates."""
    total = np.concatenate([[0], np.cumsum(DISASTERS)[:-1]])
    shapes = np.stack([1 + total, 1 + DISASTERS.sum() - total])
    rates = np.stack([1 + YEARS, 1 + len(YEARS) - YEARS])
    log_joint = (gammaln(shapes) - shapes * np.log(rates)).sum(0)
    probabilities = np.exp(log_joint - log_joint.max())
    probabilities /= probabilities.sum()
    return probabilities, (shapes / rates) @ probabilities


def train(steps=8000, particles=20):
    """NumPyro's own training loop: the parameters, and the loss of every step (nats)."""
    optimizer = optax.adam(optax.cosine_decay_schedule(0.02, steps))
    svi = SVI(model, guide, optimizer, rb.numpyro.ELBO(num_particles=particles))
    result = svi.run(jax.random.key(0), steps, DISASTERS, progress_bar=False)
    return result.params, np.asarray(result.losses)


if __name__ == "__main__":
    params, losses = train()
    fitted = np.asarray(jax.nn.softmax(params["change.logits"]))
    probabilities, rates = posterior()
    means = [
        float(jnp.exp(params[f"{s}.loc"] + params[f"{s}.scale"] ** 2 / 2))
        for s in ("early", "late")
    ]
    print(f"ELBO {-losses[-500:].mean():.3f} nats")
    print("disasters a year, before and after", np.round(means, 3), "exact", np.round(rates, 3))
    for year in np.argsort(-probabilities)[:5]:
        print(f"change in {1851 + year}: {fitted[year]:.3f}, exact {probabilities[year]:.3f}")
