"""`relbo-opt`: IR in, passes, IR out, with xDSL's flags."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline
from xdsl.utils.exceptions import (
    AlreadyRegisteredConstructException,
    ArgSpecParseError,
    DiagnosticException,
    ParseError,
    UnregisteredConstructException,
)
from xdsl.xdsl_opt_main import xDSLOptMain

from relbo_ir.dialects.errors import RelboError
from relbo_ir.dialects.scopes import verify_scopes

TEXT_ERRORS = (
    ParseError,
    DiagnosticException,
    ArgSpecParseError,
    UnregisteredConstructException,
    AlreadyRegisteredConstructException,
)
"""What xDSL raises for bad text, with its place in the text."""
ERRORS = (
    RelboError,
    *TEXT_ERRORS,
    ValueError,
    RecursionError,
    OSError,
)
"""What bad input raises; anything else is a defect of ours and shows its traceback."""


class RelboOptMain(xDSLOptMain):
    """xDSL's driver, with the scope check after every pass."""

    version_format: ClassVar[str] = "relbo-opt built on xdsl {xdsl_version}"

    def setup_pipeline(self) -> None:
        super().setup_pipeline()
        shown = self.pipeline.callback
        verify = not self.args.disable_verify

        def callback(before: ModulePass | None, module: ModuleOp, after: ModulePass | None) -> None:
            if shown is not None:
                shown(before, module, after)
            if verify:
                verify_scopes(module)

        self.pipeline = PassPipeline(self.pipeline.passes, callback)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of `relbo-opt`; exits with 1 and a message where the input is bad."""
    try:
        RelboOptMain("The pass driver of relbo-ir", arguments).run()
    except ERRORS as error:
        print(f"relbo-opt: {message(error)}", file=sys.stderr)
        raise SystemExit(1) from None


def message(error: BaseException) -> str:
    """The error in words, with its notes."""
    if isinstance(error, RecursionError):
        return "the input nests too deeply"
    notes: list[str] = getattr(error, "__notes__", [])
    return "\n".join([str(error).strip() or type(error).__name__, *notes])


if __name__ == "__main__":
    main()
