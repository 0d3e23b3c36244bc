"""Laws made from laws: independent, expand, transformed, and laws known by functions alone."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    AnyFloat,
    DenseArrayBase,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    i64,
)
from xdsl.dialects.utils.enum_attribute import EnumAttribute
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from relbo_ir.dialects.dist.family_op import broadcast_shapes
from relbo_ir.dialects.prob.types import LawType
from relbo_ir.dialects.tensors import (
    INTS,
    REALS,
    TENSOR,
    element_of,
    expect,
    is_float,
    shape_of_type,
)


def law_of(value: SSAValue) -> LawType:
    """The law type of a value; TypeError when it is not a law."""
    if not isinstance(value.type, LawType):
        raise TypeError(f"{value.type} is not a law")
    return value.type


@irdl_op_definition
class IndependentOp(IRDLOperation):
    """
    The same draws, with the last `rank` batch axes joined to the event: densities are summed
    over them.

    ```mlir
    %law = dist.independent %base {rank = 1 : i64} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>, event_rank = 1>
    ```
    """

    name = "dist.independent"

    base = operand_def(LawType)
    rank = prop_def(IntegerAttr)
    result = result_def(LawType)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$base attr-dict `:` functional-type(operands, results)"

    def __init__(self, base: SSAValue, rank: int):
        law = law_of(base)
        super().__init__(
            operands=[base],
            result_types=[LawType(law.value, law.event_rank.data + rank)],
            properties={"rank": IntegerAttr(rank, i64)},
        )

    def verify_(self) -> None:
        base, law = law_of(self.base), self.result.type
        if (
            law.value != base.value
            or law.event_rank.data != base.event_rank.data + self.rank.value.data
        ):
            raise VerifyException(
                f"independent of rank {self.rank.value.data} does not make {law} of {base}"
            )
        if self.rank.value.data < 0:
            raise VerifyException(f"independent joins axes, not {self.rank.value.data} of them")


@irdl_op_definition
class ExpandOp(IRDLOperation):
    """
    Independent copies: the batch becomes `shape`, to which the base's batch shape broadcasts.

    ```mlir
    %law = dist.expand %base {shape = array<i64: 100>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<100xf32>>
    ```
    """

    name = "dist.expand"

    base = operand_def(LawType)
    shape = prop_def(INTS)
    result = result_def(LawType)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$base attr-dict `:` functional-type(operands, results)"

    def __init__(self, base: SSAValue, shape: Sequence[int]):
        law = law_of(base)
        super().__init__(
            operands=[base],
            result_types=[self.law_type(law, tuple(shape))],
            properties={"shape": DenseArrayBase.from_list(i64, list(shape))},
        )

    @staticmethod
    def law_type(base: LawType, shape: tuple[int, ...]) -> LawType:
        event = base.value.get_shape()[len(base.batch_shape) :]
        return LawType(
            TensorType(base.value.get_element_type(), shape + event), base.event_rank.data
        )

    @property
    def batch(self) -> tuple[int, ...]:
        return tuple(self.shape.get_values())

    def verify_(self) -> None:
        base, shape = law_of(self.base), self.batch
        try:
            fits = broadcast_shapes(base.batch_shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise VerifyException(f"the batch of {base} does not broadcast to {shape}")
        expect(self.name, self.result, self.law_type(base, shape))


class Transform(StrEnum):
    """A smooth, strictly monotone map of the reals onto its range, applied elementwise."""

    EXP = "exp"
    AFFINE = "affine"
    SIGMOID = "sigmoid"
    SOFTPLUS = "softplus"

    @property
    def elementwise(self) -> str | None:
        """The elementwise op that it is, by its short name; None where it has arguments."""
        return _ELEMENTWISE.get(self)


_ELEMENTWISE = {
    Transform.EXP: "exp",
    Transform.SIGMOID: "logistic",
    Transform.SOFTPLUS: "softplus",
}


@irdl_attr_definition
class TransformAttr(EnumAttribute[Transform]):
    """
    An elementwise bijection: `exp`, `affine` (loc + scale·x, scale ≠ 0), `sigmoid`, `softplus`.

    ```mlir
    #dist.transform<exp>
    ```
    """

    name = "dist.transform"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Transform:
        with parser.in_angle_brackets():
            return parser.parse_str_enum(Transform)

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(self.data.value)


@irdl_op_definition
class TransformedOp(IRDLOperation):
    """
    The law of T(x), x ~ base: log p(y) = log p_base(T⁻¹(y)) − log|T′(T⁻¹(y))|, the logarithm
    summed over the event axes. `affine` takes loc and scale, which broadcast to the base's shape.

    ```mlir
    %law = dist.transformed %base {transform = #dist.transform<exp>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
    %law = dist.transformed %base, %loc, %scale {transform = #dist.transform<affine>} : (!prob.law<tensor<f32>>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.transformed"

    base = operand_def(LawType)
    arguments = var_operand_def(REALS)
    transform = prop_def(TransformAttr)
    result = result_def(LawType)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$base (`,` $arguments^)? attr-dict `:` functional-type(operands, results)"

    def __init__(self, base: SSAValue, transform: Transform, arguments: Sequence[SSAValue] = ()):
        super().__init__(
            operands=[base, arguments],
            result_types=[law_of(base)],
            properties={"transform": TransformAttr(transform)},
        )

    def verify_(self) -> None:
        law = law_of(self.base)
        expect(self.name, self.result, law)
        element = law.value.get_element_type()
        if not is_float(element):
            raise VerifyException(f"a transform takes a continuous law, not {law}")
        wanted = 2 if self.transform.data is Transform.AFFINE else 0
        if len(self.arguments) != wanted:
            raise VerifyException(f"{self.transform.data} takes {wanted} arguments")
        for argument in self.arguments:
            if not broadcasts_to(argument.type, law.value):
                raise VerifyException(
                    f"{argument.type} is no argument of a transform of {law.value}: give the same "
                    "floats, of a shape that broadcasts"
                )


def broadcasts_to(argument: Attribute, value: TensorType[Attribute]) -> bool:
    """Whether a type has the elements of a value, in a shape that broadcasts to its."""
    if element_of(argument) != value.get_element_type():
        return False
    try:
        return broadcast_shapes(shape_of_type(argument), value.get_shape()) == value.get_shape()
    except ValueError:
        return False


@irdl_op_definition
class OpaqueOp(IRDLOperation):
    """
    A law that is known by two functions alone: `sample(key, parameters...)` and
    `log_prob(value, parameters...)`, both of the module. Analyses assume the worst of it.
    `support` names the constraint that draws satisfy, where it does not depend on parameters.
    `density` is the float type of the log density, which a law of no floats needs.

    ```mlir
    %law = dist.opaque %a sample(@f_sample) log_prob(@f_log_prob) : (tensor<f32>) -> !prob.law<tensor<f32>>
    ```
    """

    name = "dist.opaque"

    parameters = var_operand_def(TENSOR)
    sample = prop_def(SymbolRefAttr)
    log_prob = prop_def(SymbolRefAttr)
    support = opt_prop_def(StringAttr)
    density = opt_prop_def(AnyFloat)
    result = result_def(LawType)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "($parameters^)? `sample` `(` $sample `)` `log_prob` `(` $log_prob `)` attr-dict `:` "
        "functional-type(operands, results)"
    )

    def __init__(
        self,
        parameters: Sequence[SSAValue],
        sample: str,
        log_prob: str,
        law: LawType,
        support: str | None = None,
        density: Attribute | None = None,
    ):
        super().__init__(
            operands=[parameters],
            result_types=[law],
            properties={
                "sample": SymbolRefAttr(sample),
                "log_prob": SymbolRefAttr(log_prob),
                "support": None if support is None else StringAttr(support),
                "density": density,
            },
        )

    def verify_(self) -> None:
        if not is_float(float_element(self.result)):
            raise VerifyException("a law of no floats needs `density`, its float type")


def float_element(law: SSAValue) -> Attribute:
    """The float type that a law's density has: the one it declares, or that of its parameters."""
    op = law.owner
    if isinstance(op, OpaqueOp) and op.density is not None:
        return op.density
    for operand in getattr(op, "operands", ()):
        if isinstance(operand.type, LawType):
            return float_element(operand)
        element = element_of(operand.type)
        if element is not None and is_float(element):
            return element
    return law_of(law).value.get_element_type()
