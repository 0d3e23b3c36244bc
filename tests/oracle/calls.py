"""Ops that call functions of the module: custom derivatives, plain calls, loops, branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects.func import CallOp
from xdsl.ir import Attribute, Operation

from relbo_ir.dialects import lax
from relbo_ir.dialects.tensors import shape_of_type

from .dual import Array, Dual, element, linear, linear_together
from .ops import dtype_of, select

Call = Callable[[str, Sequence[Dual]], list[Dual]]
"""Evaluates a function of the module, by name."""


def evaluate_call(op: Operation, operands: list[Dual], call: Call) -> list[Dual] | None:
    """The results of an op that calls functions, or None for any other op."""
    match op:
        case CallOp():
            return call(op.callee.string_value(), operands)
        case lax.CustomJvpOp():
            return _custom_jvp(op, operands, call)
        case lax.CustomVjpOp():
            if any(x.tangent is not None for x in operands):
                raise NotImplementedError("the oracle has no derivative by a reverse rule")
            return call(op.function.string_value(), operands)
        case lax.ScanOp():
            return _scan(op, operands, call)
        case lax.WhileOp():
            return _while(op, operands, call)
        case lax.CondOp():
            branches = [call(b.string_value(), operands[1:]) for b in op.branches]
            which = operands[0].value.astype(np.int64)
            index = Dual(np.clip(which, 0, len(branches) - 1))
            return [select(index, list(cases)) for cases in zip(*branches, strict=True)]
        case _:
            return None


def _is_float(x: Dual) -> bool:
    return bool(np.issubdtype(x.value.dtype, np.floating))


def _custom_jvp(op: lax.CustomJvpOp, operands: list[Dual], call: Call) -> list[Dual]:
    """
    f(x) by the function, its derivative by the rule: one call of it per coordinate.

    A rule takes the operands, then their tangents, and gives the results, then theirs. It may
    leave out those of integers; where it does not, zeros stand for them.
    """
    stopped = [x.stopped for x in operands]
    values = call(op.function.string_value(), stopped)
    counts = [x.tangent.shape[0] for x in operands if x.tangent is not None]
    if not counts:
        return values
    rows: list[list[Dual]] = []
    for p in range(counts[0]):
        tangents = [_coordinate(x, p) for x in operands]
        rows.append(_rule(op, stopped, tangents, call)[len(values) :])
    floats = [v for v in values if _is_float(v)]
    moving = floats if len(rows[0]) == len(floats) else values
    results: list[Dual] = []
    position = 0
    for value in values:
        if not any(value is m for m in moving):
            results.append(value)
            continue
        column = [row[position].value for row in rows]
        position += 1
        count = max(c.shape[0] for c in column)
        tangent = np.stack([np.broadcast_to(c, (count, *value.shape)) for c in column])
        results.append(Dual(value.value, tangent) if _is_float(value) else value)
    return results


def _coordinate(x: Dual, p: int) -> Dual:
    return Dual(np.zeros((1, *x.shape)) if x.tangent is None else x.tangent[p])


def _rule(
    op: lax.CustomJvpOp, operands: list[Dual], tangents: list[Dual], call: Call
) -> list[Dual]:
    name = op.rule.string_value()
    try:
        return call(name, [*operands, *tangents])
    except WrongNumberOfArguments:
        some = [t for x, t in zip(operands, tangents, strict=True) if _is_float(x)]
        return call(name, [*operands, *some])


class WrongNumberOfArguments(ValueError):
    """A function of the module was called with more or fewer arguments than it takes."""


def _scan(op: lax.ScanOp, operands: list[Dual], call: Call) -> list[Dual]:
    consts_end = op.num_consts.value.data
    carry_end = consts_end + op.num_carry.value.data
    consts, carry = operands[:consts_end], operands[consts_end:carry_end]
    steps = range(op.length.value.data)
    outputs: list[list[Dual]] = []
    for i in reversed(steps) if op.reverse.value.data else steps:
        xs = [element(x, 0, i) for x in operands[carry_end:]]
        results = call(op.body.string_value(), [*consts, *carry, *xs])
        carry, ys = results[: len(carry)], results[len(carry) :]
        outputs.append(ys)
    if op.reverse.value.data:
        outputs.reverse()
    if not outputs:
        return [*carry, *(_nothing(y.type) for y in op.values[len(carry) :])]
    return [*carry, *(_stack(list(column)) for column in zip(*outputs, strict=True))]


def _nothing(type_: Attribute) -> Dual:
    """The stack of no rows."""
    return Dual(np.zeros((1, *shape_of_type(type_)), dtype_of(type_)))


def _while(op: lax.WhileOp, operands: list[Dual], call: Call) -> list[Dual]:
    """Each outcome takes steps until its own condition fails."""
    tests = op.cond_consts.value.data
    start = tests + op.body_consts.value.data
    carry = operands[start:]
    while True:
        (going,) = call(op.cond.string_value(), [*operands[:tests], *carry])
        if not np.any(going.value):
            return carry
        stepped = call(op.body.string_value(), [*operands[tests:start], *carry])
        carry = [select(going, [x, y]) for x, y in zip(carry, stepped, strict=True)]


def _stack(rows: list[Dual]) -> Dual:
    def stack(arrays: list[Array]) -> Array:
        return np.stack(arrays, axis=1)

    return linear_together(rows, stack) if len(rows) > 1 else linear(rows[0], lambda a: a[:, None])
