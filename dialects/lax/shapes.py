"""Ops that move elements without changing them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import SupportsIndex

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    i64,
)
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
    var_result_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.tensors import (
    INTS,
    TENSOR,
    check_axes,
    expect,
    expect_operand,
    shape_of_type,
    with_shape,
)

FORMAT = "attr-dict `:` functional-type(operands, results)"


def ints(values: Sequence[SupportsIndex]) -> DenseArrayBase[IntegerType]:
    """A tuple of integers as an attribute, NumPy's included."""
    return DenseArrayBase.from_list(i64, [operator.index(n) for n in values])


def tuple_of(attr: DenseArrayBase[IntegerType]) -> tuple[int, ...]:
    """The tuple of integers that `ints` made."""
    return tuple(attr.get_values())


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor value; a key has rank 0. TypeError for anything else."""
    return shape_of_type(value.type)


@irdl_op_definition
class BroadcastInDimOp(IRDLOperation):
    """
    result[i] = x[i[dimensions]], axes of size 1 repeated.

    ```mlir
    %r = lax.broadcast_in_dim %x {dimensions = array<i64: 1>} : (tensor<3xf32>) -> tensor<2x3xf32>
    ```
    """

    name = "lax.broadcast_in_dim"
    x = operand_def(TENSOR)
    dimensions = prop_def(INTS)
    result = result_def(TENSOR)
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
            not 0 <= d < len(target) or n not in (1, target[d])
            for n, d in zip(shape, dims, strict=True)
        ):
            raise VerifyException(f"{shape} does not broadcast to {target} along {dims}")
        expect(self.name, self.result, with_shape(self.x.type, target))


@irdl_op_definition
class ReshapeOp(IRDLOperation):
    """
    The same elements, row-major, in another shape.

    ```mlir
    %r = lax.reshape %x : (tensor<2x3xf32>) -> tensor<6xf32>
    ```
    """

    name = "lax.reshape"
    x = operand_def(TENSOR)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$x " + FORMAT

    def __init__(self, x: SSAValue, result_type: Attribute):
        super().__init__(operands=[x], result_types=[result_type])

    def verify_(self) -> None:
        expect(self.name, self.result, with_shape(self.x.type, shape_of(self.result)))
        if prod(shape_of(self.x)) != prod(shape_of(self.result)):
            raise VerifyException(f"{self.x.type} and {self.result.type} differ in their size")


@irdl_op_definition
class TransposeOp(IRDLOperation):
    """
    Axis k of the result is axis permutation[k] of x.

    ```mlir
    %r = lax.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
    ```
    """

    name = "lax.transpose"
    x = operand_def(TENSOR)
    permutation = prop_def(INTS)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def __init__(self, x: SSAValue, permutation: Sequence[int]):
        shape = shape_of(x)
        super().__init__(
            operands=[x],
            result_types=[with_shape(x.type, [shape[k] for k in permutation])],
            properties={"permutation": ints(permutation)},
        )

    def verify_(self) -> None:
        shape, axes = shape_of(self.x), tuple_of(self.permutation)
        if sorted(axes) != list(range(len(shape))):
            raise VerifyException(f"{axes} is no permutation of {len(shape)} axes")
        expect(self.name, self.result, with_shape(self.x.type, [shape[k] for k in axes]))


@irdl_op_definition
class SqueezeOp(IRDLOperation):
    """
    Without the named axes, each of size 1.

    ```mlir
    %r = lax.squeeze %x {dimensions = array<i64: 0>} : (tensor<1x3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.squeeze"
    x = operand_def(TENSOR)
    dimensions = prop_def(INTS)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def verify_(self) -> None:
        shape, axes = shape_of(self.x), tuple_of(self.dimensions)
        check_axes(self.name, axes, len(shape))
        if any(shape[k] != 1 for k in axes):
            raise VerifyException(f"{self.x.type} has more than one element along {axes}")
        kept = [n for k, n in enumerate(shape) if k not in axes]
        expect(self.name, self.result, with_shape(self.x.type, kept))


@irdl_op_definition
class ConcatenateOp(IRDLOperation):
    """
    The operands one after the other along an axis.

    ```mlir
    %r = lax.concatenate %x, %y {dimension = 0 : i64} : (tensor<2xf32>, tensor<3xf32>) -> tensor<5xf32>
    ```
    """

    name = "lax.concatenate"
    xs = var_operand_def(TENSOR)
    dimension = prop_def(IntegerAttr)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$xs " + FORMAT

    def verify_(self) -> None:
        if not self.xs:
            raise VerifyException(f"{self.name} needs an operand")
        axis, first = self.dimension.value.data, shape_of(self.xs[0])
        check_axes(self.name, [axis], len(first))
        for x in self.xs:
            shape = (*first[:axis], *shape_of(x)[axis : axis + 1], *first[axis + 1 :])
            expect_operand("a piece", x, with_shape(self.xs[0].type, shape))
        total = sum(shape_of(x)[axis] for x in self.xs)
        wanted = (*first[:axis], total, *first[axis + 1 :])
        expect(self.name, self.result, with_shape(self.xs[0].type, wanted))


@irdl_op_definition
class StackOp(IRDLOperation):
    """
    The operands along a new axis.

    ```mlir
    %r = lax.stack %x, %y {axis = 0 : i64} : (tensor<3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    ```
    """

    name = "lax.stack"
    xs = var_operand_def(TENSOR)
    axis = prop_def(IntegerAttr)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$xs " + FORMAT

    def verify_(self) -> None:
        if not self.xs or any(x.type != self.xs[0].type for x in self.xs):
            raise VerifyException(f"{self.name} needs operands of one type")
        axis, shape = self.axis.value.data, shape_of(self.xs[0])
        check_axes(self.name, [axis], len(shape) + 1)
        wanted = (*shape[:axis], len(self.xs), *shape[axis:])
        expect(self.name, self.result, with_shape(self.xs[0].type, wanted))


@irdl_op_definition
class UnstackOp(IRDLOperation):
    """
    The slices along an axis, the axis dropped.

    ```mlir
    %a, %b = lax.unstack %x {axis = 0 : i64} : (tensor<2x3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
    ```
    """

    name = "lax.unstack"
    x = operand_def(TENSOR)
    axis = prop_def(IntegerAttr)
    slices = var_result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def verify_(self) -> None:
        axis, shape = self.axis.value.data, shape_of(self.x)
        check_axes(self.name, [axis], len(shape))
        if len(self.slices) != shape[axis]:
            raise VerifyException(f"{self.x.type} has {shape[axis]} slices, not {len(self.slices)}")
        for part in self.slices:
            expect(self.name, part, with_shape(self.x.type, (*shape[:axis], *shape[axis + 1 :])))


@irdl_op_definition
class SplitOp(IRDLOperation):
    """
    Consecutive pieces of the given sizes along an axis.

    ```mlir
    %a, %b = lax.split %x {sizes = array<i64: 1, 2>, axis = 0 : i64} : (tensor<3xf32>) -> (tensor<1xf32>, tensor<2xf32>)
    ```
    """

    name = "lax.split"
    x = operand_def(TENSOR)
    sizes = prop_def(INTS)
    axis = prop_def(IntegerAttr)
    pieces = var_result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def verify_(self) -> None:
        axis, shape, sizes = self.axis.value.data, shape_of(self.x), tuple_of(self.sizes)
        check_axes(self.name, [axis], len(shape))
        if any(n < 0 for n in sizes) or sum(sizes) != shape[axis]:
            raise VerifyException(f"{sizes} do not split {shape[axis]} elements")
        if len(sizes) != len(self.pieces):
            raise VerifyException(f"{len(sizes)} sizes for {len(self.pieces)} pieces")
        for size, piece in zip(sizes, self.pieces, strict=True):
            wanted = (*shape[:axis], size, *shape[axis + 1 :])
            expect(self.name, piece, with_shape(self.x.type, wanted))


@irdl_op_definition
class SliceOp(IRDLOperation):
    """
    x[start:limit:strides], axis by axis.

    ```mlir
    %r = lax.slice %x {start = array<i64: 1>, limit = array<i64: 3>, strides = array<i64: 1>} : (tensor<5xf32>) -> tensor<2xf32>
    ```
    """

    name = "lax.slice"
    x = operand_def(TENSOR)
    start = prop_def(INTS)
    limit = prop_def(INTS)
    strides = prop_def(INTS)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def __init__(
        self,
        x: SSAValue,
        result_type: Attribute,
        start: Sequence[int],
        limit: Sequence[int],
        strides: Sequence[int],
    ):
        super().__init__(
            operands=[x],
            result_types=[result_type],
            properties={"start": ints(start), "limit": ints(limit), "strides": ints(strides)},
        )

    def verify_(self) -> None:
        shape, starts = shape_of(self.x), tuple_of(self.start)
        limits, strides = tuple_of(self.limit), tuple_of(self.strides)
        if not len(starts) == len(limits) == len(strides) == len(shape):
            raise VerifyException(f"{self.name} needs start, limit and stride for every axis")
        sizes: list[int] = []
        for size, start, limit, stride in zip(shape, starts, limits, strides, strict=True):
            if not 0 <= start <= limit <= size or stride < 1:
                raise VerifyException(f"{start}:{limit}:{stride} is no slice of {size} elements")
            sizes.append(-(-(limit - start) // stride))
        expect(self.name, self.result, with_shape(self.x.type, sizes))


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
    x = operand_def(TENSOR)
    value = operand_def(TENSOR)
    low = prop_def(INTS)
    high = prop_def(INTS)
    interior = prop_def(INTS)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $value " + FORMAT

    def verify_(self) -> None:
        shape, low = shape_of(self.x), tuple_of(self.low)
        high, interior = tuple_of(self.high), tuple_of(self.interior)
        if not len(low) == len(high) == len(interior) == len(shape):
            raise VerifyException(f"{self.name} needs low, high and interior for every axis")
        if any(k < 0 for k in interior):
            raise VerifyException("interior padding is not negative")
        sizes = [
            max(0, lo + hi + n + max(0, n - 1) * k)
            for n, lo, hi, k in zip(shape, low, high, interior, strict=True)
        ]
        expect_operand("the padding value", self.value, with_shape(self.x.type, ()))
        expect(self.name, self.result, with_shape(self.x.type, sizes))


@irdl_op_definition
class RevOp(IRDLOperation):
    """
    The named axes reversed.

    ```mlir
    %r = lax.rev %x {dimensions = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.rev"
    x = operand_def(TENSOR)
    dimensions = prop_def(INTS)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def verify_(self) -> None:
        check_axes(self.name, tuple_of(self.dimensions), len(shape_of(self.x)))
        expect(self.name, self.result, self.x.type)
