"""What a command works on: an ELBO in a Python file, or IR text."""

from __future__ import annotations

import runpy
import sys
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnknownLoc
from xdsl.ir import Operation
from xdsl.parser import Parser

from relbo_ir.dialects.errors import ModelError
from relbo_ir.dialects.location import source_location
from relbo_ir.dialects.scopes import verify_module
from relbo_ir.pipelines import context

_DEFAULT = "elbo"


@dataclass(frozen=True)
class PythonTarget:
    """An ELBO of a Python file, and the arguments that the file gives it."""

    elbo: Any
    data: tuple[Any, ...]


@dataclass(frozen=True)
class TextTarget:
    """A module of IR text."""

    module: ModuleOp


def read_target(target: str) -> PythonTarget | TextTarget:
    """
    What `FILE.py:NAME`, `FILE.py` (the name is `elbo`) or `FILE.mlir` names.

    Raises ModelError where the file is not there or defines no ELBO of that name; a Python file is
    run, and raises what it raises.
    """
    if target.endswith(".mlir"):
        return TextTarget(read_module(target))
    path, separator, name = target.rpartition(":")
    if target.endswith(".py"):
        path, separator, name = target, ":", _DEFAULT
    if not separator or not path.endswith(".py"):
        raise ModelError(
            f"{target!r} is not FILE.py:NAME or FILE.mlir",
            "name the file and its ELBO: coin.py:elbo",
        )
    if not Path(path).is_file():
        raise ModelError(f"there is no file {path}", "check the path")
    return _run(path, name)


def _run(path: str, name: str) -> PythonTarget:
    # As `python FILE.py` has it: the file's neighbours can be imported.
    sys.path.insert(0, str(Path(path).resolve().parent))
    namespace = runpy.run_path(path, run_name="relbo_target")
    if name not in namespace:
        raise ModelError(
            f"{path} defines no {name!r}", "name a variable of the file that is an ELBO"
        )
    from relbo_ir.objective import ELBO

    elbo, data = namespace[name], namespace.get("data", ())
    if not isinstance(elbo, ELBO):
        raise ModelError(
            f"{name!r} in {path} is a {type(elbo).__name__}", "make it a relbo_ir.ELBO"
        )
    if not isinstance(data, tuple):
        raise ModelError(f"`data` in {path} is not a tuple", "write data = (x, y) in the file")
    return PythonTarget(elbo, data)  # pyright: ignore[reportUnknownArgumentType]


def read_module(path: str) -> ModuleOp:
    """The verified module of an IR file; an op without a location gets its line of the file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}", "name a text file of IR") from error
    module = _PlacedParser(context(), text, path).parse_module()
    verify_module(module)
    return module


class _PlacedParser(Parser):
    """A parser whose ops know the line that they stand in."""

    def __init__(self, ctx: Context, text: str, name: str):
        super().__init__(ctx, text, name)
        self._name = name
        self._starts = [0, *(k + 1 for k, c in enumerate(text) if c == "\n")]

    def parse_operation(self) -> Operation:
        start = self.pos
        op = super().parse_operation()
        if isinstance(op.location, UnknownLoc):
            op.location = source_location(self._name, bisect_right(self._starts, start))
        return op


def parse_assignments(texts: list[str]) -> dict[str, float]:
    """`NAME=NUMBER` pairs as a dict; ModelError for what is none."""
    values: dict[str, float] = {}
    for text in texts:
        name, separator, number = text.partition("=")
        try:
            values[name] = float(number)
        except ValueError:
            separator = ""
        if not separator or not name:
            raise ModelError(f"{text!r} is not NAME=NUMBER", "write --init ga=12 gb=3")
    return values
