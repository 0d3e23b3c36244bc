"""Idioms that JAX spells out: raised where they mean one op, with the same values and slopes."""

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
from xdsl.traits import SymbolTable

import relbo_ir
from relbo_ir.dialects import lax, prob
from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.pipelines import resolve, run

N = 6
Cost = Callable[[Any], Any]
lse = jax.scipy.special.logsumexp


def elbo(cost: Cost, law: Callable[[Any], nd.Distribution] = nd.Bernoulli) -> ModuleOp:
    """A cost of a vector that a choice and parameters move, before any idiom is raised."""

    def model() -> None:
        z = relbo_ir.sample("z", law(0.4))
        a = relbo_ir.param("a", jnp.zeros(N))
        relbo_ir.factor("f", cost(a + z * jnp.arange(1.0, N + 1.0)))

    def guide() -> None:
        relbo_ir.sample("z", law(relbo_ir.param("p", jnp.array(0.3))))

    with jax.enable_x64(True):
        module, _ = trace_elbo(model, guide, split_call(model, (), {}))
        run(module, resolve(("relbo-form-elbo",)))
    return module


def raised(module: ModuleOp) -> ModuleOp:
    copy = module.clone()
    run(copy, resolve(("relbo-raise-idioms", "dce")))
    return copy


def names(module: ModuleOp) -> list[str]:
    return [op.name for op in module.walk()]


def _forward(x: Any) -> Any:
    """The forward algorithm of a hidden Markov chain of two states."""
    steps = x.reshape(3, 2)
    moves = jnp.sin(jnp.arange(4.0)).reshape(2, 2)
    first = jnp.zeros(2)
    last, _ = jax.lax.scan(
        lambda c, row: (lse(c[:, None] + moves, axis=0) + row, None), first, steps
    )
    return lse(last)


def _by_hand(x: Any, shift: Any) -> Any:
    return shift + jnp.log(jnp.sum(jnp.exp(x - shift)))


def _shares(shifted: Any, spread: Cost) -> Any:
    terms = jnp.exp(shifted)
    return terms / spread(jnp.sum(terms, axis=1))


def _log_shares(shifted: Any, spread: Cost = lambda t: t[None, :]) -> Any:
    return shifted - spread(jnp.log(jnp.sum(jnp.exp(shifted), axis=1)))


IDIOMS: dict[str, Cost] = {
    "logsumexp": lse,
    "along the last axis": lambda x: jnp.sin(lse(x.reshape(2, 3), axis=-1)),
    "along the first axis": lambda x: jnp.sin(lse(x.reshape(2, 3), axis=0)),
    "along two axes": lambda x: jnp.sin(lse(x.reshape(1, 2, 3), axis=(0, 2))),
    "with its axis kept": lambda x: x.reshape(2, 3) * lse(x.reshape(2, 3), axis=1, keepdims=True),
    "along an axis of one": lambda x: lse(x.reshape(6, 1), axis=1),
    "softmax": lambda x: jax.nn.softmax(x.reshape(2, 3), axis=1) ** 2,
    "softmax along the first axis": lambda x: jax.nn.softmax(x.reshape(2, 3), axis=0) ** 2,
    "log softmax": lambda x: jax.nn.log_softmax(x.reshape(3, 2), axis=1)[:, 0],
    "log softmax along the first axis": lambda x: jax.nn.log_softmax(x.reshape(3, 2), axis=0)[1],
    "forward algorithm": _forward,
    "by hand": lambda x: _by_hand(x, jnp.mean(x)),
    "of −∞ too": lambda x: lse(jnp.where(jnp.arange(N) > 2, -jnp.inf, x)),
}
OTHERS: dict[str, Cost] = {
    "another shift": lambda x: jnp.log(jnp.sum(jnp.exp(x - x[0]))) + x[1],
    "a shift that is not constant": lambda x: jnp.log(jnp.sum(jnp.exp(x - x[::-1]))) + x[0],
    "the shift subtracted": lambda x: jnp.log(jnp.sum(jnp.exp(x - x[0]))) - x[0],
    "a scaled sum": lambda x: jnp.log(2.0 * jnp.sum(jnp.exp(x - x[0]))) + x[0],
    "shifts of other rows": lambda x: (
        jnp.log(jnp.sum(jnp.exp(x.reshape(2, 3) - x[:2, None]), axis=1)) + x[1::-1]
    ),
    "sums of other rows": lambda x: _shares(x[:4].reshape(2, 2) - x[0], lambda t: t[None, :]),
    "sums of other rows, repeated": lambda x: _shares(
        x[:1].reshape(1, 1) - x[:4].reshape(2, 2), lambda t: t[None, :]
    ),
    "logarithms of other rows": lambda x: _log_shares(x[:4].reshape(2, 2) - x[0]),
    "a shift along the sum": lambda x: _shares(
        x.reshape(2, 3) - jnp.arange(3.0), lambda t: t[:, None]
    ),
    "a shift along the sum, with a logarithm": lambda x: _by_hand(x, jnp.arange(6.0))[0],
    "a shift along the sum, in a logarithm": lambda x: _log_shares(
        x[:4].reshape(2, 2) - jnp.arange(2.0), lambda t: t[:, None]
    ),
    "terms of another": lambda x: jnp.exp(x - x[1]) / jnp.sum(jnp.exp(x - x[0])),
}


def meaning(module: ModuleOp) -> dict[str, Any]:
    """The exact value and gradient."""
    arguments = {"a": np.linspace(-1.0, 1.5, N), "p": 0.3}
    outcomes = interpret_module(module, arguments)
    return {"value": outcomes.value(), **outcomes.gradient()}


@pytest.mark.parametrize("name", IDIOMS)
def test_an_idiom_is_raised_and_means_the_same(name: str) -> None:
    before = elbo(IDIOMS[name])
    after = raised(before)
    for key, number in meaning(before).items():
        np.testing.assert_allclose(meaning(after)[key], number, rtol=1e-9, atol=1e-12)
    assert "lax.logsumexp" in names(after)
    assert not {"lax.is_finite", "lax.stop_gradient", "lax.log"} & set(names(after))


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_another_function_stays(name: str) -> None:
    before = elbo(OTHERS[name])
    after = raised(before)
    assert "lax.logsumexp" not in names(after)
    for key, number in meaning(before).items():
        np.testing.assert_allclose(meaning(after)[key], number, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 8.0])
def test_a_power_of_a_whole_number_is_raised_and_means_the_same(exponent: float) -> None:
    before = elbo(lambda x: jnp.sin(jax.lax.pow(jnp.abs(x) + 0.4, jnp.full(N, exponent))))
    after = raised(before)
    assert "lax.pow" in names(before)
    assert "lax.pow" not in names(after)
    for key, number in meaning(before).items():
        np.testing.assert_allclose(meaning(after)[key], number, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("exponent", [-2.0, 0.5, 2.5, 9.0, np.inf, np.nan])
def test_another_power_stays(exponent: float) -> None:
    assert "lax.pow" in names(raised(elbo(lambda x: jax.lax.pow(x, jnp.full(N, exponent)))))


def test_a_power_of_a_whole_number_is_pathwise_below_0() -> None:
    module = elbo(lambda x: jnp.power(x, jnp.full(N, 2.0)), law=lambda p: nd.Normal(p, 1.0))
    run(module, resolve(("relbo-raise-idioms", "relbo-assign-estimators")))
    (plan,) = [op.plan for op in module.walk() if isinstance(op, prob.SampleOp)]
    assert plan is not None
    assert plan.data is prob.How.PATHWISE


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log softmax", "forward algorithm"])
def test_a_draw_may_be_pathwise_through_it(name: str) -> None:
    module = elbo(IDIOMS[name], law=lambda p: nd.Normal(p, 1.0))
    run(module, resolve(("relbo-raise-idioms", "relbo-canonicalize", "relbo-assign-estimators")))
    (plan,) = [op.plan for op in module.walk() if isinstance(op, prob.SampleOp)]
    assert plan is not None
    assert plan.data is prob.How.PATHWISE


def test_the_forward_algorithm_is_raised_in_its_loop() -> None:
    after = raised(elbo(_forward))
    (loop,) = [op for op in after.walk() if isinstance(op, lax.ScanOp)]
    body = SymbolTable.lookup_symbol(after, loop.body)
    assert body is not None
    assert "lax.logsumexp" in [op.name for op in body.walk()]
