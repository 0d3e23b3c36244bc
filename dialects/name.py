"""Quoted names: site, addend and parameter names in IR text."""

from __future__ import annotations

from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer


@irdl_attr_definition
class NameAttr(Data[str]):
    """
    Any Unicode string, printed as an escaped ASCII literal.

    `builtin.StringAttr` will not do: xDSL reads a literal with a non-ASCII character back as
    bytes, so a site named "θ" would not parse.

    ```mlir
    #prob.name"z"
    #prob.name"\\CE\\B8"
    ```
    """

    name = "prob.name"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> str:
        text = parser.parse_optional_str_literal()
        if text is not None:
            return text
        raw = parser.parse_optional_bytes_literal()
        if raw is None:
            parser.raise_error("a quoted name is expected here")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            parser.raise_error("this name is not valid UTF-8")

    def print_parameter(self, printer: Printer) -> None:
        printer.print_string_literal(self.data)
