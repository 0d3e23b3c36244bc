"""Totals in the carry of a loop: undone where the body adds up, and left alone where it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from oracle import interpret_module
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

import relbo_ir
from relbo_ir.dialects import lax
from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.pipelines import resolve, run

N = 4
ARGUMENTS = {"phi": np.array([0.4, -0.3, 0.8, 0.1])}
PRUNED = ("relbo-split-addends", "relbo-score-function", "relbo-rao-blackwellize")
Cost = Callable[[Any], Any]


def objective(cost: Cost) -> ModuleOp:
    """The objective of four coins and what they cost together."""

    def model() -> None:
        with relbo_ir.plate("coins", N):
            z = relbo_ir.sample("z", nd.Bernoulli(0.4))
        relbo_ir.factor("f", cost(0.5 + 1.0 * z))

    def guide() -> None:
        logits = relbo_ir.param("phi", jnp.zeros(N))
        with relbo_ir.plate("coins", N):
            relbo_ir.sample("z", nd.Bernoulli(logits=logits))

    with jax.enable_x64(True):
        module, _ = trace_elbo(model, guide, split_call(model, (), {}))
        run(module, resolve("objective"))
    return module


def after(module: ModuleOp, *steps: str) -> ModuleOp:
    """A copy after some passes."""
    copy = module.clone()
    run(copy, resolve(steps))
    return copy


def carries(module: ModuleOp) -> list[int]:
    """How many values each loop carries."""
    return [op.num_carry.value.data for op in module.walk() if isinstance(op, lax.ScanOp)]


def loop(body: Callable[..., Any], init: Any, z: Any, **options: Any) -> Any:
    """The last carry, and what is stacked."""
    return jax.lax.scan(body, init, z, **options)


def _shared(z: Any) -> Any:
    """One body for two loops, one of which is read in another way too."""

    @jax.jit
    def total(init: Any, xs: Any) -> Any:
        return jax.lax.scan(lambda c, x: (c + jnp.exp(x), None), init, xs)[0]

    return total(0.0, z) + jnp.sin(total(1.0, 2.0 * z))


UNDONE: dict[str, tuple[Cost, list[int]]] = {
    "a sum": (lambda z: loop(lambda c, x: (c + x**2, None), 0.0, z)[0], [0]),
    "from a start": (lambda z: loop(lambda c, x: (x**2 + c, None), z[0], z)[0], [0]),
    "a difference": (lambda z: loop(lambda c, x: (c - jnp.exp(x), None), 1.0, z)[0], [0]),
    "several terms": (lambda z: loop(lambda c, x: (2.0 * x + (c - x**2), None), 0.0, z)[0], [0]),
    "backwards": (lambda z: loop(lambda c, x: (c + x**2, None), 0.0, z, reverse=True)[0], [0]),
    "beside a state": (
        lambda z: loop(lambda c, x: ((c[0] + c[1] * x, x + 1.0), None), (0.0, 1.0), z)[0][0],
        [1],
    ),
    "two totals": (
        lambda z: sum(loop(lambda c, x: ((c[0] - x, c[1] + x**2), None), (0.0, 0.0), z)[0]),
        [0],
    ),
    "a vector": (
        lambda z: jnp.dot(
            jnp.arange(1.0, 3.0),
            loop(lambda c, x: (c + jnp.stack([x, x**2]), None), jnp.zeros(2), z)[0],
        ),
        [0],
    ),
    "a sum inside": (
        lambda z: loop(lambda c, x: (c + jnp.sum(x * z), None), 0.0, z)[0],
        [0],
    ),
    "a loop in a loop": (
        lambda z: loop(
            lambda c, x: (loop(lambda d, y: (d + x * y, None), c, z)[0] + x, None), 0.0, z
        )[0],
        [0, 0],
    ),
    "one loop of two": (_shared, [0, 1]),
    "two totals of a loop in a loop": (
        lambda z: loop(
            lambda c, x: (
                c + sum(loop(lambda d, y: ((d[0] + x * y, d[1] - y), None), (0.0, x), z)[0]),
                None,
            ),
            0.0,
            z,
        )[0],
        [0, 0],
    ),
    "counted": (lambda z: jax.lax.fori_loop(0, N, lambda i, c: c + z[i] ** 2, 0.0), [1]),
    "over nothing": (lambda z: loop(lambda c, x: (c + x, None), z[1], jnp.ones(0))[0], [0]),
}
KEPT: dict[str, Cost] = {
    "decays": lambda z: loop(lambda c, x: (0.9 * c + x, None), 0.0, z)[0],
    "doubles": lambda z: loop(lambda c, x: (c + c + x, None), 1.0, z)[0],
    "alternates": lambda z: loop(lambda c, x: (x - c, None), 0.0, z)[0],
    "is stacked": lambda z: jnp.sum(loop(lambda c, x: (c + x, c), 0.0, z)[0]),
    "is stacked after": lambda z: loop(lambda c, x: (c + x, c + x), 0.0, z)[0],
    "is stacked halfway": lambda z: loop(lambda c, x: ((c + x) + 1.0, c + x), 0.0, z)[0],
    "feeds another": lambda z: loop(
        lambda c, x: ((c[0] + x, c[1] * jnp.sin(c[0])), None), (0.0, 1.0), z
    )[0][0],
    "is in its term": lambda z: loop(lambda c, x: (c + x * jnp.tanh(c), None), 1.0, z)[0],
    "is an argument": lambda z: loop(lambda c, x: (c + jax.nn.softplus(c), None), z[0], z)[0],
    "is not linear outside": lambda z: jnp.exp(loop(lambda c, x: (c + x, None), 0.0, z)[0]),
}


def check(module: ModuleOp) -> float:
    """The pruned estimator's variance, once its mean is seen to be the exact gradient."""
    exact = interpret_module(module, ARGUMENTS).gradient()["phi"]
    pruned = interpret_module(after(module, *PRUNED), ARGUMENTS)
    np.testing.assert_allclose(pruned.gradient()["phi"], exact, rtol=1e-9, atol=1e-12)
    return float(np.sum(pruned.gradient_variance()["phi"]))


@pytest.mark.parametrize("name", UNDONE)
def test_a_total_is_undone(name: str) -> None:
    cost, left = UNDONE[name]
    module = objective(cost)
    check(module)
    assert sorted(carries(after(module, "relbo-split-addends", "dce"))) == left


@pytest.mark.parametrize("name", KEPT)
def test_what_is_no_total_is_left_alone(name: str) -> None:
    module = objective(KEPT[name])
    check(module)
    assert carries(after(module, "relbo-split-addends", "dce")) == carries(module)


@pytest.mark.parametrize("name", ["a sum", "a difference", "beside a state", "backwards"])
def test_a_total_in_a_carry_costs_no_more_variance_than_a_sum(name: str) -> None:
    sums: dict[str, Cost] = {
        "a sum": lambda z: jnp.sum(z**2),
        "a difference": lambda z: 1.0 - jnp.sum(jnp.exp(z)),
        "beside a state": lambda z: jnp.sum(z * jnp.concatenate([jnp.ones(1), z[:-1] + 1.0])),
        "backwards": lambda z: jnp.sum(z**2),
    }
    carried = check(objective(UNDONE[name][0]))
    assert carried == pytest.approx(check(objective(sums[name])), rel=1e-9)


def test_a_body_that_two_loops_share_is_copied() -> None:
    split = after(objective(_shared), "relbo-split-addends", "dce")
    bodies = [op.body.string_value() for op in split.walk() if isinstance(op, lax.ScanOp)]
    names = [op.sym_name.data for op in split.walk() if isinstance(op, FuncOp)]
    assert len(set(bodies)) == 2
    assert set(bodies) <= set(names)
