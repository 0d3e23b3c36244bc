"""Draws that read earlier draws of their own loop: a region that runs once a step."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import BoolAttr, FunctionType, IntegerAttr, TensorType, i64
from xdsl.ir import Attribute, Region, SSAValue
from xdsl.irdl import (
    AnyAttr,
    AttrSizedOperandSegments,
    IRDLOperation,
    ParamAttrConstraint,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    region_def,
    result_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.name import NameAttr
from relbo_ir.dialects.prob.bindings import parse_bindings, print_bindings
from relbo_ir.dialects.prob.choices import SampleOp
from relbo_ir.dialects.prob.expectations import YieldValueOp
from relbo_ir.dialects.prob.types import LawType
from relbo_ir.dialects.tensors import TENSOR, VALUES, element_of, row_type, shape_of_type

_value = VarConstraint("VALUE", VALUES)


@irdl_op_definition
class DrawOp(IRDLOperation):
    """
    One step's draw of a choice, in the body of a `prob.scan`: zₜ ~ law, given the draws before it.
    How its derivative is taken, the choice says (`prob.sample ... drawn`). Not `Pure`.

    ```mlir
    %z = prob.draw "z" from %q : !prob.law<tensor<f32>>
    ```
    """

    name = "prob.draw"

    site = prop_def(NameAttr)
    law = operand_def(ParamAttrConstraint(LawType, (_value, AnyAttr())))
    value = result_def(_value)
    assembly_format = "$site `from` $law attr-dict `:` type($law)"

    def __init__(self, site: str, law: SSAValue):
        if not isinstance(law.type, LawType):
            raise TypeError(f'site "{site}" draws from {law.type}, which is not a law')
        super().__init__(
            operands=[law], result_types=[law.type.value], properties={"site": NameAttr(site)}
        )


@irdl_op_definition
class ScanOp(IRDLOperation):
    """
    The draws of choices whose laws read earlier steps: for t = 0 … length − 1 (backwards with
    `reverse`) the body takes what is carried and the t-th rows, draws, and hands on what is
    carried next. The results are the draws of all steps, stacked along a new first axis.

    Nothing but draws leaves the loop: laws and densities are computed outside, from the draws.
    Values around the loop are read by capture. A choice of the expectation names its result as
    what it has drawn, `prob.sample "z" from %q drawn %z`, where %q is the law of all steps given
    the draws of the steps before.

    ```mlir
    %z = prob.scan (%c = %c0) rows (%x = %xs) {length = 5 : i64, reverse = false} : (tensor<f32>, tensor<5xf32>) -> tensor<5xf32> {
      %q = dist.normal %c, %x : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %d = prob.draw "z" from %q : !prob.law<tensor<f32>>
      prob.yield_value %d, %d : tensor<f32>, tensor<f32>
    }
    ```
    """

    name = "prob.scan"

    length = prop_def(IntegerAttr)
    reverse = prop_def(BoolAttr)
    carried = var_operand_def(TENSOR)
    rows = var_operand_def(TENSOR)
    draws = var_result_def(VALUES)
    body = region_def("single_block")
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    def __init__(
        self,
        carried: Sequence[SSAValue],
        rows: Sequence[SSAValue],
        region: Region,
        length: int,
        reverse: bool = False,
    ):
        yielded = region.block.last_op
        if not isinstance(yielded, YieldValueOp):
            raise ValueError("the body of prob.scan ends in prob.yield_value")
        super().__init__(
            operands=[carried, rows],
            regions=[region],
            result_types=[[_stacked(v.type, length) for v in yielded.values[len(carried) :]]],
            properties={
                "length": IntegerAttr(length, i64),
                "reverse": BoolAttr.from_bool(reverse),
            },
        )

    @property
    def steps(self) -> int:
        """How often the body runs."""
        return self.length.value.data

    @property
    def terminator(self) -> YieldValueOp:
        last = self.body.block.last_op
        if not isinstance(last, YieldValueOp):
            raise VerifyException(f"{self.name} must end in prob.yield_value")
        return last

    @property
    def inner_draws(self) -> list[DrawOp]:
        """The draw in the body that each result stacks."""
        values = self.terminator.values[len(self.carried) :]
        owners = [value.owner for value in values]
        found = [owner for owner in owners if isinstance(owner, DrawOp)]
        if len(found) != len(owners) or len(set(found)) != len(found):
            raise VerifyException(f"{self.name} hands out draws of its body, each once")
        return found

    def verify_(self) -> None:
        if self.steps < 1:
            raise VerifyException(f"{self.name} runs {self.steps} times")
        carried, rows = [v.type for v in self.carried], [v.type for v in self.rows]
        for row in rows:
            if shape_of_type(row)[:1] != (self.steps,):
                raise VerifyException(f"{self.name}: {row} has not {self.steps} rows")
        wanted = [*carried, *(row_type(row) for row in rows)]
        if [arg.type for arg in self.body.block.args] != wanted:
            raise VerifyException(f"{self.name}: block arguments and operands differ in type")
        handed = [v.type for v in self.terminator.values]
        if handed[: len(carried)] != carried:
            raise VerifyException(f"{self.name}: what is carried changes its type")
        draws = self.inner_draws
        stacked = [_stacked(draw.value.type, self.steps) for draw in draws]
        if [result.type for result in self.draws] != stacked:
            raise VerifyException(f"{self.name}: results and draws differ in type")
        inside = [op for op in self.body.block.ops if isinstance(op, DrawOp)]
        if set(inside) != set(draws):
            raise VerifyException(f"{self.name}: a draw of its body is not handed out")
        for draw, result in zip(draws, self.draws, strict=True):
            for choice in (use.operation for use in result.uses):
                named = choice.site.data if isinstance(choice, SampleOp) else draw.site.data
                if named != draw.site.data:
                    raise VerifyException(
                        f'{self.name} draws "{draw.site.data}", which is no draw of "{named}"'
                    )
        if len({draw.site.data for draw in draws}) != len(draws):
            raise VerifyException(f"{self.name}: two of its draws have one name")

    @classmethod
    def parse(cls, parser: Parser) -> ScanOp:
        position = parser.pos
        carried = parse_bindings(parser)
        parser.parse_keyword("rows")
        bound = [*carried, *parse_bindings(parser)]
        attributes = parser.parse_optional_attr_dict()
        length, reverse = attributes.pop("length", None), attributes.pop("reverse", None)
        if not isinstance(length, IntegerAttr) or not isinstance(reverse, IntegerAttr):
            parser.raise_error(f"{cls.name} needs length and reverse", position)
        parser.parse_punctuation(":")
        types = parser.parse_function_type()
        inputs = types.inputs.data
        count = len(carried)
        values = parser.resolve_operands([operand for _, operand in bound], inputs, position)
        types_inside = [*inputs[:count], *(row_type(t) for t in inputs[count:])]
        resolved = [a.resolve(t) for (a, _), t in zip(bound, types_inside, strict=True)]
        properties: dict[str, Attribute] = {"length": length, "reverse": reverse}
        op = cls.build(
            operands=[values[:count], values[count:]],
            result_types=[types.outputs.data],
            regions=[parser.parse_region(resolved)],
            properties=properties,
        )
        op.attributes |= attributes
        return op

    def print(self, printer: Printer) -> None:
        bound = list(zip(self.body.block.args, self.operands, strict=True))
        count = len(self.carried)
        printer.print_string(" ")
        print_bindings(printer, bound[:count])
        printer.print_string(" rows ")
        print_bindings(printer, bound[count:])
        printer.print_op_attributes(
            {"length": self.length, "reverse": self.reverse, **self.attributes}
        )
        printer.print_string(" : ")
        printer.print_attribute(
            FunctionType.from_lists([v.type for v in self.operands], [r.type for r in self.results])
        )
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False)


def _stacked(type_: Attribute, length: int) -> Attribute:
    element = element_of(type_)
    if element is None:
        raise VerifyException(f"{type_} is no tensor")
    return TensorType(element, [length, *shape_of_type(type_)])
