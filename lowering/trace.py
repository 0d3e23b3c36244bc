"""From Python to level 1: a model and a guide as `prob.func`s."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend import core
from xdsl.dialects.builtin import IntAttr, LocationAttr, ModuleOp
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import ModelError
from relbo_ir.dialects.location import source_location
from relbo_ir.lowering import sites
from relbo_ir.lowering.flatten_sites import flatten_sites
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.import_draws import import_draws
from relbo_ir.lowering.import_jaxpr import Handler, Importer
from relbo_ir.lowering.known_arrays import write_known_arrays
from relbo_ir.lowering.laws import build_law
from relbo_ir.lowering.numpyro_protocol import CONCRETIZATION, SiteTracer, run_under
from relbo_ir.lowering.plates import check_plates, minibatches_of_the_guide_alone, unfollowed
from relbo_ir.lowering.traced_equations import (
    check_complete,
    initial_values,
    without_inits,
    without_unused_parts,
)
from relbo_ir.lowering.types import ir_type
from relbo_ir.passes.analyses.plates import PlatesOfFactors

# A function that the user jits is cached with the sites, plates and lines of its first trace: under
# a number of its own every trace meets it anew.
_trace_number = jax.make_user_context(None)
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Call:
    """Arguments of a model: which leaves are data, their names, and everything else static."""

    names: tuple[str, ...]
    leaves: tuple[Any, ...]
    rebuild: Callable[[Sequence[Any]], tuple[tuple[Any, ...], dict[str, Any]]]


def split_call(function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Call:
    """Splits a call into arrays (data, named by argument and path) and static values."""
    tree = (tuple(args), dict(kwargs))
    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    is_data = [isinstance(leaf, (np.ndarray, np.generic, jax.Array)) for _, leaf in paths]
    parameters = _parameter_names(function, len(args))
    names = tuple(
        _leaf_name(path, parameters) for (path, _), d in zip(paths, is_data, strict=True) if d
    )
    leaves = tuple(leaf for (_, leaf), d in zip(paths, is_data, strict=True) if d)

    def rebuild(arrays: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = iter(arrays)
        full = [next(given) if d else leaf for (_, leaf), d in zip(paths, is_data, strict=True)]
        return jax.tree.unflatten(structure, full)

    return Call(names, leaves, rebuild)


def _parameter_names(function: Callable[..., Any], count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [names[k] if k < len(names) else f"args[{k}]" for k in range(count)]


def _leaf_name(path: Any, parameters: list[str]) -> str:
    kind, *rest = path
    if kind.idx == 0:
        return parameters[rest[0].idx] + jax.tree_util.keystr(tuple(rest[1:]))
    return str(rest[0].key) + jax.tree_util.keystr(tuple(rest[1:]))


@dataclass(frozen=True)
class Traced:
    """What of a traced function stays outside of the IR."""

    function: str
    constants: list[Any]
    initial: Callable[[jax.Array, Sequence[Any]], dict[str, Any]]
    """(key, data leaves) → initial values of the parameters, constrained, by name."""
    parameters: dict[str, Declared]
    """What each parameter was declared as, by name."""
    factors: PlatesOfFactors
    """The plates of every factor, with their negative axes."""


@dataclass(frozen=True)
class Declared:
    """A parameter's declaration, and where it stands."""

    type: Attribute
    constraint: Attribute
    line: str


def trace_function(
    name: str,
    function: Callable[..., Any],
    call: Call,
    functions: Functions,
    followed: Mapping[str, tuple[int, int]] | None = None,
) -> Traced:
    """
    Traces a model or a guide to a `prob.func @name`, appended to the module of `functions`.
    `followed` has the sizes of minibatches that plates without one follow, by name.

    Raises ModelError for a Python branch on a traced value, doubled sites and shapes that do not
    fit; UnsupportedError for what the compiler cannot hold.
    """

    _check_arguments(name, function, call)
    closed, modules = _sites_of(name, function, call, followed)
    if modules:
        initial = initial_values(closed)

        def start(key: Any, leaves: Sequence[Any]) -> dict[str, Any]:
            values = initial(key, leaves)
            return {n: jax.tree.map(values.__getitem__, tree) for n, tree in modules.items()}

        closed, _ = _sites_of(name, function, call, followed, start)
    closed = without_unused_parts(closed)
    block, roles = Block(), list[Attribute]()
    writer = _Writer(block, roles, name, functions)
    writer.import_all(closed, call)
    op = prob.FuncOp(name, Region(block), roles)
    functions.module.body.block.add_op(op)
    initial = initial_values(closed)
    return Traced(name, list(closed.consts), initial, writer.parameters, writer.factors)


def _sites_of(
    name: str,
    function: Callable[..., Any],
    call: Call,
    followed: Mapping[str, tuple[int, int]] | None,
    start: Callable[[Any, Sequence[Any]], dict[str, Any]] | None = None,
) -> tuple[core.ClosedJaxpr, dict[str, Any]]:
    """The function as equations with its sites in one list, and the modules that it waits for."""
    lines: dict[str, str] = {}
    modules: dict[str, Any] = {}

    def run(key: Any, *leaves: Any) -> None:
        initial = None if start is None else start(key, leaves)
        tracer = SiteTracer(key, is_guide=name == "guide", initial=initial, followed=followed)
        args, kwargs = call.rebuild(leaves)
        run_under(tracer, function, args, kwargs)
        lines.update(tracer.lines)
        modules.update(tracer.modules)

    key = jax.eval_shape(lambda: jax.random.key(0))
    try:
        with _trace_number(next(_NUMBERS)):
            closed = flatten_sites(jax.make_jaxpr(run)(key, *call.leaves))
    except CONCRETIZATION as error:
        raise ModelError(
            "the model needs the value of an array or of a choice while it is traced "
            f"({type(error).__name__})",
            "use jnp.where or lax.select instead of a Python `if` on traced values; pass what "
            "decides structure as a Python value, not as an array",
            line=sites.origin_of(error).line,
        ) from error
    check_complete(closed, lines)
    return closed, modules


def _check_arguments(name: str, function: Callable[..., Any], call: Call) -> None:
    """Refuses a call that the function's signature does not take."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    args, kwargs = call.rebuild(call.leaves)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        code = getattr(function, "__code__", None)
        raise ModelError(
            f"the {name} does not take these arguments: {error}",
            "pass what model and guide both take; a guide takes the model's arguments",
            line=sites.spoken_line(code.co_filename, code.co_firstlineno) if code else None,
        ) from error


class _Writer:
    """Writes one traced function: its arguments as they are met, and its sites."""

    def __init__(self, block: Block, roles: list[Attribute], name: str, functions: Functions):
        self.block, self.roles, self.name = block, roles, name
        self.functions = functions
        self.plates: dict[str, tuple[int, int]] = {}
        self.parameters: dict[str, Declared] = {}
        self.factors: dict[prob.FactorOp, dict[str, int]] = {}

    def argument(self, type_: Attribute, role: Attribute) -> SSAValue:
        """A new argument of the function."""
        self.roles.append(role)
        return self.block.insert_arg(type_, len(self.block.args))

    def import_all(self, closed: core.ClosedJaxpr, call: Call) -> None:
        """Imports the whole jaxpr; argument 0 is the key of initial values and has no use."""
        handlers: dict[str, Handler] = {
            "relbo_sample": self.sample,
            "relbo_observe": self.observe,
            "relbo_factor": self.factor,
            "relbo_deterministic": self.deterministic,
            "relbo_param": self.param,
            "relbo_subsample": self.subsample,
            "relbo_scan": import_draws,
        }
        importer = Importer(self.functions, InsertPoint.at_end(self.block), handlers)
        key, *invars = closed.jaxpr.invars
        data = [
            self.argument(ir_type(var.aval), prob.DataAttr(prob.NameAttr(name)))
            for var, name in zip(invars, call.names, strict=True)
        ]
        constants = [
            self.argument(ir_type(var.aval), self._closure(k))
            for k, var in enumerate(closed.jaxpr.constvars)
        ]
        keep = without_inits(closed.jaxpr, key)
        importer.inline(keep, constants, data)
        importer.insert(prob.ReturnOp())
        write_known_arrays(self.block, self.roles, closed.consts)

    def _closure(self, index: int) -> Attribute:
        return prob.ClosureAttr(prob.NameAttr(self.name), IntAttr(index))

    def sample(self, importer: Importer, equation: Any, values: list[SSAValue]) -> list[SSAValue]:
        """A choice, with its guide in place where it has one."""
        params = equation.params
        location = _location(params["line"])
        count = params["prior_count"]
        drawn = values.pop() if params["drawn"] else None
        scale = values.pop() if params["scaled"] else None
        law = build_law(params["prior"], iter(values[:count]), importer)
        guide = None
        if params["guide"] is not None:
            guide = build_law(params["guide"], iter(values[count:]), importer)
        op = prob.SampleOp(
            params["name"],
            law,
            guide=guide,
            scale=scale,
            drawn=drawn,
            plates=self._plates(params["plates"], params),
            auxiliary=params["auxiliary"],
        )
        importer.insert(op, location)
        wanted = ir_type(equation.outvars[0].aval)
        if op.value.type != wanted:
            raise ModelError(
                f"the draw has type {wanted}, its law {law.type}",
                "use one precision for all parameters of the distribution",
                site=params["name"],
                line=params["line"],
            )
        return [op.value]

    def _plates(self, plates: Sequence[tuple[str, int, int, int]], site: Mapping[str, Any]) -> Any:
        for name, _, count, size in plates:
            self._declare(name, count, size, site["line"])
        return prob.plates_attr([(name, dim) for name, dim, _, _ in plates])

    def _declare(self, name: str, count: int, size: int, line: str) -> None:
        """Declares a plate at the start of the function, once."""
        if name in self.plates:
            return  # of this size: the tracer has checked it
        self.plates[name] = (count, size)
        plate = prob.PlateOp(name, size, None if count == size else count)
        plate.location = _location(line)
        first = self.block.first_op
        if first is None:
            self.block.add_op(plate)
        else:
            self.block.insert_op_before(plate, first)

    def subsample(
        self, importer: Importer, equation: Any, values: list[SSAValue]
    ) -> list[SSAValue]:
        """The minibatch of a plate."""
        params = equation.params
        self._declare(params["name"], params["count"], params["size"], params["line"])
        op = prob.SubsampleOp(params["name"], params["count"])
        importer.insert(op, _location(params["line"]))
        return [op.result]

    def observe(self, importer: Importer, equation: Any, values: list[SSAValue]) -> list[SSAValue]:
        """An observation."""
        params = equation.params
        scale = values.pop() if params["scaled"] else None
        law = build_law(params["law"], iter(values[:-1]), importer)
        plates = self._plates(params["plates"], params)
        op = prob.ObserveOp(params["name"], law, values[-1], plates, scale)
        importer.insert(op, _location(params["line"]))
        return []

    def factor(self, importer: Importer, equation: Any, values: list[SSAValue]) -> list[SSAValue]:
        """A factor."""
        op = prob.FactorOp(equation.params["name"], values[0])
        self.factors[op] = {name: axis for name, axis, *_ in equation.params["plates"]}
        importer.insert(op, _location(equation.params["line"]))
        return []

    def deterministic(
        self, importer: Importer, equation: Any, values: list[SSAValue]
    ) -> list[SSAValue]:
        """A named value."""
        op = prob.DeterministicOp(equation.params["name"], values[0])
        importer.insert(op, _location(equation.params["line"]))
        return []

    def param(self, importer: Importer, equation: Any, values: list[SSAValue]) -> list[SSAValue]:
        """A parameter: an argument of the function."""
        params = equation.params
        type_ = ir_type(equation.outvars[0].aval)
        self.parameters[params["name"]] = Declared(type_, params["constraint"], params["line"])
        role = prob.ParameterAttr(prob.NameAttr(params["name"]), params["constraint"])
        return [self.argument(type_, role)]


def _location(line: str) -> LocationAttr:
    filename, _, number = line.rpartition(":")
    return source_location(filename, int(number))


def lacks_guides(module: ModuleOp) -> bool:
    """Whether a module's one function has choices, and none of them a guide in place."""
    choices = [op for op in module.walk() if isinstance(op, prob.SampleOp)]
    return bool(choices) and all(choice.guide is None for choice in choices)


def trace_elbo(
    model: Callable[..., Any], guide: Callable[..., Any] | None, call: Call
) -> tuple[ModuleOp, list[Traced]]:
    """
    The level-1 module of a model and a guide (or of one function that is both). A plate of which
    the guide alone draws a minibatch follows it in the model, as it does where NumPyro replays it.
    """
    module, traced = _traced_pair(model, guide, call, {})
    followed = minibatches_of_the_guide_alone(module)
    if followed:
        try:
            module, traced = _traced_pair(model, guide, call, followed)
        except (TypeError, ValueError) as error:
            if (spoken := unfollowed(followed, error)) is None:
                raise
            raise spoken from error
    module.body.block.add_op(prob.ElboOp("elbo", "model", None if guide is None else "guide"))
    check_plates(module, {op: plates for t in traced for op, plates in t.factors.items()})
    return module, traced


def _traced_pair(
    model: Callable[..., Any],
    guide: Callable[..., Any] | None,
    call: Call,
    followed: Mapping[str, tuple[int, int]],
) -> tuple[ModuleOp, list[Traced]]:
    module = ModuleOp([])
    functions = Functions(module)
    traced = [trace_function("model", model, call, functions, followed)]
    if guide is not None:
        traced.append(trace_function("guide", guide, call, functions))
        _check_shared(*traced)
    return module, traced


def _check_shared(model: Traced, guide: Traced) -> None:
    """Refuses a parameter that model and guide declare differently."""
    for name, mine in guide.parameters.items():
        theirs = model.parameters.get(name)
        if theirs is None or (theirs.type, theirs.constraint) == (mine.type, mine.constraint):
            continue
        raise ModelError(
            f'parameter "{name}" is {mine.type} with {mine.constraint} in the guide, and '
            f"{theirs.type} with {theirs.constraint} in the model ({theirs.line})",
            "declare a parameter that both share alike, or give each its own name",
            site=name,
            line=mine.line,
        )
