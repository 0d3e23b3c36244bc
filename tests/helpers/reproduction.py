"""A failing case as an `.mlir` file that reproduces it, and such a file as a case again."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from oracle import Precision, parse_module
from oracle.dual import Array
from strategies import Program, text_of

from relbo_ir.pipelines import resolve

from .pipelines import Case

FOLDER = Path(__file__).parents[2] / "out" / "soundness"
_PREFIX = "// case: "
Key = str | tuple[str, int]


def text_of_case(case: Case) -> str:
    """The program, under a comment that holds its pipeline and the values of its arguments."""
    passes = ",".join(str(step.pipeline_pass_spec()) for step in case.passes)
    named = {k: v for k, v in case.program.arguments.items() if isinstance(k, str)}
    closed = {k: v for k, v in case.program.arguments.items() if isinstance(k, tuple)}
    described = {
        "passes": passes,
        "precision": {
            "normal_nodes": case.precision.normal_nodes,
            "exact_normal": case.precision.exact_normal,
        },
        "arguments": {name: value.tolist() for name, value in named.items()},
        "closures": [[*key, value.tolist()] for key, value in closed.items()],
    }
    return f"{_PREFIX}{json.dumps(described)}\n{text_of(case.program.module)}\n"


def case_of_text(text: str) -> Case:
    """The case that `text_of_case` wrote."""
    first, program = text.split("\n", 1)
    described = json.loads(first.removeprefix(_PREFIX))
    arguments: dict[Key, Array] = {n: np.array(v) for n, v in described["arguments"].items()}
    for function, index, value in described["closures"]:
        arguments[function, index] = np.array(value)
    passes = tuple(resolve(described["passes"]))
    return Case(
        Program(parse_module(program), arguments), passes, Precision(**described["precision"])
    )


@contextmanager
def reproducible(case: Case, label: str, folder: Path = FOLDER) -> Generator[None]:
    """
    Writes the case to `<folder>/<label>.mlir` where its check fails, and says so in the error.
    Hypothesis checks the smallest failing program last, so that is what the file holds in the end.
    """
    try:
        yield
    except Exception as error:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{label}.mlir"
        path.write_text(text_of_case(case), encoding="utf-8")
        error.add_note(f"the program: {path}\nagain: python tests/reproduce.py {path}")
        raise
