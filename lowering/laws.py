"""NumPyro distributions as laws of the IR."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as nd
from numpyro.distributions import transforms as nt
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from relbo_ir.dialects import dist
from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.dialects.prob import LawType
from relbo_ir.lowering.distributions import InverseGaussian
from relbo_ir.lowering.import_jaxpr import Importer
from relbo_ir.lowering.types import element_type, struct

_FAMILIES: dict[type[Any], tuple[type[dist.FamilyOp], tuple[str, ...]]] = {
    nd.Normal: (dist.NormalOp, ("loc", "scale")),
    nd.HalfNormal: (dist.HalfNormalOp, ("scale",)),
    nd.LogNormal: (dist.LogNormalOp, ("loc", "scale")),
    nd.HalfCauchy: (dist.HalfCauchyOp, ("scale",)),
    nd.Gamma: (dist.GammaOp, ("concentration", "rate")),
    nd.Beta: (dist.BetaOp, ("concentration1", "concentration0")),
    nd.BernoulliProbs: (dist.BernoulliOp, ("probs",)),
    nd.BernoulliLogits: (dist.BernoulliLogitsOp, ("logits",)),
    nd.CategoricalProbs: (dist.CategoricalOp, ("probs",)),
    nd.CategoricalLogits: (dist.CategoricalLogitsOp, ("logits",)),
    nd.Poisson: (dist.PoissonOp, ("rate",)),
    InverseGaussian: (dist.InverseGaussianOp, ("mean", "concentration")),
}
_TRANSFORMS: dict[type[Any], dist.Transform] = {
    nt.ExpTransform: dist.Transform.EXP,
    nt.SigmoidTransform: dist.Transform.SIGMOID,
    nt.SoftplusTransform: dist.Transform.SOFTPLUS,
}


@dataclass(frozen=True)
class LawSpec:
    """A law without its arrays: what is static of it, hashable, as a parameter of a primitive."""

    kind: str
    static: tuple[Any, ...] = ()
    base: LawSpec | None = None
    count: int = 0
    """How many arrays this node takes, after those of its base."""


def describe(law: Any, site: str) -> tuple[LawSpec, list[Any]]:
    """Splits a NumPyro distribution into its static description and its arrays."""
    if not issubclass(type(law), nd.Distribution):
        raise ModelError(
            f"{type(law).__name__} is not a distribution",
            "give a distribution of numpyro.distributions or relbo_ir.distributions",
            site=site,
        )
    cls = type(law)
    if cls in _FAMILIES:
        names = _FAMILIES[cls][1]
        arrays = _floats([getattr(law, name) for name in names])
        return LawSpec("family", (cls.__name__,), None, len(arrays)), arrays
    if cls is nd.Independent:
        base, arrays = describe(law.base_dist, site)
        rank = law.reinterpreted_batch_ndims
        return (LawSpec("independent", (rank,), base) if rank else base), arrays
    if cls is nd.ExpandedDistribution:
        base, arrays = describe(law.base_dist, site)
        if tuple(law.base_dist.batch_shape) == tuple(law.batch_shape):
            return base, arrays
        if base.kind == "opaque":
            return _opaque(law)
        return LawSpec("expand", (tuple(law.batch_shape),), base), arrays
    if cls is nd.TransformedDistribution:
        described = _transformed(law, site)
        if described is not None:
            return described
    if cls is nd.MaskedDistribution:
        base, arrays = describe(law.base_dist, site)
        return LawSpec("mask", (), base, 1), [*arrays, mask_of(law)]
    if cls is nd.Delta:
        value = jnp.asarray(law.v)
        dtype = value.dtype if jnp.issubdtype(value.dtype, jnp.floating) else float
        density = jnp.broadcast_to(jnp.asarray(law.log_density, dtype), law.batch_shape)
        return LawSpec("delta", (law.event_dim,), None, 2), [value, density]
    if cls is nd.ImproperUniform:
        return _improper(law, site)
    return _opaque(law)


def mask_of(law: Any) -> Any:
    """The mask of a masked distribution, as booleans of its batch shape."""
    mask = jnp.asarray(law._mask, bool)  # pyright: ignore[reportPrivateUsage]
    return jnp.broadcast_to(mask, law.batch_shape)


def _improper(law: Any, site: str) -> tuple[LawSpec, list[Any]]:
    support = law.support
    while type(support) is nd.constraints.independent:
        support = support.base_constraint
    for known in dist.Support:
        if not known.is_discrete and support is getattr(nd.constraints, known.value, None):
            shape = (*law.batch_shape, *law.event_shape)
            dtype = jnp.result_type(float).name
            return LawSpec("improper", (known, shape, dtype, law.event_dim)), []
    raise UnsupportedError(
        f"an improper prior on {support} is not supported",
        "use one on real, positive, nonnegative or unit_interval, or transform such a one",
        site=site,
    )


def has_ops(law: Any, site: str) -> bool:
    """Whether ops stand for every transform of a transformed distribution."""
    return _transformed(law, site) is not None


def _floats(values: list[Any]) -> list[Any]:
    dtype = jnp.result_type(
        float, *[v for v in values if jnp.issubdtype(jnp.result_type(v), float)]
    )
    return [jnp.asarray(value, dtype) for value in values]


def _transformed(law: Any, site: str) -> tuple[LawSpec, list[Any]] | None:
    spec, arrays = describe(law.base_dist, site)
    flat: list[Any] = []
    for transform in law.transforms:
        parts = transform.parts if type(transform) is nt.ComposeTransform else [transform]
        flat.extend(p for p in parts if type(p) is not nt.IdentityTransform)
    for transform in flat:
        if type(transform) in _TRANSFORMS:
            spec = LawSpec("transformed", (_TRANSFORMS[type(transform)],), spec)
        elif type(transform) is nt.AffineTransform:
            spec = LawSpec("transformed", (dist.Transform.AFFINE,), spec, 2)
            arrays = [*arrays, *_floats([transform.loc, transform.scale])]
        else:
            return None
    shape = (*law.batch_shape, *law.event_shape)
    base_shape = (*law.base_dist.batch_shape, *law.base_dist.event_shape)
    return (spec, arrays) if shape == base_shape else None


def _opaque(law: Any) -> tuple[LawSpec, list[Any]]:
    leaves, tree = jax.tree.flatten(law)
    dtype = jax.eval_shape(lambda: law.sample(jax.random.key(0))).dtype
    if jnp.issubdtype(dtype, jnp.integer):
        dtype = jnp.int32  # in every precision, as of the families
    event = len(law.event_shape)
    shape = (*law.batch_shape, *law.event_shape)
    static = (tree, shape, jnp.dtype(dtype).name, event, _fixed_support(type(law)))
    return LawSpec("opaque", static, None, len(leaves)), [jnp.asarray(leaf) for leaf in leaves]


def _fixed_support(cls: type[Any]) -> str | None:
    """The name of a distribution's support, where its class declares one without parameters."""
    support = inspect.getattr_static(cls, "support", None)
    if not isinstance(support, nd.constraints.Constraint) or support.is_discrete:
        return None
    names = [n for n, c in vars(nd.constraints).items() if c is support and not n.startswith("_")]
    return names[0] if names else None


def build_law(spec: LawSpec, arrays: Iterator[SSAValue], importer: Importer) -> SSAValue:
    """Writes the ops of a law; takes its arrays in the order of `describe`."""
    base = None if spec.base is None else build_law(spec.base, arrays, importer)
    mine = [next(arrays) for _ in range(spec.count)]
    match spec.kind:
        case "family":
            cls = next(op for t, (op, _) in _FAMILIES.items() if t.__name__ == spec.static[0])
            return importer.insert(cls(*mine)).results[0]
        case "opaque":
            return importer.insert(_opaque_op(spec, mine, importer)).results[0]
        case "delta":
            point, density = mine
            return importer.insert(dist.DeltaOp(point, density, spec.static[0])).results[0]
        case "improper":
            support, shape, dtype, event_rank = spec.static
            law = LawType(TensorType(element_type(jnp.dtype(dtype)), shape), event_rank)
            return importer.insert(dist.ImproperOp(support, law)).results[0]
        case _:
            pass
    if base is None:
        raise ValueError(f"a law of kind {spec.kind} has a base")
    match spec.kind:
        case "independent":
            op = dist.IndependentOp(base, spec.static[0])
        case "expand":
            op = dist.ExpandOp(base, spec.static[0])
        case "mask":
            op = dist.MaskOp(base, mine[0])
        case _:
            op = dist.TransformedOp(base, spec.static[0], mine)
    return importer.insert(op).results[0]


def _opaque_op(spec: LawSpec, arrays: list[SSAValue], importer: Importer) -> dist.OpaqueOp:
    tree, shape, dtype, event_rank, support = spec.static
    law_type = LawType(TensorType(element_type(jnp.dtype(dtype)), shape), event_rank)
    structs = [struct(value.type) for value in arrays]

    def sample(key: Any, *leaves: Any) -> Any:
        return jax.tree.unflatten(tree, leaves).sample(key).astype(dtype)

    def log_prob(value: Any, *leaves: Any) -> Any:
        return jax.tree.unflatten(tree, leaves).log_prob(value)

    key = jax.eval_shape(lambda: jax.random.key(0))
    value = jax.ShapeDtypeStruct(shape, dtype)
    sampler = importer.function(jax.make_jaxpr(sample)(key, *structs), "sample")
    density = importer.function(jax.make_jaxpr(log_prob)(value, *structs), "log_prob")
    return dist.OpaqueOp(arrays, sampler, density, law_type, support)
