"""
The rules of the dependence analysis, read off its code: those of the table, and those that
`DependenceOf.rule` writes out, for ops that draw, call functions, loop or branch.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from xdsl.ir import Operation

from relbo_ir.dialects import dist, estim, lax
from relbo_ir.passes.analyses import dependence
from relbo_ir.passes.analyses.dependence import DependenceOf, table
from relbo_ir.passes.analyses.dependence.table import NOTHING, Facts

from .claims import claimed
from .mutant import Mutant, wrapped

Claim = Callable[[Operation, Sequence[Facts]], list[Facts]]


def independent(op: Operation, said: Sequence[Facts]) -> list[Facts]:
    """The results read no choice; of what is drawn, its own alone."""
    return [NOTHING for _ in op.results]


def pointwise(op: Operation, said: Sequence[Facts]) -> list[Facts]:
    """Every element reads its own index, along the first axis of that length, or index 0."""
    shapes = map(table.shape_of_draw, op.results)
    return [
        {c: claimed(d, shape) for c, d in fact.items()}
        for shape, fact in zip(shapes, said, strict=True)
    ]


def matched() -> list[type[Operation]]:
    """The classes of ops that `DependenceOf.rule` has a case for."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(DependenceOf.rule)))
    names = [ast.unparse(p.cls) for p in ast.walk(tree) if isinstance(p, ast.MatchClass)]
    return [functools.reduce(getattr, name.split("."), dependence) for name in names]


def says(cls: type[Operation], claim: Claim) -> Mutant:
    """What the rule of a class says is replaced by a claim."""

    def change(original: Any) -> Any:
        def rule(self: DependenceOf, op: Operation, facts: list[Facts]) -> Sequence[Facts]:
            said = original(self, op, facts)
            own = next((c for c in type(op).__mro__ if c in CLASSES), Operation)
            return claim(op, said) if own is cls else said

        return rule

    return wrapped(DependenceOf, "rule", change)


CLASSES = {*table.RULES, *matched()}
RULES = {
    **{cls.__name__: cls for cls in table.RULES},
    **{cls.name: cls for cls in matched()},
    "an op without a rule": Operation,
}
"""
Read off the code. One rule is not among them, that an op with regions reads everything that is read
in them: the only op with a region that stands in an expectation of levels 1 to 3 is `prob.scan`,
which has a rule of its own (`estim.replicate` is of level 4, where no dependence is asked about), so
no program tells a mutant of it from itself.
"""
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
MIXING = [name for name, cls in RULES.items() if not issubclass(cls, POINTWISE)]
