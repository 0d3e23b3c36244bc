"""An objective as LaTeX formulas that matplotlib's mathtext renders, one a line."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of
from relbo_ir.formulas import Formulas
from relbo_ir.notation import Latex
from relbo_ir.notebook import Text
from relbo_ir.passes.treatment import choices


def latex(module: ModuleOp) -> Text:
    r"""
    The objectives of a module of level 2 or 3: the ELBO as a sum of named addends, each addend,
    the laws of the guide's choices, and what was given a name; each a line `$...$`.

    Raises PassError for a module without an expectation.
    """
    lines: list[str] = []
    for function in module.ops:
        if isinstance(function, prob.FuncOp):
            for expectation in expectations_in(function):
                lines.extend(_objective(function, expectation))
    if not lines:
        raise PassError(
            "the module holds no expectation, so there is no formula to write",
            "give a program of level 1, 2 or 3: before the lowering passes",
        )
    return Text("\n".join(f"${line}$" for line in lines))


def expectations_in(function: prob.FuncOp) -> list[prob.ExpectationOp]:
    """The expectations of one function."""
    return [op for op in function.walk() if isinstance(op, prob.ExpectationOp)]


def _objective(function: prob.FuncOp, expectation: prob.ExpectationOp) -> list[str]:
    notation = Latex()
    formulas = Formulas(function, notation)
    names = [
        notation.name(role.parameter.data)
        for role in function.roles
        if isinstance(role, (prob.ParameterAttr, prob.UnconstrainedAttr))
    ]
    yielded = expectation.terminator
    addends = [rf"\ell_{{{notation.name(n.data)}}}" for n in yielded.names]
    bound = r"\mathcal{L}" + (notation.group(", ".join(names)) if names else "")
    sites = ", ".join(notation.name(choice.site.data) for choice in choices(expectation))
    expected = rf"\mathbb{{E}}_{{{sites}}}" if sites else r"\mathbb{E}"
    lines = [rf"{bound} = {expected}\left[{' + '.join(addends) or '0'}\right]"]
    for choice in choices(expectation):
        lines.append(
            rf"{notation.name(choice.site.data)} \sim {formulas.text(choice.law)}"
            + _plates(choice, notation)
        )
    for name, value in zip(addends, yielded.addends, strict=True):
        text = formulas.text(value)
        if shape_of(value):
            text = notation.total(notation.operand(formulas.of(value), 2))
        lines.append(f"{name} = {text}")
    lines.extend(f"{d.name} = {d.text}" for d in formulas.definitions)
    return lines


def _plates(choice: prob.SampleOp, notation: Latex) -> str:
    names = [notation.name(axis.plate.string_value()) for axis in choice.plates or ()]
    return rf"\quad \mathrm{{for\ each\ of}}\ {', '.join(names)}" if names else ""
