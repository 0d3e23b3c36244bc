"""What the results of deterministic ops lie in, from what their operands lie in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    Signedness,
    i1,
)
from xdsl.ir import Attribute, Operation, SSAValue

from relbo_ir.dialects import lax, prob
from relbo_ir.dialects.lax import shape_of, tuple_of
from relbo_ir.dialects.tensors import as_integer, element_of, has_complex, has_floats
from relbo_ir.passes.analyses.ranges import ANY, NONNEGATIVE, POSITIVE, UNIT, Ends, Range, joined

_INCREASING: dict[str, Callable[[Ends], Ends]] = {
    "lax.exp": np.exp,
    "lax.exp2": np.exp2,
    "lax.expm1": np.expm1,
    "lax.log1p": np.log1p,
    "lax.sinh": np.sinh,
    "lax.asinh": np.arcsinh,
    "lax.atan": np.arctan,
    "lax.tanh": np.tanh,
    "lax.sqrt": np.sqrt,
    "lax.cbrt": np.cbrt,
    "lax.log": np.log,
    "lax.logistic": lambda end: 1 / (1 + np.exp(-end)),
    "lax.softplus": lambda end: np.logaddexp(end, 0.0),
}
_FROM_ZERO = {"lax.sqrt", "lax.log"}
"""Functions of what is not negative."""
_POSITIVE = {"lax.exp", "lax.exp2", "lax.logistic", "lax.softplus"}
_IMAGES = {
    "lax.sin": Range.of(-1.0, 1.0),
    "lax.cos": Range.of(-1.0, 1.0),
    "lax.sign": Range.of(-1.0, 1.0),
    "lax.erf": Range.of(-1.0, 1.0, above=True, below=True),
    "lax.erfc": Range.of(0.0, 2.0, above=True, below=True),
    "lax.cosh": Range.of(1.0, math.inf),
    "lax.bessel_i0e": Range.of(0.0, 1.0, above=True),
    "lax.log_ndtr": Range.of(-math.inf, 0.0, below=True),
}
"""What these return, of whatever they are given."""
_REARRANGED = {
    "lax.transpose",
    "lax.rev",
    "lax.split",
    "lax.unstack",
    "lax.dynamic_slice",
    "lax.reduce_max",
    "lax.reduce_min",
    "lax.cummax",
    "lax.cummin",
}
"""Each element of the result is one of the first operand's."""
_GATHERED = {"lax.concatenate", "lax.stack", "lax.pad", "lax.sort"}
"""Each element of the result is one of an operand's."""
_SUMS = {"lax.reduce_sum", "lax.cumsum"}
_PRODUCTS = {"lax.reduce_prod", "lax.cumprod"}
_LOG_SUMS = {"lax.logsumexp", "lax.cumlogsumexp"}


def result_range(op: Operation, given: Sequence[Range]) -> Range:
    """What an op's results lie in, of operands that lie in these."""
    name = op.name
    match name:
        case _ if name in _INCREASING:
            return increasing(name, given[0])
        case _ if name in _IMAGES:
            return _IMAGES[name]
        case _ if name in _REARRANGED and _has_elements(op.operands[0]):
            return given[0].hull()
        case _ if name in _GATHERED:
            return joined(r.hull() for r in given)
        case _ if name in _SUMS:
            return _sum(op, given[0].hull())
        case _ if name in _PRODUCTS:
            return _product(op, given[0].hull())
        case _ if name in _LOG_SUMS and _has_elements(op.operands[0]):
            return Range.of(given[0].hull().low, math.inf, above=given[0].above)
        case _:
            return _arithmetic(op, given)


def _arithmetic(op: Operation, given: Sequence[Range]) -> Range:
    match op.name:
        case "lax.neg":
            return -given[0]
        case "lax.add":
            return given[0] + given[1]
        case "lax.sub":
            return given[0] - given[1]
        case "lax.mul" if op.operands[0] is op.operands[1]:
            return given[0].power(2)
        case "lax.square":
            return given[0].power(2)
        case "lax.mul":
            return given[0] * given[1]
        case "lax.div":
            return given[0] / given[1] if has_floats(op.results[0].type) else ANY
        case "lax.rsqrt" if given[0].nonnegative:
            return increasing("lax.sqrt", given[0]).reciprocal()
        case "lax.pow" if given[0].positive:
            return POSITIVE
        case "lax.abs":
            return given[0].magnitude()
        case "lax.max":
            return given[0].maximum(given[1])
        case "lax.min":
            return given[0].minimum(given[1])
        case "lax.clamp":
            return given[1].maximum(given[0]).minimum(given[2])
        case "lax.logaddexp":
            low, high = (np.logaddexp(*(getattr(r, end) for r in given)) for end in ("low", "high"))
            return Range.of(low, high, any(r.above for r in given), any(r.below for r in given))
        case "lax.copy" | "lax.stop_gradient":
            return given[0]
        case _:
            return _structured(op, given)


def _structured(op: Operation, given: Sequence[Range]) -> Range:
    match op:
        case lax.ConstantOp():
            return _constant(op)
        case lax.IotaOp() if op.is_exact:
            return NONNEGATIVE
        case lax.IntegerPowOp():
            return given[0].power(op.exponent.value.data)
        case lax.ConvertOp():
            return _converted(op, given[0])
        case lax.GatherOp():
            return _gathered(op, given[0].hull())
        case lax.SelectNOp():
            return joined(given[1:])
        case lax.DotGeneralOp() if all(_has_elements(v) for v in op.operands):
            return _sign_of_products(given)
        case lax.ConvGeneralDilatedOp() if all(_has_elements(v) for v in op.operands):
            products = _sign_of_products(given)
            return products if _every_window_meets(op) else products.join(Range.point(0.0))
        case lax.DynamicUpdateSliceOp():
            return given[0].hull().join(given[1].hull())
        case lax.ScatterBase():
            return _scattered(op, given[0].hull(), given[2].hull())
        case lax.ReshapeOp() | lax.SqueezeOp():
            before, after = shape_of(op.operands[0]), shape_of(op.results[0])
            return given[0].shaped(lambda end: np.broadcast_to(end, before).reshape(after))
        case lax.BroadcastInDimOp():
            axes, after = tuple_of(op.dimensions), shape_of(op.result)
            before = shape_of(op.operands[0])
            wide = [before[axes.index(k)] if k in axes else 1 for k in range(len(after))]
            return given[0].shaped(lambda end: np.broadcast_to(end, before).reshape(wide))
        case lax.SliceOp():
            before = shape_of(op.operands[0])
            ends = (tuple_of(numbers) for numbers in (op.start, op.limit, op.strides))
            taken = tuple(slice(*end) for end in zip(*ends, strict=True))
            return given[0].shaped(lambda end: np.broadcast_to(end, before)[taken])
        case _:
            return ANY


def increasing(name: str, base: Range) -> Range:
    """The image of a range; of all numbers where the function is not defined on all of it."""
    if name in _FROM_ZERO and not base.nonnegative:
        return NONNEGATIVE if name == "lax.sqrt" else ANY
    image = base.through(_INCREASING[name])
    positive = name in _POSITIVE or (name == "lax.sqrt" and base.positive)
    return image.made_positive() if positive else image


def _sum(op: Operation, terms: Range) -> Range:
    if not _has_elements(op.operands[0]):
        return ANY
    if terms.nonnegative:
        return Range.of(terms.low, math.inf, above=terms.above)
    return -_sum(op, -terms) if (-terms).nonnegative else ANY


def _scattered(op: lax.ScatterBase, x: Range, updates: Range) -> Range:
    """Where any number of updates may land on an element."""
    match op:
        case lax.ScatterOp() | lax.ScatterMinOp() | lax.ScatterMaxOp():
            return x.join(updates)
        case lax.ScatterAddOp() if updates.nonnegative:
            return Range.of(x.low, math.inf, above=x.above)
        case lax.ScatterMulOp() if x.nonnegative and updates.nonnegative:
            return POSITIVE if x.positive and updates.positive else NONNEGATIVE
        case _:
            return ANY


def _sign_of_products(given: Sequence[Range]) -> Range:
    """What sums of some products of an element of each operand are, by their signs."""
    signs = [r.hull().widened() for r in given]
    product = signs[0] * signs[1]
    return product.widened() if product.nonnegative or (-product).nonnegative else ANY


def _every_window_meets(op: lax.ConvGeneralDilatedOp) -> bool:
    """Whether every window is proved to read an element, and not padding alone."""
    taps = [shape_of(op.kernel)[k] for k in tuple_of(op.rhs_spec)[2:]]
    dense = {*tuple_of(op.lhs_dilation), *tuple_of(op.rhs_dilation)} <= {1}
    around = zip(tuple_of(op.low), tuple_of(op.high), taps, strict=True)
    return dense and all(max(low, high) < count for low, high, count in around)


def _product(op: Operation, factors: Range) -> Range:
    if not factors.nonnegative or not _has_elements(op.operands[0]):
        return ANY
    return POSITIVE if factors.positive else NONNEGATIVE


def _constant(op: lax.ConstantOp) -> Range:
    numbers = np.asarray(op.value.values, dtype=np.float64)
    return Range.point(numbers[0] if numbers.size == 1 else numbers.reshape(shape_of(op.result)))


def _converted(op: lax.ConvertOp, base: Range) -> Range:
    if element_of(op.result.type) == i1:
        return UNIT  # whether x is not 0
    whole = has_floats(op.x.type) and not has_floats(op.result.type)
    return _truncated(base) if whole else base


def _gathered(op: lax.GatherOp, base: Range) -> Range:
    """Elements of the operand, or what is read beyond it; a float that is none is not counted."""
    if op.mode.data != "fill":
        return base
    fill = None if op.fill_value is None else op.fill_value.splat
    if fill is not None:
        return base.join(Range.point(float(fill)))
    return base if has_floats(op.result.type) else ANY


def _truncated(base: Range) -> Range:
    """The whole numbers that these are rounded to, towards 0."""
    return Range.of(np.trunc(base.low), np.trunc(base.high))


def held(value: SSAValue, found: Range) -> Range:
    """What the elements of a value can be: integers wrap around where arithmetic passes an end."""
    element, owner = element_of(value.type), value.owner
    if has_complex(value.type):
        return ANY
    if element == i1:
        return found if found.within(UNIT) else UNIT
    integer = as_integer(element)
    if integer is None:
        return found
    width, signed = integer.width.data, integer.signedness.data is not Signedness.UNSIGNED
    low, high = (-(2.0 ** (width - 1)), 2.0 ** (width - 1)) if signed else (0.0, 2.0**width)
    every = Range.of(low, high - 1)
    if isinstance(owner, (prob.SampleOp, prob.DrawOp, prob.ScanOp, lax.IotaOp)):
        return found.meet(every)
    return found if found.within(every) else ANY


def _has_elements(value: SSAValue) -> bool:
    return 0 not in shape_of(value)


_ROUNDING = {
    Float64Type: 2.0**-52,
    Float32Type: 2.0**-23,
    Float16Type: 2.0**-10,
    BFloat16Type: 2.0**-7,
}


def rounding(element: Attribute | None) -> float:
    """The relative spacing of the numbers of an element type."""
    return next((step for type_, step in _ROUNDING.items() if isinstance(element, type_)), 0.0)
