"""What xDSL's own verifier lets pass: use before definition, values that leave their region."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.traits import IsolatedFromAbove
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.dist import is_masked
from relbo_ir.dialects.location import place
from relbo_ir.dialects.prob.choices import ObserveOp, SampleOp, SubsampleOp
from relbo_ir.dialects.prob.expectations import ExpectationOp
from relbo_ir.dialects.prob.functions import FuncOp, PlateOp
from relbo_ir.dialects.prob.loops import ScanOp
from relbo_ir.dialects.symbols import Functions, functions_of, verify_symbols
from relbo_ir.dialects.tensors import shape_of_type

_Plates = dict[str, PlateOp]


def verify_scopes(module: ModuleOp) -> None:
    """
    Checks that every operand is defined before its use, in the same block or one around it, and
    not across an isolated op; that every plate a choice names is declared with its size; and that
    every function an op names is in the module, with the types that the op needs.

    Raises `VerifyException` naming the op and its source line.
    """
    functions = functions_of(iter(module.ops))
    _verify_block(module.body.block, set(), functions, _plates_of(module.body))


def verify_module(module: ModuleOp) -> None:
    """xDSL's verifier and the scope check; every pass takes and gives modules that pass both."""
    module.verify()
    verify_scopes(module)


def _plates_of(region: Region) -> _Plates:
    plates: _Plates = {}
    for op in (op for block in region.blocks for op in block.ops if isinstance(op, PlateOp)):
        if plates.setdefault(op.sym_name.data, op) is not op:
            raise VerifyException(f"two plates are named @{op.sym_name.data}{place(op)}")
    return plates


def _verify_block(
    block: Block, visible: set[SSAValue], functions: Functions, plates: _Plates
) -> None:
    mine: list[SSAValue] = list(block.args)
    visible.update(mine)
    for op in block.ops:
        for operand in op.operands:
            if operand not in visible:
                raise VerifyException(
                    f"{op.name} uses a value that is not defined before it in its scope{place(op)}"
                )
        if isinstance(op, (SampleOp, ObserveOp)):
            _verify_plates(op, plates)
        if isinstance(op, SampleOp) and op.drawn is not None:
            _verify_steps(op, op.drawn)
        if isinstance(op, SampleOp) and isinstance(op.parent_op(), ExpectationOp):
            _verify_drawn(op)
        if isinstance(op, SubsampleOp):
            _verify_subsample(op, plates)
        verify_symbols(op, functions)
        for region in op.regions:
            inner_plates = _plates_of(region) if isinstance(op, FuncOp) else plates
            for inner in region.blocks:
                isolated = op.has_trait(IsolatedFromAbove)
                _verify_block(inner, set() if isolated else visible, functions, inner_plates)
        visible.update(op.results)
        mine.extend(op.results)
    visible.difference_update(mine)


def _verify_steps(op: SampleOp, drawn: SSAValue) -> None:
    if not isinstance(drawn.owner, ScanOp):
        raise VerifyException(
            f'what "{op.site.data}" has drawn is no result of a prob.scan{place(op)}'
        )


def _verify_subsample(op: SubsampleOp, plates: _Plates) -> None:
    plate = plates.get(op.plate.string_value())
    if plate is None or plate.subsample is None:
        raise VerifyException(f"{op.plate} is no plate with a subsample{place(op)}")
    if shape_of_type(op.result.type) != (plate.count,):
        raise VerifyException(
            f"the minibatch of {op.plate} has {plate.count} indices, not {op.result.type}{place(op)}"
        )


def _verify_drawn(op: SampleOp) -> None:
    """In an expectation a choice comes from a law, which a mask is not, and has weight 1."""
    if op.scale is not None or is_masked(op.law):
        raise VerifyException(
            f'"{op.site.data}" is drawn: masks and scales belong to its addends{place(op)}'
        )


def _verify_plates(op: SampleOp | ObserveOp, plates: _Plates) -> None:
    law = op.law.type
    shape: tuple[int, ...] = getattr(law, "batch_shape", ())
    for axis in () if op.plates is None else op.plates:
        plate = plates.get(axis.plate.string_value())
        if plate is None:
            raise VerifyException(
                f'"{op.site.data}" stands in plate {axis.plate}, which is not declared{place(op)}'
            )
        size = plate.count
        if shape[axis.axis.data] not in (1, size):
            raise VerifyException(
                f'"{op.site.data}" has {shape[axis.axis.data]} elements on the axis of plate '
                f"{axis.plate}, which has {size}{place(op)}"
            )
