"""Programs of the mutation tests that are written as models and guides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import numpyro.distributions.transforms as nt

import relbo_ir

from .base import Program, formed

SIZE = 6


def of(function: Callable[[Any], Any]) -> Program:
    """Six coins through a function, each element of whose result counts by its own weight."""

    def model() -> None:
        z = relbo_ir.sample("z", nd.Bernoulli(jnp.full(SIZE, 0.4)).to_event(1))
        value = function(0.3 + 1.7 * z + 0.1 * jnp.arange(SIZE))
        weights = 1.0 + jnp.arange(value.size).reshape(value.shape)
        relbo_ir.factor("f", jnp.sum(weights * value**2))

    return formed(model, _coins)


def _coins() -> None:
    logits = relbo_ir.param("phi", jnp.zeros(SIZE))
    relbo_ir.sample("z", nd.Bernoulli(logits=logits).to_event(1))


def chain() -> Program:
    """Each coin's law reads the one before it, in model and guide; costs are named apart."""

    def model() -> None:
        w = relbo_ir.sample("w", nd.Bernoulli(0.3))
        y = relbo_ir.sample("y", nd.Bernoulli(0.2 + 0.5 * w))
        x = relbo_ir.sample("x", nd.Bernoulli(0.7 - 0.4 * y))
        relbo_ir.factor("f", 3.0 * x)
        relbo_ir.factor("g", -2.0 * y * w)
        relbo_ir.factor("h", 2.0 * (x - 3.0 * y) / 5.0)

    def guide() -> None:
        a = relbo_ir.param("a", jnp.zeros(3))
        w = relbo_ir.sample("w", nd.Bernoulli(logits=a[0]))
        y = relbo_ir.sample("y", nd.Bernoulli(logits=a[1] + w))
        relbo_ir.sample("x", nd.Bernoulli(logits=a[2] - 2.0 * y))

    return formed(model, guide)


def carried() -> Program:
    """A total that a loop adds up, one that is stacked too, and one that decays."""

    def model() -> None:
        z = 1.0 + relbo_ir.sample("z", nd.Bernoulli(jnp.full(SIZE, 0.4)).to_event(1))

        def step(carry: Any, x: Any) -> tuple[Any, Any]:
            a, b, c = carry
            return (a - x**2 + jnp.sum(x * z), b + x, 0.5 * c + x), b

        (a, b, c), stacked = jax.lax.scan(step, (z[0], 0.0, 1.0), z)
        relbo_ir.factor("f", 2.0 * a)
        relbo_ir.factor("g", b - c + jnp.sum(stacked**2))

    return formed(model, _coins)


def groups() -> Program:
    """Rows read the coin of their group; a plate of coins is scored row by row."""

    def model(group: jax.Array) -> None:
        with relbo_ir.plate("groups", 3):
            z = relbo_ir.sample("z", nd.Bernoulli(0.4))
        relbo_ir.factor("f", jnp.sum(jnp.arange(1.0, 5.0) * z[group] ** 2))
        relbo_ir.factor("g", jnp.mean(z) - 3.0 * jnp.dot(jnp.arange(3.0), z * 1.0))

    def guide(group: jax.Array) -> None:
        logits = relbo_ir.param("phi", jnp.zeros(3))
        with relbo_ir.plate("groups", 3):
            relbo_ir.sample("z", nd.Bernoulli(logits=logits))

    return formed(model, guide, np.array([0, 2, 2, 1], np.int32))


def spread() -> Program:
    """Scalars side by side: stacked, concatenated, repeated, and a scalar cost of them all."""

    def model() -> None:
        z = [relbo_ir.sample(f"z{k}", nd.Bernoulli(0.3 + 0.1 * k)) for k in range(4)]
        relbo_ir.factor("f", jnp.arange(1.0, 5.0) * jnp.stack(z) ** 2)
        relbo_ir.factor("g", -(jnp.concatenate([jnp.ones(2) * z[0], jnp.ones(1) * z[3]])) / 2.0)
        relbo_ir.factor("s", jnp.stack([2.0 * z[0], 3.0 * z[3]]))
        relbo_ir.factor("h", jnp.broadcast_to(1.0 * z[1] * z[2], (2, 3)))

    def guide() -> None:
        a = relbo_ir.param("a", jnp.zeros(4))
        for k in range(4):
            relbo_ir.sample(f"z{k}", nd.Bernoulli(logits=a[k]))

    return formed(model, guide)


def hierarchy() -> Program:
    """Laws that read another choice: expanded, as one event, by category, and through a lookup."""

    def model(y: jax.Array) -> None:
        w = relbo_ir.sample("w", nd.Bernoulli(0.3))
        with relbo_ir.plate("three", 3):
            z = relbo_ir.sample("z", nd.Bernoulli(0.6))
        v = relbo_ir.sample("v", nd.Bernoulli(jnp.full(2, 0.5)).to_event(1))
        with relbo_ir.plate("rows", 2):
            e = relbo_ir.sample("e", nd.Bernoulli(jnp.full(2, 0.3)).to_event(1))
        c = relbo_ir.sample("c", nd.CategoricalProbs(jnp.full(3, 1.0 / 3.0)))
        relbo_ir.observe("y", nd.Normal(jnp.sum(z) - w, 2.0), y[0])
        relbo_ir.factor("f", 2.0 * z)
        relbo_ir.factor("g", 3.0 * v)
        relbo_ir.factor("h", 1.5 * (c == 2))
        relbo_ir.factor("m", jnp.arange(1.0, 5.0).reshape(2, 2) * e)
        relbo_ir.factor("k", jax.lax.dynamic_slice(1.0 * z, (w,), (2,)))

    def guide(y: jax.Array) -> None:
        a = relbo_ir.param("a", jnp.zeros(4))
        w = relbo_ir.sample("w", nd.Bernoulli(logits=a[0]))
        with relbo_ir.plate("three", 3):
            z = relbo_ir.sample("z", nd.Bernoulli(logits=a[1] + 2.0 * w))
        v = relbo_ir.sample("v", nd.Bernoulli(logits=a[2] - w + jnp.arange(2.0)).to_event(1))
        with relbo_ir.plate("rows", 2):
            relbo_ir.sample("e", nd.Bernoulli(logits=a[1] + 1.5 * v[::-1]).to_event(1))
        relbo_ir.sample("c", nd.CategoricalLogits(a[3] * jnp.arange(3.0) + 1.5 * z))

    return formed(model, guide, np.array([1.3]))


def _three_coins(y: jax.Array) -> None:
    relbo_ir.sample("z", nd.Bernoulli(logits=relbo_ir.param("phi", jnp.zeros(3))).to_event(1))


def laws() -> Program:
    """Observations whose laws read coins in other ways: through a transform, and through a mask."""

    def model(y: jax.Array) -> None:
        z = relbo_ir.sample("z", nd.Bernoulli(jnp.full(3, 0.4)).to_event(1))
        moved = nd.TransformedDistribution(nd.Normal(0.0, 1.0), nt.AffineTransform(z[::-1], 2.0))
        relbo_ir.observe("t", moved, y)
        relbo_ir.observe("m", nd.Normal(y, 1.0 + y).mask(z == 1), 0.7 * y)

    return formed(model, _three_coins, np.array([0.3, 1.1, 2.0]))


def mixed_laws() -> Program:
    """Observations whose laws are mixtures or have all mass at a point, of weights that read coins."""

    def model(y: jax.Array) -> None:
        z = relbo_ir.sample("z", nd.Bernoulli(jnp.full(3, 0.4)).to_event(1))
        weights = nd.Categorical(logits=jnp.stack([1.0 * z[::-1], jnp.zeros(3)], axis=1))
        wide = nd.Normal(jnp.stack([z, 2.0 + z[::-1]], axis=1), 1.5)
        relbo_ir.observe("same", nd.MixtureSameFamily(weights, wide), y)
        either = [nd.Normal(z[::-1], 1.0), nd.Laplace(2.0 * z, 0.5)]
        relbo_ir.observe("either", nd.MixtureGeneral(weights, either), 0.7 * y)
        relbo_ir.observe("point", nd.Delta(y, 1.5 * jnp.arange(1.0, 4.0) * z[::-1]), y)

    return formed(model, _three_coins, np.array([0.3, 1.1, 2.0]), expanded=True)


def law_without_a_rule() -> Program:
    """An observation whose law, through a transform that has no name, reads coins in other order."""

    def model(y: jax.Array) -> None:
        z = relbo_ir.sample("z", nd.Bernoulli(jnp.full(3, 0.4)).to_event(1))
        base = nd.LogNormal(1.0 * z[::-1], 1.0)
        relbo_ir.observe("t", nd.TransformedDistribution(base, nt.PowerTransform(1.5)), y)

    return formed(model, _three_coins, np.array([0.3, 1.1, 2.0]), expanded=True)
