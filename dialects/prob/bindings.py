"""The text of block arguments that stand for operands: `(%argument = %operand, …)`."""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.ir import BlockArgument, SSAValue
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer

Binding = tuple[Parser.UnresolvedArgument, UnresolvedOperand]


def parse_bindings(parser: Parser) -> list[Binding]:
    """Block arguments and what each stands for, their types not known yet."""

    def binding() -> Binding:
        argument = parser.parse_argument(expect_type=False)
        parser.parse_punctuation("=")
        return argument, parser.parse_unresolved_operand()

    return parser.parse_comma_separated_list(parser.Delimiter.PAREN, binding)


def print_bindings(printer: Printer, bound: Iterable[tuple[BlockArgument, SSAValue]]) -> None:
    """The same as text."""
    printer.print_string("(")
    for i, (argument, operand) in enumerate(bound):
        printer.print_string(", " if i else "")
        printer.print_block_argument(argument, print_type=False)
        printer.print_string(" = ")
        printer.print_operand(operand)
    printer.print_string(")")
