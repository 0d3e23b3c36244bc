"""The `rng` dialect: keys and draws that have no gradient treatment left to decide."""

from xdsl.ir import Dialect

from relbo_ir.dialects.key import KeyType
from relbo_ir.dialects.rng.draws import (
    BinomialDrawOp,
    CategoricalDrawOp,
    LogGammaDrawOp,
    MultinomialDrawOp,
    PoissonDrawOp,
    ShapedDrawOp,
    SubsampleDrawOp,
    VonMisesDrawOp,
    WaldDrawOp,
)
from relbo_ir.dialects.rng.keys import (
    ParticleKeyOp,
    PartKeysOp,
    SiteKeyOp,
    SiteKeysOp,
    StepKeysOp,
    stable_hash,
)
from relbo_ir.dialects.rng.noise import (
    CauchyNoiseOp,
    DrawOp,
    ExponentialNoiseOp,
    GumbelNoiseOp,
    LaplaceNoiseOp,
    LogisticNoiseOp,
    NoiseOp,
    NormalNoiseOp,
    UniformNoiseOp,
)

Rng = Dialect(
    "rng",
    [
        BinomialDrawOp,
        CategoricalDrawOp,
        CauchyNoiseOp,
        ExponentialNoiseOp,
        GumbelNoiseOp,
        LaplaceNoiseOp,
        LogGammaDrawOp,
        LogisticNoiseOp,
        MultinomialDrawOp,
        NormalNoiseOp,
        PartKeysOp,
        ParticleKeyOp,
        PoissonDrawOp,
        SiteKeyOp,
        SiteKeysOp,
        StepKeysOp,
        SubsampleDrawOp,
        UniformNoiseOp,
        VonMisesDrawOp,
        WaldDrawOp,
    ],
    [KeyType],
)

__all__ = [
    "BinomialDrawOp",
    "CategoricalDrawOp",
    "CauchyNoiseOp",
    "DrawOp",
    "ExponentialNoiseOp",
    "GumbelNoiseOp",
    "KeyType",
    "LaplaceNoiseOp",
    "LogGammaDrawOp",
    "LogisticNoiseOp",
    "MultinomialDrawOp",
    "NoiseOp",
    "NormalNoiseOp",
    "PartKeysOp",
    "ParticleKeyOp",
    "PoissonDrawOp",
    "Rng",
    "ShapedDrawOp",
    "SiteKeyOp",
    "SiteKeysOp",
    "StepKeysOp",
    "SubsampleDrawOp",
    "UniformNoiseOp",
    "VonMisesDrawOp",
    "WaldDrawOp",
    "stable_hash",
]
