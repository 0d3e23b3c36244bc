"""Parameters become unconstrained coordinates."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import prob
from relbo_ir.dialects.lax import shape_of
from relbo_ir.lowering.constraints import bijection, unconstrained_shape
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.import_jaxpr import inline_function


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


def _unconstrained_type(value: SSAValue, role: prob.ParameterAttr) -> Attribute:
    if not isinstance(value.type, TensorType):
        raise TypeError(f"{value.type} is not a tensor")
    shape = unconstrained_shape(role.constraint, shape_of(value))
    return TensorType(value.type.get_element_type(), shape)


def _constrained(
    value: SSAValue, role: prob.ParameterAttr, functions: Functions, where: InsertPoint
) -> SSAValue:
    transform = bijection(role.constraint)
    return inline_function(transform, [value], functions, where)[0]


def _unconstrain(function: prob.FuncOp, functions: Functions) -> None:
    old_block = function.body.block
    roles = list(function.roles)
    new_roles: list[Attribute] = []
    block = Block()
    coordinates: dict[SSAValue, tuple[SSAValue, prob.ParameterAttr]] = {}
    for argument, role in zip(old_block.args, roles, strict=True):
        if isinstance(role, prob.ParameterAttr):
            new = block.insert_arg(_unconstrained_type(argument, role), len(block.args))
            coordinates[argument] = (new, role)
            role = prob.UnconstrainedAttr(role.parameter, role.constraint)
        else:
            new = block.insert_arg(argument.type, len(block.args))
            argument.replace_all_uses_with(new)
        new_roles.append(role)
    for op in list(old_block.ops):
        op.detach()
        block.add_op(op)
        if isinstance(op, prob.GradientOp):
            _unconstrain_gradient(op, coordinates, functions)
    first = block.first_op
    for argument, (new, role) in coordinates.items():
        if argument.uses and first is not None:
            value = _constrained(new, role, functions, InsertPoint.before(first))
            argument.replace_all_uses_with(value)
    last = block.last_op
    results = [] if last is None else [v.type for v in last.operands]
    name, parent = function.sym_name.data, function.parent_block()
    if parent is None:
        raise ValueError("a function stands in a module")
    replacement = prob.FuncOp(name, Region(block), new_roles, results)
    parent.insert_op_before(replacement, function)
    function.detach()
    function.erase()


def _unconstrain_gradient(
    op: prob.GradientOp,
    coordinates: dict[SSAValue, tuple[SSAValue, prob.ParameterAttr]],
    functions: Functions,
) -> None:
    old = op.body.block
    block = Block()
    operands: list[SSAValue] = []
    pending: list[tuple[SSAValue, SSAValue, prob.ParameterAttr]] = []
    for argument, operand in zip(old.args, op.operand_values, strict=True):
        if operand in coordinates:
            new, role = coordinates[operand]
            inner = block.insert_arg(new.type, len(block.args))
            pending.append((argument, inner, role))
            operands.append(new)
        else:
            inner = block.insert_arg(argument.type, len(block.args))
            argument.replace_all_uses_with(inner)
            operands.append(operand)
    for inner_op in list(old.ops):
        inner_op.detach()
        block.add_op(inner_op)
    first = block.first_op
    if first is None:
        return
    for argument, inner, role in pending:
        value = _constrained(inner, role, functions, InsertPoint.before(first))
        argument.replace_all_uses_with(value)
    replacement = prob.GradientOp(operands, Region(block), op.value.type)
    parent = op.parent_block()
    if parent is None:
        raise ValueError("a gradient stands in a block")
    parent.insert_op_before(replacement, op)
    for old_result, new_result in zip(op.results, replacement.results, strict=True):
        old_result.replace_all_uses_with(new_result)
    op.detach()
    op.erase()
