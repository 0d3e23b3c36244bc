"""How the tests compile, and what the random programs of the soundness suite were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import jax
import pytest
from helpers.census import PROPERTY, Census


def pytest_configure(config: pytest.Config) -> None:
    """
    Programs that run once are compiled without most of XLA's optimizations, in half of the time,
    here and in the processes that tests start. The subset for the newest JAX runs as users do.
    """
    if config.option.markexpr == "compat":
        return
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    if version("jaxlib").startswith("0.10."):  # later ones end at a flag that they do not know
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_use_fusion_emitters=false".strip()
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(autouse=True)
def _precision_is_left() -> Iterator[None]:
    """A test that leaves float64 on would fail another one."""
    yield
    assert jax.dtypes.canonicalize_dtype(float) == "float32"


def _census(terminal: pytest.TerminalReporter) -> Census | None:
    """The census of all tests that recorded one and passed; None where there was none."""
    parts: list[Any] = [
        value
        for report in terminal.getreports("passed")
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    return Census.joined(parts) if parts else None


def _is_complete(terminal: pytest.TerminalReporter) -> bool:
    """Whether the programs are as many as were asked for: not with `-k`, nor after a failure."""
    census = _census(terminal)
    return census is not None and len(census.structures) >= 1000


@pytest.hookimpl
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run of many programs that are too much alike has failed."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or hasattr(session.config, "workerinput"):
        return
    census = _census(terminal)
    if census is not None and _is_complete(terminal) and census.shortfalls():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the census."""
    census = _census(terminalreporter)
    if census is None:
        return
    terminalreporter.section("random programs")
    for line in census.report():
        terminalreporter.write_line(line)
    if _is_complete(terminalreporter):
        for line in census.shortfalls():
            terminalreporter.write_line(f"FAILED: {line}", red=True)
