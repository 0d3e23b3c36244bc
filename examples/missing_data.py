"""
Missing data: ozone in New York in May 1973 (the first twenty days of R's `airquality`), regressed on
sunlight, with days on which one or the other was not measured.

Sunlight that is missing is a random choice, imputed; ozone that is missing is masked: its addend is
0. The reference is the posterior itself: given the coefficients, missing sunlight integrates out.
"""

import jax.numpy as jnp
import numpy as np

import relbo_ir as rb
from relbo_ir import distributions as dist

NAN = np.nan
OZONE = np.array(
    [41, 36, 12, 18, NAN, 28, 23, 19, 8, NAN, 7, 16, 11, 14, 18, 14, 34, 6, 30, 11]
)  # fmt: skip
SUN = np.array(
    [190, 118, 149, 313, NAN, NAN, 299, 99, 19, 194, NAN, 256, 290, 274, 65, 334, 307, 78, 322, 44]
)  # fmt: skip
MISSING = np.flatnonzero(np.isnan(SUN))
MEASURED = ~np.isnan(OZONE)
LOG_OZONE = np.where(MEASURED, np.log(np.nan_to_num(OZONE, nan=1.0)) - 3, 0.0)
STANDARD_SUN = np.nan_to_num((SUN - np.nanmean(SUN)) / np.nanstd(SUN))
NOISE = 0.5


def model(sun, log_ozone):
    intercept = rb.sample("intercept", dist.Normal(0.0, 1.0))
    slope = rb.sample("slope", dist.Normal(0.0, 1.0))
    with rb.plate("missing", len(MISSING)):
        imputed = rb.sample("imputed", dist.Normal(0.0, 1.0))
    with rb.plate("days", len(sun)):
        predictor = intercept + slope * jnp.asarray(sun).at[MISSING].set(imputed)
        rb.observe("ozone", dist.Normal(predictor, NOISE).mask(MEASURED), log_ozone)


elbo = rb.ELBO(model)
data = (STANDARD_SUN, LOG_OZONE)


def posterior():
    """Exact means and sds of the coefficients and of the missing sunlight."""
    intercept = np.linspace(-1.5, 1.5, 401)[:, None]
    slope = np.linspace(-1.5, 1.5, 401)[None, :]
    log_joint = -0.5 * (intercept**2 + slope**2)
    for day in np.flatnonzero(MEASURED):
        unseen = day in MISSING
        variance = NOISE**2 + unseen * slope**2
        error = LOG_OZONE[day] - intercept - (not unseen) * slope * STANDARD_SUN[day]
        log_joint = log_joint - 0.5 * error**2 / variance - 0.5 * np.log(variance)
    weight = np.exp(log_joint - log_joint.max())
    weight /= weight.sum()

    def moments(mean, variance=0.0):
        total = (weight * mean).sum()
        return total, np.sqrt((weight * ((mean - total) ** 2 + variance)).sum())

    known = MEASURED[MISSING] / NOISE**2
    variance = 1 / (1 + known[:, None, None] * slope**2)
    mean = variance * known[:, None, None] * slope * (LOG_OZONE[MISSING, None, None] - intercept)
    imputed = [moments(m, v) for m, v in zip(mean, variance, strict=True)]
    return {"intercept": moments(intercept), "slope": moments(slope), "imputed": imputed}


def train(**options):
    """A fit with 20 draws a step, and a step size that goes to 0."""
    import optax

    optimizer = optax.adam(optax.cosine_decay_schedule(0.03, 2000))
    return rb.fit(elbo, *data, steps=2000, particles=20, optimizer=optimizer, **options)


if __name__ == "__main__":
    print(train())
    for site, exact in posterior().items():
        print(f"exact {site}: mean and sd", np.round(exact, 3).tolist())
