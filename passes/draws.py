"""Draws as deterministic functions of noise: what `lower-sampling` and `externalize-draws` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import Attribute, SSAValue

from relbo_ir.dialects import dist, lax, prob, rng
from relbo_ir.dialects.dist import Transform
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

    def log_gamma(self, concentration: Expression) -> SSAValue:
        """Logarithms of Gamma draws of that shape, from the one key of the choice."""
        ...

    def discrete(self, draw: Callable[[SSAValue], rng.ShapedDrawOp]) -> SSAValue:
        """A draw that is not a smooth function of noise: `draw` makes its op from the keys."""
        ...

    def opaque(self, sampler: SymbolRefAttr, law: dist.OpaqueOp) -> SSAValue:
        """A draw by a function of the module."""
        ...


def noise_of(law: SSAValue) -> Noise | None:
    """The noise that draws of a law are made from, where they are made from one such tensor."""
    return _noise(law, prob_shape(law))


def prob_shape(law: SSAValue) -> tuple[int, ...]:
    """The shape of a draw."""
    return dist.law_of(law).value.get_shape()


def _noise(law: SSAValue, shape: tuple[int, ...]) -> Noise | None:
    match law.owner:
        case dist.NormalOp() | dist.HalfNormalOp() | dist.LogNormalOp():
            return Noise(rng.NormalNoiseOp, dist.float_element(law), shape)
        case dist.HalfCauchyOp():
            return Noise(rng.CauchyNoiseOp, dist.float_element(law), shape)
        case dist.BernoulliOp() | dist.BernoulliLogitsOp():
            return Noise(rng.UniformNoiseOp, dist.float_element(law), shape)
        case dist.IndependentOp() | dist.ExpandOp() | dist.TransformedOp() as op:
            return _noise(op.base, shape)
        case _:
            return None


def draw(choice: prob.SampleOp, writer: Writer, source: NoiseSource) -> SSAValue:
    """Writes a choice's draw from a source of noise."""
    return _Drawer(choice, writer, source, prob_shape(choice.law)).draw(choice.law).value


@dataclass
class _Drawer:
    choice: prob.SampleOp
    writer: Writer
    source: NoiseSource
    shape: tuple[int, ...]

    def draw(self, law: SSAValue) -> Expression:
        w = self.writer
        noise = _noise(law, self.shape)
        match law.owner:
            case dist.NormalOp() as op:
                return self._value(op.loc) + self._value(op.scale) * self._source(noise)
            case dist.HalfNormalOp() as op:
                return self._value(op.scale) * w.apply("abs", self._source(noise))
            case dist.LogNormalOp() as op:
                normal = self._value(op.loc) + self._value(op.scale) * self._source(noise)
                return w.apply("exp", normal)
            case dist.HalfCauchyOp() as op:
                return self._value(op.scale) * w.apply("abs", self._source(noise))
            case dist.GammaOp() as op:
                wide = w.broadcast(self._value(op.concentration), self.shape)
                gamma = w.expression(self.source.log_gamma(wide))
                return w.apply("exp", gamma) / self._value(op.rate)
            case dist.BetaOp() as op:
                return self._beta(op)
            case dist.BernoulliOp() as op:
                return self._below(self._source(noise), self._value(op.probs))
            case dist.BernoulliLogitsOp() as op:
                probs = w.apply("logistic", self._value(op.logits))
                return self._below(self._source(noise), probs)
            case dist.CategoricalOp() as op:
                return self._categorical(w.apply("log", w.expression(op.probs)))
            case dist.CategoricalLogitsOp() as op:
                return self._categorical(w.expression(op.logits))
            case dist.PoissonOp() as op:
                rate = w.broadcast(self._value(op.rate), self.shape)
                return self._discrete(
                    lambda keys: rng.PoissonDrawOp(keys, rate.value, self._element())
                )
            case dist.InverseGaussianOp() as op:
                return self._inverse_gaussian(op)
            case dist.IndependentOp() as op:
                return self.draw(op.base)
            case dist.ExpandOp() as op:
                return self.draw(op.base)
            case dist.TransformedOp() as op:
                return self._transform(op, self.draw(op.base))
            case dist.OpaqueOp() as op:
                return w.expression(self.source.opaque(op.sample, op))
            case _:
                raise PassError.at(
                    self.choice,
                    "nothing is known of how its law is drawn",
                    "draw from a law that a dist op makes",
                    site=self.choice.site.data,
                )

    def _value(self, value: SSAValue) -> Expression:
        return self.writer.expression(value)

    def _source(self, noise: Noise | None) -> Expression:
        if noise is None:
            raise ValueError("this law draws from no simple noise")
        return self.writer.expression(self.source.noise(noise))

    def _element(self) -> Attribute:
        return dist.law_of(self.choice.law).value.get_element_type()

    def _beta(self, op: dist.BetaOp) -> Expression:
        """g₁/(g₁ + g₀) = logistic(log g₁ − log g₀), both from one key: a stack of two draws."""
        w = self.writer
        parameters = (op.concentration1, op.concentration0)
        wide = [w.broadcast(self._value(p), self.shape).value for p in parameters]
        both = with_shape(wide[0].type, (2, *self.shape))
        stack = w.insert(
            lax.StackOp.create(
                operands=wide, result_types=[both], properties={"axis": lax.integer(0)}
            )
        )
        draws = self.source.log_gamma(w.expression(stack))
        first, second = (w.expression(row(w, draws, k)) for k in (0, 1))
        return w.apply("logistic", first - second)

    def _below(self, uniform: Expression, probability: Expression) -> Expression:
        less = self.writer.call("lt", uniform, probability)
        return self.writer.convert(less, self._element())

    def _discrete(self, make: Callable[[SSAValue], rng.ShapedDrawOp]) -> Expression:
        return self.writer.expression(self.source.discrete(make))

    def _categorical(self, logits: Expression) -> Expression:
        wide = self.writer.broadcast(logits, (*self.shape, logits.shape[-1]))
        return self._discrete(lambda keys: rng.CategoricalDrawOp(keys, wide.value, self._element()))

    def _inverse_gaussian(self, op: dist.InverseGaussianOp) -> Expression:
        mean, concentration = self._value(op.mean), self._value(op.concentration)
        ratio = self.writer.broadcast(mean / concentration, self.shape)
        wald = self._discrete(lambda keys: rng.WaldDrawOp(keys, ratio.value))
        return concentration * wald

    def _transform(self, op: dist.TransformedOp, x: Expression) -> Expression:
        w = self.writer
        match op.transform.data:
            case Transform.EXP:
                return w.apply("exp", x)
            case Transform.SIGMOID:
                return w.apply("logistic", x)
            case Transform.SOFTPLUS:
                return w.apply("softplus", x)
            case Transform.AFFINE:
                loc, scale = (w.expression(a) for a in op.arguments)
                return loc + scale * x


def row(writer: Writer, stack: SSAValue, index: int) -> SSAValue:
    """Row `index` of a stack of draws."""
    shape = shape_of(stack)
    if shape[0] > 1:
        start, limit = [index] + [0] * (len(shape) - 1), [index + 1, *shape[1:]]
        part = with_shape(stack.type, [1, *shape[1:]])
        stack = writer.insert(lax.SliceOp(stack, part, start, limit, [1] * len(shape)))
    return writer.insert(lax.ReshapeOp(stack, with_shape(stack.type, shape[1:])))
