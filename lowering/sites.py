"""
Choices, observations and parameters as JAX primitives, so that a model becomes a jaxpr. What
`jax.vmap` makes of them is in `batched_sites.py`.
"""

from __future__ import annotations

import functools
import inspect
import os
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

import jax
import numpyro
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad

from relbo_ir.dialects.errors import UnsupportedError

SAMPLE = Primitive("relbo_sample")
"""
(prior arrays, guide arrays, scale if any, draws if made) → draw. Parameters: name, line, prior,
prior_count, guide, scaled, drawn, plates, auxiliary, out.
"""
OBSERVE = Primitive("relbo_observe")
"""(law arrays, value, scale if any) → (). Parameters: name, line, law, scaled, fixed (by a handler),
plates."""
FACTOR = Primitive("relbo_factor")
"""value, weighed → (). Parameters: name, line, plates."""
DETERMINISTIC = Primitive("relbo_deterministic")
"""value → (). Parameters: name, line."""
PARAM = Primitive("relbo_param")
"""initial value → parameter, of its type. Parameters: name, line, constraint."""
SUBSAMPLE = Primitive("relbo_subsample")
"""() → the indices of a plate's minibatch. Parameters: name (the plate's), line, size, count, out."""
SITES = frozenset(p.name for p in (SAMPLE, OBSERVE, FACTOR, DETERMINISTIC, PARAM, SUBSAMPLE))
"""The names of the six."""

for _primitive in (OBSERVE, FACTOR, DETERMINISTIC):
    _primitive.multiple_results = True


def _out(*_args: Any, out: Any, **_params: Any) -> Any:
    return ShapedArray(out.shape, out.dtype)


def _same(init: Any, **_params: Any) -> Any:
    return ShapedArray(init.shape, init.dtype)


def _nothing(*_args: Any, **_params: Any) -> list[Any]:
    return []


for _primitive, _rule in (
    (SAMPLE, _out),
    (SUBSAMPLE, _out),
    (PARAM, _same),
    (OBSERVE, _nothing),
    (FACTOR, _nothing),
    (DETERMINISTIC, _nothing),
):
    _primitive.def_abstract_eval(_rule)


def _start(init: Any, **_params: Any) -> Any:
    return init


# One parameter may start from another: its value is then the other one's initial value.
PARAM.def_impl(_start)


def _refuse(transformation: str) -> Any:
    def rule(*_args: Any, **params: Any) -> NoReturn:
        raise UnsupportedError(
            f"a choice inside {transformation} is not supported",
            "write the copies as a plate, or as a Python loop with a site name each",
            site=params["name"],
            line=params["line"],
        )

    return rule


for _primitive in (SAMPLE, OBSERVE, FACTOR, DETERMINISTIC, PARAM, SUBSAMPLE):
    ad.primitive_jvps[_primitive] = _refuse("a JAX derivative")


def _folder(path: str) -> str:
    return os.path.dirname(os.path.realpath(path)) + os.sep


_LIBRARY = _folder(inspect.__file__)
_INSTALLED = tuple(
    os.path.join(_LIBRARY, name) + os.sep for name in ("site-packages", "dist-packages")
)
_LOWERING = _folder(__file__)
_ROOT = os.path.dirname(os.path.dirname(_LOWERING))
# Installed, the folders stand in the package; in a checkout they stand beside it.
_IS_CHECKOUT = os.path.isdir(os.path.join(_ROOT, "relbo_ir"))
_OURS = (
    tuple(
        os.path.join(_ROOT, name) + os.sep
        for name in ("relbo_ir", "dialects", "passes", "lowering")
    )
    if _IS_CHECKOUT
    else (_ROOT + os.sep,)
)
_NUMPYRO = _folder(numpyro.__file__)
_JAX = _folder(jax.__file__)


@functools.cache
def owner_of(filename: str) -> str:
    """Whose a file is: `relbo_ir`, `numpyro`, `jax`, `python` (its library) or `user`."""
    if filename.startswith("<relbo-ir program"):
        return "relbo_ir"
    if filename.startswith("<frozen"):
        return "python"
    path = os.path.realpath(filename)
    if path.startswith(_OURS):
        return "relbo_ir"
    if path.startswith(_NUMPYRO):
        return "numpyro"
    if path.startswith(_JAX):
        return "jax"
    # A model may live in an installed package: what lies beside the library is not of it.
    if path.startswith(_LIBRARY) and not path.startswith(_INSTALLED):
        return "python"
    return "user"


def spoken_line(filename: str, number: int) -> str:
    """`file.py:12`, by the path from the working directory where the file lies under it."""
    if filename.startswith("<"):
        return f"{filename}:{number}"
    relative = os.path.relpath(os.path.realpath(filename))
    return f"{os.path.basename(filename) if relative.startswith('..') else relative}:{number}"


def user_line() -> str:
    """`file.py:12` of the innermost frame outside this package, JAX, NumPyro and the library."""
    frame = inspect.currentframe()
    while frame is not None:
        if owner_of(frame.f_code.co_filename) == "user":
            return spoken_line(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return "unknown:0"


@dataclass(frozen=True)
class Origin:
    """Where an exception comes from, seen from the user's code."""

    line: str | None
    """The user's innermost line, if any."""
    callee: str | None
    """Whose function that line called: `numpyro`, `jax`, ...; None where the line itself raised."""
    raiser: str
    """Whose code raised."""
    site: str | None
    """The site's name, where NumPyro was making one."""


def origin_of(error: BaseException) -> Origin:
    """Where an exception comes from."""
    line, callee, site, raiser = None, None, None, "user"
    for frame, number in traceback.walk_tb(error.__traceback__):
        raiser = owner_of(frame.f_code.co_filename)
        if raiser == "user":
            line, callee, site = spoken_line(frame.f_code.co_filename, number), None, None
        elif raiser in ("numpyro", "jax"):
            callee = callee or raiser
            name = frame.f_locals.get("name")
            if (
                raiser == "numpyro"
                and frame.f_code.co_name in _SITE_MAKERS
                and isinstance(name, str)
            ):
                site = name
    return Origin(line, callee, raiser, site)


_SITE_MAKERS = {"sample", "param", "deterministic", "factor"}
