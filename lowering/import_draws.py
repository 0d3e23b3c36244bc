"""The loops that draw: an equation of `loops.py` as `prob.scan`."""

from __future__ import annotations

from typing import Any

from xdsl.ir import Block, Region, SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import prob
from relbo_ir.dialects.location import source_location
from relbo_ir.dialects.tensors import row_type
from relbo_ir.lowering.batched_sites import drawn_from
from relbo_ir.lowering.import_jaxpr import Importer
from relbo_ir.lowering.law_specs import LawSpec
from relbo_ir.lowering.laws import build_law


def import_draws(importer: Importer, equation: Any, values: list[SSAValue]) -> list[SSAValue]:
    """Writes the loop; its constants are read by capture. Gives the draws of all steps."""
    params = equation.params
    start = params["num_consts"] + params["num_carry"]
    consts, carried, rows = (
        values[: params["num_consts"]],
        values[params["num_consts"] : start],
        values[start:],
    )
    block = Block(arg_types=[*(v.type for v in carried), *(row_type(v.type) for v in rows)])
    inner = Importer(importer.functions, InsertPoint.at_end(block), {"relbo_sample": _draw})
    results = inner.run(params["jaxpr"], [*consts, *block.args])
    inner.insert(prob.YieldValueOp(results))
    op = prob.ScanOp(carried, rows, Region(block), params["length"], params["reverse"])
    filename, _, number = params["line"].rpartition(":")
    importer.insert(op, source_location(filename, int(number)))
    return list(op.draws)


def _draw(importer: Importer, equation: Any, values: list[SSAValue]) -> list[SSAValue]:
    """A choice of one step; a mask makes no difference to a draw."""
    spec, arrays = drawn_from(equation.params, values)
    spec, arrays = _unmasked(spec, arrays)
    law = build_law(spec, iter(arrays), importer)
    op = prob.DrawOp(equation.params["name"], law)
    filename, _, number = equation.params["line"].rpartition(":")
    importer.insert(op, source_location(filename, int(number)))
    return [op.value]


def _unmasked(spec: LawSpec, arrays: list[SSAValue]) -> tuple[LawSpec, list[SSAValue]]:
    """The law without its outermost masks, and its arrays."""
    while spec.kind == "mask" and spec.base is not None:
        spec, arrays = spec.base, arrays[:-1]
    return spec, arrays
