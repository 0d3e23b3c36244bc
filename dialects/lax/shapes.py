"""Ops that move elements without changing them."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    BaseAttr,
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

_tensor = BaseAttr(TensorType)
FORMAT = "attr-dict `:` functional-type(operands, results)"


def ints(values: Sequence[int]) -> DenseArrayBase:
    """A tuple of integers as an attribute."""
    return DenseArrayBase.from_list(i64, list(values))


def tuple_of(attr: DenseArrayBase) -> tuple[int, ...]:
    """The tuple of integers that `ints` made."""
    return tuple(int(v) for v in attr.get_values())


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor value; TypeError for anything else."""
    if not isinstance(value.type, TensorType):
        raise TypeError(f"{value.type} is not a tensor")
    return value.type.get_shape()


@irdl_op_definition
class ConvertOp(IRDLOperation):
    """
    Each element as another type: rounding as JAX's `convert_element_type`.

    ```mlir
    %r = lax.convert %x : (tensor<3xf32>) -> tensor<3xi32>
    ```
    """

    name = "lax.convert"
    x = operand_def(_tensor)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    assembly_format = "$x " + FORMAT

    def __init__(self, x: SSAValue, element: Attribute):
        super().__init__(operands=[x], result_types=[TensorType(element, shape_of(x))])

    def verify_(self) -> None:
        if shape_of(self.x) != shape_of(self.result):
            raise VerifyException("lax.convert keeps the shape")


@irdl_op_definition
class BroadcastInDimOp(IRDLOperation):
    """
    result[i] = x[i[dimensions]], axes of size 1 repeated.

    ```mlir
    %r = lax.broadcast_in_dim %x {dimensions = array<i64: 1>} : (tensor<3xf32>) -> tensor<2x3xf32>
    ```
    """

    name = "lax.broadcast_in_dim"
    x = operand_def(_tensor)
    dimensions = prop_def(DenseArrayBase)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def __init__(self, x: SSAValue, result_type: Attribute, dimensions: Sequence[int]):
        super().__init__(
            operands=[x], result_types=[result_type], properties={"dimensions": ints(dimensions)}
        )

    def verify_(self) -> None:
        shape, target, dims = shape_of(self.x), shape_of(self.result), tuple_of(self.dimensions)
        fits = len(dims) == len(shape) and sorted(set(dims)) == list(dims)
        if not fits or any(
            not 0 <= d < len(target) or n not in (1, target[d]) for n, d in zip(shape, dims, strict=True)
        ):
            raise VerifyException(f"{shape} does not broadcast to {target} along {dims}")


@irdl_op_definition
class ReshapeOp(IRDLOperation):
    """
    The same elements, row-major, in another shape.

    ```mlir
    %r = lax.reshape %x : (tensor<2x3xf32>) -> tensor<6xf32>
    ```
    """

    name = "lax.reshape"
    x = operand_def(_tensor)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    assembly_format = "$x " + FORMAT

    def __init__(self, x: SSAValue, result_type: Attribute):
        super().__init__(operands=[x], result_types=[result_type])


@irdl_op_definition
class TransposeOp(IRDLOperation):
    """
    Axis k of the result is axis permutation[k] of x.

    ```mlir
    %r = lax.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
    ```
    """

    name = "lax.transpose"
    x = operand_def(_tensor)
    permutation = prop_def(DenseArrayBase)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def __init__(self, x: SSAValue, permutation: Sequence[int]):
        shape = shape_of(x)
        element = x.type.get_element_type() if isinstance(x.type, TensorType) else x.type
        super().__init__(
            operands=[x],
            result_types=[TensorType(element, [shape[k] for k in permutation])],
            properties={"permutation": ints(permutation)},
        )


@irdl_op_definition
class SqueezeOp(IRDLOperation):
    """
    Without the named axes, each of size 1.

    ```mlir
    %r = lax.squeeze %x {dimensions = array<i64: 0>} : (tensor<1x3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.squeeze"
    x = operand_def(_tensor)
    dimensions = prop_def(DenseArrayBase)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT


@irdl_op_definition
class ConcatenateOp(IRDLOperation):
    """
    The operands one after the other along an axis.

    ```mlir
    %r = lax.concatenate %x, %y {dimension = 0 : i64} : (tensor<2xf32>, tensor<3xf32>) -> tensor<5xf32>
    ```
    """

    name = "lax.concatenate"
    xs = var_operand_def(_tensor)
    dimension = prop_def(IntegerAttr)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$xs " + FORMAT


@irdl_op_definition
class StackOp(IRDLOperation):
    """
    The operands along a new axis.

    ```mlir
    %r = lax.stack %x, %y {axis = 0 : i64} : (tensor<3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    ```
    """

    name = "lax.stack"
    xs = var_operand_def(_tensor)
    axis = prop_def(IntegerAttr)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$xs " + FORMAT


@irdl_op_definition
class UnstackOp(IRDLOperation):
    """
    The slices along an axis, the axis dropped.

    ```mlir
    %a, %b = lax.unstack %x {axis = 0 : i64} : (tensor<2x3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
    ```
    """

    name = "lax.unstack"
    x = operand_def(_tensor)
    axis = prop_def(IntegerAttr)
    slices = var_result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT


@irdl_op_definition
class SplitOp(IRDLOperation):
    """
    Consecutive pieces of the given sizes along an axis.

    ```mlir
    %a, %b = lax.split %x {sizes = array<i64: 1, 2>, axis = 0 : i64} : (tensor<3xf32>) -> (tensor<1xf32>, tensor<2xf32>)
    ```
    """

    name = "lax.split"
    x = operand_def(_tensor)
    sizes = prop_def(DenseArrayBase)
    axis = prop_def(IntegerAttr)
    pieces = var_result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT


@irdl_op_definition
class SliceOp(IRDLOperation):
    """
    x[start:limit:strides], axis by axis.

    ```mlir
    %r = lax.slice %x {start = array<i64: 1>, limit = array<i64: 3>, strides = array<i64: 1>} : (tensor<5xf32>) -> tensor<2xf32>
    ```
    """

    name = "lax.slice"
    x = operand_def(_tensor)
    start = prop_def(DenseArrayBase)
    limit = prop_def(DenseArrayBase)
    strides = prop_def(DenseArrayBase)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def __init__(
        self, x: SSAValue, result_type: Attribute, start: Sequence[int], limit: Sequence[int], strides: Sequence[int]
    ):
        super().__init__(
            operands=[x],
            result_types=[result_type],
            properties={"start": ints(start), "limit": ints(limit), "strides": ints(strides)},
        )


@irdl_op_definition
class PadOp(IRDLOperation):
    """
    x with `low` and `high` copies of the value around and `interior` ones between elements;
    negative numbers crop.

    ```mlir
    %r = lax.pad %x, %v {low = array<i64: 1>, high = array<i64: 0>, interior = array<i64: 0>} : (tensor<3xf32>, tensor<f32>) -> tensor<4xf32>
    ```
    """

    name = "lax.pad"
    x = operand_def(_tensor)
    value = operand_def(_tensor)
    low = prop_def(DenseArrayBase)
    high = prop_def(DenseArrayBase)
    interior = prop_def(DenseArrayBase)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $value " + FORMAT


@irdl_op_definition
class RevOp(IRDLOperation):
    """
    The named axes reversed.

    ```mlir
    %r = lax.rev %x {dimensions = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.rev"
    x = operand_def(_tensor)
    dimensions = prop_def(DenseArrayBase)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT


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
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "attr-dict `:` type($result)"
