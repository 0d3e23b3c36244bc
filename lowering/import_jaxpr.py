"""From a jaxpr to `lax` ops: one equation after the other, nested `jit` inlined."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.core
import numpy as np
from jax.extend import core, source_info_util
from jax.extend.core import primitives
from xdsl.builder import Builder
from xdsl.dialects.builtin import FileLineColLoc, LocationAttr, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import lax
from relbo_ir.dialects.errors import UnsupportedError
from relbo_ir.dialects.location import source_location
from relbo_ir.lowering import (
    import_composed,
    import_control,
    import_indexing,
    import_rules,
    import_spectral,
    import_windows,
)
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.parameters import CannotHold, encode
from relbo_ir.lowering.types import ir_type, literal, struct

Handler = Callable[["Importer", Any, list[SSAValue]], Sequence[SSAValue]]
_SUMMARY = re.compile(r"^(?P<file>.*?):(?P<line>\d+)(?::\d+)? ")
_RULES = {
    **import_rules.RULES,
    **import_indexing.RULES,
    **import_windows.RULES,
    **import_spectral.RULES,
    **import_control.RULES,
    **import_composed.RULES,
}
INLINED = {"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"}


@functools.cache
def public_primitives() -> Mapping[str, str]:
    """The attribute of `jax.extend.core.primitives` that holds the primitive of each name."""
    names = [n for n in dir(primitives) if n.endswith("_p")]
    return {getattr(primitives, n).name: n for n in names}


@functools.cache
def _short(filename: str) -> str:
    relative = os.path.relpath(filename)
    return os.path.basename(filename) if relative.startswith("..") else relative


def equation_location(equation: Any) -> LocationAttr | None:
    """The user's source line of an equation, as an IR location."""
    match = _SUMMARY.match(source_info_util.summarize(equation.source_info))
    if match is None:
        return None
    return source_location(_short(match["file"]), int(match["line"]))


class Importer:
    """
    Writes the equations of jaxprs as ops at an insertion point.

    `handlers` takes primitives that are not tensor math (the tracer's sites) by name; inside the
    body of a loop or a branch there are no handlers, and such a primitive is an error there.
    """

    def __init__(
        self,
        functions: Functions,
        where: InsertPoint,
        handlers: Mapping[str, Handler] | None = None,
        inside: str | None = None,
    ):
        self.functions = functions
        self.builder = Builder(where)
        self.handlers: Mapping[str, Handler] = {} if handlers is None else handlers
        self.inside = inside
        self._caller: LocationAttr | None = None

    def insert(self, op: Operation, location: LocationAttr | None = None) -> Operation:
        """
        Inserts an op with the location of the equation that it comes from; where that has none, as
        in the body of a library's function, with its caller's.
        """
        location = location or self._caller
        if location is not None:
            op.location = location
        self.builder.insert(op)
        return op

    def run(self, closed: core.ClosedJaxpr, operands: Sequence[SSAValue]) -> list[SSAValue]:
        """Imports a closed jaxpr applied to the operands; its constants become `lax.constant`."""
        constants = [self.constant(value) for value in closed.consts]
        return self.inline(closed.jaxpr, constants, operands)

    def constant(self, value: Any) -> SSAValue:
        """A constant array of the program."""
        if isinstance(value, jax.core.Tracer):
            raise UnsupportedError(
                "a traced array is closed over by a function that is imported",
                "pass the array as an argument",
            )
        if np.iscomplexobj(value):
            parts = [self.constant(part) for part in (np.real(value), np.imag(value))]
            return self.insert(lax.ComplexOp(*parts)).results[0]
        return self.insert(lax.ConstantOp(literal(value))).results[0]

    def inline(
        self, jaxpr: core.Jaxpr, constants: Sequence[SSAValue], operands: Sequence[SSAValue]
    ) -> list[SSAValue]:
        """Imports a jaxpr with a fresh environment (JAX shares jaxprs between equations)."""
        env: dict[Any, SSAValue] = {}
        for var, value in zip(jaxpr.constvars, constants, strict=True):
            env[var] = value
        for var, value in zip(jaxpr.invars, operands, strict=True):
            env[var] = value

        def read(atom: Any) -> SSAValue:
            return self.constant_of(atom) if isinstance(atom, core.Literal) else env[atom]

        for equation in jaxpr.eqns:
            if _is_zero_tangent(equation):
                continue
            results = self.equation(equation, [read(atom) for atom in equation.invars])
            for var, value in zip(equation.outvars, results, strict=True):
                env[var] = value
        return [read(atom) for atom in jaxpr.outvars]

    def constant_of(self, atom: Any) -> SSAValue:
        """A literal of an equation, with the type that the equation gives it."""
        return self.constant(np.asarray(atom.val, dtype=atom.aval.dtype))

    def equation(self, equation: Any, operands: list[SSAValue]) -> Sequence[SSAValue]:
        """Imports one equation; an error about it names its source line."""
        try:
            return self._equation(equation, operands)
        except UnsupportedError as error:
            if error.line is not None or error.site is not None:
                raise
            cause = f"{error.cause} (in the JAX primitive {equation.primitive.name})"
            raise UnsupportedError(cause, error.remedy, line=line_of(equation)) from error

    def _equation(self, equation: Any, operands: list[SSAValue]) -> Sequence[SSAValue]:
        name: str = equation.primitive.name
        location = equation_location(equation)
        if name in self.handlers:
            return self.handlers[name](self, equation, operands)
        if name.startswith("relbo_"):
            raise self.misplaced(equation)
        if name in INLINED:
            caller, self._caller = self._caller, location or self._caller
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            closed = isinstance(inner, core.ClosedJaxpr)
            constants = [self.constant(c) for c in inner.consts] if closed else []
            results = self.inline(inner.jaxpr if closed else inner, constants, operands)
            self._caller = caller
            return results
        rule = _RULES.get(name)
        if rule is not None and import_rules.takes(equation, operands):
            caller, self._caller = self._caller, location or self._caller
            built = rule(self, equation, operands)
            self._caller = caller
            if isinstance(built, Operation):
                return self.insert(built, location).results
            if built is not None:
                return built
        return self.insert(self.bind(equation, operands), location).results

    def misplaced(self, equation: Any) -> UnsupportedError:
        """The error for a site where the compiler cannot see it as a choice of the program."""
        site = str(equation.params["name"])
        where = self.inside or "a transformed function"
        return UnsupportedError(
            f"a choice inside {where} is not supported",
            "write the loop over sites as a plate, or as a Python loop with a site name each; "
            "move the site out of the branch",
            site=site,
            line=equation.params.get("line"),
        )

    def bind(
        self, equation: Any, operands: list[SSAValue], without: Sequence[str] = ()
    ) -> Operation:
        """The equation as `lax.bind`, without the parameters that its name stands for."""
        name = equation.primitive.name
        encoded: dict[str, Attribute] = {}
        for key, value in equation.params.items():
            if key in without:
                continue
            try:
                encoded[key] = encode(value, lambda jaxpr: self.function(jaxpr, name))
            except CannotHold as error:
                raise UnsupportedError(
                    f"the JAX primitive {name} cannot be held in IR: {key} is {error}",
                    "replace the JAX function that uses it",
                    line=line_of(equation),
                ) from error
        types = [ir_type(var.aval) for var in equation.outvars]
        return lax.BindOp(name, operands, encoded, types)

    def function(self, closed: core.ClosedJaxpr, what: str) -> str:
        """Stores a jaxpr as a function of the module; gives its symbol."""
        return self.functions.add(self.function_op(closed, what), what.replace("-", "_"))

    def function_op(self, closed: core.ClosedJaxpr, what: str) -> FuncOp:
        """The jaxpr as a `func.func` that stands in no module yet."""
        inputs = [ir_type(var.aval) for var in closed.jaxpr.invars]
        block = Block(arg_types=inputs)
        inner = Importer(self.functions, InsertPoint.at_end(block), inside=what)
        results = inner.run(closed, block.args)
        outputs = [result.type for result in results]
        inner.insert(ReturnOp(*results))
        return FuncOp("_", (inputs, outputs), Region(block))


def _is_zero_tangent(equation: Any) -> bool:
    """Whether it makes the tangent of an integer, which holds nothing and which nothing reads."""
    dtypes = [getattr(var.aval, "dtype", None) for var in equation.outvars]
    return bool(dtypes) and all(dtype == jax.dtypes.float0 for dtype in dtypes)


def line_of(equation: Any) -> str | None:
    """`file.py:12` of an equation, where JAX knows it."""
    location = equation_location(equation)
    if not isinstance(location, FileLineColLoc):
        return None
    return f"{location.filename.data}:{location.line.data}"


def inline_function(
    function: Callable[..., Any],
    operands: Sequence[SSAValue],
    functions: Functions,
    where: InsertPoint,
) -> list[SSAValue]:
    """
    Traces a JAX function at the operands' types and writes its ops at the insertion point; gives
    its flat results.
    """
    closed = jax.make_jaxpr(function)(*[struct(operand.type) for operand in operands])
    return Importer(functions, where).run(closed, operands)


def tensor_rank(value: SSAValue) -> int:
    """The rank of a tensor value; 0 for a key."""
    return len(value.type.get_shape()) if isinstance(value.type, TensorType) else 0
