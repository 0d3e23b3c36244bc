"""Elementwise ops, made from one table: each mirrors the JAX primitive of its name."""

from __future__ import annotations

from abc import ABC
from typing import cast

from xdsl.dialects.builtin import StringAttr, TensorType, i1
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.tensors import (
    FLOATS,
    INTEGERS,
    NUMBERS,
    TENSOR,
    VALUES,
    expect,
    shape_of_type,
)


class ElementwiseOp(IRDLOperation, ABC):
    """An op that acts element by element on tensors of one shape."""


class UnaryOp(ElementwiseOp, ABC):
    """One operand, a result of the same type. `accuracy = "highest"` asks for the slower code."""

    x = operand_def(TENSOR)
    accuracy = opt_prop_def(StringAttr)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x attr-dict `:` type($result)"

    def __init__(self, x: SSAValue):
        super().__init__(operands=[x], result_types=[x.type])

    def verify_(self) -> None:
        if self.accuracy is not None and self.accuracy.data != "highest":
            raise VerifyException(f"{self.name} has no accuracy {self.accuracy}")


class BinaryOp(ElementwiseOp, ABC):
    """Two operands and a result of the same type."""

    x = operand_def(TENSOR)
    y = operand_def(TENSOR)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $y attr-dict `:` type($result)"

    def __init__(self, x: SSAValue, y: SSAValue):
        super().__init__(operands=[x, y], result_types=[x.type])


class TernaryOp(ElementwiseOp, ABC):
    """Three operands and a result of the same type."""

    x = operand_def(TENSOR)
    y = operand_def(TENSOR)
    z = operand_def(TENSOR)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $y `,` $z attr-dict `:` type($result)"

    def __init__(self, x: SSAValue, y: SSAValue, z: SSAValue):
        super().__init__(operands=[x, y, z], result_types=[x.type])


def boolean_like(type_: Attribute) -> Attribute:
    """The tensor of booleans of the same shape."""
    return TensorType(i1, shape_of_type(type_))


class CompareOp(ElementwiseOp, ABC):
    """Two operands of the same type; the result is boolean."""

    x = operand_def(TENSOR)
    y = operand_def(TENSOR)
    result = result_def(INTEGERS)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $y attr-dict `:` type($x) `->` type($result)"

    def __init__(self, x: SSAValue, y: SSAValue):
        super().__init__(operands=[x, y], result_types=[boolean_like(x.type)])

    def verify_(self) -> None:
        expect(self.name, self.result, boolean_like(self.x.type))


class PredicateOp(ElementwiseOp, ABC):
    """One operand; the result is boolean."""

    x = operand_def(TENSOR)
    result = result_def(INTEGERS)
    traits = traits_def(Pure())
    assembly_format = "$x attr-dict `:` type($x) `->` type($result)"

    def __init__(self, x: SSAValue):
        super().__init__(operands=[x], result_types=[boolean_like(x.type)])

    def verify_(self) -> None:
        expect(self.name, self.result, boolean_like(self.x.type))


_UNARY = {
    "neg": "−x",
    "abs": "|x|",
    "sign": "sign x",
    "floor": "⌊x⌋",
    "ceil": "⌈x⌉",
    "round_half_even": "x rounded to the nearest integer, halves to even",
    "round_half_away": "x rounded to the nearest integer, halves away from zero",
    "exp": "eˣ",
    "exp2": "2ˣ",
    "expm1": "eˣ − 1",
    "log": "log x",
    "log1p": "log(1 + x)",
    "sin": "sin x",
    "cos": "cos x",
    "tan": "tan x",
    "asin": "arcsin x",
    "acos": "arccos x",
    "atan": "arctan x",
    "sinh": "sinh x",
    "cosh": "cosh x",
    "tanh": "tanh x",
    "asinh": "arsinh x",
    "acosh": "arcosh x",
    "atanh": "artanh x",
    "sqrt": "√x",
    "rsqrt": "1/√x",
    "cbrt": "∛x",
    "square": "x²",
    "logistic": "1/(1 + e⁻ˣ)",
    "softplus": "log(1 + eˣ)",
    "lgamma": "log |Γ(x)|",
    "digamma": "d/dx log Γ(x)",
    "erf": "(2/√π) ∫₀ˣ e^(−t²) dt",
    "erfc": "1 − erf x",
    "erf_inv": "the y with erf y = x",
    "ndtri": "the standard Normal's quantile function",
    "log_ndtr": "the logarithm of the standard Normal's distribution function",
    "bessel_i0e": "e^(−|x|) I₀(x)",
    "bessel_i1e": "e^(−|x|) I₁(x)",
    "logical_not": "¬x, bit by bit for integers",
    "stop_gradient": "x, with derivative 0",
    "copy": "x",
}
_BINARY = {
    "add": "x + y",
    "sub": "x − y",
    "mul": "x·y",
    "div": "x/y",
    "rem": "x − y·trunc(x/y)",
    "pow": "xʸ",
    "max": "max(x, y)",
    "min": "min(x, y)",
    "atan2": "the angle of (y, x)",
    "nextafter": "the next float after x towards y",
    "logical_and": "x ∧ y, bit by bit for integers",
    "logical_or": "x ∨ y, bit by bit for integers",
    "logical_xor": "x ⊕ y, bit by bit for integers",
    "shift_left": "x·2ʸ",
    "shift_right_logical": "x shifted right by y, zeros coming in",
    "shift_right_arithmetic": "x shifted right by y, sign bits coming in",
    "logaddexp": "log(eˣ + eʸ)",
    "xlogy": "x log y, 0 where x = 0",
    "xlog1py": "x log(1 + y), 0 where x = 0",
    "betaln": "log B(x, y)",
    "igamma": "the lower regularised incomplete gamma function P(x, y)",
    "igammac": "the upper regularised incomplete gamma function Q(x, y)",
    "igamma_grad_a": "∂P(x, y)/∂x",
    "random_gamma_grad": "dy/dx of a Gamma(x) draw y, its distribution function held fixed",
    "polygamma": "the x-th derivative of digamma at y",
    "zeta": "the Hurwitz zeta function Σ (y + k)⁻ˣ",
}
_TERNARY = {"regularized_incomplete_beta": "I_z(x, y)"}
_COMPARE = {
    "eq": "x = y",
    "ne": "x ≠ y",
    "lt": "x < y",
    "le": "x ≤ y",
    "gt": "x > y",
    "ge": "x ≥ y",
}
_PREDICATE = {"is_finite": "whether x is neither infinite nor NaN"}


_ELEMENTS = {
    **dict.fromkeys(("stop_gradient", "copy", "eq", "ne"), TENSOR),
    **dict.fromkeys(("max", "min", "lt", "le", "gt", "ge"), VALUES),
    **dict.fromkeys(("neg", "abs", "sign", "square", "add", "sub", "mul", "div", "rem"), NUMBERS),
    **dict.fromkeys((name for name in (*_UNARY, *_BINARY) if name.startswith("logical")), INTEGERS),
    **dict.fromkeys((name for name in _BINARY if name.startswith("shift")), INTEGERS),
}
"""What the elements of an op may be; floats where nothing is said."""


def _define(base: type[ElementwiseOp], table: dict[str, str]) -> dict[str, type[ElementwiseOp]]:
    ops: dict[str, type[ElementwiseOp]] = {}
    for short, formula in table.items():
        title = "".join(part.capitalize() for part in short.split("_")) + "Op"
        operands = [name for name in ("x", "y", "z") if name in dir(base)]
        elements = _ELEMENTS.get(short, FLOATS)
        same = VarConstraint("SAME", elements)
        fields: dict[str, object] = {name: operand_def(same) for name in operands}
        arrow = " -> tensor<3xi1>" if base in (CompareOp, PredicateOp) else ""
        if not arrow:
            fields["result"] = result_def(same)
        example = "tensor<3xi32>" if elements is INTEGERS else "tensor<3xf32>"
        text = ", ".join(f"%{name}" for name in operands)
        doc = f"{formula}.\n\n```mlir\n%r = lax.{short} {text} : {example}{arrow}\n```\n"
        body = {"name": f"lax.{short}", "__doc__": doc, "__module__": __name__, **fields}
        cls = cast("type[ElementwiseOp]", type(title, (base,), body))
        ops[short] = irdl_op_definition(cls)
    return ops


ELEMENTWISE: dict[str, type[ElementwiseOp]] = {
    **_define(UnaryOp, _UNARY),
    **_define(BinaryOp, _BINARY),
    **_define(TernaryOp, _TERNARY),
    **_define(CompareOp, _COMPARE),
    **_define(PredicateOp, _PREDICATE),
}
"""Every elementwise op class by its short name."""


def elementwise(short: str, *operands: SSAValue) -> ElementwiseOp:
    """The op `lax.<short>` on operands of one shape."""
    return ELEMENTWISE[short](*operands)
