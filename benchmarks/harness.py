"""
Interleaved measurement: contestants take turns, and the noise is measured beside them.

Every round times each contestant once, in a rotated order, so that what slows the machine slows
all. A figure is a ratio of medians with a bootstrap interval over rounds. One function stands in
the line-up twice (A/A): how far its ratio to itself is from 1 is what this benchmark cannot see.
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
_RESAMPLES = 1000


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
    contestants: Mapping[str, Callable[[], Any]], rounds: int, calls: int = 1, warm_up: int = 3
) -> Samples:
    """
    Seconds per call by contestant, one figure a round.

    Each turn makes `calls` calls and waits for the arrays of each one. The collector is off
    while the clock runs.
    """
    names = list(contestants)
    for name in names * warm_up:
        jax.block_until_ready(contestants[name]())
    seconds = {name: np.empty(rounds) for name in names}
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                call = contestants[name]
                start = time.perf_counter()
                for _ in range(calls):
                    jax.block_until_ready(call())
                seconds[name][number] = (time.perf_counter() - start) / calls
    finally:
        gc.enable()
    return seconds


def ratio(samples: Samples, numerator: str, denominator: str) -> Ratio:
    """The ratio of medians; rounds are resampled whole, as they share the machine's noise."""
    top, bottom = samples[numerator], samples[denominator]
    rows = np.random.default_rng(0).integers(0, len(top), (_RESAMPLES, len(top)))
    many = np.median(top[rows], axis=1) / np.median(bottom[rows], axis=1)
    low, high = np.quantile(many, [0.05, 0.95])
    return Ratio(float(np.median(top) / np.median(bottom)), float(low), float(high))


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
    print(f"\n{title} ({len(next(iter(samples.values())))} rounds)")
    for name, values in samples.items():
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]) / unit
        print(f"  {name:<26}{middle:10.2f} {suffix}   quartiles {low:.2f} to {high:.2f}")
    same = ratio(samples, control.first, control.second)
    factor = spread(same)
    print(f"  {'A/A':<26}{same}   spread {100 * (factor - 1):.1f} %")
    holds = True
    for target in targets:
        got = ratio(samples, target.numerator, target.denominator)
        ok = got.value <= target.limit * factor
        holds &= ok
        verdict = "holds" if got.value <= target.limit else "within A/A" if ok else "MISSED"
        print(
            f"  {target.numerator + ' / ' + target.denominator:<26}{got}"
            f"   target {target.limit:.2f}: {verdict}"
        )
    return holds


def machine_line() -> str:
    """What was measured on: no names of machines, no paths."""
    device = jax.devices()[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores ({platform.machine()}), {device.platform} {device.device_kind}, "
        f"Python {platform.python_version()}, jax {jax.__version__}"
    )
