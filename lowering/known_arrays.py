"""Closed-over arrays that are written into the IR, as the compiler has to know their elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from xdsl.dialects.builtin import TensorType, i32
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import dist, lax, prob
from relbo_ir.dialects.tensors import shape_of_type
from relbo_ir.lowering.types import literal, struct
from relbo_ir.passes.analyses.reach import closure
from relbo_ir.passes.analyses.value_ranges import ends_of_law

_LONGEST = 256
"""Elements; the text of longer arrays would hide the rest of the program."""


def write_known_arrays(block: Block, roles: list[Attribute], arrays: Sequence[Any]) -> None:
    """
    Makes constants of a function's closed-over `arrays` of one number (NumPyro makes them of the
    numbers in a law), and of short ones that the ends of a law's support, a point, or a matrix that
    is factored, are computed from. Multiples of the identity, of any size, are written as ops. All
    others stay arguments: functions that differ in them alone share code.
    """
    laws = [v for op in block.walk() for v in op.results if isinstance(v.type, prob.LawType)]
    points = [op.value for op in block.walk() if isinstance(op, dist.DeltaOp)]
    points += [op.x for op in block.walk() if isinstance(op, lax.CholeskyOp)]
    ends = closure([*points, *(end for law in laws for end in ends_of_law(law))], _operands)
    for index in reversed(range(len(roles))):
        argument, role = block.args[index], roles[index]
        if not isinstance(role, prob.ClosureAttr):
            continue
        array = arrays[role.index.data]
        if _is_known(array, decides=argument in ends):
            constant = lax.ConstantOp(literal(np.asarray(array, struct(argument.type).dtype)))
            ops: list[Operation] = [constant]
        elif _is_identity(array):
            ops = _identity(argument.type, float(array[0, 0]))
        else:
            continue
        Rewriter.insert_op(ops, InsertPoint.at_start(block))
        argument.replace_all_uses_with(ops[-1].results[0])
        block.erase_arg(argument)
        del roles[index]


def _operands(value: SSAValue) -> Sequence[SSAValue]:
    return value.owner.operands if isinstance(value.owner, Operation) else ()


def _is_known(array: Any, decides: bool) -> bool:
    """Whether it is an array of real numbers, there already, and short or of one number."""
    kinds = (jnp.floating, jnp.integer, jnp.bool_)
    if isinstance(array, Tracer) or not array.size:
        return False
    if not any(jnp.issubdtype(array.dtype, kind) for kind in kinds):
        return False
    if decides and array.size <= _LONGEST:
        return True
    elements = np.asarray(array)
    return bool(np.all(elements == elements.flat[0]))


def _is_identity(array: Any) -> bool:
    """Whether it is a matrix of floats, there already: a multiple of the identity."""
    if isinstance(array, Tracer) or array.ndim != 2 or len({*array.shape}) != 1 or not array.size:
        return False
    if not jnp.issubdtype(array.dtype, jnp.floating):
        return False
    elements = np.asarray(array)
    diagonal = np.diagonal(elements)
    equal = bool(np.isfinite(diagonal[0]) and np.all(diagonal == diagonal[0]))
    return equal and np.count_nonzero(elements) == len(diagonal)


def _identity(type_: Attribute, number: float) -> list[Operation]:
    """A number on the diagonal, and 0 beside it."""
    row, column = (
        lax.IotaOp.create(
            result_types=[TensorType(i32, shape_of_type(type_))],
            properties={"dimension": lax.integer(axis)},
        )
        for axis in (0, 1)
    )
    diagonal = lax.elementwise("eq", row.result, column.result)
    cases = [lax.ConstantOp.splat(type_, c) for c in (0.0, number)]
    chosen = lax.SelectNOp(diagonal.results[0], [c.result for c in cases])
    return [row, column, diagonal, *cases, chosen]
