"""A branch with sites: every branch runs, and what the branch that was not taken adds is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core, source_info_util

from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.lowering import sites
from relbo_ir.lowering.batched_laws import Part, batch_shape
from relbo_ir.lowering.law_specs import LawSpec
from relbo_ir.lowering.traced_equations import literal_of

_SHARED = (sites.PARAM, sites.SUBSAMPLE)
_SPOKEN = {
    "prior": "laws of different families or shapes",
    "guide": "guides of different families or shapes",
    "law": "laws of different families or shapes",
    "scaled": "a scale",
    "plates": "plates",
    "constraint": "constraints",
    "size": "sizes of the plate",
    "count": "sizes of the minibatch",
}


def merge_branches(equation: Any, branches: Sequence[core.ClosedJaxpr]) -> core.ClosedJaxpr:
    """
    The branch as equations with its sites at the top, from its branches with sites at the top.

    A site that several branches have is one site, its law's parameters those of the branch that is
    taken. A site that only some branches have is drawn in any case, and its densities are 0 where
    another branch is taken. ModelError where one name stands for sites that cannot be one.
    """
    structs = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in equation.invars]

    def run(index: Any, *operands: Any) -> list[Any]:
        return run_branches(branches, index, operands)

    # What is written for the branch stands at the branch's line.
    with source_info_util.user_context(equation.source_info.traceback):
        return jax.make_jaxpr(run)(*structs)


def run_branches(
    branches: Sequence[core.ClosedJaxpr], index: Any, operands: Sequence[Any]
) -> list[Any]:
    """Runs all branches on the operands, site by site; gives the results of the one taken."""
    return _Merge(branches, index, operands).run()


@dataclass
class _Branch:
    """One branch: its equations from the next one on, and the values of its variables."""

    closed: core.ClosedJaxpr
    values: dict[Any, Any]
    todo: list[Any] = field(default_factory=list[Any])

    def read(self, atom: Any) -> Any:
        if isinstance(atom, core.Literal):
            return literal_of(atom)
        return self.values[atom]

    def advance(self) -> None:
        """Runs up to the next site."""
        used = {v for e in self.todo for v in e.invars if not isinstance(v, core.Literal)}
        used |= {v for v in self.closed.jaxpr.outvars if not isinstance(v, core.Literal)}
        while self.todo and self.todo[0].primitive.name not in sites.SITES:
            equation = self.todo.pop(0)
            read = dict.fromkeys(v for v in equation.invars if not isinstance(v, core.Literal))
            wanted = [v for v in equation.outvars if v in used]
            jaxpr = self.closed.jaxpr.replace(
                constvars=[], invars=list(read), outvars=wanted, eqns=[equation]
            )
            run = core.jaxpr_as_fun(core.ClosedJaxpr(jaxpr, []))
            results = run(*(self.values[v] for v in read))
            self.values.update(zip(wanted, results, strict=True))

    @property
    def site(self) -> Any:
        """The equation of the next site, if there is one."""
        return self.todo[0] if self.todo else None

    def names(self) -> set[tuple[str, str]]:
        """The sites that are still to come, with their kinds."""
        return {_key(e) for e in self.todo if e.primitive.name in sites.SITES}


def _key(equation: Any) -> tuple[str, str]:
    return equation.primitive.name, equation.params["name"]


class _Merge:
    """The run of all branches side by side, site by site."""

    def __init__(self, branches: Sequence[core.ClosedJaxpr], index: Any, operands: Sequence[Any]):
        self.index = jnp.clip(index.astype(np.int32), 0, len(branches) - 1)
        self.branches: list[_Branch] = []
        self.shared: dict[tuple[str, str], tuple[Any, Any]] = {}
        for closed in branches:
            variables = [*closed.jaxpr.constvars, *closed.jaxpr.invars]
            values = dict(zip(variables, [*closed.consts, *operands], strict=True))
            self.branches.append(_Branch(closed, values, list(closed.jaxpr.eqns)))

    def run(self) -> list[Any]:
        while True:
            for branch in self.branches:
                branch.advance()
                while branch.site is not None and branch.site.primitive in _SHARED:
                    self._share(branch)
                    branch.advance()
            group = self._next()
            if not group:
                break
            self._site(group)
        results = [[b.read(atom) for atom in b.closed.jaxpr.outvars] for b in self.branches]
        return [self._taken(list(cases)) for cases in zip(*results, strict=True)]

    def _share(self, branch: _Branch) -> None:
        """A parameter or a minibatch, which is one for all branches that name it."""
        equation = branch.todo.pop(0)
        known = self.shared.get(_key(equation))
        if known is None:
            operands = [branch.read(atom) for atom in equation.invars]
            out = equation.primitive.bind(*operands, **equation.params)
            known = self.shared[_key(equation)] = equation, out
        else:
            _check_alike([known[0], equation])
        branch.values[equation.outvars[0]] = known[1]

    def _next(self) -> list[_Branch]:
        """The branches that stand before one site which no other branch has still to come to."""
        waiting = [b for b in self.branches if b.site is not None]
        for branch in waiting:
            key = _key(branch.site)
            having = [b for b in waiting if key in b.names()]
            if all(_key(b.site) == key for b in having):
                return having
        if not waiting:
            return []
        params = waiting[0].site.params
        raise ModelError(
            "the branches have their sites in different orders",
            "give the sites that branches share one order in all of them",
            site=params["name"],
            line=params["line"],
        )

    def _taken(self, cases: list[Any]) -> Any:
        """The value of the branch that is taken."""
        if len(cases) == 2:
            return jax.lax.select_n(self.index == 1, *cases)
        return jax.lax.select_n(self.index, *cases)

    def _among(self, group: Sequence[_Branch]) -> Any:
        """Whether one of these branches is taken."""
        places = [k for k, branch in enumerate(self.branches) if branch in group]
        taken = self.index == places[0]
        for k in places[1:]:
            taken = taken | (self.index == k)
        return taken

    def _site(self, group: list[_Branch]) -> None:
        equations = [branch.todo.pop(0) for branch in group]
        first = equations[0]
        operands = [
            [branch.read(atom) for atom in e.invars]
            for branch, e in zip(group, equations, strict=True)
        ]
        _check_alike(equations)
        if len(group) > 1 and first.params.get("drawn"):
            raise UnsupportedError(
                "a choice that reads its own earlier steps, in a loop in several branches, is not "
                "supported",
                "put the branch into the steps of one loop",
                site=first.params["name"],
                line=first.params["line"],
            )
        values = [self._of(group, list(cases)) for cases in zip(*operands, strict=True)]
        taken = None if len(group) == len(self.branches) else self._among(group)
        out = _bind(first, values, taken)
        for branch, equation in zip(group, equations, strict=True):
            if equation.outvars:
                branch.values[equation.outvars[0]] = out

    def _of(self, group: list[_Branch], cases: list[Any]) -> Any:
        """The value of the branch that is taken, if it is one of the group."""
        if len(group) == 1:
            return cases[0]
        given = dict(zip(map(id, group), cases, strict=True))
        return self._taken([given.get(id(branch), cases[0]) for branch in self.branches])


def _check_alike(equations: Sequence[Any]) -> None:
    """Refuses sites of one name, in several branches, that cannot be one site."""
    first = equations[0]
    for other in equations[1:]:
        differing: list[str] = [
            str(key)
            for key, value in first.params.items()
            if key not in ("line", "name") and other.params[key] != value
        ]
        shapes = [[(v.aval.shape, v.aval.dtype) for v in e.invars] for e in (first, other)]
        if not differing and shapes[0] == shapes[1]:
            continue
        what = ", ".join(_SPOKEN.get(key, key) for key in differing) or "arrays of other shapes"
        raise ModelError(
            f"the branches differ in this site: {what} (the other one is at "
            f"{other.params['line']})",
            "make it the same in all branches (one family and shape, one constraint), or give it a "
            "name of its own in each",
            site=first.params["name"],
            line=first.params["line"],
        )


def _bind(equation: Any, values: list[Any], taken: Any) -> Any:
    """The site, which counts where `taken` holds (everywhere, if that is None)."""
    params = dict(equation.params)
    primitive = equation.primitive
    if taken is None:
        return primitive.bind(*values, **params)
    if primitive is sites.FACTOR:
        value = values[0]
        return primitive.bind(jnp.where(taken, value, jnp.zeros_like(value)), **params)
    if primitive is sites.DETERMINISTIC:
        value = values[0]
        missing = jnp.nan if jnp.issubdtype(value.dtype, jnp.floating) else value
        return primitive.bind(jnp.where(taken, value, missing), **params)
    if primitive is sites.OBSERVE:
        count = len(values) - 1 - params["scaled"]
        params["law"], mask = _masked(params["law"], values[:count], taken)
        return primitive.bind(*values[:count], mask, *values[count:], **params)
    count = params["prior_count"]
    params["prior"], mask = _masked(params["prior"], values[:count], taken)
    arrays = [*values[:count], mask]
    params["prior_count"] = count + 1
    rest = values[count:]
    if params["guide"] is not None:
        last = len(rest) - params["scaled"] - params["drawn"]
        params["guide"], guide_mask = _masked(params["guide"], rest[:last], taken)
        rest = [*rest[:last], guide_mask, *rest[last:]]
    return primitive.bind(*arrays, *rest, **params)


def _masked(spec: LawSpec, arrays: Sequence[Any], taken: Any) -> tuple[LawSpec, Any]:
    """The law of a site that is there where `taken` holds, and its mask."""
    batch = batch_shape(spec, [Part(array, False) for array in arrays])
    return LawSpec("mask", (True,), spec, 1), jnp.broadcast_to(taken, batch)
