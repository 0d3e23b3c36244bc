"""The random programs are what they claim to be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Precision, interpret_elbo, parse_module

from relbo_ir.dialects.scopes import verify_module
from strategies import (
    FAMILIES,
    FEATURES,
    OUTCOME_LIMIT,
    Program,
    awkward_programs,
    programs,
    structure,
    text_of,
)

FEW = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@FEW
@given(programs())
def test_programs_verify_have_a_value_and_read_back(program: Program) -> None:
    verify_module(program.module)
    outcomes = interpret_elbo(program.module, program.arguments)
    assert len(outcomes.weights) <= OUTCOME_LIMIT
    assert math.isfinite(outcomes.value())
    gradient = outcomes.gradient()
    assert gradient
    assert all(np.all(np.isfinite(slope)) for slope in gradient.values())
    again = parse_module(text_of(program.module))
    assert again.is_structurally_equivalent(program.module)


@FEW
@given(st.sampled_from(["normal", "mixed"]).flatmap(programs))
def test_twelve_nodes_are_exact(program: Program) -> None:
    coarse = interpret_elbo(program.module, program.arguments)
    size = 1.0 + abs(coarse.value())
    size += sum(float(np.sum(np.abs(slope))) for slope in coarse.gradient().values())
    others = [Precision(exact_normal="weights")]
    if len(coarse.weights) <= 1000:
        others.append(Precision(normal_nodes=16))
    for precision in others:
        other = interpret_elbo(program.module, program.arguments, precision)
        assert other.value() == pytest.approx(coarse.value(), abs=1e-11 * size)
        for name, slope in coarse.gradient().items():
            np.testing.assert_allclose(other.gradient()[name], slope, rtol=0, atol=1e-11 * size)


@pytest.mark.parametrize("family", FAMILIES)
def test_programs_differ(family: str) -> None:
    structures: set[str] = set()
    features: set[str] = set()

    @settings(FEW, max_examples=100)
    @given(programs(family))
    def collect(program: Program) -> None:
        structures.add(structure(program.module))
        features.update(name for name, present in program.features.items() if present)

    collect()
    assert len(structures) > 40
    assert features <= set(FEATURES)
    assert {"vector", "factor", "observed", "product", "shared_parameter"} <= features


@settings(FEW, max_examples=200)
@given(awkward_programs())
def test_awkward_programs_read_back(program: Program) -> None:
    verify_module(program.module)
    text = text_of(program.module)
    again = parse_module(text)
    assert again.is_structurally_equivalent(program.module)
    assert text_of(again) == text
