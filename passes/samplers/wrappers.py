"""Draws of laws that are made from laws."""

from __future__ import annotations

from xdsl.dialects.builtin import i32
from xdsl.dialects.func import CallOp

from relbo_ir.dialects import dist
from relbo_ir.passes.draws import Drawer, prob_shape, sampler_of
from relbo_ir.passes.expressions import Expression


@sampler_of(dist.IndependentOp, dist.ExpandOp)
def _base(d: Drawer, op: dist.IndependentOp | dist.ExpandOp) -> Expression:
    return d.draw(op.base)


@sampler_of(dist.TransformedOp)
def _transformed(d: Drawer, op: dist.TransformedOp) -> Expression:
    w, x = d.writer, d.draw(op.base)
    short = op.transform.data.elementwise
    if short is not None:
        return w.apply(short, x)
    loc, scale = (w.expression(a) for a in op.arguments)
    return loc + scale * x


@sampler_of(dist.TransformedByOp)
def _transformed_by(d: Drawer, op: dist.TransformedByOp) -> Expression:
    if d.shape != prob_shape(op.result):
        raise d.error(
            "a law of a traced transform cannot be expanded", "expand the law that is transformed"
        )
    base = Drawer(d.choice, d.writer, d.source, prob_shape(op.base))
    value = dist.law_of(op.result).value
    call = CallOp(op.forward, [base.draw(op.base).value, *op.arguments], [value])
    return d.writer.expression(d.writer.insert(call))


@sampler_of(dist.OpaqueOp)
def _opaque(d: Drawer, op: dist.OpaqueOp) -> Expression:
    if d.shape != prob_shape(op.result):
        raise d.error(
            "an expanded opaque law cannot be drawn yet",
            "give the distribution its full batch shape",
        )
    return d.writer.expression(d.source.opaque(op.sample, op))


@sampler_of(dist.MixtureOp)
def _mixture(d: Drawer, op: dist.MixtureOp) -> Expression:
    """Every component is drawn, and one of them is chosen: a part of the key each."""
    w, batch = d.writer, _batch(d, op)
    chosen = d.part(0, batch).categorical(d.value(op.logits), i32)
    draws = [d.part(k + 1).draw(component) for k, component in enumerate(op.components)]
    result, events = draws[0], len(d.shape) - len(batch)
    for k, x in enumerate(draws[1:], start=1):
        mine = w.call("eq", chosen, k)
        wide = w.reshape(mine, (*batch, *[1] * events))
        result = w.select(w.broadcast(wide, d.shape), result, x)
    return result


@sampler_of(dist.MixtureSameFamilyOp)
def _mixture_same_family(d: Drawer, op: dist.MixtureSameFamilyOp) -> Expression:
    w, batch = d.writer, _batch(d, op)
    count, event = dist.law_of(op.component).batch_shape[-1], d.shape[len(batch) :]
    chosen = d.part(0, batch).categorical(d.value(op.logits), i32)
    draws = d.part(1, (*batch, count, *event)).draw(op.component)
    shape = (*batch, count)
    mine = w.apply(
        "eq", w.iota(chosen, shape, len(batch)), w.broadcast(w.expand(chosen, -1), shape)
    )
    wide = w.broadcast(w.reshape(mine, (*shape, *[1] * len(event))), draws.shape)
    return w.sum(w.select(wide, 0, draws), [len(batch)])


def _batch(d: Drawer, op: dist.MixtureOp | dist.MixtureSameFamilyOp) -> tuple[int, ...]:
    events = prob_shape(op.result)[len(dist.law_of(op.result).batch_shape) :]
    return d.shape[: len(d.shape) - len(events)]
