"""Merged scores: the same value, gradient and variance, and few running means."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.texts import COIN, apply, objective_module
from oracle import Outcomes, interpret_module
from xdsl.dialects.builtin import ModuleOp

import relbo_ir
from relbo_ir.dialects import estim
from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.pipelines import PIPELINES, resolve, run

ROWS, UNITS = 2, 2
PIXELS = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
DOWN = np.array([[0.7, -0.4], [0.2, 0.9]])
DRAW = np.array([[0.5, -1.0, 0.3], [1.2, 0.4, -0.6]])
LEAVE_ONE_OUT = 'relbo-baseline{kind="leave-one-out"}'
MERGE = ("cse", "relbo-merge-scores")


def model(pixels: Any) -> None:
    """A belief net of two layers."""
    with relbo_ir.plate("rows", ROWS):
        second = relbo_ir.sample("second", nd.Bernoulli(jnp.full(UNITS, 0.4)).to_event(1))
        first = relbo_ir.sample("first", nd.Bernoulli(logits=second @ DOWN - 0.3).to_event(1))
        relbo_ir.observe("pixels", nd.Bernoulli(logits=first @ DRAW).to_event(1), pixels)


def guide(pixels: Any) -> None:
    """From the pixels up."""
    see = relbo_ir.param("see", jnp.zeros((3, UNITS)))
    up = relbo_ir.param("up", jnp.zeros((UNITS, UNITS)))
    with relbo_ir.plate("rows", ROWS):
        first = relbo_ir.sample("first", nd.Bernoulli(logits=pixels @ see).to_event(1))
        relbo_ir.sample("second", nd.Bernoulli(logits=first @ up).to_event(1))


def estimator(*steps: str) -> tuple[ModuleOp, dict[Any, Any]]:
    """The belief net after these passes, and values for its arguments."""
    with jax.enable_x64(True):
        module, traced = trace_elbo(model, guide, split_call(model, (PIXELS,), {}))
        run(module, resolve(("objective", "relbo-split-addends", "relbo-score-function", *steps)))
    values: dict[Any, Any] = {(t.function, k): c for t in traced for k, c in enumerate(t.constants)}
    see = np.linspace(-0.8, 0.6, 3 * UNITS).reshape(3, UNITS)
    up = np.array([[0.3, -0.9], [1.1, 0.2]])
    return module, values | {"pixels": PIXELS, "see": see, "up": up}


def assert_same(one: Outcomes, other: Outcomes) -> None:
    """Gradient and variance, to 1e-9."""
    variances = one.gradient_variance(), other.gradient_variance()
    for name, slope in one.gradient().items():
        np.testing.assert_allclose(other.gradient()[name], slope, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(variances[1][name], variances[0][name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", [None, "leave-one-out", "running-mean"])
@pytest.mark.parametrize("pruning", ["element", "site"])
def test_merging_changes_neither_gradient_nor_variance(kind: str | None, pruning: str) -> None:
    steps = ["relbo-drop-zero-score", f'relbo-rao-blackwellize{{granularity="{pruning}"}}']
    if kind is not None:
        steps.append(f'relbo-baseline{{kind="{kind}"}}')
    plain, values = estimator(*steps)
    merged, _ = estimator(*steps, *MERGE)
    assert not any(isinstance(op, estim.ScoreOp) for op in merged.walk())
    assert_same(interpret_module(plain, values), interpret_module(merged, values))


def test_leave_one_out_of_two_particles_is_the_same() -> None:
    body = f"""
      %q = dist.bernoulli_logits %m_ : (tensor<f64>) -> {COIN}
      %w = dist.expand %q {{shape = array<i64: 2>}} : ({COIN}) -> !prob.law<tensor<2xi32>>
      %z = prob.sample "z" from %w : !prob.law<tensor<2xi32>>
      %x = lax.convert %z : (tensor<2xi32>) -> tensor<2xf64>
      %c = lax.exp %x : tensor<2xf64>
      %d = lax.mul %x, %x : tensor<2xf64>
      %t = lax.reduce_sum %x {{axes = array<i64: 0>}} : (tensor<2xf64>) -> tensor<f64>
      %f = lax.exp %t : tensor<f64>
      prob.yield "c" %c, "d" %d, "f" %f : tensor<2xf64>, tensor<2xf64>, tensor<f64>
    """
    module = objective_module({"m": "real"}, body)
    steps = ("relbo-score-function", "relbo-rao-blackwellize", LEAVE_ONE_OUT)
    plain = apply(module, *steps)
    merged = apply(module, *steps, *MERGE)
    pair = [interpret_module(m, {"m": 0.4}, copies=2) for m in (plain, merged)]
    assert_same(*pair)
    count = sum(isinstance(op, estim.LeaveOneOutOp) for op in merged.walk())
    assert count == 2  # element by element, and of the sum


def test_a_running_mean_for_each_upstream_is_handed_on() -> None:
    """A unit is weighed by what it moves alone, and by what its whole row moves."""
    objective = relbo_ir.ELBO(model, guide).compile(PIXELS.astype(np.float32))
    shapes = {name: value.shape for name, value in objective.init_state().items()}
    means = {
        "first": (ROWS, UNITS),
        "first'": (ROWS,),
        "second": (ROWS, UNITS),
        "second'": (ROWS,),
    }
    endings = ("", ".near", ".excess")
    assert shapes == {
        "steps": (),
        **{name + ending: shape for name, shape in means.items() for ending in endings},
    }


def test_a_score_choice_below_a_pathwise_one_is_compiled() -> None:
    """Dropping a score before the pathwise draws are checked once hid a draw, and was refused."""

    def model(y: Any) -> None:
        w = relbo_ir.sample("w", nd.Normal(0.0, 1.0))
        z = relbo_ir.sample("z", nd.Bernoulli(logits=w))
        relbo_ir.observe("y", nd.Normal(w + z, 1.0), y)

    def guide(y: Any) -> None:
        w = relbo_ir.sample("w", nd.Normal(relbo_ir.param("loc", 0.3), 1.0))
        relbo_ir.sample("z", nd.Bernoulli(logits=w))

    objective = relbo_ir.ELBO(model, guide).compile(np.float32(0.7))
    assert '"w"' in objective.explain() and "Normal, pathwise" in objective.explain()
    assert "Bernoulli" in objective.explain()
    with jax.enable_x64(True):
        module, _ = trace_elbo(model, guide, split_call(model, (np.float64(0.7),), {}))
        run(module, resolve("objective"))
    steps = PIPELINES["default"][4:10]
    values = {"loc": 0.3, "y": 0.7}
    exact = interpret_module(module, values).gradient()
    found = interpret_module(apply(module, *steps, *MERGE), values).gradient()
    np.testing.assert_allclose(found["loc"], exact["loc"], rtol=1e-9)


def test_the_program_of_a_chain_is_linear_in_its_sites() -> None:
    """Each choice moves all addends from its own on: these sums share their ends."""

    def size(count: int) -> int:
        def model() -> None:
            z: Any = 0.0
            for k in range(count):
                z = relbo_ir.sample(f"z{k}", nd.Bernoulli(logits=1.0 * z - 0.3))

        def guide() -> None:
            z: Any = 0.0
            for k in range(count):
                logits = relbo_ir.param(f"p{k}", 0.1) + 0.5 * z
                z = relbo_ir.sample(f"z{k}", nd.Bernoulli(logits=logits))

        compiled = relbo_ir.ELBO(model, guide).compile(pipeline="score-function")
        return sum(1 for _ in compiled.ir(4).walk())

    four, eight, twelve = (size(count) for count in (4, 8, 12))
    assert twelve - eight == eight - four
