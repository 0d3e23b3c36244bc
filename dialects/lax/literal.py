"""Constants that keep every bit in text, without NumPy."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    Signedness,
    TensorType,
)
from xdsl.ir import Attribute, Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from relbo_ir.dialects.tensors import as_integer, is_tensor

Scalar = float | int | bool

_FLOAT_FORMATS: dict[type[Attribute], str] = {Float16Type: "e", Float32Type: "f", Float64Type: "d"}


@dataclass(frozen=True)
class Literal:
    """A tensor of constants: `payload` is little-endian, row-major; one element means a splat."""

    type: TensorType[Attribute]
    payload: bytes


def _int_format(element: IntegerType[int, Signedness]) -> str:
    width = element.width.data
    codes = {1: "?", 8: "b", 16: "h", 32: "i", 64: "q"}
    if width not in codes:
        raise ValueError(f"constants of {element} are not supported")
    code = codes[width]
    return code.upper() if element.signedness.data is Signedness.UNSIGNED and width > 1 else code


def encode(element: Attribute, values: Sequence[Scalar]) -> bytes:
    """The bytes of Python numbers as elements of the type."""
    if isinstance(element, BFloat16Type):
        return b"".join(struct.pack("<f", v)[2:] for v in values)
    code = _FLOAT_FORMATS.get(type(element))
    if code is None:
        integer = as_integer(element)
        if integer is None:
            raise ValueError(f"constants of {element} are not supported")
        code = _int_format(integer)
    return struct.pack(f"<{len(values)}{code}", *values)


def decode(element: Attribute, payload: bytes) -> tuple[Scalar, ...]:
    """The Python numbers of the bytes; the inverse of `encode`."""
    if isinstance(element, BFloat16Type):
        pairs = [payload[i : i + 2] for i in range(0, len(payload), 2)]
        return tuple(struct.unpack("<f", b"\0\0" + pair)[0] for pair in pairs)
    code = _FLOAT_FORMATS.get(type(element))
    if code is None:
        integer = as_integer(element)
        if integer is None:
            raise ValueError(f"constants of {element} are not supported")
        code = _int_format(integer)
    return struct.unpack(f"<{len(payload) // struct.calcsize(code)}{code}", payload)


def shortest(element: Attribute, value: float) -> str:
    """The shortest decimal text that reads back as the same element."""
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    exact = encode(element, [value])
    for digits in range(1, 18):
        text = f"{value:.{digits}g}"
        try:
            if encode(element, [float(text)]) == exact:
                return repr(float(text))
        except OverflowError:
            continue
    return repr(value)


def _element_text(element: Attribute, value: Scalar, raw: bytes) -> str:
    integer = as_integer(element)
    if integer is not None:
        return str(bool(value)).lower() if integer.width.data == 1 else str(value)
    if math.isnan(value):
        return "nan" if raw == encode(element, [math.nan]) else "0x" + raw[::-1].hex()
    return shortest(element, float(value))


def _element_bytes(element: Attribute, text: str) -> bytes:
    integer = as_integer(element)
    if integer is not None:
        if integer.width.data == 1:
            return encode(element, [{"true": True, "false": False}[text]])
        return encode(element, [int(text)])
    if text.startswith("0x"):
        return bytes.fromhex(text[2:])[::-1]
    return encode(element, [float(text)])


@irdl_attr_definition
class LiteralAttr(Data[Literal]):
    """
    A constant tensor: its elements as text, row-major, or one element for all.

    Every float prints as the shortest decimal that reads back to the same bits (`inf`, `-inf`,
    `nan`; other NaNs by their bits), so `parse(print(x)) == x` for every payload.

    ```mlir
    #lax.literal<"1.5" : tensor<8xf32>>
    #lax.literal<"inf, nan, -0.0, 16777216.0" : tensor<4xf32>>
    ```
    """

    name = "lax.literal"

    @staticmethod
    def of(type_: TensorType[Attribute], values: Sequence[Scalar]) -> LiteralAttr:
        """A literal from Python numbers in row-major order, or from one number for all."""
        return LiteralAttr.from_bytes(type_, encode(type_.get_element_type(), values))

    @staticmethod
    def from_bytes(type_: TensorType[Attribute], payload: bytes) -> LiteralAttr:
        """A literal from little-endian row-major bytes; equal elements become a splat."""
        width = len(encode(type_.get_element_type(), [0]))
        count = math.prod(type_.get_shape())
        if len(payload) not in (width, width * count):
            raise ValueError(f"{len(payload)} bytes do not fill {type_}")
        first = payload[:width]
        if first and payload == first * (len(payload) // width):
            payload = first
        return LiteralAttr(Literal(type_, payload))

    @property
    def type(self) -> TensorType[Attribute]:
        return self.data.type

    @property
    def values(self) -> tuple[Scalar, ...]:
        """The elements as Python numbers; one of them for a splat."""
        return decode(self.type.get_element_type(), self.data.payload)

    @property
    def splat(self) -> Scalar | None:
        """The one number that all elements are, if they are."""
        values = self.values
        return values[0] if len(values) == 1 else None

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Literal:
        with parser.in_angle_brackets():
            text = parser.parse_str_literal()
            parser.parse_punctuation(":")
            type_ = parser.parse_type()
            return parse_literal(parser, text, type_).data

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(self.text)
            printer.print_string(" : ")
            printer.print_attribute(self.type)

    @property
    def text(self) -> str:
        element, payload = self.type.get_element_type(), self.data.payload
        values = self.values
        width = len(payload) // max(len(values), 1)
        return ", ".join(
            _element_text(element, v, payload[i * width : (i + 1) * width])
            for i, v in enumerate(values)
        )


def parse_literal(parser: AttrParser, text: str, type_: Attribute) -> LiteralAttr:
    """Reads the elements of a constant; an error of the parser where they do not fit the type."""
    if not is_tensor(type_):
        parser.raise_error(f"a constant has a tensor type, not {type_}")
    element = type_.get_element_type()
    parts = [part for part in re.split(r"\s*,\s*", text.strip()) if part]
    try:
        payload = b"".join(_element_bytes(element, part) for part in parts)
        return LiteralAttr.from_bytes(TensorType(element, type_.get_shape()), payload)
    except struct.error:  # whose text differs between versions of Python
        parser.raise_error(f"this text is no constant of {type_}: a number is out of range")
    except (ValueError, KeyError, OverflowError) as error:
        parser.raise_error(f"this text is no constant of {type_}: {error}")
