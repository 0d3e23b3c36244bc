"""The type of a law, and the small attributes that choices and arguments carry."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    FloatAttr,
    IntAttr,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    f64,
)
from xdsl.dialects.utils.enum_attribute import EnumAttribute
from xdsl.ir import Attribute, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition, param_def
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from relbo_ir.dialects.name import NameAttr
from relbo_ir.dialects.tensors import VALUES


@irdl_attr_definition
class LawType(ParametrizedAttribute, TypeAttribute):
    """
    A probability law of one tensor of random choices.

    `value` is the type of a draw. Its last `event_rank` axes are one joint choice; the axes
    before them are the batch, element by element independent given the law's parameters.

    ```mlir
    !prob.law<tensor<8xf32>>
    !prob.law<tensor<8x3xf32>, event_rank = 1>
    ```
    """

    name = "prob.law"

    value: TensorType[Attribute] = param_def(VALUES)
    event_rank: IntAttr = param_def()

    def __init__(self, value: TensorType[Attribute], event_rank: int | IntAttr = 0):
        super().__init__(value, IntAttr(event_rank) if isinstance(event_rank, int) else event_rank)

    def verify(self) -> None:
        rank = len(self.value.get_shape())
        if not 0 <= self.event_rank.data <= rank:
            raise VerifyException(
                f"{self.value} has {rank} axes, not {self.event_rank.data} for an event"
            )

    @property
    def batch_shape(self) -> tuple[int, ...]:
        shape = self.value.get_shape()
        return shape[: len(shape) - self.event_rank.data]

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            value = parser.parse_type()
            rank = 0
            if parser.parse_optional_punctuation(","):
                parser.parse_keyword("event_rank")
                parser.parse_punctuation("=")
                rank = parser.parse_integer(allow_boolean=False, allow_negative=False)
        return [value, IntAttr(rank)]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_attribute(self.value)
            if self.event_rank.data:
                printer.print_string(f", event_rank = {self.event_rank.data}")


class How(StrEnum):
    """How the gradient of the expectation over a choice is taken."""

    EXACT = "exact"
    SCORE = "score"
    PATHWISE = "pathwise"
    DISARM = "disarm"
    ENUMERATED = "enumerated"


@irdl_attr_definition
class HowAttr(EnumAttribute[How]):
    """
    The treatment of a choice: `exact` (undecided: the derivative of the exact expectation),
    `score` (draw held fixed), `pathwise` (draw differentiated), `disarm` (draw held fixed, with an
    antithetic twin beside it), `enumerated` (summed out).

    ```mlir
    #prob.how<score>
    ```
    """

    name = "prob.how"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> How:
        with parser.in_angle_brackets():
            return parser.parse_str_enum(How)

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(self.data.value)


@irdl_attr_definition
class PlateAxisAttr(ParametrizedAttribute):
    """
    The batch axis `axis` (negative, from the right of the batch shape) of a choice is the plate's.

    ```mlir
    #prob.plate_axis<@N, -1>
    ```
    """

    name = "prob.plate_axis"

    plate: SymbolRefAttr = param_def()
    axis: IntAttr = param_def()

    def __init__(self, plate: str | SymbolRefAttr, axis: int | IntAttr):
        super().__init__(
            SymbolRefAttr(plate) if isinstance(plate, str) else plate,
            IntAttr(axis) if isinstance(axis, int) else axis,
        )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            plate = parser.parse_symbol_name()
            parser.parse_punctuation(",")
            axis = parser.parse_integer(allow_boolean=False)
        return [SymbolRefAttr(plate), IntAttr(axis)]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_attribute(self.plate)
            printer.print_string(f", {self.axis.data}")


Numbers = float | Sequence["Numbers"]
"""A number, or an array of numbers as nested sequences."""


def _as_attribute(numbers: Numbers) -> FloatAttr[AnyFloat] | ArrayAttr[Attribute]:
    if isinstance(numbers, Sequence):
        return ArrayAttr[Attribute]([_as_attribute(x) for x in numbers])
    return FloatAttr(numbers, f64)


def _as_numbers(bound: Attribute) -> Numbers:
    match bound:
        case FloatAttr():
            return bound.value.data
        case ArrayAttr():
            return [_as_numbers(x) for x in bound]
        case _:
            raise VerifyException(f"{bound} is no bound: give floats, or arrays of floats")


def _shape_of(numbers: Numbers) -> tuple[int, ...]:
    if not isinstance(numbers, Sequence):
        return ()
    rows = {_shape_of(row) for row in numbers}
    if len(rows) != 1:
        raise VerifyException("a bound has no elements, or rows of different shapes")
    return (len(numbers), *rows.pop())


@irdl_attr_definition
class ConstraintAttr(ParametrizedAttribute):
    """
    The set that a parameter must lie in: a name of `numpyro.distributions.constraints`, with
    bounds where the constraint has some, each a number or an array of numbers, row by row.

    ```mlir
    #prob.constraint<"positive">
    #prob.constraint<"interval", [0.0 : f64, 2.0 : f64]>
    #prob.constraint<"greater_than", [[0.0 : f64, 2.0 : f64]]>
    ```
    """

    name = "prob.constraint"

    constraint: StringAttr = param_def()
    bounds: ArrayAttr[FloatAttr[AnyFloat] | ArrayAttr[Attribute]] = param_def()

    def __init__(self, constraint: str | StringAttr, bounds: Sequence[Numbers] = ()):
        super().__init__(
            StringAttr(constraint) if isinstance(constraint, str) else constraint,
            ArrayAttr([_as_attribute(bound) for bound in bounds]),
        )

    @property
    def numbers(self) -> list[Numbers]:
        """The bounds."""
        return [_as_numbers(bound) for bound in self.bounds]

    def verify(self) -> None:
        for bound in self.bounds:
            _shape_of(_as_numbers(bound))

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        bounds: list[Attribute] = []
        with parser.in_angle_brackets():
            constraint = parser.parse_str_literal()
            if parser.parse_optional_punctuation(","):
                bounds = parser.parse_comma_separated_list(
                    parser.Delimiter.SQUARE, parser.parse_attribute
                )
        return [StringAttr(constraint), ArrayAttr(bounds)]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(self.constraint.data)
            if self.bounds.data:
                printer.print_string(", ")
                printer.print_attribute(self.bounds)


@irdl_attr_definition
class ParameterAttr(ParametrizedAttribute):
    """
    An argument that is a variational parameter, in constrained space.

    ```mlir
    #prob.parameter<#prob.name"ga", #prob.constraint<"positive">>
    ```
    """

    name = "prob.parameter"

    parameter: NameAttr = param_def()
    constraint: ConstraintAttr = param_def()


@irdl_attr_definition
class UnconstrainedAttr(ParametrizedAttribute):
    """
    An argument that is a variational parameter, as its unconstrained coordinates; `constraint`
    is the set that its bijection maps to.

    ```mlir
    #prob.unconstrained<#prob.name"ga", #prob.constraint<"positive">>
    ```
    """

    name = "prob.unconstrained"

    parameter: NameAttr = param_def()
    constraint: ConstraintAttr = param_def()


@irdl_attr_definition
class DataAttr(ParametrizedAttribute):
    """
    An argument that is data: an array that the user passes, named by its place in the call.

    ```mlir
    #prob.data<#prob.name"y">
    ```
    """

    name = "prob.data"

    argument: NameAttr = param_def()


@irdl_attr_definition
class ClosureAttr(ParametrizedAttribute):
    """
    An argument that is constant: the `index`-th array that the model or the guide closes over.

    ```mlir
    #prob.closure<#prob.name"model", #builtin.int<0>>
    ```
    """

    name = "prob.closure"

    function: NameAttr = param_def()
    index: IntAttr = param_def()


@irdl_attr_definition
class DrawAttr(ParametrizedAttribute):
    """
    An argument that is the noise of a choice, put there by `relbo-externalize-draws`.

    ```mlir
    #prob.draw<#prob.name"z">
    ```
    """

    name = "prob.draw"

    site: NameAttr = param_def()


@irdl_attr_definition
class StateAttr(ParametrizedAttribute):
    """
    An argument that the program hands from one step to the next: its new value is a result, in the
    order of the arguments, after the value and the gradients.

    ```mlir
    #prob.state<#prob.name"f">
    ```
    """

    name = "prob.state"

    state: NameAttr = param_def()


@irdl_attr_definition
class SeedAttr(ParametrizedAttribute):
    """
    An argument that is the program's random key.

    ```mlir
    #prob.seed
    ```
    """

    name = "prob.seed"
