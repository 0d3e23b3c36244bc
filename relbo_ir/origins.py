"""Where an objective comes from: a model and a guide in Python, or IR text with arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, SSAValue

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import ModelError
from relbo_ir.lowering import constraints
from relbo_ir.lowering.autoguides import (
    MEAN_FIELD,
    auto_guide,
    is_auto_guide,
    prepare_auto_guide,
)
from relbo_ir.lowering.executable import Executable
from relbo_ir.lowering.export import Slot
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.trace import (
    Call,
    Traced,
    lacks_guides,
    split_call,
    trace_elbo,
    trace_function,
)
from relbo_ir.lowering.types import struct
from relbo_ir.tables import as_arrays

if TYPE_CHECKING:
    from relbo_ir.objective import ELBO


def check_data(names: Sequence[str], leaves: Sequence[Any]) -> None:
    """Refuses NaN in data, and arrays of what is no number."""
    for name, leaf in zip(names, leaves, strict=True):
        if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            raise ModelError(
                f'the data "{name}" is a typed random key',
                "pass jax.random.key_data of it, which the functions of jax.random take, too",
            )
        if not isinstance(leaf, jax.Array) and leaf.dtype.kind not in "biufc":
            raise ModelError(
                f'the data "{name}" is an array of {leaf.dtype}',
                "pass numbers; pass text and objects as Python values, which are static",
            )
        if isinstance(leaf, Tracer) or not np.issubdtype(leaf.dtype, np.floating):
            continue
        bad = np.argwhere(np.isnan(np.asarray(leaf)))
        if len(bad):
            where = tuple(int(k) for k in bad[0])
            raise ModelError(
                f'the data "{name}" has {len(bad)} NaN, the first at index {where}',
                "remove or impute the missing values before they are passed",
            )


@dataclass(frozen=True)
class Model:
    """A level-1 module of one model, and the arrays that it reads."""

    module: ModuleOp
    function: str
    symbol: str
    data: Mapping[str, Any]
    constants: Mapping[tuple[str, int], Any]
    initial: Callable[[jax.Array], Mapping[str, Any]]
    """key → the initial values of the model's own parameters."""

    def arrays(self, roles: Sequence[Attribute]) -> tuple[jax.Array, ...]:
        """The arrays that fill these roles, in order."""
        found: list[Any] = []
        for role in roles:
            if isinstance(role, prob.DataAttr):
                found.append(self.data[role.argument.data])
            elif isinstance(role, prob.ClosureAttr):
                found.append(self.constants[role.function.data, role.index.data])
        return tuple(jnp.asarray(value) for value in found)


class Origin(ABC):
    """What of a program stays outside of its IR."""

    data: Mapping[str, Any]
    """The arrays of the arguments, by name."""
    constants: Mapping[tuple[str, int], Any]
    """The arrays that a function closed over, by function and number."""
    symbol: str = "elbo"
    """The objective's name in the IR."""
    lines: Mapping[str, str]
    """The source line of each parameter's declaration, where there is one."""

    @abstractmethod
    def named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arrays of a call with other arguments, by name."""

    def arrays(self, given: Mapping[str, Any], roles: Sequence[Attribute]) -> tuple[jax.Array, ...]:
        """
        The arrays that fill these roles, in order, from data by name. Raises ModelError where one
        is missing, or is of another shape or type than the data that were compiled for.
        """
        arrays: list[jax.Array] = []
        for role in roles:
            if isinstance(role, prob.ClosureAttr):
                arrays.append(jnp.asarray(self.constants[role.function.data, role.index.data]))
            if not isinstance(role, prob.DataAttr):
                continue
            name = role.argument.data
            if name not in given:
                raise ModelError(
                    f'the data "{name}" is missing', "pass the arguments that `compile` had"
                )
            array, expected = jnp.asarray(given[name]), jnp.asarray(self.data[name])
            if array.shape != expected.shape or array.dtype != expected.dtype:
                raise ModelError(
                    f'the data "{name}" is {array.dtype}{list(array.shape)}, compiled for '
                    f"{expected.dtype}{list(expected.shape)}",
                    "compile the ELBO again for data of another shape or type",
                )
            arrays.append(array)
        return tuple(arrays)

    @abstractmethod
    def model(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Model:
        """The model on other arguments, which may be of other shapes."""

    @abstractmethod
    def initial(self, key: jax.Array) -> Mapping[str, Any]:
        """The parameters' initial values, in their own spaces, by name."""


class FromPython(Origin):
    """A model and a guide that were traced on arguments."""

    def __init__(self, elbo: ELBO, args: tuple[Any, ...], kwargs: Mapping[str, Any]):
        self.elbo = elbo
        self.args, self.kwargs = as_arrays(args), as_arrays(dict(kwargs))
        self.call = self._split(self.args, self.kwargs)
        self._guide = elbo.guide
        self.module, self._traced = self._trace(jax.random.key(0))
        if self._guide is None and lacks_guides(self.module):
            self._guide = auto_guide(MEAN_FIELD, elbo.model)
            self.module, self._traced = self._trace(jax.random.key(0))
        self.data = dict(zip(self.call.names, self.call.leaves, strict=True))
        self.lines = {n: p.line for t in self._traced for n, p in t.parameters.items()}
        self.constants = {
            (t.function, k): value for t in self._traced for k, value in enumerate(t.constants)
        }

    def _trace(self, key: jax.Array) -> tuple[ModuleOp, list[Traced]]:
        guide = self._guide
        if is_auto_guide(guide):
            guide = prepare_auto_guide(guide, key, self.args, self.kwargs)
        return trace_elbo(self.elbo.model, guide, self.call)

    def _split(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        call = split_call(self.elbo.model, args, kwargs)
        check_data(call.names, call.leaves)
        return call

    def named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        call = self._split(as_arrays(args), as_arrays(dict(kwargs)))
        return dict(zip(call.names, call.leaves, strict=True))

    def model(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Model:
        given = (args, kwargs) if args or kwargs else (self.args, self.kwargs)
        return traced_model(self.elbo, *given)

    def initial(self, key: jax.Array) -> Mapping[str, Any]:
        values: dict[str, Any] = {}
        for traced in self._retraced(key):
            values.update(traced.initial(key, self.call.leaves))
        return values

    def _retraced(self, key: jax.Array) -> list[Traced]:
        """The traced functions; an automatic guide is set up anew, from this key."""
        return self._trace(key)[1] if is_auto_guide(self._guide) else self._traced


def traced_model(elbo: ELBO, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Model:
    """The model of an ELBO, traced on these arguments without its guide."""
    call = split_call(elbo.model, as_arrays(args), as_arrays(dict(kwargs)))
    check_data(call.names, call.leaves)
    module = ModuleOp([])
    traced = trace_function("model", elbo.model, call, Functions(module))
    module.body.block.add_op(prob.ElboOp("elbo", "model", None))
    constants = {("model", k): value for k, value in enumerate(traced.constants)}
    data = dict(zip(call.names, call.leaves, strict=True))
    return Model(
        module, "model", "elbo", data, constants, lambda key: traced.initial(key, call.leaves)
    )


class FromText(Origin):
    """
    A module of IR with the arrays of its arguments, by name; a closed-over array's name is
    `FUNCTION.arrayNUMBER`. Every parameter starts from the image of 0.
    """

    def __init__(self, module: ModuleOp, data: Mapping[str, Any]):
        self._module, self.lines = module, {}
        self.symbol = symbol_of(module)
        self._starts: dict[str, tuple[tuple[int, ...], Any, prob.ConstraintAttr]] = {}
        types: dict[str, jax.ShapeDtypeStruct] = {}
        closed: dict[tuple[str, int], str] = {}
        for argument, role in _arguments(module):
            type_ = struct(argument.type)
            match role:
                case prob.DataAttr():
                    types[role.argument.data] = type_
                case prob.ClosureAttr():
                    key = (role.function.data, role.index.data)
                    closed[key] = closure_name(*key)
                    types[closed[key]] = type_
                case prob.ParameterAttr() | prob.UnconstrainedAttr():
                    shape, constraint = type_.shape, role.constraint
                    if isinstance(role, prob.ParameterAttr):
                        shape = constraints.unconstrained_shape(constraint, shape)
                    self._starts[role.parameter.data] = (shape, type_.dtype, constraint)
                case _:
                    pass
        self._types, self._closed = types, set(closed.values())
        arrays = self._fitting(data)
        self.data = {n: array for n, array in arrays.items() if n not in self._closed}
        self.constants = {key: arrays[name] for key, name in closed.items()}

    def _fitting(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The arrays, at the types of the program's arguments."""
        missing = [name for name in self._types if name not in data]
        unknown = [name for name in data if name not in self._types]
        if missing or unknown:
            raise ModelError(
                "the data are not the program's"
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; unknown: {', '.join(unknown)}" if unknown else ""),
                f"pass an array for each of: {', '.join(self._types) or 'none'}",
            )
        arrays = {name: np.asarray(data[name]) for name in self._types}
        check_data(list(arrays), list(arrays.values()))
        return {name: _cast(name, array, self._types[name]) for name, array in arrays.items()}

    def named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        if args:
            raise ModelError(
                "a program that was read from a file takes its data by name",
                f"pass {', '.join(f'{name}=...' for name in self.data) or 'nothing'}",
            )
        return self._fitting({**{n: self.constants[k] for k, n in self._names()}, **kwargs})

    def model(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Model:
        data = self.named(args, kwargs) if args or kwargs else self.data
        asked = [op for op in self._module.ops if isinstance(op, prob.ElboOp)]
        if not asked:
            raise ModelError(
                "the file holds an objective, not its model, so nothing can be predicted",
                "fit the program of level 1: relbo emit --to prob",
            )
        function = asked[0].model.string_value()
        return Model(self._module, function, self.symbol, data, self.constants, self.initial)

    def _names(self) -> list[tuple[tuple[str, int], str]]:
        return [(key, closure_name(*key)) for key in self.constants]

    def initial(self, key: jax.Array) -> Mapping[str, Any]:
        return {
            name: constraints.bijection(constraint)(jnp.zeros(shape, dtype))
            for name, (shape, dtype, constraint) in self._starts.items()
        }


def _arguments(module: ModuleOp) -> Iterator[tuple[SSAValue, Attribute]]:
    for function in module.ops:
        if isinstance(function, prob.FuncOp):
            yield from zip(function.body.block.args, function.roles, strict=True)


def _cast(name: str, array: np.ndarray[Any, Any], type_: jax.ShapeDtypeStruct) -> Any:
    """An array at the type of an argument; ModelError where that would change its numbers."""
    with np.errstate(all="ignore"):
        cast = array.astype(type_.dtype)
    exact = np.array_equal(cast, array) or (array.dtype.kind == "f" == cast.dtype.kind)
    if array.shape != type_.shape or not exact:
        raise ModelError(
            f'the data "{name}" is {array.dtype}{list(array.shape)}, the program takes '
            f"{type_.dtype}{list(type_.shape)}",
            "pass an array of that shape whose numbers the type can hold",
        )
    return cast


def symbol_of(module: ModuleOp) -> str:
    """The name of the one objective that a module asks for or holds; ModelError for another count."""
    asked = [op.sym_name.data for op in module.ops if isinstance(op, prob.ElboOp)]
    held = [op.sym_name.data for op in module.ops if isinstance(op, prob.FuncOp)]
    names = asked or held
    if len(names) != 1:
        raise ModelError(
            f"the module holds {len(names)} objectives ({', '.join(names) or 'none'})",
            "leave one prob.elbo, or one prob.func that returns a value and its gradients",
        )
    return names[0]


def closure_name(function: str, index: int) -> str:
    """The name under which a closed-over array is written beside IR text."""
    return f"{function}.array{index}"


def slots_of(program: Executable, arrays: Sequence[jax.Array]) -> list[Slot]:
    """What a program reads, as an artifact names it: data, and closed-over arrays."""
    slots: list[Slot] = []
    for role, array in zip(program.data_roles, arrays, strict=True):
        type_ = jax.ShapeDtypeStruct(array.shape, array.dtype)
        if isinstance(role, prob.DataAttr):
            slots.append(Slot(role.argument.data, type_, closed=False))
        elif isinstance(role, prob.ClosureAttr):
            name = closure_name(role.function.data, role.index.data)
            slots.append(Slot(name, type_, closed=True))
    return slots
