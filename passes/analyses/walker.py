"""One walk over a region for every analysis: in order, through laws, into regions and functions."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import IsTerminator, SymbolTable

from relbo_ir.dialects import prob

FactT = TypeVar("FactT")


class Order:
    """The ops of a block in order, and the place of each op (of its outermost one, if nested)."""

    def __init__(self, block: Block):
        self.block, self.ops = block, tuple(block.ops)
        self._places = {op: k for k, op in enumerate(self.ops)}

    def place(self, op: Operation) -> int | None:
        """Where the op, or the op of the block that it is nested in, stands; None outside."""
        outer: Operation | None = op
        while outer is not None:
            if outer in self._places:
                return self._places[outer]
            outer = outer.parent_op()
        return None


class Walker(ABC, Generic[FactT]):
    """
    Facts about the values of a block that are computed from a few sources.

    Visits what the sources reach and nothing else, in the block's order, so that the cost is that
    of their descendants. A law is a value like any other: an operand of a law reaches every draw
    and density of it. An op with regions is visited where a value in them is reached.
    """

    def __init__(self, order: Order, nothing: FactT):
        self._order, self._nothing = order, nothing
        self._facts: dict[SSAValue, FactT] = {}
        self._waiting: list[int] = []
        self._queued: set[int] = set()

    @abstractmethod
    def rule(self, op: Operation, facts: list[FactT]) -> Sequence[FactT]:
        """The facts of an op's results from those of its operands, some of which are known."""

    def of(self, value: SSAValue) -> FactT:
        """
        What is known of a value; `nothing` of one that no source reaches. ValueError for a value
        that was written after the walk, of which nothing must not be taken for independent.
        """
        owner = value.owner
        if isinstance(owner, Operation) and value not in self._facts:
            inside = self._order.place(owner) is not None
            if not inside and owner.parent_block() is self._order.block:
                raise ValueError(f"{owner.name} was written after the walk")
        return self._known(value)

    def _known(self, value: SSAValue) -> FactT:
        return self._facts.get(value, self._nothing)

    def record(self, value: SSAValue, fact: FactT) -> None:
        """Notes a fact and queues the ops of the block that read the value."""
        if fact is self._nothing:
            return
        self._facts[value] = fact
        for use in value.uses:
            self.queue(use.operation)

    def queue(self, owner: Operation | Block) -> None:
        """Queues an op of the block, or the one that it is nested in, if it was not yet."""
        place = self._order.place(owner) if isinstance(owner, Operation) else None
        if place is not None and place not in self._queued:
            self._queued.add(place)
            heapq.heappush(self._waiting, place)

    def walk(self) -> None:
        """Visits every op that a recorded value reaches."""
        while self._waiting:
            self._visit(self._order.ops[heapq.heappop(self._waiting)])

    def _visit(self, op: Operation) -> None:
        facts = [self._known(v) for v in op.operands]
        if not self._touched(op):
            return
        for result, fact in zip(op.results, self.rule(op, facts), strict=True):
            self.record(result, fact)

    def _touched(self, op: Operation) -> bool:
        nested = (v for inner in op.walk() for v in inner.operands) if op.regions else op.operands
        drawn = op.results if isinstance(op, prob.ScanOp) else ()
        return any(v in self._facts for v in (*nested, *drawn))

    def call(
        self, op: Operation, name: SymbolRefAttr, facts: Sequence[FactT], hidden: str = ""
    ) -> list[FactT] | None:
        """
        The facts of what a function of the module returns; None where there is no such one. Ops of
        the name `hidden` pass on the facts of their operand.
        """
        function = SymbolTable.lookup_symbol(op, name)
        if not isinstance(function, FuncOp) or not function.body.blocks:
            return None
        return self.through(function.body.block, facts, hidden)

    def through(self, block: Block, facts: Sequence[FactT], hidden: str = "") -> list[FactT] | None:
        """The facts of what a block hands out at its end, from those of its arguments."""
        for value in (*block.args, *(v for inner in block.ops for v in inner.results)):
            self._facts.pop(value, None)
        for argument, fact in zip(block.args, facts, strict=True):
            if fact is not self._nothing:
                self._facts[argument] = fact
        for inner in block.ops:
            if inner.has_trait(IsTerminator):
                return [self._known(v) for v in inner.operands]
            if inner.name == hidden:
                self.record(inner.results[0], self._known(inner.operands[0]))
            else:
                self._visit(inner)
        return None
