"""A program held to the exact and the variance oracle after every pass of its pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from oracle import Outcomes, interpret_elbo
from oracle.dual import Array
from oracle.objectives import find_function
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass

from relbo_ir.dialects.scopes import verify_module, verify_scopes
from relbo_ir.pipelines import context, without_cycle_collection

from .comparing import TOLERANCE, assert_means_the_same, expected_gradient
from .pipelines import Case

SAME_ESTIMATOR = frozenset(
    {
        "relbo-unconstrain-params",
        "relbo-expand-densities",
        "relbo-split-addends",
        "relbo-assign-estimators",
        "relbo-merge-scores",
        "relbo-canonicalize",
        "cse",
        "dce",
    }
)
"""
Passes that change how an estimate is computed and no estimate: its variance stays. So do merged
scores, with baselines too: these are means of costs at given parameters, and the mean of a sum of
costs is the sum of their means.
"""

_CONTEXT = context()

Snapshot = dict[Operation, tuple[tuple[SSAValue, ...], Mapping[str, Attribute]]]


def snapshot(module: ModuleOp) -> Snapshot:
    """The ops with their operands and properties."""
    return {op: (tuple(op.operands), dict(op.properties)) for op in module.walk()}


def apply_verified(step: ModulePass, module: ModuleOp, was: Snapshot) -> Snapshot:
    """Applies a pass and verifies what it changed; the new snapshot."""
    step.apply(_CONTEXT, module)
    now = snapshot(module)
    for op, own in now.items():
        if was.get(op) != own:
            op.verify(verify_nested_ops=False)
    verify_scopes(module)
    return now


def check_every_pass(case: Case) -> int:
    """
    Runs the passes and interprets the module after each one that changed it: value and gradient
    are those of level 1, and the variance moves only where the estimator does. How many modules
    were interpreted.
    """
    count, arguments = 0, case.program.arguments
    with without_cycle_collection():
        truth = interpret_elbo(case.program.module, arguments)
        module = case.program.module.clone()
        spread: Spread | None = None
        now = snapshot(module)
        for step in case.passes:
            was, now = now, apply_verified(step, module, now)
            if now == was and [*now] == [*was]:
                continue
            outcomes = assert_means_the_same(module, arguments, truth, case.precision)
            before, spread = spread, spread_of(module, case, outcomes)
            if step.name in SAME_ESTIMATOR and before is not None and spread is not None:
                spread.assert_equal(before)
            count += 1
        verify_module(module)
    return count


@dataclass(frozen=True)
class Spread:
    """
    The variance of a gradient estimator, and the second moment that rounding errors of the
    variance go with; both in the coordinates of level 1.
    """

    variance: Mapping[str, Array]
    moment: Mapping[str, Array]

    def assert_equal(self, other: Spread) -> None:
        """The variances are the same."""
        for name, expected in other.variance.items():
            slack = TOLERANCE * (1.0 + other.moment[name])
            difference = np.abs(self.variance[name] - expected)
            assert np.all(difference <= slack), (name, self.variance[name], expected)


def spread_of(module: ModuleOp, case: Case, outcomes: Outcomes) -> Spread | None:
    """None where a drawn choice reads an integrated one: no draw is made before an integral."""
    try:
        variance = outcomes.gradient_variance()
    except ValueError:
        return None
    func, mean = find_function(module, "elbo"), outcomes.gradient()
    ones = {name: np.ones_like(v) for name, v in variance.items()}
    slopes = expected_gradient(func, case.program.arguments, ones)
    scaled = {name: v / slopes[name] ** 2 for name, v in variance.items()}
    moment = {name: v + (mean[name] / slopes[name]) ** 2 for name, v in scaled.items()}
    return Spread(scaled, moment)
