"""NumPyro models as they are: our ELBO and its gradient are NumPyro's, at the same draws."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest
from helpers.numpyro_families import FAMILY_CASES
from helpers.numpyro_models import CASES, Case
from helpers.numpyro_reference import assert_equal, reference

import relbo_ir as rb
from relbo_ir.lowering.autoguides import is_auto_guide, prepare_auto_guide


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """Every test here compares to 1e-9."""
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("case", [*CASES, *FAMILY_CASES], ids=lambda case: case.name)
def test_value_and_gradient_are_numpyros(case: Case) -> None:
    guide = case.guide
    if is_auto_guide(guide):  # once: it runs the model and searches for a start
        guide = prepare_auto_guide(guide, jax.random.key(0), case.args, {})
    objective = rb.ELBO(case.model, guide).compile(*case.args)
    params = {name: value + 0.1 for name, value in objective.init(3).items()}
    key = jax.random.key(5)
    theirs = reference(objective, case.model, guide, case.args, params, key)
    # Not jitted: compiling takes longer than running.
    assert_equal(objective.step_function(params, key, objective.data), theirs)
