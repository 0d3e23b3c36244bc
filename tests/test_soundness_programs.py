"""
Every pass keeps what a program means: the exact oracle, on random programs, after every pass.

Value and gradient of level 1, by enumeration and quadrature, must equal those of every module on
the way, to 1e-9 in float64. The examples are derandomized, so every run sees the same ones.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

import jax
import pytest
from helpers.comparing import assert_means_the_same
from helpers.pipelines import Case, cases
from hypothesis import HealthCheck, given, settings
from oracle import Precision, interpret_elbo
from strategies import structure
from xdsl.passes import ModulePass

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.passes.assign_estimators import AssignEstimatorsPass
from relbo_ir.passes.pathwise import PathwisePass
from relbo_ir.pipelines import run

RUNS = {"finite": 115, "normal": 115, "mixed": 115}
"""Programs of each family in the default run."""

FIXED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass
class Seen:
    """What the programs of this run were."""

    structures: list[str] = field(default_factory=list[str])
    sites: list[int] = field(default_factory=list[int])
    ops: list[int] = field(default_factory=list[int])
    passes: list[int] = field(default_factory=list[int])
    refused: int = 0

    def note(self, case: Case) -> None:
        module = case.program.module
        self.structures.append(structure(module))
        kinds = [op for op in module.walk() if isinstance(op, prob.FuncOp)]
        guide = next(f for f in kinds if f.sym_name.data == "guide")
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
            SEEN.refused += not _apply(module, step)
            if str(module) != before:
                assert_means_the_same(module, case.program.arguments, truth, Precision())

    with jax.enable_x64(True):
        check()
    print(SEEN.refused, statistics.median(SEEN.sites), statistics.median(SEEN.ops), len(set(SEEN.structures)),len(SEEN.ops), statistics.median(SEEN.passes))
def _apply(module, step: ModulePass) -> bool:
    try:
        run(module, [step])
    except PassError as e:
        print(e)
        return False
    return True
