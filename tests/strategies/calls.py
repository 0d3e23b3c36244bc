"""Loops and branches of random programs, whose bodies are functions of the module."""

from __future__ import annotations

from xdsl.dialects.builtin import ArrayAttr, BoolAttr, FunctionType, SymbolRefAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Region, SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import shape_of

from .build import Body, Shape, floats
from .scope import Scope


def _function(scope: Scope, prefix: str, body: Body, results: list[SSAValue]) -> str:
    """Adds a function of the module around a body; its name."""
    functions = scope.shared.functions
    name = f"{prefix}{len(functions)}"
    body.block.add_op(ReturnOp(*results))
    types = [x.type for x in body.block.args], [x.type for x in results]
    functions.append(FuncOp(name, FunctionType.from_lists(*types), Region(body.block)))
    return name


def scanned(scope: Scope, x: SSAValue, slope: SSAValue) -> tuple[SSAValue, SSAValue]:
    """The recurrence c ← slope·c + x[i] along a vector: its last value, and all of them."""
    scope.shared.mark("scan")
    body, scalar = Body(), floats(())
    rate, carry, element = (body.block.insert_arg(scalar, k) for k in range(3))
    following = body.elementwise("add", body.elementwise("mul", rate, carry), element)
    name = _function(scope, "step", body, [following, following])
    (length,) = shape_of(x)
    start = scope.body.constant(0.0, scalar)
    loop = lax.ScanOp.create(
        operands=[slope, start, x],
        result_types=[scalar, x.type],
        properties={
            "body": SymbolRefAttr(name),
            "num_consts": lax.integer(1),
            "num_carry": lax.integer(1),
            "length": lax.integer(length),
            "reverse": BoolAttr.from_bool(bool(scope.pick(2))),
            "unroll": lax.integer(1),
        },
    )
    scope.body.add(loop)
    return loop.results[0], loop.results[1]


def branched(scope: Scope, which: SSAValue, x: SSAValue, count: int) -> SSAValue:
    """One of several functions of x, by a scalar index."""
    scope.shared.mark("branch")
    shape: Shape = shape_of(x)
    names: list[str] = []
    for index in range(count):
        body = Body()
        argument = body.block.insert_arg(floats(shape), 0)
        short = ("tanh", "logistic", "neg")[index % 3]
        names.append(_function(scope, "branch", body, [body.elementwise(short, argument)]))
    branches = ArrayAttr([SymbolRefAttr(name) for name in names])
    chosen = lax.CondOp.create(
        operands=[which, x], result_types=[x.type], properties={"branches": branches}
    )
    return scope.body.add(chosen)
