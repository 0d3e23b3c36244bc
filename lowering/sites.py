"""Choices, observations and parameters as JAX primitives, so that a model becomes a jaxpr."""

from __future__ import annotations

import inspect
import os
from typing import Any, NoReturn

import jax
import numpyro
from jax.extend.core import Primitive
from jax.interpreters import ad, batching

from relbo_ir.dialects.errors import UnsupportedError

SAMPLE = Primitive("relbo_sample")
"""(prior arrays, guide arrays) → draw. Parameters: name, line, prior, guide, plates, auxiliary, out."""
OBSERVE = Primitive("relbo_observe")
"""(law arrays, value) → (). Parameters: name, line, law, plates, batch."""
FACTOR = Primitive("relbo_factor")
"""value → (). Parameters: name, line."""
DETERMINISTIC = Primitive("relbo_deterministic")
"""value → (). Parameters: name, line."""
PARAM = Primitive("relbo_param")
"""() → parameter. Parameters: name, line, constraint, out."""

for _primitive in (OBSERVE, FACTOR, DETERMINISTIC):
    _primitive.multiple_results = True


def _out(*_args: Any, out: Any, **_params: Any) -> Any:
    return jax.core.ShapedArray(out.shape, out.dtype)


def _nothing(*_args: Any, **_params: Any) -> list[Any]:
    return []


for _primitive, _rule in (
    (SAMPLE, _out),
    (PARAM, _out),
    (OBSERVE, _nothing),
    (FACTOR, _nothing),
    (DETERMINISTIC, _nothing),
):
    _primitive.def_abstract_eval(_rule)


def _refuse(transformation: str) -> Any:
    def rule(_args: Any, _other: Any, **params: Any) -> NoReturn:
        raise UnsupportedError(
            f"a choice inside {transformation} is not supported",
            "write the copies as a plate, or as a Python loop with a site name each",
            site=params["name"],
            line=params["line"],
        )

    return rule


for _primitive in (SAMPLE, OBSERVE, FACTOR, DETERMINISTIC, PARAM):
    batching.primitive_batchers[_primitive] = _refuse("jax.vmap")
    ad.primitive_jvps[_primitive] = _refuse("a JAX derivative")

_HIDDEN = tuple(
    os.path.dirname(os.path.realpath(path)) + os.sep
    for path in (jax.__file__, numpyro.__file__, __file__, inspect.__file__)
)
_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "relbo_ir")


def hidden_folders() -> tuple[str, ...]:
    """Folders whose frames are not the user's: this package, JAX, NumPyro and the library."""
    return (*_HIDDEN, _PACKAGE + os.sep)


def user_line() -> str:
    """`file.py:12` of the innermost frame outside this package, JAX, NumPyro and the library."""
    frame = inspect.currentframe()
    while frame is not None:
        path = os.path.realpath(frame.f_code.co_filename)
        if not path.startswith(hidden_folders()) and not path.startswith("<"):
            relative = os.path.relpath(path)
            name = os.path.basename(path) if relative.startswith("..") else relative
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return "unknown:0"
