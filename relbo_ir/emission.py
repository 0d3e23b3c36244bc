"""A program in the forms that `relbo emit` writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects.errors import ModelError
from relbo_ir.pipelines import Pipeline, level_of, remaining, resolve, run

LEVELS = {"prob": 1, "objective": 2, "estimator": 3, "program": 4}
FORMS = (*LEVELS, "python", "jaxpr", "stablehlo", "tree", "latex", "dot")
_NAMES = {level: name for name, level in LEVELS.items()}


def emit(
    module: ModuleOp, form: str, symbol: str, pipeline: Pipeline = "default", particles: int = 1
) -> str:
    """
    A module of any level in another form, one of `FORMS`; the module itself is left as it is.

    Raises ModelError where the module has left the level that the form needs.
    """
    copy = module.clone()
    if form in LEVELS:
        return str(at_level(copy, LEVELS[form], pipeline, particles))
    if form in _DRAWINGS:
        return _DRAWINGS[form](copy)
    return _PROGRAMS[form](at_level(copy, 4, pipeline, particles), symbol)


def at_level(module: ModuleOp, level: int, pipeline: Pipeline, particles: int) -> ModuleOp:
    """The module, taken to a level by the passes of a pipeline."""
    mine = level_of(module)
    if mine > level:
        raise ModelError(
            f"the program is of level {mine} ({_NAMES[mine]}), past level {level} ({_NAMES[level]})",
            "start from the model, or ask for a later form",
        )
    if mine < level:
        run(module, remaining(module, resolve(pipeline, particles)), until=level)
    return module


def _tree(module: ModuleOp) -> str:
    from relbo_ir.tree import tree

    if level_of(module) == 1:
        run(module, resolve("elbo"))
    return tree(module)


def _latex(module: ModuleOp) -> str:
    from relbo_ir.latex import latex

    if level_of(module) == 1:
        run(module, resolve("elbo"))
    return latex(module)


def _dot(module: ModuleOp) -> str:
    from relbo_ir.graph import dot

    return dot(module)


def _python(module: ModuleOp, symbol: str) -> str:
    from relbo_ir.lowering.executable import program_source

    return program_source(module, symbol)


def _jaxpr(module: ModuleOp, symbol: str) -> str:
    import jax

    from relbo_ir.lowering.executable import executable
    from relbo_ir.lowering.stablehlo import argument_types

    traced: Any = jax.make_jaxpr(executable(module, symbol).plain)
    return str(traced(*argument_types(module, symbol)))


def _stablehlo(module: ModuleOp, symbol: str) -> str:
    from relbo_ir.lowering.executable import executable
    from relbo_ir.lowering.stablehlo import stablehlo_text

    return stablehlo_text(executable(module, symbol), module, symbol)


_DRAWINGS: dict[str, Callable[[ModuleOp], str]] = {"tree": _tree, "latex": _latex, "dot": _dot}
_PROGRAMS: dict[str, Callable[[ModuleOp, str], str]] = {
    "python": _python,
    "jaxpr": _jaxpr,
    "stablehlo": _stablehlo,
}
