"""The commonest families: one op each, with its density as mathematics and its facts as data."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def

from relbo_ir.dialects.dist.family import Draw, Family, Support
from relbo_ir.dialects.dist.family_op import FORMAT, FamilyOp
from relbo_ir.dialects.tensors import REALS


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
    assembly_format = "$loc `,` $scale " + FORMAT


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
    assembly_format = "$scale " + FORMAT


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
    assembly_format = "$loc `,` $scale " + FORMAT


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
    assembly_format = "$scale " + FORMAT


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
    assembly_format = "$concentration `,` $rate " + FORMAT


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
    assembly_format = "$concentration1 `,` $concentration0 " + FORMAT


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
    assembly_format = "$probs " + FORMAT


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
    assembly_format = "$logits " + FORMAT


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
    assembly_format = "$probs " + FORMAT


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
    assembly_format = "$logits " + FORMAT


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
    assembly_format = "$rate " + FORMAT


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
    assembly_format = "$mean `,` $concentration " + FORMAT
