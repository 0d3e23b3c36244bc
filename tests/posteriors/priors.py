"""Priors as the specifications mean them: flat ones of density 1, halves that are not normalised."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from relbo_ir import constraints, factor, sample
from relbo_ir import distributions as dist


@dataclass(frozen=True)
class Problem:
    """A model, and its arguments from what `data.json` holds."""

    model: Callable[..., Any]
    arguments: Callable[[dict[str, Any]], tuple[Any, ...]]


def flat(name: str, *shape: int) -> Any:
    """A choice from the reals, of density 1."""
    return sample(name, dist.ImproperUniform(constraints.real, shape, ()))


def flat_positive(name: str, *shape: int) -> Any:
    """A choice from the positive reals, of density 1."""
    return sample(name, dist.ImproperUniform(constraints.positive, shape, ()))


def half_cauchy(name: str, scale: float) -> Any:
    """A positive choice with the density of Cauchy(0, scale), which is half of a half-Cauchy's."""
    factor(f"{name}.half", -math.log(2.0))
    return sample(name, dist.HalfCauchy(scale))


def half_normal(name: str, scale: float) -> Any:
    """A positive choice with the density of Normal(0, scale), which is half of a half-normal's."""
    factor(f"{name}.half", -math.log(2.0))
    return sample(name, dist.HalfNormal(scale))


def positive_normal(name: str, loc: Any, scale: Any, *shape: int) -> Any:
    """Positive choices with the density of Normal(loc, scale), not normalised on the half line."""
    value = flat_positive(name, *shape)
    factor(f"{name}.normal", dist.Normal(loc, scale).log_prob(value))
    return value
