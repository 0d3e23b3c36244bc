"""How JAX primitives that read windows of an array are written in `lax`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import integer, ints
from relbo_ir.lowering.import_rules import RULES, Built, known, make, precision_name, rule

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


__all__ = ["RULES"]
