"""The Python expressions of keys and draws: `jax.random` calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsl.ir import Operation

from relbo_ir.dialects import rng
from relbo_ir.dialects.lax import shape_of
from relbo_ir.lowering.emit_rules import EMIT, dtype_text, emits

if TYPE_CHECKING:
    from relbo_ir.lowering.emit import FunctionEmitter

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


@emits(rng.SubsampleDrawOp)
def _subsample(em: FunctionEmitter, op: rng.SubsampleDrawOp) -> str:
    em.module.helper("subsample")
    size, count = op.size.value.data, shape_of(op.result)[1]
    draw = f"subsample({em.name(op.keys)}[0], {size}, {count})"
    return f"{draw}.astype({dtype_text(op.result)})[None]"


@emits(rng.SiteKeysOp)
def _site_keys(em: FunctionEmitter, op: rng.SiteKeysOp) -> str:
    names = [n.data for n in op.sites]
    hashes = [rng.stable_hash(name) for name in names]
    em.comment(f"sites {', '.join(ascii(name) for name in names)}")
    if len(hashes) == 1:
        return f"random.fold_in({em.name(op.key)}, {hashes[0]})[None]"
    array = f"np.array({hashes}, np.uint32)"
    return f"jax.vmap(random.fold_in, (None, 0))({em.name(op.key)}, {array})"


@emits(rng.SiteKeyOp)
def _site_key(em: FunctionEmitter, op: rng.SiteKeyOp) -> str:
    em.comment(f"site {op.site.data!a}")
    return f"random.fold_in({em.name(op.key)}, {rng.stable_hash(op.site.data)})"


@emits(rng.ParticleKeyOp)
def _particle_key(em: FunctionEmitter, op: Operation) -> str:
    return f"random.fold_in({', '.join(em.name(v) for v in op.operands)})"


__all__ = ["EMIT"]
