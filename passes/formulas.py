"""Formulas that draws and densities share."""

from __future__ import annotations

import math

from relbo_ir.passes.expressions import Expression, Writer


def log_mass(w: Writer, low: Expression, high: Expression) -> Expression:
    """log(σ(high) − σ(low)), low < high, either of them infinite; of no difference of σ's."""
    gap = w.apply("log", -w.apply("expm1", low - high))
    return gap - w.apply("softplus", -high) - w.apply("softplus", low)


def ordered_log_probabilities(
    w: Writer, predictor: Expression, cutpoints: Expression
) -> Expression:
    """log P(x = k) of the ordered logistic law, k on a last axis: log(σ(cₖ − η) − σ(cₖ₋₁ − η))."""
    places = cutpoints - w.expand(predictor, -1)
    ends = w.part(places, 0, 1)
    first = w.constant(ends.value.type, -math.inf)
    last = w.constant(ends.value.type, math.inf)
    return log_mass(w, w.concatenate(first, places), w.concatenate(places, last))
