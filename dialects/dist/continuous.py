"""Continuous families of one variable."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def

from relbo_ir.dialects.dist.family import Draw, Family, Support
from relbo_ir.dialects.dist.family_op import FORMAT, FamilyOp
from relbo_ir.dialects.tensors import REALS


@irdl_op_definition
class CauchyOp(FamilyOp):
    """
    Cauchy: log p(x) = −log π − log scale − log(1 + ((x − loc)/scale)²).

    ```mlir
    %law = dist.cauchy %l, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.cauchy"
    FAMILY: ClassVar[Family] = Family(
        "Cauchy", {"loc": "real", "scale": "positive"}, Support.REAL, Draw.LOCATION_SCALE
    )
    loc = operand_def(REALS)
    scale = operand_def(REALS)
    assembly_format = "$loc `,` $scale " + FORMAT


@irdl_op_definition
class LaplaceOp(FamilyOp):
    """
    Laplace: log p(x) = −|x − loc|/scale − log(2 scale).

    ```mlir
    %law = dist.laplace %l, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.laplace"
    FAMILY: ClassVar[Family] = Family(
        "Laplace",
        {"loc": "real", "scale": "positive"},
        Support.REAL,
        Draw.LOCATION_SCALE,
        kinks=True,
    )
    loc = operand_def(REALS)
    scale = operand_def(REALS)
    assembly_format = "$loc `,` $scale " + FORMAT


@irdl_op_definition
class LogisticOp(FamilyOp):
    """
    Logistic: log p(x) = −z − 2 log(1 + exp(−z)) − log scale, z = (x − loc)/scale.

    ```mlir
    %law = dist.logistic %l, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.logistic"
    FAMILY: ClassVar[Family] = Family(
        "Logistic", {"loc": "real", "scale": "positive"}, Support.REAL, Draw.LOCATION_SCALE
    )
    loc = operand_def(REALS)
    scale = operand_def(REALS)
    assembly_format = "$loc `,` $scale " + FORMAT


@irdl_op_definition
class GumbelOp(FamilyOp):
    """
    Gumbel: log p(x) = −z − exp(−z) − log scale, z = (x − loc)/scale.

    ```mlir
    %law = dist.gumbel %l, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.gumbel"
    FAMILY: ClassVar[Family] = Family(
        "Gumbel", {"loc": "real", "scale": "positive"}, Support.REAL, Draw.LOCATION_SCALE
    )
    loc = operand_def(REALS)
    scale = operand_def(REALS)
    assembly_format = "$loc `,` $scale " + FORMAT


@irdl_op_definition
class StudentTOp(FamilyOp):
    """
    Student's t: log p(x) = −½(df + 1) log(1 + z²/df) − log B(½, df/2) − ½ log df − log scale,
    z = (x − loc)/scale.

    ```mlir
    %law = dist.student_t %d, %l, %s : (tensor<f32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.student_t"
    FAMILY: ClassVar[Family] = Family(
        "StudentT",
        {"df": "positive", "loc": "real", "scale": "positive"},
        Support.REAL,
        Draw.IMPLICIT,
    )
    df = operand_def(REALS)
    loc = operand_def(REALS)
    scale = operand_def(REALS)
    assembly_format = "$df `,` $loc `,` $scale " + FORMAT


@irdl_op_definition
class UniformOp(FamilyOp):
    """
    Uniform: log p(x) = −log(high − low), low ≤ x ≤ high. Its support moves with its parameters.

    ```mlir
    %law = dist.uniform %l, %h : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.uniform"
    FAMILY: ClassVar[Family] = Family(
        "Uniform",
        {"low": "real", "high": "real"},
        Support.INTERVAL,
        Draw.LOCATION_SCALE,
        support_parameters=frozenset({"low", "high"}),
    )
    low = operand_def(REALS)
    high = operand_def(REALS)
    assembly_format = "$low `,` $high " + FORMAT


@irdl_op_definition
class ExponentialOp(FamilyOp):
    """
    Exponential: log p(x) = log rate − rate x, x ≥ 0.

    ```mlir
    %law = dist.exponential %r : (tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.exponential"
    FAMILY: ClassVar[Family] = Family(
        "Exponential", {"rate": "positive"}, Support.POSITIVE, Draw.LOCATION_SCALE
    )
    rate = operand_def(REALS)
    assembly_format = "$rate " + FORMAT


@irdl_op_definition
class WeibullOp(FamilyOp):
    """
    Weibull: log p(x) = log k − log scale + (k − 1) log(x/scale) − (x/scale)ᵏ, k = concentration,
    x ≥ 0.

    ```mlir
    %law = dist.weibull %s, %c : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.weibull"
    FAMILY: ClassVar[Family] = Family(
        "Weibull",
        {"scale": "positive", "concentration": "positive"},
        Support.POSITIVE,
        Draw.LOCATION_SCALE,
    )
    scale = operand_def(REALS)
    concentration = operand_def(REALS)
    assembly_format = "$scale `,` $concentration " + FORMAT


@irdl_op_definition
class KumaraswamyOp(FamilyOp):
    """
    Kumaraswamy: log p(x) = log a + log b + (a − 1) log x + (b − 1) log(1 − xᵃ),
    a = concentration1, b = concentration0, 0 < x < 1.

    ```mlir
    %law = dist.kumaraswamy %c, %c_ : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.kumaraswamy"
    FAMILY: ClassVar[Family] = Family(
        "Kumaraswamy",
        {"concentration1": "positive", "concentration0": "positive"},
        Support.UNIT_INTERVAL,
        Draw.LOCATION_SCALE,
    )
    concentration1 = operand_def(REALS)
    concentration0 = operand_def(REALS)
    assembly_format = "$concentration1 `,` $concentration0 " + FORMAT


@irdl_op_definition
class InverseGammaOp(FamilyOp):
    """
    Inverse Gamma: log p(x) = a log b − log Γ(a) − (a + 1) log x − b/x, a = concentration,
    b = rate, x > 0.

    ```mlir
    %law = dist.inverse_gamma %c, %r : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.inverse_gamma"
    FAMILY: ClassVar[Family] = Family(
        "InverseGamma",
        {"concentration": "positive", "rate": "positive"},
        Support.POSITIVE,
        Draw.IMPLICIT,
    )
    concentration = operand_def(REALS)
    rate = operand_def(REALS)
    assembly_format = "$concentration `,` $rate " + FORMAT


@irdl_op_definition
class LeftTruncatedNormalOp(FamilyOp):
    """
    The Normal given x ≥ low: log p(x) = log φ((x − loc)/scale) − log scale −
    log Φ((loc − low)/scale). Its support moves with `low`.

    ```mlir
    %law = dist.left_truncated_normal %l, %s, %l_ : (tensor<f32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.left_truncated_normal"
    FAMILY: ClassVar[Family] = Family(
        "LeftTruncatedNormal",
        {"loc": "real", "scale": "positive", "low": "real"},
        Support.INTERVAL,
        Draw.LOCATION_SCALE,
        support_parameters=frozenset({"low"}),
    )
    loc = operand_def(REALS)
    scale = operand_def(REALS)
    low = operand_def(REALS)
    assembly_format = "$loc `,` $scale `,` $low " + FORMAT


@irdl_op_definition
class TruncatedNormalOp(FamilyOp):
    """
    The Normal given low ≤ x ≤ high: log p(x) = log φ((x − loc)/scale) − log scale −
    log(Φ((high − loc)/scale) − Φ((low − loc)/scale)). Its support moves with both bounds.

    ```mlir
    %law = dist.truncated_normal %l, %s, %l_, %h : (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.truncated_normal"
    FAMILY: ClassVar[Family] = Family(
        "TruncatedNormal",
        {"loc": "real", "scale": "positive", "low": "real", "high": "real"},
        Support.INTERVAL,
        Draw.LOCATION_SCALE,
        support_parameters=frozenset({"low", "high"}),
    )
    loc = operand_def(REALS)
    scale = operand_def(REALS)
    low = operand_def(REALS)
    high = operand_def(REALS)
    assembly_format = "$loc `,` $scale `,` $low `,` $high " + FORMAT


@irdl_op_definition
class VonMisesOp(FamilyOp):
    """
    Von Mises: log p(x) = κ(cos(x − loc) − 1) − log 2π − log(e^(−κ) I₀(κ)), κ = concentration,
    −π ≤ x ≤ π. Not pathwise: its sampler rejects.

    ```mlir
    %law = dist.von_mises %l, %c : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.von_mises"
    FAMILY: ClassVar[Family] = Family(
        "VonMises", {"loc": "real", "concentration": "positive"}, Support.CIRCULAR, Draw.NONE
    )
    loc = operand_def(REALS)
    concentration = operand_def(REALS)
    assembly_format = "$loc `,` $concentration " + FORMAT
