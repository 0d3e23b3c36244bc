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
    rng.LaplaceNoiseOp: "laplace",
    rng.LogisticNoiseOp: "logistic",
    rng.GumbelNoiseOp: "gumbel",
    rng.ExponentialNoiseOp: "exponential",
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
    em.module.helper("categorical")
    return f"categorical({keys}[0], {logits}).astype({dtype_text(op.results[0])})[None]"


@emits(rng.SubsampleDrawOp)
def _subsample(em: FunctionEmitter, op: rng.SubsampleDrawOp) -> str:
    em.module.helper("subsample")
    size, count = op.size.value.data, shape_of(op.result)[1]
    draw = f"subsample({em.name(op.keys)}[0], {size}, {count})"
    return f"{draw}.astype({dtype_text(op.result)})[None]"


@emits(rng.BinomialDrawOp)
def _binomial(em: FunctionEmitter, op: Operation) -> str:
    keys, count, probs = (em.name(v) for v in op.operands)
    return f"random.binomial({keys}[0], {count}, {probs}).astype({dtype_text(op.results[0])})[None]"


@emits(rng.MultinomialDrawOp)
def _multinomial(em: FunctionEmitter, op: Operation) -> str:
    keys, probs, count = (em.name(v) for v in op.operands)
    draw = f"random.multinomial({keys}[0], {count}, {probs})"
    return f"{draw}.astype({dtype_text(op.results[0])})[None]"


@emits(rng.VonMisesDrawOp)
def _von_mises(em: FunctionEmitter, op: Operation) -> str:
    keys, concentration = (em.name(v) for v in op.operands)
    em.module.helper("von_mises")
    return f"von_mises({keys}[0], {concentration})[None]"


@emits(rng.PartKeysOp)
def _part_keys(em: FunctionEmitter, op: rng.PartKeysOp) -> str:
    keys, part = em.name(op.keys), op.part.value.data
    if shape_of(op.result) == (1,):
        return f"random.fold_in({keys}[0], {part})[None]"
    return f"jax.vmap(random.fold_in, (0, None))({keys}, {part})"


@emits(rng.StepKeysOp)
def _step_keys(em: FunctionEmitter, op: rng.StepKeysOp) -> str:
    steps = f"np.arange({op.length}, dtype=np.uint32)"
    return f"jax.vmap(random.fold_in, (None, 0))({em.name(op.keys)}[0], {steps})[:, None]"


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


HELPERS = {
    "categorical": """
def categorical(key, logits):
    # The inverse of the distribution function: one uniform number a draw, where the largest of
    # perturbed logits takes one for every category. The ends do not fall, and a category of weight 0
    # ends where the one before it does, however the sums are rounded: so it is never drawn.
    logits = lax.stop_gradient(logits)
    weights = jnp.exp(logits - jnp.max(logits, -1, keepdims=True))
    ends = jnp.where(weights > 0, jnp.cumsum(weights, -1), 0)
    ends = lax.cummax(ends, ends.ndim - 1)
    height = random.uniform(key, ends.shape[:-1], ends.dtype) * ends[..., -1]
    return jnp.sum(ends <= height[..., None], -1)
""",
    "subsample": """
def subsample(key, size, count):
    # The first steps of a Fisher-Yates shuffle: its time is that of the part, not of the whole.
    def swap(indices, step):
        place, offset = step
        other = place + offset
        return indices.at[place].set(indices[other]).at[other].set(indices[place]), None

    places = jnp.arange(count)
    offsets = random.randint(key, (count,), 0, size - places)
    return lax.scan(swap, jnp.arange(size), (places, offsets))[0][:count]
""",
    "von_mises": """
def von_mises(key, concentration):
    # Best and Fisher (1979): a wrapped Cauchy, its angle 2 atan(g tan(pi u / 2)), accepted by the
    # ratio of the densities; written without differences of numbers that are nearly equal.
    root = jnp.sqrt(1 + 4 * concentration * concentration)
    half = jnp.sqrt(2 * (1 + root))
    gap = (1 + 1 / (root + 2 * concentration) + half) / (1 + root + half)
    slope = gap / (2 - gap)

    def step(state):
        key, done, angle = state
        key, key_u, key_v = random.split(key, 3)
        u = random.uniform(key_u, angle.shape, angle.dtype, -1.0, 1.0)
        v = random.uniform(key_v, angle.shape, angle.dtype)
        new = 2 * jnp.arctan(slope * jnp.tan(0.5 * jnp.pi * u))
        c = 0.25 * gap * gap * (1 + root + half) + 2 * concentration * jnp.sin(0.5 * new) ** 2
        accepted = (c * (2 - c) >= v) | (jnp.log(c / v) + 1 >= c) | jnp.isnan(c)
        return key, done | accepted, jnp.where(done, angle, jnp.where(accepted, new, angle))

    start = (key, jnp.zeros(concentration.shape, bool), jnp.zeros_like(concentration))
    return lax.while_loop(lambda state: ~jnp.all(state[1]), step, start)[2]
""",
}
"""Functions that the emitted source holds where an expression calls them."""

__all__ = ["EMIT", "HELPERS"]
