"""Whether a fit can be trusted: Pareto k-hat of its importance weights, and the history's plateau."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from relbo_ir.dialects.errors import ModelError
from relbo_ir.inference_data import import_arviz
from relbo_ir.notebook import preformatted

_Array = np.ndarray[Any, Any]
_FEWEST = 100
_BATCHES = 10
_CRITICAL = 2.878
"""The two-sided 1 % point of Student's t with 2·(10 − 1) degrees of freedom."""


@dataclass(frozen=True)
class ParetoK:
    """
    The shape k of the tail of the importance weights p(x, z)/q(z): their moments below 1/k exist.

    Yao, Vehtari, Simpson and Gelman (2018), Yes, but did it work?; Vehtari, Simpson, Gelman, Yao
    and Gabry (2024), Pareto smoothed importance sampling.
    """

    k: float
    draws: int

    @property
    def threshold(self) -> float:
        """The k above which this many draws do not give a reliable importance estimate."""
        return min(1 - 1 / math.log10(self.draws), 0.7)

    @property
    def reliable(self) -> bool:
        """Whether k is below the threshold."""
        return self.k < self.threshold

    @property
    def advice(self) -> str:
        """What the number means, and what to do."""
        if not self.reliable:
            return (
                "the guide misses part of the posterior: its means and sds cannot be trusted; "
                "use a richer guide, train longer, or reparameterize the model"
            )
        if self.k < 0.5:
            return "the guide is close to the posterior; importance weights would correct the rest"
        return (
            "the guide is usable, but its tails are lighter than the posterior's: expect sds that "
            "are too small, and correct means by importance weights"
        )

    def __str__(self) -> str:
        return f"Pareto k-hat {self.k:.2f} ({self.draws} draws): {self.advice}"

    def _repr_html_(self) -> str:
        return preformatted(str(self))


def pareto_k(log_weights: _Array) -> ParetoK:
    """
    The k-hat of log importance weights (nats) of independent draws, by ArviZ's PSIS.

    Raises ModelError without ArviZ, for fewer than 100 weights, and for weights that are NaN or +∞.
    """
    weights = np.asarray(log_weights, dtype=np.float64)
    if weights.ndim != 1 or len(weights) < _FEWEST:
        raise ModelError(
            f"a Pareto tail needs {_FEWEST} weights at least, not {weights.shape}", "draw more"
        )
    bad = int((np.isnan(weights) | (weights == np.inf)).sum())
    if bad or not np.isfinite(weights).any():
        raise ModelError(
            f"{bad} of {len(weights)} log weights are NaN or infinite, or all are −∞",
            "check the support of model and guide",
        )
    return ParetoK(_psis(weights), len(weights))


def _psis(weights: _Array) -> float:
    # Weights that differ by rounding alone have no tail.
    rounding = 64 * float(np.finfo(np.float32).eps) * max(1.0, float(np.abs(weights).max()))
    if np.ptp(weights) <= rounding:
        return -math.inf
    known = _arviz_psis(-0.5 * np.log((np.arange(1000) + 0.5) / 1000))
    if abs(known - 0.5) > 0.1:
        raise ModelError(
            f"this ArviZ gives {known:.2f} for a Pareto law with k = 0.5: it means something else",
            "install another version of ArviZ (0.23 and 1.3 are known to agree)",
        )
    return _arviz_psis(weights)


def _arviz_psis(weights: _Array) -> float:
    if find_spec("arviz_stats") is not None:
        array_stats: Any = import_module("arviz_stats.base").array_stats
        # Version 1 takes log likelihoods of observations left out, whose weights are 1/p.
        return float(array_stats.psislw(-weights)[1])
    return float(import_arviz().psislw(weights)[1])


@dataclass(frozen=True)
class Plateau:
    """
    The ELBO's gain (nats) from the third to the last quarter of a fit, and its standard error from
    means of batches (Geweke 1992, with batch means for the autocorrelation of the history).
    """

    gain: float
    error: float

    @property
    def reached(self) -> bool:
        """Whether the gain cannot be told from 0 at the level of 1 %."""
        return abs(self.gain) <= _CRITICAL * self.error

    @property
    def advice(self) -> str:
        """What the numbers mean, and what to do."""
        if self.reached:
            return (
                f"no trend is seen; one smaller than {_CRITICAL * self.error:.2g} nats would not be"
            )
        if self.gain > 0:
            return "the ELBO still rises: go on with fit(init=...), or raise the step size"
        return "the ELBO falls: lower the step size, or use more particles"

    def __str__(self) -> str:
        word = "reached" if self.reached else "not reached"
        return f"plateau {word} (gain {self.gain:.4g} ± {self.error:.2g} nats): {self.advice}"

    def _repr_html_(self) -> str:
        return preformatted(str(self))


def plateau(history: _Array) -> Plateau:
    """
    A test on an ELBO history, one value a step; batches of a tenth of a quarter must be longer than
    the history's autocorrelation. Raises ModelError for fewer than 80 steps.
    """
    length = len(history) // (4 * _BATCHES)
    if length < 2:
        raise ModelError(
            f"a history of {len(history)} steps is too short to see a plateau in",
            f"fit {8 * _BATCHES} steps at least",
        )
    last = np.asarray(history[-2 * _BATCHES * length :], dtype=np.float64)
    means = last.reshape(2, _BATCHES, length).mean(2)
    gain = means[1].mean() - means[0].mean()
    error = math.sqrt((means.var(1, ddof=1) / _BATCHES).sum())
    return Plateau(float(gain), error)
