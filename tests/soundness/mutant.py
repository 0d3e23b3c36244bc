"""How a mistake is planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Mutant = Callable[[pytest.MonkeyPatch], None]
"""Plants one mistake, which the patch takes away again."""


def wrapped(owner: Any, name: str, change: Callable[[Callable[..., Any]], Any]) -> Mutant:
    """Replaces a function by what `change` makes of it."""
    return lambda patch: patch.setattr(owner, name, change(getattr(owner, name)))


def replaced(owner: Any, name: str, value: Any) -> Mutant:
    """Replaces a function by another one."""
    return lambda patch: patch.setattr(owner, name, value)
