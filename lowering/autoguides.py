"""NumPyro's automatic guides: which there are by name, and how one is made ready to be traced."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
from numpyro import handlers

from relbo_ir.dialects.errors import ModelError
from relbo_ir.lowering.sites import origin_of

MEAN_FIELD = "mean-field"
_NAMES = {
    MEAN_FIELD: "AutoNormal",
    "full-rank": "AutoMultivariateNormal",
    "low-rank": "AutoLowRankMultivariateNormal",
    "map": "AutoDelta",
}


def auto_guide(name: str, model: Callable[..., Any]) -> Any:
    """NumPyro's automatic guide of that name; ModelError for an unknown name."""
    from numpyro.infer import autoguide

    if name not in _NAMES:
        raise ModelError(
            f"there is no guide named {name!r}",
            f"use one of {', '.join(map(repr, _NAMES))}, or pass a function",
        )
    return getattr(autoguide, _NAMES[name])(model)


def is_auto_guide(guide: Any) -> bool:
    """Whether a guide is one of NumPyro's automatic ones."""
    from numpyro.infer.autoguide import AutoGuide

    return isinstance(guide, AutoGuide)


def prepare_auto_guide(guide: Any, key: jax.Array, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """
    A copy of an automatic guide that has seen its model once, with concrete values.

    NumPyro's automatic guides fail cold under tracing and keep their first initialisation; a copy
    per call leaves the user's object alone. Raises ModelError for a choice that has no automatic
    guide: a discrete one, or one in a loop or branch of JAX's own.
    """
    fresh = _copy(guide)
    try:
        with (
            warnings.catch_warnings(),
            handlers.seed(rng_seed=key),
            handlers.block(),
        ):
            warnings.filterwarnings("error", ".*enumerate the discrete latent", FutureWarning)
            fresh(*args, **kwargs)
    except (NotImplementedError, FutureWarning) as error:
        raise ModelError(
            f"the model has no automatic guide: {error}",
            "write a guide; automatic ones are for continuous choices",
        ) from error
    except (RuntimeError, ImportError, ValueError, AssertionError) as error:
        origin = origin_of(error)
        if origin.raiser != "numpyro":
            raise
        raise ModelError(
            f"NumPyro's {type(guide).__name__} refuses the model: {error}",
            "write a guide; automatic ones are for continuous choices",
            line=origin.line,
        ) from error
    except jax.errors.UnexpectedTracerError as error:
        raise ModelError(
            "NumPyro's automatic guide does not know sites in jax.lax.scan, jax.lax.cond or jax.vmap",
            "use relbo_ir.scan, or numpyro's contrib.control_flow, or write a guide",
        ) from error
    return fresh


def _copy(guide: Any) -> Any:
    """The guide and, of a list of guides, its parts, to be initialised anew."""
    fresh = copy.copy(guide)
    parts = getattr(guide, "_guides", None)
    if parts is not None:
        fresh._guides = [_copy(part) if is_auto_guide(part) else part for part in parts]
    return fresh


def is_prepared(guide: Any) -> bool:
    """Whether a guide can be traced as it is: no automatic one, or one that has seen its model."""
    return not is_auto_guide(guide) or guide.prototype_trace is not None
