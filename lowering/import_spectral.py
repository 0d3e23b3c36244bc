"""How Fourier transforms and the parts of complex numbers are written in `lax`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import ints
from relbo_ir.dialects.tensors import has_complex
from relbo_ir.lowering.import_rules import RULES, Built, known, like, make, rule

if TYPE_CHECKING:
    from relbo_ir.lowering.import_jaxpr import Importer


@rule("fft")
def _fft(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    if not known(equation.params, "fft_type", "fft_lengths"):
        return None
    kind, lengths = equation.params["fft_type"].name, equation.params["fft_lengths"]
    return make(lax.FftOp, equation, operands, kind=StringAttr(kind), lengths=ints(lengths))


@rule("real")
def _real(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    return lax.RealOp(operands[0]) if known(equation.params) else None


@rule("imag")
def _imag(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    return lax.ImagOp(operands[0]) if known(equation.params) else None


@rule("conj")
def _conj(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    """The conjugate of a complex x, from its parts."""
    (x,) = operands
    if not known(equation.params, "input_dtype") or not has_complex(x.type):
        return None
    real, imag = (importer.insert(op(x)).results[0] for op in (lax.RealOp, lax.ImagOp))
    minus = importer.insert(lax.elementwise("neg", imag)).results[0]
    return lax.ComplexOp(real, minus)


@rule("complex")
def _complex(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    shape = equation.outvars[0].aval.shape
    parts = [like(importer, v, shape) for v in operands]
    return lax.ComplexOp(*parts) if known(equation.params) else None


__all__ = ["RULES"]
