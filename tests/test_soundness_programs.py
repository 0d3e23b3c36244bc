"""
Every pass keeps what a program means: the exact oracle, on random programs, after every pass.

Value and gradient of level 1, by enumeration and quadrature, must equal those of every module on
the way, to 1e-9 in float64, and the variance of the gradient must stay where a pass leaves the
estimator alone; and so must the emitted estimator, over all outcomes of its draws. Seeds are
fixed, so every run sees the same programs; SOUNDNESS_PROGRAMS asks for more of them, and
SOUNDNESS_SEED for others (`make soundness N=5000 SEED=1`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers.census import PROPERTY, Census
from helpers.centred import joint_draws, rows_of_particles, with_means_held
from helpers.checking import check_every_pass
from helpers.comparing import (
    TOLERANCE,
    assert_means_the_same,
    assert_same,
    coordinates,
    expected_gradient,
)
from helpers.emitted import Estimates, draws_of, estimates
from helpers.pipelines import Case, cases
from helpers.reproduction import case_of_text, reproducible, text_of_case
from hypothesis import HealthCheck, assume, given, seed, settings
from oracle import Outcomes, interpret_elbo, interpret_objective
from oracle.dual import Array
from oracle.objectives import find_function
from strategies import FAMILIES, LISTED
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from relbo_ir.dialects import prob
from relbo_ir.passes.form_elbo import FormElboPass
from relbo_ir.pipelines import resolve, run

PROGRAMS = int(os.environ.get("SOUNDNESS_PROGRAMS", "1008"))
SEED = int(os.environ.get("SOUNDNESS_SEED", "0"))
BATCH = 48
"""Programs of one test: few, so that processes share them evenly."""

BATCHES = range(-(-PROGRAMS // BATCH))
LOWERED_RUNS = {"finite": 9, "normal": 9, "mixed": 14}

MOST_OUTCOMES = 4096
"""Of all particles together."""

TO_LEVEL_FOUR = (
    "relbo-expand-densities",
    "relbo-externalize-draws",
    "relbo-lower-estimators",
    "relbo-canonicalize",
    "cse",
)
FIXED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SEEDED = settings(FIXED, derandomize=False, max_examples=BATCH, print_blob=False)


@pytest.mark.parametrize("batch", BATCHES)
def test_every_pass_keeps_the_meaning(
    batch: int, record_property: Callable[[str, object], None]
) -> None:
    family, census = FAMILIES[batch % len(FAMILIES)], Census()

    @seed(1_000_000 * SEED + batch)
    @SEEDED
    @given(cases(family))
    def check(case: Case) -> None:
        with reproducible(case, f"{family}-{SEED}-{batch}"):
            census.interpreted += check_every_pass(case)
        census.note(case)

    with jax.enable_x64(True):
        check()
    record_property(PROPERTY, census.plain())


def assert_estimates(
    found: Estimates, outcomes: Outcomes, truth: Outcomes, slopes: Mapping[str, Array]
) -> None:
    """The exact mean, and the variance of these outcomes."""
    assert_same(*found.mean(), truth, slopes)
    gradient, variances = outcomes.gradient(), outcomes.gradient_variance()
    for name, variance in found.variance().items():
        slack = TOLERANCE * (1.0 + variances[name] + gradient[name] ** 2)
        assert np.all(np.abs(variance - variances[name]) <= slack), name


def check_emitted(case: Case, passes: Sequence[str]) -> None:
    """
    The emitted estimator has the exact gradient as its mean over all draws, and the variance that
    the interpreter gives the program it was lowered from. A running mean is some number there.
    """
    arguments = case.program.arguments
    truth = interpret_elbo(case.program.module, arguments)
    module = case.program.module.clone()
    run(module, case.passes)
    held = module.clone()
    states = with_means_held(held)
    outcomes = assert_means_the_same(held, arguments, truth, case.precision)
    draws = draws_of(module, outcomes, case.precision)
    run(module, resolve(passes))
    slopes = expected_gradient(find_function(module, "elbo"), arguments, truth.gradient())
    found = estimates(module, arguments, draws, outcomes.weights, states)
    assert_estimates(found, outcomes, truth, slopes)


def check_particles(case: Case, particles: int) -> None:
    """
    The emitted mean over particles, each with draws of its own and the others' costs as its
    baseline, has the exact gradient as its mean over all their draws, and the interpreter's
    variance.
    """
    arguments, precision = case.program.arguments, case.precision
    truth = interpret_elbo(case.program.module, arguments)
    module = case.program.module.clone()
    run(module, case.passes)
    one = assert_means_the_same(module, arguments, truth, precision)
    single = len(one.sampled_index)
    assume(single**particles <= MOST_OUTCOMES)
    func = find_function(module, "elbo")
    joint = interpret_objective(func, coordinates(func, arguments), precision, particles)
    draws = joint_draws(draws_of(module, one, precision), single, particles)
    lower = f"relbo-lower-estimators{{particles={particles}}}"
    run(module, resolve((*TO_LEVEL_FOUR[:2], lower)))
    rows_of_particles(module)
    run(module, resolve(TO_LEVEL_FOUR[3:]))
    func = find_function(module, "elbo")
    slopes = expected_gradient(func, arguments, truth.gradient())
    found = estimates(module, arguments, draws, joint.weights)
    assert_estimates(found, joint, truth, slopes)


@pytest.mark.parametrize(
    "family", ["finite", "normal", pytest.param("mixed", marks=pytest.mark.compat)]
)
def test_the_emitted_estimator_has_the_exact_mean_and_variance(family: str) -> None:
    @settings(FIXED, max_examples=LOWERED_RUNS[family])
    @given(cases(family, decided=True))
    def check(case: Case) -> None:
        check_emitted(case, TO_LEVEL_FOUR)

    with jax.enable_x64(True):
        check()


def test_the_differentiated_program_gives_the_same_numbers() -> None:
    @settings(FIXED, max_examples=16)
    @given(cases(decided=True))
    def check(case: Case) -> None:
        check_emitted(case, (*TO_LEVEL_FOUR, "relbo-differentiate", "relbo-canonicalize", "cse"))

    with jax.enable_x64(True):
        check()


@pytest.mark.parametrize(("particles", "runs"), [(2, 5), (3, 3)])
def test_emitted_particles_have_the_exact_mean_and_variance(particles: int, runs: int) -> None:
    @settings(FIXED, max_examples=runs)
    @given(cases("finite", decided=True, baseline="leave-one-out"))
    def check(case: Case) -> None:
        check_particles(case, particles)

    with jax.enable_x64(True):
        check()


def test_an_emitted_program_with_running_means_has_the_exact_mean_and_variance() -> None:
    @settings(FIXED, max_examples=12)
    @given(cases(decided=True, baseline="running-mean"))
    def check(case: Case) -> None:
        check_emitted(case, TO_LEVEL_FOUR)

    with jax.enable_x64(True):
        check()


class Broken(ModulePass):
    """A pass that forgets the first addend."""

    name = "test-broken"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for end in [end for end in op.walk() if isinstance(end, prob.YieldOp)]:
            names = [name.data for name in end.names]
            Rewriter.replace_op(end, prob.YieldOp(names[1:], list(end.addends)[1:]))


def test_a_failure_is_written_as_a_program_that_reproduces_it(tmp_path: Path) -> None:
    """Its file holds the smallest program that Hypothesis finds, and is that case again."""
    found: list[Case] = []

    @seed(1)
    @settings(SEEDED, max_examples=20)
    @given(cases("finite"))
    def check(case: Case) -> None:
        found.append(case)
        with reproducible(case, "broken", tmp_path):
            check_every_pass(replace(case, passes=(FormElboPass(), Broken())))  # soon found

    with jax.enable_x64(True), pytest.raises(AssertionError, match=r"broken\.mlir"):
        check()
    written = (tmp_path / "broken.mlir").read_text(encoding="utf-8")
    again = case_of_text(written)
    assert again.program.module.is_structurally_equivalent(found[-1].program.module)
    assert again.passes == found[-1].passes
    assert again.precision == found[-1].precision
    assert text_of_case(again) == written
    assert sum(isinstance(op, prob.SampleOp) for op in again.program.module.walk()) == 2
    with jax.enable_x64(True):
        assert check_every_pass(again) > 0
        with pytest.raises(AssertionError):
            check_every_pass(replace(again, passes=(*again.passes, Broken())))


def test_a_census_says_what_a_run_lacks() -> None:
    one = Census(["a"], [3], [20], [5], Counter({name: 1 for name in LISTED}), 4)
    assert Census.joined([one.plain()]) == one
    assert one.shortfalls() == ["fewer than 300 distinct structures"]
    rare = Counter({name: 31 for name in LISTED if name != "mask"}) + Counter(mask=29)
    many = Census([str(k) for k in range(300)], [2] * 300, [11] * 300, [5] * 300, rare, 4)
    assert many.shortfalls() == [
        "a median of fewer than 3 sites",
        "a median of fewer than 12 ops",
        "mask in less than a tenth",
    ]
    assert "mask 10 %" in many.report()[1]
