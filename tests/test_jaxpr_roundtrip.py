"""
Import of a jaxpr and emission back: the same values and gradients, bit for bit.

Each case is a JAX function and arguments. The function, its derivative and (where asked) its second
derivative are compared with those of its roundtrip: either JAX lowers both to one StableHLO text,
which is equality at all inputs, or both are compiled and run, and their results have equal bits,
every NaN being equal to every other. The subset `compat` always runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import jaxpr_as_fun
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects.scopes import verify_module
from relbo_ir.lowering.emit import emit_function
from relbo_ir.lowering.executable import load
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.import_jaxpr import Importer
from relbo_ir.pipelines import parse_module

Array = np.ndarray[Any, Any]
Arguments = tuple[Array, ...]


def imported(function: Callable[..., Any], *args: Any) -> ModuleOp:
    """The function as `@main` of a new module, which verifies and reads back from its text."""
    module = ModuleOp([])
    closed = jax.make_jaxpr(function)(*args)
    functions = Functions(module)
    importer = Importer(functions, InsertPoint.at_end(module.body.block))
    functions.insert(importer.function_op(closed, "a test"), "main")
    verify_module(module)
    text = str(module)
    again = parse_module(text)
    assert again.is_structurally_equivalent(module)
    assert str(again) == text
    return module


def roundtrip(function: Callable[..., Any], *args: Any) -> Callable[..., list[Any]]:
    """The function imported, printed, parsed, emitted and loaded; it gives its flat results."""
    module = parse_module(str(imported(function, *args)))
    main = next(op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main")
    single = len(main.function_type.outputs.data) == 1
    run = load(emit_function(module, "main"))["main"]

    def call(*xs: Any) -> list[Any]:
        results = run(*xs)
        return [results] if single else list(results or ())

    return call


def same(left: Any, right: Any) -> None:
    """Equal types and bits; one NaN is as good as another."""
    assert left.dtype == right.dtype
    assert left.shape == right.shape
    if jnp.issubdtype(left.dtype, jax.dtypes.prng_key):
        left, right = jax.random.key_data(left), jax.random.key_data(right)
    a, b = np.asarray(left), np.asarray(right)
    if jnp.issubdtype(a.dtype, np.inexact):
        real, other = a.view(a.real.dtype), b.view(b.real.dtype)
        nan = np.isnan(real)
        np.testing.assert_array_equal(nan, np.isnan(other))
        a, b = np.where(nan, 0, real), np.where(nan, 0, other)
    assert a.tobytes() == b.tobytes(), f"{a} is not {b}"


def is_float(value: Any) -> bool:
    return bool(jnp.issubdtype(value.dtype, np.floating))


def with_derivatives(function: Callable[..., Any], order: int) -> Callable[..., list[Any]]:
    """(args, cotangents by order) → results, their pullback, the pullback of that."""
    if order == 0:
        return lambda args, _: jax.tree.leaves(function(*args))

    def pulled(args: list[Any], cotangents: list[list[Any]]) -> list[Any]:
        inner = with_derivatives(function, order - 1)
        places = [k for k, x in enumerate(args) if is_float(x)]

        def of_floats(*floats: Any) -> list[Any]:
            full = list(args)
            for k, x in zip(places, floats, strict=True):
                full[k] = x
            return [y for y in inner(full, cotangents[1:]) if is_float(y)]

        _, pull = jax.vjp(of_floats, *[args[k] for k in places])
        return [*inner(args, cotangents[1:]), *pull(cotangents[0])]

    return pulled


def _cotangents(
    function: Callable[..., Any], args: Arguments, order: int, rng: np.random.Generator
) -> list[list[Any]]:
    given: list[list[Any]] = []
    for level in range(order):
        outs = jax.eval_shape(with_derivatives(function, level), list(args), given)
        drawn = [np.asarray(rng.normal(size=y.shape), y.dtype) for y in outs if is_float(y)]
        given.insert(0, drawn)
    return given


def check(function: Callable[..., Any], *args: Any, order: int = 1, eager: bool = False) -> None:
    """The function and its roundtrip have equal values and derivatives up to `order`."""
    rng = np.random.default_rng(7)
    again = roundtrip(function, *args)
    if not any(is_float(x) for x in args):
        order = 0
    while True:
        try:
            cotangents = _cotangents(function, args, order, rng)
            jax.eval_shape(with_derivatives(function, order), list(args), cotangents)
            break
        except (NotImplementedError, ValueError, TypeError) as error:
            assert order > 0
            with pytest.raises(type(error)):
                given = _cotangents(again, args, order, rng)
                jax.eval_shape(with_derivatives(again, order), list(args), given)
            order -= 1
    programs = [jax.jit(with_derivatives(f, order)) for f in (function, again)]
    lowered = [program.lower(list(args), cotangents) for program in programs]
    if eager or lowered[0].as_text() != lowered[1].as_text():
        left, right = (low.compile()(list(args), cotangents) for low in lowered)
        for a, b in zip(left, right, strict=True):
            same(a, b)
    if eager:
        reference = jaxpr_as_fun(jax.make_jaxpr(function)(*args))(*args)
        for a, b in zip(reference, again(*args), strict=True):
            if is_float(a):
                left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
                np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-30)
            else:
                same(jnp.asarray(a), jnp.asarray(b))


@contextmanager
def precision(name: str) -> Iterator[Any]:
    """float32 without, float64 with x64; gives the dtype."""
    with jax.enable_x64(name == "float64"), np.errstate(all="ignore"):
        yield np.dtype(name)


EDGES = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -2.5, 1e4, 16777217.0)


def edges(dtype: Any) -> Array:
    """The awkward numbers of a type, and some ordinary ones."""
    kind = np.dtype(dtype)
    if kind == np.bool_:
        return np.array([False, True, True, False])
    if np.issubdtype(kind, np.integer):
        info = np.iinfo(kind)
        values = [0, 1, 2, 3, 7, 13, info.max, info.max - 1, info.min, info.min + 1]
        return np.array(values, kind)
    info = jnp.finfo(kind)
    tiny = [info.tiny, info.smallest_subnormal, -info.smallest_subnormal, info.max, info.min]
    drawn = np.random.default_rng(3).normal(size=6)
    return np.array([*EDGES, *drawn], np.float64).astype(kind).tolist() and np.concatenate(
        [np.array([*EDGES, *drawn]).astype(kind), np.array([float(v) for v in tiny]).astype(kind)]
    )


def pairs(dtype: Any) -> tuple[Array, Array]:
    """Every pair of some awkward numbers."""
    few = edges(dtype)
    few = few[[*range(0, len(few), 2), len(few) - 1]]
    x, y = np.meshgrid(few, few)
    return x.reshape(-1), y.reshape(-1)


def normal(*shape: int, seed: int = 0) -> Callable[[Any], Array]:
    """Ordinary numbers."""
    return lambda dtype: np.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def fixed(value: Any, dtype: Any = None) -> Callable[[Any], Array]:
    """These numbers; in the type of the case, unless one is given."""
    return lambda case: np.asarray(value, case if dtype is None else dtype)


UNARY = (
    "neg abs sign floor ceil exp exp2 expm1 log log1p sin cos tan asin acos atan sinh cosh tanh "
    "asinh acosh atanh sqrt rsqrt cbrt square logistic lgamma digamma erf erfc erf_inv "
    "stop_gradient is_finite"
).split()
BINARY = (
    "add sub mul div rem pow max min atan2 nextafter igamma igammac igamma_grad_a "
    "random_gamma_grad polygamma zeta eq ne lt le gt ge"
).split()
INTEGER_UNARY = "neg abs sign bitwise_not square population_count clz".split()
INTEGER_BINARY = (
    "add sub mul div rem max min bitwise_and bitwise_or bitwise_xor shift_left "
    "shift_right_logical shift_right_arithmetic eq ne lt le gt ge"
).split()
COMPAT = {"sub", "lgamma", "erf_inv", "pow", "zeta"}


def _named(names: list[str]) -> list[Any]:
    return [pytest.param(n, marks=[pytest.mark.compat] if n in COMPAT else []) for n in names]


def _everywhere(one: Callable[..., Any]) -> Callable[..., Any]:
    """The op on vectors, on rank 0, on axes of size 0 and 1, and beside Python numbers."""

    def function(*xs: Any) -> Any:
        shaped = [[x[3] for x in xs], [x[:0] for x in xs], [x[5:6] for x in xs]]
        shaped.append([x[:4].reshape(2, 1, 2) for x in xs])
        return [one(*xs), *[one(*ys) for ys in shaped]]

    return function


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", _named(UNARY))
def test_unary(name: str, dtype: str) -> None:
    with precision(dtype) as kind:
        check(_everywhere(getattr(lax, name)), edges(kind), eager=name in COMPAT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", _named(BINARY))
def test_binary(name: str, dtype: str) -> None:
    with precision(dtype) as kind:
        check(_everywhere(getattr(lax, name)), *pairs(kind), eager=name in COMPAT)
