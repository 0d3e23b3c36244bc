"""A scenario's program: its exact loss and gradient, and its compiled estimator, draw by draw."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from helpers.externalized import externalized
from oracle import Outcomes, Precision, interpret_module
from oracle.objectives import find_function
from xdsl.dialects.builtin import ModuleOp

import relbo_ir as rb
from relbo_ir.dialects import prob
from relbo_ir.lowering import constraints
from relbo_ir.origins import FromPython
from relbo_ir.pipelines import Step, resolve, run

Array = np.ndarray[Any, Any]
Steps = Sequence[Step]

EXACT: Steps = ("objective",)
SCORED: Steps = (*EXACT, "relbo-split-addends", "relbo-score-function")
PRUNED: Steps = (*SCORED, "relbo-rao-blackwellize")
WITHOUT_ZERO_SCORES: Steps = (*PRUNED, "relbo-drop-zero-score")
CENTRED: Steps = (*PRUNED, 'relbo-baseline{kind="running-mean"}')
PLANNED: Steps = (
    *EXACT,
    "relbo-assign-estimators",
    "relbo-split-addends",
    "relbo-score-function",
    "relbo-rao-blackwellize",
    "relbo-pathwise",
)
"""Pathwise where it is proved to be legal, else the pruned score function."""
EXPANDED: Steps = ("relbo-expand-densities", "relbo-canonicalize", "dce")
"""Appended: densities become ops, for laws that the oracle does not know and nobody draws."""
SCORES = {
    "exact": EXACT,
    "score": SCORED,
    "pruned": PRUNED,
    "without zero scores": WITHOUT_ZERO_SCORES,
    "centred": CENTRED,
}
"""The exact expectation, and the ways to a score function."""
ALL = {**SCORES, "planned": PLANNED}


@dataclass(frozen=True)
class Scenario:
    """A model and a guide with their arguments; parameters stand at their initial values."""

    model: Callable[..., Any]
    guide: Callable[..., Any] | None = None
    args: tuple[Any, ...] = ()

    @cached_property
    def _origin(self) -> FromPython:
        return FromPython(rb.ELBO(self.model, self.guide), self.args, {})

    def module(self, steps: Steps = EXACT) -> ModuleOp:
        """The program after some passes."""
        module = self._origin.module.clone()
        run(module, resolve(steps))
        return module

    @cached_property
    def coordinates(self) -> dict[str, Any]:
        """The unconstrained coordinates of the parameters, in the order of the program."""
        values = self._origin.initial(jax.random.key(0))
        function = find_function(self.module(), "elbo")
        return {
            role.parameter.data: constraints.to_unconstrained(
                role.constraint, values[role.parameter.data], role.parameter.data, None
            )
            for role in function.roles
            if isinstance(role, prob.UnconstrainedAttr)
        }

    def outcomes(
        self, steps: Steps = EXACT, precision: Precision | None = None, copies: int = 1
    ) -> Outcomes:
        """The program after some passes, by the exact oracle."""
        values = {**self._origin.data, **self._origin.constants, **self.coordinates}
        return interpret_module(self.module(steps), values, precision, copies)

    def estimator(self, steps: Steps = PLANNED) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """
        (draws by name, each of shape (K, ...)) → value (K,) and gradient (K, ...) of the lowered
        program; draws are choices held fixed, noise, and indices of minibatches.
        """
        estimate = externalized(rb.ELBO(self.model, self.guide), self.args, steps)
        names = list(self.coordinates)

        def estimates(draws: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
            rows = {name: jnp.asarray(x) for name, x in draws.items()}
            value, *gradient = jax.jit(jax.vmap(estimate, (None, 0)))(self.coordinates, rows)
            return np.asarray(value), {
                name: np.asarray(g) for name, g in zip(names, gradient, strict=True)
            }

        return estimates


def check(
    scenario: Scenario,
    loss: float,
    gradient: Mapping[str, Any],
    steps: Steps = EXACT,
    precision: Precision | None = None,
    tolerance: float = 1e-9,
) -> None:
    """The exact mean of an estimator: the loss, −ELBO, and its gradient in the coordinates."""
    outcomes = scenario.outcomes(steps, precision)
    np.testing.assert_allclose(-outcomes.value(), loss, rtol=tolerance, atol=tolerance)
    found = outcomes.gradient()
    assert set(gradient) <= set(found)
    for name, slope in gradient.items():
        np.testing.assert_allclose(-found[name], slope, rtol=tolerance, atol=tolerance)


def hermite(dimensions: int, count: int = 6) -> tuple[Array, Array]:
    """Nodes (K, dimensions) and weights (K,) of the standard Normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    grid = np.array(list(itertools.product(range(count), repeat=dimensions)))
    return nodes[grid], np.prod(weights[grid] / math.sqrt(2.0 * math.pi), axis=1)


def mean(weights: Array, rows: Any) -> Array:
    """Σₖ wₖ·rowsₖ."""
    return np.tensordot(weights, np.asarray(rows), axes=1)
