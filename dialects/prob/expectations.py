"""Expectations and gradients: the regions that hold choices, and what they hand out."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Self

from xdsl.dialects.builtin import (
    ArrayAttr,
    FunctionType,
)
from xdsl.ir import Attribute, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    lazy_traits_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer
from xdsl.traits import (
    HasParent,
    IsTerminator,
    Pure,
)
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.name import NameAttr
from relbo_ir.dialects.prob.bindings import parse_bindings, print_bindings
from relbo_ir.dialects.prob.choices import SampleOp
from relbo_ir.dialects.prob.functions import refuse_twice
from relbo_ir.dialects.tensors import REALS, element_of, shape_of_type


@irdl_op_definition
class YieldOp(IRDLOperation):
    """
    Hands out the named addends of an expectation; each is a tensor, all elements count.

    ```mlir
    prob.yield "z.prior" %lp, "z.entropy" %h : tensor<f32>, tensor<8xf32>
    ```
    """

    name = "prob.yield"

    addends = var_operand_def(REALS)
    names = prop_def(ArrayAttr[NameAttr])
    traits = lazy_traits_def(lambda: (IsTerminator(), HasParent(ExpectationOp)))

    def __init__(self, names: Sequence[str], addends: Sequence[SSAValue]):
        super().__init__(
            operands=[addends], properties={"names": ArrayAttr([NameAttr(n) for n in names])}
        )

    def verify_(self) -> None:
        names = [n.data for n in self.names]
        if len(names) != len(self.addends):
            raise VerifyException(f"{len(names)} names for {len(self.addends)} addends")
        refuse_twice("addends", names)
        if len({element_of(addend.type) for addend in self.addends}) > 1:
            types = ", ".join(str(addend.type) for addend in self.addends)
            raise VerifyException(f"the addends differ in their elements: {types}")

    @classmethod
    def parse(cls, parser: Parser) -> YieldOp:
        def pair() -> tuple[NameAttr, UnresolvedOperand]:
            return NameAttr(NameAttr.parse_parameter(parser)), parser.parse_unresolved_operand()

        pairs: list[tuple[NameAttr, UnresolvedOperand]] = []
        values: Sequence[SSAValue] = ()
        if parser.parse_optional_keyword("nothing") is None:
            pairs = parser.parse_comma_separated_list(parser.Delimiter.NONE, pair)
            parser.parse_punctuation(":")
            types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
            values = parser.resolve_operands([v for _, v in pairs], types, parser.pos)
        attributes = parser.parse_optional_attr_dict()
        return cls.create(
            operands=values,
            properties={"names": ArrayAttr([n for n, _ in pairs])},
            attributes=attributes,
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        if not self.addends:
            printer.print_string("nothing")
        for i, (name, value) in enumerate(zip(self.names, self.addends, strict=True)):
            printer.print_string(", " if i else "")
            name.print_parameter(printer)
            printer.print_string(" ")
            printer.print_operand(value)
        if self.addends:
            printer.print_string(" : ")
            printer.print_list([v.type for v in self.addends], printer.print_attribute)
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class ExpectationOp(IRDLOperation):
    """
    E[Σ over all addends and all their elements] over the choices of the region. `Pure`: the
    exact expectation is one number, so two equal ones merge.

    ```mlir
    %e = prob.expectation {
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %h = prob.log_density %p at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
      prob.yield "h" %h : tensor<f32>
    } : tensor<f32>
    ```
    """

    name = "prob.expectation"

    result = result_def(REALS)
    body = region_def("single_block")
    traits = traits_def(Pure())
    assembly_format = "$body attr-dict `:` type($result)"

    def __init__(self, region: Region, result_type: Attribute):
        super().__init__(regions=[region], result_types=[result_type])

    @property
    def terminator(self) -> YieldOp:
        last = self.body.block.last_op
        if not isinstance(last, YieldOp):
            raise VerifyException("prob.expectation must end in prob.yield")
        return last

    def verify_(self) -> None:
        addends = self.terminator.addends
        if self.body.block.args:
            raise VerifyException("prob.expectation takes no block arguments")
        if shape_of_type(self.result.type):
            raise VerifyException(f"an expectation is one number, not {self.result.type}")
        if addends and element_of(addends[0].type) != element_of(self.result.type):
            raise VerifyException(f"an expectation of {addends[0].type} is not {self.result.type}")
        choices = [op.site.data for op in self.body.walk() if isinstance(op, SampleOp)]
        refuse_twice("choices", choices)


@irdl_op_definition
class YieldValueOp(IRDLOperation):
    """
    Ends a region that yields plain values.

    ```mlir
    prob.yield_value %e : tensor<f32>
    ```
    """

    name = "prob.yield_value"

    values = var_operand_def()
    traits = traits_def(IsTerminator())
    assembly_format = "$values `:` type($values) attr-dict"

    def __init__(self, values: Sequence[SSAValue]):
        super().__init__(operands=[values])


class DifferentiationOp(IRDLOperation, ABC):
    """
    What `prob.gradient` and `estim.value_and_grad` share: the value of a region that yields one
    number, and its derivative with respect to every operand. The differentiated values are block
    arguments: were they captured, CSE would change the derivative.

    ```mlir
    %value, %d = NAME (%x_ = %x) : (tensor<3xf32>) -> (tensor<f32>, tensor<3xf32>) { ... }
    ```
    """

    operand_values = var_operand_def(REALS)
    value = result_def(REALS)
    others = var_result_def(REALS)
    """The derivatives, then what the region hands out besides."""
    body = region_def("single_block")
    traits = traits_def(Pure())

    def __init__(
        self,
        operands: Sequence[SSAValue],
        region: Region,
        value_type: Attribute,
        auxiliary: Sequence[Attribute] = (),
    ):
        derivatives = [operand.type for operand in operands]
        super().__init__(
            operands=[operands],
            regions=[region],
            result_types=[value_type, [*derivatives, *auxiliary]],
        )

    @property
    def gradients(self) -> Sequence[SSAValue]:
        """The derivative of the value with respect to every operand."""
        return self.others[: len(self.operand_values)]

    @property
    def auxiliary(self) -> Sequence[SSAValue]:
        """What the region yields after the value, not differentiated."""
        return self.others[len(self.operand_values) :]

    @property
    def terminator(self) -> YieldValueOp:
        last = self.body.block.last_op
        if not isinstance(last, YieldValueOp):
            raise VerifyException(f"{self.name} must end in prob.yield_value")
        return last

    def verify_(self) -> None:
        types = tuple(operand.type for operand in self.operands)
        if shape_of_type(self.value.type):
            raise VerifyException(f"{self.name}: the value is one number, not {self.value.type}")
        if tuple(arg.type for arg in self.body.block.args) != types:
            raise VerifyException(f"{self.name}: block arguments and operands differ in type")
        if tuple(gradient.type for gradient in self.gradients) != types:
            raise VerifyException(f"{self.name}: gradients and operands differ in type")
        handed = [self.value.type, *(v.type for v in self.auxiliary)]
        if [value.type for value in self.terminator.values] != handed:
            raise VerifyException(f"{self.name}: yields other than its results")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        position = parser.pos
        bound = parse_bindings(parser)
        parser.parse_punctuation(":")
        types = parser.parse_function_type()
        inputs = types.inputs.data
        values = parser.resolve_operands([operand for _, operand in bound], inputs, position)
        resolved = [a.resolve(t) for (a, _), t in zip(bound, inputs, strict=True)]
        region = parser.parse_region(resolved)
        attributes = parser.parse_optional_attr_dict()
        return cls.create(
            operands=values,
            result_types=types.outputs.data,
            regions=[region],
            attributes=attributes,
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        print_bindings(printer, zip(self.body.block.args, self.operands, strict=True))
        printer.print_string(" : ")
        printer.print_attribute(
            FunctionType.from_lists([v.type for v in self.operands], [r.type for r in self.results])
        )
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False)
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class GradientOp(DifferentiationOp):
    """
    The value v of its region and ∂v/∂xᵢ for every operand xᵢ.

    With choices that are `score` or `pathwise` inside, the derivative holds the draws of `score`
    choices fixed, differentiates the draws of `pathwise` ones, and is that of the exact
    expectation over the others; the operation denotes its mean over the fixed draws.

    ```mlir
    %value, %d = prob.gradient (%x_ = %x) : (tensor<3xf32>) -> (tensor<f32>, tensor<3xf32>) {
      prob.yield_value %e : tensor<f32>
    }
    ```
    """

    name = "prob.gradient"

    def verify_(self) -> None:
        super().verify_()
        if self.auxiliary:
            raise VerifyException(f"{self.name}: yields one value alone")
