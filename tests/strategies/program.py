"""A random program, as text for people and for counting structures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO

import numpy as np
import numpy.typing as npt
from hypothesis.vendor.pretty import RepresentationPrinter
from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

Key = str | tuple[str, int]
Values = Mapping[Key, npt.NDArray[np.float64]]


@dataclass(frozen=True, repr=False)
class Program:
    """A module; a value for each of its arguments; what it contains."""

    module: ModuleOp
    arguments: Values = field(default_factory=dict[Key, npt.NDArray[np.float64]])
    features: Mapping[str, bool] = field(default_factory=dict[str, bool])

    def __repr__(self) -> str:
        on = [name for name, present in self.features.items() if present]
        return f"Program(\n{text_of(self.module)}\n{dict(self.arguments)}\n{on})"

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        """Hypothesis would print the fields of the module's dataclasses, megabytes of them."""
        printer.text(repr(self))


def text_of(module: ModuleOp) -> str:
    """The module as IR text."""
    stream = StringIO()
    Printer(stream).print_op(module)
    return stream.getvalue()


_ERASED = (
    (re.compile(r'lax\.constant "[^"]*"'), 'lax.constant ""'),
    (re.compile(r'#prob\.name"(?:[^"\\]|\\.)*"'), '#prob.name""'),
    (
        re.compile(r'(prob\.(?:sample|draw|observe|factor|deterministic)) "(?:[^"\\]|\\.)*"'),
        r'\1 ""',
    ),
)


def structure(module: ModuleOp) -> str:
    """The IR text with constants and names erased: equal for programs of one structure."""
    text = text_of(module)
    for pattern, replacement in _ERASED:
        text = pattern.sub(replacement, text)
    return text
