"""Source lines: every op that came from Python carries one as its xDSL location."""

from __future__ import annotations

from xdsl.dialects.builtin import FileLineColLoc, IntAttr, StringAttr
from xdsl.ir import Operation


def source_location(filename: str, line: int) -> FileLineColLoc:
    """A location from a file name and a line, counted from 1."""
    return FileLineColLoc(StringAttr(filename), IntAttr(line), IntAttr(0))


def source_line(op: Operation) -> str | None:
    """`file.py:12` where the op has a location, else None."""
    location = op.location
    if not isinstance(location, FileLineColLoc):
        return None
    return f"{location.filename.data}:{location.line.data}"


def place(op: Operation) -> str:
    """` (file.py:12)` for the end of a message, or nothing where no line is known."""
    line = source_line(op)
    return "" if line is None else f" ({line})"
