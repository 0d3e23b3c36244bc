"""NumPyro's `scan` and `cond`, whose messages hold functions with sites, as JAX's."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import source_info_util
from numpyro import primitives
from numpyro.contrib import control_flow

from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.lowering import sites

# A loop stands where the user wrote it, not where its messages pass through.
for _passed in (os.path.dirname(__file__), primitives.__file__, control_flow.__path__[0]):
    source_info_util.register_exclusion(_passed)
_NO_SITES = SimpleNamespace(trace={})
"""What NumPyro sends again after a loop: nothing, as the sites of ours have been met inside."""


def run_control_flow(msg: Any) -> Any:
    """The value of a message of a loop or a branch: its body runs under the handlers around it."""
    if msg["kwargs"].get("substitute_stack"):
        raise UnsupportedError(
            "a handler that fixes values (condition, substitute) around a loop or a branch with "
            "sites is not supported",
            "pass the values as rows of the loop, and observe them in its body",
            line=sites.user_line(),
        )
    name = msg["fn"].__name__
    if name == "scan_wrapper":
        return _scan(*msg["args"])
    if name == "cond_wrapper":
        return _cond(*msg["args"])
    raise UnsupportedError(
        f"the control flow {name} is not supported", "use scan or cond", line=sites.user_line()
    )


def _scan(
    f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, length: int | None, reverse: bool
) -> Any:
    start = jax.tree.map(jnp.asarray, init)
    carry, ys = jax.lax.scan(f, start, xs, length=length, reverse=reverse)
    return (length, None, carry), (_NO_SITES, ys)


def _cond(
    pred: Any, true_fun: Callable[[Any], Any], false_fun: Callable[[Any], Any], operand: Any
) -> Any:
    return jax.lax.cond(pred, true_fun, false_fun, operand), _NO_SITES
