"""What is known about a posterior, and guides in its unconstrained coordinates."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
from numpyro import handlers
from numpyro.distributions import biject_to

from posteriors.priors import Problem
from relbo_ir import distributions as dist
from relbo_ir import param, sample

ENVIRONMENT = "RELBO_POSTERIORS"
"""The variable that names the folder of the posteriors."""
COORDINATES = "coordinates"
"""The name of the unconstrained coordinates: a parameter or a choice."""


@dataclass(frozen=True)
class Posterior:
    """A model with its data, and the folder of what is known about it."""

    folder: Path
    problem: Problem

    def read(self, name: str) -> dict[str, Any]:
        """`reference`, `logjoint` or `data` of the folder."""
        return json.loads((self.folder / f"{name}.json").read_text())

    @cached_property
    def arguments(self) -> tuple[Any, ...]:
        """What the model takes."""
        return self.problem.arguments(self.read("data"))

    @cached_property
    def sites(self) -> dict[str, Any]:
        """The laws of the choices by name, in the order of their coordinates."""
        with (
            handlers.trace() as trace,
            handlers.seed(rng_seed=0),
            handlers.substitute(substitute_fn=_inside),
        ):
            self.problem.model(*self.arguments)
        return {
            name: site["fn"]
            for name, site in trace.items()
            if site["type"] == "sample" and not site["is_observed"]
        }

    @cached_property
    def dimensions(self) -> int:
        """The number of unconstrained coordinates."""
        return sum(int(np.prod(shape)) for shape in _shapes(self.sites).values())

    def point(self) -> Callable[..., None]:
        """A guide that is one point: its ELBO is log joint + log |Jacobian| there."""
        sites, dimensions = self.sites, self.dimensions

        def guide(*_: Any) -> None:
            _place(sites, param(COORDINATES, jnp.zeros(dimensions)))

        return guide

    def normal(self) -> Callable[..., None]:
        """A guide that is one Normal, by its mean and the Cholesky factor of its covariance."""
        sites, dimensions = self.sites, self.dimensions

        def guide(*_: Any) -> None:
            loc = param("loc", jnp.zeros(dimensions))
            scale_tril = param("scale_tril", jnp.eye(dimensions))
            law = dist.MultivariateNormal(loc, scale_tril=scale_tril)
            _place(sites, sample(COORDINATES, law, auxiliary=True))

        return guide


def _place(sites: dict[str, Any], coordinates: Any) -> None:
    """Every choice at the transform of its coordinates."""
    start = 0
    for name, shape in _shapes(sites).items():
        law, size = sites[name], int(np.prod(shape))
        part = coordinates[start : start + size].reshape(shape)
        start += size
        transform = biject_to(law.support)
        value = transform(part)
        slope = transform.log_abs_det_jacobian(part, value)
        law = dist.Delta(value, log_density=-slope, event_dim=len(law.event_shape))
        numpyro.sample(name, law)


def _inside(site: Any) -> Any:
    """A value in the support of an unobserved choice."""
    if site["type"] != "sample" or site["is_observed"]:
        return None
    law = site["fn"]
    transform = biject_to(law.support)
    shape = transform.inverse_shape((*law.batch_shape, *law.event_shape))
    return transform(jnp.zeros(shape))


def _shapes(laws: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shapes of the unconstrained coordinates of laws."""
    return {
        name: biject_to(law.support).inverse_shape((*law.batch_shape, *law.event_shape))
        for name, law in laws.items()
    }
