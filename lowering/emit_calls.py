"""The Python expressions of ops that call functions or primitives: loops, branches, `lax.bind`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, StringAttr, SymbolRefAttr, i64
from xdsl.dialects.func import CallOp
from xdsl.ir import Attribute

from relbo_ir.dialects import lax
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.estim import AllSamplesOp, LeaveOneOutOp, ReplicateOp
from relbo_ir.dialects.lax import shape_of
from relbo_ir.lowering.emit_rules import EMIT, emits
from relbo_ir.lowering.parameters import keywords_text

if TYPE_CHECKING:
    from relbo_ir.lowering.emit import FunctionEmitter


PARTICLES = "particles"
"""The name of the axis of particles, for what they tell each other."""


SAMPLES = "samples"
"""The name of the axis of importance samples, which may stand inside of the particles' one."""


@emits(AllSamplesOp)
def _all_samples(em: FunctionEmitter, op: AllSamplesOp) -> str:
    return f"lax.all_gather({em.name(op.value)}, {SAMPLES!r})"


@emits(LeaveOneOutOp)
def _leave_one_out(em: FunctionEmitter, op: LeaveOneOutOp) -> str:
    around = op.parent_op()
    while around is not None and not isinstance(around, ReplicateOp):
        around = around.parent_op()
    if around is None:
        raise PassError.at(
            op,
            "there are no other particles",
            "run relbo-lower-estimators with particles=2 or more",
        )
    cost = f"lax.stop_gradient({em.name(op.cost)})"
    total = f"jnp.sum(lax.all_gather({cost}, {PARTICLES!r}), 0)"
    return f"({total} - {cost}) / {around.size.value.data - 1}"


@emits(lax.CustomJvpOp, lax.CustomVjpOp)
def _custom(em: FunctionEmitter, op: lax.CustomJvpOp | lax.CustomVjpOp) -> str:
    function = em.module.custom_function(op)
    return em.unpack(op, f"{function}({', '.join(em.name(v) for v in op.arguments)})")


@emits(CallOp)
def _call(em: FunctionEmitter, op: CallOp) -> str:
    function = em.module.function(op.callee.string_value())
    return em.unpack(op, f"{function}({', '.join(em.name(v) for v in op.arguments)})")


@emits(lax.ScanOp)
def _scan(em: FunctionEmitter, op: lax.ScanOp) -> str:
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
def _while(em: FunctionEmitter, op: lax.WhileOp) -> str:
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
def _cond(em: FunctionEmitter, op: lax.CondOp) -> str:
    branches = [em.module.function(b.string_value()) for b in op.branches]
    arguments = "".join(f", {em.name(v)}" for v in op.arguments)
    call = f"lax.switch({em.name(op.index)}, [{', '.join(branches)}]{arguments})"
    return em.unpack(op, call)


_PUBLIC = {
    "random_wrap": "random.wrap_key_data",
    "random_unwrap": "random.key_data",
    "tile": "lax.tile",
    "split": "lax.split",
    "unstack": "jnp.unstack",
    "lu_pivots_to_permutation": "lax.linalg.lu_pivots_to_permutation",
}
"""Primitives that are bound by a public function: no public primitive, or a jaxpr parameter."""


@emits(lax.BindOp)
def _bind(em: FunctionEmitter, op: lax.BindOp) -> str:
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


A = TypeVar("A", bound=Attribute)


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


__all__ = ["EMIT"]
