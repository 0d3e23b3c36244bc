"""The `dist` dialect: one op per distribution, and laws made from laws."""

from xdsl.ir import Dialect

from relbo_ir.dialects.dist.families import (
    FAMILIES,
    BernoulliLogitsOp,
    BernoulliOp,
    BetaOp,
    CategoricalLogitsOp,
    CategoricalOp,
    FamilyOp,
    GammaOp,
    HalfCauchyOp,
    HalfNormalOp,
    InverseGaussianOp,
    LogNormalOp,
    NormalOp,
    PoissonOp,
    broadcast_shapes,
)
from relbo_ir.dialects.dist.family import Draw, Family, Support
from relbo_ir.dialects.dist.wrappers import (
    ExpandOp,
    IndependentOp,
    OpaqueOp,
    Transform,
    TransformAttr,
    TransformedOp,
    float_element,
    law_of,
)

Dist = Dialect(
    "dist",
    [*FAMILIES, ExpandOp, IndependentOp, OpaqueOp, TransformedOp],
    [TransformAttr],
)

__all__ = [
    "FAMILIES",
    "BernoulliLogitsOp",
    "BernoulliOp",
    "BetaOp",
    "CategoricalLogitsOp",
    "CategoricalOp",
    "Dist",
    "Draw",
    "ExpandOp",
    "Family",
    "FamilyOp",
    "GammaOp",
    "HalfCauchyOp",
    "HalfNormalOp",
    "IndependentOp",
    "InverseGaussianOp",
    "LogNormalOp",
    "NormalOp",
    "OpaqueOp",
    "PoissonOp",
    "Support",
    "Transform",
    "TransformAttr",
    "TransformedOp",
    "broadcast_shapes",
    "float_element",
    "law_of",
]
