"""Log densities become tensor math."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr, TensorType, i1
from xdsl.dialects.func import CallOp
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import dist, lax, prob
from relbo_ir.dialects.dist import Transform
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.tensors import has_complex, with_shape
from relbo_ir.lowering.densities import DENSITIES, TRACED
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.import_jaxpr import inline_function
from relbo_ir.lowering.supports import (
    conditions_of_set,
    conditions_of_transform,
    guarded,
    only_where,
)
from relbo_ir.passes.analyses.support import law_support
from relbo_ir.passes.analyses.value_ranges import Ranges
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
        functions = Functions(op)
        ranges = Ranges()
        values: dict[SSAValue, SSAValue] = {
            density.result: _expanded(density, ranges.needs_guard(density), functions)
            for density in found
        }
        replace_uses(values)
        for density in found:
            Rewriter.erase_op(density)


def _expanded(op: prob.LogDensityOp, guard: bool, functions: Functions) -> SSAValue:
    """
    log_density(law, x) = the law's declared formula at x, written before the op; where `guard`, x
    may lie outside of the support.
    """
    w = Writer(InsertPoint.before(op))
    last = op.prev_op
    element = dist.float_element(op.law)
    x = w.expression(op.value)
    x = x if has_complex(op.value.type) else w.convert(x, element)
    expander = _Expander(w, op, element, guard, functions)
    result = w.broadcast(expander.density(op.law, x), shape_of(op.result))
    result.value.name_hint = op.result.name_hint
    new = op.prev_op
    while new is not None and new is not last:
        new.location = op.location
        new = new.prev_op
    return result.value


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


@dataclass
class _Expander:
    """Writes the density of one value; where `guard`, the value may lie outside of supports."""

    w: Writer
    op: prob.LogDensityOp
    element: Attribute
    guard: bool
    functions: Functions

    def density(self, law: SSAValue, x: Expression) -> Expression:
        w = self.w
        match law.owner:
            case dist.FamilyOp() as family:
                density = self._family(family, x)
                return guarded(w, family, x, density) if self.guard else density
            case dist.IndependentOp() as wrapper:
                base = dist.law_of(wrapper.base)
                inner = w.broadcast(self.density(wrapper.base, x), _batch_of_value(x, base))
                rank = wrapper.rank.value.data
                return w.sum(inner, range(len(inner.shape) - rank, len(inner.shape)))
            case dist.ExpandOp() as wrapper:
                return self.density(wrapper.base, x)
            case dist.MaskOp() as wrapper:
                return self._masked(wrapper, x)
            case dist.DeltaOp() as point:
                return self._point(point, x)
            case dist.ImproperOp() as improper:
                return self._improper(improper, x)
            case dist.TransformedOp() as wrapper:
                return self._transformed(wrapper, x)
            case dist.TransformedByOp() as wrapper:
                return self._transformed_by(wrapper, x)
            case dist.MixtureOp() | dist.MixtureSameFamilyOp() as mixture:
                return self._mixture(mixture, x)
            case dist.OpaqueOp() as opaque:
                drawn = dist.law_of(law)
                value = w.convert(x, drawn.value.get_element_type())
                return self._call(opaque.log_prob, [value, *opaque.parameters], drawn.batch_shape)
            case _:
                raise PassError.at(
                    self.op, "the law is made by no dist op", "score a law of the dist dialect"
                )

    def _masked(self, law: dist.MaskOp, x: Expression) -> Expression:
        """
        The density where the mask is true, else 0. The base scores a point of its support there,
        as NumPyro does: 0 times an infinite derivative would not be 0.
        """
        w = self.w
        batch = _batch_of_value(x, law.result.type)
        mask = w.broadcast(w.expression(law.mask), batch)
        support = law_support(law.result)
        if support is not None and support in _FEASIBLE:
            wide = mask.value
            if x.shape != batch:
                type_ = with_shape(wide.type, x.shape)
                wide = w.insert(lax.BroadcastInDimOp(wide, type_, range(len(batch))))
            inside = w.constant(x.value.type, _FEASIBLE[support])
            x = w.expression(w.insert(lax.SelectNOp(wide, [inside.value, x.value])))
        density = w.broadcast(self.density(law.base, x), batch)
        nothing = w.constant(density.value.type, 0.0)
        return w.expression(w.insert(lax.SelectNOp(mask.value, [nothing.value, density.value])))

    def _point(self, law: dist.DeltaOp, x: Expression) -> Expression:
        """log_density where x is the point in every element of the event, else −∞."""
        w = self.w
        same = w.call("eq", x, w.convert(w.expression(law.value), self.element))
        zero = w.constant(TensorType(self.element, same.shape), 0.0)
        outside = w.constant(zero.value.type, -math.inf)
        inside = w.expression(w.insert(lax.SelectNOp(same.value, [outside.value, zero.value])))
        rank = law.event_rank.value.data
        apart = w.sum(inside, range(len(same.shape) - rank, len(same.shape)))
        return apart + w.convert(w.expression(law.log_density), self.element)

    def _improper(self, law: dist.ImproperOp, x: Expression) -> Expression:
        """0 on the set."""
        w = self.w
        batch = _batch_of_value(x, dist.law_of(law.result))
        density = w.constant(TensorType(self.element, batch), 0.0)
        bounds = [w.expression(bound) for bound in law.bounds]
        conditions = conditions_of_set(w, law.set, x, bounds) if self.guard else []
        return only_where(w, conditions, len(batch), density)

    def _family(self, family: dist.FamilyOp, x: Expression) -> Expression:
        if type(family) in TRACED:
            where = InsertPoint.before(self.op)
            operands = [x.value, *family.operands]
            traced = TRACED[type(family)](family)
            return self.w.expression(inline_function(traced, operands, self.functions, where)[0])
        parameters = [self.w.expression(p) for p in family.operands]
        return DENSITIES[type(family)](self.w, x, *parameters)

    def _call(
        self,
        function: SymbolRefAttr,
        operands: Sequence[SSAValue | Expression],
        shape: tuple[int, ...],
        element: Attribute | None = None,
    ) -> Expression:
        """A call of a function of the module that gives one tensor."""
        values = [v.value if isinstance(v, Expression) else v for v in operands]
        result = TensorType(self.element if element is None else element, shape)
        return self.w.expression(self.w.insert(CallOp(function, values, [result])))

    def _transformed(self, law: dist.TransformedOp, y: Expression) -> Expression:
        w, transform = self.w, law.transform.data
        match transform:
            case Transform.EXP:
                x = w.apply("log", y)
                log_slope = x
            case Transform.SIGMOID:
                log_y, log_not = w.apply("log", y), w.apply("log1p", -y)
                x = log_y - log_not
                log_slope = x + 2.0 * log_not
            case Transform.SOFTPLUS:
                log_slope = w.apply("log", -w.apply("expm1", -y))
                x = y + log_slope
            case Transform.AFFINE:
                loc, scale = (w.expression(a) for a in law.arguments)
                x = (y - loc) / scale
                log_slope = w.broadcast(w.apply("log", w.apply("abs", scale)), y.shape)
        batch = len(y.shape) - dist.law_of(law.base).event_rank.data
        correction = w.sum(log_slope, range(batch, len(y.shape)))
        density = self.density(law.base, x) - correction
        if not self.guard:
            return density
        return only_where(w, conditions_of_transform(w, transform, y), batch, density)

    def _transformed_by(self, law: dist.TransformedByOp, y: Expression) -> Expression:
        drawn, base = dist.law_of(law.result), dist.law_of(law.base)
        y = self.w.broadcast(y, drawn.value.get_shape())
        x = self._call(law.inverse, [y, *law.arguments], base.value.get_shape())
        log_slope = self._call(law.log_det, [x, y, *law.arguments], drawn.batch_shape)
        density = self.density(law.base, x) - log_slope
        if not self.guard:
            return density
        named = law_support(law.result)
        if named is not None:
            inside = conditions_of_set(self.w, named, y)
        else:
            inside = [self._call(law.inside, [y, *law.arguments], drawn.batch_shape, i1)]
        return only_where(self.w, inside, len(drawn.batch_shape), density)

    def _mixture(self, law: dist.MixtureOp | dist.MixtureSameFamilyOp, x: Expression) -> Expression:
        """
        log Σₖ exp(log wₖ + log pₖ(x)). A draw of one component may lie outside of another one's
        support: only where all have one support does the mixture's own draw need no guard.
        """
        if not self.guard and law_support(law.result) is None:
            return replace(self, guard=True)._mixture(law, x)
        w = self.w
        logits = w.expression(law.logits)
        weights = logits - w.expand(w.logsumexp(logits), -1)
        event_rank = len(dist.law_of(law.result).value.get_shape()) - len(
            dist.law_of(law.result).batch_shape
        )
        if isinstance(law, dist.MixtureSameFamilyOp):
            x = w.expand(x, -event_rank - 1)
            component = dist.law_of(law.component).value
            wide = w.broadcast(x, dist.broadcast_shapes(x.shape, component.get_shape()))
            return w.logsumexp(weights + self.density(law.component, wide))
        batch = x.shape[: len(x.shape) - event_rank]
        rows = [w.broadcast(self.density(c, x), batch) for c in law.components]
        return w.logsumexp(weights + w.concatenate(*[w.expand(row, -1) for row in rows]))


def _batch_of_value(x: Expression, base: prob.LawType) -> tuple[int, ...]:
    return x.shape[: len(x.shape) - base.event_rank.data]
