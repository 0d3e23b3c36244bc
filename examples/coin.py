"""
A coin of unknown bias: Beta(10, 10) prior, 6 heads and 4 tails, a Beta guide.

The posterior is Beta(16, 14) and the guide can be exactly that, so the ELBO's maximum is the log
evidence and every step of the fit can be checked against an exact value.
"""

import numpy as np

import relbo_ir as rb
from relbo_ir import distributions as dist

FLIPS = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0])


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


if __name__ == "__main__":
    print(rb.fit(elbo, *data, steps=4000))
