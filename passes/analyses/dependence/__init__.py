"""
Which elements of which choices every value depends on, read off the SSA graph.

Dependence follows values, not derivatives: `stop_gradient` passes it on, a draw depends on what
its law reads, and so do all that read the draw. An op without a rule gives the conservative
answer, that every element reads all that any operand reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from xdsl.dialects.func import CallOp
from xdsl.ir import Block, Operation

from relbo_ir.dialects import lax, prob
from relbo_ir.dialects.lax import shape_of
from relbo_ir.passes.analyses.dependence import indexing, laws, shapes
from relbo_ir.passes.analyses.dependence.facts import Dependence
from relbo_ir.passes.analyses.dependence.table import NOTHING, RULES, Facts, everywhere, join
from relbo_ir.passes.analyses.laws import joint_rank
from relbo_ir.passes.analyses.walker import Order, Walker


class DependenceOf(Walker[Facts]):
    """The dependence of every value of a block on the given choices."""

    def __init__(self, block: Block, choices: Iterable[prob.SampleOp]):
        super().__init__(Order(block), NOTHING)
        self._choices = set(choices)
        for choice in self._choices:
            self.record(choice.value, self._own(choice))
        self.walk()

    @staticmethod
    def _own(choice: prob.SampleOp) -> Facts:
        return {choice: Dependence.identity(shape_of(choice.value), joint_rank(choice.law))}

    def rule(self, op: Operation, facts: list[Facts]) -> Sequence[Facts]:
        match op:
            case prob.SampleOp():
                own = self._own(op) if op in self._choices else NOTHING
                return [join([facts[0], own])]
            case lax.CustomJvpOp() | lax.CustomVjpOp():
                return self.call(op, op.function, facts) or everywhere(op, facts)
            case CallOp():
                return self.call(op, op.callee, facts) or everywhere(op, facts)
            case _ if op.regions:
                captured = [self._known(v) for inner in op.walk() for v in inner.operands]
                return everywhere(op, captured)
            case _:
                rule = next((RULES[c] for c in type(op).__mro__ if c in RULES), everywhere)
                return [_mixed_by(f, op, facts) for f in rule(op, facts)]


def _mixed_by(fact: Facts, op: Operation, before: list[Facts]) -> Facts:
    """Notes the op as the mixer of what was pointwise in all its operands and no longer is."""
    for choice, dependence in fact.items():
        if dependence.mixer is None and not dependence.is_pointwise:
            known = [f[choice] for f in before if choice in f]
            if known and all(d.is_pointwise for d in known):
                fact = {**fact, choice: replace(dependence, mixer=op)}
    return fact


__all__ = ["Dependence", "DependenceOf", "Facts", "indexing", "laws", "shapes"]
