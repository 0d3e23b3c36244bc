"""Rules for laws and their densities."""

from __future__ import annotations

from relbo_ir.dialects import dist, prob
from relbo_ir.dialects.lax import shape_of
from relbo_ir.passes.analyses.dependence.facts import Dependence
from relbo_ir.passes.analyses.dependence.table import Facts, Move, each, join, rule, trailing


@rule(prob.LogDensityOp)
def _log_density(op: prob.LogDensityOp, facts: list[Facts]) -> list[Facts]:
    rank, event = len(shape_of(op.value)), dist.law_of(op.law).event_rank.data
    return [each(join(facts), lambda d: d.drop_axes(range(rank - event, rank)))]


@rule(dist.FamilyOp)
def _family(op: dist.FamilyOp, facts: list[Facts]) -> list[Facts]:
    """A draw reads each parameter at its own batch element; what is one joint draw reads it all."""
    law = dist.law_of(op.result)
    shape, batch = law.value.get_shape(), len(law.batch_shape)

    def at_draw(events: int) -> Move:
        def move(d: Dependence) -> Dependence:
            own = d.drop_axes(range(len(d.shape) - events, len(d.shape)))
            return _at_batch(own, shape, batch)

        return move

    ranks = [op.parameter_rank(name) for name in op.FAMILY.parameters]
    return [join(each(f, at_draw(n)) for f, n in zip(facts, ranks, strict=True))]


@rule(dist.IndependentOp)
def _independent(op: dist.IndependentOp, facts: list[Facts]) -> list[Facts]:
    return [facts[0]]


@rule(dist.ExpandOp, dist.TransformedOp)
def _wrapper(op: dist.ExpandOp | dist.TransformedOp, facts: list[Facts]) -> list[Facts]:
    shape = dist.law_of(op.result).value.get_shape()
    return [join(each(f, lambda d: trailing(d, shape)) for f in facts)]


@rule(dist.MaskOp)
def _mask(op: dist.MaskOp, facts: list[Facts]) -> list[Facts]:
    """A density reads the mask at its own batch element."""
    law = op.result.type
    shape, batch = law.value.get_shape(), len(law.batch_shape)
    base, mask = facts
    return [join([base, each(mask, lambda d: d.broadcast(shape, range(batch)))])]


@rule(dist.MixtureOp)
def _mixture(op: dist.MixtureOp, facts: list[Facts]) -> list[Facts]:
    """Weights and components, each at its own batch element."""
    shape, batch = op.result.type.value.get_shape(), len(op.result.type.batch_shape)
    weights = each(facts[0], lambda d: _at_batch(d.drop_axes([len(d.shape) - 1]), shape, batch))
    return [join([weights, *(each(f, lambda d: trailing(d, shape)) for f in facts[1:])])]


@rule(dist.MixtureSameFamilyOp)
def _mixture_same_family(op: dist.MixtureSameFamilyOp, facts: list[Facts]) -> list[Facts]:
    """As a mixture of the laws along the last batch axis."""
    shape, batch = op.result.type.value.get_shape(), len(op.result.type.batch_shape)
    weights = each(facts[0], lambda d: _at_batch(d.drop_axes([len(d.shape) - 1]), shape, batch))
    last = len(dist.law_of(op.component).batch_shape) - 1
    return [join([weights, each(facts[1], lambda d: trailing(d.drop_axes([last]), shape))])]


def _at_batch(d: Dependence, shape: tuple[int, ...], batch: int) -> Dependence:
    """A value of batch shape, or of one that broadcasts to it, at every element of a draw."""
    return d.broadcast(shape, range(batch - len(d.shape), batch))


@rule(dist.DeltaOp)
def _delta(op: dist.DeltaOp, facts: list[Facts]) -> list[Facts]:
    """A density reads the point element by element, and what is added at its own batch element."""
    law = op.result.type
    shape, batch = law.value.get_shape(), len(law.batch_shape)
    value, density = facts
    return [join([value, each(density, lambda d: d.broadcast(shape, range(batch)))])]
