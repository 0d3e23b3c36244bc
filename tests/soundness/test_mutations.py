"""
Unsound variants of rules and passes, planted one at a time: the programs here catch each of them.

Every program is a vector of six coins through one function, or a small model of its own; its
exact gradient comes from the untouched objective, and the mutant's from the estimator's meaning.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.texts import COIN, objective_module
from helpers.vector_functions import EXACT, SUPERSET
from oracle import interpret_objective
from oracle.objectives import find_function
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

import relbo_ir
from relbo_ir.dialects import dist, estim, lax, prob
from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.passes import (
    baseline,
    drop_zero_score,
    rao_blackwellize,
    score_function,
    split_addends,
    upstreams,
)
from relbo_ir.passes.analyses.dependence import table
from relbo_ir.passes.analyses.dependence.facts import Along, Dependence
from relbo_ir.passes.analyses.dependence.table import NOTHING, Facts
from relbo_ir.pipelines import resolve, run

SIZE = 6
UNSUPPORTED = ("sort", "scan", "scatter", "fft", "argmax", "computed index", "dynamic slice")
"""Functions whose primitives the oracle does not evaluate, or that are not smooth in a coin."""
STEPS = (
    "relbo-split-addends",
    "relbo-score-function",
    "relbo-rao-blackwellize",
    "relbo-drop-zero-score",
    'relbo-baseline{kind="leave-one-out"}',
)


@dataclass(frozen=True)
class Program:
    """An objective, values for its arguments, and its exact gradient."""

    module: ModuleOp
    arguments: Mapping[Any, Any]
    gradient: Mapping[str, Any]
    steps: tuple[str, ...] = STEPS

    def holds(self) -> bool:
        """Whether the estimator that the passes make of it has the exact gradient as its mean."""
        module = self.module.clone()
        run(module, resolve(self.steps))
        found = interpret_objective(find_function(module, "elbo"), self.arguments).gradient()
        return all(np.allclose(found[n], g, 1e-9, 1e-9) for n, g in self.gradient.items())


def program(model: Callable[..., None], guide: Callable[..., None], *data: Any) -> Program:
    """The program of a model and a guide."""
    with jax.enable_x64(True):
        module, traced = trace_elbo(model, guide, split_call(model, data, {}))
        run(module, resolve("objective"))
    arguments: dict[Any, Any] = {
        (t.function, k): c for t in traced for k, c in enumerate(t.constants)
    }
    function = find_function(module, "elbo")
    given = iter(data)
    for argument, role in zip(function.body.block.args, function.roles, strict=True):
        if isinstance(role, prob.UnconstrainedAttr):
            shape = lax.shape_of(argument)
            arguments[role.parameter.data] = np.linspace(-0.6, 0.5, int(np.prod(shape))).reshape(
                shape
            )
        elif isinstance(role, prob.DataAttr):
            arguments[role.argument.data] = next(given)
    return Program(module, arguments, interpret_objective(function, arguments).gradient())


def _of(function: Callable[[Any], Any]) -> Program:
    def model() -> None:
        z = relbo_ir.sample("z", nd.Bernoulli(jnp.full(SIZE, 0.4)).to_event(1))
        value = function(0.3 + 1.7 * z + 0.1 * jnp.arange(SIZE))
        weights = 1.0 + jnp.arange(value.size).reshape(value.shape)
        relbo_ir.factor("f", jnp.sum(weights * value**2))

    return program(model, _coins)


def _coins() -> None:
    logits = relbo_ir.param("phi", jnp.zeros(SIZE))
    relbo_ir.sample("z", nd.Bernoulli(logits=logits).to_event(1))


def _chain() -> Program:
    """Each coin's law reads the one before it, in model and guide; costs are named apart."""

    def model() -> None:
        w = relbo_ir.sample("w", nd.Bernoulli(0.3))
        y = relbo_ir.sample("y", nd.Bernoulli(0.2 + 0.5 * w))
        x = relbo_ir.sample("x", nd.Bernoulli(0.7 - 0.4 * y))
        relbo_ir.factor("f", 3.0 * x)
        relbo_ir.factor("g", -2.0 * y * w)
        relbo_ir.factor("h", 2.0 * (x - 3.0 * y) / 5.0)

    def guide() -> None:
        a = relbo_ir.param("a", jnp.zeros(3))
        w = relbo_ir.sample("w", nd.Bernoulli(logits=a[0]))
        y = relbo_ir.sample("y", nd.Bernoulli(logits=a[1] + w))
        relbo_ir.sample("x", nd.Bernoulli(logits=a[2] - 2.0 * y))

    return program(model, guide)


def _groups() -> Program:
    """Rows read the coin of their group; a plate of coins is scored row by row."""

    def model(group: jax.Array) -> None:
        with relbo_ir.plate("groups", 3):
            z = relbo_ir.sample("z", nd.Bernoulli(0.4))
        relbo_ir.factor("f", jnp.sum(jnp.arange(1.0, 5.0) * z[group] ** 2))
        relbo_ir.factor("g", jnp.mean(z) - 3.0 * jnp.dot(jnp.arange(3.0), z * 1.0))

    def guide(group: jax.Array) -> None:
        logits = relbo_ir.param("phi", jnp.zeros(3))
        with relbo_ir.plate("groups", 3):
            relbo_ir.sample("z", nd.Bernoulli(logits=logits))

    return program(model, guide, np.array([0, 2, 2, 1], np.int32))


def _spread() -> Program:
    """Scalars side by side: stacked, concatenated, repeated, and a scalar cost of them all."""

    def model() -> None:
        z = [relbo_ir.sample(f"z{k}", nd.Bernoulli(0.3 + 0.1 * k)) for k in range(4)]
        relbo_ir.factor("f", jnp.arange(1.0, 5.0) * jnp.stack(z) ** 2)
        relbo_ir.factor("g", -(jnp.concatenate([jnp.ones(2) * z[0], jnp.ones(1) * z[3]])) / 2.0)
        relbo_ir.factor("s", jnp.stack([2.0 * z[0], 3.0 * z[3]]))
        relbo_ir.factor("h", jnp.broadcast_to(1.0 * z[1] * z[2], (2, 3)))

    def guide() -> None:
        a = relbo_ir.param("a", jnp.zeros(4))
        for k in range(4):
            relbo_ir.sample(f"z{k}", nd.Bernoulli(logits=a[k]))

    return program(model, guide)


def _text(body: str, *steps: str) -> Program:
    """An objective of two coins in IR text."""
    coins = f"""
      %qa = dist.bernoulli_logits %a_ : (tensor<f64>) -> {COIN}
      %za = prob.sample "a" from %qa : {COIN}
      %x = lax.convert %za : (tensor<i32>) -> tensor<f64>
      %qb = dist.bernoulli_logits %b_ : (tensor<f64>) -> {COIN}
      %zb = prob.sample "b" from %qb : {COIN}
      %y = lax.convert %zb : (tensor<i32>) -> tensor<f64>
      %la = prob.log_density %qa at %za : {COIN}, tensor<i32> -> tensor<f64>
      %lb = prob.log_density %qa at %zb : {COIN}, tensor<i32> -> tensor<f64>
    """
    module = objective_module({"a": "real", "b": "real"}, coins + body)
    arguments = {"a": 0.4, "b": -0.7}
    exact = interpret_objective(find_function(module, "elbo"), arguments).gradient()
    return Program(module, arguments, exact, steps or STEPS)


def _hierarchy() -> Program:
    """Laws that read another choice: expanded, as one event, by category, and through a lookup."""

    def model(y: jax.Array) -> None:
        w = relbo_ir.sample("w", nd.Bernoulli(0.3))
        with relbo_ir.plate("three", 3):
            z = relbo_ir.sample("z", nd.Bernoulli(0.6))
        v = relbo_ir.sample("v", nd.Bernoulli(jnp.full(2, 0.5)).to_event(1))
        with relbo_ir.plate("rows", 2):
            e = relbo_ir.sample("e", nd.Bernoulli(jnp.full(2, 0.3)).to_event(1))
        c = relbo_ir.sample("c", nd.CategoricalProbs(jnp.full(3, 1.0 / 3.0)))
        relbo_ir.observe("y", nd.Normal(jnp.sum(z) - w, 2.0), y[0])
        relbo_ir.factor("f", 2.0 * z)
        relbo_ir.factor("g", 3.0 * v)
        relbo_ir.factor("h", 1.5 * (c == 2))
        relbo_ir.factor("m", jnp.arange(1.0, 5.0).reshape(2, 2) * e)
        relbo_ir.factor("k", jax.lax.dynamic_slice(1.0 * z, (w,), (2,)))

    def guide(y: jax.Array) -> None:
        a = relbo_ir.param("a", jnp.zeros(4))
        w = relbo_ir.sample("w", nd.Bernoulli(logits=a[0]))
        with relbo_ir.plate("three", 3):
            z = relbo_ir.sample("z", nd.Bernoulli(logits=a[1] + 2.0 * w))
        v = relbo_ir.sample("v", nd.Bernoulli(logits=a[2] - w + jnp.arange(2.0)).to_event(1))
        with relbo_ir.plate("rows", 2):
            relbo_ir.sample("e", nd.Bernoulli(logits=a[1] + 1.5 * v[::-1]).to_event(1))
        relbo_ir.sample("c", nd.CategoricalLogits(a[3] * jnp.arange(3.0) + 1.5 * z))

    return program(model, guide, np.array([1.3]))


WEIGHTED = """
  %f = lax.mul %x, %la : tensor<f64>
  %g = lax.mul %y, %la : tensor<f64>
  %h = lax.neg %lb : tensor<f64>
  prob.yield "f" %f, "g" %g, "h" %h : tensor<f64>, tensor<f64>, tensor<f64>
"""
"""A score with a coefficient that reads its draw, one without, and a density of another law."""

SEEN = """
  prob.deterministic "seen" %x : tensor<f64>
  %f = lax.mul %x, %y : tensor<f64>
  prob.yield "f" %f : tensor<f64>
"""
FUNCTION = 'relbo-baseline{kind="function" value="seen"'


@functools.cache
def programs() -> dict[str, Program]:
    """All programs, by name."""
    functions = {n: f for n, f in (EXACT | SUPERSET).items() if n not in UNSUPPORTED}
    hierarchy = _hierarchy()
    one_by_one = ("relbo-score-function{sites=w,c,e}", *STEPS[1:3])
    own = {
        "chain": _chain(),
        "groups": _groups(),
        "spread": _spread(),
        "hierarchy": hierarchy,
        "hierarchy, score of a score": replace(hierarchy, steps=one_by_one),
        "score of a score": _text(
            SEEN,
            "relbo-score-function{sites=a}",
            "relbo-score-function{sites=b}",
            "relbo-rao-blackwellize",
        ),
        "weighted scores": _text(WEIGHTED),
        "baseline of b": _text(SEEN, *STEPS[:4], FUNCTION + " sites=b}"),
    }
    return own | {name: _of(function) for name, function in functions.items()}


def caught() -> bool:
    """Whether a program shows that something is wrong, by its gradient or by an error."""
    for each in programs().values():
        try:
            if not each.holds():
                return True
        except (ValueError, TypeError, AttributeError, VerifyException, relbo_ir.RelboError):
            return True
    return False


def test_the_programs_hold() -> None:
    wrong = [name for name, each in programs().items() if not each.holds()]
    assert not wrong


# Rules of the dependence analysis.

ABSENT = (
    lax.SortOp,
    lax.ArgumentOp,
    lax.ClampOp,
    dist.TransformedOp,
    dist.MaskOp,
    estim.AntitheticOp,
    estim.AttachOp,
)
"""Ops that no program here has; other tests compare their rules with perturbed inputs."""
RULES = sorted(
    (cls for cls in table.RULES if not issubclass(cls, ABSENT)), key=lambda cls: cls.__name__
)


def _independent(op: Operation, facts: list[Facts]) -> list[Facts]:
    return [NOTHING for _ in op.results]


def _pointwise(op: Operation, facts: list[Facts]) -> list[Facts]:
    """Every element reads its own index, along the first axis of that length, or index 0."""
    joined: dict[prob.SampleOp, Dependence] = {}
    for fact in facts:
        joined.update(fact)
    return [{c: _claimed(d, table.shape_of_draw(r)) for c, d in joined.items()} for r in op.results]


def _claimed(d: Dependence, shape: tuple[int, ...]) -> Dependence:
    along: list[Along] = []
    for a in d.along:
        own = np.arange(a.size)
        axis = shape.index(a.size) if a.size in shape else None
        along.append(Along.alike(a.size, 0, 0) if axis is None else Along(a.size, axis, own, own))
    return Dependence(shape, tuple((0, n) for n in shape), tuple(along), d.mixer)


MIXING = [
    cls
    for cls in RULES
    if not issubclass(cls, (lax.ElementwiseOp, lax.ConvertOp, lax.IntegerPowOp, dist.IndependentOp))
]
"""Rules whose results do not read their operands pointwise anyway."""


@pytest.mark.parametrize("cls", RULES, ids=lambda cls: cls.__name__)
def test_a_rule_that_says_independent_is_caught(
    cls: type[Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(table.RULES, cls, _independent)
    assert caught()


@pytest.mark.parametrize("cls", MIXING, ids=lambda cls: cls.__name__)
def test_a_rule_that_says_pointwise_is_caught(
    cls: type[Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(table.RULES, cls, _pointwise)
    assert caught()


# Passes.

Mutant = Callable[[pytest.MonkeyPatch], None]


def _wrapped(owner: Any, name: str, change: Callable[[Callable[..., Any]], Any]) -> Mutant:
    """Replaces a function by what `change` makes of it."""
    return lambda patch: patch.setattr(owner, name, change(getattr(owner, name)))


def _scaled(original: Any) -> Any:
    return lambda w, choice: original(w, choice) * 2.0


def _shifted_windows(original: Any) -> Any:
    def mutant(w: Any, u: Any, axis: int, along: Along) -> Any:
        return original(w, u, axis, Along(along.size, along.axis, along.low + 1, along.high))

    return mutant


def _without_last_upstream(original: Any) -> Any:
    def mutant(expectation: prob.ExpectationOp, treated: Any) -> None:
        original(expectation, treated)
        for score in [s for s in expectation.body.block.ops if isinstance(s, estim.ScoreOp)]:
            kept, maps = list(score.upstream)[:-1], score.axis_maps[:-1]
            new = estim.ScoreOp(score.cost, kept, maps)
            expectation.body.block.insert_op_before(new, score)
            score.result.replace_all_uses_with(new.result)

    return mutant


def _own_draws_alone(original: Any) -> Any:
    def mutant(self: Any, op: Operation, facts: list[Facts]) -> Any:
        if isinstance(op, prob.SampleOp):
            return original(self, op, [NOTHING for _ in facts])
        return original(self, op, facts)

    return mutant


def _split_of(cls: type[Operation], change: Callable[[list[SSAValue], Any], Any]) -> Any:
    """A mutant of the splitter at one kind of op."""

    def make(original: Any) -> Any:
        def mutant(self: Any, value: SSAValue) -> Any:
            pieces = original(self, value)
            if isinstance(value.owner, cls) and pieces is not None:
                return change(pieces, value.owner)
            return pieces

        return mutant

    return make


def _any_density(original: Any) -> Any:
    def mutant(self: Any, op: prob.LogDensityOp, factors: Any) -> Any:
        w = drop_zero_score.Writer(drop_zero_score.InsertPoint.after(op))
        return w.stop_gradient(w.expression(op.result)).value

    return mutant


SPLITTER = split_addends._Splitter  # pyright: ignore[reportPrivateUsage]
PASS_MUTANTS: dict[str, Mutant] = {
    "an upstream is scaled": _wrapped(rao_blackwellize, "element_density", _scaled),
    "running sums run the other way": _wrapped(
        upstreams,
        "_running",
        lambda f: lambda w, u, axis, reverse: f(w, u, axis, reverse=not reverse),
    ),
    "windows begin too late": _wrapped(upstreams, "_windows", _shifted_windows),
    "elements are taken from one place further": _wrapped(
        upstreams, "_taken", lambda f: lambda w, u, axis, source: f(w, u, axis, np.roll(source, 1))
    ),
    "data indices are read as the first row": _wrapped(
        upstreams,
        "_gathered",
        lambda f: (
            lambda w, u, axis, index, count, mode: f(
                w, u, axis, w.insert(lax.ConstantOp.splat(index.type, 0)), count, mode
            )
        ),
    ),
    "a slice is too short": _wrapped(
        upstreams,
        "_cut",
        lambda f: lambda w, x, axis, start, stop: f(w, x, axis, start, max(start + 1, stop - 1)),
    ),
    "padding is on the other side": _wrapped(
        upstreams, "_padded", lambda f: lambda w, x, axis, low, high: f(w, x, axis, high, low)
    ),
    "whatever is read is pruned": lambda patch: patch.setattr(
        Dependence, "is_empty", property(lambda self: True)
    ),
    "an ancestor is pruned: laws are not followed": _wrapped(
        rao_blackwellize.DependenceOf, "rule", _own_draws_alone
    ),
    "a join keeps one side": lambda patch: patch.setattr(
        Dependence, "join", lambda self, other: self
    ),
    "a reduction keeps its first element": lambda patch: patch.setattr(
        Along,
        "hull",
        property(lambda self: Along.alike(self.size, int(self.low.min()), int(self.low.min()))),
    ),
    "the elements outside of a box move": _wrapped(
        Dependence, "take", lambda f: lambda self, axis, source: f(self, axis, source[::-1])
    ),
    "a reshape is a broadcast of the first element": lambda patch: patch.setattr(
        Dependence, "reshape", lambda self, shape: _claimed(self, tuple(shape))
    ),
    "an upstream is forgotten": _wrapped(score_function, "_score", _without_last_upstream),
    "a sign is lost": lambda patch: patch.setattr(
        SPLITTER, "_scaled", lambda self, values, factor: values
    ),
    "a factor is lost": lambda patch: patch.setattr(
        SPLITTER, "_times", lambda self, factor, value, short: self.pieces(value)
    ),
    "a quotient is a product": _wrapped(
        SPLITTER,
        "_times",
        lambda f: lambda self, factor, value, short: f(self, factor, value, "mul"),
    ),
    "a term of a concatenation is lost": _wrapped(
        SPLITTER, "_split", _split_of(lax.ConcatenateOp, lambda pieces, op: pieces[:1])
    ),
    "a term of a stack is lost": _wrapped(
        SPLITTER, "_split", _split_of(lax.StackOp, lambda pieces, op: pieces[1:])
    ),
    "a contraction is one of its factors": _wrapped(
        SPLITTER, "_split", _split_of(lax.DotGeneralOp, lambda pieces, op: [op.x])
    ),
    "repeated elements count once": _wrapped(
        SPLITTER, "_split", _split_of(lax.BroadcastInDimOp, lambda pieces, op: [op.x])
    ),
    "a plate's sum keeps one element": _wrapped(
        SPLITTER,
        "_split",
        _split_of(lax.ReduceSumOp, lambda pieces, op: [op.result, *pieces]),
    ),
    "a score's coefficient may read its draw": lambda patch: patch.setattr(
        drop_zero_score, "reached_from", lambda sources: set[SSAValue]()
    ),
    "the score of another law is dropped": _wrapped(
        drop_zero_score.DropZeroScorePass, "_stopped", _any_density
    ),
    "a baseline sees its draw": lambda patch: patch.setattr(
        baseline, "_leave_one_out", lambda w, score: score.cost
    ),
    "one baseline stands for two upstreams": lambda patch: patch.setattr(
        baseline.BaselinePass, "_is_chosen", lambda self, upstream: True
    ),
}


@pytest.mark.parametrize("mutant", PASS_MUTANTS)
def test_an_unsound_pass_is_caught(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PASS_MUTANTS[mutant](monkeypatch)
    assert caught()
