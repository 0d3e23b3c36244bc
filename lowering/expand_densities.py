"""Log densities become tensor math."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import CallOp
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import dist, lax, prob
from relbo_ir.dialects.dist import Transform
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.tensors import with_shape
from relbo_ir.lowering.densities import DENSITIES, categorical, guarded
from relbo_ir.passes.analyses.support import law_support
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.rewriting import replace_uses


@dataclass(frozen=True)
class ExpandDensitiesPass(ModulePass):
    """
    Writes every log density as `lax` ops, in the stable form that its family declares; the program
    stays an expectation.

    Lemma: the definition of each density, and the change of variables for `transformed`. A value
    that is not known to lie in the support has the density −∞ outside of it. A law that is opaque
    is scored by its own function.

    Options: none.

    ```mlir
    %l = prob.log_density %q at %x : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
    ```

    yields, for a `dist.normal %loc, %scale`,

    ```mlir
    %0 = lax.sub %x, %loc : tensor<f32>
    %z = lax.div %0, %scale : tensor<f32>
    ...
    ```
    """

    name = "relbo-expand-densities"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = [density for density in op.walk() if isinstance(density, prob.LogDensityOp)]
        values: dict[SSAValue, SSAValue] = {d.result: _expanded(d) for d in found}
        replace_uses(values)
        for density in found:
            Rewriter.erase_op(density)


def _expanded(op: prob.LogDensityOp) -> SSAValue:
    """log_density(law, x) = the law's declared formula at x, written before the op."""
    w = Writer(InsertPoint.before(op))
    last = op.prev_op
    element = dist.float_element(op.law)
    x = w.convert(w.expression(op.value), element)
    guard = None if _stays_inside(op) else guarded
    result = w.broadcast(_density(w, op, op.law, x, element, guard), shape_of(op.result))
    result.value.name_hint = op.result.name_hint
    new = op.prev_op
    while new is not None and new is not last:
        new.location = op.location
        new = new.prev_op
    return result.value


Guard = Callable[[Writer, dist.Support, Expression, Expression], Expression]


def _stays_inside(op: prob.LogDensityOp) -> bool:
    """Whether the value is a draw whose law keeps it in the support of the law that scores it."""
    draw = op.value.owner
    if not isinstance(draw, prob.SampleOp):
        return False
    if draw.law is op.law:
        return True
    mine, theirs = law_support(op.law), law_support(draw.law)
    return mine is not None and theirs is not None and theirs.within(mine)


def _density(
    w: Writer,
    op: prob.LogDensityOp,
    law: SSAValue,
    x: Expression,
    element: Attribute,
    guard: Guard | None,
) -> Expression:
    match law.owner:
        case dist.FamilyOp() as family:
            density = _family_density(w, family, x)
            return density if guard is None else guard(w, family.FAMILY.support, x, density)
        case dist.IndependentOp() as wrapper:
            base = dist.law_of(wrapper.base)
            inner = _density(w, op, wrapper.base, x, element, guard)
            inner = w.broadcast(inner, _batch_of_value(x, base))
            rank = wrapper.rank.value.data
            axes = range(len(inner.shape) - rank, len(inner.shape))
            return w.sum(inner, axes)
        case dist.ExpandOp() as wrapper:
            return _density(w, op, wrapper.base, x, element, guard)
        case dist.MaskOp() as wrapper:
            return _masked(w, op, wrapper, x, element, guard)
        case dist.DeltaOp() as delta:
            return _point(w, delta, x, element)
        case dist.ImproperOp() as improper:
            zero = w.constant(TensorType(element, x.shape), 0.0)
            density = zero if guard is None else guard(w, improper.set, x, zero)
            rank = dist.law_of(law).event_rank.data
            return w.sum(density, range(len(x.shape) - rank, len(x.shape)))
        case dist.TransformedOp() as wrapper:
            return _transformed(w, op, wrapper, x, element, guard)
        case dist.OpaqueOp() as opaque:
            drawn = dist.law_of(law).value
            value = w.convert(x, drawn.get_element_type()).value
            density = TensorType(element, dist.law_of(law).batch_shape)
            call = CallOp(opaque.log_prob, [value, *opaque.parameters], [density])
            return w.expression(w.insert(call))
        case _:
            raise PassError.at(
                op, "the law is made by no dist op", "score a law of the dist dialect"
            )


_FEASIBLE = {
    dist.Support.REAL: 0.0,
    dist.Support.POSITIVE: 1.0,
    dist.Support.NONNEGATIVE: 1.0,
    dist.Support.UNIT_INTERVAL: 0.5,
    dist.Support.BOOLEAN: 0.0,
    dist.Support.CATEGORY: 0.0,
    dist.Support.COUNT: 0.0,
}
"""A point inside each support."""


def _masked(
    w: Writer,
    op: prob.LogDensityOp,
    law: dist.MaskOp,
    x: Expression,
    element: Attribute,
    guard: Guard | None,
) -> Expression:
    """
    The density where the mask is true, else 0. The base scores a point of its support there, as
    NumPyro does: 0 times an infinite derivative would not be 0.
    """
    batch = _batch_of_value(x, law.result.type)
    mask = w.broadcast(w.expression(law.mask), batch)
    feasible = _FEASIBLE.get(support) if (support := law_support(law.result)) is not None else None
    if feasible is not None:
        wide = mask.value
        if x.shape != batch:
            type_ = with_shape(wide.type, x.shape)
            wide = w.insert(lax.BroadcastInDimOp(wide, type_, range(len(batch))))
        inside = w.constant(x.value.type, feasible)
        x = w.expression(w.insert(lax.SelectNOp(wide, [inside.value, x.value])))
    density = w.broadcast(_density(w, op, law.base, x, element, guard), batch)
    nothing = w.constant(density.value.type, 0.0)
    return w.expression(w.insert(lax.SelectNOp(mask.value, [nothing.value, density.value])))


def _point(w: Writer, law: dist.DeltaOp, x: Expression, element: Attribute) -> Expression:
    """log_density where x is the point in every element of the event, else −∞."""
    same = w.call("eq", x, w.convert(w.expression(law.value), element))
    zero = w.constant(TensorType(element, same.shape), 0.0)
    outside = w.constant(zero.value.type, -math.inf)
    inside = w.expression(w.insert(lax.SelectNOp(same.value, [outside.value, zero.value])))
    rank = law.event_rank.value.data
    apart = w.sum(inside, range(len(same.shape) - rank, len(same.shape)))
    return apart + w.convert(w.expression(law.log_density), element)


def _family_density(w: Writer, family: dist.FamilyOp, x: Expression) -> Expression:
    match family:
        case dist.CategoricalOp():
            return categorical(w, x, w.expression(family.probs), logits=False)
        case dist.CategoricalLogitsOp():
            return categorical(w, x, w.expression(family.logits), logits=True)
        case _:
            parameters = [w.expression(p) for p in family.operands]
            return DENSITIES[type(family)](w, x, *parameters)


def _batch_of_value(x: Expression, base: prob.LawType) -> tuple[int, ...]:
    return x.shape[: len(x.shape) - base.event_rank.data]


def _transformed(
    w: Writer,
    op: prob.LogDensityOp,
    law: dist.TransformedOp,
    y: Expression,
    element: Attribute,
    guard: Guard | None,
) -> Expression:
    match law.transform.data:
        case Transform.EXP:
            x = w.apply("log", y)
            log_slope = x
        case Transform.SIGMOID:
            log_y, log_not = w.apply("log", y), w.apply("log1p", -y)
            x = log_y - log_not
            log_slope = log_y + log_not
        case Transform.SOFTPLUS:
            log_slope = w.apply("log", -w.apply("expm1", -y))
            x = y + log_slope
        case Transform.AFFINE:
            loc, scale = (w.expression(a) for a in law.arguments)
            x = (y - loc) / scale
            log_slope = w.broadcast(w.apply("log", w.apply("abs", scale)), y.shape)
    event_rank = dist.law_of(law.base).event_rank.data
    rank = len(y.shape)
    correction = w.sum(log_slope, range(rank - event_rank, rank))
    return _density(w, op, law.base, x, element, guard) - correction
