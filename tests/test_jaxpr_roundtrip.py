"""
Import of a jaxpr and emission back: the same values and gradients, bit for bit.

Each case is a JAX function and arguments. The function, its derivative and (where asked) its second
derivative are compared with those of its roundtrip: either JAX lowers both to one StableHLO text,
which is equality at all inputs, or both are compiled and run, and their results have equal bits,
every NaN being equal to every other. The subset `compat` always runs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.work import counted
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import jaxpr_as_fun
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.rewriter import InsertPoint

import relbo_ir as rb
from relbo_ir.dialects.errors import UnsupportedError
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


def _reals(array: Any) -> Array:
    """Complex numbers as pairs."""
    return array.view(array.real.dtype)


def same(left: Any, right: Any, ulps: int = 0) -> None:
    """
    Equal types and bits, one NaN being as good as another; or equal to some units in the last
    place of the largest element.
    """
    assert left.dtype == right.dtype
    assert left.shape == right.shape
    if jnp.issubdtype(left.dtype, jax.dtypes.prng_key):
        left, right = jax.random.key_data(left), jax.random.key_data(right)
    a, b = np.asarray(left), np.asarray(right)
    if jnp.issubdtype(a.dtype, np.inexact):
        real, other = _reals(a), _reals(b)
        nan = np.isnan(real)
        np.testing.assert_array_equal(nan, np.isnan(other))
        a, b = np.where(nan, 0, real), np.where(nan, 0, other)
        if ulps:
            step = ulps * float(jnp.finfo(a.dtype).eps)
            size = np.abs(a, where=np.isfinite(a), out=np.zeros_like(a)).max(initial=0.0)
            np.testing.assert_allclose(b, a, rtol=step, atol=step * float(size))
            return
    assert a.tobytes() == b.tobytes(), f"{a} is not {b}"


def is_float(value: Any) -> bool:
    return bool(jnp.issubdtype(value.dtype, np.floating))


def with_derivatives(function: Callable[..., Any], order: int) -> Callable[..., list[Any]]:
    """(args, cotangents by order) → results, their pullback, the pullback of that."""
    if order == 0:
        return lambda args, _: [jnp.asarray(y) for y in jax.tree.leaves(function(*args))]

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


def check(
    function: Callable[..., Any], *args: Any, order: int = 1, eager: bool = False, ulps: int = 0
) -> None:
    """
    The function and its roundtrip have equal values and derivatives up to `order`. `eager` runs
    them compiled, and op by op as well.
    """
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
            same(a, b, ulps)
    if eager:
        reference = jaxpr_as_fun(jax.make_jaxpr(function)(*args))(*args)
        for a, b in zip(reference, again(*args), strict=True):
            if is_float(a):
                left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
                np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-30)
            else:
                same(jnp.asarray(a), jnp.asarray(b))


@contextmanager
def precision(name: str) -> Generator[Any]:
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
    return np.array([*EDGES, *drawn, *[float(v) for v in tiny]]).astype(kind)


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


UNARY = [
    "neg",
    "abs",
    "sign",
    "floor",
    "ceil",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "sqrt",
    "rsqrt",
    "cbrt",
    "square",
    "logistic",
    "lgamma",
    "digamma",
    "erf",
    "erfc",
    "erf_inv",
    "stop_gradient",
    "is_finite",
]
BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "rem",
    "pow",
    "max",
    "min",
    "atan2",
    "nextafter",
    "igamma",
    "igammac",
    "igamma_grad_a",
    "random_gamma_grad",
    "polygamma",
    "zeta",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
]
INTEGER_UNARY = ["neg", "abs", "sign", "bitwise_not", "square", "population_count", "clz"]
INTEGER_BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "rem",
    "max",
    "min",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "shift_left",
    "shift_right_logical",
    "shift_right_arithmetic",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
]
COMPAT = {
    "sub",
    "lgamma",
    "erf_inv",
    "pow",
    "zeta",
    "cholesky",
    "cond",
    "convolution",
    "dot_general",
    "dynamic_slice_twice_negative",
    "fori_loop",
    "fori_loop_dynamic",
    "gather_fill_value",
    "jit_shared",
    "logsumexp",
    "pad",
    "platform",
    "random",
    "random_legacy",
    "reductions",
    "remat",
    "scan",
    "scatter_add",
    "scatter_max",
    "slice",
    "solve",
    "sort_several",
    "split",
    "stack",
    "switch",
    "take",
    "top_k",
    "unstack",
    "while",
}


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
        eager = name in COMPAT and dtype == "float32"
        check(_everywhere(getattr(lax, name)), edges(kind), eager=eager)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", _named(BINARY))
def test_binary(name: str, dtype: str) -> None:
    with precision(dtype) as kind:
        one = getattr(lax, name)
        slow = name == "random_gamma_grad"  # JAX lowers it differently each time: it is run
        eager = name in COMPAT and dtype == "float32"
        check(one if slow else _everywhere(one), *pairs(kind), eager=eager)


INTEGERS = ("int32", "int64", "uint8", "int8", "uint32")


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers(dtype: str) -> None:
    with precision("float64"):
        x, y = pairs(dtype)

        def function(x: Any, y: Any) -> Any:
            signless = INTEGER_UNARY if dtype.startswith("i") else INTEGER_UNARY[3:]
            unary = [getattr(lax, name)(x) for name in signless]
            beside = [lax.add(x, np.asarray(np.iinfo(dtype).max, dtype)), lax.mul(y[3], y[3])]
            return [*unary, *[getattr(lax, name)(x, y) for name in INTEGER_BINARY], *beside]

        check(function, x, y)


def test_booleans() -> None:
    x, y = pairs(np.bool_)
    operations = (lax.bitwise_and, lax.bitwise_or, lax.bitwise_xor, lax.eq, lax.max, lax.min)
    check(lambda x, y: [*[f(x, y) for f in operations], lax.bitwise_not(x), x & True], x, y)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(dtype: str) -> None:
    with np.errstate(all="ignore"):
        x, y = pairs(jnp.dtype(dtype))

    def function(x: Any, y: Any) -> Any:
        unary = [getattr(lax, n)(x) for n in ("exp", "log1p", "tanh", "lgamma", "erf", "sqrt")]
        both = [getattr(lax, n)(x, y) for n in ("add", "sub", "div", "pow", "max", "lt")]
        z = y.reshape(14, -1)
        return [*unary, *both, z.sum(0), lax.reduce_sum(z, (1,)), z @ z.T, x * 0.1, z.max()]

    with np.errstate(all="ignore"):
        check(function, x, y)


CONVERTED = ("float32", "float64", "float16", "bfloat16", "int32", "int8", "uint32", "bool")


@pytest.mark.compat
def test_conversions() -> None:
    with precision("float64"):
        values = [edges(jnp.dtype(name)) for name in CONVERTED]

        def function(*xs: Any) -> Any:
            one = [lax.convert_element_type(x, jnp.dtype(n)) for x in xs for n in CONVERTED]
            constants = [
                lax.convert_element_type(np.asarray(v, v.dtype)[k], jnp.dtype(n))
                for v in values
                for n in CONVERTED
                for k in (0, 2, len(v) - 1)
            ]
            return one, constants

        check(function, *values)


@dataclass(frozen=True)
class Case:
    """
    A function, how its arguments are made for a float type, and the order of derivatives.

    `ulps` is 0 but where JAX differentiates the function across an inner `jit` or a remat, which
    the import inlines: sums of cotangents are then added in another order, and XLA fuses otherwise.
    """

    function: Callable[..., Any]
    arguments: tuple[Callable[[Any], Array], ...]
    order: int = 1
    ulps: int = 0


def case(function: Callable[..., Any], *arguments: Any, order: int = 1, ulps: int = 0) -> Case:
    return Case(function, arguments, order, ulps)


M, V, T = normal(3, 4), normal(5, seed=1), normal(2, 3, 4, seed=2)
INDEX = fixed([3, -1, 0, 7, 2, -9], np.int32)
EDGE = edges


def _numbers(**given: Any) -> Any:
    defaults = {"operand_batching_dims": (), "start_indices_batching_dims": ()}
    return lax.GatherDimensionNumbers(**(defaults | given))


ROWS = _numbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
ROW_SCATTER = lax.ScatterDimensionNumbers((1,), (0,), (0,))


def _gather(mode: str, fill: Any = None) -> Callable[..., Any]:
    def function(x: Any, i: Any) -> Any:
        return lax.gather(x, i[:, None], ROWS, (1, x.shape[1]), mode=mode, fill_value=fill)

    return function


def _scatter(name: str, mode: str = "fill") -> Callable[..., Any]:
    def function(x: Any, i: Any, u: Any) -> Any:
        return getattr(lax, name)(x, i[:, None], u, ROW_SCATTER, mode=mode, unique_indices=False)

    return function


def _reductions(x: Any) -> Any:
    sums = (lax.reduce_sum, lax.reduce_prod, lax.reduce_max, lax.reduce_min)
    return [f(x, axes) for f in sums for axes in ((0,), (1,), (0, 2), (0, 1, 2), ())]


def _empty_reductions(x: Any) -> Any:
    empty = x[:0]
    sums = (lax.reduce_sum, lax.reduce_prod, lax.reduce_max, lax.reduce_min)
    return [*[f(empty, (0,)) for f in sums], jnp.sum(empty), lax.reduce_sum(x[0, 0], ())]


SHAPES: dict[str, Case] = {
    "broadcast": case(
        lambda x: [jnp.broadcast_to(x, (2, 3, 4)), x[:, None] + x, x * jnp.ones((0, 3, 4))], M
    ),
    "broadcast_rank_0": case(lambda x: lax.broadcast_in_dim(x, (2, 3), ()), fixed(2.5)),
    "reshape": case(
        lambda x: [x.reshape(4, 3), x.reshape(-1), x.reshape(1, 12, 1), x[:0].reshape(0, 2)], M
    ),
    "reshape_order": case(lambda x: lax.reshape(x, (4, 3), dimensions=(1, 0)), M),
    "transpose": case(lambda x: [x.T, jnp.moveaxis(x, 0, 1), lax.transpose(x, (2, 0, 1))], T),
    "squeeze": case(lambda x: [lax.squeeze(x[:1], (0,)), jnp.squeeze(x[:1, :1])], M),
    "expand_dims": case(lambda x: jnp.expand_dims(x, (0, 3)), M),
    "concatenate": case(
        lambda x, y: [jnp.concatenate([x, y], 0), lax.concatenate([x, y, x[:0]], 0)], M, M
    ),
    "concatenate_axis": case(lambda x: lax.concatenate([x, x[:, :1]], 1), M),
    "stack": case(
        lambda x, y: [jnp.stack([x, y]), jnp.stack([x, y], -1), jnp.stack([x[0, 0], y[0, 0]])], M, M
    ),
    "unstack": case(lambda x: [*jnp.unstack(x), *jnp.unstack(x, axis=1), *jnp.unstack(x[:1])], M),
    "split": case(
        lambda x: [*jnp.split(x, 2, 1), *lax.split(x, (1, 2), 0), *lax.split(x, (3,), 0)], M
    ),
    "slice": case(
        lambda x: [x[1:3], x[::2], x[:, 1:4:2], x[2:2], lax.slice(x, (0, 1), (3, 4), (2, 3))], M
    ),
    "pad": case(lambda x: [jnp.pad(x, 1), lax.pad(x, x[0, 0], ((1, -1, 2), (-2, 3, 0)))], M),
    "pad_constant": case(lambda x: lax.pad(x, np.asarray(-0.0, x.dtype), ((0, 0, 1),)), V),
    "rev": case(lambda x: [x[::-1], jnp.flip(x), lax.rev(x, (1,))], M),
    "iota": case(
        lambda x: [x + jnp.arange(4), lax.broadcasted_iota(jnp.int32, (2, 3), 1), jnp.arange(0)], M
    ),
    "tile": case(lambda x: [jnp.tile(x, (2, 1)), jnp.repeat(x, 2, 0)], M),
    "where": case(lambda x: [jnp.where(x > 0, x, 0.0), jnp.where(x.sum() > 0, x, -x)], M),
    "select_n": case(
        lambda x, i: [lax.select_n(i, x, -x, 2 * x), lax.select_n(i[0], x, x, -x)],
        V,
        fixed([0, 1, 2, 1, 0], np.int32),
    ),
    "select_edges": case(lambda x: lax.select_n(x > 0, x, jnp.full_like(x, np.inf)), EDGE),
    "clamp": case(
        lambda x: [
            lax.clamp(np.asarray(-1, x.dtype), x, np.asarray(1.5, x.dtype)),
            lax.clamp(x - 1, x, x + 1),
            jnp.clip(x, 0, 1),
        ],
        EDGE,
    ),
    "integer_pow": case(
        lambda x: [lax.integer_pow(x, k) for k in (-3, -1, 0, 1, 2, 7)], EDGE, order=2
    ),
    "power_by_integers": case(
        lambda x, i: [lax.pow(x, i), x**i], V, fixed([0, 1, -2, 3, 4], np.int32)
    ),
    "reduce_precision": case(lambda x: lax.reduce_precision(x, 5, 7), EDGE),
    "bitcast": case(
        lambda i: lax.bitcast_convert_type(i, jnp.float32), fixed([0, 2**31 - 1, -1], np.int32)
    ),
    "round": case(lambda x: [jnp.round(x), lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO)], EDGE),
}
REDUCTIONS: dict[str, Case] = {
    "reductions": case(_reductions, T, order=2),
    "reductions_edges": case(
        lambda x: [jnp.sum(x), jnp.max(x), jnp.min(x), jnp.prod(x), jnp.mean(x)], EDGE
    ),
    "reductions_empty": case(_empty_reductions, T),
    "reduce_integers": case(
        lambda i: [
            i.sum(),
            i.max(),
            lax.reduce_and(i, (0,)),
            lax.reduce_or(i, (0,)),
            lax.reduce_xor(i, (0,)),
        ],
        INDEX,
    ),
    "reduce_booleans": case(
        lambda x: [
            (x > 0).all(),
            (x > 0).any(0),
            (x > 0).all(1),
            lax.reduce_xor(x > 0, (0,)),
            (x > 0).sum(),
        ],
        M,
    ),
    "argument": case(
        lambda x: [jnp.argmax(x), x.argmin(0), lax.argmax(x, 1, jnp.int32), x.argmax(-1)], M
    ),
    "argument_nan": case(
        lambda x: [lax.argmax(x, 0, jnp.int32), lax.argmin(x, 0, jnp.int32)], EDGE
    ),
    "cumulative": case(
        lambda x: [
            f(x, a, reverse=r)
            for f in (lax.cumsum, lax.cumprod, lax.cummax, lax.cummin, lax.cumlogsumexp)
            for a in (0, 1)
            for r in (False, True)
        ],
        M,
    ),
    "cumulative_integers": case(lambda i: [jnp.cumsum(i), lax.cummax(i)], INDEX),
    "sort": case(
        lambda x: [
            jnp.sort(x),
            jnp.sort(x, 0),
            -jnp.sort(-x),
            jnp.sort(x, stable=False),
            jnp.median(x),
        ],
        M,
    ),
    "sort_edges": case(lambda x: [jnp.sort(x), jnp.argsort(x)], EDGE),
    "sort_several": case(
        lambda x, y: lax.sort((x, y, -x), dimension=1, num_keys=2), fixed([[1, 0, 1, 0]] * 3), M
    ),
    "dot_general": case(
        lambda x, y: [
            lax.dot_general(x, y, (((2,), (2,)), ((0,), (0,)))),
            lax.dot_general(x, y, (((1, 2), (1, 2)), ((), ()))),
            jnp.einsum("abc,abd->bcd", x, y),
        ],
        T,
        T,
        order=2,
    ),
    "dot_precision": case(
        lambda x: [
            jnp.dot(x, x.T, precision="highest"),
            jnp.dot(x, x.T, precision="high"),
            lax.dot(x, x.T, precision=(lax.Precision.HIGHEST, lax.Precision.DEFAULT)),
        ],
        M,
    ),
    "dot_integers": case(
        lambda i: [
            i @ i,
            lax.dot(i.astype(np.int8), i.astype(np.int8), preferred_element_type=jnp.int32),
        ],
        INDEX,
    ),
    "dot_mixed": case(
        lambda x: lax.dot(
            x.astype(jnp.bfloat16), x.T.astype(jnp.bfloat16), preferred_element_type=jnp.float32
        ),
        M,
    ),
    "dot_empty": case(
        lambda x: [x[:, :0] @ x[:0], x[:0] @ x.T, jnp.vdot(x[0], x[1])], normal(4, 4)
    ),
    "convolution": case(
        lambda x: [
            jnp.convolve(x, x[:3], mode="same"),
            jnp.convolve(x[:2], x),
            jnp.correlate(x, x[1:3], mode="valid"),
            jax.scipy.signal.convolve(x, x[:2]),
        ],
        V,
        order=2,
    ),
    "convolution_options": case(
        lambda x: [
            lax.conv(x[None, None], x[None, None, :2, :2], (1, 2), "SAME"),
            lax.conv_general_dilated(
                x[None, None], x[None, None, :2, :2], (1, 2), "SAME", rhs_dilation=(2, 1)
            ),
            lax.conv_general_dilated(
                x[None, None], x[None, None], (2, 1), [(-1, 4), (3, 0)], lhs_dilation=(1, 3)
            ),
            lax.conv_general_dilated(x, x[:2, :3].T @ x[:2], (), ()),
            lax.conv_transpose(x[None], x[:2, :, None], (2,), "SAME"),
            jax.scipy.signal.convolve(x, x[:2, :2], method="direct"),
        ],
        M,
        order=2,
    ),
    "convolution_layouts": case(
        lambda x: [
            lax.conv_general_dilated(
                x[..., None], x[:1, :2, None, :2], (1, 1), "VALID", dimension_numbers=numbers
            )
            for numbers in (("HNWC", "HWIO", "NHWC"), ("NWHC", "WHIO", "CHNW"))
        ],
        T,
    ),
    "convolution_groups": case(
        lambda x: [
            lax.conv_general_dilated(
                x, x[:1, :, :2].reshape(3, 1, 2), (1,), "SAME", feature_group_count=3
            ),
            lax.conv_general_dilated(x, x[..., :2], (1,), "SAME", batch_group_count=2),
        ],
        T,
        order=2,
    ),
    "convolution_mapped": case(
        lambda x, y: jax.vmap(lambda a, b: jnp.convolve(a, b, "same"))(x, y[:, :2]), M, M, order=2
    ),
    "convolution_precision": case(
        lambda x: [
            jnp.convolve(x, x[:2], precision="highest"),
            jnp.convolve(x, x[:2], precision=("high", "high")),
            jnp.convolve(x, x[:2], precision=("high", "default")),
        ],
        V,
    ),
    "convolution_integers": case(
        lambda i: [
            jnp.convolve(i, i[:2]),
            lax.conv_general_dilated(i[None, None], i[None, None, :2], (1,), "VALID"),
            lax.conv_general_dilated(
                i[None, None].astype(np.int8),
                i[None, None, :2].astype(np.int8),
                (1,),
                "VALID",
                preferred_element_type=jnp.int32,
            ),
        ],
        INDEX,
    ),
    "logsumexp": case(
        lambda x: [jax.nn.logsumexp(x), jax.scipy.special.logsumexp(x, axis=0, b=2.0)], M, order=2
    ),
    "logsumexp_edges": case(jax.nn.logsumexp, EDGE),
    "logsumexp_minus_infinity": case(jax.nn.logsumexp, fixed([-np.inf] * 3)),
    "softmax": case(lambda x: [jax.nn.softmax(x), jax.nn.log_softmax(x, 0)], M, order=2, ulps=64),
    "statistics": case(
        lambda x: [x.var(0), x.std(ddof=1), jnp.linalg.norm(x), jnp.cov(x)], M, ulps=64
    ),
}
INDEXING: dict[str, Case] = {
    "dynamic_slice": case(
        lambda x, i: [
            lax.dynamic_slice(x, (i[1], i[0]), (2, 2)),
            lax.dynamic_index_in_dim(x, i[0], 0),
            x[i[0]],
        ],
        M,
        INDEX,
    ),
    "dynamic_slice_twice_negative": case(
        lambda x, i: [lax.dynamic_slice(x, (j,), (2,)) for j in i], V, INDEX
    ),
    "dynamic_update": case(
        lambda x, u, i: [lax.dynamic_update_slice(x, u, (j,)) for j in i], V, normal(2), INDEX
    ),
    "dynamic_update_constant": case(lambda x: x.at[1].set(2.0), V),
    "take": case(
        lambda x, i: [
            x[i],
            jnp.take(x, i, mode="fill"),
            jnp.take(x, i, mode="clip"),
            x.at[i].get(mode="fill", fill_value=-7),
        ],
        V,
        INDEX,
        order=2,
    ),
    "take_columns": case(lambda x, i: [x[:, i], x[..., None, i], x[i % 3, i]], M, INDEX),
    "take_along_axis": case(lambda x, i: jnp.take_along_axis(x, i[None, :4] % 4, 1), M, INDEX),
    "gather_clip": case(_gather("clip"), M, INDEX),
    "gather_fill": case(_gather("fill"), M, INDEX),
    "gather_fill_value": case(_gather("fill", 3.5), M, INDEX),
    "gather_promise": case(_gather("promise_in_bounds"), M, fixed([2, 0, 1], np.int32)),
    "gather_integers": case(
        lambda i, j: [
            _gather("fill")(i[:, None].astype(d), j) for d in (jnp.int32, jnp.uint8, jnp.bool_)
        ],
        INDEX,
        INDEX,
    ),
    "gather_batched": case(jax.vmap(lambda x, i: x[i]), normal(6, 4), INDEX),
    "scatter": case(_scatter("scatter"), M, fixed([2, 0, 5], np.int32), normal(3, 4, seed=5)),
    "scatter_add": case(
        _scatter("scatter_add"), M, fixed([2, 0, 2], np.int32), normal(3, 4, seed=5), order=2
    ),
    "scatter_add_clip": case(
        _scatter("scatter_add", "clip"), M, fixed([2, 9, -3], np.int32), normal(3, 4, seed=5)
    ),
    "scatter_max": case(
        _scatter("scatter_max"), M, fixed([2, 0, 2], np.int32), normal(3, 4, seed=5)
    ),
    "scatter_min": case(
        _scatter("scatter_min"), M, fixed([2, 0, 2], np.int32), normal(3, 4, seed=5)
    ),
    "scatter_mul": case(
        lambda x, i: x.at[i].multiply(2.0, unique_indices=True), M, fixed([2, 0], np.int32)
    ),
    "scatter_sub": case(lambda x, i: x.at[i].subtract(2.0), M, fixed([2, 0], np.int32)),
    "scatter_batched": case(
        jax.vmap(lambda x, i: x.at[i].add(1.0)), normal(6, 4), fixed([0, 1, 3, 2, 9, 1], np.int32)
    ),
    "segment_sum": case(
        lambda x, i: jax.ops.segment_sum(x, i, 3), normal(6), fixed([0, 2, 2, 1, 0, 2], np.int32)
    ),
}


def _shared(x: Any) -> Any:
    """JAX shares the jaxpr of `inner`: with one environment for both calls the second is wrong."""
    inner = jax.jit(lambda y: jnp.sin(y) * y + jnp.cos(y))
    return inner(inner(x)) - inner(x + 1.0) + jax.jit(lambda z: inner(z) * inner(z * 2.0))(x)


def _fibonacci(n: Any, x: Any) -> Any:
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[2], c[1] + c[2]), (0, x, x))


def _scan(x: Any, xs: Any) -> Any:
    def body(carry: Any, row: Any) -> Any:
        total, count = carry
        return (total * 0.5 + row["a"] @ x, count + 1), (total, row["b"] * count)

    rows = {"a": xs, "b": xs[:, 0]}
    results: list[Any] = []
    for reverse, unroll in ((False, 1), (True, 1), (False, 2), (True, 5)):
        results.append(lax.scan(body, (x[0], 0), rows, reverse=reverse, unroll=unroll))
    return results


def _nested_loops(x: Any) -> Any:
    def outer(carry: Any, k: Any) -> Any:
        inner = lax.fori_loop(0, 3, lambda i, c: c * jnp.sin(c) + k + i, carry)
        return lax.cond(k > 1, lambda y: y + inner, lambda y: y * inner, carry), inner

    return lax.scan(outer, x, jnp.arange(4, dtype=x.dtype))


CONTROL: dict[str, Case] = {
    "jit_shared": case(_shared, V, order=2, ulps=64),
    "jit_unused": case(lambda x, y: jax.jit(lambda a, b: (b, a, b))(x, y)[0], V, V),
    "scan": case(_scan, normal(4), normal(5, 4), order=2),
    "scan_consts_only": case(lambda x: lax.scan(lambda c, _: (c, x), 0, None, length=3), V),
    "scan_no_carry": case(lambda x: lax.scan(lambda _, row: (None, row * 2), None, x), M),
    "scan_empty": case(lambda x: lax.scan(lambda c, row: (c + row, c), x[0], x[:0]), M),
    "scan_carry_only": case(lambda x: lax.scan(lambda c, _: (c * x, None), x, length=4), V),
    "map": case(lambda x: lax.map(lambda r: r @ r, x), M),
    "associative_scan": case(lambda x: lax.associative_scan(lambda a, b: a * b, x), M),
    "fori_loop": case(lambda x: lax.fori_loop(0, 5, lambda i, c: c * 1.1 + i, x), V, order=2),
    "fori_loop_dynamic": case(
        lambda n, x: lax.fori_loop(0, n, lambda i, c: c * 1.1 + i, x), fixed(4, np.int32), V
    ),
    "while": case(_fibonacci, fixed(6, np.int32), fixed(1.5)),
    "while_consts": case(
        lambda n, x: lax.while_loop(lambda c: c.sum() < n, lambda c: c + x * x, x),
        fixed(9, np.int32),
        V,
    ),
    "cond": case(lambda x: [lax.cond(x[0] > k, jnp.sin, jnp.cos, x) for k in (-9, 9)], V, order=2),
    "cond_closed": case(
        lambda x, y: lax.cond(x[0] > y[0], lambda: (x, y * 2), lambda: (y, x)), V, normal(5)
    ),
    "switch": case(
        lambda x, i: [lax.switch(j, [jnp.sin, jnp.cos, lambda z: z * z], x) for j in i], V, INDEX
    ),
    "nested_loops": case(_nested_loops, fixed(0.7), order=2),
    "remat": case(lambda x: jax.checkpoint(lambda y: jnp.sin(jnp.sin(y)))(x), V, order=2, ulps=64),
    "remat_policy": case(
        jax.checkpoint(
            lambda x: jnp.dot(x, jnp.tanh(x.T)), policy=jax.checkpoint_policies.dots_saveable
        ),
        M,
    ),
    "stop_gradient": case(lambda x: x * lax.stop_gradient(jnp.exp(x)), V, order=2),
    "grad_inside": case(lambda x: jax.grad(lambda y: (jnp.sin(y) ** 3).sum())(x), V),
    "vmap_inside": case(lambda x: jax.vmap(jax.value_and_grad(lambda r: jnp.tanh(r).prod()))(x), M),
    "platform": case(lambda x: lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos), V),
    "optimization_barrier": case(lambda x: lax.optimization_barrier((x, x * 2)), V),
}


def _positive(x: Any) -> Any:
    return x @ x.T + 3.0 * jnp.eye(x.shape[0], dtype=x.dtype)


def _random(seed: Any) -> Any:
    key = jax.random.fold_in(jax.random.key(seed), 3)
    first, *rest = jax.random.split(key, 3)
    drawn = [jax.random.normal(first, (2, 2)), jax.random.exponential(rest[0], (3,))]
    return [*drawn, jax.random.randint(rest[1], (3,), 0, 9), jax.random.permutation(key, 5)]


BOUND: dict[str, Case] = {
    "cholesky": case(lambda x: jnp.linalg.cholesky(_positive(x)), M, order=2),
    "triangular_solve": case(
        lambda x: jax.scipy.linalg.solve_triangular(_positive(x), x, trans=1, lower=True), M
    ),
    "solve": case(lambda x: jnp.linalg.solve(_positive(x), x[:, 0]), M, order=2),
    "inverse": case(
        lambda x: [jnp.linalg.inv(_positive(x)), jnp.linalg.slogdet(_positive(x))[1]], M
    ),
    "cho_solve": case(lambda x: jax.scipy.linalg.solve(_positive(x), x, assume_a="pos"), M),
    "conjugate_gradient": case(
        lambda x: jax.scipy.sparse.linalg.cg(lambda v: _positive(x) @ v, x[:, 0])[0], M
    ),
    "eigh": case(lambda x: jnp.linalg.eigvalsh(_positive(x)), M),
    "svd": case(lambda x: jnp.linalg.svd(x, compute_uv=False), M),
    "qr": case(lambda x: jnp.linalg.qr(x.T), M),
    "fft": case(lambda x: [jnp.abs(jnp.fft.rfft(x)), jnp.fft.ifft(jnp.fft.fft(x)).real], M),
    "complex": case(lambda x: [jnp.abs(lax.complex(x, x)), lax.conj(lax.complex(x, x)).imag], V),
    "complex_constants": case(
        lambda x: [(x[:3] * 1j + np.array([1.0, -2j, complex(-0.0, 3.0)])).imag, (2j * x[0]).real],
        V,
    ),
    "spectra": case(
        lambda x: [
            jnp.fft.irfft(jnp.fft.rfft(x) ** 2, 3),
            jnp.fft.fft2(x).real,
            jnp.fft.rfftn(x).imag,
            jnp.fft.ifftn(x + 1j * x, axes=(0,)).imag,
        ],
        M,
    ),
    "top_k": case(lambda x: lax.top_k(x, 2), M),
    "reduce_window": case(
        lambda x: [
            lax.reduce_window(x, np.asarray(-np.inf, x.dtype), lax.max, (2, 2), (1, 1), "SAME"),
            lax.reduce_window(x, np.asarray(0, x.dtype), lax.add, (2, 2), (1, 2), "VALID"),
        ],
        M,
    ),
    "bessel": case(lambda x: [jax.scipy.special.i0e(x), jax.scipy.special.i1(x)], V),
    "checkpoint_name": case(lambda x: checkpoint_name(jnp.sin(x), 'a "b" \\ \n c'), V),
    "betainc": case(lambda x: jax.scipy.special.betainc(x**2, 2.0, 0.3), V),
    "special": case(
        lambda x: [
            f(x * x)
            for f in (
                jax.scipy.special.gammaln,
                jax.scipy.special.ndtr,
                jax.scipy.special.log_ndtr,
                jax.scipy.special.digamma,
                jax.scipy.special.expit,
            )
        ],
        V,
        order=2,
    ),
    "random": case(_random, fixed(3, np.int32), ulps=64),
    "random_gamma": case(lambda a: jax.random.gamma(jax.random.key(1), a), fixed(2.0), ulps=64),
    "random_legacy": case(
        lambda s: jax.random.uniform(jax.random.fold_in(jax.random.PRNGKey(s), 2), (3,)),
        fixed(3, np.int32),
    ),
    "random_vmapped": case(
        lambda s: jax.vmap(lambda t: jax.random.bits(jax.random.key(t)))(s), INDEX
    ),
}
TABLE: dict[str, Case] = {**SHAPES, **REDUCTIONS, **INDEXING, **CONTROL, **BOUND}


@pytest.mark.parametrize("name", _named(list(TABLE)))
def test_table(name: str) -> None:
    _test_entry(name, "float32")


@pytest.mark.parametrize("name", [n for n in TABLE if n not in BOUND or n == "solve"])
def test_table_in_float64(name: str) -> None:
    _test_entry(name, "float64")


def _test_entry(name: str, dtype: str) -> None:
    with precision(dtype) as kind:
        entry = TABLE[name]
        arguments = [make(kind) for make in entry.arguments]
        eager = name in COMPAT and dtype == "float32"
        order = entry.order if dtype == "float32" else 1
        check(entry.function, *arguments, order=order, eager=eager, ulps=entry.ulps)


def _callback(x: Any) -> Any:
    return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x)


def _printed(x: Any) -> Any:
    jax.debug.print("x = {}", x)
    return x


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "pure_callback": (_callback, "pure_callback cannot be held in IR: "),
    "debug_print": (_printed, "cannot be held in IR: "),
    "complex_fill": (
        lambda x: (1j * x).at[np.array([5])].get(mode="fill", fill_value=1j).real,
        "complex constant",
    ),
    "scatter_apply": (
        lambda x: jnp.concatenate([x, x]).at[0].apply(jnp.exp),
        r"has no derivative in JAX[\s\S]*write x.at\[i\].set",
    ),
    "other_keys": (lambda x: x * jax.random.normal(jax.random.key(1, impl="rbg")), "keys of type"),
    "float8": (lambda x: x.astype(jnp.float8_e4m3fn), "float8_e4m3fn have no IR type"),
}


@pytest.mark.compat
@pytest.mark.parametrize("name", list(REFUSED))
def test_what_cannot_be_held_is_a_clear_error(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(UnsupportedError, match=message) as caught:
        imported(function, np.ones(2, np.float32))
    assert "test_jaxpr_roundtrip.py:" in str(caught.value)


def test_a_closed_over_key_is_a_clear_error() -> None:
    key = jax.random.key(0)
    with pytest.raises(UnsupportedError, match="pass the key as an argument"):
        imported(lambda x: x + jax.random.normal(key), np.float32(1))


def test_equal_functions_are_shared_across_importers() -> None:
    def function(x: Any) -> Any:
        return jax.nn.softplus(lax.fori_loop(0, 3, lambda i, c: c * i, x)) + jax.nn.relu(x)

    module = imported(function, np.float32(1))
    count = len(list(module.ops))
    importer = Importer(functions := Functions(module), InsertPoint.at_end(module.body.block))
    closed = jax.make_jaxpr(function)(np.float32(1))
    functions.insert(importer.function_op(closed, "a test"), functions.reserve("again"))
    verify_module(module)
    assert len(list(module.ops)) == count + 1


def _long(length: int) -> Callable[..., Any]:
    def function(x: Any) -> Any:
        for k in range(length):
            x = x * 1.001 + k
        return x

    return function


def test_import_and_emission_are_linear() -> None:
    """5,000 equations take about five times the calls of 1,000, and no stack."""
    calls: list[int] = []
    for length in (1_000, 5_000):
        closed = jax.make_jaxpr(_long(length))(np.float32(1))

        def through(closed: Any = closed) -> str:
            functions = Functions(module := ModuleOp([]))
            importer = Importer(functions, InsertPoint.at_end(module.body.block))
            functions.insert(importer.function_op(closed, "a test"), "main")
            source = emit_function(module, "main")
            compile(source, "<test>", "exec")
            return source

        source, count = counted(through)
        calls.append(count)
        assert source.count("\n") > 2 * length
    assert calls[1] < 5.5 * calls[0]


@pytest.mark.parametrize("extreme", ["min", "max"])
def test_extremes_at_places_that_are_moved_inside_have_their_own_derivative(extreme: str) -> None:
    """JAX's own is that of the places before they are moved: an update that won moves nothing."""

    def kept(x: Any, rows: Any, mode: str) -> Any:
        updates = 0.5 * jnp.ones((len(rows), 2))
        return getattr(x.at[np.asarray(rows)], extreme)(updates * x[0, 0], mode=mode)

    weights = np.arange(1.0, 7.0).reshape(3, 2)
    start = jnp.array([[0.3, -0.9], [0.1, 0.4], [1.2, -0.2]])
    slopes: list[Any] = []
    for rows, mode in (([1, 9], "clip"), ([1, 2], "promise_in_bounds")):

        def model(rows: Any = rows, mode: str = mode) -> None:
            rb.factor("f", jnp.sum(weights * kept(rb.param("x", start), rows, mode)))

        objective = rb.ELBO(model).compile()
        u = objective.init(0)
        slopes.append(objective.value_and_grad(u, jax.random.key(0), objective.prepare()))
    np.testing.assert_allclose(slopes[0][0], slopes[1][0])
    np.testing.assert_allclose(slopes[0][1]["x"], slopes[1][1]["x"])
