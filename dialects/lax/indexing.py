"""Reading and writing at computed positions."""

from __future__ import annotations

from abc import ABC

from xdsl.dialects.builtin import BoolAttr, DenseArrayBase, StringAttr, TensorType
from xdsl.irdl import (
    BaseAttr,
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

from relbo_ir.dialects.lax.literal import LiteralAttr
from relbo_ir.dialects.lax.shapes import FORMAT

_tensor = BaseAttr(TensorType)


@irdl_op_definition
class DynamicSliceOp(IRDLOperation):
    """
    The block of size `sizes` at the start indices, moved inside x where it would stick out.

    ```mlir
    %r = lax.dynamic_slice %x, %i {sizes = array<i64: 2>} : (tensor<5xf32>, tensor<i32>) -> tensor<2xf32>
    ```
    """

    name = "lax.dynamic_slice"
    x = operand_def(_tensor)
    starts = var_operand_def(_tensor)
    sizes = prop_def(DenseArrayBase)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x (`,` $starts^)? " + FORMAT


@irdl_op_definition
class DynamicUpdateSliceOp(IRDLOperation):
    """
    x with the block at the start indices replaced.

    ```mlir
    %r = lax.dynamic_update_slice %x, %u, %i : (tensor<5xf32>, tensor<2xf32>, tensor<i32>) -> tensor<5xf32>
    ```
    """

    name = "lax.dynamic_update_slice"
    x = operand_def(_tensor)
    update = operand_def(_tensor)
    starts = var_operand_def(_tensor)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $update (`,` $starts^)? " + FORMAT


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
    x = operand_def(_tensor)
    indices = operand_def(_tensor)
    offset_dims = prop_def(DenseArrayBase)
    collapsed_slice_dims = prop_def(DenseArrayBase)
    operand_batching_dims = prop_def(DenseArrayBase)
    start_indices_batching_dims = prop_def(DenseArrayBase)
    start_index_map = prop_def(DenseArrayBase)
    slice_sizes = prop_def(DenseArrayBase)
    indices_are_sorted = prop_def(BoolAttr)
    unique_indices = prop_def(BoolAttr)
    mode = prop_def(StringAttr)
    fill_value = opt_prop_def(LiteralAttr)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $indices " + FORMAT


class ScatterBase(IRDLOperation, ABC):
    """x with updates combined into it at rows of `indices`."""

    x = operand_def(_tensor)
    indices = operand_def(_tensor)
    updates = operand_def(_tensor)
    update_window_dims = prop_def(DenseArrayBase)
    inserted_window_dims = prop_def(DenseArrayBase)
    operand_batching_dims = prop_def(DenseArrayBase)
    scatter_indices_batching_dims = prop_def(DenseArrayBase)
    scatter_dims_to_operand_dims = prop_def(DenseArrayBase)
    indices_are_sorted = prop_def(BoolAttr)
    unique_indices = prop_def(BoolAttr)
    mode = prop_def(StringAttr)
    result = result_def(_tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $indices `,` $updates " + FORMAT


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
