"""Parameters of JAX primitives as attributes of `lax.bind`, and back to Python text."""

from __future__ import annotations

import enum
import keyword
import math
from collections.abc import Callable, Mapping
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
    NoneType,
    StringAttr,
    SymbolRefAttr,
    f64,
    i1,
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
        return NoneType()
    if isinstance(value, bool):
        return BoolAttr.from_bool(value)
    cls: Any = type(value)
    known = _CLASSES.get(cls.__name__) is cls
    if issubclass(cls, enum.Enum):
        if not known:
            raise CannotHold(f"a member of the enumeration {cls.__name__}")
        return _tagged("enum", f"{cls.__name__}.{value.name}")
    if isinstance(value, (int, np.integer)):
        if not -(2**63) <= int(value) < 2**63:
            raise CannotHold(f"{value}, more than 64 bits")
        return IntegerAttr(int(value), i64)
    if isinstance(value, (float, np.floating)):
        return FloatAttr(float(value), f64)
    if cls is str:
        if not value.isascii():
            raise CannotHold(f"{value!r}, which is not ASCII")
        return StringAttr(value)
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return _tagged("dtype", np.dtype(value).name)
    if known:
        fields = vars(value) if hasattr(value, "__dict__") else value._asdict()
        encoded: dict[str, Attribute] = {k: encode(v, function) for k, v in fields.items()}
        return DictionaryAttr({"class": StringAttr(cls.__name__), **encoded})
    if cls.__name__ == "PRNGImpl":  # of the default kind: the keys' types are checked
        return StringAttr(value.name)
    if cls in (tuple, list):
        items: Any = value
        return ArrayAttr([encode(v, function) for v in items])
    if isinstance(value, core.ClosedJaxpr):
        return SymbolRefAttr(function(value))
    raise CannotHold(f"a parameter of type {type(value).__name__}")


def _tagged(tag: str, text: str) -> DictionaryAttr:
    return DictionaryAttr({tag: StringAttr(text)})


def python_text(attr: Attribute, function: Callable[[str], str]) -> str:
    """The Python expression of an encoded parameter; `function` names an emitted function."""
    match attr:
        case NoneType():
            return "None"
        case IntegerAttr():
            return repr(bool(attr.value.data) if attr.type == i1 else attr.value.data)
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
        try:
            name = jnp.dtype(text("dtype")).name
        except TypeError as error:
            raise ValueError(f"{text('dtype')!r} is no dtype") from error
        return f"jnp.dtype({name!r})"
    if set(data) == {"enum"}:
        cls, _, member = text("enum").partition(".")
        if member not in getattr(_CLASSES.get(cls), "__members__", ()):
            raise ValueError(f"{text('enum')!r} is no member of a known enumeration")
        return f"lax.{cls}.{member}"
    if "class" in data and text("class") in _CLASSES:
        fields = {k: v for k, v in data.items() if k != "class"}
        return f"lax.{text('class')}({', '.join(keywords_text(fields, function))})"
    raise ValueError(f"{sorted(data)} is no kind of parameter")


def keywords_text(parameters: Mapping[str, Attribute], function: Callable[[str], str]) -> list[str]:
    """Encoded parameters as the keyword arguments of a call; ValueError for a hostile name."""
    for key in parameters:
        if not (key.isascii() and key.isidentifier()) or keyword.iskeyword(key):
            raise ValueError(f"{key!r} is no name of a parameter")
    return [f"{key}={python_text(value, function)}" for key, value in parameters.items()]


def float_text(value: float) -> str:
    """A Python expression for a float, also for those that have no literal."""
    if math.isnan(value):
        return "np.nan"
    if math.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)
