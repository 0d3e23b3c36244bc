"""The Python expression of each op: public `jax.lax`, `jax.numpy` and `jax.random` calls alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, StringAttr, SymbolRefAttr, TensorType, i64
from xdsl.dialects.func import CallOp
from xdsl.ir import Attribute, Operation, SSAValue

from relbo_ir.dialects import lax, rng
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of, tuple_of
from relbo_ir.lowering.parameters import float_text, keywords_text
from relbo_ir.lowering.types import array_of, dtype_name

if TYPE_CHECKING:
    from relbo_ir.lowering.emit import FunctionEmitter

Emit = Callable[["FunctionEmitter", Operation], str]
A = TypeVar("A", bound=Attribute)
EMIT: dict[type[Operation], Emit] = {}

_SPECIAL = {
    "softplus": "jnp.logaddexp({0}, 0.0)",
    "logaddexp": "jnp.logaddexp({0}, {1})",
    "xlogy": "jsp.xlogy({0}, {1})",
    "xlog1py": "jsp.xlog1py({0}, {1})",
    "betaln": "jsp.betaln({0}, {1})",
    "round_half_even": "lax.round({0}, lax.RoundingMethod.TO_NEAREST_EVEN)",
    "round_half_away": "lax.round({0}, lax.RoundingMethod.AWAY_FROM_ZERO)",
    "logical_not": "lax.bitwise_not({0})",
    "logical_and": "lax.bitwise_and({0}, {1})",
    "logical_or": "lax.bitwise_or({0}, {1})",
    "logical_xor": "lax.bitwise_xor({0}, {1})",
    "abs": "lax.abs({0})",
    "copy": "jnp.copy({0})",
    "regularized_incomplete_beta": "lax.betainc({0}, {1}, {2})",
}


def emits(*classes: type[Operation]) -> Callable[[Emit], Emit]:
    """Registers the expression of op classes."""

    def register(function: Emit) -> Emit:
        for cls in classes:
            EMIT[cls] = function
        return function

    return register


def element_of(value: SSAValue) -> str:
    """The NumPy dtype name of a tensor value's elements."""
    if not isinstance(value.type, TensorType):
        raise TypeError(f"{value.type} is not a tensor")
    return dtype_name(value.type.get_element_type())


def dtype_text(value: SSAValue) -> str:
    """`jnp.float32` and the like."""
    name = element_of(value)
    return f"jnp.{'bool_' if name == 'bool' else name}"


def scalar_text(value: lax.Scalar) -> str:
    """A Python number as an expression."""
    return float_text(value) if isinstance(value, float) else repr(value)


def typed_scalar_text(constant: lax.ConstantOp, splat: lax.Scalar) -> str:
    """
    The element of a splat as an operand of an elementwise `lax` function. These functions do not
    promote: under x64 a Python number fits float64 alone.
    """
    dtype = element_of(constant.result)
    if dtype == "float64":
        return scalar_text(splat)
    number = constant.value.text if isinstance(splat, float) else repr(splat)
    if isinstance(splat, float) and not math.isfinite(splat):
        number = float_text(splat)
    return f"{'jnp' if dtype == 'bfloat16' else 'np'}.{'bool_' if dtype == 'bool' else dtype}({number})"


def _elementwise(short: str) -> Emit:
    pattern = _SPECIAL.get(short)

    def emit(em: FunctionEmitter, op: Operation) -> str:
        names = em.mixed_operands(op.operands)
        if pattern is not None:
            return pattern.format(*names)
        return f"lax.{short}({', '.join(names)})"

    return emit


for _short, _cls in lax.ELEMENTWISE.items():
    EMIT[_cls] = _elementwise(_short)


@emits(lax.ConstantOp)
def _constant(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.ConstantOp):
        raise TypeError(op.name)
    value, dtype = op.value, dtype_text(op.result)
    splat, shape = value.splat, shape_of(op.result)
    if value.text.startswith("0x") or ", 0x" in value.text:
        flat = f"np.frombuffer({value.data.payload!r}, np.dtype({element_of(op.result)!r}))"
        return (
            f"np.broadcast_to({flat}, {shape})" if splat is not None else f"{flat}.reshape({shape})"
        )
    if splat is not None:
        return f"jnp.full({shape}, {scalar_text(splat)}, {dtype})"
    flat = [scalar_text(v) for v in array_of(value).reshape(-1).tolist()]
    text = f"np.array([{', '.join(flat)}], {dtype})"
    return text if len(shape) == 1 else f"{text}.reshape({shape})"


@emits(lax.ConvertOp)
def _convert(em: FunctionEmitter, op: Operation) -> str:
    return f"lax.convert_element_type({em.name(op.operands[0])}, {dtype_text(op.results[0])})"


@emits(lax.BroadcastInDimOp)
def _broadcast(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.BroadcastInDimOp):
        raise TypeError(op.name)
    x, shape, dims = em.name(op.x), shape_of(op.result), tuple_of(op.dimensions)
    return f"lax.broadcast_in_dim({x}, {shape}, {dims})"


@emits(lax.ReshapeOp)
def _reshape(em: FunctionEmitter, op: Operation) -> str:
    return f"lax.reshape({em.name(op.operands[0])}, {shape_of(op.results[0])})"


@emits(lax.TransposeOp)
def _transpose(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.TransposeOp):
        raise TypeError(op.name)
    return f"lax.transpose({em.name(op.x)}, {tuple_of(op.permutation)})"


@emits(lax.SqueezeOp)
def _squeeze(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.SqueezeOp):
        raise TypeError(op.name)
    return f"lax.squeeze({em.name(op.x)}, {tuple_of(op.dimensions)})"


@emits(lax.ConcatenateOp)
def _concatenate(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.ConcatenateOp):
        raise TypeError(op.name)
    return f"lax.concatenate({em.list_of(op.xs)}, {op.dimension.value.data})"


@emits(lax.StackOp)
def _stack(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.StackOp):
        raise TypeError(op.name)
    return f"jnp.stack({em.list_of(op.xs)}, {op.axis.value.data})"


@emits(lax.UnstackOp)
def _unstack(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.UnstackOp):
        raise TypeError(op.name)
    return f"jnp.unstack({em.name(op.x)}, axis={op.axis.value.data})"


@emits(lax.SplitOp)
def _split(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.SplitOp):
        raise TypeError(op.name)
    return f"lax.split({em.name(op.x)}, {tuple_of(op.sizes)}, {op.axis.value.data})"


@emits(lax.SliceOp)
def _slice(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.SliceOp):
        raise TypeError(op.name)
    parts = [tuple_of(a) for a in (op.start, op.limit, op.strides)]
    return f"lax.slice({em.name(op.x)}, {', '.join(map(str, parts))})"


@emits(lax.PadOp)
def _pad(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.PadOp):
        raise TypeError(op.name)
    config = list(zip(tuple_of(op.low), tuple_of(op.high), tuple_of(op.interior), strict=True))
    return f"lax.pad({em.name(op.x)}, {em.name(op.value)}, {config})"


@emits(lax.RevOp)
def _rev(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.RevOp):
        raise TypeError(op.name)
    return f"lax.rev({em.name(op.x)}, {tuple_of(op.dimensions)})"


@emits(lax.IotaOp)
def _iota(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.IotaOp):
        raise TypeError(op.name)
    axis = op.dimension.value.data
    return f"lax.broadcasted_iota({dtype_text(op.result)}, {shape_of(op.result)}, {axis})"


_REDUCTIONS: dict[type[lax.ReductionOp], str] = {
    lax.ReduceSumOp: "lax.reduce_sum({x}, {axes})",
    lax.ReduceProdOp: "lax.reduce_prod({x}, {axes})",
    lax.ReduceMaxOp: "lax.reduce_max({x}, {axes})",
    lax.ReduceMinOp: "lax.reduce_min({x}, {axes})",
    lax.ReduceAndOp: "lax.reduce_and({x}, {axes})",
    lax.ReduceOrOp: "lax.reduce_or({x}, {axes})",
    lax.LogSumExpOp: "jsp.logsumexp({x}, {axes})",
}


@emits(*_REDUCTIONS)
def _reduction(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.ReductionOp):
        raise TypeError(op.name)
    return _REDUCTIONS[type(op)].format(x=em.name(op.x), axes=tuple_of(op.axes))


@emits(lax.ArgmaxOp, lax.ArgminOp)
def _argument(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.ArgumentOp):
        raise TypeError(op.name)
    name = op.name.removeprefix("lax.")
    return f"lax.{name}({em.name(op.x)}, {op.axis.value.data}, {dtype_text(op.result)})"


@emits(lax.CumsumOp, lax.CumprodOp, lax.CummaxOp, lax.CumminOp, lax.CumlogsumexpOp)
def _cumulative(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.CumulativeOp):
        raise TypeError(op.name)
    name, reverse = op.name.removeprefix("lax."), bool(op.reverse)
    return f"lax.{name}({em.name(op.x)}, axis={op.axis.value.data}, reverse={reverse})"


@emits(lax.SortOp)
def _sort(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.SortOp):
        raise TypeError(op.name)
    operands = ", ".join(em.name(x) for x in op.xs)
    options = f"is_stable={bool(op.is_stable)}, num_keys={op.num_keys.value.data}"
    return f"lax.sort(({operands},), dimension={op.dimension.value.data}, {options})"


@emits(lax.DotGeneralOp)
def _dot_general(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.DotGeneralOp):
        raise TypeError(op.name)
    contract = (tuple_of(op.x_contract), tuple_of(op.y_contract))
    batch = (tuple_of(op.x_batch), tuple_of(op.y_batch))
    precision = ""
    if op.precision is not None:
        if op.precision.data not in ("HIGH", "HIGHEST"):
            raise ValueError(f"unknown precision {op.precision.data}")
        precision = f", precision=lax.Precision.{op.precision.data}"
    return f"lax.dot_general({em.name(op.x)}, {em.name(op.y)}, {(contract, batch)}{precision})"


@emits(lax.DynamicSliceOp)
def _dynamic_slice(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.DynamicSliceOp):
        raise TypeError(op.name)
    arguments = f"{em.name(op.x)}, {em.list_of(op.starts)}, {tuple_of(op.sizes)}"
    return f"lax.dynamic_slice({arguments}, allow_negative_indices=False)"


@emits(lax.DynamicUpdateSliceOp)
def _dynamic_update_slice(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.DynamicUpdateSliceOp):
        raise TypeError(op.name)
    arguments = f"{em.name(op.x)}, {em.name(op.update)}, {em.list_of(op.starts)}"
    return f"lax.dynamic_update_slice({arguments}, allow_negative_indices=False)"


_MODES = {
    "clip": "lax.GatherScatterMode.CLIP",
    "fill": "lax.GatherScatterMode.FILL_OR_DROP",
    "promise_in_bounds": "lax.GatherScatterMode.PROMISE_IN_BOUNDS",
}


@emits(lax.GatherOp)
def _gather(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.GatherOp):
        raise TypeError(op.name)
    numbers = (
        f"lax.GatherDimensionNumbers(offset_dims={tuple_of(op.offset_dims)}, "
        f"collapsed_slice_dims={tuple_of(op.collapsed_slice_dims)}, "
        f"start_index_map={tuple_of(op.start_index_map)}, "
        f"operand_batching_dims={tuple_of(op.operand_batching_dims)}, "
        f"start_indices_batching_dims={tuple_of(op.start_indices_batching_dims)})"
    )
    fill = "" if op.fill_value is None else f", fill_value={scalar_text(op.fill_value.values[0])}"
    return (
        f"lax.gather({em.name(op.x)}, {em.name(op.indices)}, {numbers}, {tuple_of(op.slice_sizes)}, "
        f"indices_are_sorted={bool(op.indices_are_sorted)}, "
        f"unique_indices={bool(op.unique_indices)}, mode={_MODES[op.mode.data]}{fill})"
    )


@emits(lax.ScatterOp, lax.ScatterAddOp)
def _scatter(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.ScatterBase):
        raise TypeError(op.name)
    numbers = (
        f"lax.ScatterDimensionNumbers(update_window_dims={tuple_of(op.update_window_dims)}, "
        f"inserted_window_dims={tuple_of(op.inserted_window_dims)}, "
        f"scatter_dims_to_operand_dims={tuple_of(op.scatter_dims_to_operand_dims)}, "
        f"operand_batching_dims={tuple_of(op.operand_batching_dims)}, "
        f"scatter_indices_batching_dims={tuple_of(op.scatter_indices_batching_dims)})"
    )
    names = ", ".join(em.name(v) for v in op.operands)
    return (
        f"lax.{op.name.removeprefix('lax.')}({names}, {numbers}, "
        f"indices_are_sorted={bool(op.indices_are_sorted)}, "
        f"unique_indices={bool(op.unique_indices)}, mode={_MODES[op.mode.data]})"
    )


@emits(lax.SelectNOp)
def _select_n(em: FunctionEmitter, op: Operation) -> str:
    return f"lax.select_n({', '.join(em.name(v) for v in op.operands)})"


@emits(lax.ClampOp)
def _clamp(em: FunctionEmitter, op: Operation) -> str:
    return f"lax.clamp({', '.join(em.name(v) for v in op.operands)})"


@emits(lax.IntegerPowOp)
def _integer_pow(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.IntegerPowOp):
        raise TypeError(op.name)
    return f"lax.integer_pow({em.name(op.x)}, {op.exponent.value.data})"


@emits(lax.CustomJvpOp, lax.CustomVjpOp)
def _custom(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, (lax.CustomJvpOp, lax.CustomVjpOp)):
        raise TypeError(op.name)
    function = em.module.custom_function(op)
    return em.unpack(op, f"{function}({', '.join(em.name(v) for v in op.arguments)})")


@emits(CallOp)
def _call(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, CallOp):
        raise TypeError(op.name)
    function = em.module.function(op.callee.string_value())
    return em.unpack(op, f"{function}({', '.join(em.name(v) for v in op.arguments)})")


@emits(lax.ScanOp)
def _scan(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.ScanOp):
        raise TypeError(op.name)
    names = [em.name(v) for v in op.arguments]
    k, c = op.num_consts.value.data, op.num_carry.value.data
    consts, carry, xs = names[:k], names[k : k + c], names[k + c :]
    body = em.module.scan_body(op.body.string_value(), k, c)
    bound = (
        f"functools.partial({body}, {_tuple(consts)})"
        if consts
        else f"functools.partial({body}, ())"
    )
    options = (
        f"length={op.length.value.data}, reverse={bool(op.reverse)}, unroll={op.unroll.value.data}"
    )
    return f"flatten_scan(lax.scan({bound}, {_tuple(carry)}, {_tuple(xs)}, {options}))"


def _tuple(names: Sequence[str]) -> str:
    return "(" + ", ".join(names) + ("," if len(names) == 1 else "") + ")"


@emits(lax.WhileOp)
def _while(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.WhileOp):
        raise TypeError(op.name)
    em.module.helper("as_tuple")
    em.module.helper("as_tuple")
    names = [em.name(v) for v in op.arguments]
    c, b = op.cond_consts.value.data, op.body_consts.value.data
    cond = em.module.function(op.cond.string_value())
    body = em.module.function(op.body.string_value())
    carry = _tuple(names[c + b :])
    test = f"lambda carry: {cond}({', '.join([*names[:c], '*carry'])})"
    step = f"lambda carry: as_tuple({body}({', '.join([*names[c : c + b], '*carry'])}))"
    return f"lax.while_loop({test}, {step}, {carry})"


@emits(lax.CondOp)
def _cond(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.CondOp):
        raise TypeError(op.name)
    branches = [em.module.function(b.string_value()) for b in op.branches]
    arguments = "".join(f", {em.name(v)}" for v in op.arguments)
    call = f"lax.switch({em.name(op.index)}, [{', '.join(branches)}]{arguments})"
    return em.unpack(op, call)


_PUBLIC = {
    "scatter-max": "lax.scatter_max",
    "scatter-min": "lax.scatter_min",
    "scatter-mul": "lax.scatter_mul",
    "scatter-sub": "lax.scatter_sub",
    "random_wrap": "random.wrap_key_data",
    "random_unwrap": "random.key_data",
    "tile": "lax.tile",
    "split": "lax.split",
    "unstack": "jnp.unstack",
    "lu_pivots_to_permutation": "lax.linalg.lu_pivots_to_permutation",
}
"""Primitives that are bound by a public function: no public primitive, or a jaxpr parameter."""


@emits(lax.BindOp)
def _bind(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, lax.BindOp):
        raise TypeError(op.name)
    em.module.helper("as_tuple")
    name = op.primitive.data
    try:
        if name in _BINDERS:
            return f"as_tuple({_BINDERS[name](em, op)})"
        function = _PUBLIC.get(name) or f"{em.module.primitive(op)}.bind"
        parameters = keywords_text(op.parameters.data, em.module.closed_jaxpr)
    except ValueError as error:
        raise PassError.at(
            op,
            f"the parameters of lax.bind {name!r} cannot be emitted: {error}",
            "write the parameters as the importer writes them",
        ) from error
    arguments = ", ".join([*[em.name(v) for v in op.arguments], *parameters])
    return f"as_tuple({function}({arguments}))"


def _parameter(op: lax.BindOp, key: str, kind: type[A]) -> A:
    value = op.parameters.data.get(key)
    if not isinstance(value, kind):
        raise ValueError(f"{key} is no {kind.name}")
    return value


def _random_seed(em: FunctionEmitter, op: lax.BindOp) -> str:
    kind = ascii(_parameter(op, "impl", StringAttr).data)
    rank = len(shape_of(op.arguments[0]))
    make = "jax.vmap(" * rank + f"functools.partial(random.key, impl={kind})" + ")" * rank
    return f"{make}({em.name(op.arguments[0])})"


def _platform_index(em: FunctionEmitter, op: lax.BindOp) -> str:
    branches: list[str] = []
    for k, platforms in enumerate(_parameter(op, "platforms", ArrayAttr).data):
        names = platforms.data if isinstance(platforms, ArrayAttr) else (StringAttr("default"),)
        for name in names:
            if not isinstance(name, StringAttr):
                raise ValueError(f"{name} is no platform")
            branches += keywords_text({name.data: IntegerAttr(k, i64)}, em.module.closed_jaxpr)
    calls = [branch.replace("=", "=lambda: np.int32(", 1) + ")" for branch in branches]
    return f"lax.platform_dependent({', '.join(calls)})"


def _linear_solve(em: FunctionEmitter, op: lax.BindOp) -> str:
    names = [em.name(v) for v in op.arguments]
    lengths = _parameter(op, "const_lengths", ArrayAttr).data
    calls: list[str] = []
    for key, length in zip(("matvec", "solve", "transpose_solve"), lengths, strict=True):
        if not isinstance(length, IntegerAttr):
            raise ValueError(f"{length} is no number of constants")
        function = em.module.function(_parameter(op, key, SymbolRefAttr).string_value())
        consts, names = names[: length.value.data], names[length.value.data :]
        calls.append(f"as_tuple({function}({', '.join([*consts, '*x'])}))")
    symmetric = bool(_parameter(op, "symmetric", IntegerAttr))
    return (
        f"lax.custom_linear_solve(lambda x: {calls[0]}, {_tuple(names)}, lambda _, x: {calls[1]}, "
        f"lambda _, x: {calls[2]}, symmetric={symmetric})"
    )


def _optimization_barrier(em: FunctionEmitter, op: lax.BindOp) -> str:
    return f"lax.optimization_barrier({_tuple([em.name(v) for v in op.arguments])})"


def _stack_keys(em: FunctionEmitter, op: lax.BindOp) -> str:
    axis = _parameter(op, "axis", IntegerAttr).value.data
    return f"jnp.stack({em.list_of(op.arguments)}, {axis})"


_BINDERS: dict[str, Callable[[FunctionEmitter, lax.BindOp], str]] = {
    "random_seed": _random_seed,
    "stack": _stack_keys,
    "platform_index": _platform_index,
    "optimization_barrier": _optimization_barrier,
    "custom_linear_solve": _linear_solve,
}


_PARAMETER_FREE: dict[type[Operation], str] = {
    rng.NormalNoiseOp: "normal",
    rng.UniformNoiseOp: "uniform",
    rng.CauchyNoiseOp: "cauchy",
}


@emits(*_PARAMETER_FREE)
def _noise(em: FunctionEmitter, op: Operation) -> str:
    keys, result = em.name(op.operands[0]), op.results[0]
    shape, sampler = shape_of(result)[1:], _PARAMETER_FREE[type(op)]
    draw = f"random.{sampler}({{key}}, {shape}, {dtype_text(result)})"
    if shape_of(result)[0] == 1:
        return draw.format(key=f"{keys}[0]") + "[None]"
    return f"jax.vmap(lambda key: {draw.format(key='key')})({keys})"


@emits(rng.LogGammaDrawOp, rng.WaldDrawOp)
def _parametric(em: FunctionEmitter, op: Operation) -> str:
    keys, parameter = (em.name(v) for v in op.operands)
    sampler = "loggamma" if isinstance(op, rng.LogGammaDrawOp) else "wald"
    shape, dtype = shape_of(op.results[0])[1:], dtype_text(op.results[0])
    return f"random.{sampler}({keys}[0], {parameter}, {shape}, {dtype})[None]"


@emits(rng.PoissonDrawOp)
def _poisson(em: FunctionEmitter, op: Operation) -> str:
    keys, rate = (em.name(v) for v in op.operands)
    return f"random.poisson({keys}[0], {rate}, dtype={dtype_text(op.results[0])})[None]"


@emits(rng.CategoricalDrawOp)
def _categorical(em: FunctionEmitter, op: Operation) -> str:
    keys, logits = (em.name(v) for v in op.operands)
    return f"random.categorical({keys}[0], {logits}).astype({dtype_text(op.results[0])})[None]"


@emits(rng.SiteKeysOp)
def _site_keys(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, rng.SiteKeysOp):
        raise TypeError(op.name)
    names = [n.data for n in op.sites]
    hashes = [rng.stable_hash(name) for name in names]
    em.comment(f"sites {', '.join(ascii(name) for name in names)}")
    if len(hashes) == 1:
        return f"random.fold_in({em.name(op.key)}, {hashes[0]})[None]"
    array = f"np.array({hashes}, np.uint32)"
    return f"jax.vmap(random.fold_in, (None, 0))({em.name(op.key)}, {array})"


@emits(rng.SiteKeyOp)
def _site_key(em: FunctionEmitter, op: Operation) -> str:
    if not isinstance(op, rng.SiteKeyOp):
        raise TypeError(op.name)
    em.comment(f"site {op.site.data!a}")
    return f"random.fold_in({em.name(op.key)}, {rng.stable_hash(op.site.data)})"


@emits(rng.ParticleKeyOp)
def _particle_key(em: FunctionEmitter, op: Operation) -> str:
    return f"random.fold_in({', '.join(em.name(v) for v in op.operands)})"
