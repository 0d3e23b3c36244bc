"""The example files as modules."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = ("beta_inverse_gaussian", "breast_cancer", "coin", "eight_schools")
"""Those that define `elbo` and `data`."""


def example(name: str) -> ModuleType:
    """The module of an example file."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    return importlib.import_module(name)
