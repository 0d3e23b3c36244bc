"""From emitted source to callable functions; compiled code is shared by IR text and precision."""

from __future__ import annotations

import itertools
import linecache
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.ir import Attribute

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.lowering.emit import emit_function
from relbo_ir.lowering.types import struct
from relbo_ir.passes.report import NAMES

_CACHE: OrderedDict[tuple[str, bool], Executable] = OrderedDict()
_CACHE_SIZE = 64
_PROGRAMS = itertools.count()


@dataclass(frozen=True)
class Executable:
    """A level-4 function: its source, and the functions that the source defines."""

    source: str
    run: Callable[..., Any]
    """(params, key, data) → (value, gradients by name), or the named results; jitted."""
    run_value: Callable[..., Any]
    """(params, key, data) → the first result alone; jitted."""
    run_values: Callable[..., Any]
    """(params, key, data, n) → the first result for each of n keys split off this one; jitted."""
    plain: Callable[..., Any]
    """As `run`, for use inside another jit."""
    step: Callable[..., Any]
    """(params, key, data, state) → (value, gradients by name, state), for use inside a jit."""
    run_step: Callable[..., Any]
    """As `step`; jitted."""
    initial_state: Callable[[], dict[str, Any]]
    """What the first step takes as its state; empty where nothing is handed on."""
    data_roles: tuple[Attribute, ...]
    """The roles that the entries of `data` fill, in order."""


def executable(module: ModuleOp, symbol: str = "elbo") -> Executable:
    """
    Compiles a level-4 function of a module. Modules of equal text share their compiled code, so
    closed-over arrays are arguments, never constants of it.
    """
    key = (f"{symbol}\n{module}", bool(jax.config.read("jax_enable_x64")))
    if key in _CACHE:
        _CACHE.move_to_end(key)
        return _CACHE[key]
    source = program_source(module, symbol)
    namespace = load(source)
    plain, step = namespace["run"], namespace.get("step", _stateless(namespace["run"]))
    initial = namespace.get("initial_state", dict)

    def value(params: Any, key: Any, data: Any) -> Any:
        return plain(params, key, data)[0]

    def values(params: Any, key: Any, data: Any, n: int) -> Any:
        keys = jax.random.split(key, n)
        # One after the other: XLA takes three times as long to compile batches, and runs alike.
        return jax.lax.map(lambda key: value(params, key, data), keys)

    made = Executable(
        source=source,
        run=jax.jit(plain),
        run_value=jax.jit(value),
        run_values=jax.jit(values, static_argnums=3),
        plain=plain,
        step=step,
        run_step=jax.jit(step),
        initial_state=initial,
        data_roles=tuple(data_roles(find_function(module, symbol))),
    )
    _CACHE[key] = made
    while len(_CACHE) > _CACHE_SIZE:
        _CACHE.popitem(last=False)
    return made


def _stateless(run: Callable[..., Any]) -> Callable[..., Any]:
    def step(params: Any, key: Any, data: Any, state: Any) -> Any:
        return *run(params, key, data), state

    return step


def load(source: str) -> dict[str, Any]:
    """Runs emitted source; tracebacks show its lines."""
    filename = f"<relbo-ir program {next(_PROGRAMS)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": "relbo_ir_program"}
    exec(compile(source, filename, "exec"), namespace)
    return namespace


def find_function(module: ModuleOp, symbol: str) -> prob.FuncOp:
    """The `prob.func` of that name."""
    for op in module.ops:
        if isinstance(op, prob.FuncOp) and op.sym_name.data == symbol:
            return op
    raise PassError(f"the module has no function @{symbol}", "name one of its functions")


def data_roles(function: prob.FuncOp) -> list[Attribute]:
    """The roles that the entries of `data` fill, in order."""
    return [r for r in function.roles if isinstance(r, (prob.DataAttr, prob.ClosureAttr))]


def program_source(module: ModuleOp, symbol: str) -> str:
    """The whole source: the program, and `run(params, key, data)` around it."""
    function = find_function(module, symbol)
    arguments: list[str] = []
    parameters: list[str] = []
    states: dict[str, Attribute] = {}
    position = 0
    for argument, role in zip(function.body.block.args, function.roles, strict=True):
        match role:
            case prob.UnconstrainedAttr() | prob.ParameterAttr():
                parameters.append(role.parameter.data)
                arguments.append(f"params[{role.parameter.data!a}]")
            case prob.DataAttr() | prob.ClosureAttr():
                arguments.append(f"data[{position}]")
                position += 1
            case prob.StateAttr():
                states[role.state.data] = argument.type
                arguments.append(f"state[{role.state.data!a}]")
            case prob.SeedAttr():
                arguments.append("key")
            case _:
                raise PassError(
                    f"@{symbol} takes an argument of role {role}, which a program cannot supply",
                    "call the emitted main function with it",
                )
    call = f"main({', '.join(arguments)})"
    names = function.attributes.get(NAMES)
    if isinstance(names, ArrayAttr):
        labels = [n.data for n in names if isinstance(n, prob.NameAttr)]
        body = _named_results(call, labels)
    else:
        body = _value_and_gradients(call, parameters)
    if states:
        return emit_function(module, symbol) + _with_state(call, parameters, states)
    return emit_function(module, symbol) + f"\n\ndef run(params, key, data):\n{body}"


def _with_state(call: str, parameters: Sequence[str], states: Mapping[str, Attribute]) -> str:
    """The functions of a program that hands something on from step to step."""
    zeros = ", ".join(
        f"{name!a}: jnp.zeros({s.shape}, jnp.{s.dtype})"
        for name, type_ in states.items()
        for s in (struct(type_),)
    )
    count = len(parameters)
    slopes = ", ".join(f"{name!a}: results[{1 + k}]" for k, name in enumerate(parameters))
    new = ", ".join(f"{name!a}: results[{1 + count + k}]" for k, name in enumerate(states))
    return (
        f"\n\ndef initial_state():\n    return {{{zeros}}}\n"
        f"\n\ndef step(params, key, data, state):\n    results = {call}\n"
        f"    return results[0], {{{slopes}}}, {{{new}}}\n"
        "\n\ndef run(params, key, data):\n"
        "    value, gradients, _ = step(params, key, data, initial_state())\n"
        "    return value, gradients\n"
    )


def _value_and_gradients(call: str, parameters: Sequence[str]) -> str:
    if not parameters:
        return f"    return {call}, {{}}\n"
    entries = ", ".join(f"{name!a}: gradients[{k}]" for k, name in enumerate(parameters))
    return f"    value, *gradients = {call}\n    return value, {{{entries}}}\n"


def _named_results(call: str, names: Sequence[str]) -> str:
    if not names:
        return "    return {}\n"
    if len(names) == 1:
        return f"    return {{{names[0]!a}: {call}}}\n"
    entries = ", ".join(f"{name!a}: results[{k}]" for k, name in enumerate(names))
    return f"    results = {call}\n    return {{{entries}}}\n"
