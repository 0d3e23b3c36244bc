"""The numbers of the catalogue, from the file that `RELBO_SCENARIOS` names."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ENVIRONMENT = "RELBO_SCENARIOS"
"""The variable that names the catalogue's file of numbers, or its folder."""
FILE = "scenarios_expected.json"
_PLACE = os.environ.get(ENVIRONMENT)

needs_numbers = pytest.mark.skipif(
    _PLACE is None, reason=f"the scenarios' numbers are not here: {ENVIRONMENT} is not set"
)
"""Marks a test that reads numbers from the catalogue's file."""


@cache
def _catalogue() -> dict[str, Any]:
    if _PLACE is None:
        raise LookupError(f"{ENVIRONMENT} is not set: mark the test with `needs_numbers`")
    path = Path(_PLACE)
    return json.loads((path / FILE if path.is_dir() else path).read_text())


def results(key: str) -> list[dict[str, Any]]:
    """The rows of one entry of the catalogue."""
    return _catalogue()[key]["results"]


def result(key: str) -> dict[str, Any]:
    """The only row of one entry of the catalogue."""
    (row,) = results(key)
    return row


def extra(key: str) -> Any:
    """One of the small closed forms of the catalogue."""
    return _catalogue()["extra"][key]
