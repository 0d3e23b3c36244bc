"""What importance samples tell each other: ops of the `estim` dialect over an axis of samples."""

from __future__ import annotations

from abc import ABC
from math import isfinite
from typing import ClassVar

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, TensorType, f64, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.tensors import REALS, element_of, shape_of_type

_number = VarConstraint("NUMBER", REALS)


class OfSamplesOp(IRDLOperation, ABC):
    """
    A number that is computed from those of all importance samples.

    An expectation that holds such an op is written for one of `samples` importance samples, each
    with draws of its own for every choice: it is that over the draws of all samples, of the mean
    over samples of what is yielded. `alpha`, 0 where it is not given, is the order of the bound.
    """

    weight = operand_def(_number)
    samples = prop_def(IntegerAttr)
    alpha = opt_prop_def(FloatAttr)
    result = result_def(_number)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$weight attr-dict `:` type($weight)"

    LEAST: ClassVar[int]
    """The fewest samples that it makes sense for."""

    def __init__(self, weight: SSAValue, samples: int, alpha: float = 0.0):
        super().__init__(
            operands=[weight],
            result_types=[weight.type],
            properties={
                "samples": IntegerAttr(samples, i64),
                "alpha": FloatAttr(alpha, f64) if alpha else None,
            },
        )

    @property
    def order(self) -> float:
        """α of the bound: 0 is the importance-weighted one, and others are Rényi's."""
        return self.alpha.value.data if self.alpha is not None else 0.0

    def verify_(self) -> None:
        if shape_of_type(self.weight.type):
            raise VerifyException(f"{self.name} is of one number a sample, not {self.weight.type}")
        if self.samples.value.data < self.LEAST:
            raise VerifyException(
                f"{self.name} needs {self.LEAST} samples at least, not {self.samples.value.data}"
            )
        if not isfinite(self.order) or self.order == 1.0:
            raise VerifyException(f"{self.name} is of a finite order but 1, not {self.order}")


@irdl_op_definition
class LogMeanExpOp(OfSamplesOp):
    """
    log (1/K)·Σₖ exp wₖ over the importance samples of a step, wₖ being the log weight of one; of
    order α, (1/(1 − α))·log (1/K)·Σₖ exp (1 − α)wₖ. An atomic addend, of which nothing can be taken
    apart.

    ```mlir
    %l = estim.log_mean_exp %w {samples = 8 : i64} : tensor<f32>
    %r = estim.log_mean_exp %w {samples = 8 : i64, alpha = 0.5 : f64} : tensor<f32>
    ```
    """

    name = "estim.log_mean_exp"
    LEAST: ClassVar = 1


@irdl_op_definition
class VimcoOp(OfSamplesOp):
    """
    The log-mean-exp (of the same order) of log weights in which that of this sample is replaced by
    the mean of the other samples' ones (the geometric mean of their weights), and 0 where that is
    not finite; derivative 0. Independent of the draws of its own sample (Mnih and Rezende 2016).

    ```mlir
    %b = estim.vimco %w {samples = 8 : i64} : tensor<f32>
    ```
    """

    name = "estim.vimco"
    LEAST: ClassVar = 2


@irdl_op_definition
class AllSamplesOp(IRDLOperation):
    """
    A number in every particle of the `estim.replicate` around it.

    ```mlir
    %a = estim.all_samples %w : tensor<f32> -> tensor<8xf32>
    ```
    """

    name = "estim.all_samples"

    value = operand_def(REALS)
    result = result_def(REALS)
    traits = traits_def(Pure())
    assembly_format = "$value attr-dict `:` type($value) `->` type($result)"

    def __init__(self, value: SSAValue, samples: int):
        element = element_of(value.type)
        if element is None:
            raise TypeError(f"{value.type} is no tensor")
        super().__init__(operands=[value], result_types=[TensorType(element, [samples])])

    def verify_(self) -> None:
        value, result = self.value.type, self.result.type
        same = element_of(value) == element_of(result)
        if shape_of_type(value) or len(shape_of_type(result)) != 1 or not same:
            raise VerifyException(f"{self.name} makes a vector of numbers, not {result} of {value}")
