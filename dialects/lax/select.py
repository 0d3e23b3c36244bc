"""Constants and choices among values."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, i1, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.lax.literal import LiteralAttr, Scalar, parse_literal
from relbo_ir.dialects.lax.shapes import FORMAT, shape_of
from relbo_ir.dialects.tensors import (
    INTEGERS,
    NUMBERS,
    TENSOR,
    VALUES,
    element_of,
    expect,
    is_tensor,
    with_shape,
)


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """
    A constant; one element in the text means all elements.

    ```mlir
    %c = lax.constant "0.5" : tensor<8xf32>
    %d = lax.constant "1.0, -inf, nan" : tensor<3xf32>
    ```
    """

    name = "lax.constant"
    value = prop_def(LiteralAttr)
    result = result_def(VALUES)
    traits = traits_def(Pure(), ConstantLike())

    def __init__(self, value: LiteralAttr):
        super().__init__(properties={"value": value}, result_types=[value.type])

    @staticmethod
    def of(type_: Attribute, numbers: Sequence[Scalar]) -> ConstantOp:
        """The tensor of these numbers in row-major order, or of one for all."""
        if not is_tensor(type_):
            raise TypeError(f"{type_} is not a tensor")
        return ConstantOp(LiteralAttr.of(type_, numbers))

    @staticmethod
    def splat(type_: Attribute, number: Scalar) -> ConstantOp:
        """The tensor whose elements are all `number`."""
        return ConstantOp.of(type_, [number])

    def verify_(self) -> None:
        if self.value.type != self.result.type:
            raise VerifyException(f"a constant of {self.value.type} is not {self.result.type}")

    @classmethod
    def parse(cls, parser: Parser) -> ConstantOp:
        text = parser.parse_str_literal(" with the elements")
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        value = parse_literal(parser, text, parser.parse_type())
        op = cls(value)
        op.attributes |= attributes
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_string_literal(self.value.text)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.value.type)


@irdl_op_definition
class SelectNOp(IRDLOperation):
    """
    cases[which], element by element; `which` is boolean or i32, of the cases' shape or of rank 0.

    ```mlir
    %r = lax.select_n %which, %a, %b : (tensor<3xi1>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.select_n"
    which = operand_def(INTEGERS)
    cases = var_operand_def(TENSOR)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$which `,` $cases " + FORMAT

    def __init__(self, which: SSAValue, cases: Sequence[SSAValue]):
        super().__init__(operands=[which, cases], result_types=[cases[0].type])

    def verify_(self) -> None:
        element = element_of(self.which.type)
        if element not in (i1, i32):
            raise VerifyException(f"`which` is boolean or i32, not {self.which.type}")
        if not self.cases or (element == i1 and len(self.cases) > 2):
            raise VerifyException(
                f"{self.which.type} does not choose among {len(self.cases)} cases"
            )
        if any(case.type != self.result.type for case in self.cases):
            raise VerifyException("the cases and the result of lax.select_n have one type")
        if shape_of(self.which) not in ((), shape_of(self.result)):
            raise VerifyException("`which` has the shape of the cases, or rank 0")


@irdl_op_definition
class ClampOp(IRDLOperation):
    """
    min(max(x, low), high); the bounds have x's shape or rank 0.

    ```mlir
    %r = lax.clamp %low, %x, %high : (tensor<f32>, tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
    ```
    """

    name = "lax.clamp"
    low = operand_def(VALUES)
    x = operand_def(VALUES)
    high = operand_def(VALUES)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$low `,` $x `,` $high " + FORMAT

    def verify_(self) -> None:
        for bound in (self.low, self.high):
            if bound.type not in (self.x.type, with_shape(self.x.type, ())):
                raise VerifyException(f"a bound of {self.x.type} is not {bound.type}")
        expect(self.name, self.result, self.x.type)


@irdl_op_definition
class IntegerPowOp(IRDLOperation):
    """
    xʸ for a fixed integer y.

    ```mlir
    %r = lax.integer_pow %x {exponent = 3 : i64} : (tensor<3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.integer_pow"
    x = operand_def(NUMBERS)
    exponent = prop_def(IntegerAttr)
    result = result_def(NUMBERS)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def verify_(self) -> None:
        expect(self.name, self.result, self.x.type)
