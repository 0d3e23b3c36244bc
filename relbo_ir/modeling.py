"""The functions that models and guides are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpyro
import numpyro.distributions as nd

from relbo_ir.lowering.numpyro_protocol import GUIDE


def sample(
    name: str, law: nd.Distribution, *, guide: nd.Distribution | None = None, auxiliary: bool = False
) -> Any:
    """
    A random choice z ~ law, of shape `law.batch_shape + law.event_shape`.

    `guide` names the choice's guide in place: the draw comes from it, and `law` is the prior.
    `auxiliary` marks a choice of a guide that the model does not have.
    """
    infer: dict[str, Any] = {}
    if guide is not None:
        infer[GUIDE] = guide
    if auxiliary:
        infer["is_auxiliary"] = True
    return numpyro.sample(name, law, infer=infer)


def observe(name: str, law: nd.Distribution, value: Any) -> Any:
    """
    An observation: the log joint gains log p(value), every element of it.

    Value and law broadcast against each other. Gives the value back.
    """
    return numpyro.sample(name, law, obs=value)


def factor(name: str, value: Any) -> None:
    """Adds every element of `value` (nats) to the log joint."""
    numpyro.factor(name, value)


def param(
    name: str,
    init: float | jax.Array | Callable[[jax.Array], jax.Array],
    constraint: nd.constraints.Constraint = nd.constraints.real,
) -> jax.Array:
    """
    A variational parameter of the shape of `init`: numbers, or a function of a random key.

    `constraint` is one of `relbo_ir.constraints` (NumPyro's); `init` satisfies it.
    """
    return numpyro.param(name, init, constraint=constraint)


def plate(name: str, size: int, *, dim: int | None = None) -> Any:
    """
    A context for `size` conditionally independent copies along batch axis `dim` (negative; by
    default the rightmost free one). Plates nest.
    """
    return numpyro.plate(name, size, dim=dim)


def deterministic(name: str, value: Any) -> Any:
    """A named value: posterior draws and summaries show it. Gives the value back."""
    return numpyro.deterministic(name, value)
