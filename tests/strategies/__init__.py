"""Hypothesis strategies: random well-typed programs, and text that is hard to print."""

from .edges import awkward_programs, literals, site_names
from .program import Program, structure, text_of
from .programs import FAMILIES, OUTCOME_LIMIT, programs
from .scope import FEATURES, LISTED

__all__ = [
    "FAMILIES",
    "FEATURES",
    "LISTED",
    "OUTCOME_LIMIT",
    "Program",
    "awkward_programs",
    "literals",
    "programs",
    "site_names",
    "structure",
    "text_of",
]
