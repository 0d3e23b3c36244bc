"""Mistakes in the passes, planted one at a time: the programs catch each of them."""

from __future__ import annotations

import pytest
from xdsl.utils.exceptions import VerifyException

from . import estimator_mutants, loop_mutants, split_mutants, upstream_mutants
from .programs import caught, programs

MUTANTS = (
    upstream_mutants.MUTANTS
    | split_mutants.MUTANTS
    | estimator_mutants.MUTANTS
    | loop_mutants.MUTANTS
)


def test_the_programs_hold() -> None:
    wrong = [name for name, each in programs().items() if not each.holds()]
    assert not wrong


@pytest.mark.parametrize("mutant", MUTANTS)
def test_an_unsound_pass_is_caught(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch)
    assert caught() is not None


@pytest.mark.parametrize("mutant", estimator_mutants.REFUSED)
def test_a_mistake_that_makes_no_program_is_refused(
    mutant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator_mutants.REFUSED[mutant](monkeypatch)
    with pytest.raises(VerifyException, match="masks and scales belong to its addends"):
        programs()["sites"].holds()
