"""
From level 4 to Python source: one assignment an op, in public JAX calls.

Names are generated; nothing of the IR's text reaches the source but numbers and escaped strings.
The source needs jax and numpy, not this package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.errors import PassError, UnsupportedError
from relbo_ir.dialects.estim import (
    AllSamplesOp,
    LeaveOneOutOp,
    ReplicateOp,
    ValueAndGradOp,
)
from relbo_ir.dialects.location import source_line
from relbo_ir.dialects.prob import FuncOp as ProbFuncOp
from relbo_ir.dialects.prob import PlateOp, YieldValueOp
from relbo_ir.dialects.prob import ReturnOp as ProbReturnOp
from relbo_ir.lowering import emit_calls, emit_draws, emit_rules
from relbo_ir.lowering.emit_calls import PARTICLES, SAMPLES
from relbo_ir.lowering.emit_rules import Emit, typed_scalar_text
from relbo_ir.lowering.types import struct

_EMIT = {**emit_rules.EMIT, **emit_calls.EMIT, **emit_draws.EMIT}

HEADER = """\
import functools

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from jax import lax, random
"""

_HELPERS = {
    "as_tuple": """
def as_tuple(values):
    return tuple(values) if isinstance(values, (tuple, list)) else (values,)
""",
    "flatten_scan": """
def flatten_scan(result):
    return (*result[0], *result[1])
""",
    **emit_draws.HELPERS,
}


class ModuleEmitter:
    """Emits functions of one module, each once, callees before callers."""

    def __init__(self, module: ModuleOp, overrides: Mapping[type[Operation], Emit] | None = None):
        self.rules: Mapping[type[Operation], Emit] = {**_EMIT, **(overrides or {})}
        self._functions: dict[str, FuncOp] = {
            op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp)
        }
        self._emitted: dict[tuple[str, str], str] = {}
        self.chunks: list[str] = []

    def _new(self, kind: str, symbol: str, prefix: str) -> tuple[str, bool]:
        key = (kind, symbol)
        if key in self._emitted:
            return self._emitted[key], False
        name = f"{prefix}{sum(k == kind for k, _ in self._emitted)}"
        self._emitted[key] = name
        return name, True

    def _lookup(self, symbol: str) -> FuncOp:
        if symbol not in self._functions:
            raise PassError(
                f"the function {symbol!r} is not in the module",
                "keep the functions that loops, branches and custom derivatives refer to",
            )
        return self._functions[symbol]

    def function(self, symbol: str) -> str:
        """The Python name of a function of the module; emits it on first use."""
        name, fresh = self._new("function", symbol, "function_")
        if fresh:
            function = self._lookup(symbol)
            body = FunctionEmitter(self)
            arguments = body.arguments(function.body.block)
            lines = body.block(function.body.block)
            self.chunks.append(_definition(name, arguments, lines))
        return name

    def custom_function(self, op: lax.CustomJvpOp | lax.CustomVjpOp) -> str:
        """The Python name of a function with its own derivative rule."""
        kind = "custom_jvp" if isinstance(op, lax.CustomJvpOp) else "custom_vjp"
        symbol, rule_symbol = op.function.string_value(), op.rule.string_value()
        name, fresh = self._new(kind, f"{symbol} {rule_symbol}", f"{kind}_")
        if not fresh:
            return name
        function = self._lookup(symbol)
        body = FunctionEmitter(self)
        arguments = body.arguments(function.body.block)
        lines = body.block(function.body.block)
        self.chunks.append(f"@jax.{kind}\n" + _definition(name, arguments, lines))
        rule = self.function(rule_symbol)
        types = function.function_type.inputs.data
        floats = [k for k, t in enumerate(types) if jnp.issubdtype(struct(t).dtype, np.floating)]
        count = len(function.function_type.outputs.data)
        self.chunks.append(_RULES[kind](name, rule, floats, len(types), count))
        return name

    def scan_body(self, symbol: str, consts: int, carry: int) -> str:
        """The Python name of a scan's body as (consts, carry, xs) → (carry, ys)."""
        function = self.function(symbol)
        name, fresh = self._new("scan", f"{symbol} {consts} {carry}", "scan_body_")
        if fresh:
            self.helper("as_tuple")
            self.helper("flatten_scan")
            self.chunks.append(
                f"def {name}(consts, carry, xs):\n"
                f"    results = as_tuple({function}(*consts, *carry, *xs))\n"
                f"    return results[:{carry}], results[{carry}:]\n"
            )
        return name

    def closed_jaxpr(self, symbol: str) -> str:
        """An expression for a function of the module as a closed jaxpr."""
        function = self._lookup(symbol)
        structs = [struct(t) for t in function.function_type.inputs.data]
        if any(jnp.issubdtype(s.dtype, jax.dtypes.extended) for s in structs):
            raise UnsupportedError(
                f"the function {symbol!r}, a parameter of a JAX primitive, takes random keys",
                "replace the JAX function that uses the primitive",
            )
        arguments = ", ".join(f"jax.ShapeDtypeStruct({s.shape}, {s.dtype.name!r})" for s in structs)
        return f"jax.make_jaxpr({self.function(symbol)})({arguments})"

    def helper(self, name: str) -> None:
        """Adds a helper function to the source once."""
        _, fresh = self._new("helper", name, name)
        if fresh:
            self.chunks.append(_HELPERS[name].lstrip("\n"))

    def primitive(self, op: lax.BindOp) -> str:
        """The public expression of a primitive."""
        from relbo_ir.lowering.import_jaxpr import public_primitives

        attribute = public_primitives().get(op.primitive.data)
        if attribute is None:
            raise UnsupportedError(
                f"the JAX primitive {op.primitive.data!r} has no public name",
                "replace the JAX function that uses it",
                line=source_line(op),
            )
        self._new("import", "primitives", "primitives")
        return f"primitives.{attribute}"

    def source(self, main: str) -> str:
        """The whole source: header, the functions that `main` needs, and `main`."""
        header = HEADER
        if ("import", "primitives") in self._emitted:
            header += "from jax.extend.core import primitives\n"
        return "\n\n".join([header, *self.chunks, main])


def _definition(name: str, arguments: Sequence[str], lines: Sequence[str]) -> str:
    return f"def {name}({', '.join(arguments)}):\n" + "".join(f"    {line}\n" for line in lines)


def _jvp_rule(name: str, rule: str, floats: Sequence[int], inputs: int, outputs: int) -> str:
    dots = ", ".join(f"tangents[{k}]" for k in floats)
    given = f"*primals, {dots}" if dots else "*primals"
    values = (
        "results[0], results[1]" if outputs == 1 else f"results[:{outputs}], results[{outputs}:]"
    )
    return (
        f"@{name}.defjvp\ndef {name}_rule(primals, tangents):\n"
        f"    results = {rule}({given})\n    return {values}\n"
    )


def _vjp_rule(name: str, rule: str, floats: Sequence[int], inputs: int, outputs: int) -> str:
    cotangents = "cotangents" if outputs == 1 else "*cotangents"
    slots = ["None"] * inputs
    for place, k in enumerate(floats):
        slots[k] = "pulled" if len(floats) == 1 else f"pulled[{place}]"
    return (
        f"def {name}_forward(*args):\n    return {name}(*args), args\n\n\n"
        f"def {name}_backward(args, cotangents):\n"
        f"    pulled = {rule}(*args, {cotangents})\n    return ({', '.join(slots)},)\n\n\n"
        f"{name}.defvjp({name}_forward, {name}_backward)\n"
    )


_RULES = {"custom_jvp": _jvp_rule, "custom_vjp": _vjp_rule}


class FunctionEmitter:
    """Emits one function body; nested regions become nested functions that see its names."""

    def __init__(self, module: ModuleEmitter, outer: FunctionEmitter | None = None):
        self.module = module
        self._outer = outer
        self._names: dict[SSAValue, str] = {} if outer is None else outer._names
        self._count: list[int] = [0] if outer is None else outer._count
        self._lines: list[str] = []

    def fresh(self, value: SSAValue, prefix: str = "v") -> str:
        """A new name for a value."""
        self._names[value] = name = f"{prefix}{self._count[0]}"
        self._count[0] += 1
        return name

    def set_name(self, value: SSAValue, name: str) -> None:
        """Gives a value a name that the caller knows to be free."""
        self._names[value] = name

    def name(self, value: SSAValue) -> str:
        """The expression of a value that was emitted before."""
        if value in self._names:
            return self._names[value]
        owner = value.owner
        if isinstance(owner, lax.ConstantOp):
            return _EMIT[lax.ConstantOp](self, owner)
        raise PassError("a value is used before it is defined", "run the scope check on this IR")

    def arguments(self, block: Block) -> list[str]:
        """Names for the block's arguments."""
        return [self.fresh(argument, "a") for argument in block.args]

    def list_of(self, values: Sequence[SSAValue]) -> str:
        """A Python list of values."""
        return "[" + ", ".join(self.name(v) for v in values) + "]"

    def mixed_operands(self, operands: Sequence[SSAValue]) -> list[str]:
        """
        Operands of an elementwise op: a splat constant is a number where another operand fixes
        the shape.
        """
        fixed = [v for v in operands if not isinstance(v.owner, lax.ConstantOp)]
        names: list[str] = []
        for value in operands:
            owner = value.owner
            if fixed and fixed[0].type == value.type and isinstance(owner, lax.ConstantOp):
                splat = owner.value.splat
                if splat is not None and not owner.value.text.startswith("0x"):
                    names.append(typed_scalar_text(owner, splat))
                    continue
            names.append(self.name(value))
        return names

    def unpack(self, op: Operation, call: str) -> str:
        """A call whose results are bound one by one: a tuple where there is more than one."""
        if len(op.results) == 1:
            return call
        self.module.helper("as_tuple")
        return f"as_tuple({call})"

    def comment(self, text: str) -> None:
        """A comment line; the text must be escaped already."""
        self._lines.append(f"# {text}")

    def block(self, block: Block) -> list[str]:
        """The statements of a block, its terminator as `return`."""
        for op in block.ops:
            self._operation(op)
        return self._lines

    def _operation(self, op: Operation) -> None:
        match op:
            case PlateOp():
                return
            case lax.ConstantOp() if op.value.splat is not None:
                return
            case YieldValueOp() if len(op.operands) > 1 and isinstance(
                op.parent_op(), ValueAndGradOp
            ):
                value, *besides = (self.name(v) for v in op.operands)
                self._lines.append(f"return {value}, ({', '.join(besides)},)")
            case ReturnOp() | ProbReturnOp() | YieldValueOp():
                self._lines.append("return " + ", ".join(self.name(v) for v in op.operands))
            case ValueAndGradOp():
                self._value_and_grad(op)
            case ReplicateOp():
                self._replicate(op)
            case _:
                self._assign(op)

    def _assign(self, op: Operation) -> None:
        rule = self.module.rules.get(type(op))
        if rule is None:
            raise PassError.at(
                op,
                f"{op.name} cannot be emitted: it is not an op of level 4",
                "run the lowering passes first (the default pipeline ends in level 4)",
            )
        expression = rule(self, op)
        if not op.results:
            return
        names = [self.fresh(result) for result in op.results]
        always_tuple = (lax.SortOp, lax.BindOp, lax.ScanOp, lax.WhileOp, lax.SplitOp, lax.UnstackOp)
        target = ", ".join(names) + (
            "," if isinstance(op, always_tuple) and len(names) == 1 else ""
        )
        self._lines.append(f"{target} = {expression}")

    def _nested(self, name: str, block: Block) -> None:
        inner = FunctionEmitter(self.module, self)
        arguments = [inner.fresh(argument, "a") for argument in block.args]
        lines = inner.block(block)
        self._lines.extend(_definition(name, arguments, lines).rstrip("\n").split("\n"))

    def _value_and_grad(self, op: ValueAndGradOp) -> None:
        name = f"surrogate_{self._count[0]}"
        self._nested(name, op.body.block)
        value = self.fresh(op.value, "value")
        arguments = ", ".join(self.name(v) for v in op.operand_values)
        gradients = [self.fresh(g, "d") for g in op.gradients]
        besides = [self.fresh(a) for a in op.auxiliary]
        options = f"argnums={tuple(range(len(gradients)))}"
        if besides:
            value, options = f"({value}, ({', '.join(besides)},))", f"{options}, has_aux=True"
        if not gradients:
            self._lines.append(f"{value} = {name}()")
            return
        call = f"jax.value_and_grad({name}, {options})({arguments})"
        self._lines.append(f"{value}, ({', '.join(gradients)},) = {call}")

    def _replicate(self, op: ReplicateOp) -> None:
        name = f"particle_{self._count[0]}"
        self._nested(name, op.body.block)
        names = [self.fresh(mean) for mean in op.means]
        size = op.size.value.data
        kinds = {type(inner) for inner in op.body.block.ops}
        name_of = {LeaveOneOutOp: PARTICLES, AllSamplesOp: SAMPLES}
        axes = [axis for kind, axis in name_of.items() if kind in kinds]
        axis = f", axis_name={axes[0]!r}" if axes else ""
        target = ", ".join(names)
        self._lines.append(
            f"{target} = jax.vmap({name}{axis})(jnp.arange({size}, dtype=jnp.int32))"
        )
        for result in names:
            self._lines.append(f"{result} = jnp.mean({result}, 0)")


def emit_function(
    module: ModuleOp, symbol: str, overrides: Mapping[type[Operation], Emit] | None = None
) -> str:
    """
    Source of one function of the module under the name `main`; its arguments are positional.
    `overrides` replaces the expressions of op classes.

    Raises `PassError` for an op that is not of level 4.
    """
    emitter = ModuleEmitter(module, overrides)
    for op in module.ops:
        name = op.properties.get("sym_name")
        if (
            isinstance(op, (FuncOp, ProbFuncOp))
            and isinstance(name, StringAttr)
            and name.data == symbol
        ):
            body = FunctionEmitter(emitter)
            block = op.body.block
            arguments = body.arguments(block)
            return emitter.source(_definition("main", arguments, body.block(block)))
    raise PassError(f"the module has no function {symbol!r}", "name one of its functions")
