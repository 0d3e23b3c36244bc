"""
Batches of dyestuff (Davies 1947): thirty yields from six batches, with a mean for each batch and
partial pooling. The guide is one Normal over all choices, as the grand mean leans on the effects.

The reference is exact: batch effects and grand mean integrate out, and what is left is a grid over
the two scales. Yields are in units of 50 g, from 1500 g.
"""

import numpy as np

import relbo_ir as rb
from relbo_ir import distributions as dist

GRAMS = np.array(
    [
        [1545, 1440, 1440, 1520, 1580],
        [1540, 1555, 1490, 1560, 1495],
        [1595, 1550, 1605, 1510, 1560],
        [1445, 1440, 1595, 1465, 1545],
        [1595, 1630, 1515, 1635, 1625],
        [1520, 1455, 1450, 1480, 1445],
    ]
)
YIELDS = (GRAMS.ravel() - 1500) / 50
BATCH = np.repeat(np.arange(6), 5)


def model(batch, yields):
    mean = rb.sample("mean", dist.Normal(0.0, 2.0))
    between = rb.sample("between", dist.HalfNormal(1.0))
    within = rb.sample("within", dist.HalfNormal(1.0))
    with rb.plate("batches", 6):
        offset = rb.sample("offset", dist.Normal(0.0, 1.0))
        effect = rb.deterministic("effect", mean + between * offset)
    with rb.plate("yields", len(yields)):
        rb.observe("yield", dist.Normal(effect[batch], within), yields)


elbo = rb.ELBO(model, guide="full-rank")
data = (BATCH, YIELDS)


def posterior():
    """Exact means and sds of the grand mean and the two scales."""
    between = np.linspace(1e-3, 5.0, 1201)[:, None]
    within = np.linspace(0.3, 3.0, 601)[None, :]
    averages = YIELDS.reshape(6, 5).mean(1)
    squares = ((YIELDS.reshape(6, 5) - averages[:, None]) ** 2).sum()
    variance = between**2 + within**2 / 5  # of a batch's average about the grand mean
    precision = 6 / variance + 1 / 2.0**2
    centre = averages.sum() / variance / precision
    log_joint = -0.5 * (between**2 + within**2 + squares / within**2) - 24 * np.log(within)
    log_joint -= 3 * np.log(variance) + 0.5 * np.log(precision)
    log_joint -= 0.5 * ((averages**2).sum() / variance - centre**2 * precision)
    weight = np.exp(log_joint - log_joint.max())
    weight /= weight.sum()

    def moments(mean, variance=0.0):
        total = (weight * mean).sum()
        return total, np.sqrt((weight * ((mean - total) ** 2 + variance)).sum())

    scales = {"between": moments(between), "within": moments(within)}
    return {"mean": moments(centre, 1 / precision), **scales}


def train(**options):
    """A fit with 20 draws a step, and a step size that goes to 0."""
    import optax

    optimizer = optax.adam(optax.cosine_decay_schedule(0.03, 3000))
    return rb.fit(elbo, *data, steps=3000, particles=20, optimizer=optimizer, **options)


if __name__ == "__main__":
    print(train())
    for site, (mean, sd) in posterior().items():
        print(f"exact {site}: mean {mean:.3f}, sd {sd:.3f}")
