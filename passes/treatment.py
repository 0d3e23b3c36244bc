"""Which choices a pass treats, and the objectives that it finds them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import How
from relbo_ir.passes.analyses.laws import family_name
from relbo_ir.passes.order import require_objective


def expectations(within: Operation) -> Iterator[prob.ExpectationOp]:
    """Every expectation of a module or a function."""
    for op in within.walk():
        if isinstance(op, prob.ExpectationOp):
            yield op


def choices(expectation: prob.ExpectationOp) -> list[prob.SampleOp]:
    """The choices of an expectation, in order."""
    return [op for op in expectation.body.block.ops if isinstance(op, prob.SampleOp)]


def matches(op: prob.SampleOp, patterns: tuple[str, ...]) -> bool:
    """Whether a choice's name matches one of the glob patterns."""
    return _any_matches(_site(op), patterns)


def check_patterns(module: ModuleOp, patterns: tuple[str, ...], option: str) -> None:
    """Refuses a pattern that the name of no choice of the module matches."""
    _check(_all_choices(module), patterns, option, _KINDS["sites"])


@dataclass(frozen=True)
class SelectivePass(ModulePass):
    """
    A pass with options that select choices: `sites`, glob patterns of their names; `families`, of
    the names of their laws' families (`Normal`, `Bernoulli*`); `plates`, of the plates that they
    stand in. A choice is selected where it matches every option that is given.
    """

    sites: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    plates: tuple[str, ...] = ()

    @property
    def is_selective(self) -> bool:
        """Whether any of the options is given."""
        return any(self._patterns().values())

    def selects(self, choice: prob.SampleOp) -> bool:
        """Whether a choice matches all the options that are given."""
        return all(
            _any_matches(_KINDS[option].names(choice), patterns)
            for option, patterns in self._patterns().items()
            if patterns
        )

    def check_selection(self, module: ModuleOp) -> None:
        """
        Refuses a module that has no choices to treat any more, or yet; a pattern that nothing
        matches, and options that no choice matches together.
        """
        require_objective(module, self.name)
        found = _all_choices(module)
        for option, patterns in self._patterns().items():
            _check(found, patterns, option, _KINDS[option])
        if self.is_selective and not any(self.selects(op) for op in found):
            given = " ".join(f"{o}={p[0]!r}" for o, p in self._patterns().items() if p)
            raise PassError(
                f"no choice matches {given} together", "give one of these options, or run twice"
            )

    def undecided(self, module: ModuleOp, how: How) -> list[prob.SampleOp]:
        """
        The undecided choices that a pass for `how` treats: the selected ones; without a selection
        those planned for `how`, and those without a plan. Where all that are selected are decided
        already, an error.
        """
        self.check_selection(module)
        found = [op for op in _all_choices(module) if self.selects(op)]
        undecided = [op for op in found if op.how.data is How.EXACT]
        if not self.is_selective:
            return [op for op in undecided if op.plan is None or op.plan.data is how]
        if not undecided:
            first = found[0]
            raise PassError.at(
                first,
                f"the choice is treated already: it is {first.how.data.value}",
                f"run {self.name} before the pass that treats it, and select each choice once",
                site=first.site.data,
            )
        return undecided

    def _patterns(self) -> dict[str, tuple[str, ...]]:
        return {"sites": self.sites, "families": self.families, "plates": self.plates}


@dataclass(frozen=True)
class _Kind:
    """What an option matches of a choice, and how its errors advise."""

    names: Callable[[prob.SampleOp], Sequence[str]]
    remedy: str


def _site(op: prob.SampleOp) -> Sequence[str]:
    return (op.site.data,)


def _family(op: prob.SampleOp) -> Sequence[str]:
    return (family_name(op.law),)


def _plates(op: prob.SampleOp) -> Sequence[str]:
    return [axis.plate.string_value() for axis in op.plates or ()]


_KINDS = {
    "sites": _Kind(_site, "name a choice of the program, or a pattern such as z*"),
    "families": _Kind(_family, "name a family of a choice, or a pattern such as Bernoulli*"),
    "plates": _Kind(_plates, "name a plate that a choice stands in, or a pattern such as row*"),
}


def _any_matches(names: Sequence[str], patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _all_choices(module: ModuleOp) -> list[prob.SampleOp]:
    return [op for expectation in expectations(module) for op in choices(expectation)]


def _check(
    found: Sequence[prob.SampleOp], patterns: tuple[str, ...], option: str, kind: _Kind
) -> None:
    for pattern in patterns:
        if not any(_any_matches(kind.names(op), (pattern,)) for op in found):
            names = ", ".join(sorted({n for op in found for n in kind.names(op)})) or "none"
            raise PassError(
                f"the option {option}={pattern!r} matches no choice (there are: {names})",
                kind.remedy,
            )
