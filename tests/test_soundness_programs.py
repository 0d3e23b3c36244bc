"""
Every pass keeps what a program means: the exact oracle, on random programs, after every pass.

Value and gradient of level 1, by enumeration and quadrature, must equal those of every module on
the way, to 1e-9 in float64; and so must the emitted estimator, summed over all outcomes of its
draws. The examples are derandomized, so every run sees the same ones.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

import jax
import pytest
from helpers.comparing import assert_means_the_same, assert_same, expected_gradient
from helpers.emitted import draws_of, summed_estimator
from helpers.pipelines import Case, cases
from hypothesis import HealthCheck, given, settings
from oracle import interpret_elbo
from oracle.objectives import find_function
from strategies import structure

from relbo_ir.dialects import prob
from relbo_ir.pipelines import resolve, run

RUNS = {"finite": 110, "normal": 150, "mixed": 180}
"""Programs of each family in the default run."""

LOWERED_RUNS = {"finite": 14, "normal": 14, "mixed": 20}

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


@dataclass
class Seen:
    """What the programs of this run were."""

    families: set[str] = field(default_factory=set[str])
    structures: list[str] = field(default_factory=list[str])
    sites: list[int] = field(default_factory=list[int])
    ops: list[int] = field(default_factory=list[int])
    passes: list[int] = field(default_factory=list[int])
    checks: int = 0

    def note(self, case: Case) -> None:
        """Takes a program into account."""
        module = case.program.module
        guide = find_function(module, "guide")
        self.structures.append(structure(module))
        self.sites.append(sum(isinstance(op, prob.SampleOp) for op in guide.body.block.ops))
        self.ops.append(sum(1 for _ in module.walk()))
        self.passes.append(len(case.passes))


SEEN = Seen()


@pytest.mark.parametrize("family", RUNS)
def test_every_pass_keeps_the_meaning(family: str) -> None:
    @settings(FIXED, max_examples=RUNS[family])
    @given(cases(family))
    def check(case: Case) -> None:
        SEEN.note(case)
        truth = interpret_elbo(case.program.module, case.program.arguments)
        module = case.program.module.clone()
        for step in case.passes:
            before = str(module)
            run(module, [step])
            if str(module) != before:
                assert_means_the_same(module, case.program.arguments, truth, case.precision)
                SEEN.checks += 1

    with jax.enable_x64(True):
        check()
    SEEN.families.add(family)


def test_the_programs_are_many_and_differ(capsys: pytest.CaptureFixture[str]) -> None:
    if SEEN.families != set(RUNS):
        pytest.skip("the programs of some family did not run in this process")
    distinct = len(set(SEEN.structures))
    with capsys.disabled():
        print(
            f"\n{len(SEEN.structures)} random programs of {distinct} structures, median "
            f"{statistics.median(SEEN.sites):g} sites, {statistics.median(SEEN.ops):g} ops and "
            f"{statistics.median(SEEN.passes):g} passes; {SEEN.checks} modules interpreted"
        )
    assert len(SEEN.structures) >= 300
    assert distinct >= 150
    assert max(SEEN.sites) >= 4


@pytest.mark.parametrize(
    "family", ["finite", "normal", pytest.param("mixed", marks=pytest.mark.compat)]
)
def test_the_emitted_estimator_sums_to_the_exact_gradient(family: str) -> None:
    @settings(FIXED, max_examples=LOWERED_RUNS[family])
    @given(cases(family, decided=True))
    def check(case: Case) -> None:
        arguments = case.program.arguments
        truth = interpret_elbo(case.program.module, arguments)
        module = case.program.module.clone()
        run(module, case.passes)
        outcomes = assert_means_the_same(module, arguments, truth, case.precision)
        draws = draws_of(module, outcomes, case.precision)
        run(module, resolve(TO_LEVEL_FOUR))
        slopes = expected_gradient(find_function(module, "elbo"), arguments, truth.gradient())
        value, gradient = summed_estimator(module, arguments, draws, outcomes.weights)
        assert_same(value, gradient, truth, slopes)

    with jax.enable_x64(True):
        check()


def test_the_differentiated_program_gives_the_same_numbers() -> None:
    @settings(FIXED, max_examples=16)
    @given(cases(decided=True))
    def check(case: Case) -> None:
        arguments = case.program.arguments
        truth = interpret_elbo(case.program.module, arguments)
        module = case.program.module.clone()
        run(module, case.passes)
        outcomes = assert_means_the_same(module, arguments, truth, case.precision)
        draws = draws_of(module, outcomes, case.precision)
        run(module, resolve((*TO_LEVEL_FOUR, "relbo-differentiate", "relbo-canonicalize", "cse")))
        slopes = expected_gradient(find_function(module, "elbo"), arguments, truth.gradient())
        value, gradient = summed_estimator(module, arguments, draws, outcomes.weights)
        assert_same(value, gradient, truth, slopes)

    with jax.enable_x64(True):
        check()
