"""The documentation builds without a warning, and its Python runs as it is written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.example_modules import EXAMPLES, example

_ROOT = Path(__file__).parents[1]
_PAGES = sorted((_ROOT / "docs").glob("*.md"))
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    """Links, anchors and the names of the API page are resolved."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    api = (tmp_path / "api.html").read_text(encoding="utf-8")
    for name in ("modeling.sample", "objective.Objective.export", "posterior.Fit.to_arviz"):
        assert f'id="relbo_ir.{name}"' in api


@pytest.mark.parametrize(
    "page", [p for p in _PAGES if "```python" in p.read_text("utf-8")], ids=lambda p: p.stem
)
def test_the_code_of_a_page_runs(page: Path) -> None:
    """All blocks of a page, in one namespace; the folder `examples` can be imported from."""
    text = page.read_text(encoding="utf-8")
    example(EXAMPLES[0])
    names: dict[str, Any] = {"__name__": page.stem}
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(page), "exec"), names)


def test_every_example_is_in_the_list() -> None:
    listed = (_ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    names = {path.name for path in (_ROOT / "examples").glob("*.py")} - {"demo.py"}
    assert {name for name in names if f"`{name}`" not in listed} == set()
