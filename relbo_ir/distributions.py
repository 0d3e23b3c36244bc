"""NumPyro's distributions, and those that it has none of (`InverseGaussian`)."""

from typing import Any

import numpyro.distributions as _numpyro
from numpyro.distributions import *  # noqa: F403

from relbo_ir.lowering.distributions import InverseGaussian

__all__ = [*_numpyro.__all__, "InverseGaussian"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    return getattr(_numpyro, name)
