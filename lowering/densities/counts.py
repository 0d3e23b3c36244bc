"""Log probabilities of the families of counts and categories; x arrives as floats."""

from __future__ import annotations

from relbo_ir.dialects import dist
from relbo_ir.lowering.densities.commonest import density_of, log_beta, pick, poisson
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.formulas import ordered_log_probabilities


@density_of(dist.GeometricOp)
def _geometric(w: Writer, x: Expression, probs: Expression) -> Expression:
    return w.call("xlog1py", x, -probs) + w.apply("log", probs)


@density_of(dist.GeometricLogitsOp)
def _geometric_logits(w: Writer, x: Expression, logits: Expression) -> Expression:
    return -(x * w.apply("softplus", logits)) - w.apply("softplus", -logits)


def _log_choose(w: Writer, n: Expression, x: Expression) -> Expression:
    """log C(n, x) = −log(n + 1) − log B(n − x + 1, x + 1)."""
    return -w.apply("log", n + 1) - log_beta(w, n - x + 1, x + 1)


@density_of(dist.BinomialOp)
def _binomial(w: Writer, x: Expression, probs: Expression, n: Expression) -> Expression:
    powers = w.call("xlogy", x, probs) + w.call("xlog1py", n - x, -probs)
    return _log_choose(w, n, x) + powers


@density_of(dist.BinomialLogitsOp)
def _binomial_logits(w: Writer, x: Expression, logits: Expression, n: Expression) -> Expression:
    return _log_choose(w, n, x) + x * logits - n * w.apply("softplus", logits)


@density_of(dist.BetaBinomialOp)
def _beta_binomial(
    w: Writer, x: Expression, a: Expression, b: Expression, n: Expression
) -> Expression:
    return _log_choose(w, n, x) + log_beta(w, x + a, n - x + b) - log_beta(w, a, b)


def _log_repeated(w: Writer, n: Expression, x: Expression) -> Expression:
    """log Γ(x + n)/(Γ(n) x!) = −log(x + n) − log B(n, x + 1)."""
    return -w.apply("log", x + n) - log_beta(w, n, x + 1)


@density_of(dist.NegativeBinomialOp)
def _negative_binomial(w: Writer, x: Expression, n: Expression, probs: Expression) -> Expression:
    return _log_repeated(w, n, x) + n * w.apply("log1p", -probs) + w.call("xlogy", x, probs)


@density_of(dist.NegativeBinomialLogitsOp)
def _negative_binomial_logits(
    w: Writer, x: Expression, n: Expression, logits: Expression
) -> Expression:
    powers = n * w.apply("softplus", logits) + x * w.apply("softplus", -logits)
    return _log_repeated(w, n, x) - powers


@density_of(dist.GammaPoissonOp)
def _gamma_poisson(w: Writer, x: Expression, a: Expression, rate: Expression) -> Expression:
    log_rate, log_all = w.apply("log", rate), w.apply("log1p", rate)
    return _log_repeated(w, a, x) + a * (log_rate - log_all) - x * log_all


@density_of(dist.ZeroInflatedPoissonOp)
def _zero_inflated_poisson(
    w: Writer, x: Expression, gate: Expression, rate: Expression
) -> Expression:
    log_not = w.apply("log1p", -gate)
    zero = w.call("logaddexp", w.apply("log", gate), log_not - rate)
    return w.select(w.call("eq", x, 0.0), log_not + poisson(w, x, rate), zero)


@density_of(dist.OrderedLogisticOp)
def _ordered_logistic(
    w: Writer, x: Expression, predictor: Expression, cutpoints: Expression
) -> Expression:
    return pick(w, x, ordered_log_probabilities(w, predictor, cutpoints))
