"""Draws of vectors and matrices."""

from __future__ import annotations

from relbo_ir.dialects import dist, lax, rng
from relbo_ir.passes.draws import Drawer, Noise, sampler_of
from relbo_ir.passes.expressions import Expression


def _times(d: Drawer, matrix: Expression, vector: Expression) -> Expression:
    """Matrix times vector along the last axes, batch axes broadcast."""
    product = matrix * d.writer.expand(vector, -2)
    return d.writer.sum(product, [len(product.shape) - 1])


def _softmax(d: Drawer, logits: Expression) -> Expression:
    norm = d.writer.expand(d.writer.logsumexp(logits), -1)
    return d.writer.apply("exp", logits - norm)


def _dirichlet(d: Drawer, concentration: Expression) -> Expression:
    """Gamma draws over their sum, in logarithms."""
    return _softmax(d, d.log_gamma(d.wide(concentration, 1)))


@sampler_of(dist.DirichletOp)
def _dirichlet_draw(d: Drawer, op: dist.DirichletOp) -> Expression:
    return _dirichlet(d, d.value(op.concentration))


@sampler_of(dist.MultivariateNormalOp)
def _multivariate_normal(d: Drawer, op: dist.MultivariateNormalOp) -> Expression:
    return d.value(op.loc) + _times(d, d.value(op.scale_tril), d.noise(op))


@sampler_of(dist.LowRankMultivariateNormalOp)
def _low_rank(d: Drawer, op: dist.LowRankMultivariateNormalOp) -> Expression:
    w, noise, rank = d.writer, d.noise(op), lax.shape_of(op.cov_factor)[-1]
    common = _times(d, d.value(op.cov_factor), w.part(noise, 0, rank))
    own = w.apply("sqrt", d.value(op.cov_diag)) * w.part(noise, rank, noise.shape[-1])
    return d.value(op.loc) + common + own


@sampler_of(dist.GaussianRandomWalkOp)
def _random_walk(d: Drawer, op: dist.GaussianRandomWalkOp) -> Expression:
    steps = d.writer.expand(d.value(op.scale), -1) * d.noise(op)
    return d.writer.cumsum(steps)


def _multinomial(d: Drawer, probs: Expression, count: Expression) -> Expression:
    w, element = d.writer, d.element()
    wide, trials = d.wide(probs, 1).value, w.broadcast(count, d.shape[:-1]).value
    return d.parametric(lambda keys: rng.MultinomialDrawOp(keys, wide, trials, element))


@sampler_of(dist.MultinomialOp)
def _multinomial_probs(d: Drawer, op: dist.MultinomialOp) -> Expression:
    return _multinomial(d, d.value(op.probs), d.value(op.total_count))


@sampler_of(dist.MultinomialLogitsOp)
def _multinomial_logits(d: Drawer, op: dist.MultinomialLogitsOp) -> Expression:
    return _multinomial(d, _softmax(d, d.value(op.logits)), d.value(op.total_count))


@sampler_of(dist.DirichletMultinomialOp)
def _dirichlet_multinomial(d: Drawer, op: dist.DirichletMultinomialOp) -> Expression:
    probs = _dirichlet(d.part(0), d.value(op.concentration))
    return _multinomial(d.part(1), probs, d.value(op.total_count))


@sampler_of(dist.LKJCholeskyOp)
def _lkj_cholesky(d: Drawer, op: dist.LKJCholeskyOp) -> Expression:
    """
    The onion method (Lewandowski et al. 2009, section 3.2): row k + 1 is a point of the unit ball,
    a uniform direction times the root of a Beta(½(k + 1), η + ½(d − 2 − k)) draw.
    """
    w, size, batch = d.writer, op.size.value.data, d.shape[:-2]
    concentration = w.expand(d.value(op.concentration), -1)
    if size == 1:
        return w.broadcast(0 * w.expand(concentration, -1) + 1, d.shape)
    rows = size - 1
    half = 0.5 * w.iota(concentration, [rows], 0)
    odds = d.part(0, (*batch, rows)).log_odds_of_beta(
        w.broadcast(half + 0.5, (*batch, rows)), (concentration + 0.5 * (size - 2)) - half
    )
    square = (*batch, rows, rows)
    noise = Noise(rng.NormalNoiseOp, dist.float_element(op.result), square)
    normal = w.expression(d.part(1).source.noise(noise))
    ends = [w.iota(normal, square, len(batch) + k) for k in (0, 1)]
    lower = w.select(w.apply("ge", *ends), 0.0, normal)
    length = w.apply("sqrt", w.sum(lower * lower, [len(square) - 1]))
    radius = w.apply("sqrt", w.apply("logistic", odds)) / length
    body = lower * w.expand(radius, -1)
    none = [0] * len(batch)
    below = w.pad(body, [*none, 1, 0], [*none, 0, 1])
    ones = w.constant(w.part(odds, 0, 1).value.type, 1.0)
    diagonal = w.concatenate(ones, w.apply("sqrt", w.apply("logistic", -odds)))
    ends = [w.iota(below, below.shape, len(batch) + k) for k in (0, 1)]
    return w.select(w.apply("eq", *ends), below, w.broadcast(w.expand(diagonal, -1), below.shape))
