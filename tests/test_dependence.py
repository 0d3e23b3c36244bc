"""What every element of a value reads: against what changes when an element of a choice does."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.relations import Relation, relation
from helpers.vector_functions import EXACT, SUPERSET, Function
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp

import relbo_ir
from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.passes.analyses.dependence import Dependence, DependenceOf
from relbo_ir.passes.treatment import choices, expectations
from relbo_ir.pipelines import resolve, run

# The algebra of facts, against dense relations.

SHAPES = ((4,), (3, 2), (2, 3), (6,), (2, 1, 3))


@st.composite
def moves(draw: st.DrawFn) -> tuple[Dependence, Relation]:
    """A few moves of the elements of a choice, as a fact and element by element."""
    shape = draw(st.sampled_from(SHAPES))
    fact = Dependence.identity(shape, 0)
    dense = np.eye(math.prod(shape), dtype=bool).reshape(*shape, *shape)
    for _ in range(draw(st.integers(1, 5))):
        fact, dense = _moved(draw, fact, dense)
    return fact, dense


def _moved(draw: st.DrawFn, fact: Dependence, dense: Relation) -> tuple[Dependence, Relation]:
    rank = len(fact.shape)
    kinds = ["reshape", "join"] + ["take", "running", "transpose", "drop", "widen", "forget"] * (
        rank > 0
    )
    kind = draw(st.sampled_from(kinds))
    axis = draw(st.integers(0, rank - 1)) if rank else 0
    if kind == "take":
        n = fact.shape[axis]
        source = np.array(draw(st.lists(st.integers(-1, n - 1), min_size=1, max_size=5)))
        moved = np.take(dense, np.maximum(source, 0), axis=axis)
        kept = (source >= 0).reshape([-1 if k == axis else 1 for k in range(moved.ndim)])
        return fact.take(axis, source), moved & kept
    if kind == "running":
        reverse = draw(st.booleans())
        turned = np.flip(dense, axis) if reverse else dense
        run_of = np.logical_or.accumulate(turned, axis=axis)
        return fact.running(axis, reverse), np.flip(run_of, axis) if reverse else run_of
    if kind == "transpose":
        order = draw(st.permutations(range(rank)))
        return fact.transpose(order), np.transpose(dense, [*order, *range(rank, dense.ndim)])
    if kind == "drop":
        return fact.drop_axes([axis]), np.any(dense, axis=axis)
    if kind == "forget":
        every = np.broadcast_to(np.any(dense, axis=axis, keepdims=True), dense.shape)
        return fact.forget([axis]), every
    if kind == "widen":
        place = draw(st.integers(0, rank))
        dimensions = [k + (k >= place) for k in range(rank)]
        shape = list(fact.shape)
        shape.insert(place, 2)
        wide = np.repeat(np.expand_dims(dense, place), 2, axis=place)
        return fact.broadcast(shape, dimensions), wide
    if kind == "join":
        other, seen = fact, dense
        if rank and draw(st.booleans()):
            order = np.array(draw(st.permutations(range(fact.shape[axis]))))
            other, seen = fact.take(axis, order), np.take(dense, order, axis=axis)
        return fact.join(other), dense | seen
    size = math.prod(fact.shape)
    target = draw(st.sampled_from([(size,), (1, size), *_factored(size)]))
    return fact.reshape(target), dense.reshape(*target, *dense.shape[rank:])


def _factored(size: int) -> list[tuple[int, ...]]:
    return [(k, size // k) for k in range(2, size) if size % k == 0]


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(moves())
def test_a_fact_names_every_element_that_is_read(case: tuple[Dependence, Relation]) -> None:
    fact, dense = case
    said = relation(fact)
    assert said.shape == dense.shape
    assert not np.any(dense & ~said)
    if fact.is_empty:
        assert not dense.any()


# The rules of ops, against perturbed inputs. Superset: an interval cannot say it more exactly.


def objective(function: Function, size: int = 6) -> ModuleOp:
    """A factor that is a function of a Normal choice of six elements."""

    def model() -> None:
        with relbo_ir.plate("six", size):
            z = relbo_ir.sample("z", nd.Normal(0.0, 1.0))
        relbo_ir.factor("f", function(z))

    def guide() -> None:
        loc = relbo_ir.param("loc", jnp.zeros(size, jnp.float32))
        with relbo_ir.plate("six", size):
            relbo_ir.sample("z", nd.Normal(loc, 1.0))

    module, _ = trace_elbo(model, guide, split_call(model, (), {}))
    run(module, resolve("objective"))
    return module


def facts_of(module: ModuleOp, addend: str, choice: str = "z") -> Dependence | None:
    """What an addend reads of a choice."""
    (expectation,) = expectations(module)
    draws = {op.site.data: op for op in choices(expectation)}
    yielded = expectation.terminator
    places = [name.data for name in yielded.names]
    value = yielded.addends[places.index(addend)]
    return DependenceOf(expectation.body.block, draws.values()).of(value).get(draws[choice])


def observed(function: Function, size: int = 6) -> Relation:
    """Which elements of the result change with each element of the argument, at three points."""
    changes: list[Relation] = []
    for seed in range(3):
        z = np.random.default_rng(seed).normal(size=size)
        columns = [
            np.asarray(function(jnp.asarray(z + 0.37 * (np.arange(size) == k))))
            != np.asarray(function(jnp.asarray(z)))
            for k in range(size)
        ]
        changes.append(np.stack(columns, axis=-1))
    return np.any(changes, axis=0)


@pytest.mark.parametrize("name", [*EXACT, *SUPERSET])
def test_ops_read_what_changes_them(name: str) -> None:
    function = (EXACT | SUPERSET)[name]
    fact = facts_of(objective(function), "f")
    with jax.enable_x64(True):
        changed = observed(function)
    said = np.zeros_like(changed) if fact is None else relation(fact)
    assert not np.any(changed & ~said), "an element is read and not named"
    if name in EXACT:
        assert np.array_equal(changed, said)
    else:
        assert changed.any()


def test_a_draw_passes_on_what_its_law_reads() -> None:
    def model() -> None:
        w = relbo_ir.sample("w", nd.Normal(jnp.zeros(3), 1.0).to_event(1))
        y = relbo_ir.sample("y", nd.Normal(w[0], 1.0))
        relbo_ir.factor("f", y)

    def guide() -> None:
        loc = relbo_ir.param("loc", jnp.zeros(3, jnp.float32))
        w = relbo_ir.sample("w", nd.Normal(loc, 1.0).to_event(1))
        relbo_ir.sample("y", nd.Normal(w[1] + loc[0], 1.0))

    module, _ = trace_elbo(model, guide, split_call(model, (), {}))
    run(module, resolve("objective"))
    fact = facts_of(module, "f", "w")
    assert fact is not None
    assert relation(fact).tolist() == [False, True, False]


def test_a_data_index_is_kept() -> None:
    def model(group: jax.Array) -> None:
        with relbo_ir.plate("groups", 4):
            theta = relbo_ir.sample("theta", nd.Normal(0.0, 1.0))
        relbo_ir.factor("f", theta[group] * 2.0)

    def guide(group: jax.Array) -> None:
        loc = relbo_ir.param("loc", jnp.zeros(4, jnp.float32))
        with relbo_ir.plate("groups", 4):
            relbo_ir.sample("theta", nd.Normal(loc, 1.0))

    group = np.array([0, 3, 3, 1, 2], np.int32)
    module, _ = trace_elbo(model, guide, split_call(model, (group,), {}))
    run(module, resolve("objective"))
    fact = facts_of(module, "f", "theta")
    assert fact is not None
    (along,) = fact.along
    assert along.axis == 0
    assert along.index is not None


def test_the_op_that_mixes_is_named() -> None:
    fact = facts_of(objective(lambda z: jnp.exp(z)[::-1] * 2.0), "f")
    assert fact is not None
    assert fact.mixer is not None
    assert fact.mixer.name == "lax.rev"
    plain = facts_of(objective(jnp.exp), "f")
    assert plain is not None
    assert plain.mixer is None
    assert plain.is_pointwise


def test_an_addend_that_reads_nothing_has_no_fact() -> None:
    assert facts_of(objective(lambda z: jnp.ones(3)), "f") is None
    assert isinstance(facts_of(objective(jnp.exp), "z.prior"), Dependence)


def test_a_point_is_read_element_by_element() -> None:
    """An observed point law, in a plate, was said to mix its elements, and warned of."""

    def model() -> None:
        with relbo_ir.plate("two", 2):
            law = nd.Normal(jnp.zeros((2, 3)), 1.0).to_event(1)
            z = relbo_ir.sample("z", law)
            density = jnp.sum(z, axis=-1)
            relbo_ir.observe("y", nd.Delta(z, log_density=density, event_dim=1), z)

    def guide() -> None:
        loc = relbo_ir.param("loc", jnp.zeros((2, 3), jnp.float32))
        with relbo_ir.plate("two", 2):
            relbo_ir.sample("z", nd.Normal(loc, 1.0).to_event(1))

    module, _ = trace_elbo(model, guide, split_call(model, (), {}))
    run(module, resolve("objective"))
    fact = facts_of(module, "y")
    assert fact is not None
    expected = np.zeros((2, 2, 3), bool)
    expected[0, 0] = expected[1, 1] = True
    assert np.array_equal(relation(fact), expected)
