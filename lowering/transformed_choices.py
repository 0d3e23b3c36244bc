"""Choices of a guide from laws that are known as the transform of a base law."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as nd
from numpyro.distributions import transforms as nt
from numpyro.distributions.util import sum_rightmost

from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.lowering.laws import describe, has_ops


def split_transformed(law: Any, site: str) -> tuple[Any, list[Any]] | None:
    """
    The base law and the transforms of a law that has no op; None for one that has, and for one
    that is no transform.
    """
    if type(law) in (nd.MultivariateNormal, nd.LowRankMultivariateNormal):
        if describe(law, site)[0].kind != "opaque":
            return None
        factor: Any = (
            law.scale_tril
            if isinstance(law, nd.MultivariateNormal)
            else jnp.linalg.cholesky(law.covariance_matrix)
        )
        loc = jnp.broadcast_to(law.loc, (*law.batch_shape, *law.event_shape))
        base = nd.Normal(jnp.zeros_like(loc), 1.0).to_event(1)
        return base, [nt.LowerCholeskyAffine(loc, factor)]
    if type(law) is not nd.TransformedDistribution or has_ops(law, site):
        return None
    if tuple(law.base_dist.batch_shape) != tuple(law.batch_shape):
        return None
    if jnp.issubdtype(jax.eval_shape(law.sample, jax.random.key(0)).dtype, jnp.complexfloating):
        raise UnsupportedError(
            "a guide's draw of complex numbers is not supported",
            "draw the real and the imaginary parts and write x + 1j * y in model and guide",
            site=site,
        )
    return law.base_dist, list(law.transforms)


def transformed_point(x: Any, transforms: list[Any], event_dim: int) -> Any:
    """
    The law of y = T(x) given x: all mass at y, weighed by −log|det ∂y/∂x|, so that with the log
    density of x it makes that of y (change of variables).
    """
    steps: list[tuple[Any, Any, Any, Any]] = []
    y = x
    for transform in transforms:
        before = y
        y, intermediates = transform.call_with_intermediates(before)
        steps.append((transform, before, y, intermediates))
    log_density: Any = 0.0
    rank = event_dim
    for transform, before, after, intermediates in reversed(steps):
        log_det = transform.log_abs_det_jacobian(before, after, intermediates)
        batch_rank = rank - transform.codomain.event_dim
        log_density = log_density - sum_rightmost(log_det, batch_rank)
        rank = transform.domain.event_dim + batch_rank
    return nd.Delta(y, log_density, event_dim=event_dim)
