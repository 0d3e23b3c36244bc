"""Log densities of the continuous families of one variable."""

from __future__ import annotations

import math

from relbo_ir.dialects import dist
from relbo_ir.lowering.densities.commonest import density_of, log_beta
from relbo_ir.passes.expressions import Expression, Writer

_LOG_PI = math.log(math.pi)
_LOG_TWO_PI = math.log(2 * math.pi)


@density_of(dist.CauchyOp)
def _cauchy(w: Writer, x: Expression, loc: Expression, scale: Expression) -> Expression:
    z = (x - loc) / scale
    return -w.apply("log", scale) - w.apply("log1p", z * z) - _LOG_PI


@density_of(dist.LaplaceOp)
def _laplace(w: Writer, x: Expression, loc: Expression, scale: Expression) -> Expression:
    return -(w.apply("abs", x - loc) / scale) - w.apply("log", 2 * scale)


@density_of(dist.LogisticOp)
def _logistic(w: Writer, x: Expression, loc: Expression, scale: Expression) -> Expression:
    z = (x - loc) / scale
    return -z - 2 * w.apply("softplus", -z) - w.apply("log", scale)


@density_of(dist.GumbelOp)
def _gumbel(w: Writer, x: Expression, loc: Expression, scale: Expression) -> Expression:
    z = (x - loc) / scale
    return -z - w.apply("exp", -z) - w.apply("log", scale)


@density_of(dist.StudentTOp)
def _student_t(
    w: Writer, x: Expression, df: Expression, loc: Expression, scale: Expression
) -> Expression:
    z = (x - loc) / scale
    half = w.constant(df.value.type, 0.5)
    norm = log_beta(w, half, 0.5 * df) + 0.5 * w.apply("log", df) + w.apply("log", scale)
    return -0.5 * (df + 1) * w.apply("log1p", z * z / df) - norm


@density_of(dist.UniformOp)
def _uniform(w: Writer, x: Expression, low: Expression, high: Expression) -> Expression:
    return -w.apply("log", high - low)


@density_of(dist.ExponentialOp)
def _exponential(w: Writer, x: Expression, rate: Expression) -> Expression:
    return w.apply("log", rate) - rate * x


@density_of(dist.WeibullOp)
def _weibull(w: Writer, x: Expression, scale: Expression, k: Expression) -> Expression:
    ratio = x / scale
    norm = w.apply("log", k) - w.apply("log", scale)
    return norm + w.call("xlogy", k - 1, ratio) - w.call("pow", ratio, k)


@density_of(dist.KumaraswamyOp)
def _kumaraswamy(w: Writer, x: Expression, a: Expression, b: Expression) -> Expression:
    norm = w.apply("log", a) + w.apply("log", b)
    rest = w.call("xlog1py", b - 1, -w.call("pow", x, a))
    return norm + w.call("xlogy", a - 1, x) + rest


@density_of(dist.InverseGammaOp)
def _inverse_gamma(w: Writer, x: Expression, a: Expression, rate: Expression) -> Expression:
    norm = a * w.apply("log", rate) - w.apply("lgamma", a)
    return norm - (a + 1) * w.apply("log", x) - rate / x


def _normal(w: Writer, z: Expression, scale: Expression) -> Expression:
    return -0.5 * (z * z) - w.apply("log", scale) - 0.5 * _LOG_TWO_PI


@density_of(dist.LeftTruncatedNormalOp)
def _left_truncated_normal(
    w: Writer, x: Expression, loc: Expression, scale: Expression, low: Expression
) -> Expression:
    mass = w.apply("log_ndtr", (loc - low) / scale)
    return _normal(w, (x - loc) / scale, scale) - mass


@density_of(dist.TruncatedNormalOp)
def _truncated_normal(
    w: Writer, x: Expression, loc: Expression, scale: Expression, low: Expression, high: Expression
) -> Expression:
    """log(Φ(b) − Φ(a)) in the tail where Φ is small: reflected where both bounds are positive."""
    a, b = (low - loc) / scale, (high - loc) / scale
    upper = w.call("gt", a, 0.0)
    small = w.apply("log_ndtr", w.select(upper, a, -b))
    large = w.apply("log_ndtr", w.select(upper, b, -a))
    mass = large + w.apply("log", -w.apply("expm1", small - large))
    return _normal(w, (x - loc) / scale, scale) - mass


@density_of(dist.VonMisesOp)
def _von_mises(w: Writer, x: Expression, loc: Expression, k: Expression) -> Expression:
    norm = w.apply("log", w.apply("bessel_i0e", k))
    return k * (w.apply("cos", x - loc) - 1) - norm - _LOG_TWO_PI
