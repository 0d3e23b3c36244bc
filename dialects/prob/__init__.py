"""The `prob` dialect: random choices and what is asked about them."""

from xdsl.ir import Dialect

from relbo_ir.dialects.name import NameAttr
from relbo_ir.dialects.prob.choices import (
    DeterministicOp,
    FactorOp,
    LogDensityOp,
    ObserveOp,
    SampleOp,
    SubsampleOp,
    plates_attr,
)
from relbo_ir.dialects.prob.expectations import ExpectationOp, GradientOp, YieldOp, YieldValueOp
from relbo_ir.dialects.prob.functions import ROLE, ElboOp, FuncOp, PlateOp, ReturnOp
from relbo_ir.dialects.prob.loops import DrawOp, ScanOp
from relbo_ir.dialects.prob.types import (
    ClosureAttr,
    ConstraintAttr,
    DataAttr,
    DrawAttr,
    How,
    HowAttr,
    LawType,
    ParameterAttr,
    PlateAxisAttr,
    SeedAttr,
    StateAttr,
    UnconstrainedAttr,
)

Prob = Dialect(
    "prob",
    [
        DeterministicOp,
        DrawOp,
        ElboOp,
        ExpectationOp,
        FactorOp,
        FuncOp,
        GradientOp,
        LogDensityOp,
        ObserveOp,
        PlateOp,
        ReturnOp,
        SampleOp,
        ScanOp,
        SubsampleOp,
        YieldOp,
        YieldValueOp,
    ],
    [
        ClosureAttr,
        ConstraintAttr,
        DataAttr,
        DrawAttr,
        HowAttr,
        LawType,
        NameAttr,
        ParameterAttr,
        PlateAxisAttr,
        SeedAttr,
        StateAttr,
        UnconstrainedAttr,
    ],
)

__all__ = [
    "ROLE",
    "ClosureAttr",
    "ConstraintAttr",
    "DataAttr",
    "DeterministicOp",
    "DrawAttr",
    "DrawOp",
    "ElboOp",
    "ExpectationOp",
    "FactorOp",
    "FuncOp",
    "GradientOp",
    "How",
    "HowAttr",
    "LawType",
    "LogDensityOp",
    "NameAttr",
    "ObserveOp",
    "ParameterAttr",
    "PlateAxisAttr",
    "PlateOp",
    "Prob",
    "ReturnOp",
    "SampleOp",
    "ScanOp",
    "SeedAttr",
    "StateAttr",
    "SubsampleOp",
    "UnconstrainedAttr",
    "YieldOp",
    "YieldValueOp",
    "plates_attr",
]
