"""
What the progress bar of `relbo_ir.fit` costs: the share of a fit's time spent inside the
bar's methods. (Fits with and without a bar differ by less than fits without one do.)

    python benchmarks/progress_bar.py
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from harness import machine_line
from tqdm import tqdm

import relbo_ir as rb
from relbo_ir import training

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))

LIMIT = 0.02
_STEPS = 2000
_METHODS = ("__init__", "update", "set_postfix_str", "close")


class Meter:
    """A tqdm that adds up the seconds spent in its methods."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def bar(self) -> type[tqdm[Any]]:
        """The metered class."""
        return type("MeteredBar", (tqdm,), {name: self._timed(name) for name in _METHODS})

    def _timed(self, name: str) -> Callable[..., Any]:
        original = getattr(tqdm, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            self._depth += 1
            try:
                return original(*args, **kwargs)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - start

        return timed


@contextlib.contextmanager
def hidden_bar() -> Iterator[None]:
    """The bar writes to nowhere."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


def share(objective: rb.Objective) -> float:
    """The largest share of a fit's time that the bar takes, over a few fits."""
    shares: list[float] = []
    for _ in range(5):
        meter = Meter()
        start = time.perf_counter()
        with mock.patch.object(training, "tqdm", meter.bar()), hidden_bar():
            rb.fit(objective, steps=_STEPS, progress=True)
        shares.append(meter.seconds / (time.perf_counter() - start))
    return float(np.max(shares))


def main() -> int:
    """Measures on eight schools; 1 where the bar costs 2 % or more."""
    print(machine_line())
    example = importlib.import_module("eight_schools")
    objective: rb.Objective = example.elbo.compile(*example.data)
    taken = share(objective)
    ok = taken < LIMIT
    print(f"\nin the bar: {100 * taken:.3f} % of a fit of {_STEPS} steps, at most (target 2 %)")

    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
