"""The values of a program's ops in all outcomes: the deterministic part of the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp as PlainFuncOp
from xdsl.dialects.func import ReturnOp as PlainReturnOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from relbo_ir.dialects import prob
from relbo_ir.dialects.estim import AttachOp, JointOp, ScoreOp
from relbo_ir.dialects.lax import shape_of

from .calls import WrongNumberOfArguments, evaluate_call
from .dual import Dual
from .estimators import attach, joint, score
from .laws import Law, law_of
from .ops import dtype_of, evaluate

Arguments = Mapping[Any, npt.ArrayLike]
"""
Values of a program's arguments: parameters and data by name (a `str`), closed-over arrays by the
name of the function and their index in it (a pair).
"""

Coordinates = dict[str, tuple[slice, tuple[int, ...]]]
Handler = Callable[[Operation], None]


class Machine:
    """The values of one run: deterministic ops are evaluated, all others go to handlers."""

    def __init__(self, module: Operation | None):
        self.values: dict[SSAValue, Dual | Law] = {}
        self._functions: dict[str, Block] = {}
        for op in () if module is None else module.walk():
            if isinstance(op, PlainFuncOp) and op.body.blocks:
                self._functions[op.sym_name.data] = op.body.block

    def number(self, value: SSAValue) -> Dual:
        """The tensor that an SSA value has."""
        found = self.values[value]
        if not isinstance(found, Dual):
            raise TypeError(f"{value.type} is a law, not a tensor")
        return found

    def law(self, value: SSAValue) -> Law:
        """The law that an SSA value has."""
        found = self.values[value]
        if not isinstance(found, Law):
            raise TypeError(f"{value.type} is a tensor, not a law")
        return found

    def run(self, ops: Sequence[Operation], handlers: Mapping[type[Operation], Handler]) -> None:
        """Evaluates ops in order."""
        with np.errstate(all="ignore"):
            for op in ops:
                handler = handlers.get(type(op))
                if handler is not None:
                    handler(op)
                else:
                    self._step(op)

    def _step(self, op: Operation) -> None:
        if isinstance(op, (prob.PlateOp, prob.DeterministicOp)):
            return
        if op.name.startswith("dist."):
            self.values[op.results[0]] = law_of(op, [self.values[x] for x in op.operands])
            return
        if isinstance(op, prob.LogDensityOp):
            density = self.law(op.law).log_density(self.number(op.value))
            self.values[op.result] = density
            return
        operands = [self.number(x) for x in op.operands]
        if isinstance(op, ScoreOp):
            results: list[Dual] = [score(op, operands)]
        elif isinstance(op, JointOp):
            results = [joint(op, operands)]
        elif isinstance(op, AttachOp):
            results = [attach(op, operands)]
        else:
            called = evaluate_call(op, operands, self.call)
            results = evaluate(op, operands) if called is None else called
        for ssa, value in zip(op.results, results, strict=True):
            if value.shape != shape_of(ssa):
                raise ValueError(f"{op.name} gives {value.shape}, but its type is {ssa.type}")
            self.values[ssa] = value

    def call(self, name: str, arguments: Sequence[Dual]) -> list[Dual]:
        """The results of a function of the module."""
        if name not in self._functions:
            raise NotImplementedError(f"the oracle finds no function @{name}")
        block = self._functions[name]
        if len(arguments) != len(block.args):
            raise WrongNumberOfArguments(f"@{name} takes {len(block.args)} arguments")
        self.values.update(zip(block.args, arguments, strict=True))
        *ops, last = block.ops
        self.run(ops, {})
        if not isinstance(last, PlainReturnOp):
            raise NotImplementedError(f"@{name} does not end in func.return")
        return [self.number(x) for x in last.operands]


def plain_argument(arg: BlockArgument, role: object, arguments: Arguments) -> Dual:
    """The value of an argument of a program, by its role."""
    match role:
        case prob.ParameterAttr() | prob.UnconstrainedAttr():
            key: str | tuple[str, int] = role.parameter.data
        case prob.DataAttr():
            key = role.argument.data
        case prob.ClosureAttr():
            key = (role.function.data, role.index.data)
        case _:
            raise NotImplementedError(f"the oracle has no arguments of role {role}")
    if key not in arguments:
        raise KeyError(f"no value is given for the argument {key!r}")
    array = np.asarray(arguments[key]).astype(dtype_of(arg.type))
    if array.shape != shape_of(arg):
        raise ValueError(f"argument {key!r} has shape {array.shape}, not {shape_of(arg)}")
    return Dual(array[np.newaxis])


def differentiated(values: Mapping[str, Dual]) -> tuple[dict[str, Dual], Coordinates]:
    """The values with one coordinate of tangent for each of their elements."""
    coordinates: Coordinates = {}
    start = 0
    for name, x in values.items():
        size = int(np.prod(x.shape, dtype=int))
        coordinates[name] = (slice(start, start + size), x.shape)
        start += size
    moving: dict[str, Dual] = {}
    for name, x in values.items():
        places, shape = coordinates[name]
        tangent = np.zeros((start, places.stop - places.start))
        tangent[places] = np.eye(places.stop - places.start)
        moving[name] = Dual(x.value, tangent.reshape(start, 1, *shape))
    return moving, coordinates


def module_of(op: Operation) -> Operation | None:
    """The module around an op."""
    around: Operation | None = op
    while around is not None and not isinstance(around, ModuleOp):
        around = around.parent_op()
    return around
