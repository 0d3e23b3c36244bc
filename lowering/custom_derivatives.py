"""
Functions whose author gave their derivative: the function and its rule, both traced.

A rule may call its own function (softplus's does), so what is stored refers to itself by symbol:
a function that is being imported is identified by what its body and its rule compute, the bodies
of the functions in the rule included.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.core
import numpy as np
from jax.extend import core
from xdsl.ir import SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.lowering.import_rules import Built, like
from relbo_ir.lowering.types import ir_type

if TYPE_CHECKING:
    from relbo_ir.lowering.import_jaxpr import Importer


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
    _check_types(equation)
    rule = jvp_rule(equation)
    short = _known(equation, rule)
    if short is not None:
        shape = equation.outvars[0].aval.shape
        return lax.elementwise(short, *[like(importer, v, shape) for v in operands])
    types = [ir_type(var.aval) for var in equation.outvars]
    return lax.CustomJvpOp(*_store(importer, equation, rule, "jvp"), operands, types)


def import_custom_vjp(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    """A custom_vjp_call as `lax.custom_vjp`."""
    _check_types(equation)
    types = [ir_type(var.aval) for var in equation.outvars]
    names = _store(importer, equation, vjp_rule(equation), "vjp")
    return lax.CustomVjpOp(*names, operands, types)


def _check_types(equation: Any) -> None:
    if any(not _is_float(var.aval) for var in equation.outvars):
        raise UnsupportedError(
            "a function with a custom derivative returns numbers that are not real",
            "return them from a function without a custom derivative",
        )
    if any(jax.numpy.issubdtype(v.aval.dtype, np.complexfloating) for v in equation.invars):
        raise UnsupportedError(
            "a function with a custom derivative takes complex numbers",
            "pass their real and imaginary parts",
        )


_DEPTH = 6
"""
Rules inside rules. A family of functions where each rule calls the next one (a Bessel function and
its orders) has no end; derivatives of a higher order than this are NaN there, never wrong.
"""


def _unknown(equation: Any, kind: str) -> core.ClosedJaxpr:
    """A rule whose derivative is NaN: linear in the tangents, else JAX transposes it to zero."""
    avals = [var.aval for var in equation.invars]
    floats = [aval for aval in avals if _is_float(aval)]
    outs = [var.aval for var in equation.outvars]
    body = core.jaxpr_as_fun(equation.params["call_jaxpr"])

    def rule(*args: Any) -> list[Any]:
        if kind == "vjp":
            return [jax.numpy.full(aval.shape, np.nan, aval.dtype) for aval in floats]
        total = sum((jax.numpy.sum(t) for t in args[len(avals) :]), start=jax.numpy.zeros(()))
        dots = [jax.numpy.full(v.shape, np.nan, v.dtype) * total.astype(v.dtype) for v in outs]
        return [*body(*args[: len(avals)]), *dots]

    given = floats if kind == "jvp" else outs
    return jax.make_jaxpr(rule)(*[_struct(aval) for aval in (*avals, *given)])


def _store(importer: Importer, equation: Any, rule: core.ClosedJaxpr, kind: str) -> tuple[str, str]:
    functions = importer.functions
    body = equation.params["call_jaxpr"]
    key = f"{kind} {fingerprint(body)} {fingerprint(rule)}"
    if key in functions.pending:
        return functions.pending[key]
    if len(functions.pending) >= _DEPTH:
        rule = _unknown(equation, kind)
    name, rule_name = functions.reserve("custom"), functions.reserve(f"custom_{kind}")
    functions.pending[key] = (name, rule_name)
    try:
        function = importer.function_op(body, "a function with a custom derivative")
        rule_function = importer.function_op(rule, "the rule of a custom derivative")
    finally:
        del functions.pending[key]
    return functions.share_pair(function, name, rule_function, rule_name)


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def fingerprint(closed: core.ClosedJaxpr) -> str:
    """
    What a jaxpr computes, with the bits of its constants; of functions with custom derivatives
    their bodies alone. Equal texts compute the same.
    """
    numbers: dict[Any, int] = {}

    def atom(value: Any) -> str:
        if isinstance(value, core.Literal):
            aval: Any = value.aval
            return f"{aval} {_bits(np.asarray(value.val, aval.dtype))}"
        return f"{numbers.setdefault(value, len(numbers))}"

    def custom(equation: Any) -> bool:
        return equation.primitive.name in ("custom_jvp_call", "custom_vjp_call")

    def parameter(value: Any) -> str:
        if isinstance(value, core.ClosedJaxpr):
            return fingerprint(value)
        if isinstance(value, core.Jaxpr):
            return fingerprint(core.ClosedJaxpr(value, ()))
        if isinstance(value, (tuple, list)):
            return f"({', '.join(parameter(v) for v in value)})"
        function = callable(value) and not isinstance(value, type)
        return "" if function else _ADDRESS.sub("", repr(value))

    jaxpr: Any = closed.jaxpr
    constants = [_bits(value) for value in closed.consts]
    lines = [f"{constants} {[f'{atom(v)}: {v.aval}' for v in (*jaxpr.constvars, *jaxpr.invars)]}"]
    for equation in jaxpr.eqns:
        operands = [atom(v) for v in equation.invars]
        names = [key for key in equation.params if not custom(equation) or key == "call_jaxpr"]
        parameters = {key: parameter(equation.params[key]) for key in names}
        results = [f"{atom(v)}: {v.aval}" for v in equation.outvars]
        lines.append(f"{results} = {equation.primitive.name} {parameters} {operands}")
    return "\n".join([*lines, f"{[atom(v) for v in jaxpr.outvars]}"])


def _bits(value: Any) -> str:
    if isinstance(value, jax.core.Tracer) or not jax.numpy.issubdtype(value.dtype, np.generic):
        return f"{id(value)}"
    array = np.asarray(value)
    return f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"


_CANDIDATES: dict[str, Callable[..., Any]] = {
    "xlogy": jax.scipy.special.xlogy,
    "xlog1py": jax.scipy.special.xlog1py,
    "logaddexp": jax.numpy.logaddexp,
}


@functools.cache
def _reference(name: str, signature: tuple[tuple[tuple[int, ...], str], ...]) -> str | None:
    structs = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in signature]
    jaxpr = jax.make_jaxpr(_CANDIDATES[name])(*structs).jaxpr
    found = [e for e in _equations(jaxpr) if e.primitive.name == "custom_jvp_call"]
    return _meaning(found[0], jvp_rule(found[0])) if len(found) == 1 else None


def _equations(jaxpr: Any) -> list[Any]:
    equations: list[Any] = []
    for equation in jaxpr.eqns:
        inner = equation.params.get("jaxpr") if equation.primitive.name in ("jit", "pjit") else None
        equations.extend(_equations(inner.jaxpr) if inner is not None else [equation])
    return equations


def _meaning(equation: Any, rule: core.ClosedJaxpr) -> str:
    return f"{fingerprint(equation.params['call_jaxpr'])}\n{fingerprint(rule)}"


def _known(equation: Any, rule: core.ClosedJaxpr) -> str | None:
    """The op of ours that is this very function, by what its body and its rule compute."""
    name = str(equation.params["call_jaxpr"].jaxpr.debug_info.func_name)
    if name not in _CANDIDATES or len({v.aval.dtype for v in equation.invars}) != 1:
        return None
    signature = tuple((var.aval.shape, str(var.aval.dtype)) for var in equation.invars)
    reference = _reference(name, signature)
    return name if reference is not None and reference == _meaning(equation, rule) else None
