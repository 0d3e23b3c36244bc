"""Programs that pass through complex numbers: what is pathwise there, and what their text holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from oracle import parse_module

import relbo_ir as rb
from relbo_ir.dialects import lax

Function = Callable[[Any], Any]
TURN = np.array([1.0, 0.0, 0.5]) + 1j * np.array([0.0, 1.0, -2.0])

SMOOTH: dict[str, Function] = {
    "a spectrum": lambda x: jnp.fft.fft(x).real,
    "its power": lambda x: (jnp.fft.rfft(x) * jnp.conj(jnp.fft.rfft(x))).real,
    "filtered": lambda x: jnp.fft.irfft(jnp.fft.rfft(x) * jnp.array([1.0, 0.5]), 3),
    "in two axes": lambda x: jnp.fft.ifft2(jnp.outer(x, x)).imag,
    "multiplied by a constant": lambda x: (x * TURN).imag,
    "divided by a constant": lambda x: (x / TURN).real,
    "an exponential": lambda x: jnp.exp(1j * x).real,
    "a power": lambda x: ((x + 1j) ** 3).imag,
    "a sum": lambda x: jnp.cumsum(x + 1j * x**2).imag,
    "a contraction": lambda x: (np.outer(TURN, TURN) @ (x + 0j)).real,
    "chosen by data": lambda x: jnp.where(np.array([True, False, True]), x + 1j, 2j * x).real,
    "written": lambda x: (TURN + 0j * x).at[1].add(x[0] * 1j).imag,
}
BROKEN: dict[str, Function] = {
    "a logarithm": lambda x: jnp.log(x + 0.1j).imag,
    "a root": lambda x: jnp.sqrt(x + 0j).imag,
    "a modulus": lambda x: jnp.abs(x + 1j),
    "an order": lambda x: jax.lax.max(x + 1j, jnp.zeros(3) + 0j).imag,
    "the greatest": lambda x: jax.lax.reduce_max(x * TURN, [0]).imag,
    "sorted": lambda x: jnp.sort(x * TURN).imag,
    "a pole": lambda x: (1.0 / (x + 0j)).real,
    "a pole that a range hides": lambda x: (1.0 / ((x * 1j) ** 2 + 1.0)).real,
    "a negative power": lambda x: ((x + 0j) ** -2).real,
    "a sum of exponentials": lambda x: jax.nn.logsumexp(1j * x).imag,
    "a tangent": lambda x: jnp.tanh(1j * x).imag,
    "compared": lambda x: jnp.where((x + 1j) == 1j, 1.0, x),
}


def _explained(function: Function) -> str:
    def model() -> None:
        x: Any = rb.sample("x", nd.Normal(rb.param("m", jnp.zeros(3)), 1.0).to_event(1))
        rb.factor("f", jnp.sum(function(x)))

    def guide() -> None:
        rb.sample("x", nd.Normal(rb.param("m", jnp.zeros(3)), 1.0).to_event(1))

    return str(rb.ELBO(model, guide).compile().explain())


@pytest.mark.parametrize("name", SMOOTH)
def test_what_is_smooth_in_complex_numbers_is_pathwise(name: str) -> None:
    assert "Normal, pathwise\n" in _explained(SMOOTH[name])


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_cut_or_put_in_order_there_is_not(name: str) -> None:
    assert "Normal, score\n" in _explained(BROKEN[name])


def test_the_gradient_through_a_spectrum_is_exact() -> None:
    """
    E Σ wₖ|Fx|²ₖ is Σ wₖ(|Fm|²ₖ + n s²), by Parseval's relation for each coefficient: its derivative
    in m is that of the first term, and the estimate's noise is linear in the draw's.
    """
    weights = np.array([1.0, 0.3, 2.0])

    def power(x: Any) -> Any:
        spectrum = jnp.fft.rfft(x, axis=-1)
        return jnp.sum(weights * (spectrum.real**2 + spectrum.imag**2))

    def model() -> None:
        m: Any = rb.param("m", jnp.array([0.3, -0.2, 0.9, 0.4]))
        law = nd.Normal(m, 0.5).to_event(1)
        rb.factor("f", power(rb.sample("x", law, guide=law)))

    with jax.enable_x64(True):
        objective = rb.ELBO(model).compile()
        u = objective.init(0)
        keys = jax.random.split(jax.random.key(1), 20_000)
        data = objective.prepare()
        slopes = jax.vmap(lambda key: objective.value_and_grad(u, key, data)[1]["m"])(keys)
        wanted = jax.grad(power)(u["m"])
        error = np.std(slopes, axis=0) / np.sqrt(len(keys))
        assert np.all(np.abs(np.mean(slopes, axis=0) - wanted) < 5 * error)
        exact = jax.vmap(jax.grad(power))(u["m"] + 0.5 * jax.random.normal(keys[0], (1000, 4)))
        np.testing.assert_allclose(np.std(slopes, axis=0), np.std(exact, axis=0), rtol=0.15)


def test_complex_constants_are_two_real_ones_in_text() -> None:
    """Bit for bit: a negative zero, a NaN and an infinity too."""
    table = np.array([complex(-0.0, np.inf), complex(np.nan, -0.0), 1.5 - 2.5j], np.complex64)

    def model() -> None:
        x: Any = rb.sample("x", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("m", 0.3), 1.0))
        rb.factor("f", jnp.real(x * 1j * (2.0 - 0.5j)))
        rb.deterministic("t", jnp.imag(jnp.sum(table * x)))

    objective = rb.ELBO(model).compile()
    text = str(objective.ir(1))
    module = parse_module(text)
    found = [op for op in module.walk() if isinstance(op, lax.ComplexOp)]
    assert len(found) >= 2
    assert np.isfinite(objective.value(objective.init(0), jax.random.key(0), objective.prepare()))


@pytest.mark.parametrize(
    "function",
    [
        lambda z: jnp.log(jnp.exp(3j * z)).imag,
        lambda z: jnp.log(jax.nn.sigmoid(7j * z + 3.0)).imag,
        lambda z: jax.nn.log_softmax(jnp.array([9j, 2j]) * z).imag.sum(),
        lambda z: jax.nn.logsumexp(jnp.array([9j, 2j]) * z).imag,
        lambda z: jax.nn.softmax(jnp.array([9j, 2j]) * z).imag[0],
    ],
    ids=["log of exp", "log of logistic", "log softmax", "logsumexp", "softmax"],
)
def test_equations_of_real_numbers_are_not_used_for_complex_ones(function: Function) -> None:
    """log exp z is z − 2πik there."""

    def model() -> None:
        rb.factor("f", function(rb.param("m", 1.7)))

    objective = rb.ELBO(model).compile()
    value = objective.value(objective.init(0), jax.random.key(0), objective.prepare())
    np.testing.assert_allclose(value, function(jnp.float32(1.7)), rtol=1e-4)
