"""What the random programs of a run were, counted over all of its processes."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from oracle.objectives import find_function
from strategies import LISTED, structure

from relbo_ir.dialects import prob

from .pipelines import Case

PROPERTY = "programs"
"""The name under which a test records its census for the run's report."""


@dataclass
class Census:
    """Counts of programs, by what they are and contain."""

    structures: list[str] = field(default_factory=list[str])
    sites: list[int] = field(default_factory=list[int])
    ops: list[int] = field(default_factory=list[int])
    passes: list[int] = field(default_factory=list[int])
    features: Counter[str] = field(default_factory=Counter[str])
    interpreted: int = 0

    def note(self, case: Case) -> None:
        """Takes a program into account."""
        module = case.program.module
        guide = find_function(module, "guide")
        self.structures.append(sha256(structure(module).encode()).hexdigest()[:16])
        self.sites.append(sum(isinstance(op, prob.SampleOp) for op in guide.body.block.ops))
        self.ops.append(sum(1 for _ in module.walk()))
        self.passes.append(len(case.passes))
        self.features.update(n for n, present in case.program.features.items() if present)

    def plain(self) -> dict[str, Any]:
        """Lists, numbers and texts that go from one process to another."""
        return {**vars(self), "features": dict(self.features)}

    @classmethod
    def joined(cls, parts: Iterable[Mapping[str, Any]]) -> Census:
        """The census of several tests."""
        result = cls()
        for part in parts:
            result.structures += part["structures"]
            result.sites += part["sites"]
            result.ops += part["ops"]
            result.passes += part["passes"]
            result.features.update(part["features"])
            result.interpreted += part["interpreted"]
        return result

    def shortfalls(self) -> list[str]:
        """What a run of many programs has to be and this one is not."""
        count = len(self.structures)
        asked = {
            "fewer than 300 distinct structures": len(set(self.structures)) < 300,
            "a median of fewer than 3 sites": statistics.median(self.sites) < 3,
            "a median of fewer than 12 ops": statistics.median(self.ops) < 12,
        }
        rare = [name for name in LISTED if self.features[name] < 0.1 * count]
        return [text for text, missed in asked.items() if missed] + [
            f"{name} in less than a tenth" for name in rare
        ]

    def report(self) -> list[str]:
        """Lines for people."""
        count = len(self.structures)
        lines = [
            f"{count} random programs of {len(set(self.structures))} structures, median "
            f"{statistics.median(self.sites):g} sites, {statistics.median(self.ops):g} ops and "
            f"{statistics.median(self.passes):g} passes; {self.interpreted} modules interpreted"
        ]
        shares = [f"{name} {100 * self.features[name] / count:.0f} %" for name in LISTED]
        return [*lines, ", ".join(shares)]
