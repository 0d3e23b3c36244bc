"""Parameters of JAX primitives as attributes of `lax.bind`, and back to Python text."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core
from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    NoneAttr,
    StringAttr,
    SymbolRefAttr,
    f64,
    i64,
)
from xdsl.ir import Attribute

_CLASSES: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        lax.GatherDimensionNumbers,
        lax.ScatterDimensionNumbers,
        lax.ConvDimensionNumbers,
        lax.GatherScatterMode,
        lax.Precision,
        lax.FftType,
        lax.RandomAlgorithm,
        lax.RoundingMethod,
    )
}


class CannotHold(ValueError):
    """A parameter that IR text has no form for."""


def encode(value: Any, function: Callable[[core.ClosedJaxpr], str]) -> Attribute:
    """A primitive's parameter as an attribute; `function` stores a jaxpr and gives its symbol."""
    if value is None:
        return NoneAttr()
    if isinstance(value, bool):
        return BoolAttr.from_bool(value)
    if isinstance(value, enum.Enum) and type(value).__name__ in _CLASSES:
        return _tagged("enum", f"{type(value).__name__}.{value.name}")
    if isinstance(value, (int, np.integer)):
        return IntegerAttr(int(value), i64)
    if isinstance(value, (float, np.floating)):
        return FloatAttr(float(value), f64)
    if isinstance(value, str):
        return StringAttr(value)
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return _tagged("dtype", np.dtype(value).name)
    if type(value).__name__ in _CLASSES:
        fields = {k: v for k, v in vars(value).items()} if hasattr(value, "__dict__") else {}
        fields = fields or value._asdict()
        encoded: dict[str, Attribute] = {k: encode(v, function) for k, v in fields.items()}
        return DictionaryAttr({"class": StringAttr(type(value).__name__), **encoded})
    if isinstance(value, (tuple, list)):
        return ArrayAttr([encode(v, function) for v in value])  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, core.ClosedJaxpr):
        return SymbolRefAttr(function(value))
    raise CannotHold(f"a parameter of type {type(value).__name__}")


def _tagged(tag: str, text: str) -> DictionaryAttr:
    return DictionaryAttr({tag: StringAttr(text)})


def python_text(attr: Attribute, function: Callable[[str], str]) -> str:
    """The Python expression of an encoded parameter; `function` names an emitted function."""
    match attr:
        case NoneAttr():
            return "None"
        case IntegerAttr():
            if attr.type != i64:
                return repr(bool(attr.value.data))
            return repr(attr.value.data)
        case FloatAttr():
            return float_text(attr.value.data)
        case StringAttr():
            return ascii(attr.data)
        case ArrayAttr():
            items = [python_text(a, function) for a in attr.data]
            return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"
        case SymbolRefAttr():
            return function(attr.string_value())
        case DictionaryAttr():
            return _dictionary_text(attr.data, function)
        case _:
            raise ValueError(f"{attr} is no parameter of a primitive")


def _dictionary_text(data: Any, function: Callable[[str], str]) -> str:
    def text(key: str) -> str:
        value = data.get(key)
        if not isinstance(value, StringAttr):
            raise ValueError(f"{key} is not a string")
        return value.data

    if set(data) == {"dtype"}:
        return f"jnp.dtype({jnp.dtype(text('dtype')).name!r})"
    if set(data) == {"enum"}:
        cls, _, member = text("enum").partition(".")
        if cls not in _CLASSES or not hasattr(_CLASSES[cls], member) or not member.isidentifier():
            raise ValueError(f"{text('enum')} is no member of a known enumeration")
        return f"lax.{cls}.{member}"
    if "class" in data and text("class") in _CLASSES:
        fields = [f"{k}={python_text(v, function)}" for k, v in data.items() if k != "class"]
        if not all(k.isidentifier() for k in data):
            raise ValueError("a field's name is no identifier")
        return f"lax.{text('class')}({', '.join(fields)})"
    raise ValueError("unknown kind of parameter")


def float_text(value: float) -> str:
    """A Python expression for a float, also for those that have no literal."""
    if math.isnan(value):
        return "np.nan"
    if math.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)
