"""Hypothesis strategies: random well-typed programs, and text that is hard to print."""

from .edges import awkward_modules, literals, site_names
from .programs import FAMILIES, Program, programs, structure
from .scope import FEATURES

__all__ = [
    "FAMILIES",
    "FEATURES",
    "Program",
    "awkward_modules",
    "literals",
    "programs",
    "site_names",
    "structure",
]
