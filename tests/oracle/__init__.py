"""The exact oracle: what a program of levels 1 to 3 means, summed over all its outcomes."""

from .choices import Precision
from .interpreter import interpret_elbo, interpret_module, interpret_objective
from .machine import Arguments
from .outcomes import Outcomes
from .text import context, parse_module

__all__ = [
    "Arguments",
    "Outcomes",
    "Precision",
    "context",
    "interpret_elbo",
    "interpret_module",
    "interpret_objective",
    "parse_module",
]
