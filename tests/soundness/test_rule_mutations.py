"""Every rule of the dependence analysis, made to claim less than is so: the programs catch it."""

from __future__ import annotations

from typing import Any

import pytest

from relbo_ir.passes.analyses.dependence import windows
from relbo_ir.passes.analyses.dependence.facts import Ints

from .programs import caught
from .rule_mutants import MIXING, RULES, independent, pointwise, says


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_says_independent_is_caught(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    says(RULES[rule], independent)(monkeypatch)
    assert caught() is not None


@pytest.mark.parametrize("rule", MIXING)
def test_a_rule_that_says_pointwise_is_caught(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    says(RULES[rule], pointwise)(monkeypatch)
    assert caught() is not None


@pytest.mark.parametrize("places", [-1, 1])
def test_a_window_at_the_wrong_place_is_caught(
    places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = windows.meeting

    def moved(starts: Ints, *sizes: int) -> Any:
        return meeting(starts + places, *sizes)

    monkeypatch.setattr(windows, "meeting", moved)
    assert caught() is not None
