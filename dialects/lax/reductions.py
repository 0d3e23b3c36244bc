"""Ops that combine elements: reductions, running reductions, contractions, order."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import BoolAttr, IntegerAttr, StringAttr, i1
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.lax.shapes import FORMAT, ints, shape_of, tuple_of
from relbo_ir.dialects.tensors import (
    FLOATS,
    INTEGERS,
    INTS,
    NUMBERS,
    VALUES,
    check_axes,
    element_of,
    expect,
    expect_operand,
    with_shape,
)


class ReductionOp(IRDLOperation, ABC):
    """Combines the elements along `axes`, which the result drops."""

    x = operand_def(VALUES)
    axes = prop_def(INTS)
    result = result_def(VALUES)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def __init__(self, x: SSAValue, axes: Sequence[int]):
        shape = shape_of(x)
        kept = [n for k, n in enumerate(shape) if k not in axes]
        super().__init__(
            operands=[x],
            result_types=[with_shape(x.type, kept)],
            properties={"axes": ints(axes)},
        )

    def verify_(self) -> None:
        axes, shape = tuple_of(self.axes), shape_of(self.x)
        check_axes(self.name, axes, len(shape))
        kept = [n for k, n in enumerate(shape) if k not in axes]
        expect(self.name, self.result, with_shape(self.x.type, kept))


@irdl_op_definition
class ReduceSumOp(ReductionOp):
    """
    Σ x along axes.

    ```mlir
    %r = lax.reduce_sum %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
    ```
    """

    name = "lax.reduce_sum"
    x = operand_def(NUMBERS)


@irdl_op_definition
class ReduceProdOp(ReductionOp):
    """
    Π x along axes.

    ```mlir
    %r = lax.reduce_prod %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
    ```
    """

    name = "lax.reduce_prod"
    x = operand_def(NUMBERS)


@irdl_op_definition
class ReduceMaxOp(ReductionOp):
    """
    max x along axes.

    ```mlir
    %r = lax.reduce_max %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
    ```
    """

    name = "lax.reduce_max"


@irdl_op_definition
class ReduceMinOp(ReductionOp):
    """
    min x along axes.

    ```mlir
    %r = lax.reduce_min %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
    ```
    """

    name = "lax.reduce_min"


@irdl_op_definition
class ReduceAndOp(ReductionOp):
    """
    Whether all x along axes.

    ```mlir
    %r = lax.reduce_and %x {axes = array<i64: 0>} : (tensor<3xi1>) -> tensor<i1>
    ```
    """

    name = "lax.reduce_and"
    x = operand_def(INTEGERS)


@irdl_op_definition
class ReduceOrOp(ReductionOp):
    """
    Whether any x along axes.

    ```mlir
    %r = lax.reduce_or %x {axes = array<i64: 0>} : (tensor<3xi1>) -> tensor<i1>
    ```
    """

    name = "lax.reduce_or"
    x = operand_def(INTEGERS)


@irdl_op_definition
class LogSumExpOp(ReductionOp):
    """
    log Σ eˣ along axes, without overflow.

    ```mlir
    %r = lax.logsumexp %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
    ```
    """

    name = "lax.logsumexp"
    x = operand_def(FLOATS)


class ArgumentOp(IRDLOperation, ABC):
    """The index of an extreme element along one axis, the first of equal ones."""

    x = operand_def(VALUES)
    axis = prop_def(IntegerAttr)
    result = result_def(INTEGERS)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def verify_(self) -> None:
        axis, shape = self.axis.value.data, shape_of(self.x)
        check_axes(self.name, [axis], len(shape))
        kept = [n for k, n in enumerate(shape) if k != axis]
        element = element_of(self.result.type)
        if shape_of(self.result) != tuple(kept) or element == i1:
            raise VerifyException(f"{self.name} gives integers of shape {tuple(kept)}")


@irdl_op_definition
class ArgmaxOp(ArgumentOp):
    """
    The index of the largest element along an axis.

    ```mlir
    %r = lax.argmax %x {axis = 0 : i64} : (tensor<3xf32>) -> tensor<i32>
    ```
    """

    name = "lax.argmax"


@irdl_op_definition
class ArgminOp(ArgumentOp):
    """
    The index of the smallest element along an axis.

    ```mlir
    %r = lax.argmin %x {axis = 0 : i64} : (tensor<3xf32>) -> tensor<i32>
    ```
    """

    name = "lax.argmin"


class CumulativeOp(IRDLOperation, ABC):
    """The running reduction along one axis, from the end where `reverse`."""

    x = operand_def(VALUES)
    axis = prop_def(IntegerAttr)
    reverse = prop_def(BoolAttr)
    result = result_def(VALUES)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def verify_(self) -> None:
        check_axes(self.name, [self.axis.value.data], len(shape_of(self.x)))
        expect(self.name, self.result, self.x.type)


@irdl_op_definition
class CumsumOp(CumulativeOp):
    """
    Running sums.

    ```mlir
    %r = lax.cumsum %x {axis = 0 : i64, reverse = false} : (tensor<3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.cumsum"
    x = operand_def(NUMBERS)


@irdl_op_definition
class CumprodOp(CumulativeOp):
    """
    Running products.

    ```mlir
    %r = lax.cumprod %x {axis = 0 : i64, reverse = false} : (tensor<3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.cumprod"
    x = operand_def(NUMBERS)


@irdl_op_definition
class CummaxOp(CumulativeOp):
    """
    Running maxima.

    ```mlir
    %r = lax.cummax %x {axis = 0 : i64, reverse = false} : (tensor<3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.cummax"


@irdl_op_definition
class CumminOp(CumulativeOp):
    """
    Running minima.

    ```mlir
    %r = lax.cummin %x {axis = 0 : i64, reverse = false} : (tensor<3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.cummin"


@irdl_op_definition
class CumlogsumexpOp(CumulativeOp):
    """
    Running log Σ eˣ.

    ```mlir
    %r = lax.cumlogsumexp %x {axis = 0 : i64, reverse = false} : (tensor<3xf32>) -> tensor<3xf32>
    ```
    """

    name = "lax.cumlogsumexp"
    x = operand_def(FLOATS)


@irdl_op_definition
class SortOp(IRDLOperation):
    """
    The operands sorted together along one axis, by the first `num_keys` of them.

    ```mlir
    %a, %b = lax.sort %x, %y {dimension = 0 : i64, is_stable = true, num_keys = 1 : i64} : (tensor<3xf32>, tensor<3xi32>) -> (tensor<3xf32>, tensor<3xi32>)
    ```
    """

    name = "lax.sort"
    xs = var_operand_def(VALUES)
    dimension = prop_def(IntegerAttr)
    is_stable = prop_def(BoolAttr)
    num_keys = prop_def(IntegerAttr)
    sorted = var_result_def(VALUES)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$xs " + FORMAT

    def verify_(self) -> None:
        if not 0 < self.num_keys.value.data <= len(self.xs):
            raise VerifyException(f"{self.num_keys.value.data} keys for {len(self.xs)} operands")
        if [x.type for x in self.xs] != [r.type for r in self.sorted]:
            raise VerifyException(f"the operands and the results of {self.name} differ in type")
        shape = shape_of(self.xs[0])
        if any(shape_of(x) != shape for x in self.xs):
            raise VerifyException(f"the operands of {self.name} differ in shape")
        check_axes(self.name, [self.dimension.value.data], len(shape))


def check_precision(precision: StringAttr | None) -> None:
    """Refuses what is neither the usual precision nor a higher one of JAX's."""
    if precision is not None and precision.data not in ("HIGH", "HIGHEST"):
        raise VerifyException(f"{precision} is no precision: give HIGH or HIGHEST, or none")


@irdl_op_definition
class DotGeneralOp(IRDLOperation):
    """
    Σ over the contracting axes of x·y, batch axes aligned: result axes are batch, x's free, y's free.

    ```mlir
    %r = lax.dot_general %x, %y {x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1>, y_contract = array<i64: 0>} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2xf32>
    ```
    """

    name = "lax.dot_general"
    x = operand_def(NUMBERS)
    y = operand_def(NUMBERS)
    x_contract = prop_def(INTS)
    y_contract = prop_def(INTS)
    x_batch = prop_def(INTS)
    y_batch = prop_def(INTS)
    precision = opt_prop_def(StringAttr)
    result = result_def(NUMBERS)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $y " + FORMAT

    def verify_(self) -> None:
        x, y = shape_of(self.x), shape_of(self.y)
        check_precision(self.precision)
        xc, yc = tuple_of(self.x_contract), tuple_of(self.y_contract)
        xb, yb = tuple_of(self.x_batch), tuple_of(self.y_batch)
        check_axes(self.name, xc + xb, len(x))
        check_axes(self.name, yc + yb, len(y))
        if [x[k] for k in xc + xb] != [y[k] for k in yc + yb]:
            raise VerifyException(f"{x} and {y} do not contract along {xc}, {yc}, batch {xb}, {yb}")
        free = [n for k, n in enumerate(x) if k not in xc + xb]
        free += [n for k, n in enumerate(y) if k not in yc + yb]
        expect_operand("the second operand", self.y, with_shape(self.x.type, y))
        expect(self.name, self.result, with_shape(self.x.type, (*[x[k] for k in xb], *free)))
