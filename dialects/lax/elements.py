"""Ops that make elements, or give them another type."""

from __future__ import annotations

from xdsl.dialects.builtin import FixedBitwidthType, IntegerAttr, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.lax.shapes import FORMAT, shape_of
from relbo_ir.dialects.tensors import NUMBERS, VALUES, check_axes, digits, element_of


@irdl_op_definition
class ConvertOp(IRDLOperation):
    """
    Each element as another type: rounding as JAX's `convert_element_type`.

    ```mlir
    %r = lax.convert %x : (tensor<3xf32>) -> tensor<3xi32>
    ```
    """

    name = "lax.convert"
    x = operand_def(VALUES)
    result = result_def(VALUES)
    traits = traits_def(Pure())
    assembly_format = "$x " + FORMAT

    def __init__(self, x: SSAValue, element: Attribute):
        super().__init__(operands=[x], result_types=[TensorType(element, shape_of(x))])

    def verify_(self) -> None:
        if shape_of(self.x) != shape_of(self.result):
            raise VerifyException(f"{self.name} keeps the shape")


@irdl_op_definition
class BitcastOp(IRDLOperation):
    """
    The bits of each element as another type of the same width.

    ```mlir
    %r = lax.bitcast %x : (tensor<3xf32>) -> tensor<3xi32>
    ```
    """

    name = "lax.bitcast"
    x = operand_def(VALUES)
    result = result_def(VALUES)
    traits = traits_def(Pure())
    assembly_format = "$x " + FORMAT

    def verify_(self) -> None:
        if shape_of(self.x) != shape_of(self.result):
            raise VerifyException(f"{self.name} keeps the shape")
        if _width(self.x) != _width(self.result):
            raise VerifyException(f"{self.x.type} and {self.result.type} differ in their width")


def _width(value: SSAValue) -> int | None:
    element = element_of(value.type)
    return element.bitwidth if isinstance(element, FixedBitwidthType) else None


@irdl_op_definition
class IotaOp(IRDLOperation):
    """
    Each element its index along one axis.

    ```mlir
    %r = lax.iota {dimension = 0 : i64} : tensor<3xi32>
    ```
    """

    name = "lax.iota"
    dimension = prop_def(IntegerAttr)
    result = result_def(NUMBERS)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "attr-dict `:` type($result)"

    @property
    def is_exact(self) -> bool:
        """Whether each index is a number of the elements' type; a longer axis repeats some."""
        return shape_of(self.result)[self._axis] <= 2 ** digits(element_of(self.result.type))

    @property
    def _axis(self) -> int:
        return self.dimension.value.data

    def verify_(self) -> None:
        check_axes(self.name, [self._axis], len(shape_of(self.result)))
