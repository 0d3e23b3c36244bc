"""The functions that models and guides are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpyro
import numpyro.distributions as nd
from jax.extend import source_info_util
from numpyro.contrib import control_flow

from relbo_ir.dialects.errors import ModelError
from relbo_ir.lowering.numpyro_protocol import GUIDE, is_handled
from relbo_ir.lowering.sites import user_line

source_info_util.register_exclusion(__file__)  # a loop stands where the user wrote it


def _check_place(what: str, name: str) -> None:
    """Refuses a site outside of a model, where NumPyro would draw, or pass the value through."""
    if not is_handled():
        raise ModelError(
            f"{what} is called outside of a model",
            "call it in a function that is given to relbo_ir.ELBO, and compile or fit that",
            site=name,
            line=user_line(),
        )


def _check_law(law: Any, name: str) -> None:
    if not isinstance(law, nd.Distribution):
        what = f"the class {law.__name__}" if isinstance(law, type) else f"a {type(law).__name__}"
        raise ModelError(
            f"the law is {what}, not a distribution",
            "give a distribution of relbo_ir.distributions (NumPyro's), with its parameters",
            site=name,
            line=user_line(),
        )


def sample(
    name: str,
    law: nd.Distribution,
    *,
    guide: nd.Distribution | None = None,
    auxiliary: bool = False,
) -> Any:
    """
    A random choice z ~ law, of shape `law.batch_shape + law.event_shape`.

    `guide` names the choice's guide in place: the draw comes from it, and `law` is the prior.
    `auxiliary` marks a choice of a guide that the model does not have.
    """
    _check_place("sample", name)
    _check_law(law, name)
    infer: dict[str, Any] = {}
    if guide is not None:
        _check_law(guide, name)
        infer[GUIDE] = guide
    if auxiliary:
        infer["is_auxiliary"] = True
    return numpyro.sample(name, law, infer=infer)


def observe(name: str, law: nd.Distribution, value: Any) -> Any:
    """
    An observation: the log joint gains log p(value), every element of it.

    Value and law broadcast against each other. Gives the value back.
    """
    _check_place("observe", name)
    _check_law(law, name)
    if value is None:
        raise ModelError(
            "the observed value is None",
            "pass an array, or make the site a choice with sample",
            site=name,
            line=user_line(),
        )
    return numpyro.sample(name, law, obs=value)


def factor(name: str, value: Any) -> None:
    """Adds every element of `value` (nats) to the log joint."""
    _check_place("factor", name)
    numpyro.factor(name, value)


def param(
    name: str,
    init: float | jax.Array | Callable[[jax.Array], jax.Array],
    constraint: nd.constraints.Constraint[Any] = nd.constraints.real,
) -> Any:
    """
    A variational parameter of the shape of `init`: numbers, or a function of a random key.

    `constraint` is one of `relbo_ir.constraints` (NumPyro's); `init` satisfies it.
    """
    _check_place("param", name)
    return numpyro.param(name, init, constraint=constraint)


def plate(name: str, size: int, *, subsample: int | None = None, dim: int | None = None) -> Any:
    """
    A context for `size` conditionally independent copies along batch axis `dim` (negative; by
    default the rightmost free one). Plates nest. Its value are the indices of the copies.

    With `subsample`, these are so many distinct ones, drawn anew for every estimate and the same in
    model and guide; what the sites in the plate add to the ELBO weighs size/subsample. A plate of
    the model without `subsample` follows the guide's: index data by the plate's value.

    A choice in a plate with a minibatch is read element by element and in the plate alone: raises
    ModelError for a site or a factor that reads other elements or stands outside of it, and
    where the numbers of elements of data and plate differ. Of a minibatch of exactly one it is not
    seen that a slice (`z - z[:1]`) or a loop over it would reach others.
    """
    return numpyro.plate(name, size, subsample_size=subsample, dim=dim)


def deterministic(name: str, value: Any) -> Any:
    """A named value: posterior draws and summaries show it. Gives the value back."""
    _check_place("deterministic", name)
    return numpyro.deterministic(name, value)


def scan(
    step: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """
    A loop with sites in it: `(carry, y) = step(carry, x)` for each row x of `xs` along axis 0
    (`length` times without rows; from the last one on with `reverse`). Gives the last carry and the
    stacked ys, as `jax.lax.scan` does, which does the same in a model, as does NumPyro's
    `contrib.control_flow.scan`.

    A site in `step` is one site with a time axis: its draws, values and densities are those of all
    steps, stacked along a new first axis of the batch. Plates stand in `step`.
    """
    if not is_handled():
        raise ModelError(
            "scan is called outside of a model",
            "call it in a function that is given to relbo_ir.ELBO, and compile or fit that; "
            "elsewhere use jax.lax.scan",
            line=user_line(),
        )
    return control_flow.scan(step, init, xs, length=length, reverse=reverse)
