"""How loops, branches, custom derivatives and solvers are written in `lax`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from xdsl.dialects.builtin import ArrayAttr, BoolAttr, SymbolRefAttr
from xdsl.ir import Attribute, SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import integer
from relbo_ir.lowering.import_rules import RULES, Built, known, like, make, rule
from relbo_ir.lowering.types import ir_type, literal

if TYPE_CHECKING:
    from relbo_ir.lowering.import_jaxpr import Importer


@rule("scan")
def _scan(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    params = equation.params
    if "num_consts" in params:
        consts, carry = params["num_consts"], params["num_carry"]
    else:
        consts, carry, _ = (len(list(part)) for part in params["ft_in"].unpack())
    return make(
        lax.ScanOp,
        equation,
        operands,
        body=SymbolRefAttr(importer.function(params["jaxpr"], "scan")),
        num_consts=integer(consts),
        num_carry=integer(carry),
        length=integer(params["length"]),
        reverse=BoolAttr.from_bool(params["reverse"]),
        unroll=integer(int(params["unroll"])),
    )


@rule("while")
def _while(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    params = equation.params
    return make(
        lax.WhileOp,
        equation,
        operands,
        cond=SymbolRefAttr(importer.function(params["cond_jaxpr"], "while_cond")),
        body=SymbolRefAttr(importer.function(params["body_jaxpr"], "while_body")),
        cond_consts=integer(params["cond_nconsts"]),
        body_consts=integer(params["body_nconsts"]),
    )


_KERNELS = frozenset({"mosaic"})
"""Platforms that are languages of kernels: no program of ours is lowered for one."""


def _the_branch(platforms: Any) -> int | None:
    """The only branch of a choice by platform that a program can take, if there is one."""
    if platforms is None:
        return None
    taken = [k for k, p in enumerate(platforms) if p is None or not _KERNELS.issuperset(p)]
    return taken[0] if len(taken) == 1 else None


@rule("platform_index")
def _platform_index(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    branch = _the_branch(equation.params["platforms"])
    if branch is None:
        return None
    return lax.ConstantOp(literal(np.asarray(branch, equation.outvars[0].aval.dtype)))


@rule("cond")
def _cond(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    branch = _the_branch(equation.params.get("branches_platforms"))
    if branch is not None:
        return importer.run(equation.params["branches"][branch], operands[1:])
    branches = [importer.function(branch, "cond") for branch in equation.params["branches"]]
    symbols = ArrayAttr([SymbolRefAttr(branch) for branch in branches])
    return make(lax.CondOp, equation, operands, branches=symbols)


@rule("call_hi_primitive")
def _expansion(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    """A primitive that JAX writes in others (`jnp.nonzero`, from 0.12 on): as these."""
    structs = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in equation.invars]
    return importer.run(jax.make_jaxpr(equation.params["_prim"].expand)(*structs), operands)


@rule("custom_jvp_call")
def _custom_jvp(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    from relbo_ir.lowering import custom_derivatives

    return custom_derivatives.import_custom_jvp(importer, equation, operands)


@rule("custom_vjp_call")
def _custom_vjp(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    from relbo_ir.lowering import custom_derivatives

    return custom_derivatives.import_custom_vjp(importer, equation, operands)


@rule("device_put")
def _device_put(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    places = (*equation.params["devices"], *equation.params["srcs"])
    return operands if all(place is None for place in places) else None


@rule("custom_linear_solve")
def _linear_solve(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    jaxprs, lengths = equation.params["jaxprs"], equation.params["const_lengths"]
    if jaxprs.transpose_solve is None or len(equation.outvars) != len(operands) - sum(
        n or 0 for n in lengths
    ):
        return None
    parts: dict[str, list[SSAValue]] = {}
    start = 0
    for name, count in lengths._asdict().items():
        parts[name] = operands[start : start + count]
        start += count
    symbols = {
        name: SymbolRefAttr(importer.function(jaxpr, f"linear_{name}"))
        for name, jaxpr in jaxprs._asdict().items()
    }
    symmetric = (
        symbols.pop("vecmat") == symbols["matvec"] and parts.pop("vecmat") == parts["matvec"]
    )
    parameters: dict[str, Attribute] = {
        **symbols,
        "symmetric": BoolAttr.from_bool(symmetric),
        "const_lengths": ArrayAttr([integer(len(parts[name])) for name in symbols]),
    }
    consts = [value for name in symbols for value in parts[name]]
    types = [ir_type(var.aval) for var in equation.outvars]
    return lax.BindOp("custom_linear_solve", [*consts, *operands[start:]], parameters, types)


@rule("random_gamma_grad")
def _random_gamma_grad(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    if not known(equation.params):
        return None
    shape = equation.outvars[0].aval.shape
    return lax.elementwise("random_gamma_grad", *[like(importer, v, shape) for v in operands])


__all__ = ["RULES"]
