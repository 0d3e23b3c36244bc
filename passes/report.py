"""What stands inside an expectation, handed out: its draws, or its addends one by one."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, FunctionType, ModuleOp
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.order import require_objective

NAMES = "prob.result_names"


@dataclass(frozen=True)
class ReportPass(ModulePass):
    """
    Replaces the gradient of an expectation by what one draw of its region gives: the choices and
    the named values (the posterior's draws), or every addend's sum. The function's attribute
    `prob.result_names` names the results.

    Lemma: none is needed; the choices keep their laws, and nothing is differentiated.

    Options: `addends`, to hand out the addends' sums instead of the draws; `minibatches`, to hand
    out the indices of the plates' minibatches too, by the plate's name.

    ```mlir
    %v, %d = prob.gradient (%x_ = %x) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
      %e = prob.expectation {
        %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
        prob.yield "c" %c : tensor<f32>
      } : tensor<f32>
      prob.yield_value %e : tensor<f32>
    }
    prob.return %v, %d : tensor<f32>, tensor<f32>
    ```

    yields

    ```mlir
    %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
    prob.return %z : tensor<f32>
    ```
    """

    name = "relbo-report"

    addends: bool = False
    minibatches: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        require_objective(op, self.name)
        for gradient in [g for g in op.walk() if isinstance(g, prob.GradientOp)]:
            function = gradient.parent_op()
            if not isinstance(function, prob.FuncOp):
                raise PassError.at(gradient, "the gradient stands in no prob.func", "put it in one")
            names, values = self._inline(gradient)
            _return(function, names, values)

    def _inline(self, gradient: prob.GradientOp) -> tuple[list[str], list[SSAValue]]:
        block = gradient.parent_block()
        if block is None:
            raise ValueError("a gradient stands in a block")
        for argument, operand in zip(
            gradient.body.block.args, gradient.operand_values, strict=True
        ):
            argument.replace_all_uses_with(operand)
        names: list[str] = []
        values: list[SSAValue] = []
        for outer in list(gradient.body.block.ops):
            inner = list(outer.body.block.ops) if isinstance(outer, prob.ExpectationOp) else [outer]
            for op in inner:
                if isinstance(op, prob.YieldValueOp):
                    continue
                self._collect(op, names, values, InsertPoint.before(gradient))
                if not isinstance(op, (prob.YieldOp, prob.DeterministicOp)):
                    op.detach()
                    block.insert_op_before(op, gradient)
        return names, values

    def _collect(
        self, op: object, names: list[str], values: list[SSAValue], where: InsertPoint
    ) -> None:
        match op:
            case prob.SampleOp() if not self.addends:
                names.append(op.site.data)
                values.append(op.value)
            case prob.SubsampleOp() if self.minibatches:
                names.append(op.plate.string_value())
                values.append(op.result)
            case prob.DeterministicOp() if not self.addends:
                names.append(op.site.data)
                values.append(op.value)
            case prob.YieldOp() if self.addends:
                w = Writer(where)
                for name, addend in zip(op.names, op.addends, strict=True):
                    names.append(name.data)
                    values.append(w.sum(w.expression(addend)).value)
            case _:
                pass


def _return(function: prob.FuncOp, names: list[str], values: list[SSAValue]) -> None:
    block = function.body.block
    last = block.last_op
    if last is None:
        raise ValueError("a function ends in prob.return")
    Rewriter.erase_op(last)
    block.add_op(prob.ReturnOp(values))
    gradients = [op for op in block.ops if isinstance(op, prob.GradientOp)]
    for gradient in gradients:
        Rewriter.erase_op(gradient, safe_erase=False)
    results: list[Attribute] = [value.type for value in values]
    inputs = list(function.function_type.inputs.data)
    function.properties["function_type"] = FunctionType.from_lists(inputs, results)
    function.attributes[NAMES] = ArrayAttr([prob.NameAttr(name) for name in names])
