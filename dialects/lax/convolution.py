"""Convolution: windows of an array, weighed by a kernel."""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerAttr, StringAttr
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.lax.reductions import check_precision
from relbo_ir.dialects.lax.shapes import FORMAT, shape_of, tuple_of
from relbo_ir.dialects.tensors import (
    INTS,
    NUMBERS,
    check_axes,
    expect,
    expect_operand,
    with_shape,
)


def _dilated(n: int, dilation: int) -> int:
    """The length of n elements with dilation − 1 places between any two."""
    return 0 if n == 0 else 1 + dilation * (n - 1)


@irdl_op_definition
class ConvGeneralDilatedOp(IRDLOperation):
    """
    Σ over taps k and features c of x[n, c, stride·i − low + rhs_dilation·k] · kernel[o, c, k], at
    place i of feature o of row n; x counts as 0 outside, and has lhs_dilation − 1 zeros between
    elements. The kernel is not turned around. The `…_spec` say which axes are batch, feature and
    spatial ones (of the kernel: features of the result, features of x, spatial). Groups split the
    features, or the rows, of x: the g-th part of the kernels reads the g-th one alone.

    ```mlir
    %r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x1x6xf32>, tensor<1x1x3xf32>) -> tensor<1x1x6xf32>
    ```
    """

    name = "lax.conv_general_dilated"
    x = operand_def(NUMBERS)
    kernel = operand_def(NUMBERS)
    lhs_spec = prop_def(INTS)
    rhs_spec = prop_def(INTS)
    out_spec = prop_def(INTS)
    window_strides = prop_def(INTS)
    low = prop_def(INTS)
    high = prop_def(INTS)
    lhs_dilation = prop_def(INTS)
    rhs_dilation = prop_def(INTS)
    feature_group_count = prop_def(IntegerAttr)
    batch_group_count = prop_def(IntegerAttr)
    precision = opt_prop_def(StringAttr)
    result = result_def(NUMBERS)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $kernel " + FORMAT

    def verify_(self) -> None:
        rank = len(shape_of(self.x))
        check_precision(self.precision)
        expect_operand("the kernel", self.kernel, with_shape(self.x.type, shape_of(self.kernel)))
        if rank < 2 or len(shape_of(self.kernel)) != rank:
            raise VerifyException(
                f"{self.name}: {self.x.type} and {self.kernel.type} have not the same axes of "
                "batch, features and space"
            )
        for spec in (self.lhs_spec, self.rhs_spec, self.out_spec):
            check_axes(self.name, tuple_of(spec), rank)
            if len(tuple_of(spec)) != rank:
                raise VerifyException(
                    f"{self.name}: {tuple_of(spec)} leaves out axes of rank {rank}"
                )
        self._check_numbers(rank - 2)
        shape = [0] * rank
        for axis, size in zip(tuple_of(self.out_spec), self._sizes(), strict=True):
            shape[axis] = size
        expect(self.name, self.result, with_shape(self.x.type, shape))

    def _check_numbers(self, spatial: int) -> None:
        """Refuses strides, padding and dilations that are not one legal number for each axis."""
        positive = (self.window_strides, self.lhs_dilation, self.rhs_dilation)
        if any(len(tuple_of(numbers)) != spatial for numbers in (*positive, self.low, self.high)):
            raise VerifyException(
                f"{self.name} needs strides, padding and dilations for each of {spatial} spatial axes"
            )
        if any(n < 1 for numbers in positive for n in tuple_of(numbers)):
            raise VerifyException(f"{self.name}: strides and dilations are positive")
        groups = self.feature_group_count.value.data, self.batch_group_count.value.data
        if min(groups) != 1:
            raise VerifyException(
                f"{self.name}: {groups[0]} groups of features and {groups[1]} of rows; both are "
                "positive, and one of them is 1"
            )

    def _sizes(self) -> list[int]:
        """The sizes of the result: rows, features, space."""
        rows, features, *space = (shape_of(self.x)[k] for k in tuple_of(self.lhs_spec))
        kernels, read, *taps = (shape_of(self.kernel)[k] for k in tuple_of(self.rhs_spec))
        by_feature, by_row = self.feature_group_count.value.data, self.batch_group_count.value.data
        if by_feature * read != features:
            raise VerifyException(
                f"{self.name}: kernels of {read} features do not read {features} features in "
                f"{by_feature} groups"
            )
        if kernels % by_feature or kernels % by_row or rows % by_row:
            groups = by_feature * by_row
            raise VerifyException(
                f"{self.name}: {kernels} kernels and {rows} rows do not fall into {groups} groups"
            )
        sizes = [rows // by_row, kernels]
        numbers = (self.window_strides, self.low, self.high, self.lhs_dilation, self.rhs_dilation)
        for n, k, stride, low, high, dilation, apart in zip(
            space, taps, *map(tuple_of, numbers), strict=True
        ):
            padded = low + _dilated(n, dilation) + high
            if padded < 0:
                raise VerifyException(f"{self.name}: padding ({low}, {high}) crops more than {n}")
            sizes.append(max(0, 1 + (padded - _dilated(k, apart)) // stride))
        return sizes
