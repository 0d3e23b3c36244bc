"""
A variational autoencoder of scikit-learn's digits: 1,797 binary pictures of 8 × 8 pixels, two latent
numbers a picture, and a guide that reads them off the picture with a small network.

The decoder's weights are parameters of the model. A step sees a minibatch of 128 digits. The
figure to beat is the likelihood of pixels that are independent of each other.
"""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import relbo_ir as rb
from relbo_ir import distributions as dist

DIGITS = (load_digits().data > 7).astype(np.int32)
HIDDEN, LATENT = 64, 2


def layer(name, inputs, outputs):
    """x ↦ x W + b, with W drawn at the start and b = 0."""

    def start(key):
        return jax.random.normal(key, (inputs, outputs)) / np.sqrt(inputs)

    weights, bias = rb.param(f"{name}.weights", start), rb.param(f"{name}.bias", np.zeros(outputs))
    return lambda x: x @ weights + bias


def model(digits, batch):
    hidden, out = layer("decoder.hidden", LATENT, HIDDEN), layer("decoder.out", HIDDEN, 64)
    with rb.plate("digits", len(digits), subsample=batch) as i:
        z = rb.sample("z", dist.Normal(np.zeros(LATENT), 1.0).to_event(1))
        logits = out(jnp.tanh(hidden(z)))
        rb.observe("pixels", dist.Bernoulli(logits=logits).to_event(1), digits[i])


def guide(digits, batch):
    hidden, out = layer("encoder.hidden", 64, HIDDEN), layer("encoder.out", HIDDEN, 2 * LATENT)
    with rb.plate("digits", len(digits), subsample=batch) as i:
        code = out(jnp.tanh(hidden(digits[i] - 0.5)))
        loc, scale = code[:, :LATENT], jax.nn.softplus(code[:, LATENT:])
        rb.sample("z", dist.Normal(loc, scale).to_event(1))


elbo = rb.ELBO(model, guide)
data = (DIGITS, 128)


def independent_pixels():
    """The log likelihood of a digit (nats, mean) where each pixel is on with its own frequency."""
    p = DIGITS.mean(0).clip(1e-12, 1 - 1e-12)
    return float((p * np.log(p) + (1 - p) * np.log1p(-p)).sum())


def train(steps=4000, **options):
    """A fit with minibatches and a step size that goes to 0."""
    import optax

    optimizer = optax.adam(optax.cosine_decay_schedule(5e-3, steps))
    return rb.fit(elbo, *data, steps=steps, optimizer=optimizer, **options)


if __name__ == "__main__":
    fit = train()
    print(f"ELBO of a digit {fit.elbo / len(DIGITS):.3f} ± {fit.elbo_error / len(DIGITS):.3f} nats")
    print(f"independent pixels {independent_pixels():.3f} nats")
