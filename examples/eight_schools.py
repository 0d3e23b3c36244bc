"""
Eight schools (Rubin 1981), non-centred: coaching effects with known standard errors.

The reference for mu and tau is exact: given both, the school effects integrate out, and what is
left is two-dimensional.
"""

import numpy as np

import relbo_ir as rb
from relbo_ir import distributions as dist

EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def model(errors, effects):
    mu = rb.sample("mu", dist.Normal(0.0, 5.0))
    tau = rb.sample("tau", dist.HalfCauchy(5.0))
    with rb.plate("schools", len(errors)):
        offset = rb.sample("offset", dist.Normal(0.0, 1.0))
        theta = rb.deterministic("theta", mu + tau * offset)
        rb.observe("effect", dist.Normal(theta, errors), effects)


def guide(errors, effects):
    positive = rb.constraints.softplus_positive
    mu = rb.param("mu.loc", 0.0), rb.param("mu.scale", 1.0, positive)
    log_tau = rb.param("tau.loc", 0.0), rb.param("tau.scale", 0.5, positive)
    rb.sample("mu", dist.Normal(*mu))
    rb.sample("tau", dist.LogNormal(*log_tau))
    with rb.plate("schools", len(errors)):
        loc = rb.param("offset.loc", np.zeros(len(errors)))
        scale = rb.param("offset.scale", np.ones(len(errors)), positive)
        rb.sample("offset", dist.Normal(loc, scale))


elbo = rb.ELBO(model, guide)
data = (ERRORS, EFFECTS)


def posterior():
    """Exact means and sds of mu and tau, by quadrature over a grid of (mu, log tau)."""
    mu = np.linspace(-25.0, 35.0, 601)[:, None]
    log_tau = np.linspace(-8.0, 6.0, 801)[None, :]
    tau = np.exp(log_tau)
    log_joint = -0.5 * (mu / 5.0) ** 2 - np.log1p((tau / 5.0) ** 2) + log_tau
    for effect, error in zip(EFFECTS, ERRORS, strict=True):
        variance = error**2 + tau**2
        log_joint = log_joint - 0.5 * (effect - mu) ** 2 / variance - 0.5 * np.log(variance)
    weight = np.exp(log_joint - log_joint.max())
    weight /= weight.sum()

    def moments(values):
        mean = (weight * values).sum()
        return mean, np.sqrt((weight * (values - mean) ** 2).sum())

    return {"mu": moments(mu + 0 * tau), "tau": moments(tau + 0 * mu)}


def train(**options):
    """A fit with 40 draws a step, and a step size that goes to 0."""
    import optax

    schedule = optax.cosine_decay_schedule(0.03, 3000)
    return rb.fit(elbo, *data, steps=3000, particles=40, optimizer=optax.adam(schedule), **options)


if __name__ == "__main__":
    print(train())
    for site, (mean, sd) in posterior().items():
        print(f"exact {site}: mean {mean:.3f}, sd {sd:.3f}")
