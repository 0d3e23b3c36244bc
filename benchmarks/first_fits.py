"""
Five problems as NumPyro models and guides, which both contestants take as they are, and one fit of
one of them in a process of its own: prints the seconds from the first import of JAX to the end.

    python benchmarks/first_fits.py relbo-ir|numpyro PROBLEM STEPS [PARAMS.npz]

What is imported before the clock starts, the data's packages, is the same for both.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

OURS, NUMPYRO = "relbo-ir", "numpyro"
PARTICLES = 10
_LATENT, _HIDDEN = 2, 32


@dataclass(frozen=True)
class Problem:
    """Data, made before the clock starts; then a model and a guide, and a first step size."""

    data: Callable[[], tuple[np.ndarray[Any, Any], ...]]
    program: Callable[[], tuple[Callable[..., Any], Callable[..., Any]]]
    step_size: float
    observations: int = 1
    """What the ELBO is divided by: a network's is told per image."""


def coin() -> Any:
    """A Beta prior and a Beta guide."""
    import numpyro
    import numpyro.distributions as nd

    def model(flips: Any) -> None:
        bias = numpyro.sample("bias", nd.Beta(10.0, 10.0))
        with numpyro.plate("flips", 10):
            numpyro.sample("flip", nd.Bernoulli(bias), obs=flips)

    def guide(flips: Any) -> None:
        a = numpyro.param("a", 15.0, constraint=nd.constraints.positive)
        b = numpyro.param("b", 15.0, constraint=nd.constraints.positive)
        numpyro.sample("bias", nd.Beta(a, b))

    return model, guide


def eight_schools() -> Any:
    """Non-centred, mean-field."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as nd

    positive = nd.constraints.softplus_positive

    def model(errors: Any, effects: Any) -> None:
        mu = numpyro.sample("mu", nd.Normal(0.0, 5.0))
        tau = numpyro.sample("tau", nd.HalfCauchy(5.0))
        with numpyro.plate("schools", 8):
            offset = numpyro.sample("offset", nd.Normal(0.0, 1.0))
            numpyro.sample("effect", nd.Normal(mu + tau * offset, errors), obs=effects)

    def guide(errors: Any, effects: Any) -> None:
        mu = numpyro.param("mu.loc", 0.0), numpyro.param("mu.scale", 1.0, constraint=positive)
        tau = numpyro.param("tau.loc", 0.0), numpyro.param("tau.scale", 0.5, constraint=positive)
        loc = numpyro.param("offset.loc", jnp.zeros(8))
        scale = numpyro.param("offset.scale", jnp.ones(8), constraint=positive)
        numpyro.sample("mu", nd.Normal(*mu))
        numpyro.sample("tau", nd.LogNormal(*tau))
        with numpyro.plate("schools", 8):
            numpyro.sample("offset", nd.Normal(loc, scale))

    return model, guide


def breast_cancer() -> Any:
    """A logistic regression, mean-field."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as nd

    positive = nd.constraints.softplus_positive

    def model(features: Any, labels: Any) -> None:
        intercept = numpyro.sample("intercept", nd.Normal(0.0, 1.0))
        prior = nd.Normal(0.0, 1.0).expand([features.shape[1]]).to_event(1)
        weights = numpyro.sample("weights", prior)
        with numpyro.plate("tumours", features.shape[0]):
            logits = features @ weights + intercept
            numpyro.sample("benign", nd.Bernoulli(logits=logits), obs=labels)

    def guide(features: Any, labels: Any) -> None:
        count = features.shape[1]
        loc = numpyro.param("intercept.loc", 0.0)
        scale = numpyro.param("intercept.scale", 0.1, constraint=positive)
        numpyro.sample("intercept", nd.Normal(loc, scale))
        locs = numpyro.param("weights.loc", jnp.zeros(count))
        scales = numpyro.param("weights.scale", jnp.full(count, 0.1), constraint=positive)
        numpyro.sample("weights", nd.Normal(locs, scales).to_event(1))

    return model, guide


def mixture() -> Any:
    """Three Normals, the assignments summed out; the guide starts with the components in order."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as nd

    positive = nd.constraints.softplus_positive

    def model(y: Any) -> None:
        weights = numpyro.sample("weights", nd.Dirichlet(jnp.ones(3)))
        loc = numpyro.sample("loc", nd.Normal(0.0, 5.0).expand([3]).to_event(1))
        scale = numpyro.sample("scale", nd.LogNormal(0.0, 1.0))
        law = nd.MixtureSameFamily(nd.Categorical(weights), nd.Normal(loc, scale))
        with numpyro.plate("points", y.shape[0]):
            numpyro.sample("y", law, obs=y)

    def guide(y: Any) -> None:
        concentration = numpyro.param("weights.q", jnp.full(3, 10.0), constraint=positive)
        loc = numpyro.param("loc.loc", jnp.array([-2.0, 0.0, 2.0]))
        sd = numpyro.param("loc.sd", jnp.full(3, 0.1), constraint=positive)
        log_scale = numpyro.param("scale.loc", 0.0)
        log_scale_sd = numpyro.param("scale.sd", 0.1, constraint=positive)
        numpyro.sample("weights", nd.Dirichlet(concentration))
        numpyro.sample("loc", nd.Normal(loc, sd).to_event(1))
        numpyro.sample("scale", nd.LogNormal(log_scale, log_scale_sd))

    return model, guide


def vae() -> Any:
    """Binary digits of 64 pixels, two latent coordinates, one hidden layer each way."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as nd

    random = np.random.default_rng(0)

    def layer(name: str, inputs: int, outputs: int) -> Callable[[Any], Any]:
        start = random.normal(size=(inputs, outputs)).astype(np.float32) / np.sqrt(inputs)

        def apply(x: Any) -> Any:
            weights = numpyro.param(f"{name}.weights", jnp.asarray(start, jnp.float32))
            return x @ weights + numpyro.param(f"{name}.bias", jnp.zeros(outputs))

        return apply

    decode, pixels = layer("decode", _LATENT, _HIDDEN), layer("pixels", _HIDDEN, 64)
    encode = layer("encode", 64, _HIDDEN)
    means, spreads = layer("loc", _HIDDEN, _LATENT), layer("log_scale", _HIDDEN, _LATENT)

    def model(images: Any) -> None:
        with numpyro.plate("images", images.shape[0]):
            z = numpyro.sample("z", nd.Normal(jnp.zeros(_LATENT), 1.0).to_event(1))
            logits = pixels(jnp.tanh(decode(z)))
            numpyro.sample("image", nd.Bernoulli(logits=logits).to_event(1), obs=images)

    def guide(images: Any) -> None:
        hidden = jnp.tanh(encode(images))
        loc, scale = means(hidden), jnp.exp(spreads(hidden))
        with numpyro.plate("images", images.shape[0]):
            numpyro.sample("z", nd.Normal(loc, scale).to_event(1))

    return model, guide


def _flips() -> tuple[np.ndarray[Any, Any], ...]:
    return (np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0]),)


def _schools() -> tuple[np.ndarray[Any, Any], ...]:
    errors = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
    return errors, np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])


def _tumours() -> tuple[np.ndarray[Any, Any], ...]:
    from sklearn.datasets import load_breast_cancer

    features, labels = load_breast_cancer(return_X_y=True)
    return (features - features.mean(0)) / features.std(0), labels


def _points() -> tuple[np.ndarray[Any, Any], ...]:
    random = np.random.default_rng(0)
    return (random.normal(random.choice([-4.0, 0.0, 3.0], 200, p=[0.3, 0.5, 0.2]), 0.7),)


def _digits() -> tuple[np.ndarray[Any, Any], ...]:
    from sklearn.datasets import load_digits

    images = load_digits().data[:200]
    return ((images > 7).astype(np.float32),)


PROBLEMS = {
    "coin": Problem(_flips, coin, 0.05),
    "eight_schools": Problem(_schools, eight_schools, 0.05),
    "breast_cancer": Problem(_tumours, breast_cancer, 0.05),
    "mixture": Problem(_points, mixture, 0.05),
    "vae": Problem(_digits, vae, 0.01, observations=200),
}


def fit_ours(problem: Problem, data: Any, steps: int) -> dict[str, Any]:
    """The fitted parameters, in their own spaces."""
    import optax

    import relbo_ir as rb

    adam = optax.adam(optax.cosine_decay_schedule(problem.step_size, steps))
    elbo = rb.ELBO(*problem.program())
    fit = rb.fit(elbo, *data, steps=steps, particles=PARTICLES, optimizer=adam, progress=False)
    return dict(fit.params)


def fit_numpyros(problem: Problem, data: Any, steps: int) -> dict[str, Any]:
    """The same by NumPyro's SVI."""
    import jax
    import optax
    from numpyro.infer import SVI, Trace_ELBO
    from numpyro.optim import optax_to_numpyro

    adam = optax.adam(optax.cosine_decay_schedule(problem.step_size, steps))
    model, guide = problem.program()
    svi = SVI(model, guide, optax_to_numpyro(adam), Trace_ELBO(num_particles=PARTICLES))
    result = svi.run(jax.random.PRNGKey(0), steps, *data, progress_bar=False)
    return {name: np.asarray(value) for name, value in result.params.items()}


def main(contestant: str, name: str, steps: int, path: str | None = None) -> None:
    """One fit, timed; the parameters go to `path`."""
    problem = PROBLEMS[name]
    data = problem.data()
    fit = {OURS: fit_ours, NUMPYRO: fit_numpyros}[contestant]
    start = time.perf_counter()
    params = fit(problem, data, steps)
    print(time.perf_counter() - start)
    if path is not None:
        np.savez(path, **params)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
