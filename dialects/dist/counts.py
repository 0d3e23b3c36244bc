"""Families of counts and categories; total counts are whole numbers held as floats."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def

from relbo_ir.dialects.dist.family import Draw, Family, Support
from relbo_ir.dialects.dist.family_op import FORMAT, FamilyOp
from relbo_ir.dialects.tensors import REALS


@irdl_op_definition
class GeometricOp(FamilyOp):
    """
    Geometric by probability: P(x) = probs (1 − probs)ˣ, x = 0, 1, 2, ...

    ```mlir
    %law = dist.geometric %p : (tensor<f32>) -> !prob.law<tensor<i32>>
    ```
    """

    name = "dist.geometric"
    FAMILY: ClassVar[Family] = Family(
        "GeometricProbs", {"probs": "unit_interval"}, Support.COUNT, Draw.NONE
    )
    probs = operand_def(REALS)
    assembly_format = "$probs " + FORMAT


@irdl_op_definition
class GeometricLogitsOp(FamilyOp):
    """
    Geometric by log odds: P(x) = p(1 − p)ˣ, p = 1/(1 + exp(−logits)), x = 0, 1, 2, ...

    ```mlir
    %law = dist.geometric_logits %l : (tensor<f32>) -> !prob.law<tensor<i32>>
    ```
    """

    name = "dist.geometric_logits"
    FAMILY: ClassVar[Family] = Family(
        "GeometricLogits", {"logits": "real"}, Support.COUNT, Draw.NONE
    )
    logits = operand_def(REALS)
    assembly_format = "$logits " + FORMAT


@irdl_op_definition
class BinomialOp(FamilyOp):
    """
    Binomial by probability: P(x) = C(n, x) probsˣ (1 − probs)ⁿ⁻ˣ, n = total_count, x = 0, ..., n.

    ```mlir
    %law = dist.binomial %p, %t : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<i32>>
    ```
    """

    name = "dist.binomial"
    FAMILY: ClassVar[Family] = Family(
        "BinomialProbs",
        {"probs": "unit_interval", "total_count": "nonnegative_integer"},
        Support.BOUNDED_COUNT,
        Draw.NONE,
        support_parameters=frozenset({"total_count"}),
    )
    probs = operand_def(REALS)
    total_count = operand_def(REALS)
    assembly_format = "$probs `,` $total_count " + FORMAT


@irdl_op_definition
class BinomialLogitsOp(FamilyOp):
    """
    Binomial by log odds: log P(x) = log C(n, x) + x logits − n log(1 + exp(logits)), x = 0, ..., n.

    ```mlir
    %law = dist.binomial_logits %l, %t : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<i32>>
    ```
    """

    name = "dist.binomial_logits"
    FAMILY: ClassVar[Family] = Family(
        "BinomialLogits",
        {"logits": "real", "total_count": "nonnegative_integer"},
        Support.BOUNDED_COUNT,
        Draw.NONE,
        support_parameters=frozenset({"total_count"}),
    )
    logits = operand_def(REALS)
    total_count = operand_def(REALS)
    assembly_format = "$logits `,` $total_count " + FORMAT


@irdl_op_definition
class BetaBinomialOp(FamilyOp):
    """
    Beta-binomial: P(x) = C(n, x) B(x + a, n − x + b)/B(a, b), a = concentration1,
    b = concentration0, n = total_count, x = 0, ..., n.

    ```mlir
    %law = dist.beta_binomial %c, %c_, %t : (tensor<f32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<i32>>
    ```
    """

    name = "dist.beta_binomial"
    FAMILY: ClassVar[Family] = Family(
        "BetaBinomial",
        {
            "concentration1": "positive",
            "concentration0": "positive",
            "total_count": "nonnegative_integer",
        },
        Support.BOUNDED_COUNT,
        Draw.NONE,
        support_parameters=frozenset({"total_count"}),
    )
    concentration1 = operand_def(REALS)
    concentration0 = operand_def(REALS)
    total_count = operand_def(REALS)
    assembly_format = "$concentration1 `,` $concentration0 `,` $total_count " + FORMAT


@irdl_op_definition
class NegativeBinomialOp(FamilyOp):
    """
    Negative binomial by probability: P(x) = Γ(x + n)/(Γ(n) x!) (1 − probs)ⁿ probsˣ,
    n = total_count > 0 (any real), x = 0, 1, 2, ...

    ```mlir
    %law = dist.negative_binomial %t, %p : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<i32>>
    ```
    """

    name = "dist.negative_binomial"
    FAMILY: ClassVar[Family] = Family(
        "NegativeBinomialProbs",
        {"total_count": "positive", "probs": "unit_interval"},
        Support.COUNT,
        Draw.NONE,
    )
    total_count = operand_def(REALS)
    probs = operand_def(REALS)
    assembly_format = "$total_count `,` $probs " + FORMAT


@irdl_op_definition
class NegativeBinomialLogitsOp(FamilyOp):
    """
    Negative binomial by log odds: `dist.negative_binomial` with probs = 1/(1 + exp(−logits)).

    ```mlir
    %law = dist.negative_binomial_logits %t, %l : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<i32>>
    ```
    """

    name = "dist.negative_binomial_logits"
    FAMILY: ClassVar[Family] = Family(
        "NegativeBinomialLogits",
        {"total_count": "positive", "logits": "real"},
        Support.COUNT,
        Draw.NONE,
    )
    total_count = operand_def(REALS)
    logits = operand_def(REALS)
    assembly_format = "$total_count `,` $logits " + FORMAT


@irdl_op_definition
class GammaPoissonOp(FamilyOp):
    """
    Gamma-Poisson: P(x) = Γ(x + a)/(Γ(a) x!) (b/(1 + b))ᵃ (1 + b)⁻ˣ, a = concentration, b = rate,
    x = 0, 1, 2, ...

    ```mlir
    %law = dist.gamma_poisson %c, %r : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<i32>>
    ```
    """

    name = "dist.gamma_poisson"
    FAMILY: ClassVar[Family] = Family(
        "GammaPoisson", {"concentration": "positive", "rate": "positive"}, Support.COUNT, Draw.NONE
    )
    concentration = operand_def(REALS)
    rate = operand_def(REALS)
    assembly_format = "$concentration `,` $rate " + FORMAT


@irdl_op_definition
class ZeroInflatedPoissonOp(FamilyOp):
    """
    Zero-inflated Poisson: P(x) = gate [x = 0] + (1 − gate) Poisson(x; rate), x = 0, 1, 2, ...

    ```mlir
    %law = dist.zero_inflated_poisson %g, %r : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<i32>>
    ```
    """

    name = "dist.zero_inflated_poisson"
    FAMILY: ClassVar[Family] = Family(
        "ZeroInflatedPoisson",
        {"gate": "unit_interval", "rate": "positive"},
        Support.COUNT,
        Draw.NONE,
    )
    gate = operand_def(REALS)
    rate = operand_def(REALS)
    assembly_format = "$gate `,` $rate " + FORMAT


@irdl_op_definition
class OrderedLogisticOp(FamilyOp):
    """
    Ordered logistic: P(x = k) = σ(cₖ − η) − σ(cₖ₋₁ − η), η = predictor, c = cutpoints (increasing,
    on the last axis), c₋₁ = −∞, c_K = ∞, x = 0, ..., K.

    ```mlir
    %law = dist.ordered_logistic %p, %c : (tensor<5xf32>, tensor<2xf32>) -> !prob.law<tensor<5xi32>>
    ```
    """

    name = "dist.ordered_logistic"
    FAMILY: ClassVar[Family] = Family(
        "OrderedLogistic",
        {"predictor": "real", "cutpoints": "ordered_vector"},
        Support.CATEGORY,
        Draw.NONE,
        frozenset({"cutpoints"}),
    )
    predictor = operand_def(REALS)
    cutpoints = operand_def(REALS)
    assembly_format = "$predictor `,` $cutpoints " + FORMAT
