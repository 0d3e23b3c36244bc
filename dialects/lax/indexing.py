"""Reading and writing at computed positions."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import BoolAttr, StringAttr
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
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.lax.literal import LiteralAttr
from relbo_ir.dialects.lax.shapes import FORMAT, shape_of, tuple_of
from relbo_ir.dialects.tensors import (
    INTEGERS,
    INTS,
    TENSOR,
    check_axes,
    check_scalars,
    expect,
    expect_operand,
    with_shape,
)

_MODES = ("clip", "fill", "promise_in_bounds")


def _check_mode(name: str, mode: StringAttr) -> None:
    if mode.data not in _MODES:
        raise VerifyException(f"{name}: the mode is one of {', '.join(_MODES)}, not {mode}")


def _check_block(name: str, sizes: Sequence[int], x: SSAValue) -> None:
    """Refuses a block that is larger than x."""
    shape = shape_of(x)
    if len(sizes) != len(shape):
        raise VerifyException(f"{name}: {len(sizes)} sizes for the {len(shape)} axes of {x.type}")
    if any(not 0 <= size <= n for size, n in zip(sizes, shape, strict=True)):
        raise VerifyException(f"{name}: a block of {tuple(sizes)} does not fit in {x.type}")


def _check_rows(name: str, indices: SSAValue, axes: Sequence[int], x: SSAValue) -> None:
    """Refuses rows of indices that do not hold one index for each of the axes of x."""
    shape = shape_of(indices)
    if not shape or shape[-1] != len(axes):
        raise VerifyException(f"{name}: the rows of {indices.type} do not index {len(axes)} axes")
    check_axes(name, axes, len(shape_of(x)))


@irdl_op_definition
class DynamicSliceOp(IRDLOperation):
    """
    The block of size `sizes` at the start indices, moved inside x where it would stick out.

    ```mlir
    %r = lax.dynamic_slice %x, %i {sizes = array<i64: 2>} : (tensor<5xf32>, tensor<i32>) -> tensor<2xf32>
    ```
    """

    name = "lax.dynamic_slice"
    x = operand_def(TENSOR)
    starts = var_operand_def(INTEGERS)
    sizes = prop_def(INTS)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x (`,` $starts^)? " + FORMAT

    def verify_(self) -> None:
        sizes = tuple_of(self.sizes)
        check_scalars(self.name, self.starts, len(shape_of(self.x)))
        _check_block(self.name, sizes, self.x)
        expect(self.name, self.result, with_shape(self.x.type, sizes))


@irdl_op_definition
class DynamicUpdateSliceOp(IRDLOperation):
    """
    x with the block at the start indices replaced.

    ```mlir
    %r = lax.dynamic_update_slice %x, %u, %i : (tensor<5xf32>, tensor<2xf32>, tensor<i32>) -> tensor<5xf32>
    ```
    """

    name = "lax.dynamic_update_slice"
    x = operand_def(TENSOR)
    update = operand_def(TENSOR)
    starts = var_operand_def(INTEGERS)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $update (`,` $starts^)? " + FORMAT

    def verify_(self) -> None:
        check_scalars(self.name, self.starts, len(shape_of(self.x)))
        _check_block(self.name, shape_of(self.update), self.x)
        expect_operand("the update", self.update, with_shape(self.x.type, shape_of(self.update)))
        expect(self.name, self.result, self.x.type)


@irdl_op_definition
class GatherOp(IRDLOperation):
    """
    Slices of x at rows of `indices`, with XLA's gather dimension numbers. `mode` is how an index
    out of bounds is read: `clip`, `fill` (with fill_value, else NaN or the type's extreme),
    `promise_in_bounds`.

    ```mlir
    %r = lax.gather %x, %i {offset_dims = array<i64>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5xf32>, tensor<3x1xi32>) -> tensor<3xf32>
    ```
    """

    name = "lax.gather"
    x = operand_def(TENSOR)
    indices = operand_def(INTEGERS)
    offset_dims = prop_def(INTS)
    collapsed_slice_dims = prop_def(INTS)
    operand_batching_dims = prop_def(INTS)
    start_indices_batching_dims = prop_def(INTS)
    start_index_map = prop_def(INTS)
    slice_sizes = prop_def(INTS)
    indices_are_sorted = prop_def(BoolAttr)
    unique_indices = prop_def(BoolAttr)
    mode = prop_def(StringAttr)
    fill_value = opt_prop_def(LiteralAttr)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $indices " + FORMAT

    def verify_(self) -> None:
        _check_mode(self.name, self.mode)
        rank, sizes = len(shape_of(self.x)), tuple_of(self.slice_sizes)
        _check_block(self.name, sizes, self.x)
        _check_rows(self.name, self.indices, tuple_of(self.start_index_map), self.x)
        dropped = tuple_of(self.collapsed_slice_dims) + tuple_of(self.operand_batching_dims)
        check_axes(self.name, dropped, rank)
        offsets = tuple_of(self.offset_dims)
        check_axes(self.name, offsets, len(shape_of(self.result)))
        window = [n for k, n in enumerate(sizes) if k not in dropped]
        if len(offsets) != len(window):
            raise VerifyException(
                f"{self.name}: {len(offsets)} offset axes for a slice of {window}"
            )
        self._check_result(offsets, window)

    def _check_result(self, offsets: Sequence[int], window: Sequence[int]) -> None:
        """The result's offset axes are the slice's, its others are those of the rows."""
        rows, slices = iter(shape_of(self.indices)[:-1]), iter(window)
        rank = len(shape_of(self.indices)) - 1 + len(window)
        shape = [next(slices if k in offsets else rows, 0) for k in range(rank)]
        expect(self.name, self.result, with_shape(self.x.type, shape))
        if self.fill_value is not None and self.fill_value.type != with_shape(self.x.type, ()):
            raise VerifyException(f"{self.name}: {self.fill_value} does not fill {self.x.type}")


class ScatterBase(IRDLOperation, ABC):
    """x with updates combined into it at rows of `indices`."""

    x = operand_def(TENSOR)
    indices = operand_def(INTEGERS)
    updates = operand_def(TENSOR)
    update_window_dims = prop_def(INTS)
    inserted_window_dims = prop_def(INTS)
    operand_batching_dims = prop_def(INTS)
    scatter_indices_batching_dims = prop_def(INTS)
    scatter_dims_to_operand_dims = prop_def(INTS)
    indices_are_sorted = prop_def(BoolAttr)
    unique_indices = prop_def(BoolAttr)
    mode = prop_def(StringAttr)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $indices `,` $updates " + FORMAT

    def verify_(self) -> None:
        _check_mode(self.name, self.mode)
        axes = tuple_of(self.scatter_dims_to_operand_dims)
        _check_rows(self.name, self.indices, axes, self.x)
        dropped = tuple_of(self.inserted_window_dims) + tuple_of(self.operand_batching_dims)
        check_axes(self.name, dropped, len(shape_of(self.x)))
        window = tuple_of(self.update_window_dims)
        check_axes(self.name, window, len(shape_of(self.updates)))
        if len(window) != len(shape_of(self.x)) - len(dropped):
            raise VerifyException(
                f"{self.name}: {len(window)} window axes do not match {self.x.type}"
            )
        if len(shape_of(self.updates)) != len(window) + len(shape_of(self.indices)) - 1:
            raise VerifyException(
                f"{self.name}: {self.updates.type} has not one update for each row"
            )
        expect_operand("the update", self.updates, with_shape(self.x.type, shape_of(self.updates)))
        expect(self.name, self.result, self.x.type)


@irdl_op_definition
class ScatterOp(ScatterBase):
    """
    x with updates written at rows of `indices`.

    ```mlir
    %r = lax.scatter %x, %i, %u {update_window_dims = array<i64>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5xf32>, tensor<3x1xi32>, tensor<3xf32>) -> tensor<5xf32>
    ```
    """

    name = "lax.scatter"


@irdl_op_definition
class ScatterAddOp(ScatterBase):
    """
    x with updates added at rows of `indices`; syntax as `lax.scatter`.

    ```mlir
    %r = lax.scatter_add %x, %i, %u {update_window_dims = array<i64>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5xf32>, tensor<3x1xi32>, tensor<3xf32>) -> tensor<5xf32>
    ```
    """

    name = "lax.scatter_add"


@irdl_op_definition
class ScatterSubOp(ScatterBase):
    """
    x with updates subtracted at rows of `indices`; syntax as `lax.scatter`.

    ```mlir
    %r = lax.scatter_sub %x, %i, %u {update_window_dims = array<i64>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5xf32>, tensor<3x1xi32>, tensor<3xf32>) -> tensor<5xf32>
    ```
    """

    name = "lax.scatter_sub"


@irdl_op_definition
class ScatterMulOp(ScatterBase):
    """
    x multiplied by updates at rows of `indices`; syntax as `lax.scatter`.

    ```mlir
    %r = lax.scatter_mul %x, %i, %u {update_window_dims = array<i64>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5xf32>, tensor<3x1xi32>, tensor<3xf32>) -> tensor<5xf32>
    ```
    """

    name = "lax.scatter_mul"


class _ExtremeOp(ScatterBase, ABC):
    """One that keeps what is least or greatest."""

    def verify_(self) -> None:
        super().verify_()
        if self.mode.data == "clip":
            raise VerifyException(
                f"{self.name} has no mode 'clip', in which JAX's derivative of it is wrong; clamp the "
                "indices"
            )


@irdl_op_definition
class ScatterMinOp(_ExtremeOp):
    """
    x, or the least of x and the updates at rows of `indices`; syntax as `lax.scatter`.

    ```mlir
    %r = lax.scatter_min %x, %i, %u {update_window_dims = array<i64>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5xf32>, tensor<3x1xi32>, tensor<3xf32>) -> tensor<5xf32>
    ```
    """

    name = "lax.scatter_min"


@irdl_op_definition
class ScatterMaxOp(_ExtremeOp):
    """
    x, or the greatest of x and the updates at rows of `indices`; syntax as `lax.scatter`.

    ```mlir
    %r = lax.scatter_max %x, %i, %u {update_window_dims = array<i64>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5xf32>, tensor<3x1xi32>, tensor<3xf32>) -> tensor<5xf32>
    ```
    """

    name = "lax.scatter_max"
