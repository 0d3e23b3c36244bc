"""NumPyro's distributions, and those that it has none of (`InverseGaussian`)."""

from typing import Any

import numpyro.distributions as _numpyro

from relbo_ir.lowering.distributions import InverseGaussian

__all__ = ["InverseGaussian"]


def __getattr__(name: str) -> Any:
    return getattr(_numpyro, name)


def __dir__() -> list[str]:
    return sorted({*_numpyro.__all__, *__all__})
