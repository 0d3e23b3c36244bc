"""NumPyro distributions as laws of the IR."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as nd
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from relbo_ir.dialects import dist
from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.dialects.prob import LawType
from relbo_ir.lowering import transforms
from relbo_ir.lowering.constraints import check_real, floats
from relbo_ir.lowering.distributions import InverseGaussian
from relbo_ir.lowering.import_jaxpr import Importer
from relbo_ir.lowering.improper_laws import improper
from relbo_ir.lowering.law_specs import LawSpec, is_traced
from relbo_ir.lowering.types import element_type, struct
from relbo_ir.lowering.wider_laws import log_weights, mask_of, wider

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
    nd.Cauchy: (dist.CauchyOp, ("loc", "scale")),
    nd.Laplace: (dist.LaplaceOp, ("loc", "scale")),
    nd.Logistic: (dist.LogisticOp, ("loc", "scale")),
    nd.Gumbel: (dist.GumbelOp, ("loc", "scale")),
    nd.StudentT: (dist.StudentTOp, ("df", "loc", "scale")),
    nd.Uniform: (dist.UniformOp, ("low", "high")),
    nd.Exponential: (dist.ExponentialOp, ("rate",)),
    nd.Weibull: (dist.WeibullOp, ("scale", "concentration")),
    nd.Kumaraswamy: (dist.KumaraswamyOp, ("concentration1", "concentration0")),
    nd.InverseGamma: (dist.InverseGammaOp, ("concentration", "rate")),
    nd.VonMises: (dist.VonMisesOp, ("loc", "concentration")),
    nd.GeometricProbs: (dist.GeometricOp, ("probs",)),
    nd.GeometricLogits: (dist.GeometricLogitsOp, ("logits",)),
    nd.BinomialProbs: (dist.BinomialOp, ("probs", "total_count")),
    nd.BinomialLogits: (dist.BinomialLogitsOp, ("logits", "total_count")),
    nd.BetaBinomial: (
        dist.BetaBinomialOp,
        ("concentration1", "concentration0", "total_count"),
    ),
    nd.NegativeBinomialProbs: (dist.NegativeBinomialOp, ("total_count", "probs")),
    nd.NegativeBinomialLogits: (dist.NegativeBinomialLogitsOp, ("total_count", "logits")),
    nd.NegativeBinomial2: (dist.GammaPoissonOp, ("concentration", "rate")),
    nd.GammaPoisson: (dist.GammaPoissonOp, ("concentration", "rate")),
    nd.ZeroInflatedPoisson: (dist.ZeroInflatedPoissonOp, ("gate", "rate")),
    nd.OrderedLogistic: (dist.OrderedLogisticOp, ("predictor", "cutpoints")),
    nd.Dirichlet: (dist.DirichletOp, ("concentration",)),
    nd.MultivariateNormal: (dist.MultivariateNormalOp, ("loc", "scale_tril")),
    nd.LowRankMultivariateNormal: (
        dist.LowRankMultivariateNormalOp,
        ("loc", "cov_factor", "cov_diag"),
    ),
    nd.MultinomialProbs: (dist.MultinomialOp, ("probs", "total_count")),
    nd.MultinomialLogits: (dist.MultinomialLogitsOp, ("logits", "total_count")),
    nd.DirichletMultinomial: (dist.DirichletMultinomialOp, ("concentration", "total_count")),
    nd.GaussianRandomWalk: (dist.GaussianRandomWalkOp, ("scale",)),
    nd.LKJCholesky: (dist.LKJCholeskyOp, ("concentration",)),
    InverseGaussian: (dist.InverseGaussianOp, ("mean", "concentration")),
}


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
        op, names = _FAMILIES[cls]
        arrays = floats([getattr(law, name) for name in names])
        if cls is nd.MultivariateNormal:
            arrays[0] = jnp.broadcast_to(arrays[0], (*arrays[0].shape[:-1], *law.event_shape))
        size = _SIZED[cls](law) if cls in _SIZED else None
        return LawSpec("family", (op, size), None, len(arrays)), arrays
    if cls in _TRUNCATED and type(law.base_dist) is nd.Normal:
        return _truncated_normal(law)
    if cls in (nd.MixtureSameFamily, nd.MixtureGeneral):
        return _mixture(law, site)
    if cls is nd.Independent:
        base, arrays = describe(law.base_dist, site)
        rank = law.reinterpreted_batch_ndims
        return (LawSpec("independent", (rank,), base) if rank else base), arrays
    if cls is nd.ExpandedDistribution:
        base, arrays = describe(law.base_dist, site)
        if tuple(law.base_dist.batch_shape) == tuple(law.batch_shape):
            return base, arrays
        if base.kind == "opaque":
            return _opaque(law, site)
        if is_traced(base):
            return describe(wider(law.base_dist, tuple(law.batch_shape)), site)
        return LawSpec("expand", (tuple(law.batch_shape),), base), arrays
    if issubclass(cls, _PUSHED) and (cls.log_prob, cls.sample) == (
        _PUSHED.log_prob,
        _PUSHED.sample,
    ):
        described = _transformed(law, site)
        if described is not None:
            return described
    if cls is nd.MaskedDistribution:
        base, arrays = describe(law.base_dist, site)
        return LawSpec("mask", (), base, 1), [*arrays, mask_of(law)]
    if cls is nd.Delta:
        check_real("the point", law.v)
        value = jnp.asarray(law.v)
        dtype = value.dtype if jnp.issubdtype(value.dtype, jnp.floating) else float
        density = jnp.broadcast_to(jnp.asarray(law.log_density, dtype), law.batch_shape)
        return LawSpec("delta", (law.event_dim,), None, 2), [value, density]
    if cls is nd.ImproperUniform:
        return improper(law, site)
    return _opaque(law, site)


def widened(
    law: Any, described: tuple[LawSpec, list[Any]], batch: tuple[int, ...], site: str
) -> tuple[LawSpec, list[Any]]:
    """The description of a law on a wider batch; what is traced has one shape, and is traced anew."""
    spec, arrays = described
    if batch == tuple(law.batch_shape):
        return described
    if is_traced(spec):
        return describe(law.expand(batch), site)
    return LawSpec("expand", (batch,), spec), arrays


def has_ops(law: Any, site: str) -> bool:
    """Whether ops stand for every transform of a transformed distribution."""
    return _transformed(law, site) is not None


_SIZED: dict[type[Any], Callable[[Any], int]] = {
    nd.GaussianRandomWalk: lambda law: law.num_steps,
    nd.LKJCholesky: lambda law: law.dimension,
}
_PUSHED = nd.TransformedDistribution
_TRUNCATED = (
    nd.LeftTruncatedDistribution,
    nd.RightTruncatedDistribution,
    nd.TwoSidedTruncatedDistribution,
)


def _truncated_normal(law: Any) -> tuple[LawSpec, list[Any]]:
    """Truncated from the right alone is the reflection of truncated from the left."""
    loc, scale = law.base_dist.loc, law.base_dist.scale
    if type(law) is nd.TwoSidedTruncatedDistribution:
        arrays = floats([loc, scale, law.low, law.high])
        return LawSpec("family", (dist.TruncatedNormalOp, None), None, 4), arrays
    if type(law) is nd.LeftTruncatedDistribution:
        arrays = floats([loc, scale, law.low])
        return LawSpec("family", (dist.LeftTruncatedNormalOp, None), None, 3), arrays
    arrays = floats([-loc, scale, -law.high, 0.0, -1.0])
    reflected = LawSpec("family", (dist.LeftTruncatedNormalOp, None), None, 3)
    return LawSpec("transformed", (dist.Transform.AFFINE,), reflected, 2), arrays


def _mixture(law: Any, site: str) -> tuple[LawSpec, list[Any]]:
    """The weights as logarithms, after the components."""
    same = type(law) is nd.MixtureSameFamily
    components = [law.component_distribution] if same else law.component_distributions
    specs, arrays = [], list[Any]()
    for component in components:
        spec, mine = describe(component, site)
        specs.append(spec)
        arrays += mine
    logits = floats([log_weights(law.mixing_distribution)])
    kind = "mixture_same_family" if same else "mixture"
    return LawSpec(kind, (), specs[0], 1, tuple(specs[1:])), [*arrays, *logits]


def _transformed(law: Any, site: str) -> tuple[LawSpec, list[Any]] | None:
    """The base through one transform after the other; None where a transform is not known."""
    spec, arrays = describe(law.base_dist, site)
    shape = (*law.base_dist.batch_shape, *law.base_dist.event_shape)
    event_rank = len(law.base_dist.event_shape)
    for transform in transforms.real_steps(law.transforms):
        name = transforms.NAMED.get(type(transform))
        if name is dist.Transform.AFFINE:
            spec = LawSpec("transformed", (name,), spec, 2)
            arrays = [*arrays, *floats([transform.loc, transform.scale])]
        elif name is not None:
            spec = LawSpec("transformed", (name,), spec)
        else:
            bijection = transforms.is_bijection(transform)
            traced = transforms.traced(transform, shape, event_rank, site) if bijection else None
            if traced is None:
                return None
            static, mine = traced
            spec = LawSpec("transformed_by", (static,), spec, len(mine))
            arrays, shape, event_rank = [*arrays, *mine], static.shape, static.event_rank
    fits = shape == (*law.batch_shape, *law.event_shape) and event_rank == len(law.event_shape)
    return (spec, arrays) if fits else None


def _opaque(law: Any, site: str) -> tuple[LawSpec, list[Any]]:
    leaves, tree = jax.tree.flatten(law)
    shape = (*law.batch_shape, *law.event_shape)
    draw = jax.eval_shape(lambda: law.sample(jax.random.key(0)))
    dtype = draw.dtype
    wrong = "" if draw.shape == shape else f"draws of shape {draw.shape}, not {shape}"
    if not wrong and jnp.issubdtype(dtype, jnp.complexfloating):
        density = jax.eval_shape(law.log_prob, draw)
        wrong = "a complex density" if jnp.issubdtype(density.dtype, jnp.complexfloating) else ""
    if wrong:
        raise UnsupportedError(
            f"{type(law).__name__} has {wrong}",
            "give a law whose draws have its shape, and a density of real numbers",
            site=site,
        )
    inner = law
    while type(inner) is nd.ExpandedDistribution:
        inner = inner.base_dist
    if jnp.issubdtype(dtype, jnp.integer):
        dtype = jnp.int32  # in every precision, as of the families
    event = len(law.event_shape)
    static = (tree, shape, jnp.dtype(dtype).name, event, _fixed_support(type(inner)), (), True)
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
    others = [build_law(other, arrays, importer) for other in spec.others]
    mine = [next(arrays) for _ in range(spec.count)]
    match spec.kind:
        case "family":
            cls, size = spec.static
            if issubclass(cls, dist.SizedFamilyOp):
                return importer.insert(cls(*mine, size=size)).results[0]
            return importer.insert(cls(*mine)).results[0]
        case "opaque":
            return importer.insert(_opaque_op(spec, mine, importer)).results[0]
        case "delta":
            point, density = mine
            return importer.insert(dist.DeltaOp(point, density, spec.static[0])).results[0]
        case "improper":
            support, shape, dtype, event_rank = spec.static
            law = LawType(TensorType(element_type(jnp.dtype(dtype)), shape), event_rank)
            return importer.insert(dist.ImproperOp(support, law, mine)).results[0]
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
            op = dist.MaskOp(base, mine[0], branch=bool(spec.static))
        case "mixture":
            op = dist.MixtureOp(mine[0], [base, *others])
        case "mixture_same_family":
            op = dist.MixtureSameFamilyOp(mine[0], base)
        case "transformed_by":
            op = transforms.transformed_by(base, mine, spec.static[0], importer)
        case _:
            op = dist.TransformedOp(base, spec.static[0], mine)
    return importer.insert(op).results[0]


def _opaque_op(spec: LawSpec, arrays: list[SSAValue], importer: Importer) -> dist.OpaqueOp:
    tree, shape, dtype, event_rank, support, mapped, is_read = spec.static
    law_type = LawType(TensorType(element_type(jnp.dtype(dtype)), shape), event_rank)
    structs = [struct(value.type) for value in arrays]
    dtypes = [jnp.dtype(dtype), *(s.dtype for s in structs)]
    floats = [d for d in dtypes if jnp.issubdtype(d, jnp.floating)]
    number = None if floats else jnp.result_type(float)

    def sample(key: Any, *leaves: Any) -> Any:
        return jax.tree.unflatten(tree, leaves).sample(key).astype(dtype)

    def log_prob(value: Any, *leaves: Any) -> Any:
        law = jax.tree.unflatten(tree, leaves)
        if not is_read:
            zeros = law.mask(False).log_prob(value)
            return jnp.asarray(zeros, number or jnp.result_type(*floats))
        return jnp.asarray(law.log_prob(value), number)

    key = jax.eval_shape(lambda: jax.random.key(0))
    value = jax.ShapeDtypeStruct(shape, dtype)
    copies, densities = sample, log_prob
    for size, flags in reversed(mapped):
        copies, densities = _copies(copies, size, flags), _densities(densities, flags)
    sampler = importer.function(jax.make_jaxpr(copies)(key, *structs), "sample")
    density = importer.function(jax.make_jaxpr(densities)(value, *structs), "log_prob")
    declared = None if number is None else element_type(number)
    return dist.OpaqueOp(arrays, sampler, density, law_type, support, declared)


def _copies(sample: Callable[..., Any], size: int, mapped: tuple[bool, ...]) -> Callable[..., Any]:
    """A sampler of several copies, each from a key of its own."""
    axes = [0 if flag else None for flag in mapped]

    def several(key: Any, *leaves: Any) -> Any:
        return jax.vmap(sample, (0, *axes))(jax.random.split(key, size), *leaves)

    return several


def _densities(log_prob: Callable[..., Any], mapped: tuple[bool, ...]) -> Callable[..., Any]:
    return jax.vmap(log_prob, (0, *(0 if flag else None for flag in mapped)))
