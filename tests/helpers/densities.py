"""A law's log density as IR and as emitted source, outside of any model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import dist, prob
from relbo_ir.lowering.emit import emit_function
from relbo_ir.lowering.executable import load
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.import_jaxpr import Importer
from relbo_ir.lowering.law_specs import LawSpec
from relbo_ir.lowering.laws import build_law, describe
from relbo_ir.lowering.types import ir_type
from relbo_ir.pipelines import parse_module, resolve, run

Make = Callable[..., Any]


def density_module(make: Make, value: Any, parameters: Sequence[Any]) -> ModuleOp:
    """@main(value, parameters...) = the log density of `make(parameters...)`, unexpanded."""
    specs: list[LawSpec] = []

    def arrays(*given: Any) -> list[Any]:
        spec, found = describe(make(*given), "x")
        specs.append(spec)
        return found

    closed = jax.make_jaxpr(arrays)(*parameters)
    module = ModuleOp([])
    types = [ir_type(x) for x in (value, *parameters)]
    block = Block(arg_types=types)
    functions = Functions(module)
    importer = Importer(functions, InsertPoint.at_end(block))
    law = build_law(specs[-1], iter(importer.run(closed, block.args[1:])), importer)
    density = prob.LogDensityOp(law, block.args[0], dist.float_element(law))
    importer.insert(density)
    importer.insert(ReturnOp(density.result))
    function = FuncOp("_", (types, [density.result.type]), Region(block))
    functions.insert(function, "main")
    return module


def expanded(module: ModuleOp) -> ModuleOp:
    """The module with its densities as tensor math, printed and parsed again."""
    run(module, resolve(["relbo-expand-densities", "relbo-canonicalize", "cse", "dce"]))
    text = str(module)
    again = parse_module(text)
    assert str(again) == text
    return again


def density_function(make: Make, value: Any, parameters: Sequence[Any]) -> Callable[..., Any]:
    """The emitted log density, (value, parameters...) → one number per batch element."""
    module = density_module(make, value, parameters)
    assert "dist.opaque" not in str(module)
    return load(emit_function(expanded(module), "main"))["main"]
