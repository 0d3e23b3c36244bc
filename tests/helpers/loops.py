"""Programs of this model and guide after some passes, by the exact oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import pytest
from oracle import Outcomes, Precision, interpret_elbo, interpret_module

from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.pipelines import resolve, run

Program = Callable[..., Any]
DECIDED = ("objective", "relbo-assign-estimators", "relbo-score-function", "relbo-pathwise")
SCORED = ("objective", "relbo-split-addends", "relbo-score-function", "relbo-rao-blackwellize")


def level_1(model: Program, guide: Program | None, data: tuple[Any, ...]) -> tuple[Any, Any]:
    """The module at level 1 and its closures by function and number."""
    with jax.enable_x64(True):
        module, traced = trace_elbo(model, guide, split_call(model, data, {}))
    return module, {(t.function, k): c for t in traced for k, c in enumerate(t.constants)}


def outcomes(
    programs: tuple[Program, Program | None],
    data: Mapping[str, Any],
    params: Mapping[str, Any],
    steps: tuple[str, ...] = (),
    precision: Precision | None = None,
) -> Outcomes:
    """The exact outcomes of a model and guide, after some passes (none: of level 1)."""
    module, closures = level_1(*programs, tuple(data.values()))
    values = {**closures, **data, **params}
    if not steps:
        return interpret_elbo(module, values, precision)
    with jax.enable_x64(True):
        run(module, resolve(steps))
    return interpret_module(module, values, precision)


def assert_same(ours: Outcomes, wanted: Outcomes) -> None:
    assert ours.value() == pytest.approx(wanted.value(), abs=1e-9)
    mine, theirs = ours.gradient(), wanted.gradient()
    assert mine.keys() == theirs.keys()
    for name, gradient in theirs.items():
        np.testing.assert_allclose(mine[name], gradient, rtol=1e-9, atol=1e-9)


def assert_same_variance(ours: Outcomes, wanted: Outcomes) -> None:
    mine, theirs = ours.gradient_variance(), wanted.gradient_variance()
    for name, variance in theirs.items():
        np.testing.assert_allclose(mine[name], variance, rtol=1e-9, atol=1e-12)
