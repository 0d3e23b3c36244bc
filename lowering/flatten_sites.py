"""A traced function with its sites in one flat list: `jit`s that hold sites are unfolded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jax.extend import core

from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.lowering.sites import SITES, SUBSAMPLE

_TRANSPARENT = {"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"}
_SPOKEN = {
    "scan": "jax.lax.scan (or fori_loop, map)",
    "while": "jax.lax.while_loop (or fori_loop)",
    "cond": "jax.lax.cond (or switch)",
}


def flatten_sites(closed: core.ClosedJaxpr) -> core.ClosedJaxpr:
    """
    The same function, with every equation of a site at the top.

    A site in a loop, a branch or any other transformation is an UnsupportedError with its line; two
    sites of one name are a ModelError. As no name comes twice, no unfolded jaxpr does, and its
    variables can keep their names.
    """
    _check_names(closed.jaxpr)
    equations: list[Any] = []
    constants = list(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    outputs = _unfold(closed.jaxpr, {}, equations, constants)
    jaxpr = closed.jaxpr.replace(
        eqns=equations, outvars=outputs, constvars=[var for var, _ in constants]
    )
    return core.ClosedJaxpr(jaxpr, [value for _, value in constants])


def sites_of(jaxpr: core.Jaxpr) -> Iterator[tuple[Any, str | None]]:
    """Every equation of a site, and the primitive that it stands in (None: it is reachable)."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in SITES:
            yield equation, None
            continue
        name = equation.primitive.name
        for inner in _inner(equation):
            for site, inside in sites_of(inner):
                yield site, inside if name in _TRANSPARENT else name


def _inner(equation: Any) -> Iterator[core.Jaxpr]:
    for value in equation.params.values():
        for part in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(part, core.ClosedJaxpr):
                yield part.jaxpr
            elif isinstance(part, core.Jaxpr):
                yield part


def _check_names(jaxpr: core.Jaxpr) -> None:
    known: dict[str, str] = {}
    for site, inside in sites_of(jaxpr):
        name, line = site.params["name"], site.params["line"]
        if inside is not None:
            raise UnsupportedError(
                f"a choice inside {_SPOKEN.get(inside, inside)} is not supported",
                "write the loop over sites as a plate, or as a Python loop with a site name each; "
                "move the site out of the branch",
                site=name,
                line=line,
            )
        if site.primitive is SUBSAMPLE:
            continue  # a plate that is entered twice has one minibatch
        if name in known:
            raise ModelError(
                f'two sites are named "{name}"; the other one is at {known[name]}'
                + (" (a jitted function that is called twice)" if line == known[name] else ""),
                "give every site its own name",
                site=name,
                line=line,
            )
        known[name] = line


def _unfold(
    jaxpr: core.Jaxpr, env: dict[Any, Any], equations: list[Any], constants: list[tuple[Any, Any]]
) -> list[Any]:
    """Appends the equations, with variables replaced as `env` says; gives the outputs."""

    def read(atom: Any) -> Any:
        return env.get(atom, atom) if isinstance(atom, core.Var) else atom

    for equation in jaxpr.eqns:
        operands = [read(atom) for atom in equation.invars]
        inner = next(_inner(equation), None)
        if inner is None or next(sites_of(inner), None) is None:
            equations.append(equation.replace(invars=operands))
            continue
        held = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
        if isinstance(held, core.ClosedJaxpr):
            constants.extend(zip(inner.constvars, held.consts, strict=True))
        scope = dict(zip(inner.invars, operands, strict=True))
        results = _unfold(inner, scope, equations, constants)
        env.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]
