"""Mistakes in what weighs an addend: which draws it reads, and how their densities are laid out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.ir import Operation

from relbo_ir.dialects import lax, prob
from relbo_ir.passes import rao_blackwellize, upstreams
from relbo_ir.passes.analyses.dependence.facts import Along, Dependence
from relbo_ir.passes.analyses.dependence.table import NOTHING, Facts

from .claims import claimed
from .mutant import Mutant, wrapped


def _scaled(original: Any) -> Any:
    return lambda w, choice: original(w, choice) * 2.0


def _shifted_windows(original: Any) -> Any:
    def mutant(w: Any, u: Any, axis: int, along: Along) -> Any:
        return original(w, u, axis, Along(along.size, along.axis, along.low + 1, along.high))

    return mutant


def _without_last(original: Any) -> Any:
    """A slice of several elements has a 0 where the last one was."""

    def mutant(w: Any, x: Any, axis: int, start: int, stop: int) -> Any:
        if stop - start < 2:
            return original(w, x, axis, start, stop)
        return upstreams._padded(  # pyright: ignore[reportPrivateUsage]
            w, original(w, x, axis, start, stop - 1), axis, 0, 1
        )

    return mutant


def _one_place_off(original: Any) -> Any:
    """A slice is as long, and begins one place after where it should, or before."""

    def mutant(w: Any, x: Any, axis: int, start: int, stop: int) -> Any:
        off = 1 if stop < x.shape[axis] else -min(start, 1)
        return original(w, x, axis, start + off, stop + off)

    return mutant


def _mirrored_windows(original: Any) -> Any:
    """Element i reads places before it where it read those after it, and the other way round."""

    def mutant(w: Any, u: Any, axis: int, along: Along) -> Any:
        places, last = np.arange(len(along.low)), along.size - 1
        low, high = 2 * places - along.high, 2 * places - along.low
        mirrored = Along(along.size, along.axis, np.maximum(low, 0), np.minimum(high, last))
        return original(w, u, axis, mirrored)

    return mutant


def _late_matrices(patch: pytest.MonkeyPatch) -> None:
    """No window is narrow; all begin one place too late."""
    patch.setattr(upstreams, "_MOST_SHIFTS", 0)
    wrapped(upstreams, "_windows", _shifted_windows)(patch)


def _own_draws_alone(original: Any) -> Any:
    def mutant(self: Any, op: Operation, facts: list[Facts]) -> Any:
        if isinstance(op, prob.SampleOp):
            return original(self, op, [NOTHING for _ in facts])
        return original(self, op, facts)

    return mutant


MUTANTS: dict[str, Mutant] = {
    "an upstream is scaled": wrapped(rao_blackwellize, "element_density", _scaled),
    "running sums run the other way": wrapped(
        upstreams,
        "_running",
        lambda f: lambda w, u, axis, reverse: f(w, u, axis, reverse=not reverse),
    ),
    "windows begin too late": wrapped(upstreams, "_shifted", _shifted_windows),
    "windows lie on the other side": wrapped(upstreams, "_shifted", _mirrored_windows),
    "wide windows begin too late": _late_matrices,
    "elements are taken from one place further": wrapped(
        upstreams, "_taken", lambda f: lambda w, u, axis, source: f(w, u, axis, np.roll(source, 1))
    ),
    "data indices are read as the first row": wrapped(
        upstreams,
        "_gathered",
        lambda f: (
            lambda w, u, axis, index, count, mode: f(
                w, u, axis, w.insert(lax.ConstantOp.splat(index.type, 0)), count, mode
            )
        ),
    ),
    "a slice lacks its last element": wrapped(upstreams, "_cut", _without_last),
    "a slice is one place off": wrapped(upstreams, "_cut", _one_place_off),
    "padding is on the other side": wrapped(
        upstreams, "_padded", lambda f: lambda w, x, axis, low, high: f(w, x, axis, high, low)
    ),
    "whatever is read is pruned": lambda patch: patch.setattr(
        Dependence, "is_empty", property(lambda self: True)
    ),
    "an ancestor is pruned: laws are not followed": wrapped(
        rao_blackwellize.DependenceOf, "rule", _own_draws_alone
    ),
    "a join keeps one side": lambda patch: patch.setattr(
        Dependence, "join", lambda self, other: self
    ),
    "a reduction keeps its first element": lambda patch: patch.setattr(
        Along,
        "hull",
        property(lambda self: Along.alike(self.size, int(self.low.min()), int(self.low.min()))),
    ),
    "the elements outside of a box move": wrapped(
        Dependence, "take", lambda f: lambda self, axis, source: f(self, axis, source[::-1])
    ),
    "a reshape is a broadcast of the first element": lambda patch: patch.setattr(
        Dependence, "reshape", lambda self, shape: claimed(self, tuple(shape))
    ),
    "a plate's upstreams are not summed": wrapped(
        upstreams,
        "_interval",
        lambda f: (
            lambda w, density, axis, along: f(
                w, density, axis, Along.alike(along.size, int(along.low), int(along.low))
            )
        ),
    ),
}
