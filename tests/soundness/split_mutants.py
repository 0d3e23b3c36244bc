"""Mistakes in the splitting of addends, and in canonicalization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.ir import Operation, SSAValue

from relbo_ir.dialects import estim, lax
from relbo_ir.passes import canonicalize, split_addends

from .mutant import Mutant, replaced, wrapped


def _split_of(cls: type[Operation], change: Callable[[list[SSAValue], Any], Any]) -> Any:
    """A mutant of the splitter at one kind of op."""

    def make(original: Any) -> Any:
        def mutant(self: Any, value: SSAValue) -> Any:
            pieces = original(self, value)
            if isinstance(value.owner, cls) and pieces is not None:
                return change(pieces, value.owner)
            return pieces

        return mutant

    return make


def _inner_upstream_lost(self: Any, op: Operation, rewriter: Any, /) -> None:
    if isinstance(op, estim.ScoreOp) and isinstance(inner := op.cost.owner, estim.ScoreOp):
        rewriter.replace(op, [estim.ScoreOp(inner.cost, list(op.upstream), op.axis_maps)])


def _one_negation(self: Any, op: Operation, rewriter: Any, /) -> None:
    inner = op.operands[0].owner if op.name == "lax.neg" else None
    if isinstance(inner, Operation) and inner.name == "lax.neg":
        rewriter.replace(op, [], [inner.results[0]])


def _other_of_any(value: SSAValue | None, name: str, operand: SSAValue) -> SSAValue | None:
    owner = None if value is None else value.owner
    return owner.operands[1] if isinstance(owner, Operation) and owner.name == name else None


SPLITTER = split_addends._Splitter  # pyright: ignore[reportPrivateUsage]
MUTANTS: dict[str, Mutant] = {
    "a sign is lost": lambda patch: patch.setattr(
        SPLITTER, "_scaled", lambda self, values, factor: values
    ),
    "a factor is lost": lambda patch: patch.setattr(
        SPLITTER, "_times", lambda self, factor, value, short: self.pieces(value)
    ),
    "a quotient is a product": wrapped(
        SPLITTER,
        "_times",
        lambda f: lambda self, factor, value, short: f(self, factor, value, "mul"),
    ),
    "a term of a concatenation is lost": wrapped(
        SPLITTER, "_split", _split_of(lax.ConcatenateOp, lambda pieces, op: pieces[:1])
    ),
    "a term of a stack is lost": wrapped(
        SPLITTER, "_split", _split_of(lax.StackOp, lambda pieces, op: pieces[1:])
    ),
    "a contraction is one of its factors": wrapped(
        SPLITTER, "_split", _split_of(lax.DotGeneralOp, lambda pieces, op: [op.x])
    ),
    "repeated elements count once": wrapped(
        SPLITTER, "_split", _split_of(lax.BroadcastInDimOp, lambda pieces, op: [op.x])
    ),
    "a plate's sum keeps one element": wrapped(
        SPLITTER,
        "_split",
        _split_of(lax.ReduceSumOp, lambda pieces, op: [op.result, *pieces]),
    ),
    "merged scores keep one upstream": replaced(
        canonicalize.NestedScore, "match_and_rewrite", _inner_upstream_lost
    ),
    "two negations are one": replaced(
        canonicalize.DoubleNegation, "match_and_rewrite", _one_negation
    ),
    "any quotient is a draw's noise": replaced(canonicalize, "_other", _other_of_any),
}
