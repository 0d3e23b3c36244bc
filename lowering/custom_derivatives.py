"""
Functions whose author gave their derivative: the function and its rule, both traced.

A rule may call its own function (softplus's does), so what is stored refers to itself by symbol:
a function is identified by its text and its rule's, one level deep.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.extend import core
from xdsl.ir import SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.lowering.import_rules import Built, like
from relbo_ir.lowering.types import ir_type

if TYPE_CHECKING:
    from relbo_ir.lowering.import_jaxpr import Importer

_pending: dict[tuple[int, str], tuple[str, str]] = {}
"""Functions whose rule is being traced, by module and text: a rule that calls them finds them."""


def _as_function(equation: Any) -> Callable[..., Any]:
    debug = jax.make_jaxpr(lambda *xs: xs)(*[_struct(v.aval) for v in equation.invars]).jaxpr
    invars = [var if isinstance(var, core.Var) else None for var in equation.invars]
    fresh = [var if var is not None else new for var, new in zip(invars, debug.invars, strict=True)]
    seen: set[Any] = set()
    for k, var in enumerate(fresh):
        if var in seen:
            fresh[k] = debug.invars[k]
        seen.add(fresh[k])
    inner = equation.replace(invars=fresh)
    jaxpr = core.Jaxpr(
        constvars=(),
        invars=fresh,
        outvars=list(inner.outvars),
        eqns=[inner],
        debug_info=debug.debug_info,
    )
    return core.jaxpr_as_fun(core.ClosedJaxpr(jaxpr, ()))


def _struct(aval: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype)


def _is_float(aval: Any) -> bool:
    return jax.numpy.issubdtype(aval.dtype, np.floating)


def jvp_rule(equation: Any) -> core.ClosedJaxpr:
    """(x..., ẋ of the float ones...) → (y..., ẏ...) of a custom_jvp_call equation."""
    function = _as_function(equation)
    avals = [var.aval for var in equation.invars]
    floats = [k for k, aval in enumerate(avals) if _is_float(aval)]

    def rule(*args: Any) -> Any:
        primals, given = args[: len(avals)], args[len(avals) :]
        tangents: list[Any] = [np.zeros(aval.shape, jax.dtypes.float0) for aval in avals]
        for k, tangent in zip(floats, given, strict=True):
            tangents[k] = tangent
        values, dots = jax.jvp(function, list(primals), tangents)
        return [*values, *dots]

    structs = [_struct(aval) for aval in avals]
    return jax.make_jaxpr(rule)(*structs, *[structs[k] for k in floats])


def vjp_rule(equation: Any) -> core.ClosedJaxpr:
    """(x..., ȳ...) → (x̄ of the float ones...) of a custom_vjp_call equation."""
    function = _as_function(equation)
    avals = [var.aval for var in equation.invars]
    floats = [k for k, aval in enumerate(avals) if _is_float(aval)]

    def rule(*args: Any) -> Any:
        primals, cotangents = args[: len(avals)], args[len(avals) :]
        pulled = jax.vjp(function, *primals)[1](list(cotangents))
        return [pulled[k] for k in floats]

    structs = [_struct(aval) for aval in avals]
    return jax.make_jaxpr(rule)(*structs, *[_struct(v.aval) for v in equation.outvars])


def import_custom_jvp(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    """A custom_jvp_call: one of the known functions, or `lax.custom_jvp`."""
    if any(not _is_float(var.aval) for var in equation.outvars):
        raise UnsupportedError(
            "a function with a custom derivative returns integers",
            "return the integers from a function without a custom derivative",
        )
    short = _known(equation)
    if short is not None:
        shape = equation.outvars[0].aval.shape
        return lax.elementwise(short, *[like(importer, v, shape) for v in operands])
    types = [ir_type(var.aval) for var in equation.outvars]
    name, rule = _store(importer, equation, jvp_rule, "jvp")
    return lax.CustomJvpOp(name, rule, operands, types)


def import_custom_vjp(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    """A custom_vjp_call as `lax.custom_vjp`."""
    if any(not _is_float(var.aval) for var in equation.outvars):
        raise UnsupportedError(
            "a function with a custom derivative returns integers",
            "return the integers from a function without a custom derivative",
        )
    types = [ir_type(var.aval) for var in equation.outvars]
    name, rule = _store(importer, equation, vjp_rule, "vjp")
    return lax.CustomVjpOp(name, rule, operands, types)


def _store(
    importer: Importer,
    equation: Any,
    trace: Callable[[Any], core.ClosedJaxpr],
    kind: str,
) -> tuple[str, str]:
    functions = importer.functions
    body = equation.params["call_jaxpr"]
    key = (id(functions), f"{kind} {_name(equation)} {body}")
    if key in _pending:
        return _pending[key]
    name, rule_name = functions.reserve("custom"), functions.reserve(f"custom_{kind}")
    _pending[key] = (name, rule_name)
    try:
        function = importer.function_op(body, "a function with a custom derivative")
        rule = importer.function_op(trace(equation), "the rule of a custom derivative")
    finally:
        del _pending[key]
    return functions.share_pair(function, name, rule, rule_name)


_CANDIDATES: dict[str, Callable[..., Any]] = {
    "xlogy": jax.scipy.special.xlogy,
    "xlog1py": jax.scipy.special.xlog1py,
    "logaddexp": jax.numpy.logaddexp,
}


def _name(equation: Any) -> str:
    return str(equation.params["call_jaxpr"].jaxpr.debug_info.func_name)


def _text(equation: Any) -> str:
    return f"{equation.params['call_jaxpr']}\n{jvp_rule(equation)}"


@functools.cache
def _reference(name: str, signature: tuple[tuple[tuple[int, ...], str], ...]) -> str | None:
    structs = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in signature]
    jaxpr = jax.make_jaxpr(_CANDIDATES[name])(*structs).jaxpr
    found = [e for e in _equations(jaxpr) if e.primitive.name == "custom_jvp_call"]
    return _text(found[0]) if len(found) == 1 else None


def _equations(jaxpr: Any) -> list[Any]:
    equations: list[Any] = []
    for equation in jaxpr.eqns:
        inner = equation.params.get("jaxpr") if equation.primitive.name in ("jit", "pjit") else None
        equations.extend(_equations(inner.jaxpr) if inner is not None else [equation])
    return equations


def _known(equation: Any) -> str | None:
    """The op of ours that is this very function, by the text of its body and of its rule."""
    name = _name(equation)
    if name not in _CANDIDATES:
        return None
    avals = [var.aval for var in equation.invars]
    signature = tuple((aval.shape, str(aval.dtype)) for aval in avals)
    reference = _reference(name, signature)
    return name if reference is not None and reference == _text(equation) else None
