"""NumPyro's transforms: the elementwise ones by name, any other traced into functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions import constraints
from numpyro.distributions import transforms as nt
from numpyro.distributions.util import sum_rightmost
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from relbo_ir.dialects import dist
from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.dialects.prob import LawType
from relbo_ir.lowering.import_jaxpr import Importer
from relbo_ir.lowering.types import struct

NAMED: dict[type[Any], dist.Transform] = {
    nt.ExpTransform: dist.Transform.EXP,
    nt.SigmoidTransform: dist.Transform.SIGMOID,
    nt.SoftplusTransform: dist.Transform.SOFTPLUS,
    nt.AffineTransform: dist.Transform.AFFINE,
}
"""The transforms that have a name in IR."""


@dataclass(frozen=True)
class Traced:
    """A transform that is traced: its structure without arrays, and what it does to shapes."""

    tree: Any
    shape: tuple[int, ...]
    """Of a transformed draw."""
    event_rank: int
    support: str | None
    """The range on all real numbers, where it is one that IR names."""


def steps(transforms: Sequence[Any]) -> list[Any]:
    """The transforms one by one: compositions taken apart, what changes nothing left out."""
    flat: list[Any] = []
    for transform in transforms:
        if type(transform) is nt.ComposeTransform:
            flat += steps(transform.parts)
        elif type(transform) is nt.IndependentTransform:
            flat += steps([transform.base_transform])
        elif type(transform) is not nt.IdentityTransform:
            flat.append(transform)
    return flat


def is_bijection(transform: Any) -> bool:
    """
    Whether a transform is known to be a bijection with a continuous derivative almost everywhere:
    NumPyro's own are, but for |x|. Of a user's class nothing is known, nor of what is made of it.
    """
    parts = steps([transform])
    if len(parts) != 1 or parts[0] is not transform:
        return all(map(is_bijection, parts))
    if type(transform).__module__ != nt.__name__ or type(transform) is nt.AbsTransform:
        return False
    if type(transform) is nt.CatTransform:
        return all(is_bijection(part) for part in transform.transforms)
    inner = getattr(transform, "_inv", None)
    return inner is None or not isinstance(inner, nt.Transform) or is_bijection(inner)


def traced(
    transform: Any, shape: tuple[int, ...], event_rank: int, site: str
) -> tuple[Traced, list[Any]]:
    """
    The static part and the arrays of a transform of draws of that shape and event rank.

    Raises UnsupportedError for one whose values are not one array of real numbers.
    """
    leaves, tree = jax.tree.flatten(transform)
    value = jax.ShapeDtypeStruct(shape, jnp.result_type(float))
    out: Any = jax.eval_shape(transform, value)
    if not hasattr(out, "dtype") or not jnp.issubdtype(out.dtype, jnp.floating):
        raise UnsupportedError(
            f"{type(transform).__name__} does not give one array of real numbers",
            "transform the draw in the model instead",
            site=site,
        )
    rank = event_rank - transform.domain.event_dim + transform.codomain.event_dim
    return Traced(tree, tuple(out.shape), rank, _range(transform)), [
        jnp.asarray(leaf) for leaf in leaves
    ]


_REALS = (constraints.real, constraints.real_vector, constraints.real_matrix)
_RANGES = (
    (constraints.simplex, "simplex"),
    (constraints.corr_cholesky, "corr_cholesky"),
    (constraints.lower_cholesky, "lower_cholesky"),
    (constraints.softplus_lower_cholesky, "lower_cholesky"),
    (constraints.scaled_unit_lower_cholesky, "lower_cholesky"),
    (constraints.ordered_vector, "ordered_vector"),
    (constraints.l1_ball, "l1_ball"),
)
_OF_FACTORS = (
    (constraints.lower_cholesky, constraints.positive_definite, "positive_definite"),
    (constraints.corr_cholesky, constraints.corr_matrix, "corr_matrix"),
)


def _range(transform: Any) -> str | None:
    """The name of a transform's range on all real numbers, or on all Cholesky factors."""
    for factors, products, name in _OF_FACTORS:
        if transform.domain is factors and transform.codomain is products:
            return name
    if not any(transform.domain is reals for reals in _REALS):
        return None
    return next((name for set_, name in _RANGES if transform.codomain is set_), None)


def transformed_by(
    base: SSAValue, arrays: Sequence[SSAValue], spec: Traced, importer: Importer
) -> dist.TransformedByOp:
    """Traces a transform's functions and makes the law of what it makes of the base's draws."""
    source = dist.law_of(base).value
    law = LawType(TensorType(source.get_element_type(), spec.shape), spec.event_rank)
    x, y = struct(source), struct(law.value)
    given = [struct(array.type) for array in arrays]
    batch = law.batch_shape

    def transform(leaves: Sequence[Any]) -> Any:
        return jax.tree.unflatten(spec.tree, leaves)

    def forward(x: Any, *leaves: Any) -> Any:
        return transform(leaves)(x)

    def inverse(y: Any, *leaves: Any) -> Any:
        return transform(leaves).inv(y)

    def log_det(x: Any, y: Any, *leaves: Any) -> Any:
        mine = transform(leaves)
        apart = spec.event_rank - mine.codomain.event_dim
        slope = mine.log_abs_det_jacobian(x, y, None)
        wide = jnp.broadcast_to(slope, (*batch, *spec.shape[len(batch) : len(batch) + apart]))
        return sum_rightmost(wide.astype(x.dtype), apart)

    def inside(y: Any, *leaves: Any) -> Any:
        codomain = transform(leaves).codomain
        apart = spec.event_rank - codomain.event_dim
        return jnp.all(codomain(y), axis=tuple(range(len(batch), len(batch) + apart)))

    functions = [
        importer.function(jax.make_jaxpr(function)(*arguments, *given), function.__name__)
        for function, arguments in (
            (forward, [x]),
            (inverse, [y]),
            (log_det, [x, y]),
            (inside, [y]),
        )
    ]
    return dist.TransformedByOp(base, arrays, functions, law, spec.support)
