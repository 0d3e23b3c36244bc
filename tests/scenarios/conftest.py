"""Every scenario is computed in double precision."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """The numbers are exact to nine digits or more."""
    with jax.enable_x64(True):
        yield
