"""
A coin of unknown bias: Beta(10, 10) prior, 6 heads and 4 tails, a Beta guide.

The posterior is Beta(16, 14) and the guide can be exactly that, so the maximum of the ELBO is the
log evidence, and the fit can be checked against exact values.
"""

import numpy as np
from scipy.special import betaln

import relbo_ir as rb
from relbo_ir import distributions as dist

FLIPS = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
LOG_EVIDENCE = betaln(10 + 6, 10 + 4) - betaln(10, 10)


def model(flips):
    bias = rb.sample("bias", dist.Beta(10.0, 10.0))
    with rb.plate("flips", len(flips)):
        rb.observe("flip", dist.Bernoulli(bias), flips)


def guide(flips):
    a = rb.param("a", 15.0, rb.constraints.positive)
    b = rb.param("b", 15.0, rb.constraints.positive)
    rb.sample("bias", dist.Beta(a, b))


elbo = rb.ELBO(model, guide)
data = (FLIPS,)


def posterior():
    """Mean and sd of the exact posterior, Beta(16, 14)."""
    a, b = 16.0, 14.0
    return a / (a + b), np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))


def train(particles=20, **options):
    """A fit that is close to exact: 20 draws a step, and a step size that goes to 0."""
    import optax

    optimizer = optax.adam(optax.cosine_decay_schedule(0.02, 2000))
    return rb.fit(elbo, *data, steps=2000, particles=particles, optimizer=optimizer, **options)


if __name__ == "__main__":
    fit = train()
    print(fit)
    print("exact mean {:.4f}, sd {:.4f}".format(*posterior()), f"log evidence {LOG_EVIDENCE:.4f}")
