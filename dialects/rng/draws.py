"""Draws with parameters: samplers of their own, one key each."""

from __future__ import annotations

from abc import ABC

from xdsl.dialects.builtin import AnyFloat, IntegerAttr, TensorType, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.rng.noise import DrawOp
from relbo_ir.dialects.tensors import (
    INTEGERS,
    REALS,
    TENSOR,
    element_of,
    expect,
    expect_operand,
    is_tensor,
    shape_of_type,
    tensor,
    with_shape,
)


class ShapedDrawOp(DrawOp, ABC):
    """
    Draws with one key and with parameters of the result's shape (categories: one more axis).
    """

    def draw_shape(self) -> tuple[int, ...]:
        """The shape of one draw, that of the parameters."""
        return shape_of_type(self.operands[1].type)

    def verify_(self) -> None:
        super().verify_()
        if shape_of_type(self.operands[0].type) != (1,):
            raise VerifyException(f"{self.name} takes one key, not {self.operands[0].type}")
        element = element_of(self.result.type)
        if element is not None:
            expect(self.name, self.result, tensor(element, (1, *self.draw_shape())))
        self.check_parameters()
        parameter = element_of(self.operands[1].type)
        if isinstance(element, AnyFloat) and element != parameter:
            raise VerifyException(f"{self.name} of {parameter} draws {parameter}, not {element}")

    def check_parameters(self) -> None:
        """Refuses parameters that do not fit each other: all have the type of the first."""
        for other in self.operands[2:]:
            expect_operand("a parameter", other, self.operands[1].type)

    @staticmethod
    def batch(keys: SSAValue, draw: Attribute) -> TensorType[Attribute]:
        """The type of a stack of draws of that type, one per key."""
        if not is_tensor(draw):
            raise TypeError(f"{draw} is not a tensor")
        shape = (*shape_of_type(keys.type), *draw.get_shape())
        return TensorType(draw.get_element_type(), shape)


class ConcentrationDrawOp(ShapedDrawOp, ABC):
    """Draws of the type of their one parameter, a concentration."""

    keys = operand_def(TENSOR)
    concentration = operand_def(REALS)
    assembly_format = (
        "$keys `,` $concentration attr-dict `:` type($keys) `,` type($concentration) `->` "
        "type($result)"
    )

    def __init__(self, keys: SSAValue, concentration: SSAValue):
        super().__init__(
            operands=[keys, concentration], result_types=[self.batch(keys, concentration.type)]
        )


@irdl_op_definition
class LogGammaDrawOp(ConcentrationDrawOp):
    """
    Logarithms of Gamma draws of rate 1, differentiable in the concentration implicitly; in the
    logarithm because draws of a small concentration underflow. One key.

    ```mlir
    %g = rng.log_gamma %k, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
    ```
    """

    name = "rng.log_gamma"


@irdl_op_definition
class PoissonDrawOp(ShapedDrawOp):
    """
    Poisson draws. One key.

    ```mlir
    %n = rng.poisson %k, %rate : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xi32>
    ```
    """

    name = "rng.poisson"
    keys = operand_def(TENSOR)
    rate = operand_def(REALS)
    result = result_def(INTEGERS)
    assembly_format = "$keys `,` $rate attr-dict `:` type($keys) `,` type($rate) `->` type($result)"

    def __init__(self, keys: SSAValue, rate: SSAValue, element: Attribute):
        shape = shape_of_type(rate.type)
        super().__init__(
            operands=[keys, rate], result_types=[self.batch(keys, TensorType(element, shape))]
        )


@irdl_op_definition
class CategoricalDrawOp(ShapedDrawOp):
    """
    Categories by unnormalised log weights on the last axis. One key.

    ```mlir
    %n = rng.categorical %k, %w : tensor<1x!rng.key>, tensor<8x3xf32> -> tensor<1x8xi32>
    ```
    """

    name = "rng.categorical"
    keys = operand_def(TENSOR)
    logits = operand_def(REALS)
    result = result_def(INTEGERS)
    assembly_format = (
        "$keys `,` $logits attr-dict `:` type($keys) `,` type($logits) `->` type($result)"
    )

    def draw_shape(self) -> tuple[int, ...]:
        shape = shape_of_type(self.logits.type)
        if not shape:
            raise VerifyException(f"{self.name}: the weights need an axis of categories")
        return shape[:-1]

    def __init__(self, keys: SSAValue, logits: SSAValue, element: Attribute):
        shape = shape_of_type(logits.type)[:-1]
        super().__init__(
            operands=[keys, logits], result_types=[self.batch(keys, TensorType(element, shape))]
        )


@irdl_op_definition
class WaldDrawOp(ShapedDrawOp):
    """
    Inverse Gaussian draws of concentration 1. Its derivative is wrong: stop it. One key.

    ```mlir
    %w = rng.wald %k, %m : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
    ```
    """

    name = "rng.wald"
    keys = operand_def(TENSOR)
    mean = operand_def(REALS)
    assembly_format = "$keys `,` $mean attr-dict `:` type($keys) `,` type($mean) `->` type($result)"

    def __init__(self, keys: SSAValue, mean: SSAValue):
        super().__init__(operands=[keys, mean], result_types=[self.batch(keys, mean.type)])


@irdl_op_definition
class BinomialDrawOp(ShapedDrawOp):
    """
    Binomial draws of `count` trials of probability `probs`. One key.

    ```mlir
    %n = rng.binomial %k, %c, %p : tensor<1x!rng.key>, tensor<8xf32>, tensor<8xf32> -> tensor<1x8xi32>
    ```
    """

    name = "rng.binomial"
    keys = operand_def(TENSOR)
    count = operand_def(REALS)
    probs = operand_def(REALS)
    result = result_def(INTEGERS)
    assembly_format = (
        "$keys `,` $count `,` $probs attr-dict `:` type($keys) `,` type($count) `,` type($probs) `->` "
        "type($result)"
    )

    def __init__(self, keys: SSAValue, count: SSAValue, probs: SSAValue, element: Attribute):
        shape = shape_of_type(count.type)
        super().__init__(
            operands=[keys, count, probs],
            result_types=[self.batch(keys, TensorType(element, shape))],
        )


@irdl_op_definition
class MultinomialDrawOp(ShapedDrawOp):
    """
    Counts of `count` draws of a category each, by unnormalised probabilities on the last axis. One
    key.

    ```mlir
    %x = rng.multinomial %k, %p, %n : tensor<1x!rng.key>, tensor<8x3xf32>, tensor<8xf32> -> tensor<1x8x3xi32>
    ```
    """

    name = "rng.multinomial"
    keys = operand_def(TENSOR)
    probs = operand_def(REALS)
    count = operand_def(REALS)
    result = result_def(INTEGERS)
    assembly_format = (
        "$keys `,` $probs `,` $count attr-dict `:` type($keys) `,` type($probs) `,` type($count) "
        "`->` type($result)"
    )

    def __init__(self, keys: SSAValue, probs: SSAValue, count: SSAValue, element: Attribute):
        draw = TensorType(element, shape_of_type(probs.type))
        super().__init__(operands=[keys, probs, count], result_types=[self.batch(keys, draw)])

    def check_parameters(self) -> None:
        probs = self.probs.type
        if not shape_of_type(probs):
            raise VerifyException(f"{self.name}: the weights need an axis of categories")
        expect_operand("the count", self.count, with_shape(probs, shape_of_type(probs)[:-1]))


@irdl_op_definition
class VonMisesDrawOp(ConcentrationDrawOp):
    """
    Von Mises draws around 0, by rejection (Best and Fisher 1979). Its derivative is wrong: stop it. One key.

    ```mlir
    %n = rng.von_mises %k, %c : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
    ```
    """

    name = "rng.von_mises"


@irdl_op_definition
class SubsampleDrawOp(DrawOp):
    """
    Distinct indices in [0, size), uniformly drawn without replacement. One key.

    ```mlir
    %i = rng.subsample %k {size = 1000 : i64} : tensor<1x!rng.key> -> tensor<1x32xi32>
    ```
    """

    name = "rng.subsample"
    keys = operand_def(TENSOR)
    size = prop_def(IntegerAttr)
    result = result_def(INTEGERS)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$keys attr-dict `:` type($keys) `->` type($result)"

    def __init__(self, keys: SSAValue, size: int, count: int):
        super().__init__(
            operands=[keys],
            result_types=[TensorType(i32, [*shape_of_type(keys.type), count])],
            properties={"size": IntegerAttr(size, i64)},
        )

    def verify_(self) -> None:
        super().verify_()
        shape = shape_of_type(self.result.type)
        if len(shape) != 2 or not 1 <= shape[1] <= self.size.value.data:
            raise VerifyException(
                f"{self.name} draws a part of {self.size.value.data} indices, not {self.result.type}"
            )
