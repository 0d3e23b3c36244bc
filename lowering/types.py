"""Types of JAX arrays as IR types, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from xdsl.dialects.builtin import (
    BFloat16Type,
    ComplexType,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    Signedness,
    TensorType,
    bf16,
    f16,
    f32,
    f64,
)
from xdsl.ir import Attribute

from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.dialects.lax import LiteralAttr
from relbo_ir.dialects.rng import KeyType

_REMEDY = "use arrays of real numbers, integers or booleans"
_FLOATS: dict[str, Attribute] = {"bfloat16": bf16, "float16": f16, "float32": f32, "float64": f64}
_FLOAT_NAMES: dict[type[Attribute], str] = {
    BFloat16Type: "bfloat16",
    Float16Type: "float16",
    Float32Type: "float32",
    Float64Type: "float64",
}


class NoIrType(UnsupportedError, TypeError):
    """A value of JAX's that IR has no type or no text for."""


def element_type(dtype: Any) -> Attribute:
    """The IR element type of a JAX dtype; `NoIrType` for a dtype that IR cannot hold."""
    if jnp.issubdtype(dtype, jax.dtypes.prng_key):
        if dtype != _key(()).dtype:
            raise NoIrType(f"keys of type {dtype} have no IR type", "use keys of the default kind")
        return KeyType()
    if jnp.issubdtype(dtype, jax.dtypes.extended):
        raise NoIrType(f"arrays of {dtype} have no IR type", _REMEDY)
    dtype = np.dtype(dtype)
    if dtype.name in _FLOATS:
        return _FLOATS[dtype.name]
    if dtype == np.bool_:
        return IntegerType(1)
    if dtype.kind == "i":
        return IntegerType(8 * dtype.itemsize)
    if dtype.kind == "u":
        return IntegerType(8 * dtype.itemsize, Signedness.UNSIGNED)
    if dtype.kind == "c":
        return ComplexType(f32 if dtype.itemsize == 8 else f64)
    raise NoIrType(f"arrays of {dtype} have no IR type", _REMEDY)


def dtype_name(element: Attribute) -> str:
    """The NumPy name of an IR element type."""
    if type(element) in _FLOAT_NAMES:
        return _FLOAT_NAMES[type(element)]
    if isinstance(element, IntegerType):
        width = element.width.data
        if width == 1:
            return "bool"
        return ("uint" if element.signedness.data is Signedness.UNSIGNED else "int") + str(width)
    if isinstance(element, ComplexType):
        return "complex64" if element.element_type == f32 else "complex128"
    raise TypeError(f"{element} is no element type of arrays")


def _key(shape: Sequence[int]) -> jax.ShapeDtypeStruct:
    if not shape:
        return jax.eval_shape(lambda: jax.random.key(0))
    return jax.eval_shape(lambda: jax.random.split(jax.random.key(0), tuple(shape)))


def ir_type(aval: Any) -> Attribute:
    """
    The IR type of anything with `shape` and `dtype`; a scalar key is `!rng.key`. `NoIrType` for what
    IR cannot hold.
    """
    if not hasattr(aval, "shape") or not hasattr(aval, "dtype"):
        raise NoIrType(f"a value of type {aval} has no IR type", _REMEDY)
    element = element_type(aval.dtype)
    if isinstance(element, KeyType) and not aval.shape:
        return element
    return TensorType(element, aval.shape)


def struct(type_: Attribute) -> jax.ShapeDtypeStruct:
    """Shape and dtype of a tensor type; a key's as well."""
    if isinstance(type_, KeyType):
        return _key(())
    if not isinstance(type_, TensorType):
        raise TypeError(f"{type_} is not a tensor")
    element = type_.get_element_type()
    if isinstance(element, KeyType):
        return _key(type_.get_shape())
    return jax.ShapeDtypeStruct(type_.get_shape(), np.dtype(dtype_name(element)))


def literal(value: Any) -> LiteralAttr:
    """
    A constant array as an attribute, bit for bit; `NoIrType` for elements without a text.
    """
    if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        raise NoIrType("a constant of random keys has no IR text", "pass the key as an argument")
    array = np.asarray(value)
    if array.dtype.kind == "c":
        raise NoIrType("a complex constant has no IR text", "compute it from real constants")
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    type_ = TensorType(element_type(array.dtype), array.shape)
    return LiteralAttr.from_bytes(type_, np.ascontiguousarray(little).tobytes())


def array_of(value: LiteralAttr) -> np.ndarray[Any, Any]:
    """The array that a literal holds."""
    name = dtype_name(value.type.get_element_type())
    flat = np.frombuffer(value.data.payload, dtype=jnp.dtype(name))
    shape = value.type.get_shape()
    return np.broadcast_to(flat[0], shape) if flat.size == 1 else flat.reshape(shape)
