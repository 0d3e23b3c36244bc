"""Checks a program that the soundness suite has written: `python tests/reproduce.py FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

import jax
from helpers.checking import check_every_pass
from helpers.reproduction import case_of_text


def main(path: str) -> None:
    """Runs the pipeline of the file, holds every module to the oracles; raises where one differs."""
    case = case_of_text(Path(path).read_text(encoding="utf-8"))
    with jax.enable_x64(True):
        count = check_every_pass(case)
    print(f"{path}: all of {count} modules mean the same")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
