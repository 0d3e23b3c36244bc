"""Which choices a pass treats, and the objectives that it finds them in."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import How


def expectations(within: Operation) -> Iterator[prob.ExpectationOp]:
    """Every expectation of a module or a function."""
    for op in within.walk():
        if isinstance(op, prob.ExpectationOp):
            yield op


def choices(expectation: prob.ExpectationOp) -> list[prob.SampleOp]:
    """The choices of an expectation, in order."""
    return [op for op in expectation.body.block.ops if isinstance(op, prob.SampleOp)]


def selected(
    expectation: prob.ExpectationOp, patterns: tuple[str, ...], how: How
) -> list[prob.SampleOp]:
    """
    The undecided choices that a pass for `how` treats: those whose name matches one of the glob
    patterns; without patterns those planned for `how`, and those without a plan.
    """
    open_choices = [op for op in choices(expectation) if op.how.data is How.EXACT]
    if patterns:
        return [op for op in open_choices if matches(op, patterns)]
    return [op for op in open_choices if op.plan is None or op.plan.data is how]


def matches(op: prob.SampleOp, patterns: tuple[str, ...]) -> bool:
    """Whether a choice's name matches one of the glob patterns."""
    return any(fnmatchcase(op.site.data, pattern) for pattern in patterns)


def check_patterns(module: ModuleOp, patterns: tuple[str, ...], option: str) -> None:
    """Refuses a pattern that no choice of the module matches."""
    sites = [op for expectation in expectations(module) for op in choices(expectation)]
    for pattern in patterns:
        if not any(matches(op, (pattern,)) for op in sites):
            names = ", ".join(sorted(op.site.data for op in sites)) or "none"
            raise PassError(
                f"the option {option}={pattern!r} matches no choice (there are: {names})",
                "name a choice of the program, or a pattern such as z*",
            )
