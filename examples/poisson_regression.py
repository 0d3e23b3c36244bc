"""
Poisson regression: deaths from AIDS in Australia in fourteen quarters from 1983 (Dobson 1990), with
a rate that is a power of the quarter. The guide is the automatic mean-field Normal.

The reference is the posterior itself, on a grid over its two coefficients.
"""

import jax.numpy as jnp
import numpy as np

import relbo_ir as rb
from relbo_ir import distributions as dist

DEATHS = np.array([0, 1, 2, 3, 1, 4, 9, 18, 23, 31, 20, 25, 37, 45])
_log_quarter = np.log(np.arange(1.0, 15.0))
CENTRE = np.average(_log_quarter, weights=DEATHS)
"""Where intercept and slope are nearly independent: the mean log quarter of a death."""
QUARTERS = _log_quarter - CENTRE


def model(quarters, deaths):
    intercept = rb.sample("intercept", dist.Normal(0.0, 5.0))
    slope = rb.sample("slope", dist.Normal(0.0, 5.0))
    with rb.plate("quarters", len(quarters)):
        rate = rb.deterministic("rate", jnp.exp(intercept + slope * quarters))
        rb.observe("deaths", dist.Poisson(rate), deaths)


elbo = rb.ELBO(model)
data = (QUARTERS, DEATHS)


def posterior():
    """Exact means and sds of intercept and slope, by quadrature over a grid."""
    intercept = np.linspace(2.3, 4.0, 401)[:, None]
    slope = np.linspace(0.8, 3.8, 401)[None, :]
    log_joint = -0.5 * (intercept / 5.0) ** 2 - 0.5 * (slope / 5.0) ** 2
    for quarter, deaths in zip(QUARTERS, DEATHS, strict=True):
        eta = intercept + slope * quarter
        log_joint = log_joint + deaths * eta - np.exp(eta)
    weight = np.exp(log_joint - log_joint.max())
    weight /= weight.sum()

    def moments(values):
        mean = (weight * values).sum()
        return mean, np.sqrt((weight * (values - mean) ** 2).sum())

    return {"intercept": moments(intercept), "slope": moments(slope)}


def train(**options):
    """A fit with 20 draws a step, and a step size that goes to 0."""
    import optax

    optimizer = optax.adam(optax.cosine_decay_schedule(0.05, 2000))
    return rb.fit(elbo, *data, steps=2000, particles=20, optimizer=optimizer, **options)


if __name__ == "__main__":
    fit = train()
    print(fit)
    for site, (mean, sd) in posterior().items():
        print(f"exact {site}: mean {mean:.4f}, sd {sd:.4f}")
