"""What a random expression may read: parameters, data, closed-over arrays, earlier draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from xdsl.dialects.builtin import IntAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Region, SSAValue

from relbo_ir.dialects import prob
from relbo_ir.dialects.prob import NameAttr

from .build import Body, Shape, floats, integers

Choice = TypeVar("Choice")

LISTED = (
    "bernoulli",
    "categorical",
    "normal",
    "finite_and_normal",
    "affine",
    "polynomial",
    "plate",
    "stack",
    "index",
    "data_indexed",
    "scan",
    "branch",
    "shared_parameter",
    "mask",
    "scale",
    "accumulation",
    "chain",
)
"""What a run of many programs has to have in enough of them."""

FEATURES = (
    *LISTED,
    "vector",
    "chain_prior",
    "independent",
    "expand",
    "auxiliary",
    "dependent_guide",
    "dependent_model",
    "reordered",
    "select",
    "lookup",
    "product",
    "nonlinear",
    "mixes_elements",
    "causal",
    "reduced",
    "factor",
    "guide_factor",
    "observed",
    "closure",
    "data_in_law",
    "deterministic",
    "log_normal",
    "bernoulli_probs",
    "bernoulli_logits",
    "unicode_name",
)
"""What a program may contain; `Program.features` says of each whether it does."""


@dataclass(frozen=True)
class Drawn:
    """A draw that later expressions may read, with its degree as a polynomial in the noise."""

    value: SSAValue
    kind: str
    shape: Shape
    degree: int
    categories: int = 2


@dataclass
class Shared:
    """What the functions of one program have in common."""

    plate_size: int
    parameters: dict[str, tuple[str, Shape]] = field(default_factory=dict[str, "tuple[str, Shape]"])
    data: dict[str, Attribute] = field(default_factory=dict[str, Attribute])
    arguments: dict[str | tuple[str, int], npt.NDArray[np.float64]] = field(
        default_factory=dict[str | tuple[str, int], npt.NDArray[np.float64]]
    )
    users: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    features: set[str] = field(default_factory=set[str])
    functions: list[FuncOp] = field(default_factory=list[FuncOp])

    def mark(self, feature: str) -> None:
        """Notes that the program has a feature."""
        if feature not in FEATURES:
            raise KeyError(feature)
        self.features.add(feature)


# Values of parameters: first + step·k for k = 0 … 7. None is a round number, none gives ties.
_GRIDS = {"real": (-0.83, 0.29), "positive": (0.37, 0.21), "unit_interval": (0.13, 0.103)}
MOST_PARAMETERS = 6


class Scope:
    """A function of a random program while it is written."""

    def __init__(self, draw: st.DrawFn, name: str, shared: Shared):
        self.draw, self.name, self.shared = draw, name, shared
        self.body = Body()
        self.draws: list[Drawn] = []
        self._roles: list[Attribute] = []
        self._arguments: dict[str | tuple[str, int], SSAValue] = {}

    def pick(self, count: int) -> int:
        """A number below `count`; smaller ones are simpler."""
        return self.draw(st.integers(0, count - 1))

    def choose(self, options: Sequence[Choice]) -> Choice:
        """One of the options; the first is the simplest, and an option may stand there twice."""
        return options[self.pick(len(options))]

    def chance(self, one_in: int) -> bool:
        """True about once in so many times; False is simpler."""
        return self.pick(one_in) == one_in - 1

    def grid(self, constraint: str) -> float:
        first, step = _GRIDS[constraint]
        return first + step * self.pick(8)

    def parameter(self, constraint: str, shape: Shape) -> SSAValue:
        """A parameter of that constraint and shape: one there is, or a new one."""
        fitting = [n for n, kind in self.shared.parameters.items() if kind == (constraint, shape)]
        full = len(self.shared.parameters) >= MOST_PARAMETERS
        choice = self.pick(len(fitting) + (0 if full and fitting else 1))
        if choice < len(fitting):
            name = fitting[-1 - choice]
        else:
            name = f"p{len(self.shared.parameters)}"
            self.shared.parameters[name] = (constraint, shape)
            self.shared.arguments[name] = self._values(constraint, shape)
        if name not in self._arguments:
            role = prob.ParameterAttr(NameAttr(name), prob.ConstraintAttr(constraint))
            self._arguments[name] = self._argument(floats(shape), role)
        users = self.shared.users.setdefault(name, set())
        users.add(self.name)
        if len(users) > 1:
            self.shared.mark("shared_parameter")
        return self._arguments[name]

    def _values(self, constraint: str, shape: Shape) -> npt.NDArray[np.float64]:
        size = int(np.prod(shape, dtype=int))
        return np.array([self.grid(constraint) for _ in range(size)]).reshape(shape)

    def _argument(self, type_: Attribute, role: Attribute) -> SSAValue:
        self._roles.append(role)
        return self.body.block.insert_arg(type_, len(self.body.block.args))

    def data(self, kind: str, shape: Shape, floating: bool = True) -> SSAValue:
        """A data argument of its own: `real`, `positive`, `unit_interval`, or a count below one."""
        name = f"d{len(self.shared.data)}"
        type_ = floats(shape) if floating else integers(shape)
        self.shared.data[name] = type_
        if kind.startswith("below"):
            size, limit = int(np.prod(shape, dtype=int)), int(kind.removeprefix("below"))
            values = np.array([float(self.pick(limit)) for _ in range(size)]).reshape(shape)
        else:
            values = self._values(kind, shape)
        self.shared.arguments[name] = values
        return self._argument(type_, prob.DataAttr(NameAttr(name)))

    def closure(self, shape: Shape) -> SSAValue:
        """An array that the function closes over."""
        taken = [role for role in self._roles if isinstance(role, prob.ClosureAttr)]
        role = prob.ClosureAttr(NameAttr(self.name), IntAttr(len(taken)))
        self.shared.arguments[(self.name, len(taken))] = self._values("real", shape)
        self.shared.mark("closure")
        return self._argument(floats(shape), role)

    def function(self) -> prob.FuncOp:
        """The finished function."""
        self.body.block.add_op(prob.ReturnOp())
        return prob.FuncOp(self.name, Region(self.body.block), self._roles)
