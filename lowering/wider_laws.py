"""NumPyro's laws on a wider batch: what is traced has one shape, and is expanded before."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as nd


def mask_of(law: Any) -> Any:
    """The mask of a masked distribution, as booleans of its batch shape."""
    mask = jnp.asarray(law._mask, bool)  # pyright: ignore[reportPrivateUsage]
    return jnp.broadcast_to(mask, law.batch_shape)


def is_masked_away(law: Any) -> bool:
    """Whether a mask that is the literal False lies around a law."""
    while type(law) in (nd.MaskedDistribution, nd.Independent, nd.ExpandedDistribution):
        if getattr(law, "_mask", None) is False:  # NumPyro has no other name for it
            return True
        law = law.base_dist
    return False


def wider(law: Any, batch: tuple[int, ...]) -> Any:
    """The law on a wider batch: what it is made of is expanded, down to what is traced."""
    match law:
        case nd.TransformedDistribution():
            return nd.TransformedDistribution(law.base_dist.expand(batch), law.transforms)
        case nd.MaskedDistribution():
            return law.base_dist.expand(batch).mask(jnp.broadcast_to(mask_of(law), batch))
        case nd.Independent():
            own = law.base_dist.batch_shape[len(law.batch_shape) :]
            return law.base_dist.expand((*batch, *own)).to_event(law.reinterpreted_batch_ndims)
        case nd.MixtureSameFamily():
            component = law.component_distribution.expand((*batch, law.mixture_size))
            return nd.MixtureSameFamily(_wider_weights(law, batch), component)
        case nd.MixtureGeneral():
            components = [c.expand(batch) for c in law.component_distributions]
            return nd.MixtureGeneral(_wider_weights(law, batch), components, support=law.support)
        case _:
            return law.expand(batch)


def _wider_weights(law: Any, batch: tuple[int, ...]) -> Any:
    logits = log_weights(law.mixing_distribution)
    return nd.Categorical(logits=jnp.broadcast_to(logits, (*batch, law.mixture_size)))


def log_weights(mixing: Any) -> Any:
    """Of a mixture's categories, up to a constant."""
    return mixing.logits if type(mixing) is nd.CategoricalLogits else jnp.log(mixing.probs)
