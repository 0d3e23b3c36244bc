"""The emitted source: constants to the bit, ops of ours alone, hostile text, size, independence."""

from __future__ import annotations

import builtins
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.work import counted
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.scipy.special import betaln, logsumexp, xlog1py, xlogy
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    i32,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects import lax
from relbo_ir.dialects.errors import PassError, UnsupportedError
from relbo_ir.dialects.scopes import verify_module
from relbo_ir.lowering.emit import emit_function
from relbo_ir.lowering.executable import load
from relbo_ir.lowering.types import ir_type, literal
from relbo_ir.pipelines import parse_module

Array = np.ndarray[Any, Any]


def run(text: str, *args: Any) -> Any:
    """@main of a module's text, emitted and run."""
    return load(emit_function(parse_module(text), "main"))["main"](*args)


# Constants


def _constant(value: Array) -> Array:
    op = lax.ConstantOp(literal(value))
    block = Block([op, ReturnOp(op.result)])
    main = FuncOp("main", ([], [op.result.type]), Region(block))
    module = ModuleOp([main])
    verify_module(module)
    again = parse_module(str(module))
    assert again.is_structurally_equivalent(module)
    return np.asarray(load(emit_function(again, "main"))["main"]())


def _bits(value: int, kind: str) -> Array:
    size = np.dtype(kind).itemsize
    return np.frombuffer(value.to_bytes(size, "little"), kind)


CONSTANTS: dict[str, Any] = {
    "rank_0": np.float32(0.1),
    "negative_zero": np.array([-0.0, 0.0], np.float32),
    "infinities": np.array([np.inf, -np.inf, np.nan], np.float32),
    "splat_of_infinity": np.full((2, 3), -np.inf),
    "hex_in_xdsl": np.array([16777216.0, 1e8 + 1, 3.4e38], np.float32),
    "subnormals": np.array([1e-45, -1e-40, 1.1754944e-38], np.float32),
    "one_subnormal": np.full((3,), 1e-45, np.float32),
    "wide_subnormals": np.array([5e-324, -2.2e-308, 2.2250738585072014e-308]),
    "one_wide_subnormal": np.float64(5e-324),
    "payload": np.concatenate([_bits(0x7FC00001, "<f4"), _bits(0xFFC00000, "<f4")]),
    "splat_of_a_payload": np.broadcast_to(_bits(0x7FC00123, "<f4"), (2, 2)),
    "wide_payload": _bits(0x7FF8000000000123, "<f8"),
    "unsigned": np.array([2**64 - 1, 0, 2**63], np.uint64),
    "one_unsigned": np.uint64(2**64 - 1),
    "signed": np.array([-(2**63), 2**63 - 1]),
    "small": np.array([-128, 127], np.int8),
    "boolean": np.array([True, False]),
    "one_boolean": np.bool_(True),
    "empty": np.zeros((0,), np.float32),
    "empty_matrix": np.zeros((3, 0, 2), np.int32),
    "one_element": np.array([[[2.5]]], np.float32),
    "half": np.array([65504.0, 6e-8, -0.0], np.float16),
    "bfloat": np.array([3.0, np.inf, 1e-40], jnp.bfloat16),
}


@pytest.mark.parametrize("name", list(CONSTANTS))
@pytest.mark.compat
def test_constants_keep_every_bit(name: str) -> None:
    value = np.asarray(CONSTANTS[name])
    with jax.enable_x64(True):
        result = _constant(value)
    assert (result.dtype, result.shape) == (value.dtype, value.shape)
    assert result.tobytes() == value.tobytes()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8))
def test_any_float_keeps_its_bits(words: list[int]) -> None:
    value = np.array(words, "<u4").view("<f4")
    assert _constant(value).tobytes() == value.tobytes()


@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16"])
@pytest.mark.parametrize("number", ["0.1", "-0.0", "inf", "nan", "1e-40", "0x7fc00001"])
def test_numbers_beside_operands(dtype: str, number: str) -> None:
    """A splat beside another operand is written as a number of its type."""
    if number.startswith("0x") and dtype != "f32":
        number = "nan"
    text = f"""
    func.func @main(%x: tensor<2x{dtype}>) -> (tensor<2x{dtype}>, tensor<2xi1>) {{
      %c = lax.constant "{number}" : tensor<2x{dtype}>
      %r = lax.max %x, %c : tensor<2x{dtype}>
      %s = lax.le %c, %x : tensor<2x{dtype}> -> tensor<2xi1>
      func.return %r, %s : tensor<2x{dtype}>, tensor<2xi1>
    }}"""
    kind = {"f32": np.float32, "f64": np.float64, "bf16": jnp.bfloat16}[dtype]
    with jax.enable_x64(True):
        x = jnp.asarray([-1.0, 1e-38], kind)
        constant = jnp.full(2, np.nan if number.startswith("0x") else float(number), kind)
        greatest, less = run(text, x)
        expected = jnp.maximum(x, constant).astype(jnp.float64)
        np.testing.assert_array_equal(greatest.astype(jnp.float64), expected)
        np.testing.assert_array_equal(less, constant <= x)
        assert greatest.dtype == kind


# Ops that JAX has not as primitives

OURS: dict[str, tuple[int, Callable[..., Any]]] = {
    "softplus": (1, jax.nn.softplus),
    "round_half_even": (1, jnp.round),
    "round_half_away": (1, lambda x: jax.lax.round(x, jax.lax.RoundingMethod.AWAY_FROM_ZERO)),
    "copy": (1, lambda x: x),
    "logaddexp": (2, jnp.logaddexp),
    "xlogy": (2, xlogy),
    "xlog1py": (2, xlog1py),
    "betaln": (2, betaln),
    "regularized_incomplete_beta": (3, jax.scipy.special.betainc),
}


@pytest.mark.parametrize("short", list(OURS))
def test_ops_of_ours_alone(short: str) -> None:
    count, reference = OURS[short]
    names = [f"%x{k}" for k in range(count)]
    text = f"""
    func.func @main({", ".join(f"{n}: tensor<4xf32>" for n in names)}) -> tensor<4xf32> {{
      %r = lax.{short} {", ".join(names)} : tensor<4xf32>
      func.return %r : tensor<4xf32>
    }}"""
    arguments = [np.array([0.5, 2.5, 0.0, 0.9], np.float32) * (k + 1) for k in range(count)]
    arguments[-1] = np.minimum(arguments[-1], 0.75) if count == 3 else arguments[-1]
    np.testing.assert_array_equal(run(text, *arguments), reference(*arguments))

    def slope(function: Callable[..., Any]) -> Any:
        """In the last argument; betainc has no derivative in the others."""
        return jax.grad(lambda x: function(*arguments[:-1], x).sum())(arguments[-1])

    np.testing.assert_allclose(slope(lambda *xs: run(text, *xs)), slope(reference), rtol=1e-6)


def test_logsumexp() -> None:
    text = """
    func.func @main(%x: tensor<2x3xf32>) -> tensor<2xf32> {
      %r = lax.logsumexp %x {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
      func.return %r : tensor<2xf32>
    }"""
    x = np.array([[1e3, 1e3, -np.inf], [-np.inf] * 3], np.float32)
    np.testing.assert_array_equal(run(text, x), logsumexp(x, axis=1))


# Hostile text

HOSTILE = (
    "'",
    '"',
    '"""',
    "\\",
    "a\nb",
    "\r\n__import__('builtins').relbo_sentinel.append(1)\n",
    "'); __import__('builtins').relbo_sentinel.append(1); ('",
    '"""\n__import__("builtins").relbo_sentinel.append(1)\n"""',
    "{__import__('builtins').relbo_sentinel.append(1)}",
    "%s {0} {}",
    "# coding: utf-7",
    "\x00\x0c\x1b",
    "\u2028\u202e",
    "θ",
)


@pytest.fixture
def sentinel(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What hostile text would write into."""
    seen: list[int] = []
    monkeypatch.setattr(builtins, "relbo_sentinel", seen, raising=False)
    return seen


def _bind(primitive: str, parameters: dict[str, Attribute], symbol: str = "main") -> ModuleOp:
    type_ = ir_type(np.zeros(2, np.float32))
    block = Block(arg_types=[type_])
    op = lax.BindOp(primitive, [block.args[0]], parameters, [type_])
    block.add_ops([op, ReturnOp(op.values[0])])
    return ModuleOp([FuncOp(symbol, ([type_], [type_]), Region(block))])


@pytest.mark.compat
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_strings_are_data(text: str, sentinel: list[int]) -> None:
    """A string parameter, a symbol: escaped or absent, and the program still runs."""
    module = _bind("name", {"name": StringAttr(text)}, text)
    if text.isascii():
        again = parse_module(str(module))
        assert again.is_structurally_equivalent(module)
    source = emit_function(module, text)
    assert source.isascii()
    x = np.ones(2, np.float32)
    np.testing.assert_array_equal(load(source)["main"](x), x)
    assert not sentinel


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_errors(text: str, sentinel: list[int]) -> None:
    """The names of primitives, parameters, fields, members and dtypes are checked."""
    with pytest.raises(UnsupportedError, match="has no public name"):
        emit_function(_bind(text, {}), "main")
    hostile: tuple[dict[str, Attribute], ...] = (
        {text: StringAttr("a")},
        {"a": DictionaryAttr({"class": StringAttr("ConvDimensionNumbers"), text: StringAttr("")})},
        {"a": DictionaryAttr({"class": StringAttr(text)})},
        {"a": DictionaryAttr({"enum": StringAttr(f"Precision.{text}")})},
        {"a": DictionaryAttr({"enum": StringAttr(f"{text}.HIGH")})},
        {"a": DictionaryAttr({"dtype": StringAttr(text)})},
        {"a": DictionaryAttr({text: StringAttr("a")})},
    )
    for parameters in hostile:
        with pytest.raises(PassError, match="cannot be emitted"):
            emit_function(_bind("name", parameters), "main")
    platform: dict[str, Attribute] = {"platforms": ArrayAttr([ArrayAttr([StringAttr(text)])])}
    with pytest.raises(PassError, match="cannot be emitted"):
        emit_function(_bind("platform_index", platform), "main")
    assert not sentinel


@pytest.mark.parametrize("key", ["class", "lambda", "None", "a b", "", "1"])
def test_keywords_are_no_parameters(key: str) -> None:
    with pytest.raises(PassError, match="no name of a parameter"):
        emit_function(_bind("name", {key: StringAttr("a")}), "main")


@pytest.mark.parametrize("name", ["random_seed", "platform_index", "custom_linear_solve"])
def test_malformed_parameters_are_errors(name: str) -> None:
    wrong: dict[str, Attribute] = {"impl": IntegerAttr(1, i32), "const_lengths": StringAttr("a")}
    for parameters in ({}, wrong):
        with pytest.raises(PassError, match="cannot be emitted"):
            emit_function(_bind(name, parameters), "main")


def test_a_precision_that_is_none_is_an_error() -> None:
    """In text, and in an op that was changed after it was verified."""
    hostile, text = (
        "HIGH); evil(",
        """
    func.func @main(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
      %r = lax.dot_general %x, %x {x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1>, y_contract = array<i64: 0>, precision = "HIGH"} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
      func.return %r : tensor<2x2xf32>
    }""",
    )
    with pytest.raises(VerifyException, match="is no precision"):
        parse_module(text.replace("HIGH", hostile))
    module = parse_module(text)
    assert "precision=lax.Precision.HIGH)" in emit_function(module, "main")
    (product,) = (op for op in module.walk() if isinstance(op, lax.DotGeneralOp))
    product.properties["precision"] = StringAttr(hostile)
    with pytest.raises(VerifyException, match="is no precision"):
        emit_function(module, "main")


def test_a_missing_function_is_a_clear_error() -> None:
    with pytest.raises(PassError, match="no function"):
        emit_function(_bind("name", {}), "other")


# Size, independence, tracebacks


def _chain(length: int) -> str:
    lines = [f"%{k + 1} = lax.sin %{k} : tensor<f32>" for k in range(length)]
    body = "\n".join(lines).replace("%0 :", "%x :")
    return f"""func.func @main(%x: tensor<f32>) -> tensor<f32> {{
      {body}
      func.return %{length} : tensor<f32>
    }}"""


def test_emission_is_linear_and_flat() -> None:
    """Five times the ops take about five times the calls."""
    calls: list[int] = []
    for length in (1_000, 5_000):
        module = parse_module(_chain(length))
        source, count = counted(lambda module=module: emit_function(module, "main"))
        calls.append(count)
        assert callable(load(source)["main"])
        assert source.count("lax.sin") == length
    assert calls[1] < 5.5 * calls[0]


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("relbo_ir", "xdsl", "numpyro"):
            raise ImportError(name)

sys.meta_path.insert(0, Blocker())
source = sys.stdin.read()
namespace = {"__name__": "program"}
exec(compile(source, "<program>", "exec"), namespace)
import numpy as np
print(repr(float(namespace["main"](np.float32(0.5)))))
"""


@pytest.mark.compat
def test_the_source_runs_without_this_package() -> None:
    text = """
    func.func private @step(%c: tensor<f32>) -> tensor<f32> {
      %r = lax.sin %c : tensor<f32>
      func.return %r : tensor<f32>
    }
    func.func private @rule(%c: tensor<f32>, %d: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
      %r = lax.custom_jvp @step rule @rule(%c) : (tensor<f32>) -> tensor<f32>
      func.return %r, %d : tensor<f32>, tensor<f32>
    }
    func.func @main(%x: tensor<f32>) -> tensor<f32> {
      %a = lax.custom_jvp @step rule @rule(%x) : (tensor<f32>) -> tensor<f32>
      %b = lax.scan @step(%a) {num_consts = 0 : i64, num_carry = 1 : i64, length = 2 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>) -> tensor<f32>
      %c = lax.bind "bessel_i0e"(%b) {parameters = {}} : (tensor<f32>) -> tensor<f32>
      func.return %c : tensor<f32>
    }"""
    source = emit_function(parse_module(text), "main")
    assert "relbo" not in source
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED],
        input=source,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == float(run(text, np.float32(0.5)))


def test_tracebacks_show_the_sources_lines() -> None:
    text = """
    func.func @main(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
      %s = lax.add %x, %y : tensor<3xf32>
      func.return %s : tensor<3xf32>
    }"""
    with pytest.raises(TypeError) as caught:
        run(text, np.ones(3, np.float32), np.ones(4, np.float32))
    lines = "".join(traceback.format_exception(caught.value))
    assert "v2 = lax.add(a0, a1)" in lines
    assert "relbo-ir program" in lines
