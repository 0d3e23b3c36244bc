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
from relbo_ir.dialects.dist.measures import (
    DeltaOp,
    ImproperOp,
    MaskOp,
    Wrapper,
    is_masked,
    wrapped,
)
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
    [
        *FAMILIES,
        DeltaOp,
        ExpandOp,
        ImproperOp,
        IndependentOp,
        MaskOp,
        OpaqueOp,
        TransformedOp,
    ],
    [TransformAttr],
)

__all__ = [
    "FAMILIES",
    "BernoulliLogitsOp",
    "BernoulliOp",
    "BetaOp",
    "CategoricalLogitsOp",
    "CategoricalOp",
    "DeltaOp",
    "Dist",
    "Draw",
    "ExpandOp",
    "Family",
    "FamilyOp",
    "GammaOp",
    "HalfCauchyOp",
    "HalfNormalOp",
    "ImproperOp",
    "IndependentOp",
    "InverseGaussianOp",
    "LogNormalOp",
    "MaskOp",
    "NormalOp",
    "OpaqueOp",
    "PoissonOp",
    "Support",
    "Transform",
    "TransformAttr",
    "TransformedOp",
    "Wrapper",
    "broadcast_shapes",
    "float_element",
    "is_masked",
    "law_of",
    "wrapped",
]
