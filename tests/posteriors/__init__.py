"""
Posteriors with known answers: 21 models after their specifications, and the reader of the answers.

The data and the answers are not part of the project: `RELBO_POSTERIORS` names their folder.
"""

from posteriors.linear import LINEAR
from posteriors.nonlinear import NONLINEAR
from posteriors.priors import Problem
from posteriors.regressions import REGRESSIONS
from posteriors.sequences import SEQUENCES

PROBLEMS: dict[str, Problem] = LINEAR | REGRESSIONS | SEQUENCES | NONLINEAR
"""By the name of the folder."""
