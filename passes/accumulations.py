"""What a loop adds up in its carry, as the sum of what it stacks."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_term

from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import SymbolTable

from relbo_ir.dialects import lax, prob
from relbo_ir.dialects.lax import integer, tuple_of
from relbo_ir.dialects.symbols import symbols_in
from relbo_ir.dialects.tensors import has_floats, shape_of_type, with_shape
from relbo_ir.passes.analyses.reach import reached_from
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.rewriting import is_zero, replace

_LINEAR = {
    f"lax.{short}"
    for short in [
        "add",
        "sub",
        "neg",
        "mul",
        "div",
        "reduce_sum",
        "reshape",
        "squeeze",
        "transpose",
        "concatenate",
        "stack",
        "broadcast_in_dim",
        "dot_general",
    ]
}


def undo_accumulations(yielded: prob.YieldOp, places: Sequence[int]) -> None:
    """
    Rewrites the loops whose carry adds up what these addends are linear in:

        c' = c + g(x)  along a scan  =  c₀ + Σₜ g(xₜ)

    where the body reads c nowhere else. The loop stacks the terms instead; a sum inside of a term
    is taken outside, and so are the terms of a loop inside of the loop.
    """
    tried: set[SSAValue] = set()
    while (value := _untried(yielded, places, tried)) is not None:
        tried.add(value)
        _undone(value)


def _untried(
    yielded: prob.YieldOp, places: Sequence[int], tried: Container[SSAValue]
) -> SSAValue | None:
    """A result of a loop that an addend is linear in."""
    seen: set[SSAValue] = set()
    waiting = [yielded.addends[k] for k in places]
    while waiting:
        value = waiting.pop()
        op = value.owner
        if value in seen or not isinstance(op, Operation):
            continue
        seen.add(value)
        if isinstance(op, lax.ScanOp) and value not in tried:
            return value
        if op.name in _LINEAR:
            waiting.extend(op.operands)
    return None


@dataclass(frozen=True)
class _Term:
    """± the sum along axes of what a loop's body returns at a place."""

    place: int
    axes: tuple[int, ...]
    negative: bool


def _undone(result: SSAValue) -> SSAValue | None:
    """The sum that replaces a carried result; None, and nothing done, where that is no such sum."""
    op = result.owner
    if not isinstance(op, lax.ScanOp) or not has_floats(result.type):
        return None
    number, carries = op.results.index(result), op.num_carry.value.data
    function = _own_body(op) if number < carries else None
    end = None if function is None else function.body.block.last_op
    if function is None or not isinstance(end, ReturnOp):
        return None
    carried = function.body.block.args[op.num_consts.value.data + number]
    links = _chain(end, number, carried)
    if links is None:
        return None
    kept = [v for k, v in enumerate(end.operands) if k != number]
    end.operands = [*kept, *(link.term for link in links)]
    for link in links:
        Rewriter.erase_op(link.op)
    function.body.block.erase_arg(carried)
    terms = _expanded(end, [_Term(k, (), x.negative) for k, x in enumerate(links, len(kept))])
    function.update_function_type()
    return _summed(op, number, [v.type for v in end.operands[len(kept) :]], terms)


def _summed(
    op: lax.ScanOp, number: int, rows: Sequence[Attribute], terms: Sequence[_Term]
) -> SSAValue:
    """The loop with its terms stacked in the place of the loop with its carry."""
    w = Writer(InsertPoint.before(op))
    start, steps = op.num_consts.value.data + number, op.length.value.data
    kept = [v.type for k, v in enumerate(op.results) if k != number]
    scan = lax.ScanOp.create(
        operands=[v for k, v in enumerate(op.operands) if k != start],
        result_types=[*kept, *(with_shape(t, (steps, *shape_of_type(t))) for t in rows)],
        properties={**op.properties, "num_carry": integer(op.num_carry.value.data - 1)},
    )
    scan.location = op.location
    w.builder.insert(scan)
    total = None if terms and is_zero(op.operands[start]) else w.expression(op.operands[start])
    for term in terms:
        stack = w.expression(scan.results[term.place])
        added = w.sum(stack, [0, *(axis + 1 for axis in term.axes)])
        signed = -added if term.negative else added
        total = signed if total is None else total + signed
    total = w.expression(op.operands[start]) if total is None else total
    rest = scan.results[: len(kept)]
    results = [*rest[:number], total.value, *rest[number:]]
    replace(op, results)
    return total.value


@dataclass(frozen=True)
class _Link:
    """An op that adds its operand at `place` to the sum so far."""

    op: Operation
    place: int

    @property
    def term(self) -> SSAValue:
        """What is added, or subtracted."""
        return self.op.operands[self.place]

    @property
    def negative(self) -> bool:
        """Whether it is subtracted."""
        return self.op.name == "lax.sub"


def _chain(end: ReturnOp, number: int, carried: BlockArgument) -> list[_Link] | None:
    """The ops from a returned value down to the carried one, if nothing else reads the latter."""
    links: list[_Link] = []
    value = end.operands[number]
    while value is not carried:
        op = value.owner
        if not isinstance(op, Operation) or not _is_read_once(value):
            return None
        if isinstance(op, lax.ScanOp):
            total = _undone(value)
            if total is None:
                return None
            value = total
            continue
        if op.name not in ("lax.add", "lax.sub"):
            return None
        reached = reached_from([carried])
        place = 1 if op.operands[0] in reached else 0
        value = op.operands[1 - place]
        if op.operands[place] in reached or (op.name == "lax.sub" and place == 0):
            return None
        links.append(_Link(op, place))
    return links if _is_read_once(carried) else None


def _expanded(end: ReturnOp, waiting: list[_Term]) -> list[_Term]:
    """The terms, which a function returns, as smaller ones; what is summed is summed outside."""
    terms: list[_Term] = []
    while waiting:
        term = waiting.pop(0)
        value = end.operands[term.place]
        op = value.owner
        match op:
            case lax.ReduceSumOp() if not term.axes:
                parts = [replace_term(term, axes=tuple_of(op.axes))]
                values = [op.x]
            case lax.ScanOp() if (total := _undone(value)) is not None:
                parts, values = [term], [total]
            case Operation() if op.name in ("lax.add", "lax.sub"):
                turned = term.negative != (op.name == "lax.sub")
                last = replace_term(term, place=len(end.operands), negative=turned)
                parts, values = [term, last], list(op.operands)
            case Operation() if op.name == "lax.neg":
                parts = [replace_term(term, negative=not term.negative)]
                values = [op.operands[0]]
            case _:
                terms.append(term)
                continue
        returned = list(end.operands)
        returned[term.place : term.place + 1] = values[:1]
        end.operands = [*returned, *values[1:]]
        waiting = [*parts, *waiting]
    return terms


def _is_read_once(value: SSAValue) -> bool:
    return sum(1 for _ in value.uses) == 1


def _own_body(op: lax.ScanOp) -> FuncOp | None:
    """The function that is the body of this loop, and of this one alone: else a copy of it."""
    function = SymbolTable.lookup_symbol(op, op.body)
    module = op
    while module is not None and not isinstance(module, ModuleOp):
        module = module.parent_op()
    if not isinstance(function, FuncOp) or module is None or not function.body.blocks:
        return None
    users = [other for other in module.walk() if other is not op and _names(other, op.body)]
    if not users:
        return function
    taken = {
        name.data
        for other in module.ops
        if isinstance(name := other.properties.get("sym_name"), StringAttr)
    }
    number = next(k for k in range(len(taken) + 1) if f"{function.sym_name.data}_{k}" not in taken)
    copy = function.clone()
    copy.sym_name = StringAttr(f"{function.sym_name.data}_{number}")
    module.body.block.insert_op_after(copy, function)
    op.body = SymbolRefAttr(copy.sym_name)
    return copy


def _names(op: Operation, symbol: SymbolRefAttr) -> bool:
    return any(symbol in symbols_in(attribute) for attribute in op.properties.values())
