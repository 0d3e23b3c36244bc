"""
A traced function with its sites in one flat list: `jit`s that hold sites are unfolded, loops and
branches split.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
from jax.extend import core
from jax.extend.core import primitives
from jax.interpreters import batching

from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.lowering.branches import merge_branches, run_branches
from relbo_ir.lowering.loops import DRAWS, split_scan
from relbo_ir.lowering.sites import SITES, SUBSAMPLE

_TRANSPARENT = {"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"}
_SPOKEN = {"while": "jax.lax.while_loop (or fori_loop)"}


def flatten_sites(closed: core.ClosedJaxpr) -> core.ClosedJaxpr:
    """
    The same function, with every equation of a site at the top.

    Sites in a `scan` are those of all steps, sites in a `cond` those of the branch that is taken. A
    site in any other transformation is an UnsupportedError with its line; two sites of one name are
    a ModelError. As no name comes twice, no unfolded jaxpr does, and its variables can keep their
    names.
    """
    _check_names(closed.jaxpr, {})
    return _flatten(closed)


def _flatten(closed: core.ClosedJaxpr) -> core.ClosedJaxpr:
    equations: list[Any] = []
    constants = list(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    outputs = _unfold(closed.jaxpr, {}, equations, constants)
    jaxpr = closed.jaxpr.replace(
        eqns=equations, outvars=outputs, constvars=[var for var, _ in constants]
    )
    return core.ClosedJaxpr(jaxpr, [value for _, value in constants])


def sites_of(jaxpr: core.Jaxpr) -> Iterator[Any]:
    """Every equation of a site, however deep it stands."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in SITES:
            yield equation
        else:
            for inner in _inner(equation):
                yield from sites_of(inner)


def _inner(equation: Any) -> Iterator[core.Jaxpr]:
    for value in equation.params.values():
        for part in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(part, core.ClosedJaxpr):
                yield part.jaxpr
            elif isinstance(part, core.Jaxpr):
                yield part


def _check_names(jaxpr: core.Jaxpr, known: dict[str, str]) -> None:
    """Refuses sites of one name, unless they stand in two branches; adds the names to `known`."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        inner = list(_inner(equation))
        if name in SITES:
            _check_name(equation, known)
        elif name == "cond":
            tables = [dict(known) for _ in inner]
            for branch, table in zip(inner, tables, strict=True):
                _check_names(branch, table)
            for table in tables:
                known.update(table)
        elif name in _TRANSPARENT or name == "scan":
            for held in inner:
                _check_names(held, known)
        else:
            for site in (site for held in inner for site in sites_of(held)):
                raise UnsupportedError(
                    f"a choice inside {_SPOKEN.get(name, name)} is not supported",
                    "write the loop as a scan (relbo_ir.scan), as a plate, or as a Python loop with "
                    "a site name each",
                    site=site.params["name"],
                    line=site.params["line"],
                )


def _check_name(site: Any, known: dict[str, str]) -> None:
    if site.primitive is SUBSAMPLE:
        return  # a plate that is entered twice has one minibatch
    name, line = site.params["name"], site.params["line"]
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
        held = list(_inner(equation))
        is_flat = equation.primitive is DRAWS or equation.primitive.name in SITES
        if is_flat or not any(_has_sites(inner) for inner in held):
            equations.append(equation.replace(invars=operands))
            continue
        closed = _without_nesting(equation)
        constants.extend(zip(closed.jaxpr.constvars, closed.consts, strict=True))
        scope = dict(zip(closed.jaxpr.invars, operands, strict=True))
        results = _unfold(closed.jaxpr, scope, equations, constants)
        env.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _batched_cond(axis: Any, arrays: Any, dims: Any, **params: Any) -> Any:
    """
    A branch that a mapped value decides: JAX runs all branches and selects, which would leave the
    sites of every branch in; with sites, they are merged as those of any branch are.
    """
    if dims[0] is None or not any(_has_sites(branch.jaxpr) for branch in params["branches"]):
        return _JAX_COND(axis, arrays, dims, **params)
    branches = [_flatten(branch) for branch in params["branches"]]

    def run(index: Any, *operands: Any) -> list[Any]:
        return run_branches(branches, index, operands)

    results = jax.vmap(run, tuple(dims), axis_size=axis.size)(*arrays)
    return results, [0] * len(results)


_JAX_COND = batching.fancy_primitive_batchers[primitives.cond_p]
batching.fancy_primitive_batchers[primitives.cond_p] = _batched_cond


def _has_sites(jaxpr: core.Jaxpr) -> bool:
    return next(sites_of(jaxpr), None) is not None


def _without_nesting(equation: Any) -> core.ClosedJaxpr:
    """What an equation that holds sites stands for, with its sites one level higher."""
    match equation.primitive.name:
        case "scan":
            return split_scan(equation, _flatten(equation.params["jaxpr"]))
        case "cond":
            branches = [_flatten(branch) for branch in equation.params["branches"]]
            return merge_branches(equation, branches)
        case _:
            held = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            return held if isinstance(held, core.ClosedJaxpr) else core.ClosedJaxpr(held, [])
