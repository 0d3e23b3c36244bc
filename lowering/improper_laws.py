"""Improper priors: laws of a density that is 1 on a set, from which nothing can be drawn."""

from __future__ import annotations

from math import inf
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd

from relbo_ir.dialects import dist
from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.lowering.constraints import BOUNDED, floats
from relbo_ir.lowering.law_specs import LawSpec

_WITHOUT = (dist.Support.INTERVAL, dist.Support.ZERO_SUM, dist.Support.ZERO_SUM_2)
"""Sets whose constraints have parameters."""
_SETS = {
    **{s.value: s for s in dist.Support if not s.is_discrete and s not in _WITHOUT},
    "softplus_positive": dist.Support.POSITIVE,
    "softplus_lower_cholesky": dist.Support.LOWER_CHOLESKY,
    "scaled_unit_lower_cholesky": dist.Support.LOWER_CHOLESKY,
}
"""The sets of NumPyro's constraints that have no parameters, by their names there."""
_ZERO_SUMS = {1: dist.Support.ZERO_SUM, 2: dist.Support.ZERO_SUM_2}
_OF_MATRICES = [s for s in _SETS.values() if s.value.endswith(("cholesky", "definite", "matrix"))]
"""Those of square matrices."""


def named_set(constraint: Any) -> dist.Support | None:
    """The set of a constraint without parameters, where IR has a name for it."""
    if type(constraint) is nd.constraints.zero_sum:
        return _ZERO_SUMS.get(constraint.event_dim)
    return next(
        (s for n, s in _SETS.items() if constraint is getattr(nd.constraints, n, None)), None
    )


def improper(law: Any, site: str) -> tuple[LawSpec, list[Any]]:
    """
    The description of an improper prior and its bounds. Raises UnsupportedError for one on a set
    that IR has no name for, ModelError for a shape that its set cannot have.
    """
    support = law.support
    while type(support) is nd.constraints.independent:
        support = support.base_constraint
    known = named_set(support)
    bounds: list[Any] = []
    if any(type(support) is getattr(nd.constraints, name) for name in BOUNDED):
        known = dist.Support.INTERVAL
        ends = (getattr(support, end, None) for end in ("lower_bound", "upper_bound"))
        bounds = floats([s if e is None else e for e, s in zip(ends, (-inf, inf), strict=True)])
    if known is None:
        raise UnsupportedError(
            f"an improper prior on {support} is not supported",
            f"use one on {', '.join([*_SETS, *BOUNDED])}, zero_sum(1) or zero_sum(2), or transform "
            "such a one",
            site=site,
        )
    if known in _OF_MATRICES and (len(law.event_shape) < 2 or len({*law.event_shape[-2:]}) > 1):
        raise ModelError(
            f"an improper prior on {known.value} has the event shape {tuple(law.event_shape)}",
            "end it with the two equal sizes of square matrices",
            site=site,
        )
    shape = (*law.batch_shape, *law.event_shape)
    for bound in bounds:
        if np.broadcast_shapes(bound.shape, shape) != shape:
            raise ModelError(
                f"an improper prior of shape {shape} has a bound of shape {bound.shape}",
                "give batch_shape and event_shape, or bounds that broadcast to them",
                site=site,
            )
    dtype = bounds[0].dtype if bounds else jnp.result_type(float)
    return LawSpec("improper", (known, shape, dtype.name, law.event_dim), None, len(bounds)), bounds
