"""
Interleaved measurement: contestants take turns, and the noise is measured beside them.

Every round times each contestant once, in a rotated order, so that what slows the machine slows
all; builds compile all anew. A figure is a ratio of medians with a bootstrap interval over builds
and rounds. One function stands in the line-up twice (A/A): how far its ratio to itself is from 1
is what this benchmark cannot see.
"""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

Samples = Mapping[str, NDArray[np.float64]]
Contestants = Mapping[str, Callable[[], Any]]
_RESAMPLES = 1000
_BLIND = 1.1
"""An A/A spread beyond this factor can tell nothing: no target holds then."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of two contestants' medians, with the 5 % and 95 % quantiles of its bootstrap."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Target:
    """`numerator` takes at most `limit` times as long as `denominator`."""

    numerator: str
    denominator: str
    limit: float


@dataclass(frozen=True)
class Control:
    """The two names under which one function was measured."""

    first: str
    second: str


def interleave(
    build: Callable[[], Contestants],
    rounds: int,
    calls: int = 1,
    builds: int = 1,
    warm_up: int = 3,
) -> Samples:
    """
    Seconds per call by contestant: a row for each build, a column for each round.

    `build` makes the contestants anew (compiled again, in other memory), as luck there moves a
    small kernel's time by some per cent. Each turn makes `calls` calls and waits for the arrays of
    each one. The order of each round is drawn (the same in each run), as who comes after another
    process's threads or a large array is slower for it. The collector is off while the clock runs.
    """
    rows: list[dict[str, NDArray[np.float64]]] = []
    for _ in range(builds):
        jax.clear_caches()
        contestants = build()
        for name in [*contestants] * warm_up:
            jax.block_until_ready(contestants[name]())
        gc.collect()
        gc.disable()
        try:
            rows.append(_take_turns(contestants, rounds, calls))
        finally:
            gc.enable()
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _take_turns(
    contestants: Contestants, rounds: int, calls: int
) -> dict[str, NDArray[np.float64]]:
    names = list(contestants)
    seconds = {name: np.empty(rounds) for name in names}
    random = np.random.default_rng(0)
    for number in range(rounds):
        for name in random.permutation(names).tolist():
            call = contestants[name]
            start = time.perf_counter()
            for _ in range(calls):
                jax.block_until_ready(call())
            seconds[name][number] = (time.perf_counter() - start) / calls
    return seconds


def ratio(samples: Samples, numerator: str, denominator: str) -> Ratio:
    """
    The ratio of medians of a build, and of the builds' ratios the median: what is slow between
    builds cancels. The bootstrap draws builds, then rounds in them; a round is drawn whole, as its
    contestants share the machine's noise.
    """
    top, bottom = samples[numerator], samples[denominator]
    builds, rounds = top.shape
    random = np.random.default_rng(0)
    rows = random.integers(0, builds, (_RESAMPLES, builds, 1))
    columns = random.integers(0, rounds, (_RESAMPLES, builds, rounds))
    low, high = np.quantile(_ratios(top[rows, columns], bottom[rows, columns]), [0.05, 0.95])
    return Ratio(float(_ratios(top, bottom)), float(low), float(high))


def _ratios(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.median(np.median(top, axis=-1) / np.median(bottom, axis=-1), axis=-1))


def spread(control: Ratio) -> float:
    """How far from 1, as a factor, the A/A ratio may be: the farther end of its interval."""
    return max(control.high, 1 / control.low, 1.0)


def report(
    title: str, samples: Samples, targets: Sequence[Target], control: Control, unit: float = 1e-6
) -> bool:
    """
    Prints medians and ratios, and whether every target holds: a ratio may exceed its limit by the
    A/A spread, which is what the benchmark cannot tell from nothing.
    """
    suffix = {1e-6: "us", 1e-3: "ms", 1.0: "s"}[unit]
    builds, rounds = next(iter(samples.values())).shape
    print(f"\n{title} ({builds} builds of {rounds} rounds)")
    for name, values in samples.items():
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]) / unit
        print(f"  {name:<26}{middle:10.2f} {suffix}   quartiles {low:.2f} to {high:.2f}")
    same = ratio(samples, control.first, control.second)
    factor = spread(same)
    print(f"  {'A/A':<26}{same}   spread {100 * (factor - 1):.1f} %")
    holds = True
    for target in targets:
        got = ratio(samples, target.numerator, target.denominator)
        ok = factor <= _BLIND and got.value <= target.limit * factor
        holds &= ok
        verdict = _verdict(got, target, factor)
        print(
            f"  {target.numerator + ' / ' + target.denominator:<26}{got}"
            f"   target {target.limit:.2f}: {verdict}"
        )
    return holds


def _verdict(got: Ratio, target: Target, factor: float) -> str:
    if factor > _BLIND:
        return "TOO NOISY"
    if got.value <= target.limit:
        return "holds"
    return "within A/A" if got.value <= target.limit * factor else "MISSED"


def machine_line() -> str:
    """What was measured on: no names of machines, no paths."""
    device = jax.devices()[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores ({platform.machine()}), {device.platform} {device.device_kind}, "
        f"Python {platform.python_version()}, jax {jax.__version__}"
    )
