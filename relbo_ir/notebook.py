"""How texts and programs show in a notebook: as preformatted text, escaped."""

from __future__ import annotations

from html import escape

from xdsl.dialects.builtin import ModuleOp


def preformatted(text: str) -> str:
    """HTML that shows a text as it is, in a fixed-width font, scrolling where it is wide."""
    return f'<pre style="overflow-x: auto; line-height: 1.2">{escape(text)}</pre>'


class Text(str):
    """A text that a notebook shows line by line, not as a quoted string."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return preformatted(self)


class Program(ModuleOp):
    """A module of IR that a notebook shows as its text."""

    @staticmethod
    def of(module: ModuleOp) -> Program:
        """The module's contents as a `Program`; the module is left empty."""
        made = Program([], dict(module.attributes))
        region = module.detach_region(0)
        made.detach_region(0)
        made.add_region(region)
        return made

    def _repr_html_(self) -> str:
        return preformatted(str(self))
