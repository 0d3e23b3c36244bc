"""Parameters become unconstrained coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, NoneAttr, TensorType
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import prob
from relbo_ir.dialects.lax import shape_of
from relbo_ir.lowering.constraints import constrained, unconstrained_shape
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.import_jaxpr import inline_function
from relbo_ir.passes.rewriting import move_ops, replace, replace_uses


@dataclass(frozen=True)
class UnconstrainParamsPass(ModulePass):
    """
    Replaces every parameter by its unconstrained coordinates, from which the function computes it
    by the constraint's bijection (NumPyro's `biject_to`); gradients are with respect to the
    coordinates.

    Lemma: the chain rule.

    Options: none.

    ```mlir
    prob.func @elbo(%s: tensor<f32> {prob.role = #prob.parameter<#prob.name"s", #prob.constraint<"positive">>}) -> ... {
      %v, %d = prob.gradient (%s_ = %s) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) { ... }
    ```

    yields

    ```mlir
    prob.func @elbo(%u: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"s", #prob.constraint<"positive">>}) -> ... {
      %v, %d = prob.gradient (%u_ = %u) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
        %s_ = lax.exp %u_ : tensor<f32>
        ...
      }
    ```
    """

    name = "relbo-unconstrain-params"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = Functions(op)
        for function in [f for f in op.ops if isinstance(f, prob.FuncOp)]:
            if any(isinstance(inner, prob.GradientOp) for inner in function.body.block.ops):
                _unconstrain(function, functions)


_Coordinates = dict[SSAValue, tuple[SSAValue, prob.ParameterAttr]]
"""For a constrained argument its unconstrained coordinates, and what it is."""


def _unconstrained_type(value: SSAValue, role: prob.ParameterAttr) -> Attribute:
    if not isinstance(value.type, TensorType):
        raise TypeError(f"{value.type} is not a tensor")
    shape = unconstrained_shape(role.constraint, shape_of(value))
    return TensorType(value.type.get_element_type(), shape)


def _remade(old: Block, roles: Sequence[Attribute]) -> tuple[Block, _Coordinates]:
    """The block with coordinates for the arguments that are parameters; those are still in use."""
    types = [
        _unconstrained_type(argument, role)
        if isinstance(role, prob.ParameterAttr)
        else argument.type
        for argument, role in zip(old.args, roles, strict=True)
    ]
    block = Block(arg_types=types)
    coordinates: _Coordinates = {}
    same: dict[SSAValue, SSAValue] = {}
    for argument, new, role in zip(old.args, block.args, roles, strict=True):
        if isinstance(role, prob.ParameterAttr):
            coordinates[argument] = (new, role)
        else:
            same[argument] = new
    replace_uses(same)
    move_ops(old, block)
    return block, coordinates


def _constrain(block: Block, coordinates: _Coordinates, functions: Functions) -> None:
    """Computes the parameters that are used from their coordinates, at the block's start."""
    first = block.first_op
    if first is None:
        return
    where = InsertPoint.before(first)
    values: dict[SSAValue, SSAValue] = {}
    for argument, (new, role) in coordinates.items():
        if argument.uses:
            transform = partial(constrained, role.constraint)
            values[argument] = inline_function(transform, [new], functions, where)[0]
    replace_uses(values)


def _unconstrain(function: prob.FuncOp, functions: Functions) -> None:
    roles = list(function.roles)
    block, coordinates = _remade(function.body.block, roles)
    for gradient in [op for op in block.ops if isinstance(op, prob.GradientOp)]:
        _unconstrain_gradient(gradient, coordinates, functions)
    _constrain(block, coordinates, functions)
    new_roles = [
        prob.UnconstrainedAttr(role.parameter, role.constraint)
        if isinstance(role, prob.ParameterAttr)
        else role
        for role in roles
    ]
    last = block.last_op
    results = [] if last is None else [v.type for v in last.operands]
    replacement = prob.FuncOp(function.sym_name.data, Region(block), new_roles, results)
    Rewriter.replace_op(function, replacement)


def _unconstrain_gradient(op: prob.GradientOp, outside: _Coordinates, functions: Functions) -> None:
    differentiated = list(op.operand_values)
    roles = [outside[v][1] if v in outside else NoneAttr() for v in differentiated]
    block, coordinates = _remade(op.body.block, roles)
    _constrain(block, coordinates, functions)
    operands = [outside[v][0] if v in outside else v for v in differentiated]
    replacement = prob.GradientOp(operands, Region(block), op.value.type)
    InsertPoint.before(op).block.insert_op_before(replacement, op)
    replace(op, replacement.results)
