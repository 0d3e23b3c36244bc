"""`relbo`: fit a model, look at its program, from the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from relbo_ir.dialects.errors import ModelError, RelboError
from relbo_ir.emission import FORMS, LEVELS, at_level, emit
from relbo_ir.opt import ERRORS, TEXT_ERRORS, message
from relbo_ir.storage import (
    arrays_to_bytes,
    check_writable,
    is_stream,
    mark_of,
    read_arrays,
    write_file,
)
from relbo_ir.targets import PythonTarget, TextTarget, parse_assignments, read_target

if TYPE_CHECKING:
    from relbo_ir.objective import Objective


_TARGET = (
    "FILE.py:NAME, a Python file and its ELBO (FILE.py alone: `elbo`; `data` in the file is a tuple "
    "of its arguments), or FILE.mlir, a program of any level"
)
_MARK = "relbo emit"
"""Of the files of arrays that `relbo emit` writes without being told their names."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="relbo", description="Variational inference, compiled.")
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("fit", help="fit the guide of an ELBO and print its posterior")
    fit.add_argument("--steps", type=int, default=2000, help="gradient steps (default: 2000)")
    fit.add_argument("--step-size", type=float, default=0.01, help="of Adam (default: 0.01)")
    fit.add_argument("--key", type=int, default=0, help="random key (default: 0)")
    fit.add_argument("--quiet", action="store_true", help="no progress bar")
    fit.add_argument("--data", metavar="FILE.npz", help="the arrays of FILE.mlir, by name")
    fit.add_argument(
        "--init",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME=NUMBER",
        help="where parameters start, in their own spaces",
    )
    fit.add_argument("--out", metavar="FILE.npz", help="where to write the fit")
    fit.set_defaults(run=_fit)
    emit = commands.add_parser("emit", help="write a program in another form")
    emit.add_argument("--to", required=True, choices=FORMS, help="the form")
    emit.add_argument(
        "--out", metavar="FILE", help="where to write it, its arrays beside it in FILE's .npz"
    )
    emit.set_defaults(run=_emit)
    explain = commands.add_parser("explain", help="say how each choice and addend is treated, why")
    explain.set_defaults(run=_explain)
    for command in (fit, emit, explain):
        command.add_argument("target", metavar="FILE", help=_TARGET)
        command.add_argument("--particles", type=int, default=1, help="draws per step (default: 1)")
        command.add_argument(
            "--pipeline", default="default", help="a pipeline's name or its passes"
        )
    return parser


def _fit(options: argparse.Namespace) -> None:
    given = parse_assignments(options.init)
    if options.out is not None:
        check_writable(options.out)
    target = read_target(options.target)
    import optax

    from relbo_ir.training import fit

    objective = _objective(target, options)
    init = {**objective.init(options.key), **objective.unconstrain(given)}
    if isinstance(target, TextTarget) and (rest := [n for n in init if n not in given]):
        verb = "starts" if len(rest) == 1 else "start"
        note = f"{verb} at the image of 0; give --init to start elsewhere"
        print(f"relbo: {', '.join(rest)} {note}", file=sys.stderr)
    result = fit(
        objective,
        steps=options.steps,
        optimizer=optax.adam(options.step_size),
        key=options.key,
        init=init if given else None,
        progress=not options.quiet,
    )
    if options.out is not None:
        result.save(options.out)
    print(result)


def _objective(target: PythonTarget | TextTarget, options: argparse.Namespace) -> Objective:
    from relbo_ir.objective import Objective
    from relbo_ir.origins import FromText

    if isinstance(target, TextTarget):
        origin = FromText(target.module, read_arrays(options.data) if options.data else {})
        return Objective(origin, target.module, options.pipeline, options.particles)
    if options.data is not None:
        raise ModelError(
            "--data is for FILE.mlir", "write `data = (x, y)` in the Python file instead"
        )
    return target.elbo.compile(*target.data, pipeline=options.pipeline, particles=options.particles)


def _emit(options: argparse.Namespace) -> None:
    if options.out is not None:
        check_writable(options.out)
    target = read_target(options.target)
    arrays: dict[str, Any] = {}
    if isinstance(target, PythonTarget):
        from relbo_ir.origins import FromPython, closure_name

        origin = FromPython(target.elbo, target.data, {})
        module, symbol = origin.module, origin.symbol
        arrays = {**origin.data, **{closure_name(*k): v for k, v in origin.constants.items()}}
    else:
        from relbo_ir.origins import symbol_of

        module, symbol = target.module, symbol_of(target.module)
    out = None if options.out is None else Path(options.out)
    if out is None or options.to not in LEVELS or is_stream(out):
        arrays = {}
    beside = _beside(out) if out is not None and arrays else None
    text = emit(module, options.to, symbol, options.pipeline, options.particles)
    if out is None:
        print(text)
        return
    if beside is not None:
        write_file(beside, arrays_to_bytes(arrays, _MARK))
    write_file(out, f"{text}\n".encode())


def _beside(out: Path) -> Path:
    """Where the arrays of an emitted program go; ModelError where another's file is there."""
    beside = out.with_suffix(".npz")
    if beside == out:
        raise ModelError(f"{beside} is for the program's arrays", "give --out another suffix")
    check_writable(beside)
    if beside.exists() and mark_of(beside) != _MARK:
        raise ModelError(
            f"{beside} is for the program's arrays, and a file that `relbo emit` did not write is "
            "there",
            "give --out another name, or move that file away",
        )
    return beside


def _explain(options: argparse.Namespace) -> None:
    target = read_target(options.target)
    from relbo_ir.explanation import explain

    if isinstance(target, PythonTarget):
        from relbo_ir.origins import FromPython

        module = FromPython(target.elbo, target.data, {}).module
    else:
        module = target.module
    print(explain(at_level(module.clone(), 3, options.pipeline, options.particles)))


class _UsersErrors:
    """
    Turns an exception that the user's own code raises into a ModelError with its line.

    One that this package raises, other than a message for the user, is a defect of ours and keeps
    its traceback.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, Exception) or isinstance(
            error, (RelboError, SyntaxError, *TEXT_ERRORS)
        ):
            return
        from relbo_ir.lowering.sites import origin_of

        origin = origin_of(error)
        if origin.line is None or origin.raiser == "relbo_ir":
            return
        raise ModelError(
            f"{type(error).__name__}: {error}", "mend the statement", line=origin.line
        ) from error


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of `relbo`; exits with 1 and a message where the input is bad."""
    options = _parser().parse_args(arguments)
    try:
        with _UsersErrors():
            options.run(options)
    except (RelboError, *ERRORS, SyntaxError) as error:
        print(f"relbo: {message(error)}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
