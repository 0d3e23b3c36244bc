"""What every element of a value reads: against what changes when an element of a choice does."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.relations import Relation, moves, relation
from helpers.vector_functions import EXACT, SUPERSET, Function
from hypothesis import given, settings
from xdsl.dialects.builtin import ModuleOp

import relbo_ir
from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.passes.analyses.dependence import Dependence, DependenceOf
from relbo_ir.passes.treatment import choices, expectations
from relbo_ir.pipelines import resolve, run

# The algebra of facts, against dense relations.


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
    compiled = jax.jit(function)
    for seed in range(3):
        z = np.random.default_rng(seed).normal(size=size)
        columns = [
            np.asarray(compiled(z + 0.37 * (np.arange(size) == k))) != np.asarray(compiled(z))
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


@pytest.mark.parametrize("same_family", [True, False])
def test_a_mixture_reads_its_own_batch_element(same_family: bool) -> None:
    """Weights, shared by rows, and locations, one pair for each of six elements."""

    def mixture(z: Any) -> nd.Distribution:
        weights = nd.Categorical(logits=jnp.stack([z, 0.3 * z], axis=-1))
        locs = (z, 2.0 - z[::-1])
        if same_family:
            return nd.MixtureSameFamily(weights, nd.Normal(jnp.stack(locs, axis=-1), 1.0))
        return nd.MixtureGeneral(weights, [nd.Normal(loc, 1.0) for loc in locs])

    y = jnp.linspace(-1.0, 1.0, 12, dtype=jnp.float32).reshape(2, 6)

    def model() -> None:
        with relbo_ir.plate("six", 6):
            z = relbo_ir.sample("z", nd.Normal(0.0, 1.0))
            with relbo_ir.plate("rows", 2):
                relbo_ir.observe("y", mixture(z), y)

    def guide() -> None:
        with relbo_ir.plate("six", 6):
            relbo_ir.sample("z", nd.Normal(relbo_ir.param("loc", jnp.zeros(6)), 1.0))

    with pytest.warns(relbo_ir.RelboWarning, match="read other elements"):
        module, _ = trace_elbo(model, guide, split_call(model, (), {}))
    run(module, resolve("objective"))
    fact = facts_of(module, "y")
    assert fact is not None
    with jax.enable_x64(True):
        changed = observed(lambda z: mixture(z).log_prob(y))
    assert not np.any(changed & ~relation(fact))
    own, opposite = np.arange(6)[:, None], np.arange(6)[::-1, None]
    hull = (np.arange(6) >= np.minimum(own, opposite)) & (np.arange(6) <= np.maximum(own, opposite))
    assert np.array_equal(relation(fact), np.stack([hull, hull]))


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
    filtered = facts_of(objective(lambda z: jnp.convolve(z, jnp.ones(3), "same")), "f")
    assert filtered is not None
    assert filtered.mixer is not None
    assert filtered.mixer.name == "lax.conv_general_dilated"
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
