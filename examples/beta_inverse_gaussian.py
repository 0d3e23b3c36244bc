"""
A Beta prior under an inverse Gaussian likelihood: one hundred ones, ten steps.

Written twice: as a model and a guide, and as one function in which the choice names its guide.
"""

import numpy as np
import optax

import relbo_ir as rb
from relbo_ir import distributions as dist

ONES = np.ones(100)


def model(ones):
    z = rb.sample("z", dist.Beta(10.0, 10.0))
    rb.observe("x", dist.InverseGaussian(z, 1.0), ones)


def guide(ones):
    ga = rb.param("ga", 10.0, rb.constraints.positive)
    gb = rb.param("gb", 10.0, rb.constraints.positive)
    rb.sample("z", dist.Beta(ga, gb))


def both(ones):
    ga = rb.param("ga", 10.0, rb.constraints.positive)
    gb = rb.param("gb", 10.0, rb.constraints.positive)
    z = rb.sample("z", dist.Beta(10.0, 10.0), guide=dist.Beta(ga, gb))
    rb.observe("x", dist.InverseGaussian(z, 1.0), ones)


elbo = rb.ELBO(model, guide)
elbo_as_one = rb.ELBO(both)
data = (ONES,)


def train(which=elbo, **options):
    """Ten steps, as in the original."""
    return rb.fit(which, *data, steps=10, optimizer=optax.adam(0.1), **options)


if __name__ == "__main__":
    print("two functions:", train(progress=False), sep="\n")
    print("one function:", train(elbo_as_one, progress=False), sep="\n")
