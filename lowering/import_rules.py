"""How each JAX primitive is written in `lax`; None means: not in a form we know, so `lax.bind`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
from jax import lax as jlax
from xdsl.dialects.builtin import BoolAttr, StringAttr, TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import integer, ints
from relbo_ir.dialects.rng import KeyType
from relbo_ir.dialects.tensors import has_complex
from relbo_ir.lowering.types import array_of, element_type, ir_type, literal

if TYPE_CHECKING:
    from relbo_ir.lowering.import_jaxpr import Importer

Built = Operation | Sequence[SSAValue] | None
Rule = Callable[["Importer", Any, list[SSAValue]], Built]

RULES: dict[str, Rule] = {}

_WITHOUT_MEANING = {"sharding", "out_sharding", "accuracy", "weak_type", "out_dtype"}
"""Parameters that do not change values where they are None or False."""

_ELEMENTWISE = {name: name for name in lax.ELEMENTWISE} | {
    "not": "logical_not",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
    "copy_p": "copy",
    "add_any": "add",
}
_OURS_ALONE = {
    *("softplus", "logaddexp", "xlogy", "xlog1py", "betaln", "round_half_even", "round_half_away"),
    *("ndtri", "log_ndtr"),
    *("logical_not", "logical_and", "logical_or", "logical_xor"),
}


def known(params: dict[str, Any], *names: str) -> bool:
    """Whether every parameter is one of the names, or one without meaning here."""
    return all(
        key in names or (key in _WITHOUT_MEANING and (value is None or value is False))
        for key, value in params.items()
    )


def rule(name: str) -> Callable[[Rule], Rule]:
    """Registers the rule of a primitive."""

    def register(function: Rule) -> Rule:
        RULES[name] = function
        return function

    return register


def like(importer: Importer, value: SSAValue, shape: Sequence[int]) -> SSAValue:
    """
    An operand beside operands of that shape: rank 0, or of the same rank with axes of size 1,
    is broadcast, trailing axes aligned; a constant becomes a splat.
    """
    if not isinstance(value.type, TensorType) or value.type.get_shape() == tuple(shape):
        return value
    type_ = TensorType(value.type.get_element_type(), shape)
    if isinstance(owner := value.owner, lax.ConstantOp) and owner.value.splat is not None:
        wide = lax.LiteralAttr.from_bytes(type_, owner.value.data.payload)
        return importer.insert(lax.ConstantOp(wide)).results[0]
    first = len(shape) - len(value.type.get_shape())
    dimensions = range(first, len(shape))
    return importer.insert(lax.BroadcastInDimOp(value, type_, dimensions)).results[0]


_ANY_TYPE = {"scan", "while", "cond", "custom_jvp_call", "custom_vjp_call"}


def takes(equation: Any, operands: Sequence[SSAValue]) -> bool:
    """
    Whether the rule of an equation takes its types: a scalar key is no tensor, so beside calls of
    functions only `lax.bind` takes one.
    """
    return equation.primitive.name in _ANY_TYPE or not (
        any(isinstance(v.type, KeyType) for v in operands)
        or any(
            var.aval.shape == () and jax.numpy.issubdtype(var.aval.dtype, jax.dtypes.prng_key)
            for var in equation.outvars
        )
    )


def _elementwise(short: str) -> Rule:
    predicate = issubclass(lax.ELEMENTWISE[short], (lax.CompareOp, lax.PredicateOp))

    def build(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
        highest = equation.params.get("accuracy") is jlax.AccuracyMode.HIGHEST
        if not known(equation.params, *(["accuracy"] if highest else [])):
            return None
        dtypes = {atom.aval.dtype for atom in equation.invars}
        if len(dtypes) != 1 or not (predicate or dtypes == {equation.outvars[0].aval.dtype}):
            return None  # as |x| of a complex x, or xʸ for an integer array y
        shape = equation.outvars[0].aval.shape
        op = lax.elementwise(short, *[like(importer, v, shape) for v in operands])
        if highest:
            op.properties["accuracy"] = StringAttr("highest")
        return op

    return build


for _primitive, _short in _ELEMENTWISE.items():
    if _primitive not in _OURS_ALONE:
        RULES[_primitive] = _elementwise(_short)


def out_type(equation: Any) -> Attribute:
    """The type of an equation's first result."""
    return ir_type(equation.outvars[0].aval)


def make(
    cls: type[Operation], equation: Any, operands: Sequence[SSAValue], **props: Attribute
) -> Operation:
    """An op with the result types of an equation."""
    types = [ir_type(var.aval) for var in equation.outvars]
    return cls.create(operands=operands, result_types=types, properties=props)


@rule("round")
def _round(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    if not known(equation.params, "rounding_method"):
        return None
    even = equation.params["rounding_method"] == jlax.RoundingMethod.TO_NEAREST_EVEN
    return lax.elementwise("round_half_even" if even else "round_half_away", operands[0])


@rule("convert_element_type")
def _convert(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    params = dict(equation.params) | {"weak_type": False}
    if not known(params, "new_dtype"):
        return None
    if operands[0].type == out_type(equation):
        return [operands[0]]
    if (
        isinstance(owner := operands[0].owner, lax.ConstantOp)
        and equation.invars[0].aval.shape == ()
        and not has_complex(out_type(equation))
    ):
        with jax.ensure_compile_time_eval():
            value = jlax.convert_element_type(array_of(owner.value), equation.params["new_dtype"])
        return lax.ConstantOp(literal(value))
    return lax.ConvertOp(operands[0], element_type(equation.params["new_dtype"]))


@rule("bitcast_convert_type")
def _bitcast(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    same = equation.invars[0].aval.shape == equation.outvars[0].aval.shape
    if not same or not known(equation.params, "new_dtype"):
        return None
    return make(lax.BitcastOp, equation, operands)


@rule("integer_pow")
def _integer_pow(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    return make(lax.IntegerPowOp, equation, operands, exponent=integer(equation.params["y"]))


@rule("select_n")
def _select_n(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    shape = equation.outvars[0].aval.shape
    return lax.SelectNOp(operands[0], [like(importer, v, shape) for v in operands[1:]])


@rule("clamp")
def _clamp(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    return make(lax.ClampOp, equation, operands)


@rule("broadcast_in_dim")
def _broadcast(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    if not known(equation.params, "shape", "broadcast_dimensions") or len(operands) != 1:
        return None
    if isinstance(owner := operands[0].owner, lax.ConstantOp) and owner.value.splat is not None:
        out = out_type(equation)
        if isinstance(out, TensorType):
            return lax.ConstantOp(lax.LiteralAttr.from_bytes(out, owner.value.data.payload))
    dimensions = equation.params["broadcast_dimensions"]
    return lax.BroadcastInDimOp(operands[0], out_type(equation), dimensions)


@rule("reshape")
def _reshape(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    params = equation.params
    if params.get("dimensions") is not None or not known(params, "new_sizes", "dimensions"):
        return None
    return lax.ReshapeOp(operands[0], out_type(equation))


@rule("transpose")
def _transpose(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    return lax.TransposeOp(operands[0], equation.params["permutation"])


@rule("squeeze")
def _squeeze(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    axes = ints(equation.params["dimensions"])
    return make(lax.SqueezeOp, equation, operands, dimensions=axes)


@rule("concatenate")
def _concatenate(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    axis = integer(equation.params["dimension"])
    return make(lax.ConcatenateOp, equation, operands, dimension=axis)


@rule("stack")
def _stack(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    if not known(equation.params, "axis"):
        return None
    return make(lax.StackOp, equation, operands, axis=integer(equation.params["axis"]))


@rule("unstack")
def _unstack(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    if not known(equation.params, "axis"):
        return None
    return make(lax.UnstackOp, equation, operands, axis=integer(equation.params["axis"]))


@rule("split")
def _split(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    sizes = ints([int(n) for n in equation.params["sizes"]])
    axis = integer(equation.params["axis"])
    return make(lax.SplitOp, equation, operands, sizes=sizes, axis=axis)


@rule("slice")
def _slice(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    params = equation.params
    start = params["start_indices"]
    strides = params["strides"] or (1,) * len(start)
    return lax.SliceOp(operands[0], out_type(equation), start, params["limit_indices"], strides)


@rule("pad")
def _pad(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    config = equation.params["padding_config"]
    low, high, interior = (ints([c[k] for c in config]) for k in range(3))
    return make(lax.PadOp, equation, operands, low=low, high=high, interior=interior)


@rule("rev")
def _rev(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    axes = ints(equation.params["dimensions"])
    return make(lax.RevOp, equation, operands, dimensions=axes)


@rule("iota")
def _iota(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    if operands or not known(equation.params, "dtype", "shape", "dimension"):
        return None
    return make(lax.IotaOp, equation, [], dimension=integer(equation.params["dimension"]))


def _reduction(cls: type[lax.ReductionOp]) -> Rule:
    def build(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
        logical = cls in (lax.ReduceAndOp, lax.ReduceOrOp)
        if not known(equation.params, "axes") or (
            logical and equation.invars[0].aval.dtype != bool
        ):
            return None
        return cls(operands[0], equation.params["axes"])

    return build


def _argument(cls: type[lax.ArgumentOp]) -> Rule:
    def build(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
        if len(equation.params["axes"]) != 1:
            return None
        return make(cls, equation, operands, axis=integer(equation.params["axes"][0]))

    return build


def _cumulative(cls: type[lax.CumulativeOp]) -> Rule:
    def build(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
        params = equation.params
        reverse = BoolAttr.from_bool(params["reverse"])
        return make(cls, equation, operands, axis=integer(params["axis"]), reverse=reverse)

    return build


for _cls in (
    lax.ReduceSumOp,
    lax.ReduceProdOp,
    lax.ReduceMaxOp,
    lax.ReduceMinOp,
    lax.ReduceAndOp,
    lax.ReduceOrOp,
):
    RULES[_cls.name.removeprefix("lax.")] = _reduction(_cls)
for _cls in (lax.ArgmaxOp, lax.ArgminOp):
    RULES[_cls.name.removeprefix("lax.")] = _argument(_cls)
for _cls in (lax.CumsumOp, lax.CumprodOp, lax.CummaxOp, lax.CumminOp, lax.CumlogsumexpOp):
    RULES[_cls.name.removeprefix("lax.")] = _cumulative(_cls)


@rule("sort")
def _sort(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    params = equation.params
    return make(
        lax.SortOp,
        equation,
        operands,
        dimension=integer(params["dimension"]),
        is_stable=BoolAttr.from_bool(params["is_stable"]),
        num_keys=integer(params["num_keys"]),
    )


@rule("cholesky")
def _cholesky(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    return make(lax.CholeskyOp, equation, operands) if known(equation.params) else None


_SOLVE = ("left_side", "lower", "transpose_a", "unit_diagonal")


@rule("triangular_solve")
def _triangular_solve(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    params = dict(equation.params)
    if params.pop("conjugate_a") or not known(params, *_SOLVE):
        return None
    props = {name: BoolAttr.from_bool(bool(params[name])) for name in _SOLVE}
    return make(lax.TriangularSolveOp, equation, operands, **props)


def precision_name(given: Any) -> str | None:
    """How precisely both factors of a product are read; None for what IR cannot say."""
    left, right = given if isinstance(given, tuple) else (given, given)  # pyright: ignore[reportUnknownVariableType]
    if left is None and right is None:
        return "DEFAULT"
    return left.name if left == right and isinstance(left, jlax.Precision) else None


@rule("dot_general")
def _dot_general(importer: Importer, equation: Any, operands: list[SSAValue]) -> Built:
    params = equation.params
    names = ("dimension_numbers", "precision", "preferred_element_type")
    out, precision = equation.outvars[0].aval.dtype, precision_name(params["precision"])
    preferred = params["preferred_element_type"]
    if not known(params, *names) or (preferred is not None and preferred != out):
        return None
    types = [v.aval.dtype for v in equation.invars]
    if any(t != out and not (out.kind == "f" and t.kind in "iub") for t in types):
        return None
    if precision is None:
        return None
    (xc, yc), (xb, yb) = params["dimension_numbers"]
    props: dict[str, Attribute] = {
        "x_contract": ints(xc),
        "y_contract": ints(yc),
        "x_batch": ints(xb),
        "y_batch": ints(yb),
    }
    if precision != "DEFAULT":
        props["precision"] = StringAttr(precision)
    same = [
        x if t == out else importer.insert(lax.ConvertOp(x, element_type(out))).results[0]
        for x, t in zip(operands, types, strict=True)
    ]
    return make(lax.DotGeneralOp, equation, same, **props)
