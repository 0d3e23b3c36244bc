"""
A scan with sites in its body: its sites for all steps at once, and loops of what is left.

What a step computes from its own rows is computed for all steps by `jax.vmap`; a value that is
carried from one step to the next, and that the steps do not accumulate, is the row of the step
before; what is accumulated stays a scan. So the draws of a mean-field guide in a loop are one
vector of draws. A choice whose law reads its own earlier steps is drawn in a loop that does nothing
but draw; its law, for all steps, is computed from the draws.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend import core, source_info_util
from jax.extend.core import Primitive

from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.lowering import sites
from relbo_ir.lowering.batched_laws import Part
from relbo_ir.lowering.batched_sites import bind_copies, drawn_from, loop_in_loop
from relbo_ir.lowering.traced_equations import literal_of

DRAWS = Primitive("relbo_scan")
"""
(constants, carried values, rows) → the draws of every step, one array for each choice. Parameters:
jaxpr (a step, with its choices; gives what is carried on, then the draws), num_consts, num_carry,
length, reverse, name and line (of one of the choices), outs.
"""
DRAWS.multiple_results = True


def _outs(*_args: Any, outs: Any, **_params: Any) -> list[Any]:
    return [ShapedArray(out.shape, out.dtype) for out in outs]


DRAWS.def_abstract_eval(_outs)


def split_scan(equation: Any, body: core.ClosedJaxpr) -> core.ClosedJaxpr:
    """
    The scan as equations with its sites at the top; `body` is its body, with sites at the top.

    Raises UnsupportedError for a parameter that differs from step to step, and for a choice that
    reads its own earlier steps in a loop in a loop.
    """
    params = equation.params
    if "num_consts" in params:
        consts, carry = params["num_consts"], params["num_carry"]
    else:
        consts, carry, _ = (len(list(part)) for part in params["ft_in"].unpack())
    structs = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in equation.invars]
    if params["length"] == 0:
        site = next(e for e in body.jaxpr.eqns if e.primitive.name in sites.SITES)
        raise ModelError(
            "the loop has no step",
            "give it rows, or a length of 1 or more",
            site=site.params["name"],
            line=site.params["line"],
        )

    def run(*operands: Any) -> list[Any]:
        loop = _Loop(body, consts, carry, params["length"], params["reverse"])
        return loop.run(operands)

    # What is written for the loop stands at the loop's line.
    with source_info_util.user_context(equation.source_info.traceback):
        return jax.make_jaxpr(run)(*structs)


class _Loop:
    """One scan that is split: what is known of the variables of its body, for all steps."""

    def __init__(
        self, body: core.ClosedJaxpr, num_consts: int, num_carry: int, length: int, reverse: bool
    ):
        self.body, self.length, self.reverse = body, length, reverse
        self.num_consts, self.num_carry = num_consts, num_carry
        self.jaxpr = body.jaxpr
        self.known: dict[Any, Part] = {}
        self.drawn: dict[Any, Any] = {}
        self.todo: list[Any] = list(self.jaxpr.eqns)
        invars = self.jaxpr.invars[num_consts : num_consts + num_carry]
        self.carried: dict[Any, Any] = dict(
            zip(invars, self.jaxpr.outvars[:num_carry], strict=True)
        )
        self.start: dict[Any, Any] = {}
        self.final: dict[Any, Any] = {}

    def run(self, operands: Sequence[Any]) -> list[Any]:
        """The results of the scan on these operands."""
        last = self.num_consts + self.num_carry
        variables = [*self.jaxpr.constvars, *self.jaxpr.invars]
        values = [*self.body.consts, *operands]
        mapped = len(self.jaxpr.constvars) + last
        for k, (var, value) in enumerate(zip(variables, values, strict=True)):
            if var in self.carried:
                self.start[var] = value
            else:
                self.known[var] = Part(value, k >= mapped)
        while self.todo or len(self.final) < len(self.carried):
            if not self._advance() and not self._shift() and not self._accumulate():
                self._draw()
        outputs = [self._read(atom) for atom in self.jaxpr.outvars[self.num_carry :]]
        rows = [p.array if p.mapped else self._repeated(p.array) for p in outputs if p is not None]
        return [*(self.final[var] for var in self.carried), *rows]

    def _repeated(self, value: Any) -> Any:
        return jnp.broadcast_to(value, (self.length, *jnp.shape(value)))

    def _read(self, atom: Any) -> Part | None:
        if isinstance(atom, core.Literal):
            return Part(literal_of(atom), False)
        return self.known.get(atom)

    def _advance(self) -> bool:
        """Does every equation whose operands are known."""
        waiting: list[Any] = []
        for equation in self.todo:
            parts = [self._read(atom) for atom in equation.invars]
            given = [part for part in parts if part is not None]
            after = not equation.outvars and any(e.primitive is sites.SAMPLE for e in waiting)
            if len(given) < len(parts) or after:
                waiting.append(equation)
            elif equation.primitive.name in sites.SITES:
                self._site(equation, given)
            else:
                self._evaluate(equation, given)
        progress = len(waiting) < len(self.todo)
        self.todo = waiting
        return progress

    def _site(self, equation: Any, parts: list[Part]) -> None:
        params = equation.params
        if equation.primitive in (sites.PARAM, sites.SUBSAMPLE):
            if any(part.mapped for part in parts):
                raise UnsupportedError(
                    "the initial values of a parameter differ from step to step of a loop",
                    "declare the parameter outside of the loop, with an axis for the steps, and "
                    "pass it as rows",
                    site=params["name"],
                    line=params["line"],
                )
            out = equation.primitive.bind(*(part.array for part in parts), **params)
            self.known[equation.outvars[0]] = Part(out, False)
            return
        drawn = self.drawn.get(equation.outvars[0]) if equation.outvars else None
        if params.get("fixed") and not parts[-1 - params["scaled"]].mapped:
            raise ModelError(
                "a handler (condition, substitute) fixes one value for all steps of the loop",
                "pass the values as rows of the loop and observe them in its body",
                site=params["name"],
                line=params["line"],
            )
        out = bind_copies(equation.primitive, parts, self.length, params, drawn)
        if equation.outvars:
            self.known[equation.outvars[0]] = Part(out, True)

    def _evaluate(self, equation: Any, parts: list[Part]) -> None:
        """An equation of tensor math, for all steps."""
        if equation.primitive is DRAWS:
            raise loop_in_loop(equation.params)
        given = {a: p for a, p in zip(equation.invars, parts, strict=True) if _is_var(a)}
        wanted = [v for v in equation.outvars if v in self._used]
        run = self._function([equation], list(given), wanted)
        arrays = [part.array for part in given.values()]
        mapped = any(part.mapped for part in given.values())
        if mapped:
            axes = [0 if part.mapped else None for part in given.values()]
            results = jax.vmap(run, axes)(*arrays)
        else:
            results = run(*arrays)
        for var, result in zip(wanted, results, strict=True):
            self.known[var] = Part(result, mapped)

    @cached_property
    def _used(self) -> set[Any]:
        read = (v for e in self.jaxpr.eqns for v in e.invars)
        return {v for v in (*read, *self.jaxpr.outvars) if _is_var(v)}

    def _function(
        self, equations: Sequence[Any], given: Sequence[Any], wanted: Sequence[Any]
    ) -> Any:
        return core.jaxpr_as_fun(self._closed(equations, given, wanted))

    def _closed(
        self, equations: Sequence[Any], given: Sequence[Any], wanted: Sequence[Any]
    ) -> core.ClosedJaxpr:
        jaxpr = self.jaxpr.replace(
            constvars=[], invars=list(given), outvars=list(wanted), eqns=list(equations)
        )
        return core.ClosedJaxpr(jaxpr, [])

    def _open(self) -> dict[Any, Any]:
        """The carried variables whose last value is not known."""
        return {var: out for var, out in self.carried.items() if var not in self.final}

    def _shift(self) -> bool:
        """What is carried into a step is what the step before carried on."""
        progress = False
        for var, out in self._open().items():
            start = self.start[var]
            part = Part(start, False) if out is var else self._read(out)
            if part is None:
                continue
            progress = True
            if out is var:
                self.known[var], self.final[var] = part, start
                continue
            rows = part.array if part.mapped else self._repeated(part.array)
            first = jnp.expand_dims(start, 0)
            if self.reverse:
                before, self.final[var] = jnp.concatenate([rows[1:], first]), rows[0]
            else:
                before, self.final[var] = jnp.concatenate([first, rows[:-1]]), rows[-1]
            self.known[var] = Part(before, True)
        return progress

    def _accumulate(self) -> bool:
        """A scan of what is accumulated without any choice that is not drawn yet."""
        waiting = self._waiting_for_draws()
        carried = [var for var in self._open() if var not in waiting]
        if not carried:
            return False
        equations = [e for e in self.todo if not _is_site(e) and self._is_free(e, waiting)]
        for equation in equations:
            if equation.primitive is DRAWS:
                raise loop_in_loop(equation.params)
        made = dict.fromkeys((*carried, *(v for e in equations for v in e.outvars)))
        done = {id(e) for e in equations}
        rest = [e for e in self.todo if id(e) not in done]
        read = {v for e in rest for v in e.invars if _is_var(v)}
        others = [out for var, out in self._open().items() if var not in carried]
        read |= {v for v in (*others, *self.jaxpr.outvars[self.num_carry :]) if _is_var(v)}
        handed = [v for v in made if v in read]
        outs = [self.carried[var] for var in carried]
        consts, rows = self._operands(equations, made, [*outs, *handed])
        run = self._function(equations, [*consts, *carried, *rows], [*outs, *handed])
        shared = [self.known[v].array for v in consts]

        def step(carry: Any, row: Any) -> Any:
            results = run(*shared, *carry, *row)
            return results[: len(carried)], results[len(carried) :]

        final, stacked = jax.lax.scan(
            step,
            [self.start[v] for v in carried],
            [self.known[v].array for v in rows],
            length=self.length,
            reverse=self.reverse,
        )
        self.final.update(zip(carried, final, strict=True))
        self.known.update((v, Part(ys, True)) for v, ys in zip(handed, stacked, strict=True))
        self.todo = rest
        return True

    def _operands(
        self, equations: Sequence[Any], made: Container[Any], outs: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The known variables that a step reads: the constant ones, and those with rows."""
        read = [v for e in equations for v in e.invars if _is_var(v)]
        outer = dict.fromkeys(v for v in (*read, *outs) if _is_var(v) and v not in made)
        mapped = {v: self.known[v].mapped for v in outer}
        return [v for v in outer if not mapped[v]], [v for v in outer if mapped[v]]

    def _is_free(self, equation: Any, waiting: set[Any]) -> bool:
        return not any(_is_var(v) and v in waiting for v in equation.invars)

    def _waiting_for_draws(self) -> set[Any]:
        """The variables that read a choice that is not drawn yet."""
        waiting = {v for e in self.todo if _is_site(e) for v in e.outvars}
        size = -1
        while size != len(waiting):
            size = len(waiting)
            for equation in self.todo:
                if not self._is_free(equation, waiting):
                    waiting.update(equation.outvars)
            waiting |= {v for v, out in self._open().items() if _is_var(out) and out in waiting}
        return waiting - set(self.known)

    def _undrawn(self) -> list[Any]:
        return [
            e for e in self.todo if e.primitive is sites.SAMPLE and e.outvars[0] not in self.known
        ]

    def _draw(self) -> None:
        """Draws the choices that read their own earlier steps, and no other such ones, in a loop."""
        undrawn = self._undrawn()
        needs = [self._needed_to_draw([choice]) for choice in undrawn]
        needed = min(needs, key=lambda variables: sum(c.outvars[0] in variables for c in undrawn))
        group = [c for c in undrawn if c.outvars[0] in needed]
        equations = [
            _draw_alone(e) if e.primitive is sites.SAMPLE else e
            for e in self.todo
            if any(v in needed for v in e.outvars)
        ]
        carried = [var for var in self._open() if var in needed]
        outs = [*(self.carried[v] for v in carried), *(c.outvars[0] for c in group)]
        made = dict.fromkeys((*carried, *(v for e in equations for v in e.outvars)))
        consts, rows = self._operands(equations, made, outs)
        first = group[0].params
        draws = DRAWS.bind(
            *(self.known[v].array for v in consts),
            *(self.start[v] for v in carried),
            *(self.known[v].array for v in rows),
            jaxpr=self._closed(equations, [*consts, *carried, *rows], outs),
            num_consts=len(consts),
            num_carry=len(carried),
            length=self.length,
            reverse=self.reverse,
            name=first["name"],
            line=first["line"],
            outs=tuple(_stack(c.params["out"], self.length) for c in group),
        )
        for choice, drawn in zip(group, draws, strict=True):
            var = choice.outvars[0]
            self.drawn[var], self.known[var] = drawn, Part(drawn, True)

    def _needed_to_draw(self, choices: Iterable[Any]) -> set[Any]:
        """The variables that draws of choices are computed from, earlier steps included."""
        needed = {choice.outvars[0] for choice in choices}
        size = -1
        while size != len(needed):
            size = len(needed)
            for equation in reversed(self.todo):
                if not any(v in needed for v in equation.outvars):
                    continue
                read = equation.invars
                if equation.primitive is sites.SAMPLE:
                    _, read = drawn_from(equation.params, equation.invars)
                needed.update(v for v in read if _is_var(v) and v not in self.known)
            needed |= {out for v, out in self._open().items() if v in needed and _is_var(out)}
        return needed


def _draw_alone(choice: Any) -> Any:
    """The equation of a choice without what does not decide its draw: a prior, a scale."""
    law, read = drawn_from(choice.params, choice.invars)
    params = {
        **choice.params,
        "prior": law,
        "prior_count": len(read),
        "guide": None,
        "scaled": False,
        "drawn": False,
    }
    return choice.replace(invars=read, params=params)


def _stack(out: Any, length: int) -> Any:
    return jax.ShapeDtypeStruct((length, *out.shape), out.dtype)


def _is_var(atom: Any) -> bool:
    return not isinstance(atom, core.Literal)


def _is_site(equation: Any) -> bool:
    return equation.primitive.name in sites.SITES
