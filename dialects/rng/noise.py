"""Draws without parameters."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.key import KeyType
from relbo_ir.dialects.tensors import REALS, TENSOR, element_of, shape_of_type


class DrawOp(IRDLOperation, ABC):
    """
    Draws for a group of sites of one kind: axis 0 of the result is the axis of `keys`, and row k
    is the draw of key k alone (grouping changes no bit).
    """

    result = result_def(REALS)
    traits = traits_def(Pure())

    def verify_(self) -> None:
        keys, result = self.operands[0].type, self.result.type
        if element_of(keys) != KeyType() or len(shape_of_type(keys)) != 1:
            raise VerifyException(f"{self.name} takes a vector of keys, not {keys}")
        if shape_of_type(result)[:1] != shape_of_type(keys):
            raise VerifyException(f"{self.name}: {keys} and {result} differ in their first axis")


class NoiseOp(DrawOp, ABC):
    """Draws without parameters."""

    keys = operand_def(TENSOR)
    assembly_format = "$keys attr-dict `:` type($keys) `->` type($result)"

    def __init__(self, keys: SSAValue, element: Attribute, shape: Sequence[int]):
        count = shape_of_type(keys.type)
        super().__init__(operands=[keys], result_types=[TensorType(element, [*count, *shape])])


@irdl_op_definition
class NormalNoiseOp(NoiseOp):
    """
    Standard normal draws.

    ```mlir
    %e = rng.normal %k : tensor<2x!rng.key> -> tensor<2x8xf32>
    ```
    """

    name = "rng.normal"


@irdl_op_definition
class CauchyNoiseOp(NoiseOp):
    """
    Standard Cauchy draws.

    ```mlir
    %e = rng.cauchy %k : tensor<1x!rng.key> -> tensor<1xf32>
    ```
    """

    name = "rng.cauchy"


@irdl_op_definition
class UniformNoiseOp(NoiseOp):
    """
    Uniform draws in [0, 1).

    ```mlir
    %e = rng.uniform %k : tensor<1x!rng.key> -> tensor<1xf32>
    ```
    """

    name = "rng.uniform"


@irdl_op_definition
class LaplaceNoiseOp(NoiseOp):
    """
    Standard Laplace draws.

    ```mlir
    %e = rng.laplace %k : tensor<1x!rng.key> -> tensor<1xf32>
    ```
    """

    name = "rng.laplace"


@irdl_op_definition
class LogisticNoiseOp(NoiseOp):
    """
    Standard logistic draws.

    ```mlir
    %e = rng.logistic %k : tensor<1x!rng.key> -> tensor<1xf32>
    ```
    """

    name = "rng.logistic"


@irdl_op_definition
class GumbelNoiseOp(NoiseOp):
    """
    Standard Gumbel draws.

    ```mlir
    %e = rng.gumbel %k : tensor<1x!rng.key> -> tensor<1xf32>
    ```
    """

    name = "rng.gumbel"


@irdl_op_definition
class ExponentialNoiseOp(NoiseOp):
    """
    Exponential draws of rate 1; 0 can occur.

    ```mlir
    %e = rng.exponential %k : tensor<1x!rng.key> -> tensor<1xf32>
    ```
    """

    name = "rng.exponential"
