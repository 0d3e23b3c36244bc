"""Random convolutions: what they compute, what they read, and what is known of their signs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.convolutions import Convolution, convolutions
from helpers.relations import relation
from hypothesis import given, settings
from oracle import parse_module
from oracle.dual import Dual
from oracle.machine import Machine
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.rewriter import InsertPoint

import relbo_ir
from relbo_ir.dialects import lax
from relbo_ir.dialects.scopes import verify_module
from relbo_ir.lowering.emit import emit_function
from relbo_ir.lowering.executable import load
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.import_jaxpr import Importer
from relbo_ir.passes.analyses.dependence import DependenceOf
from relbo_ir.passes.analyses.value_ranges import Ranges

few = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def imported(function: Any, *args: Any) -> ModuleOp:
    """The function as `@main` of a module, read back from its text."""
    module = ModuleOp([])
    functions = Functions(module)
    importer = Importer(functions, InsertPoint.at_end(module.body.block))
    functions.insert(importer.function_op(jax.make_jaxpr(function)(*args), "a test"), "main")
    verify_module(module)
    return parse_module(str(module))


def main_of(module: ModuleOp) -> FuncOp:
    """The function @main."""
    return next(op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main")


def only(module: ModuleOp) -> lax.ConvGeneralDilatedOp:
    """The convolution of a module."""
    (op,) = [op for op in module.walk() if isinstance(op, lax.ConvGeneralDilatedOp)]
    return op


def drawn(case: Convolution) -> tuple[Any, Any]:
    """Positive arrays that the case takes."""
    rng = np.random.default_rng(3)
    return rng.uniform(0.5, 2.0, case.lhs), rng.uniform(0.5, 2.0, case.rhs)


def with_tangents(array: Any, others: int, first: bool) -> Dual:
    """An array in one outcome, with a tangent for each of its elements beside `others` zeros."""
    own = np.eye(array.size).reshape(array.size, 1, *array.shape)
    none = np.zeros((others, 1, *array.shape))
    return Dual(array[np.newaxis], np.concatenate([own, none] if first else [none, own]))


def slopes(module: ModuleOp, x: Any, kernel: Any) -> list[Any]:
    """The Jacobians of @main in its arguments, by the oracle."""
    given = [with_tangents(x, kernel.size, True), with_tangents(kernel, x.size, False)]
    tangent = Machine(module).call("main", given)[0].tangent
    assert tangent is not None
    parts = np.split(np.moveaxis(tangent[:, 0], 0, -1), [x.size], axis=-1)
    return [p.reshape(*p.shape[:-1], *a.shape) for p, a in zip(parts, (x, kernel), strict=True)]


@few
@given(convolutions())
def test_it_is_computed_as_jax_does(case: Convolution) -> None:
    """The oracle, which knows nothing of JAX, and the emitted call, which is the same one."""
    with jax.enable_x64(True):
        x, kernel = drawn(case)
        module = imported(case, x, kernel)
        assert only(module).result.type == main_of(module).function_type.outputs.data[0]
        again = load(emit_function(module, "main"))["main"](x, kernel)
        truth, pull = jax.vjp(case, x, kernel)
        np.testing.assert_array_equal(again, truth)
        found = Machine(module).call("main", [Dual(x[np.newaxis]), Dual(kernel[np.newaxis])])[0]
        np.testing.assert_allclose(found.value[0], truth, rtol=1e-12)
        weights = np.random.default_rng(5).normal(size=truth.shape)
        for slope, pulled in zip(
            slopes(module, x, kernel), pull(jnp.asarray(weights)), strict=True
        ):
            mine = np.tensordot(weights, slope, axes=truth.ndim)
            np.testing.assert_allclose(mine, pulled, rtol=1e-10, atol=1e-12)


@settings(few, max_examples=400)
@given(convolutions())
def test_a_fact_names_what_is_read(case: Convolution) -> None:
    """All that moves an element, and no more where intervals can say so."""
    x, kernel = drawn(case)
    with jax.enable_x64(True):
        module = imported(case, x, kernel)
    op, block = only(module), main_of(module).body.block
    facts = DependenceOf(block, block.args).of(op.result)
    apart = [set(case.options[name]) <= {1} for name in ("rhs_dilation", "lhs_dilation")]
    rows = lax.shape_of(op.result)[lax.tuple_of(op.out_spec)[0]]
    exact = [apart[0] and (case.options["batch_group_count"] == 1 or rows == 1), apart[1]]
    for argument, slope, is_exact in zip(block.args, slopes(module, x, kernel), exact, strict=True):
        read, fact = slope != 0, facts.get(argument)
        said = np.zeros_like(read) if fact is None else relation(fact)
        assert not np.any(read & ~said), "an element is read and not named"
        if is_exact:
            assert np.array_equal(read, said)


@few
@given(convolutions())
def test_sums_of_products_of_positive_numbers(case: Convolution) -> None:
    """Positive where every window meets x, and else 0 may be among them."""

    def positive(x: Any, kernel: Any) -> Any:
        return case(jnp.exp(x), 1.0 + kernel**2)

    x, kernel = drawn(case)
    module = imported(positive, x.astype(np.float32), kernel.astype(np.float32))
    found, value = Ranges().of(only(module).result), np.asarray(positive(x, kernel))
    assert found.nonnegative
    assert not found.positive or np.all(value > 0)
    assert not np.any(value < 0)


@pytest.mark.parametrize("around", [0, 1, 2, 3])
def test_a_smoothed_rate_is_positive(around: int) -> None:
    """But for windows of padding alone: zeros."""

    def smoothed(x: Any) -> Any:
        kernel = jnp.array([[[1.0, 2.0, 1.0]]])
        return jax.lax.conv_general_dilated(
            jnp.exp(x)[None, None], kernel, (1,), [(around, around)]
        )

    found = Ranges().of(only(imported(smoothed, np.zeros(5, np.float32))).result)
    assert found.nonnegative
    assert found.positive == (around < 3)


def test_a_filtered_draw_is_differentiated() -> None:
    """It is smooth, and the gradient is the same where it is written out."""
    y = np.array([1.0, 3.0, 2.0, 4.0, 0.5], np.float32)

    def model(y: jax.Array) -> None:
        with relbo_ir.plate("elements", 5):
            z = relbo_ir.sample("z", nd.Normal(0.0, 1.0))
            relbo_ir.observe("y", nd.Normal(jnp.convolve(z, jnp.arange(1.0, 4.0), "same"), 1.0), y)

    def guide(y: jax.Array) -> None:
        loc = relbo_ir.param("loc", jnp.zeros(5))
        with relbo_ir.plate("elements", 5):
            relbo_ir.sample("z", nd.Normal(loc, 0.5))

    with pytest.warns(relbo_ir.RelboWarning, match=r"by lax\.conv_general_dilated "):
        program = relbo_ir.ELBO(model, guide).compile(y)
    with pytest.warns(relbo_ir.RelboWarning, match=r"by lax\.conv_general_dilated "):
        explicit = relbo_ir.ELBO(model, guide).compile(y, pipeline="explicit")
    assert "all that reads it is smooth in it" in program.explain()
    start, key = program.init(), jax.random.key(0)
    value, gradient = program.value_and_grad(start, key)
    again, written = explicit.value_and_grad(start, key)
    np.testing.assert_allclose(again, value, rtol=1e-6)
    np.testing.assert_allclose(written["loc"], gradient["loc"], rtol=1e-5)
