"""What all families share: parameters that broadcast, and the law's type."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import ClassVar

from xdsl.dialects.builtin import TensorType, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.dist.family import Family
from relbo_ir.dialects.prob.types import LawType
from relbo_ir.dialects.tensors import element_of, is_float, shape_of_type


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The NumPy broadcast of the shapes; ValueError when they do not broadcast."""
    rank = max((len(s) for s in shapes), default=0)
    padded = [(1,) * (rank - len(s)) + s for s in shapes]
    result: list[int] = []
    for sizes in zip(*padded, strict=True):
        wide = {s for s in sizes if s != 1}
        if len(wide) > 1:
            raise ValueError(f"shapes {', '.join(map(str, shapes))} do not broadcast")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


class FamilyOp(IRDLOperation, ABC):
    """A law of one family; parameters broadcast against each other to the batch shape."""

    FAMILY: ClassVar[Family]

    result = result_def(LawType)
    traits = traits_def(Pure())

    def __init__(self, *parameters: SSAValue):
        super().__init__(
            operands=list(parameters), result_types=[self.law_type([p.type for p in parameters])]
        )

    @classmethod
    def law_type(cls, parameter_types: Sequence[Attribute]) -> LawType:
        """The law's type from its parameters' types; ValueError when they do not fit."""
        shapes: list[tuple[int, ...]] = []
        events: dict[str, tuple[int, ...]] = {}
        element: Attribute | None = None
        for (name, _), type_ in zip(cls.FAMILY.parameters.items(), parameter_types, strict=True):
            mine = element_of(type_)
            if mine is None or not is_float(mine):
                raise ValueError(f"{cls.FAMILY.name}: {name} is {type_}, not a tensor of floats")
            if element not in (None, mine):
                raise ValueError(f"{cls.FAMILY.name}: its parameters differ in their float type")
            element = mine
            shape = shape_of_type(type_)
            rank = cls.parameter_rank(name)
            if len(shape) < rank:
                wanted = "the two axes of a matrix" if rank == 2 else "an axis of categories"
                if rank == 1 and not cls.FAMILY.support.is_discrete:
                    wanted = "the axis of a vector"
                raise ValueError(f"{cls.FAMILY.name}: {name} needs {wanted}")
            shapes.append(shape[: len(shape) - rank])
            events[name] = shape[len(shape) - rank :]
        if element is None:
            raise ValueError(f"{cls.FAMILY.name}: no parameters")
        if cls.FAMILY.support.is_discrete:
            element = i32
        event = cls.event_shape(events)
        return LawType(TensorType(element, (*broadcast_shapes(*shapes), *event)), len(event))

    @classmethod
    def parameter_rank(cls, name: str) -> int:
        """How many of a parameter's last axes are not batch axes."""
        return (name in cls.FAMILY.event_parameters) + 2 * (name in cls.FAMILY.matrix_parameters)

    @classmethod
    def event_shape(cls, events: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        """
        The shape of one joint draw, from the axes of each parameter that are no batch axes;
        ValueError where these do not fit each other.
        """
        return ()

    def expected(self) -> LawType:
        """The law's type from its operands; ValueError when they do not fit."""
        return self.law_type([operand.type for operand in self.operands])

    def verify_(self) -> None:
        try:
            expected = self.expected()
        except ValueError as error:
            raise VerifyException(str(error)) from error
        if expected != self.result.type:
            raise VerifyException(f"{self.name} gives {expected}, not {self.result.type}")


FORMAT = "attr-dict `:` functional-type(operands, results)"
