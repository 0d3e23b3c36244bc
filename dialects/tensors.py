"""What the types of values may be: constraints on tensors, and helpers to compute with types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeGuard, cast

from xdsl.dialects.builtin import (
    BFloat16Type,
    ComplexType,
    DenseArrayBase,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    Signedness,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AnyAttr,
    AttrConstraint,
    EqAttrConstraint,
    ParamAttrConstraint,
    VerificationContext,
)
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.key import KeyType

Tensor = TensorType[Attribute]
_WIDTHS = (1, 8, 16, 32, 64)
_DIGITS: dict[type, int] = {BFloat16Type: 8, Float16Type: 11, Float32Type: 24, Float64Type: 53}


def is_float(element: Attribute | None) -> bool:
    """Whether an element type is a real floating-point number."""
    return type(element) in _DIGITS


def as_integer(element: Attribute | None) -> IntegerType[int, Signedness] | None:
    """The element type as an integer type; None for anything else."""
    if not isinstance(element, IntegerType):
        return None
    return cast("IntegerType[int, Signedness]", element)


def digits(element: Attribute | None) -> int:
    """How many binary digits hold a whole number exactly: up to 2 to their power."""
    integer = as_integer(element)
    if integer is None:
        return _DIGITS.get(type(element), 0)
    return integer.width.data - (integer.signedness.data is not Signedness.UNSIGNED)


def is_integer(element: Attribute | None) -> bool:
    """Whether an element type is an integer or a boolean."""
    integer = as_integer(element)
    return integer is not None and integer.width.data in _WIDTHS


def _is_number(element: Attribute) -> bool:
    return _is_field(element) or (is_integer(element) and element != IntegerType(1))


def _is_field(element: Attribute) -> bool:
    return is_float(element) or isinstance(element, ComplexType)


def _is_complex(element: Attribute) -> bool:
    return isinstance(element, ComplexType)


def _is_value(element: Attribute) -> bool:
    return _is_field(element) or is_integer(element)


def _is_anything(element: Attribute) -> bool:
    return _is_value(element) or isinstance(element, KeyType)


_KINDS: dict[str, Callable[[Attribute], bool]] = {
    "real floats": is_float,
    "floats": _is_field,
    "complex numbers": _is_complex,
    "numbers": _is_number,
    "integers or booleans": is_integer,
    "numbers or booleans": _is_value,
    "numbers, booleans or keys": _is_anything,
}


@dataclass(frozen=True)
class TensorOf(AttrConstraint[Tensor]):
    """Tensors of a static shape with elements of a kind; one key is a tensor of keys of rank 0."""

    kind: str

    def verify(self, attr: Attribute, constraint_context: VerificationContext) -> None:
        element = element_of(attr)
        if element is None:
            raise VerifyException(f"{attr} is no tensor")
        if any(size < 0 for size in shape_of_type(attr)):
            raise VerifyException(f"{attr} has no static shape; give every axis a size")
        if not _KINDS[self.kind](element):
            raise VerifyException(f"{attr} is no tensor of {self.kind}")

    def mapping_type_vars(self, type_var_mapping: object) -> TensorOf:
        return self


REALS = TensorOf("real floats")
FLOATS = TensorOf("floats")
COMPLEX = TensorOf("complex numbers")
NUMBERS = TensorOf("numbers")
INTEGERS = TensorOf("integers or booleans")
VALUES = TensorOf("numbers or booleans")
TENSOR = TensorOf("numbers, booleans or keys")

INTS = cast(
    "AttrConstraint[DenseArrayBase[IntegerType]]",
    ParamAttrConstraint(DenseArrayBase, (EqAttrConstraint(i64), AnyAttr())),
)
"""`array<i64: ...>`: sizes and axes."""


def is_tensor(type_: Attribute) -> TypeGuard[Tensor]:
    """Whether a type is a tensor of anything."""
    return isinstance(type_, TensorType)


def element_of(type_: Attribute) -> Attribute | None:
    """The element type of a tensor or a key; None for anything else."""
    if isinstance(type_, KeyType):
        return type_
    return type_.get_element_type() if is_tensor(type_) else None


def has_floats(type_: Attribute) -> bool:
    """Whether a type is a tensor of floats."""
    return is_float(element_of(type_))


def has_complex(type_: Attribute) -> bool:
    """Whether a type is a tensor of complex numbers."""
    return isinstance(element_of(type_), ComplexType)


def shape_of_type(type_: Attribute) -> tuple[int, ...]:
    """The shape of a tensor type; a key has rank 0. TypeError for anything else."""
    if isinstance(type_, KeyType):
        return ()
    if not is_tensor(type_):
        raise TypeError(f"{type_} is not a tensor")
    return type_.get_shape()


def row_type(type_: Attribute) -> Attribute:
    """The type of one row along axis 0. VerifyException for what has no rows."""
    element = element_of(type_)
    if element is None or not shape_of_type(type_):
        raise VerifyException(f"{type_} has no rows")
    return TensorType(element, shape_of_type(type_)[1:])


def tensor(element: Attribute, shape: Sequence[int]) -> Attribute:
    """The type of an array of these elements; a key where they are keys and the rank is 0."""
    if isinstance(element, KeyType) and not shape:
        return element
    return TensorType(element, shape)


def with_shape(type_: Attribute, shape: Sequence[int]) -> Attribute:
    """The type with the same elements and another shape."""
    element = element_of(type_)
    if element is None:
        raise TypeError(f"{type_} is not a tensor")
    return tensor(element, shape)


def expect(name: str, result: SSAValue, wanted: Attribute) -> None:
    """Refuses a result that is not of the type that the operands give."""
    if result.type != wanted:
        raise VerifyException(f"{name} gives {wanted}, not {result.type}")


def expect_operand(what: str, operand: SSAValue, wanted: Attribute) -> None:
    """Refuses an operand that does not fit the others."""
    if operand.type != wanted:
        raise VerifyException(f"{what} is {wanted} here, not {operand.type}")


def check_axes(name: str, axes: Sequence[int], rank: int) -> None:
    """Refuses axes that a tensor of that rank does not have, and axes named twice."""
    if any(not 0 <= axis < rank for axis in axes):
        raise VerifyException(f"{name}: {tuple(axes)} names an axis that rank {rank} has not")
    if len(set(axes)) != len(axes):
        raise VerifyException(f"{name}: {tuple(axes)} names an axis twice")


def check_scalars(name: str, values: Sequence[SSAValue], rank: int) -> None:
    """Refuses start indices that are not one integer for each axis."""
    if len(values) != rank:
        raise VerifyException(f"{name}: {len(values)} start indices for {rank} axes")
    for value in values:
        if shape_of_type(value.type) or value.type == TensorType(IntegerType(1), []):
            raise VerifyException(f"{name}: a start index is one integer, not {value.type}")
