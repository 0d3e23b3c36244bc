"""
Which elements of which choices every value depends on, read off the SSA graph.

Dependence follows values, not derivatives: `stop_gradient` passes it on, a draw depends on what
its law reads, and so do all that read the draw. An op without a rule gives the conservative
answer, that every element reads all that any operand reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, Operation
from xdsl.traits import SymbolTable

from relbo_ir.dialects import lax, prob
from relbo_ir.dialects.lax import shape_of
from relbo_ir.passes.analyses.dependence import (
    indexing,
    laws,
    linalg,
    loops,
    scattering,
    shapes,
    windows,
)
from relbo_ir.passes.analyses.dependence.facts import Along, Dependence
from relbo_ir.passes.analyses.dependence.table import (
    NOTHING,
    RULES,
    Facts,
    Source,
    each,
    everywhere,
    join,
)
from relbo_ir.passes.analyses.laws import choice_of_draw, joint_rank
from relbo_ir.passes.analyses.laws import sources as sources_of
from relbo_ir.passes.analyses.walker import Order, Walker


class DependenceOf(Walker[Facts]):
    """
    The dependence of every value of a block on the given choices, or, in a function of the module,
    on the elements of its arguments.
    """

    def __init__(self, block: Block, sources: Iterable[Source]):
        super().__init__(Order(block), NOTHING)
        self._sources = set(sources)
        self._bodies: dict[FuncOp, list[loops.Relations]] = {}
        for source in self._sources:
            for value in sources_of(source) if isinstance(source, prob.SampleOp) else [source]:
                self.record(value, self._own(source))
            if isinstance(source, prob.SampleOp) and source.drawn is not None:
                self.queue(source.drawn.owner)
        self.walk()

    @staticmethod
    def _own(source: Source) -> Facts:
        if isinstance(source, prob.SampleOp):
            joint = joint_rank(source.law)
            return {source: Dependence.identity(shape_of(source.value), joint)}
        return {source: Dependence.identity(shape_of(source), 0)}

    def rule(self, op: Operation, facts: list[Facts]) -> Sequence[Facts]:
        match op:
            case prob.SampleOp():
                own = self._own(op) if op in self._sources else NOTHING
                return [join([*facts, own])]
            case prob.DrawOp():
                own = self._own(op.value) if op.value in self._sources else NOTHING
                return [join([*facts, own])]
            case prob.ScanOp():
                return [_mixed_by(f, op, facts) for f in self._draws(op, facts)]
            case lax.CustomJvpOp() | lax.CustomVjpOp():
                return self._called(op, op.function, facts)
            case CallOp():
                return self._called(op, op.callee, facts)
            case lax.CondOp() | lax.ScanOp() | lax.WhileOp():
                return [_mixed_by(f, op, facts) for f in self._controlled(op, facts)]
            case _ if op.regions:
                captured = [self._known(v) for inner in op.walk() for v in inner.operands]
                return everywhere(op, captured)
            case _:
                rule = next((RULES[c] for c in type(op).__mro__ if c in RULES), everywhere)
                return [_mixed_by(f, op, facts) for f in rule(op, facts)]

    def _called(self, op: Operation, name: SymbolRefAttr, facts: list[Facts]) -> Sequence[Facts]:
        returned = self.call(op, name, facts)
        return everywhere(op, facts) if returned is None else list(map(_known_outside, returned))

    def _controlled(
        self, op: lax.CondOp | lax.ScanOp | lax.WhileOp, facts: list[Facts]
    ) -> Sequence[Facts]:
        match op:
            case lax.CondOp():
                taken = [self._called(op, name, facts[1:]) for name in op.branches]
                chosen = (
                    each(facts[0], lambda d, r=r: d.broadcast(shape_of(r), [])) for r in op.values
                )
                return [join(cases) for cases in zip(chosen, *taken, strict=True)]
            case lax.ScanOp():
                body = self._body(op, op.body)
                counts = op.num_consts.value.data, op.num_carry.value.data
                loop = loops.Loop(op.length.value.data, bool(op.reverse), *counts)
                known = None if body is None else loops.scan(loop, facts, body)
                return everywhere(op, facts) if known is None else known
            case lax.WhileOp():
                test, body = self._body(op, op.cond), self._body(op, op.body)
                if test is None or body is None:
                    return everywhere(op, facts)
                return loops.while_loop(op, facts, test[0], body)

    def _draws(self, op: prob.ScanOp, facts: list[Facts]) -> Sequence[Facts]:
        """
        A step's draw reads what its law reads and is itself read by later steps: of its own step it
        counts as a row of the choice.
        """
        block = op.body.block
        inside = {v for inner in op.body.walk() for v in inner.results} | set(block.args)
        read = dict.fromkeys(v for inner in op.body.walk() for v in inner.operands)
        captured = [v for v in read if v not in inside]
        draws = [inner.value for inner in op.inner_draws]
        arguments = [*captured, *block.args, *draws]
        inner = DependenceOf(block, arguments)
        numbers: dict[Source, int] = {a: k for k, a in enumerate(arguments)}
        body = [
            {numbers[a]: d for a, d in _known_outside(inner.of(v)).items() if a in numbers}
            for v in op.terminator.values
        ]
        own = [
            self._own(choice) if choice in self._sources else NOTHING
            for choice in map(choice_of_draw, op.inner_draws)
            if choice is not None
        ]
        if len(own) < len(draws):
            return everywhere(op, facts)
        loop = loops.Loop(op.steps, bool(op.reverse), len(captured), len(op.carried))
        known = [self._known(v) for v in captured]
        results = loops.scan(loop, [*known, *facts, *own], body)
        if results is None:
            return everywhere(op, [*known, *facts, *own])
        return results[len(op.carried) :]

    def _body(self, op: Operation, name: SymbolRefAttr) -> list[loops.Relations] | None:
        """How the results of a function read its arguments; None where there is no such one."""
        function = SymbolTable.lookup_symbol(op, name)
        if not isinstance(function, FuncOp) or not function.body.blocks:
            return None
        if function not in self._bodies:
            block = function.body.block
            end = block.last_op
            if not isinstance(end, ReturnOp):
                return None
            inner = DependenceOf(block, block.args)
            numbers: dict[Source, int] = {a: k for k, a in enumerate(block.args)}
            self._bodies[function] = [
                {numbers[a]: d for a, d in _known_outside(inner.of(v)).items() if a in numbers}
                for v in end.operands
            ]
        return self._bodies[function]


def _known_outside(facts: Facts) -> Facts:
    """The facts without data indices that are values inside of a function."""

    def move(a: Along) -> Along:
        owner = None if a.index is None else a.index.owner
        block = owner.parent if isinstance(owner, Operation) else owner
        inside = block is not None and isinstance(block.parent_op(), (FuncOp, prob.ScanOp))
        return replace(a, index=None) if inside else a

    return each(facts, lambda d: replace(d, along=tuple(map(move, d.along))))


def _mixed_by(fact: Facts, op: Operation, before: list[Facts]) -> Facts:
    """Notes the op as the mixer of what was pointwise in all its operands and no longer is."""
    for choice, dependence in fact.items():
        if dependence.mixer is None and not dependence.is_pointwise:
            known = [f[choice] for f in before if choice in f]
            if known and all(d.is_pointwise for d in known):
                fact = {**fact, choice: replace(dependence, mixer=op)}
    return fact


__all__ = [
    "Dependence",
    "DependenceOf",
    "Facts",
    "indexing",
    "laws",
    "linalg",
    "scattering",
    "shapes",
    "windows",
]
