"""The equations of a traced function: which are there, and which of them a purpose needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.lowering import sites


def without_unused_parts(closed: core.ClosedJaxpr) -> core.ClosedJaxpr:
    """
    The equations without the parameters of a module that nothing reads: a module with priors
    (`random_flax_module`) draws these instead.
    """
    read = {v for e in closed.jaxpr.eqns for v in e.invars if isinstance(v, core.Var)}
    kept = [
        e
        for e in closed.jaxpr.eqns
        if e.primitive is not sites.PARAM or not e.params["part"] or e.outvars[0] in read
    ]
    return core.ClosedJaxpr(closed.jaxpr.replace(eqns=kept), closed.consts)


def literal_of(atom: Any) -> Any:
    """The array of a literal of an equation, in the type that the equation gives it."""
    return jnp.asarray(np.asarray(atom.val, atom.aval.dtype))


def check_complete(closed: core.ClosedJaxpr, lines: Mapping[str, str]) -> None:
    """Refuses a program that lacks a site that was met (`jax.eval_shape` throws equations away)."""
    reached = {e.params["name"] for e in closed.jaxpr.eqns if e.primitive.name in sites.SITES}
    for name, line in lines.items():
        if name not in reached:
            raise UnsupportedError(
                "a choice in a function that JAX does not run (eval_shape or a callback) is not "
                "supported",
                "move the site out of that function",
                site=name,
                line=line,
            )


def initial_values(
    closed: core.ClosedJaxpr,
) -> Callable[[jax.Array, Sequence[Any]], dict[str, Any]]:
    """The function (key, data leaves...) → initial values: the equations that they need alone."""
    declared = [e for e in closed.jaxpr.eqns if e.primitive is sites.PARAM]
    names = [equation.params["name"] for equation in declared]
    starts = [equation.invars[0] for equation in declared]
    needed = {v for v in starts if isinstance(v, core.Var)}
    kept: list[Any] = []
    for equation in reversed(closed.jaxpr.eqns):
        if not any(var in needed for var in equation.outvars):
            continue
        if equation.primitive is sites.SAMPLE:
            raise ModelError(
                "a parameter's initial value depends on a random choice",
                "start the parameter from numbers or data",
                site=equation.params["name"],
                line=equation.params["line"],
            )
        kept.append(equation)
        needed.update(v for v in equation.invars if isinstance(v, core.Var))
    jaxpr = closed.jaxpr.replace(eqns=kept[::-1], outvars=starts)
    run = core.jaxpr_as_fun(core.ClosedJaxpr(jaxpr, closed.consts))

    def initial(key: jax.Array, leaves: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(names, run(key, *leaves), strict=True))

    return initial


def without_inits(jaxpr: core.Jaxpr, key: Any) -> core.Jaxpr:
    """The jaxpr without its outputs, and without what only initial values read of the key."""
    tainted: set[Any] = {key}
    kept: list[Any] = []
    for equation in jaxpr.eqns:
        if equation.primitive is sites.PARAM:
            kept.append(equation.replace(invars=[]))
            continue
        if any(isinstance(v, core.Var) and v in tainted for v in equation.invars):
            if equation.primitive.name in sites.SITES:
                raise UnsupportedError(
                    "the site depends on a random key that is no choice (numpyro.prng_key, or a "
                    "choice that handlers.block hides)",
                    "draw by a site that the guide knows, or give the key by handlers.seed",
                    site=equation.params["name"],
                    line=equation.params["line"],
                )
            tainted.update(equation.outvars)
        else:
            kept.append(equation)
    return jaxpr.replace(invars=jaxpr.invars[1:], outvars=[], eqns=kept)
