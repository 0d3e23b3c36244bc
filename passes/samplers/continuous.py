"""Draws of continuous families of one variable."""

from __future__ import annotations

import math

from xdsl.dialects.builtin import BFloat16Type, Float16Type, Float64Type

from relbo_ir.dialects import dist, rng
from relbo_ir.dialects.tensors import element_of
from relbo_ir.passes.draws import Drawer, Noise, sampler_of
from relbo_ir.passes.expressions import Expression


@sampler_of(dist.NormalOp, dist.CauchyOp, dist.LaplaceOp, dist.LogisticOp, dist.GumbelOp)
def _location_scale(
    d: Drawer,
    op: dist.NormalOp | dist.CauchyOp | dist.LaplaceOp | dist.LogisticOp | dist.GumbelOp,
) -> Expression:
    return d.value(op.loc) + d.value(op.scale) * d.noise(op)


@sampler_of(dist.HalfNormalOp, dist.HalfCauchyOp)
def _half(d: Drawer, op: dist.HalfNormalOp | dist.HalfCauchyOp) -> Expression:
    return d.value(op.scale) * d.writer.apply("abs", d.noise(op))


@sampler_of(dist.LogNormalOp)
def _log_normal(d: Drawer, op: dist.LogNormalOp) -> Expression:
    return d.writer.apply("exp", d.value(op.loc) + d.value(op.scale) * d.noise(op))


@sampler_of(dist.UniformOp)
def _uniform(d: Drawer, op: dist.UniformOp) -> Expression:
    low = d.value(op.low)
    return low + (d.value(op.high) - low) * d.noise(op)


def _limits(x: Expression) -> tuple[float, float]:
    """In the element type of x: a positive number that is next to nothing, the number before 1."""
    match element_of(x.value.type):
        case Float64Type():
            return 1e-300, 1 - 2**-53
        case Float16Type():
            return 6e-5, 1 - 2**-11
        case BFloat16Type():
            return 1e-37, 1 - 2**-8
        case _:
            return 1e-37, 1 - 2**-24


def _not_zero(d: Drawer, op: dist.FamilyOp) -> Expression:
    """The family's noise, kept off 0, where its logarithm would end."""
    noise = d.noise(op)
    return d.writer.call("max", noise, _limits(noise)[0])


@sampler_of(dist.ExponentialOp)
def _exponential(d: Drawer, op: dist.ExponentialOp) -> Expression:
    return d.noise(op) / d.value(op.rate)


@sampler_of(dist.WeibullOp)
def _weibull(d: Drawer, op: dist.WeibullOp) -> Expression:
    power = 1.0 / d.value(op.concentration)
    return d.value(op.scale) * d.writer.call("pow", _not_zero(d, op), power)


@sampler_of(dist.KumaraswamyOp)
def _kumaraswamy(d: Drawer, op: dist.KumaraswamyOp) -> Expression:
    """x = (1 − e^(−ε/b))^(1/a), ε exponential; kept below 1, as its density may have a pole there."""
    w = d.writer
    rest = -w.apply("expm1", -(_not_zero(d, op) / d.value(op.concentration0)))
    draw = w.call("pow", rest, 1.0 / d.value(op.concentration1))
    return w.call("min", w.call("max", draw, _limits(draw)[0]), _limits(draw)[1])


@sampler_of(dist.GammaOp)
def _gamma(d: Drawer, op: dist.GammaOp) -> Expression:
    gamma = d.log_gamma(d.wide(op.concentration))
    return d.writer.apply("exp", gamma) / d.value(op.rate)


@sampler_of(dist.InverseGammaOp)
def _inverse_gamma(d: Drawer, op: dist.InverseGammaOp) -> Expression:
    gamma = d.log_gamma(d.wide(op.concentration))
    return d.value(op.rate) * d.writer.apply("exp", -gamma)


@sampler_of(dist.BetaOp)
def _beta(d: Drawer, op: dist.BetaOp) -> Expression:
    """g₁/(g₁ + g₀) = logistic(log g₁ − log g₀), both from one key."""
    odds = d.log_odds_of_beta(d.value(op.concentration1), d.value(op.concentration0))
    return d.writer.apply("logistic", odds)


@sampler_of(dist.StudentTOp)
def _student_t(d: Drawer, op: dist.StudentTOp) -> Expression:
    """A Normal over the root of a Gamma(df/2, df/2), both of their own part of the key."""
    w, half = d.writer, 0.5 * d.value(op.df)
    noise = Noise(rng.NormalNoiseOp, dist.float_element(op.result), d.shape)
    normal = w.expression(d.part(0).source.noise(noise))
    gamma = d.part(1).log_gamma(d.wide(half))
    ratio = w.apply("exp", 0.5 * (w.apply("log", half) - gamma))
    return d.value(op.loc) + d.value(op.scale) * (normal * ratio)


@sampler_of(dist.LeftTruncatedNormalOp)
def _left_truncated_normal(d: Drawer, op: dist.LeftTruncatedNormalOp) -> Expression:
    """−Φ⁻¹(u Φ(−a)) for the standardised bound a: the upper tail, where Φ is accurate."""
    w, loc, scale, low = d.writer, d.value(op.loc), d.value(op.scale), d.value(op.low)
    tail = _not_zero(d, op) * _cdf(d, (loc - low) / scale)
    return w.call("max", loc - scale * w.apply("ndtri", tail), low)


@sampler_of(dist.TruncatedNormalOp)
def _truncated_normal(d: Drawer, op: dist.TruncatedNormalOp) -> Expression:
    """Φ⁻¹(Φ(a) + u(Φ(b) − Φ(a))), reflected where both bounds lie in the upper tail."""
    w, loc, scale = d.writer, d.value(op.loc), d.value(op.scale)
    low, high = d.value(op.low), d.value(op.high)
    a, b, u = (low - loc) / scale, (high - loc) / scale, _not_zero(d, op)
    upper = w.call("gt", a, 0.0)
    below = _cdf(d, w.select(upper, a, -b))
    above = _cdf(d, w.select(upper, b, -a))
    share = w.select(upper, u, 1.0 - u)
    z = w.apply("ndtri", below + share * (above - below))
    draw = loc + scale * w.select(upper, z, -z)
    return w.call("min", w.call("max", draw, low), high)


def _cdf(d: Drawer, z: Expression) -> Expression:
    """Φ(z), accurate in the lower tail."""
    return 0.5 * d.writer.apply("erfc", (-1.0 / math.sqrt(2.0)) * z)


@sampler_of(dist.VonMisesOp)
def _von_mises(d: Drawer, op: dist.VonMisesOp) -> Expression:
    """A draw around 0, moved to loc and back into [−π, π]."""
    w, concentration = d.writer, d.wide(op.concentration)
    centred = d.parametric(lambda keys: rng.VonMisesDrawOp(keys, concentration.value))
    angle = centred + d.value(op.loc)
    turns = w.apply("floor", (angle + math.pi) / (2 * math.pi))
    wrapped = angle - (2 * math.pi) * turns
    return w.call("min", w.call("max", wrapped, -math.pi), math.pi)


@sampler_of(dist.InverseGaussianOp)
def _inverse_gaussian(d: Drawer, op: dist.InverseGaussianOp) -> Expression:
    mean, concentration = d.value(op.mean), d.value(op.concentration)
    ratio = d.wide(mean / concentration).value
    return concentration * d.parametric(lambda keys: rng.WaldDrawOp(keys, ratio))
