"""Draws as deterministic functions of noise: what `lower-sampling` and `externalize-draws` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import Attribute, Operation, SSAValue

from relbo_ir.dialects import dist, lax, prob, rng
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.tensors import with_shape
from relbo_ir.passes.expressions import Expression, Writer


@dataclass(frozen=True)
class Noise:
    """Noise without parameters: its kind (an op of `rng`), element type and shape."""

    kind: type[rng.NoiseOp]
    element: Attribute
    shape: tuple[int, ...]


class NoiseSource(Protocol):
    """Where a draw's randomness comes from."""

    def noise(self, noise: Noise) -> SSAValue:
        """Noise without parameters, of its shape."""
        ...

    def parametric(self, draw: Callable[[SSAValue], rng.ShapedDrawOp]) -> SSAValue:
        """A draw by a sampler that takes parameters: `draw` makes its op from the keys."""
        ...

    def opaque(self, sampler: SymbolRefAttr, law: dist.OpaqueOp) -> SSAValue:
        """A draw by a function of the module."""
        ...

    def part(self, number: int) -> NoiseSource:
        """Randomness of one part of a draw, independent of that of its other parts."""
        ...


def prob_shape(law: SSAValue) -> tuple[int, ...]:
    """The shape of a draw."""
    return dist.law_of(law).value.get_shape()


NOISE: dict[type[dist.FamilyOp], type[rng.NoiseOp]] = {
    dist.NormalOp: rng.NormalNoiseOp,
    dist.HalfNormalOp: rng.NormalNoiseOp,
    dist.LogNormalOp: rng.NormalNoiseOp,
    dist.MultivariateNormalOp: rng.NormalNoiseOp,
    dist.LowRankMultivariateNormalOp: rng.NormalNoiseOp,
    dist.GaussianRandomWalkOp: rng.NormalNoiseOp,
    dist.CauchyOp: rng.CauchyNoiseOp,
    dist.HalfCauchyOp: rng.CauchyNoiseOp,
    dist.LaplaceOp: rng.LaplaceNoiseOp,
    dist.LogisticOp: rng.LogisticNoiseOp,
    dist.GumbelOp: rng.GumbelNoiseOp,
    dist.ExponentialOp: rng.ExponentialNoiseOp,
    dist.WeibullOp: rng.ExponentialNoiseOp,
    dist.KumaraswamyOp: rng.ExponentialNoiseOp,
    dist.GeometricOp: rng.ExponentialNoiseOp,
    dist.GeometricLogitsOp: rng.ExponentialNoiseOp,
    dist.UniformOp: rng.UniformNoiseOp,
    dist.LeftTruncatedNormalOp: rng.UniformNoiseOp,
    dist.TruncatedNormalOp: rng.UniformNoiseOp,
    dist.BernoulliOp: rng.UniformNoiseOp,
    dist.BernoulliLogitsOp: rng.UniformNoiseOp,
}
"""The noise that a family's draws are made from, where they are made from one such tensor."""


def noise_of(law: SSAValue) -> Noise | None:
    """The noise that draws of a law are made from, where they are made from one such tensor."""
    return _noise(law, prob_shape(law))


def _noise(law: SSAValue, shape: tuple[int, ...]) -> Noise | None:
    match law.owner:
        case dist.FamilyOp() as op if type(op) in NOISE:
            if isinstance(op, dist.LowRankMultivariateNormalOp):
                shape = (*shape[:-1], lax.shape_of(op.cov_factor)[-1] + shape[-1])
            return Noise(NOISE[type(op)], dist.float_element(law), shape)
        case dist.IndependentOp() | dist.ExpandOp() | dist.TransformedOp() as op:
            return _noise(op.base, shape)
        case dist.TransformedByOp() as op:
            return _noise(op.base, prob_shape(op.base))
        case _:
            return None


Sampler = Callable[["Drawer", Any], Expression]
SAMPLERS: dict[type[Operation], Sampler] = {}
OpT = TypeVar("OpT", bound=Operation)


def sampler_of(
    *laws: type[OpT],
) -> Callable[[Callable[[Drawer, OpT], Expression]], Callable[[Drawer, OpT], Expression]]:
    """Registers how draws of a law are written."""

    def register(
        function: Callable[[Drawer, OpT], Expression],
    ) -> Callable[[Drawer, OpT], Expression]:
        SAMPLERS.update(dict.fromkeys(laws, function))
        return function

    return register


@dataclass
class Drawer:
    """Writes draws of one shape from one source of noise."""

    choice: prob.SampleOp | prob.DrawOp
    writer: Writer
    source: NoiseSource
    shape: tuple[int, ...]

    def draw(self, law: SSAValue) -> Expression:
        """A draw of the law, of this shape."""
        op = law.owner
        sampler = SAMPLERS.get(type(op)) if isinstance(op, Operation) else None
        if sampler is None:
            raise self.error(
                "nothing is known of how its law is drawn", "draw from a law that a dist op makes"
            )
        return sampler(self, op)

    def error(self, cause: str, remedy: str) -> PassError:
        """An error about the choice."""
        return PassError.at(self.choice, cause, remedy, site=self.choice.site.data)

    def part(self, number: int, shape: tuple[int, ...] | None = None) -> Drawer:
        """A drawer of one part of this draw, of this shape or another."""
        mine = self.shape if shape is None else shape
        return Drawer(self.choice, self.writer, self.source.part(number), mine)

    def value(self, value: SSAValue) -> Expression:
        """A parameter."""
        return self.writer.expression(value)

    def wide(self, value: SSAValue | Expression, events: int = 0) -> Expression:
        """A parameter at the batch of the draws; its last `events` axes are no batch axes."""
        x = value if isinstance(value, Expression) else self.value(value)
        shape = self.shape[: len(self.shape) - events] if events else self.shape
        return self.writer.broadcast(x, (*shape, *x.shape[len(x.shape) - events :]))

    def noise(self, op: dist.FamilyOp) -> Expression:
        """The noise of a family at this shape."""
        noise = _noise(op.result, self.shape)
        if noise is None:
            raise ValueError(f"{op.name} draws from no simple noise")
        return self.writer.expression(self.source.noise(noise))

    def parametric(self, make: Callable[[SSAValue], rng.ShapedDrawOp]) -> Expression:
        """A draw by a sampler that takes parameters."""
        return self.writer.expression(self.source.parametric(make))

    def log_gamma(self, concentration: Expression) -> Expression:
        """Logarithms of Gamma draws of rate 1, of the concentration's shape."""
        return self.parametric(lambda keys: rng.LogGammaDrawOp(keys, concentration.value))

    def element(self) -> Attribute:
        """The element type of the choice."""
        return dist.law_of(self.choice.law).value.get_element_type()

    def poisson(self, rate: Expression) -> Expression:
        """Poisson draws."""
        wide, element = self.wide(rate), self.element()
        return self.parametric(lambda keys: rng.PoissonDrawOp(keys, wide.value, element))

    def binomial(self, count: SSAValue, probs: Expression) -> Expression:
        """Binomial draws."""
        trials, wide, element = self.wide(count).value, self.wide(probs).value, self.element()
        return self.parametric(lambda keys: rng.BinomialDrawOp(keys, trials, wide, element))

    def categorical(self, logits: Expression, element: Attribute | None = None) -> Expression:
        """Categories by log weights on the last axis."""
        wide = self.writer.broadcast(logits, (*self.shape, logits.shape[-1])).value
        kind = self.element() if element is None else element
        return self.parametric(lambda keys: rng.CategoricalDrawOp(keys, wide, kind))

    def log_odds_of_beta(self, a: Expression, b: Expression) -> Expression:
        """log x − log(1 − x) of a Beta(a, b) draw x: the difference of two log-Gamma draws."""
        w = self.writer
        wide = [self.wide(p).value for p in (a, b)]
        both = with_shape(wide[0].type, (2, *self.shape))
        stack = w.insert(
            lax.StackOp.create(
                operands=wide, result_types=[both], properties={"axis": lax.integer(0)}
            )
        )
        draws = self.log_gamma(w.expression(stack)).value
        first, second = (w.expression(row(w, draws, k)) for k in (0, 1))
        return first - second


def row(writer: Writer, stack: SSAValue, index: int) -> SSAValue:
    """Row `index` of a stack of draws."""
    shape = shape_of(stack)
    if shape[0] > 1:
        start, limit = [index] + [0] * (len(shape) - 1), [index + 1, *shape[1:]]
        part = with_shape(stack.type, [1, *shape[1:]])
        stack = writer.insert(lax.SliceOp(stack, part, start, limit, [1] * len(shape)))
    return writer.insert(lax.ReshapeOp(stack, with_shape(stack.type, shape[1:])))
