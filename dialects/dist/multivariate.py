"""Families whose draws are vectors or matrices."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
)

from relbo_ir.dialects.dist.family import Draw, Family, Support
from relbo_ir.dialects.dist.family_op import FORMAT, FamilyOp
from relbo_ir.dialects.prob.types import LawType
from relbo_ir.dialects.tensors import REALS


@irdl_op_definition
class DirichletOp(FamilyOp):
    """
    Dirichlet: log p(x) = Σ (aₖ − 1) log xₖ + log Γ(Σ aₖ) − Σ log Γ(aₖ), a = concentration, x on the simplex.

    ```mlir
    %law = dist.dirichlet %a : (tensor<8x3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
    ```
    """

    name = "dist.dirichlet"
    FAMILY: ClassVar[Family] = Family(
        "Dirichlet",
        {"concentration": "positive_vector"},
        Support.SIMPLEX,
        Draw.IMPLICIT,
        frozenset({"concentration"}),
    )
    concentration = operand_def(REALS)
    assembly_format = "$concentration " + FORMAT

    @classmethod
    def event_shape(cls, events: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        return events["concentration"]


@irdl_op_definition
class MultivariateNormalOp(FamilyOp):
    """
    Multivariate Normal: log p(x) = −½|L⁻¹(x − loc)|² − Σ log Lₖₖ − ½ d log 2π, L = scale_tril, lower
    triangular with a positive diagonal.

    ```mlir
    %law = dist.multivariate_normal %m, %l : (tensor<8x3xf32>, tensor<3x3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
    ```
    """

    name = "dist.multivariate_normal"
    FAMILY: ClassVar[Family] = Family(
        "MultivariateNormal",
        {"loc": "real_vector", "scale_tril": "lower_cholesky"},
        Support.REAL,
        Draw.LOCATION_SCALE,
        frozenset({"loc"}),
        frozenset({"scale_tril"}),
    )
    loc = operand_def(REALS)
    scale_tril = operand_def(REALS)
    assembly_format = "$loc `,` $scale_tril " + FORMAT

    @classmethod
    def event_shape(cls, events: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        size = events["loc"]
        if events["scale_tril"] != (*size, *size):
            raise ValueError(
                f"{cls.FAMILY.name}: scale_tril of {size} variables is no {events['scale_tril']}"
            )
        return events["loc"]


@irdl_op_definition
class LowRankMultivariateNormalOp(FamilyOp):
    """
    Multivariate Normal of covariance W Wᵀ + diag(D), W = cov_factor (d × rank), D = cov_diag > 0.

    ```mlir
    %law = dist.low_rank_multivariate_normal %m, %w, %d : (tensor<8x3xf32>, tensor<3x2xf32>, tensor<3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
    ```
    """

    name = "dist.low_rank_multivariate_normal"
    FAMILY: ClassVar[Family] = Family(
        "LowRankMultivariateNormal",
        {"loc": "real_vector", "cov_factor": "real_matrix", "cov_diag": "positive_vector"},
        Support.REAL,
        Draw.LOCATION_SCALE,
        frozenset({"loc", "cov_diag"}),
        frozenset({"cov_factor"}),
    )
    loc = operand_def(REALS)
    cov_factor = operand_def(REALS)
    cov_diag = operand_def(REALS)
    assembly_format = "$loc `,` $cov_factor `,` $cov_diag " + FORMAT

    @classmethod
    def event_shape(cls, events: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        size = events["loc"]
        if events["cov_factor"][:1] != size or events["cov_diag"] != size:
            raise ValueError(
                f"{cls.FAMILY.name}: its parameters differ in their number of variables"
            )
        return events["loc"]


@irdl_op_definition
class MultinomialOp(FamilyOp):
    """
    Multinomial by probabilities: log P(x) = log n! − Σ log xₖ! + Σ xₖ log(pₖ/Σ p), n = total_count,
    p = probs, Σ xₖ = n.

    ```mlir
    %law = dist.multinomial %p, %n : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
    ```
    """

    name = "dist.multinomial"
    FAMILY: ClassVar[Family] = Family(
        "MultinomialProbs",
        {"probs": "simplex", "total_count": "nonnegative_integer"},
        Support.COUNTS,
        Draw.NONE,
        frozenset({"probs"}),
        support_parameters=frozenset({"total_count"}),
    )
    probs = operand_def(REALS)
    total_count = operand_def(REALS)
    assembly_format = "$probs `,` $total_count " + FORMAT

    @classmethod
    def event_shape(cls, events: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        return events["probs"]


@irdl_op_definition
class MultinomialLogitsOp(FamilyOp):
    """
    Multinomial by unnormalised log weights: `dist.multinomial` with probs = softmax(logits).

    ```mlir
    %law = dist.multinomial_logits %l, %n : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
    ```
    """

    name = "dist.multinomial_logits"
    FAMILY: ClassVar[Family] = Family(
        "MultinomialLogits",
        {"logits": "real_vector", "total_count": "nonnegative_integer"},
        Support.COUNTS,
        Draw.NONE,
        frozenset({"logits"}),
        support_parameters=frozenset({"total_count"}),
    )
    logits = operand_def(REALS)
    total_count = operand_def(REALS)
    assembly_format = "$logits `,` $total_count " + FORMAT

    @classmethod
    def event_shape(cls, events: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        return events["logits"]


@irdl_op_definition
class DirichletMultinomialOp(FamilyOp):
    """
    Dirichlet-multinomial: log P(x) = log n! + log Γ(A) − log Γ(n + A) + Σ (log Γ(xₖ + aₖ) − log Γ(aₖ)
    − log xₖ!), a = concentration, A = Σ aₖ, n = total_count, Σ xₖ = n.

    ```mlir
    %law = dist.dirichlet_multinomial %a, %n : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
    ```
    """

    name = "dist.dirichlet_multinomial"
    FAMILY: ClassVar[Family] = Family(
        "DirichletMultinomial",
        {"concentration": "positive_vector", "total_count": "nonnegative_integer"},
        Support.COUNTS,
        Draw.NONE,
        frozenset({"concentration"}),
        support_parameters=frozenset({"total_count"}),
    )
    concentration = operand_def(REALS)
    total_count = operand_def(REALS)
    assembly_format = "$concentration `,` $total_count " + FORMAT

    @classmethod
    def event_shape(cls, events: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        return events["concentration"]


class SizedFamilyOp(FamilyOp, ABC):
    """A family whose event's size no parameter shows: `size` along each of `AXES` axes."""

    AXES: ClassVar[int]

    size = prop_def(IntegerAttr)
    irdl_options = (ParsePropInAttrDict(),)

    def __init__(self, *parameters: SSAValue, size: int):
        IRDLOperation.__init__(
            self,
            operands=list(parameters),
            result_types=[self.sized([p.type for p in parameters], size)],
            properties={"size": IntegerAttr(size, i64)},
        )

    @classmethod
    def sized(cls, parameter_types: Sequence[Attribute], size: int) -> LawType:
        """The law's type; ValueError when the parameters do not fit."""
        if size < 1:
            raise ValueError(f"{cls.FAMILY.name}: no event has size {size}")
        batch = cls.law_type(parameter_types).value
        shape = (*batch.get_shape(), *[size] * cls.AXES)
        return LawType(TensorType(batch.get_element_type(), shape), cls.AXES)

    def expected(self) -> LawType:
        return self.sized([operand.type for operand in self.operands], self.size.value.data)


@irdl_op_definition
class GaussianRandomWalkOp(SizedFamilyOp):
    """
    The first `size` places of a Gaussian random walk from 0: independent steps of Normal(0, scale),
    log p(x) = Σₖ log Normal(xₖ − xₖ₋₁; 0, scale), x₋₁ = 0.

    ```mlir
    %law = dist.gaussian_random_walk %s {size = 5 : i64} : (tensor<8xf32>) -> !prob.law<tensor<8x5xf32>, event_rank = 1>
    ```
    """

    name = "dist.gaussian_random_walk"
    FAMILY: ClassVar[Family] = Family(
        "GaussianRandomWalk", {"scale": "positive"}, Support.REAL, Draw.LOCATION_SCALE
    )
    AXES: ClassVar[int] = 1
    scale = operand_def(REALS)
    assembly_format = "$scale " + FORMAT


@irdl_op_definition
class LKJCholeskyOp(SizedFamilyOp):
    """
    Lewandowski, Kurowicka and Joe (2009): Cholesky factors L of correlation matrices with density
    ∝ Πₖ Lₖₖ^(d − k + 2η − 2), k = 2, ..., d, η = concentration, d = size.

    ```mlir
    %law = dist.lkj_cholesky %c {size = 3 : i64} : (tensor<8xf32>) -> !prob.law<tensor<8x3x3xf32>, event_rank = 2>
    ```
    """

    name = "dist.lkj_cholesky"
    FAMILY: ClassVar[Family] = Family(
        "LKJCholesky", {"concentration": "positive"}, Support.CORR_CHOLESKY, Draw.IMPLICIT
    )
    AXES: ClassVar[int] = 2
    concentration = operand_def(REALS)
    assembly_format = "$concentration " + FORMAT
