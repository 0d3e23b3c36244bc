"""
A mixture of three Normals: every point has a discrete assignment, which is drawn, not summed out.

The assignments take the score function, each with the addends of its own point and a running mean;
the means are differentiated. The reference is the best guide of this form, by coordinate ascent
in closed form (Bishop 2006, section 10.2).
"""

import numpy as np
from scipy.special import softmax

import relbo_ir as rb
from relbo_ir import distributions as dist

POINTS = np.array(
    [-4.7, -4.1, -3.9, -3.2, -2.6, -0.9, -0.4, 0.1, 0.3, 1.2, 3.1, 3.8, 4.0, 4.4, 5.3]
)
WEIGHTS = np.array([0.3, 0.3, 0.4])
PRIOR_SD = 5.0
START = np.array([-3.0, 0.0, 3.0])


def model(points):
    with rb.plate("components", 3):
        loc = rb.sample("loc", dist.Normal(0.0, PRIOR_SD))
    with rb.plate("points", len(points)):
        component = rb.sample("component", dist.Categorical(WEIGHTS))
        rb.observe("point", dist.Normal(loc[component], 1.0), points)


def guide(points):
    mean = rb.param("loc.mean", START)
    sd = rb.param("loc.sd", np.full(3, 0.5), rb.constraints.softplus_positive)
    logits = rb.param("component.logits", np.zeros((len(points), 3)))
    with rb.plate("components", 3):
        rb.sample("loc", dist.Normal(mean, sd))
    with rb.plate("points", len(points)):
        rb.sample("component", dist.Categorical(logits=logits))


elbo = rb.ELBO(model, guide)
data = (POINTS,)


def coordinate_ascent():
    """The best guide: means and sds of `loc`, and the probabilities of the assignments."""
    mean, sd = START, np.full(3, 0.5)
    for _ in range(500):
        square = (POINTS[:, None] - mean) ** 2 + sd**2
        probabilities = softmax(np.log(WEIGHTS) - 0.5 * square, axis=1)
        precision = probabilities.sum(0) + 1 / PRIOR_SD**2
        mean, sd = probabilities.T @ POINTS / precision, 1 / np.sqrt(precision)
    return mean, sd, probabilities


def train(**options):
    """A fit with 10 draws a step, and a step size that goes to 0."""
    import optax

    optimizer = optax.adam(optax.cosine_decay_schedule(0.05, 3000))
    return rb.fit(elbo, *data, steps=3000, particles=10, optimizer=optimizer, **options)


if __name__ == "__main__":
    fit = train()
    mean, sd, probabilities = coordinate_ascent()
    fitted = softmax(fit.params["component.logits"], axis=1)
    print(f"ELBO {fit.elbo:.4f} ± {fit.elbo_error:.4f} nats")
    print("means", fit.params["loc.mean"], "coordinate ascent", mean)
    print("sds  ", fit.params["loc.sd"], "coordinate ascent", sd)
    print("point by point: the probability of its component, fit and coordinate ascent")
    for point, mine, exact in zip(POINTS, fitted, probabilities, strict=True):
        k = exact.argmax()
        print(f"  {point:5.1f}: component {k}, {mine[k]:.3f} {exact[k]:.3f}")
