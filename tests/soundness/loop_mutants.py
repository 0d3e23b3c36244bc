"""Mistakes in loops: what is read through them, what they add up, and their draws."""

from __future__ import annotations

from typing import Any

import pytest
from xdsl.dialects.builtin import BoolAttr
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import lax, prob, rng
from relbo_ir.dialects.lax import tuple_of
from relbo_ir.passes import (
    accumulations,
    draws,
    drop_zero_score,
    lower_sampling,
    step_draws,
    upstreams,
)
from relbo_ir.passes.analyses import smoothness
from relbo_ir.passes.analyses.dependence import DependenceOf, loops
from relbo_ir.passes.analyses.dependence.table import NOTHING, Facts
from relbo_ir.passes.analyses.laws import choice_of_draw
from relbo_ir.passes.expressions import Writer

from .claims import claimed
from .mutant import Mutant, replaced, wrapped


def _first_elements(original: Any) -> Any:
    """Of a sum inside of a carry's term one element is handed on."""

    def mutant(end: Any, terms: Any) -> Any:
        for term in terms:
            total = end.operands[term.place].owner
            if isinstance(total, lax.ReduceSumOp):
                w = Writer(InsertPoint.before(end))
                x, axes = w.expression(total.x), tuple_of(total.axes)
                for axis in axes:
                    x = upstreams._cut(w, x, axis, 0, 1)  # pyright: ignore[reportPrivateUsage]
                end.operands[term.place] = w.sum(x, axes).value
        return original(end, terms)

    return mutant


def _others_read_zero(original: Any) -> Any:
    """A carry is undone whatever else reads it: what does finds 0 in its place."""

    def mutant(end: Any, number: int, carried: BlockArgument) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(accumulations, "_is_read_once", lambda value: True)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
            links = original(end, number, carried)
        if links:
            w = Writer(InsertPoint.at_start(end.parent_block()))
            zero = w.constant(carried.type, 0.0).value
            for use in [u for u in carried.uses if u.operation is not links[-1].op]:
                use.operation.operands[use.index] = zero
        return original(end, number, carried)

    return mutant


def _own_draws(self: Any, op: prob.ScanOp, facts: Any) -> Any:
    """A stale upstream: what a loop draws reads no earlier draw."""
    drawn = map(choice_of_draw, op.inner_draws)
    return [self._own(choice) if choice in self._sources else NOTHING for choice in drawn]


def _own_step(original: Any) -> Any:
    """A step's draw reads nothing of what its law reads."""

    def mutant(self: Any, op: Operation, facts: list[Facts]) -> Any:
        nothing = isinstance(op, prob.DrawOp)
        return original(self, op, [NOTHING for _ in facts] if nothing else facts)

    return mutant


def _other_way(original: Any) -> Any:
    def mutant(op: prob.ScanOp, rows: Any) -> None:
        op.reverse = BoolAttr.from_bool(not op.reverse)
        original(op, rows)

    return mutant


def _moving(original: Any) -> Any:
    """The draws of a scored choice are not cut off from the derivative in their loop."""

    def mutant(op: prob.ScanOp, choices: dict[str, prob.SampleOp], source_of: Any) -> None:
        copies = {name: choice.clone() for name, choice in choices.items()}
        originals = {id(copies[name]): choice for name, choice in choices.items()}
        for copy in copies.values():
            copy.properties["how"] = prob.HowAttr(prob.How.PATHWISE)
        original(op, copies, lambda s, choice, w: source_of(s, originals[id(choice)], w))
        for copy in copies.values():
            copy.erase()

    return mutant


def _noise_of_one_step(self: Any, rows: SSAValue) -> SSAValue:
    """The first step's row, whatever the step is."""
    return draws.row(self.outer, rows, 0)


def _one_key(self: Any) -> SSAValue:
    """The site's key, whatever the step is."""
    return self.steps.outer.insert(rng.SiteKeysOp(self.key, [self.choice.site.data]))


def _value_alone(choice: prob.SampleOp) -> list[SSAValue]:
    return [choice.value]


LINK = accumulations._Link  # pyright: ignore[reportPrivateUsage]
MUTANTS: dict[str, Mutant] = {
    "what is subtracted from a carry is added": replaced(LINK, "negative", False),
    "a carry is undone that is read elsewhere": wrapped(accumulations, "_chain", _others_read_zero),
    "the start of a carry is forgotten": replaced(accumulations, "is_zero", lambda value: True),
    "a sum inside of a carry's term is its first element": wrapped(
        accumulations, "_expanded", _first_elements
    ),
    "what a scan carries is forgotten": replaced(loops, "_stacked", lambda rows: NOTHING),
    "a scan runs the other way": replaced(
        loops.Loop,
        "steps",
        property(lambda self: range(self.length)[:: 1 if self.reverse else -1]),
    ),
    "what is scanned is carried no further than a step": wrapped(
        loops, "row", lambda f: lambda d, place: f(d, 0)
    ),
    "the condition of a loop is forgotten": wrapped(
        loops, "while_loop", lambda f: lambda op, facts, test, body: f(op, facts, {}, body)
    ),
    "a value is read through as if it were the choice": replaced(
        loops, "compose", lambda through, read: claimed(read, through.shape)
    ),
    "a stale upstream through a loop": replaced(DependenceOf, "_draws", _own_draws),
    "the law of a step is not followed": wrapped(DependenceOf, "rule", _own_step),
    "the loop's draws are no draws to a dropped score": replaced(
        drop_zero_score, "sources", _value_alone
    ),
    "the loop's draws are no draws to smoothness": replaced(smoothness, "sources", _value_alone),
    "a loop draws the other way": wrapped(step_draws, "_outline", _other_way),
    "a scored draw of a loop moves": wrapped(lower_sampling, "lower_steps", _moving),
    "all steps have the noise of the first": replaced(step_draws.Steps, "row", _noise_of_one_step),
    "all steps have one key": replaced(step_draws.KeyedSteps, "_keys", _one_key),
}
# That split-addends takes the loop's draws for no draws changes no mean: it is linearity that it
# stands on, and a sum is that of its terms whatever they read.
