"""Facts through other values and along loops, against dense relations and what changes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.relations import Relation, moves, moves_of, relation
from helpers.vector_functions import EXACT, SUPERSET, Function
from hypothesis import given, settings
from hypothesis import strategies as st
from test_dependence import facts_of, objective, observed

from relbo_ir.passes.analyses.dependence import Dependence, loops
from relbo_ir.passes.analyses.dependence.composition import compose, row, stack
from relbo_ir.passes.analyses.dependence.facts import Along


@st.composite
def compositions(draw: st.DrawFn) -> tuple[Dependence, Dependence, Relation]:
    """A value that reads another one that reads a choice, and what it so reads of the choice."""
    fact, dense = draw(moves())
    through, between = draw(moves_of(fact.shape))
    rank = len(fact.shape)
    product = np.tensordot(between.astype(int), dense.astype(int), rank) > 0
    return through, fact, product


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(compositions())
def test_a_composition_names_every_element_that_is_read(
    case: tuple[Dependence, Dependence, Relation],
) -> None:
    through, fact, dense = case
    composed = compose(through, fact)
    if composed is None:
        assert not dense.any()
        return
    said = relation(composed)
    assert said.shape == dense.shape
    assert not np.any(dense & ~said)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(moves(), st.data())
def test_a_stack_of_rows_is_what_it_was(case: tuple[Dependence, Relation], data: st.DataObject):
    """The rows of a value, some of them left out, and stacked again in another order."""
    fact, dense = case
    if not fact.shape or not fact.shape[0]:
        return
    places = data.draw(st.lists(st.integers(-1, fact.shape[0] - 1), min_size=1, max_size=5))
    rows = [None if k < 0 else row(fact, k) for k in places]
    truth = np.stack([np.zeros_like(dense[0]) if k < 0 else dense[k] for k in places])
    stacked = stack(rows)
    if stacked is None:
        assert not truth.any()
        return
    assert not np.any(truth & ~relation(stacked))


def test_intervals_are_composed_exactly() -> None:
    """A window of three of a running sum of a shift."""
    steps = np.arange(6)
    window = Along(6, 0, np.maximum(steps - 2, 0), steps)
    shift = Dependence.identity((6,), 0).take(0, steps - 1)
    through = Dependence((6,), ((0, 6),), (window,))
    composed = compose(through, shift.running(0, reverse=False))
    assert composed is not None
    assert relation(composed).tolist() == np.tri(6, k=-1, dtype=bool).tolist()
    direct = compose(through, shift)
    assert direct is not None
    expected = (steps[None] < steps[:, None]) & (steps[None] >= steps[:, None] - 3)
    assert relation(direct).tolist() == expected.tolist()


LOOPS = [name for name in EXACT | SUPERSET if "scan" in name or "loop" in name]


@pytest.mark.parametrize("name", LOOPS)
def test_a_very_long_loop_is_read_soundly(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the steps are not told apart, an element may read too much and never too little."""
    monkeypatch.setattr(loops, "_MOST_COMPOSITIONS", 0)
    function = (EXACT | SUPERSET)[name]
    fact = facts_of(objective(function), "f")
    with jax.enable_x64(True):
        changed = observed(function)
    assert fact is not None
    assert not np.any(changed & ~relation(fact))


def test_the_axes_of_a_very_long_loop_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not carried is exact at any length, and so is a plate inside of a loop."""

    def rows(z: Any) -> Any:
        carry, y = jax.lax.scan(lambda c, x: (c + x, c + z), jnp.zeros(6), jnp.ones((4, 6)))
        return jnp.concatenate([y, carry[None]])

    def apart(z: Any) -> Any:
        return jax.lax.scan(lambda c, x: (c + 1.0, x * c), 0.0, z)[1]

    monkeypatch.setattr(loops, "_MOST_COMPOSITIONS", 0)
    for function, expected in ((rows, np.eye(6, dtype=bool)), (apart, np.eye(6, dtype=bool))):
        fact = facts_of(objective(function), "f")
        assert fact is not None
        said = relation(fact)
        for part in said if said.ndim == 3 else said[None]:
            assert np.all(part[~expected] == 0)


def test_a_loop_that_keeps_growing_reads_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_MOST_ROUNDS", 1)

    def shifted(z: Any) -> Any:
        return jax.lax.while_loop(
            lambda c: c[1] < 3, lambda c: (jnp.roll(c[0], 1), c[1] + 1), (z, 0)
        )[0]

    fact = facts_of(objective(shifted), "f")
    assert fact is not None
    assert relation(fact).all()


def test_a_loop_over_nothing_hands_on_its_carry() -> None:
    def nothing(z: Any) -> Any:
        return jax.lax.scan(lambda c, x: (c + x, c), z, jnp.ones((0, 6)))[0]

    fact = facts_of(objective(nothing), "f")
    assert fact is not None
    assert fact.is_pointwise


def test_a_loop_that_mixes_is_named() -> None:
    function: Function = EXACT["scan, what was carried"]
    fact = facts_of(objective(function), "f")
    assert fact is not None
    assert fact.mixer is not None
    assert fact.mixer.name == "lax.scan"
    plain = facts_of(objective(EXACT["scan without a carry"]), "f")
    assert plain is not None
    assert plain.is_pointwise


def test_a_data_index_inside_of_a_function_is_not_known_outside() -> None:
    """A fact must not name a value of the body: nothing outside could read it."""

    def rows(z: Any) -> Any:
        first = jax.lax.iota(jnp.int32, 3)
        return jax.lax.cond(z[0] > 0.0, lambda x: x[first], lambda x: x[:3], z)

    fact = facts_of(objective(rows), "f")
    assert fact is not None
    assert all(a.index is None for a in fact.along)
