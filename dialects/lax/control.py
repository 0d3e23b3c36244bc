"""Ops that hold functions: loops, branches, and functions with their own derivative."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex

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
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.lax.shapes import FORMAT
from relbo_ir.dialects.tensors import INTEGERS, TENSOR, shape_of_type


@irdl_op_definition
class CustomJvpOp(IRDLOperation):
    """
    f(x) with the forward derivative that its author gave: `rule(x, ẋ) = (f(x), ḟ)`. The rule takes
    the tangents of the float operands only, after all operands, and gives one for every value.

    ```mlir
    %r = lax.custom_jvp @f rule @f_jvp(%x) : (tensor<f32>) -> tensor<f32>
    ```
    """

    name = "lax.custom_jvp"
    function = prop_def(SymbolRefAttr)
    rule = prop_def(SymbolRefAttr)
    arguments = var_operand_def(TENSOR)
    values = var_result_def(TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$function `rule` $rule `(` $arguments `)` " + FORMAT

    def __init__(
        self, function: str, rule: str, args: Sequence[SSAValue], types: Sequence[Attribute]
    ):
        super().__init__(
            operands=[args],
            result_types=[types],
            properties={"function": SymbolRefAttr(function), "rule": SymbolRefAttr(rule)},
        )


@irdl_op_definition
class CustomVjpOp(IRDLOperation):
    """
    f(x) with the reverse derivative that its author gave: `rule(x, ȳ) = x̄`. The rule gives the
    cotangents of the float operands only.

    ```mlir
    %r = lax.custom_vjp @f rule @f_vjp(%x) : (tensor<f32>) -> tensor<f32>
    ```
    """

    name = "lax.custom_vjp"
    function = prop_def(SymbolRefAttr)
    rule = prop_def(SymbolRefAttr)
    arguments = var_operand_def(TENSOR)
    values = var_result_def(TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$function `rule` $rule `(` $arguments `)` " + FORMAT

    def __init__(
        self, function: str, rule: str, args: Sequence[SSAValue], types: Sequence[Attribute]
    ):
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
    arguments = var_operand_def(TENSOR)
    num_consts = prop_def(IntegerAttr)
    num_carry = prop_def(IntegerAttr)
    length = prop_def(IntegerAttr)
    reverse = prop_def(BoolAttr)
    unroll = prop_def(IntegerAttr)
    values = var_result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$body `(` $arguments `)` " + FORMAT

    def verify_(self) -> None:
        consts, carry = self.num_consts.value.data, self.num_carry.value.data
        length, types = self.length.value.data, [x.type for x in self.arguments]
        if min(consts, carry, len(types) - consts - carry, len(self.values) - carry, length) < 0:
            raise VerifyException(f"{self.name}: {consts} + {carry} of {len(types)} operands")
        if types[consts : consts + carry] != [r.type for r in self.values[:carry]]:
            raise VerifyException(f"{self.name}: carried operands and results differ in type")
        for array in (*types[consts + carry :], *(r.type for r in self.values[carry:])):
            if shape_of_type(array)[:1] != (length,):
                raise VerifyException(f"{self.name}: {array} has not {length} rows")


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
    arguments = var_operand_def(TENSOR)
    cond_consts = prop_def(IntegerAttr)
    body_consts = prop_def(IntegerAttr)
    values = var_result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "`cond` $cond `body` $body `(` $arguments `)` " + FORMAT

    def verify_(self) -> None:
        tests, bodies = self.cond_consts.value.data, self.body_consts.value.data
        carried = len(self.arguments) - tests - bodies
        if min(tests, bodies, carried) < 0:
            raise VerifyException(
                f"{self.name}: {tests} + {bodies} of {len(self.arguments)} operands"
            )
        if [x.type for x in self.arguments[tests + bodies :]] != [r.type for r in self.values]:
            raise VerifyException(f"{self.name}: carried operands and results differ in type")


@irdl_op_definition
class CondOp(IRDLOperation):
    """
    branches[index](arguments), the index clamped to the branches there are.

    ```mlir
    %r = lax.cond %i, [@f, @g](%x) : (tensor<i32>, tensor<f32>) -> tensor<f32>
    ```
    """

    name = "lax.cond"
    index = operand_def(INTEGERS)
    branches = prop_def(ArrayAttr[SymbolRefAttr])
    arguments = var_operand_def(TENSOR)
    values = var_result_def(TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$index `,` $branches `(` $arguments `)` " + FORMAT

    def verify_(self) -> None:
        if shape_of_type(self.index.type):
            raise VerifyException(f"the index of {self.name} has rank 0, not {self.index.type}")
        if not self.branches.data:
            raise VerifyException(f"{self.name} needs a branch")


def integer(value: SupportsIndex) -> IntegerAttr:
    """A Python int as an attribute, or a NumPy one: JAX's parameters hold both."""
    return IntegerAttr(operator.index(value), i64)
