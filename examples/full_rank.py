"""
Two guides for a posterior with correlation: stopping distances of cars (Ezekiel 1930) regressed on
speed, with the origin far from the data, so that intercept and slope lean on each other.

The posterior is Normal: the full-rank guide holds it exactly and its ELBO is the log evidence, while
the best mean-field Normal has sds that are the square roots of 1/Λᵢᵢ, Λ the posterior's precision.
"""

import numpy as np

import relbo_ir as rb
from relbo_ir import distributions as dist

SPEED = np.array([4.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0])
DISTANCE = np.array(
    [2.0, 4.0, 16.0, 10.0, 18.0, 17.0, 14.0, 26.0, 26.0, 20.0, 32.0, 32.0, 42.0, 36.0]
)
SPEEDS, DISTANCES = SPEED / 10, DISTANCE / 10
NOISE, PRIOR_SD = 0.5, 3.0


def model(speeds, distances):
    intercept = rb.sample("intercept", dist.Normal(0.0, PRIOR_SD))
    slope = rb.sample("slope", dist.Normal(0.0, PRIOR_SD))
    with rb.plate("cars", len(speeds)):
        rb.observe("distance", dist.Normal(intercept + slope * speeds, NOISE), distances)


elbo = rb.ELBO(model, guide="full-rank")
mean_field = rb.ELBO(model)
data = (SPEEDS, DISTANCES)


def posterior():
    """Mean (2) and precision (2, 2) of the exact posterior of intercept and slope."""
    design = np.column_stack([np.ones(len(SPEEDS)), SPEEDS])
    precision = design.T @ design / NOISE**2 + np.eye(2) / PRIOR_SD**2
    return np.linalg.solve(precision, design.T @ DISTANCES / NOISE**2), precision


def log_evidence():
    """log p(distances), in nats: they are jointly Normal."""
    design = np.column_stack([np.ones(len(SPEEDS)), SPEEDS])
    covariance = NOISE**2 * np.eye(len(SPEEDS)) + PRIOR_SD**2 * design @ design.T
    square = DISTANCES @ np.linalg.solve(covariance, DISTANCES)
    return -0.5 * (square + np.linalg.slogdet(2 * np.pi * covariance)[1])


def mean_field_elbo():
    """The ELBO of the best mean-field Normal: the log evidence less its divergence."""
    precision = posterior()[1]
    gap = np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]
    return log_evidence() - 0.5 * gap


def train(which=elbo, **options):
    """A fit with 20 draws a step, and a step size that goes to 0."""
    import optax

    optimizer = optax.adam(optax.cosine_decay_schedule(0.05, 3000))
    return rb.fit(which, *data, steps=3000, particles=20, optimizer=optimizer, **options)


if __name__ == "__main__":
    print("full-rank:", train(progress=False), sep="\n")
    print(f"log evidence {log_evidence():.4f}")
    print("mean-field:", train(mean_field, progress=False), sep="\n")
    print(f"the best mean-field ELBO {mean_field_elbo():.4f}")
    mean, precision = posterior()
    print("exact means", mean, "sds", np.sqrt(np.diag(np.linalg.inv(precision))))
    print("mean-field sds", 1 / np.sqrt(np.diag(precision)))
