"""Text that is hard to print and to read back: numbers, bits and names at the edges."""

from __future__ import annotations

import math
import struct

from hypothesis import strategies as st
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    ModuleOp,
    Signedness,
    TensorType,
)
from xdsl.ir import Attribute, Block, Region

from relbo_ir.dialects import lax, prob
from relbo_ir.dialects.lax import LiteralAttr
from relbo_ir.dialects.prob import NameAttr

from .program import Program

_WIDTHS: dict[Attribute, int] = {
    Float64Type(): 8,
    Float32Type(): 4,
    Float16Type(): 2,
    BFloat16Type(): 2,
}
_NUMBERS = (0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, 0.1, 1 / 3, 16777216.0, 1e8 + 1, 5e-324)
_NANS = {
    8: (0x7FF8000000000000, 0xFFF8000000000000, 0x7FF0000000000001, 0x7FF8DEADBEEF0001),
    4: (0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FC0BEEF),
    2: (0x7E00, 0xFE00, 0x7FC0, 0xFFC1),
}
_CODES = {8: "<d", 4: "<f"}
_PATTERNS = {8: "<Q", 4: "<I", 2: "<H"}
_INTEGERS: tuple[tuple[int, bool], ...] = (
    (1, False),
    (8, False),
    (16, False),
    (32, False),
    (64, False),
    (8, True),
    (32, True),
    (64, True),
)


@st.composite
def _float_bytes(draw: st.DrawFn, width: int) -> bytes:
    """The bytes of one float: of a number at the edge, of a NaN, or any bits at all."""
    match draw(st.integers(0, 2)):
        case 0 if width in _CODES:
            return struct.pack(_CODES[width], draw(st.sampled_from(_NUMBERS)))
        case 1:
            return struct.pack(_PATTERNS[width], draw(st.sampled_from(_NANS[width])))
        case _:
            return draw(st.binary(min_size=width, max_size=width))


@st.composite
def literals(draw: st.DrawFn) -> LiteralAttr:
    """A constant of any element type and of rank 0 to 2, splat or not, empty now and then."""
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=2)))
    count = 1 if draw(st.booleans()) else math.prod(shape)
    if draw(st.booleans()):
        element = draw(st.sampled_from(list(_WIDTHS)))
        pieces = [draw(_float_bytes(_WIDTHS[element])) for _ in range(count)]
        return LiteralAttr.from_bytes(TensorType(element, shape), b"".join(pieces))
    width, unsigned = draw(st.sampled_from(_INTEGERS))
    signedness = Signedness.UNSIGNED if unsigned else Signedness.SIGNLESS
    element = IntegerType(width, signedness)
    if width == 1:
        values: list[int] = [int(draw(st.booleans())) for _ in range(count)]
    else:
        low = 0 if unsigned else -(2 ** (width - 1))
        high = 2**width - 1 if unsigned else 2 ** (width - 1) - 1
        extremes = st.sampled_from([low, high, 0])
        values = [draw(st.one_of(extremes, st.integers(low, high))) for _ in range(count)]
    return LiteralAttr.of(TensorType(element, shape), values)


def site_names() -> st.SearchStrategy[str]:
    """Names that a user may give a site: plain, Greek, quoted, broken over lines, anything."""
    awkward = [
        "z",
        "θ",
        'say "hi"',
        "two\nlines",
        "back\\slash",
        "\\n",
        "tab\there",
        "carriage\rreturn",
        "nul\0byte",
        "\x7f",
        "",
        " ",
        "%z",
        "@f",
        "// no comment",
        "\\CE\\B8",
        "𝛉 and 家",
        "é",
        "\u2028",
    ]
    anything = st.text(st.characters(codec="utf-8"), max_size=8)
    return st.one_of(st.sampled_from(awkward), anything)


@st.composite
def awkward_programs(draw: st.DrawFn) -> Program:
    """A module (without argument values) whose constants and names are all at the edges; it verifies."""
    block = Block()
    roles: list[Attribute] = []
    for name in draw(st.lists(site_names(), max_size=2, unique=True)):
        block.insert_arg(TensorType(Float64Type(), ()), len(block.args))
        bounds = [draw(st.sampled_from([-1.0, 0.0, 16777216.0])), 1e8 + 1]
        constraint = prob.ConstraintAttr("interval", bounds)
        attr = draw(st.sampled_from([prob.ParameterAttr, prob.UnconstrainedAttr]))
        roles.append(attr(NameAttr(name), constraint))
    for name in draw(st.lists(site_names(), min_size=1, max_size=4, unique=True)):
        constant = lax.ConstantOp(draw(literals()))
        block.add_op(constant)
        holder = draw(st.sampled_from([prob.FactorOp, prob.DeterministicOp]))
        block.add_op(holder(name, constant.result))
    block.add_op(prob.ReturnOp())
    return Program(ModuleOp([prob.FuncOp("f", Region(block), roles)]))
