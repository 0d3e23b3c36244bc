"""Every rule of the dependence analysis, made to claim less than is so: the programs catch it."""

from __future__ import annotations

from typing import Any

import pytest
from xdsl.ir import Operation

from relbo_ir.dialects import dist, estim, lax
from relbo_ir.passes.analyses.dependence import table, windows
from relbo_ir.passes.analyses.dependence.facts import Dependence, Ints
from relbo_ir.passes.analyses.dependence.table import NOTHING, Facts

from .claims import claimed
from .programs import caught

RULES = sorted(table.RULES, key=lambda cls: cls.__name__)
POINTWISE = (
    lax.ElementwiseOp,
    lax.ConvertOp,
    lax.IntegerPowOp,
    lax.ClampOp,
    dist.IndependentOp,
    dist.MaskOp,
    estim.AttachOp,
    estim.AntitheticOp,
)
"""
Ops whose results read the operands of their shape element by element anyway: here the variant is
the rule itself. (The bounds of a clamp and a mask of another shape than the draw are not shared by
elements of one axis: a scalar has index 0 alone, and a mask has the batch's own axes.)
"""
MIXING = [cls for cls in RULES if not issubclass(cls, POINTWISE)]


def _independent(op: Operation, facts: list[Facts]) -> list[Facts]:
    return [NOTHING for _ in op.results]


def _pointwise(op: Operation, facts: list[Facts]) -> list[Facts]:
    """Every element reads its own index, along the first axis of that length, or index 0."""
    joined: dict[table.Source, Dependence] = {}
    for fact in facts:
        joined.update(fact)
    return [{c: claimed(d, table.shape_of_draw(r)) for c, d in joined.items()} for r in op.results]


@pytest.mark.parametrize("cls", RULES, ids=lambda cls: cls.__name__)
def test_a_rule_that_says_independent_is_caught(
    cls: type[Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(table.RULES, cls, _independent)
    assert caught() is not None


@pytest.mark.parametrize("cls", MIXING, ids=lambda cls: cls.__name__)
def test_a_rule_that_says_pointwise_is_caught(
    cls: type[Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(table.RULES, cls, _pointwise)
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
