"""What xDSL's own verifier lets pass: use before definition, values that leave their region."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import IsolatedFromAbove, SymbolTable
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.location import place
from relbo_ir.dialects.prob.choices import ObserveOp, SampleOp
from relbo_ir.dialects.prob.structure import PlateOp


def verify_scopes(module: ModuleOp) -> None:
    """
    Checks that every operand is defined before its use, in the same block or one around it, and
    not across an isolated op; and that every plate a choice names is declared with its size.

    Raises `VerifyException` naming the op and its source line.
    """
    _verify_block(module.body.block, set())


def verify_module(module: ModuleOp) -> None:
    """xDSL's verifier and the scope check; every pass takes and gives modules that pass both."""
    module.verify()
    verify_scopes(module)


def _verify_block(block: Block, visible: set[SSAValue]) -> None:
    mine: list[SSAValue] = list(block.args)
    visible.update(mine)
    for op in block.ops:
        for operand in op.operands:
            if operand not in visible:
                raise VerifyException(
                    f"{op.name} uses a value that is not defined before it in its scope{place(op)}"
                )
        if isinstance(op, (SampleOp, ObserveOp)):
            _verify_plates(op)
        for region in op.regions:
            for inner in region.blocks:
                _verify_block(inner, set() if op.has_trait(IsolatedFromAbove) else visible)
        visible.update(op.results)
        mine.extend(op.results)
    visible.difference_update(mine)


def _verify_plates(op: SampleOp | ObserveOp) -> None:
    law = op.law.type
    shape: tuple[int, ...] = getattr(law, "batch_shape", ())
    for axis in () if op.plates is None else op.plates:
        plate = _lookup(op, axis.plate.string_value())
        if plate is None:
            raise VerifyException(
                f'"{op.site.data}" stands in plate {axis.plate}, which is not declared{place(op)}'
            )
        size = plate.size.value.data
        if shape[axis.axis.data] not in (1, size):
            raise VerifyException(
                f'"{op.site.data}" has {shape[axis.axis.data]} elements on the axis of plate '
                f"{axis.plate}, which has {size}{place(op)}"
            )


def _lookup(op: Operation, name: str) -> PlateOp | None:
    parent = op.parent_op()
    while parent is not None and not parent.has_trait(SymbolTable):
        parent = parent.parent_op()
    if parent is None:
        return None
    for candidate in parent.regions[0].block.ops:
        if isinstance(candidate, PlateOp) and candidate.sym_name.data == name:
            return candidate
    return None
