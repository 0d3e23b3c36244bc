"""Draws of families of counts and categories."""

from __future__ import annotations

from relbo_ir.dialects import dist, rng
from relbo_ir.passes.analyses.laws import bernoulli_of
from relbo_ir.passes.draws import Drawer, Noise, sampler_of
from relbo_ir.passes.expressions import Expression
from relbo_ir.passes.formulas import ordered_log_probabilities


def _below(d: Drawer, uniform: Expression, probability: Expression) -> Expression:
    return d.writer.convert(d.writer.call("lt", uniform, probability), d.element())


@sampler_of(dist.BernoulliOp)
def _bernoulli(d: Drawer, op: dist.BernoulliOp) -> Expression:
    return _below(d, d.noise(op), d.value(op.probs))


@sampler_of(dist.BernoulliLogitsOp)
def _bernoulli_logits(d: Drawer, op: dist.BernoulliLogitsOp) -> Expression:
    return _below(d, d.noise(op), d.writer.apply("logistic", d.value(op.logits)))


def bernoulli_pair(d: Drawer) -> tuple[Expression, Expression]:
    """The choice's draw [u < p], bit by bit that of its sampler, and its twin [u ≥ 1 − p]."""
    w, law = d.writer, bernoulli_of(d.choice.law)
    match law:
        case dist.BernoulliOp():
            success = d.value(law.probs)
            failure = 1.0 - success
        case dist.BernoulliLogitsOp():
            logits = d.value(law.logits)
            success, failure = w.apply("logistic", logits), w.apply("logistic", -logits)
        case None:
            raise d.error(
                "its law is not Bernoulli, so its draw has no antithetic twin",
                "treat it in another way than by DisARM",
            )
    uniform = d.noise(law)
    twin = w.convert(w.call("ge", uniform, failure), d.element())
    return _below(d, uniform, success), twin


@sampler_of(dist.CategoricalOp)
def _categorical(d: Drawer, op: dist.CategoricalOp) -> Expression:
    return d.categorical(d.writer.apply("log", d.value(op.probs)))


@sampler_of(dist.CategoricalLogitsOp)
def _categorical_logits(d: Drawer, op: dist.CategoricalLogitsOp) -> Expression:
    return d.categorical(d.value(op.logits))


@sampler_of(dist.OrderedLogisticOp)
def _ordered_logistic(d: Drawer, op: dist.OrderedLogisticOp) -> Expression:
    return d.categorical(
        ordered_log_probabilities(d.writer, d.value(op.predictor), d.value(op.cutpoints))
    )


@sampler_of(dist.PoissonOp)
def _poisson(d: Drawer, op: dist.PoissonOp) -> Expression:
    return d.poisson(d.value(op.rate))


@sampler_of(dist.ZeroInflatedPoissonOp)
def _zero_inflated_poisson(d: Drawer, op: dist.ZeroInflatedPoissonOp) -> Expression:
    w, element = d.writer, dist.float_element(op.result)
    uniform = w.expression(d.part(0).source.noise(Noise(rng.UniformNoiseOp, element, d.shape)))
    return w.select(w.call("ge", uniform, d.value(op.gate)), 0, d.part(1).poisson(d.value(op.rate)))


@sampler_of(dist.GeometricOp)
def _geometric(d: Drawer, op: dist.GeometricOp) -> Expression:
    return _failures(d, op, -d.writer.apply("log1p", -d.value(op.probs)))


@sampler_of(dist.GeometricLogitsOp)
def _geometric_logits(d: Drawer, op: dist.GeometricLogitsOp) -> Expression:
    return _failures(d, op, d.writer.apply("softplus", d.value(op.logits)))


def _failures(d: Drawer, op: dist.FamilyOp, rate: Expression) -> Expression:
    """The whole part of an exponential draw of rate −log(1 − p)."""
    return d.writer.convert(d.writer.apply("floor", d.noise(op) / rate), d.element())


@sampler_of(dist.BinomialOp)
def _binomial(d: Drawer, op: dist.BinomialOp) -> Expression:
    return d.binomial(op.total_count, d.value(op.probs))


@sampler_of(dist.BinomialLogitsOp)
def _binomial_logits(d: Drawer, op: dist.BinomialLogitsOp) -> Expression:
    return d.binomial(op.total_count, d.writer.apply("logistic", d.value(op.logits)))


@sampler_of(dist.BetaBinomialOp)
def _beta_binomial(d: Drawer, op: dist.BetaBinomialOp) -> Expression:
    odds = d.part(0).log_odds_of_beta(d.value(op.concentration1), d.value(op.concentration0))
    return d.part(1).binomial(op.total_count, d.writer.apply("logistic", odds))


def _gamma_mixed(d: Drawer, concentration: Expression, log_scale: Expression) -> Expression:
    """A Poisson draw whose rate is a Gamma draw."""
    gamma = d.part(0).log_gamma(d.wide(concentration))
    return d.part(1).poisson(d.writer.apply("exp", gamma + log_scale))


@sampler_of(dist.NegativeBinomialOp)
def _negative_binomial(d: Drawer, op: dist.NegativeBinomialOp) -> Expression:
    w, probs = d.writer, d.value(op.probs)
    odds = w.apply("log", probs) - w.apply("log1p", -probs)
    return _gamma_mixed(d, d.value(op.total_count), odds)


@sampler_of(dist.NegativeBinomialLogitsOp)
def _negative_binomial_logits(d: Drawer, op: dist.NegativeBinomialLogitsOp) -> Expression:
    return _gamma_mixed(d, d.value(op.total_count), d.value(op.logits))


@sampler_of(dist.GammaPoissonOp)
def _gamma_poisson(d: Drawer, op: dist.GammaPoissonOp) -> Expression:
    return _gamma_mixed(d, d.value(op.concentration), -d.writer.apply("log", d.value(op.rate)))
