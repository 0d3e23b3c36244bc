"""
Logistic regression on scikit-learn's breast cancer data: 569 tumours, 30 standardised features.

The reference is the Laplace approximation: the posterior's mode, found by Newton's method.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer

import relbo_ir as rb
from relbo_ir import distributions as dist

_raw, LABELS = load_breast_cancer(return_X_y=True)
FEATURES = (_raw - _raw.mean(0)) / _raw.std(0)


def model(features, labels):
    intercept = rb.sample("intercept", dist.Normal(0.0, 1.0))
    weights = rb.sample("weights", dist.Normal(0.0, 1.0).expand([features.shape[1]]).to_event(1))
    with rb.plate("tumours", features.shape[0]):
        rb.observe("benign", dist.Bernoulli(logits=features @ weights + intercept), labels)


def guide(features, labels):
    positive = rb.constraints.softplus_positive
    count = features.shape[1]
    intercept = rb.param("intercept.loc", 0.0), rb.param("intercept.scale", 0.1, positive)
    loc = rb.param("weights.loc", np.zeros(count))
    scale = rb.param("weights.scale", np.full(count, 0.1), positive)
    rb.sample("intercept", dist.Normal(*intercept))
    rb.sample("weights", dist.Normal(loc, scale).to_event(1))


elbo = rb.ELBO(model, guide)
data = (FEATURES, LABELS)


def laplace():
    """Mode and sds (of each coordinate given the others) of intercept and weights."""
    design = np.column_stack([np.ones(len(LABELS)), FEATURES])
    mode = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ mode))
        gradient = design.T @ (LABELS - p) - mode
        precision = (design * (p * (1 - p))[:, None]).T @ design + np.eye(len(mode))
        mode = mode + np.linalg.solve(precision, gradient)
    return mode, 1 / np.sqrt(np.diag(precision))


def accuracy(weights, intercept):
    """The fraction of tumours that the linear rule gets right."""
    return float(np.mean((FEATURES @ weights + intercept > 0) == LABELS))


def train(**options):
    """A fit with a step size that goes to 0."""
    import optax

    schedule = optax.cosine_decay_schedule(0.05, 3000)
    return rb.fit(elbo, *data, steps=3000, optimizer=optax.adam(schedule), **options)


if __name__ == "__main__":
    fit = train()
    print(fit)
    params = fit.params
    print("accuracy", accuracy(params["weights.loc"], params["intercept.loc"]))
