"""How JAX primitives that read windows or the whole of an axis are written in `lax`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import integer, ints
from relbo_ir.dialects.tensors import has_complex
from relbo_ir.lowering.import_rules import RULES, Built, known, like, make, precision_name, rule

if TYPE_CHECKING:
    from relbo_ir.lowering.import_jaxpr import Importer

_SPECS = ("lhs_spec", "rhs_spec", "out_spec")
_DILATIONS = ("lhs_dilation", "rhs_dilation")
_GROUPS = ("feature_group_count", "batch_group_count")
_READ = (
    *("dimension_numbers", "window_strides", "padding", "precision", "preferred_element_type"),
    *_DILATIONS,
    *_GROUPS,
)


@rule("conv_general_dilated")
def _convolution(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    params = equation.params
    out, precision = equation.outvars[0].aval.dtype, precision_name(params["precision"])
    preferred = params["preferred_element_type"]
    if not known(params, *_READ) or precision is None:
        return None
    if preferred not in (None, out) or any(v.aval.dtype != out for v in equation.invars):
        return None
    numbers, padding = params["dimension_numbers"], params["padding"]
    props: dict[str, Attribute] = {name: ints(getattr(numbers, name)) for name in _SPECS}
    props["window_strides"] = ints(params["window_strides"])
    props |= {name: ints([pair[k] for pair in padding]) for k, name in enumerate(("low", "high"))}
    props |= {name: ints(params[name]) for name in _DILATIONS}
    props |= {name: integer(params[name]) for name in _GROUPS}
    if precision != "DEFAULT":
        props["precision"] = StringAttr(precision)
    return make(lax.ConvGeneralDilatedOp, equation, operands, **props)


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
