"""The gradient of the surrogate, written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax as jlax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import estim, lax, prob, rng
from relbo_ir.dialects.errors import PassError
from relbo_ir.lowering.emit import emit_function
from relbo_ir.lowering.executable import load
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.import_jaxpr import Importer
from relbo_ir.lowering.types import ir_type, struct
from relbo_ir.passes.rewriting import replace

LOG_GAMMA = Primitive("relbo_log_gamma")
"""(key, concentration) → log of Gamma draws, with the implicit derivative; stays one op in IR."""


@LOG_GAMMA.def_abstract_eval
def _abstract(_key: Any, concentration: Any) -> Any:
    return ShapedArray(concentration.shape, concentration.dtype)


def _implicit(primals: Any, tangents: Any) -> Any:
    """d log g = (dg/da)/g · da, dg/da by implicit differentiation of the distribution function."""
    key, concentration = primals
    draw = LOG_GAMMA.bind(key, concentration)
    tangent = tangents[1]
    if type(tangent) is ad.Zero:
        return draw, jnp.zeros_like(draw)
    gamma = jnp.exp(draw)
    slope: Any = jlax.random_gamma_grad(concentration, gamma)  # pyright: ignore[reportCallIssue]
    return draw, tangent * slope / gamma


ad.primitive_jvps[LOG_GAMMA] = _implicit


@dataclass(frozen=True)
class DifferentiatePass(ModulePass):
    """
    Replaces `estim.value_and_grad` by the tensor math of value and gradient, as JAX's reverse-mode
    differentiation gives it.

    Lemma: the chain rule. Draws whose parameters are differentiated are differentiated implicitly;
    noise without parameters is drawn before. Side condition: one particle (the loop over particles
    is the emitted program's own), else an error.

    Options: none.

    ```mlir
    %v, %d = estim.value_and_grad (%x_ = %x) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
      %s = lax.square %x_ : tensor<f32>
      prob.yield_value %s : tensor<f32>
    }
    ```

    yields

    ```mlir
    %v = lax.square %x : tensor<f32>
    %two = lax.constant "2.0" : tensor<f32>
    %d = lax.mul %two, %x : tensor<f32>
    ```
    """

    name = "relbo-differentiate"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = Functions(op)
        for gradient in [g for g in op.walk() if isinstance(g, estim.ValueAndGradOp)]:
            for inner in gradient.walk():
                if isinstance(inner, estim.ReplicateOp):
                    raise PassError.at(
                        inner,
                        "a loop over particles cannot be written out",
                        "use one particle, or leave relbo-differentiate out of the pipeline",
                    )
            _differentiate(gradient, op, functions)


def _differentiate(gradient: estim.ValueAndGradOp, module: ModuleOp, functions: Functions) -> None:
    parent = gradient.parent_block()
    if parent is None:
        raise ValueError("a gradient stands in a block")
    _hoist(gradient)
    captured = _captured(gradient)
    surrogate = _surrogate(module, gradient, captured)
    operands = list(gradient.operand_values)
    numbers = tuple(range(len(operands)))
    structs = [struct(v.type) for v in (*operands, *captured)]

    def with_besides(*args: Any) -> Any:
        value, *besides = jax.tree.leaves(surrogate(*args))
        return value, besides

    def run(*args: Any) -> Any:
        if not numbers:
            return jax.tree.leaves(surrogate(*args))
        slopes = jax.value_and_grad(with_besides, argnums=numbers, has_aux=True)
        (value, besides), gradients = slopes(*args)
        return [value, *gradients, *besides]

    closed = jax.make_jaxpr(run)(*structs)
    importer = Importer(functions, InsertPoint.before(gradient), {LOG_GAMMA.name: _write_log_gamma})
    constants = [importer.constant(c) for c in closed.consts]
    results = importer.inline(closed.jaxpr, constants, [*operands, *captured])
    replace(gradient, results)


def _hoist(gradient: estim.ValueAndGradOp) -> None:
    """Moves what does not depend on the differentiated values out of the region."""
    block = gradient.body.block
    moving: set[SSAValue] = set(block.args)
    for op in list(block.ops):
        depends = any(v in moving for v in op.operands) or isinstance(op, prob.YieldValueOp)
        if depends:
            moving.update(op.results)
            continue
        parent = gradient.parent_block()
        if parent is not None:
            op.detach()
            parent.insert_op_before(op, gradient)


def _captured(gradient: estim.ValueAndGradOp) -> list[SSAValue]:
    inside = {v for op in gradient.body.block.walk() for v in op.results} | set(
        gradient.body.block.args
    )
    found: dict[SSAValue, None] = {}
    for op in gradient.body.block.walk():
        for value in op.operands:
            if value not in inside:
                found[value] = None
    return list(found)


def _surrogate(
    module: ModuleOp, gradient: estim.ValueAndGradOp, captured: list[SSAValue]
) -> Callable[..., Any]:
    """The region as a JAX function of its arguments and of what it captures."""
    types = [v.type for v in (*gradient.body.block.args, *captured)]
    block = Block(arg_types=types)
    mapper: dict[SSAValue, SSAValue] = dict(
        zip((*gradient.body.block.args, *captured), block.args, strict=True)
    )
    for op in gradient.body.block.ops:
        if isinstance(op, prob.YieldValueOp):
            block.add_op(ReturnOp(*[mapper[v] for v in op.values]))
        else:
            block.add_op(op.clone(mapper))
    results = [v.type for v in gradient.terminator.values]
    function = FuncOp("surrogate", (types, results), Region(block))
    scratch = module.clone()
    scratch.body.block.add_op(function)
    namespace = load(emit_function(scratch, "surrogate", {rng.LogGammaDrawOp: _call_log_gamma}))
    namespace["log_gamma"] = LOG_GAMMA.bind
    return namespace["main"]


def _call_log_gamma(em: Any, op: Operation) -> str:
    keys, concentration = (em.name(v) for v in op.operands)
    return f"log_gamma({keys}, {concentration})[None]"


def _write_log_gamma(importer: Importer, equation: Any, operands: list[SSAValue]) -> list[SSAValue]:
    draw = importer.insert(rng.LogGammaDrawOp(operands[0], operands[1])).results[0]
    shape = ir_type(equation.outvars[0].aval)
    return [importer.insert(lax.ReshapeOp(draw, shape)).results[0]]
