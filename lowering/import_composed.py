"""Primitives of some JAX versions that are written in others: they are imported as these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from relbo_ir.dialects import lax
from relbo_ir.lowering.import_rules import RULES, Built, known, like, out_type, rule

if TYPE_CHECKING:
    from relbo_ir.lowering.import_jaxpr import Importer


def _apply(importer: Importer, short: str, *operands: SSAValue) -> SSAValue:
    return importer.insert(lax.elementwise(short, *operands)).results[0]


def _splat(importer: Importer, equation: Any, number: float) -> SSAValue:
    return importer.insert(lax.ConstantOp.splat(out_type(equation), number)).results[0]


@rule("one_minus_square")
def _one_minus_square(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    """(1 + x)(1 − x), as JAX lowers it."""
    if not known(equation.params) or not np.issubdtype(equation.outvars[0].aval.dtype, np.floating):
        return None
    one, (x,) = _splat(importer, equation, 1.0), operands
    above, below = _apply(importer, "add", one, x), _apply(importer, "sub", one, x)
    return [_apply(importer, "mul", above, below)]


@rule("polynomial")
def _polynomial(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    """Horner's rule from the highest coefficient down, as JAX lowers it."""
    if not known(equation.params, "unroll"):
        return None
    shape = equation.outvars[0].aval.shape
    x, *coefficients = [like(importer, v, shape) for v in operands]
    value = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = _apply(importer, "add", _apply(importer, "mul", value, x), coefficient)
    return [value]


@rule("empty")
def _empty(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    """An array that is written before it is read; 0 until then, as JAX lowers it."""
    dtype, type_ = equation.outvars[0].aval.dtype, out_type(equation)
    if not isinstance(type_, TensorType) or not np.issubdtype(dtype, np.generic):
        return None
    zero = lax.LiteralAttr.from_bytes(type_, np.zeros((), dtype).tobytes())
    return lax.ConstantOp(zero)


rule("empty2")(_empty)

__all__ = ["RULES"]
