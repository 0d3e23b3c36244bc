"""Ops that hold functions: loops, branches, and functions with their own derivative."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, BoolAttr, IntegerAttr, SymbolRefAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import Pure

from relbo_ir.dialects.lax.shapes import FORMAT


@irdl_op_definition
class CustomJvpOp(IRDLOperation):
    """
    f(x) with the forward derivative that its author gave: `rule(x, ẋ) = (f(x), ḟ)`.

    ```mlir
    %r = lax.custom_jvp @f rule @f_jvp(%x) : (tensor<f32>) -> tensor<f32>
    ```
    """

    name = "lax.custom_jvp"
    function = prop_def(SymbolRefAttr)
    rule = prop_def(SymbolRefAttr)
    arguments = var_operand_def()
    values = var_result_def()
    traits = traits_def(Pure())
    assembly_format = "$function `rule` $rule `(` $arguments `)` " + FORMAT

    def __init__(self, function: str, rule: str, args: Sequence[SSAValue], types: Sequence[Attribute]):
        super().__init__(
            operands=[args],
            result_types=[types],
            properties={"function": SymbolRefAttr(function), "rule": SymbolRefAttr(rule)},
        )


@irdl_op_definition
class CustomVjpOp(IRDLOperation):
    """
    f(x) with the reverse derivative that its author gave: `rule(x, ȳ) = x̄`.

    ```mlir
    %r = lax.custom_vjp @f rule @f_vjp(%x) : (tensor<f32>) -> tensor<f32>
    ```
    """

    name = "lax.custom_vjp"
    function = prop_def(SymbolRefAttr)
    rule = prop_def(SymbolRefAttr)
    arguments = var_operand_def()
    values = var_result_def()
    traits = traits_def(Pure())
    assembly_format = "$function `rule` $rule `(` $arguments `)` " + FORMAT

    def __init__(self, function: str, rule: str, args: Sequence[SSAValue], types: Sequence[Attribute]):
        super().__init__(
            operands=[args],
            result_types=[types],
            properties={"function": SymbolRefAttr(function), "rule": SymbolRefAttr(rule)},
        )


@irdl_op_definition
class ScanOp(IRDLOperation):
    """
    (carry, y) = body(consts, carry, x) for each x along axis 0, `length` times; operands are
    `num_consts` constants, `num_carry` carried values, then the scanned arrays.

    ```mlir
    %c, %ys = lax.scan @body(%k, %c0, %xs) {num_consts = 1 : i64, num_carry = 1 : i64, length = 5 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>, tensor<f32>, tensor<5xf32>) -> (tensor<f32>, tensor<5xf32>)
    ```
    """

    name = "lax.scan"
    body = prop_def(SymbolRefAttr)
    arguments = var_operand_def()
    num_consts = prop_def(IntegerAttr)
    num_carry = prop_def(IntegerAttr)
    length = prop_def(IntegerAttr)
    reverse = prop_def(BoolAttr)
    unroll = prop_def(IntegerAttr)
    values = var_result_def()
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$body `(` $arguments `)` " + FORMAT


@irdl_op_definition
class WhileOp(IRDLOperation):
    """
    carry = body(body_consts, carry) while cond(cond_consts, carry); operands are the constants of
    the condition, those of the body, then the carried values.

    ```mlir
    %r = lax.while cond @c body @b(%x) {cond_consts = 0 : i64, body_consts = 0 : i64} : (tensor<f32>) -> tensor<f32>
    ```
    """

    name = "lax.while"
    cond = prop_def(SymbolRefAttr)
    body = prop_def(SymbolRefAttr)
    arguments = var_operand_def()
    cond_consts = prop_def(IntegerAttr)
    body_consts = prop_def(IntegerAttr)
    values = var_result_def()
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "`cond` $cond `body` $body `(` $arguments `)` " + FORMAT


@irdl_op_definition
class CondOp(IRDLOperation):
    """
    branches[index](arguments), the index clamped to the branches there are.

    ```mlir
    %r = lax.cond %i, [@f, @g](%x) : (tensor<i32>, tensor<f32>) -> tensor<f32>
    ```
    """

    name = "lax.cond"
    index = operand_def()
    branches = prop_def(ArrayAttr[SymbolRefAttr])
    arguments = var_operand_def()
    values = var_result_def()
    traits = traits_def(Pure())
    assembly_format = "$index `,` $branches `(` $arguments `)` " + FORMAT


def integer(value: int) -> IntegerAttr:
    """A Python int as an attribute."""
    return IntegerAttr(value, i64)
