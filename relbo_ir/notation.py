"""How formulas are spelled: as plain text, and as LaTeX that matplotlib's mathtext renders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
"""Precedences, from what binds least."""


@dataclass(frozen=True)
class Piece:
    """A rendered expression, and how tightly its outermost operator binds."""

    text: str
    precedence: int = ATOM


@dataclass(frozen=True)
class Operator:
    """A template, the precedence of the result, and what each operand must bind at least."""

    template: str
    precedence: int
    operands: tuple[int, ...]


class Notation(ABC):
    """One way to spell names, numbers, operators, calls and densities."""

    operators: Mapping[str, Operator]
    functions: Mapping[str, str] = {}

    @abstractmethod
    def name(self, text: str) -> str:
        """A name that a user gave: a site, a parameter, data."""

    @abstractmethod
    def unconstrained(self, text: str) -> str:
        """A parameter's unconstrained coordinates."""

    @abstractmethod
    def group(self, text: str) -> str:
        """The expression in brackets."""

    @abstractmethod
    def density(self, law: str, value: str, parameters: Sequence[str]) -> str:
        """The log density of a law of that name at a value."""

    @abstractmethod
    def function(self, name: str) -> str:
        """The name of a function without a notation of its own."""

    @abstractmethod
    def total(self, text: str) -> str:
        """The sum of all elements of a tensor."""

    def operand(self, piece: Piece, least: int) -> str:
        """An operand, in brackets where it binds less than it must."""
        return piece.text if piece.precedence >= least else self.group(piece.text)

    def apply(self, short: str, operands: Sequence[Piece]) -> Piece:
        """An op of that short name, as an operator or as a call."""
        operator = self.operators.get(short)
        if operator is None or len(operator.operands) != len(operands):
            return self.call(short, [piece.text for piece in operands])
        texts = [
            self.operand(p, least) for p, least in zip(operands, operator.operands, strict=True)
        ]
        return Piece(operator.template.format(*texts), operator.precedence)

    def call(self, name: str, arguments: Sequence[str]) -> Piece:
        """A function applied to arguments."""
        return Piece(self.function(name) + self.group(", ".join(arguments)))

    def number(self, text: str) -> str:
        """A number, from its decimal text."""
        return text.removesuffix(".0")


class Plain(Notation):
    """Formulas as text for a terminal."""

    operators = {
        "add": Operator("{} + {}", SUM, (SUM, PRODUCT)),
        "sub": Operator("{} − {}", SUM, (SUM, PRODUCT)),
        "neg": Operator("−{}", SUM, (PRODUCT,)),
        "mul": Operator("{}·{}", PRODUCT, (PRODUCT, PRODUCT)),
        "div": Operator("{}/{}", PRODUCT, (PRODUCT, POWER)),
        "pow": Operator("{}^{}", POWER, (ATOM, ATOM)),
        "square": Operator("{}²", POWER, (ATOM,)),
        "gt": Operator("{} > {}", 0, (SUM, SUM)),
        "ge": Operator("{} ≥ {}", 0, (SUM, SUM)),
        "lt": Operator("{} < {}", 0, (SUM, SUM)),
        "le": Operator("{} ≤ {}", 0, (SUM, SUM)),
        "eq": Operator("{} = {}", 0, (SUM, SUM)),
        "ne": Operator("{} ≠ {}", 0, (SUM, SUM)),
    }

    def name(self, text: str) -> str:
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)

    def unconstrained(self, text: str) -> str:
        return f"unconstrained({self.name(text)})"

    def group(self, text: str) -> str:
        return f"({text})"

    def density(self, law: str, value: str, parameters: Sequence[str]) -> str:
        return f"log {law}({value} | {', '.join(parameters)})"

    def function(self, name: str) -> str:
        return name

    def total(self, text: str) -> str:
        return f"Σ {text}"


_ESCAPES = {
    **{c: "\\" + c for c in "$%_{}"},
    # mathtext has no escape for these four.
    "#": r"\sharp ",
    "&": r"\ and\ ",
    '"': "''",
    "`": "'",
    "\\": r"\backslash ",
    "^": r"\wedge ",
    "~": r"\sim ",
    " ": r"\ ",
}
_GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
    ]
)


_NUMBERS = {"inf": r"\infty", "nan": r"\mathrm{NaN}"}


class Latex(Notation):
    """Formulas as LaTeX, in the part of it that matplotlib's mathtext knows."""

    operators = {
        "add": Operator("{} + {}", SUM, (SUM, PRODUCT)),
        "sub": Operator("{} - {}", SUM, (SUM, PRODUCT)),
        "neg": Operator("-{}", SUM, (PRODUCT,)),
        "mul": Operator(r"{} \cdot {}", PRODUCT, (PRODUCT, PRODUCT)),
        "div": Operator(r"\frac{{{}}}{{{}}}", ATOM, (0, 0)),
        "pow": Operator("{{{}}}^{{{}}}", POWER, (ATOM, 0)),
        "square": Operator("{{{}}}^{{2}}", POWER, (ATOM,)),
        "sqrt": Operator(r"\sqrt{{{}}}", ATOM, (0,)),
        "abs": Operator(r"\left|{}\right|", ATOM, (0,)),
        "gt": Operator("{} > {}", 0, (SUM, SUM)),
        "ge": Operator(r"{} \geq {}", 0, (SUM, SUM)),
        "lt": Operator("{} < {}", 0, (SUM, SUM)),
        "le": Operator(r"{} \leq {}", 0, (SUM, SUM)),
        "eq": Operator("{} = {}", 0, (SUM, SUM)),
        "ne": Operator(r"{} \neq {}", 0, (SUM, SUM)),
    }
    functions = {
        name: "\\" + name for name in ("exp", "log", "sin", "cos", "tan", "tanh", "max", "min")
    }

    def name(self, text: str) -> str:
        if text in _GREEK:
            return "\\" + text
        spelled = "".join(_ESCAPES.get(c, c if c.isprintable() else "?") for c in text)
        return spelled if len(text) == 1 and text.isalpha() else rf"\mathrm{{{spelled}}}"

    def unconstrained(self, text: str) -> str:
        return rf"\tilde{{{self.name(text)}}}"

    def group(self, text: str) -> str:
        return rf"\left({text}\right)"

    def density(self, law: str, value: str, parameters: Sequence[str]) -> str:
        given = rf"{value} \mid {', '.join(parameters)}"
        return rf"\log {self.function(law)}{self.group(given)}"

    def function(self, name: str) -> str:
        spelled = "".join(_ESCAPES.get(c, c) for c in name)
        return self.functions.get(name, rf"\mathrm{{{spelled}}}")

    def total(self, text: str) -> str:
        return rf"\sum {text}"

    def number(self, text: str) -> str:
        sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
        if text in _NUMBERS:
            return sign + _NUMBERS[text]
        mantissa, _, exponent = super().number(text).partition("e")
        if not exponent:
            return sign + mantissa
        return rf"{sign}{super().number(mantissa)} \cdot 10^{{{int(exponent)}}}"
