"""Closed-over arrays that become constants of the IR, as the compiler has to know their elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import dist, lax, prob
from relbo_ir.lowering.types import literal, struct
from relbo_ir.passes.analyses.reach import closure
from relbo_ir.passes.analyses.value_ranges import ends_of_law

_LONGEST = 256
"""Elements; the text of longer arrays would hide the rest of the program."""


def write_known_arrays(block: Block, roles: list[Attribute], arrays: Sequence[Any]) -> None:
    """
    Makes constants of a function's closed-over `arrays` of one number (NumPyro makes them of the
    numbers in a law), and of short ones that the ends of a law's support, or a point, are computed
    from. All others stay arguments: functions that differ in them alone share code.
    """
    laws = [v for op in block.walk() for v in op.results if isinstance(v.type, prob.LawType)]
    points = [op.value for op in block.walk() if isinstance(op, dist.DeltaOp)]
    ends = closure([*points, *(end for law in laws for end in ends_of_law(law))], _operands)
    for index in reversed(range(len(roles))):
        argument, role = block.args[index], roles[index]
        if not isinstance(role, prob.ClosureAttr):
            continue
        array = arrays[role.index.data]
        if not _is_known(array, decides=argument in ends):
            continue
        constant = lax.ConstantOp(literal(np.asarray(array, struct(argument.type).dtype)))
        Rewriter.insert_op(constant, InsertPoint.at_start(block))
        argument.replace_all_uses_with(constant.result)
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
