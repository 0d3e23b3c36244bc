"""The families: one op each, with its density as mathematics and its facts as data."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import TensorType, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.dist.family import Draw, Family, Support
from relbo_ir.dialects.prob.types import LawType
from relbo_ir.dialects.tensors import REALS, element_of, is_float, shape_of_type


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The NumPy broadcast of the shapes; ValueError when they do not broadcast."""
    rank = max((len(s) for s in shapes), default=0)
    padded = [(1,) * (rank - len(s)) + s for s in shapes]
    result: list[int] = []
    for sizes in zip(*padded, strict=True):
        wide = {s for s in sizes if s != 1}
        if len(wide) > 1:
            raise ValueError(f"shapes {', '.join(map(str, shapes))} do not broadcast")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


class FamilyOp(IRDLOperation, ABC):
    """A law of one family; parameters broadcast against each other to the batch shape."""

    FAMILY: ClassVar[Family]

    result = result_def(LawType)
    traits = traits_def(Pure())

    def __init__(self, *parameters: SSAValue):
        super().__init__(
            operands=list(parameters), result_types=[self.law_type([p.type for p in parameters])]
        )

    @classmethod
    def law_type(cls, parameter_types: Sequence[Attribute]) -> LawType:
        """The law's type from its parameters' types; ValueError when they do not fit."""
        shapes: list[tuple[int, ...]] = []
        element: Attribute | None = None
        for (name, _), type_ in zip(cls.FAMILY.parameters.items(), parameter_types, strict=True):
            mine = element_of(type_)
            if mine is None or not is_float(mine):
                raise ValueError(f"{cls.FAMILY.name}: {name} is {type_}, not a tensor of floats")
            if element not in (None, mine):
                raise ValueError(f"{cls.FAMILY.name}: its parameters differ in their float type")
            element = mine
            shape = shape_of_type(type_)
            if name in cls.FAMILY.event_parameters:
                if not shape:
                    raise ValueError(f"{cls.FAMILY.name}: {name} needs an axis of categories")
                shape = shape[:-1]
            shapes.append(shape)
        match cls.FAMILY.support:
            case Support.BOOLEAN | Support.CATEGORY | Support.COUNT:
                element = i32
            case _:
                pass
        if element is None:
            raise ValueError(f"{cls.FAMILY.name}: no parameters")
        return LawType(TensorType(element, broadcast_shapes(*shapes)))

    def verify_(self) -> None:
        try:
            expected = self.law_type([operand.type for operand in self.operands])
        except ValueError as error:
            raise VerifyException(str(error)) from error
        if expected != self.result.type:
            raise VerifyException(f"{self.name} gives {expected}, not {self.result.type}")


_FORMAT = "attr-dict `:` functional-type(operands, results)"


@irdl_op_definition
class NormalOp(FamilyOp):
    """
    Normal: log p(x) = −½((x − loc)/scale)² − log scale − ½ log 2π.

    ```mlir
    %law = dist.normal %loc, %scale : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
    ```
    """

    name = "dist.normal"
    FAMILY: ClassVar[Family] = Family(
        "Normal", {"loc": "real", "scale": "positive"}, Support.REAL, Draw.LOCATION_SCALE
    )
    loc = operand_def(REALS)
    scale = operand_def(REALS)
    assembly_format = "$loc `,` $scale " + _FORMAT


@irdl_op_definition
class HalfNormalOp(FamilyOp):
    """
    Half-normal: log p(x) = −½(x/scale)² − log scale + ½ log(2/π), x ≥ 0.

    ```mlir
    %law = dist.half_normal %scale : (tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.half_normal"
    FAMILY: ClassVar[Family] = Family(
        "HalfNormal", {"scale": "positive"}, Support.POSITIVE, Draw.LOCATION_SCALE
    )
    scale = operand_def(REALS)
    assembly_format = "$scale " + _FORMAT


@irdl_op_definition
class LogNormalOp(FamilyOp):
    """
    Log-normal: log p(x) = −½((log x − loc)/scale)² − log scale − log x − ½ log 2π, x > 0.

    ```mlir
    %law = dist.log_normal %loc, %scale : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.log_normal"
    FAMILY: ClassVar[Family] = Family(
        "LogNormal", {"loc": "real", "scale": "positive"}, Support.POSITIVE, Draw.LOCATION_SCALE
    )
    loc = operand_def(REALS)
    scale = operand_def(REALS)
    assembly_format = "$loc `,` $scale " + _FORMAT


@irdl_op_definition
class HalfCauchyOp(FamilyOp):
    """
    Half-Cauchy: log p(x) = log(2/π) − log scale − log(1 + (x/scale)²), x ≥ 0.

    ```mlir
    %law = dist.half_cauchy %scale : (tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.half_cauchy"
    FAMILY: ClassVar[Family] = Family(
        "HalfCauchy", {"scale": "positive"}, Support.POSITIVE, Draw.LOCATION_SCALE
    )
    scale = operand_def(REALS)
    assembly_format = "$scale " + _FORMAT


@irdl_op_definition
class GammaOp(FamilyOp):
    """
    Gamma: log p(x) = a log b + (a − 1) log x − b x − log Γ(a), a = concentration, b = rate, x > 0.

    ```mlir
    %law = dist.gamma %a, %b : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.gamma"
    FAMILY: ClassVar[Family] = Family(
        "Gamma", {"concentration": "positive", "rate": "positive"}, Support.POSITIVE, Draw.IMPLICIT
    )
    concentration = operand_def(REALS)
    rate = operand_def(REALS)
    assembly_format = "$concentration `,` $rate " + _FORMAT


@irdl_op_definition
class BetaOp(FamilyOp):
    """
    Beta: log p(x) = (a − 1) log x + (b − 1) log(1 − x) − log B(a, b), a = concentration1,
    b = concentration0, 0 < x < 1.

    ```mlir
    %law = dist.beta %a, %b : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.beta"
    FAMILY: ClassVar[Family] = Family(
        "Beta",
        {"concentration1": "positive", "concentration0": "positive"},
        Support.UNIT_INTERVAL,
        Draw.IMPLICIT,
    )
    concentration1 = operand_def(REALS)
    concentration0 = operand_def(REALS)
    assembly_format = "$concentration1 `,` $concentration0 " + _FORMAT


@irdl_op_definition
class BernoulliOp(FamilyOp):
    """
    Bernoulli by probability: P(x = 1) = probs.

    ```mlir
    %law = dist.bernoulli %probs : (tensor<10xf32>) -> !prob.law<tensor<10xi32>>
    ```
    """

    name = "dist.bernoulli"
    FAMILY: ClassVar[Family] = Family(
        "BernoulliProbs", {"probs": "unit_interval"}, Support.BOOLEAN, Draw.NONE
    )
    probs = operand_def(REALS)
    assembly_format = "$probs " + _FORMAT


@irdl_op_definition
class BernoulliLogitsOp(FamilyOp):
    """
    Bernoulli by log odds: P(x = 1) = 1/(1 + exp(−logits)).

    ```mlir
    %law = dist.bernoulli_logits %logits : (tensor<10xf32>) -> !prob.law<tensor<10xi32>>
    ```
    """

    name = "dist.bernoulli_logits"
    FAMILY: ClassVar[Family] = Family(
        "BernoulliLogits", {"logits": "real"}, Support.BOOLEAN, Draw.NONE
    )
    logits = operand_def(REALS)
    assembly_format = "$logits " + _FORMAT


@irdl_op_definition
class CategoricalOp(FamilyOp):
    """
    Categorical by probabilities: P(x = k) = probs[k] / Σ probs; categories on the last axis.

    ```mlir
    %law = dist.categorical %probs : (tensor<5x3xf32>) -> !prob.law<tensor<5xi32>>
    ```
    """

    name = "dist.categorical"
    FAMILY: ClassVar[Family] = Family(
        "CategoricalProbs",
        {"probs": "simplex"},
        Support.CATEGORY,
        Draw.NONE,
        frozenset({"probs"}),
    )
    probs = operand_def(REALS)
    assembly_format = "$probs " + _FORMAT


@irdl_op_definition
class CategoricalLogitsOp(FamilyOp):
    """
    Categorical by unnormalised log weights: P(x = k) = softmax(logits)[k]; categories on the last axis.

    ```mlir
    %law = dist.categorical_logits %logits : (tensor<5x3xf32>) -> !prob.law<tensor<5xi32>>
    ```
    """

    name = "dist.categorical_logits"
    FAMILY: ClassVar[Family] = Family(
        "CategoricalLogits",
        {"logits": "real_vector"},
        Support.CATEGORY,
        Draw.NONE,
        frozenset({"logits"}),
    )
    logits = operand_def(REALS)
    assembly_format = "$logits " + _FORMAT


@irdl_op_definition
class PoissonOp(FamilyOp):
    """
    Poisson: log p(x) = x log rate − rate − log x!, x = 0, 1, 2, ...

    ```mlir
    %law = dist.poisson %rate : (tensor<f32>) -> !prob.law<tensor<i32>>
    ```
    """

    name = "dist.poisson"
    FAMILY: ClassVar[Family] = Family("Poisson", {"rate": "positive"}, Support.COUNT, Draw.NONE)
    rate = operand_def(REALS)
    assembly_format = "$rate " + _FORMAT


@irdl_op_definition
class InverseGaussianOp(FamilyOp):
    """
    Inverse Gaussian: log p(x) = ½ log(λ/(2π x³)) − λ(x − μ)²/(2μ²x), μ = mean,
    λ = concentration, x > 0. Not pathwise: the known sampler picks one of two roots, and the
    derivative through that choice is wrong.

    ```mlir
    %law = dist.inverse_gaussian %m, %l : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.inverse_gaussian"
    FAMILY: ClassVar[Family] = Family(
        "InverseGaussian",
        {"mean": "positive", "concentration": "positive"},
        Support.POSITIVE,
        Draw.NONE,
    )
    mean = operand_def(REALS)
    concentration = operand_def(REALS)
    assembly_format = "$mean `,` $concentration " + _FORMAT


FAMILIES: tuple[type[FamilyOp], ...] = (
    NormalOp,
    HalfNormalOp,
    LogNormalOp,
    HalfCauchyOp,
    GammaOp,
    BetaOp,
    BernoulliOp,
    BernoulliLogitsOp,
    CategoricalOp,
    CategoricalLogitsOp,
    PoissonOp,
    InverseGaussianOp,
)
