"""parse(print(x)) is structurally x, at every level and in both syntaxes: nothing is lost in text."""

from __future__ import annotations

import math
import struct
from io import StringIO
from typing import Any

import pytest
from helpers.example_modules import EXAMPLES, example
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Program, awkward_programs, literals, programs, site_names
from xdsl.dialects import test
from xdsl.dialects.builtin import FloatAttr, ModuleOp, TensorType, bf16, f32, f64
from xdsl.ir import Attribute, Block, Region
from xdsl.parser import Parser
from xdsl.printer import Printer

from relbo_ir.dialects import lax, prob
from relbo_ir.dialects.lax import LiteralAttr
from relbo_ir.pipelines import context, parse_module, resolve, run

SYNTAX = {"custom": False, "generic": True}


def printed(module: ModuleOp, generic: bool) -> str:
    """The module's text."""
    stream = StringIO()
    Printer(stream, print_generic_format=generic).print_op(module)
    return stream.getvalue()


def survives(module: ModuleOp) -> None:
    """Prints, parses and verifies the module in both syntaxes; what comes back is the same."""
    custom = printed(module, generic=False)
    for generic in SYNTAX.values():
        text = printed(module, generic)
        back = parse_module(text)
        assert module.is_structurally_equivalent(back), text
        assert printed(back, generic) == text
        assert printed(back, generic=False) == custom


def attribute_survives(attribute: Attribute) -> None:
    """Prints and parses one attribute."""
    stream = StringIO()
    Printer(stream).print_attribute(attribute)
    assert Parser(context(), stream.getvalue()).parse_attribute() == attribute


@pytest.mark.compat
@settings(deadline=None, max_examples=25)
@given(programs())
def test_random_models_and_guides(program: Program) -> None:
    survives(program.module)


@settings(deadline=None, max_examples=8)
@given(programs())
def test_random_objectives_and_estimators(program: Program) -> None:
    module = program.module.clone()
    run(module, resolve(("relbo-form-elbo", "relbo-canonicalize", "cse")))
    survives(module)
    run(module, resolve(("relbo-score-function",)))
    survives(module)
    run(module, resolve(("relbo-lower-sampling",)))
    survives(module)


@pytest.mark.compat
@settings(deadline=None, max_examples=100)
@given(awkward_programs())
def test_constants_and_names_at_the_edges(program: Program) -> None:
    survives(program.module)


@settings(deadline=None, max_examples=200)
@given(literals())
def test_constants_keep_every_bit(literal: LiteralAttr) -> None:
    attribute_survives(literal)


@settings(deadline=None, max_examples=200)
@given(site_names())
def test_names_keep_every_character(name: str) -> None:
    attribute_survives(prob.NameAttr(name))


def holding(*operations: lax.ConstantOp | prob.FactorOp) -> ModuleOp:
    """A model of these ops."""
    block = Block([*operations, prob.ReturnOp()])
    return ModuleOp([prob.FuncOp("model", Region(block), [])])


NUMBERS = (math.inf, -math.inf, -0.0, 0.0, 16777216.0, 1e8 + 1, 0.1, 5e-324, 1e-45, 3.4e38)


@pytest.mark.compat
@pytest.mark.parametrize("element", [f64, f32, bf16], ids=str)
def test_numbers_that_dense_text_corrupts(element: Attribute) -> None:
    type_ = TensorType(element, (len(NUMBERS),))
    literal = LiteralAttr.of(type_, NUMBERS)
    module = holding(lax.ConstantOp(literal))
    survives(module)
    back = parse_module(printed(module, generic=False))
    constant = next(op for op in back.walk() if isinstance(op, lax.ConstantOp))
    assert constant.value.data.payload == literal.data.payload
    assert math.copysign(1, float(constant.value.values[2])) == -1


PAYLOADS = (0x7FF8000000000000, 0xFFF8000000000000, 0x7FF0000000000001, 0x7FF8DEADBEEF0001)


@pytest.mark.compat
@pytest.mark.parametrize("payload", PAYLOADS, ids=hex)
def test_nans_keep_their_payload(payload: int) -> None:
    literal = LiteralAttr.from_bytes(TensorType(f64, ()), struct.pack("<Q", payload))
    survives(holding(lax.ConstantOp(literal)))
    back = parse_module(printed(holding(lax.ConstantOp(literal)), generic=True))
    constant = next(op for op in back.walk() if isinstance(op, lax.ConstantOp))
    assert struct.unpack("<Q", constant.value.data.payload) == (payload,)


NAMES = ("θ", 'say "hi"', "two\nlines", "back\\slash", "nul\0", "\\n", "%z = 1", "家", "")


@pytest.mark.compat
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_hostile_names(name: str) -> None:
    number = lax.ConstantOp.splat(TensorType(f32, ()), 1.0)
    module = holding(number, prob.FactorOp(name, number.result))
    survives(module)
    back = parse_module(printed(module, generic=False))
    assert [op.site.data for op in back.walk() if isinstance(op, prob.FactorOp)] == [name]


@pytest.mark.parametrize("number", [*NUMBERS, 1 / 3, 1e300], ids=repr)
def test_the_numbers_of_constraints_and_of_bound_primitives(number: float) -> None:
    attribute_survives(prob.ConstraintAttr("interval", [number, 1e8 + 1]))
    attribute_survives(prob.ConstraintAttr("interval", [[[number], [1e8 + 1]], number]))
    bind = lax.BindOp("f", [], {"eps": FloatAttr(number, f64)}, [TensorType(f32, ())])
    survives(ModuleOp([bind]))


@st.composite
def laws(draw: st.DrawFn) -> prob.LawType:
    """A law's type with any event rank that it can have."""
    shape = draw(st.lists(st.integers(0, 9), max_size=4))
    return prob.LawType(TensorType(f32, shape), draw(st.integers(0, len(shape))))


@settings(deadline=None, max_examples=50)
@given(laws(), site_names(), st.integers(-4, -1))
def test_types_and_attributes(law: prob.LawType, name: str, axis: int) -> None:
    attribute_survives(law)
    attribute_survives(prob.PlateAxisAttr("N", axis))
    attribute_survives(prob.ClosureAttr(prob.NameAttr(name), prob.LawType(law.value).event_rank))
    attribute_survives(prob.DataAttr(prob.NameAttr(name)))


@pytest.fixture(scope="module")
def objectives() -> dict[str, Any]:
    """The examples' objectives, compiled when they are first asked for."""
    return {}


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_at_every_level(name: str, level: int, objectives: dict[str, Any]) -> None:
    if name not in objectives:
        module = example(name)
        objectives[name] = module.elbo.compile(*module.data)
    survives(objectives[name].ir(level))


def test_the_gradient_written_out() -> None:
    module = example("coin")
    survives(module.elbo.compile(*module.data, pipeline="explicit").ir())


def test_a_change_is_seen() -> None:
    """The comparison itself: an altered bit, an altered name, an altered operand."""
    zero, negative = (lax.ConstantOp.splat(TensorType(f32, ()), z) for z in (0.0, -0.0))
    assert not holding(zero).is_structurally_equivalent(holding(negative))
    one = lax.ConstantOp.splat(TensorType(f32, ()), 1.0)
    named = holding(one, prob.FactorOp("a", one.result))
    two = lax.ConstantOp.splat(TensorType(f32, ()), 1.0)
    assert not named.is_structurally_equivalent(holding(two, prob.FactorOp("b", two.result)))


def test_text_of_another_dialect_is_kept() -> None:
    ctx = context()
    ctx.load_dialect(test.Test)
    text = 'builtin.module {\n  %0 = "test.op"() : () -> tensor<f32>\n}'
    assert printed(Parser(ctx, text).parse_module(), generic=False) == text
