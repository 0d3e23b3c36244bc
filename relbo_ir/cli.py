"""`relbo`: fit a model from the command line."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from relbo_ir.dialects.errors import ModelError, RelboError
from relbo_ir.opt import ERRORS, message


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="relbo", description="Variational inference, compiled.")
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("fit", help="fit the guide of an ELBO and print its posterior")
    fit.add_argument(
        "target",
        metavar="FILE.py:elbo",
        help="a Python file and the name of its ELBO; `data` in the file is a tuple of its arguments",
    )
    fit.add_argument("--steps", type=int, default=2000, help="gradient steps (default: 2000)")
    fit.add_argument("--particles", type=int, default=1, help="draws per step (default: 1)")
    fit.add_argument("--step-size", type=float, default=0.01, help="of Adam (default: 0.01)")
    fit.add_argument("--key", type=int, default=0, help="random key (default: 0)")
    fit.add_argument("--pipeline", default="default", help="a pipeline's name or its passes")
    fit.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def load_target(target: str) -> tuple[Any, tuple[Any, ...]]:
    """The ELBO that `FILE.py:name` names, and the file's `data` (an empty tuple without it)."""
    path, separator, name = target.rpartition(":")
    if not separator or not path.endswith(".py"):
        raise ModelError(
            f"{target!r} is not FILE.py:NAME", "name the file and its ELBO: coin.py:elbo"
        )
    if not Path(path).is_file():
        raise ModelError(f"there is no file {path}", "check the path")
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
    return elbo, data  # pyright: ignore[reportUnknownVariableType]


def _fit(options: argparse.Namespace) -> None:
    elbo, data = load_target(options.target)
    import optax

    from relbo_ir.training import fit

    result = fit(
        elbo,
        *data,
        steps=options.steps,
        particles=options.particles,
        optimizer=optax.adam(options.step_size),
        key=options.key,
        pipeline=options.pipeline,
        progress=not options.quiet,
    )
    print(result)


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
        if not isinstance(error, Exception) or isinstance(error, (RelboError, SyntaxError)):
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
            _fit(options)
    except (RelboError, *ERRORS, SyntaxError) as error:
        print(f"relbo: {message(error)}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
