"""NumPyro's transforms: the elementwise ones by name, any other traced into functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions import constraints
from numpyro.distributions import transforms as nt
from numpyro.distributions.util import sum_rightmost
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue

from relbo_ir.dialects import dist
from relbo_ir.dialects.dist import Support
from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.dialects.prob import LawType
from relbo_ir.lowering.import_jaxpr import Importer
from relbo_ir.lowering.improper_laws import named_set
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
    base_rank: int
    """The event rank of the base."""
    support: str | None
    """The range over all of the domain, where IR has a name for it."""
    mapped: tuple[tuple[bool, ...], ...] = ()
    """For each axis of copies, the outermost first, which of the arrays have it too."""

    def copied(self, size: int, flags: tuple[bool, ...]) -> Traced:
        """The transform of several copies, along a new first axis."""
        return replace(self, shape=(size, *self.shape), mapped=(flags, *self.mapped))


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


def real_steps(transforms: Sequence[Any]) -> list[Any]:
    """The steps, where those that pass through complex numbers are one, from reals to reals."""
    parts: list[Any] = []
    waiting: list[Any] = []
    for step in steps(transforms):
        waiting.append(step)
        if _element_of(step.codomain) is not constraints.complex:
            parts.append(step if len(waiting) == 1 else nt.ComposeTransform(waiting))
            waiting = []
    return [*parts, *waiting]


def _element_of(set_: Any) -> Any:
    """The set of each element of vectors, matrices and other arrays that are not bound together."""
    while isinstance(set_, constraints.independent):
        set_ = set_.base_constraint
    return set_


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
) -> tuple[Traced, list[Any]] | None:
    """
    The static part and the arrays of a transform of draws of that shape and event rank; None of one
    to complex numbers. UnsupportedError for one that is no bijection by its shapes.
    """
    leaves, tree = jax.tree.flatten(transform)
    value = jax.ShapeDtypeStruct(shape, jnp.result_type(float))
    out: Any = jax.eval_shape(transform, value)
    if not jnp.issubdtype(out.dtype, jnp.floating):
        return None
    domain, codomain = transform.domain, transform.codomain
    before, after = (
        math.prod(s[len(s) - e.event_dim :]) for s, e in ((shape, domain), (out.shape, codomain))
    )
    back = jax.eval_shape(transform.inv, out).shape
    if back != shape or (before != after and _is_real(domain) and _is_real(codomain)):
        raise UnsupportedError(
            f"a transform takes {before} numbers to {after}, and so it has no density",
            "give transforms of the same numbers",
            site=site,
        )
    rank = event_rank - domain.event_dim + codomain.event_dim
    support = _range(transform)
    spec = Traced(tree, tuple(out.shape), rank, event_rank, support)
    return spec, [jnp.asarray(leaf) for leaf in leaves]


_OF_FACTORS = (
    (constraints.lower_cholesky, constraints.positive_definite, "positive_definite"),
    (constraints.corr_cholesky, constraints.corr_matrix, "corr_matrix"),
)
_OF_THE_REALS = {
    *(Support.SIMPLEX, Support.CORR_CHOLESKY, Support.LOWER_CHOLESKY, Support.ORDERED_VECTOR),
    *(Support.L1_BALL, Support.ZERO_SUM, Support.ZERO_SUM_2),
}
"""Sets that transforms of NumPyro's take all vectors of reals to."""


def _range(transform: Any) -> str | None:
    """The name of a transform's range on all real numbers, or on all Cholesky factors."""
    domain, codomain = transform.domain, transform.codomain
    for factors, products, name in _OF_FACTORS:
        if domain is factors and codomain is products:
            return name
    if not _is_real(domain):
        return None
    if _is_real(codomain):
        return "real"
    named = named_set(codomain)
    return named.value if named in _OF_THE_REALS else None


def _is_real(set_: Any) -> bool:
    return _element_of(set_) is constraints.real


def transformed_by(
    base: SSAValue, arrays: Sequence[SSAValue], spec: Traced, importer: Importer
) -> dist.TransformedByOp:
    """Traces a transform's functions and makes the law of what it makes of the base's draws."""
    source = dist.law_of(base).value
    law = LawType(TensorType(source.get_element_type(), spec.shape), spec.event_rank)
    x, y = struct(source), struct(law.value)
    given = [struct(array.type) for array in arrays]
    copies = len(spec.mapped)
    batch, shape = law.batch_shape[copies:], spec.shape[copies:]

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
        wide = jnp.broadcast_to(slope, (*batch, *shape[len(batch) : len(batch) + apart]))
        return sum_rightmost(wide.astype(x.dtype), apart)

    def inside(y: Any, *leaves: Any) -> Any:
        codomain = transform(leaves).codomain
        apart = spec.event_rank - codomain.event_dim
        return jnp.all(codomain(y), axis=tuple(range(len(batch), len(batch) + apart)))

    functions: list[str] = []
    for function, values in ((forward, [x]), (inverse, [y]), (log_det, [x, y]), (inside, [y])):
        copied: Any = function
        for flags in reversed(spec.mapped):
            copied = jax.vmap(copied, (*[0] * len(values), *(0 if f else None for f in flags)))
        closed = jax.make_jaxpr(copied)(*values, *given)
        functions.append(importer.function(closed, function.__name__))
    return dist.TransformedByOp(base, arrays, functions, law, spec.support)
