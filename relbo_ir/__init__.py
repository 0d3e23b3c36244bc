"""
relbo-ir: a compiler for variational inference.

Names are imported when they are first used, so that tools which need the IR alone import
neither JAX nor NumPyro.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpyro.distributions import constraints

    from relbo_ir import distributions, numpyro
    from relbo_ir.dialects.errors import (
        ModelError,
        PassError,
        RelboError,
        RelboWarning,
        UnsupportedError,
    )
    from relbo_ir.lowering.artifact import load
    from relbo_ir.modeling import deterministic, factor, observe, param, plate, sample, scan
    from relbo_ir.objective import ELBO, Objective
    from relbo_ir.pipelines import PIPELINES
    from relbo_ir.posterior import Fit
    from relbo_ir.training import fit

__version__ = "0.1.0"

_HOMES: dict[str, str] = {
    "ELBO": "relbo_ir.objective",
    "Fit": "relbo_ir.posterior",
    "ModelError": "relbo_ir.dialects.errors",
    "Objective": "relbo_ir.objective",
    "PIPELINES": "relbo_ir.pipelines",
    "PassError": "relbo_ir.dialects.errors",
    "RelboError": "relbo_ir.dialects.errors",
    "RelboWarning": "relbo_ir.dialects.errors",
    "UnsupportedError": "relbo_ir.dialects.errors",
    "constraints": "numpyro.distributions",
    "deterministic": "relbo_ir.modeling",
    "factor": "relbo_ir.modeling",
    "fit": "relbo_ir.training",
    "load": "relbo_ir.lowering.artifact",
    "observe": "relbo_ir.modeling",
    "param": "relbo_ir.modeling",
    "plate": "relbo_ir.modeling",
    "sample": "relbo_ir.modeling",
    "scan": "relbo_ir.modeling",
}

__all__ = [
    "ELBO",
    "PIPELINES",
    "Fit",
    "ModelError",
    "Objective",
    "PassError",
    "RelboError",
    "RelboWarning",
    "UnsupportedError",
    "constraints",
    "deterministic",
    "distributions",
    "factor",
    "fit",
    "load",
    "numpyro",
    "observe",
    "param",
    "plate",
    "sample",
    "scan",
]


def __getattr__(name: str) -> Any:
    if name in ("distributions", "numpyro"):
        return import_module(f"relbo_ir.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'relbo_ir' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
