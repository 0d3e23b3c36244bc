"""The errors that a user sees: cause, remedy and place."""

from __future__ import annotations

from xdsl.ir import Operation
from xdsl.utils.exceptions import PassFailedException

from relbo_ir.dialects.location import source_line


class RelboError(Exception):
    """
    An error of the user's program, data or IR.

    The message says what is wrong (`cause`), what to do (`remedy`) and where (`site`, `line`).
    """

    def __init__(
        self, cause: str, remedy: str, *, site: str | None = None, line: str | None = None
    ):
        self.cause, self.remedy, self.site, self.line = cause, remedy, site, line
        where = ", ".join(
            part for part in (f'site "{site}"' if site is not None else "", line or "") if part
        )
        super().__init__(f"{cause}\n  remedy: {remedy}" + (f"\n  at: {where}" if where else ""))


class ModelError(RelboError, ValueError):
    """The model or the guide is not one that has an ELBO, or its data do not fit it."""


class UnsupportedError(RelboError, NotImplementedError):
    """The program is meaningful, but this compiler cannot take it yet."""


class RelboWarning(UserWarning):
    """What is right as it is, and probably not what was meant."""


class PassError(RelboError, PassFailedException):
    """A pass refuses the program: a side condition of its lemma does not hold or is not proved."""

    @staticmethod
    def at(op: Operation, cause: str, remedy: str, site: str | None = None) -> PassError:
        """The error with the op's source line."""
        return PassError(cause, remedy, site=site, line=source_line(op))
