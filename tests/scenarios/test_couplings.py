"""
Whose density reads whom, and which choices an element of a density reads together.

With a guide whose choices are independent, the terms that read a choice are its children in the model
and its own two; choices that one element of a term reads together are coupled in the posterior, and
have an entry in its precision where all is Normal. Dependence follows values, not derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from jax.scipy.special import xlogy

import relbo_ir as rb
from scenarios.programs import Scenario
from scenarios.reading import Reading, check_data_sets, latent, own


def normal(name: str, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """A Normal choice with a guide of its own."""
    return latent(name, nd.Normal(loc, scale))


def check(
    model: Callable[[], Any], prior: dict[str, str], posterior: dict[str, str], absent: str = ""
) -> Reading:
    """
    Parents by site, and what each choice is coupled with, as words; `~x` is across x's plate. The
    DATA sets, and the weights, follow from the parents.
    """
    parents = {site: set(words.split()) | {site} for site, words in prior.items()}
    scenario = Scenario(model)
    reading = Reading(scenario)
    found = {site: read for site, read in reading.parents().items() if site != absent}
    assert found == parents
    coupled = {site: words - {absent} for site, words in reading.posterior().items()}
    assert coupled == {site: set(words.split()) for site, words in posterior.items()}
    if not absent:
        expected = {
            s: {f"lq({s})"} | {f"lp({t})" for t, read in parents.items() if s in read}
            for s in reading.sites
        }
        check_data_sets(scenario, expected)
    return reading


def test_dc_12_a_mixed_program() -> None:
    """
    Every kind of site. A stopped gradient passes the dependence on; a point that is observed where
    it is adds no parent to what reads it but those of its value.
    """

    def model() -> None:
        a = normal("a")
        b = normal("b", a)
        c = normal("c", b)
        d = normal("d", a, jnp.exp(c))
        e, f = normal("e"), normal("f")
        rb.observe("g", nd.BernoulliLogits(e + f), 0)
        with rb.plate("p", 3):
            h = normal("h", c, jnp.exp(jax.lax.stop_gradient(d)))
            i = rb.deterministic("i", h + 1.0)
            rb.observe("j", nd.Delta(i), i)
            rb.observe("k", nd.Normal(a, jnp.exp(i)), jnp.zeros(3))

    prior = {"a": "", "b": "a", "c": "b", "d": "a c", "e": "", "f": "", "g": "e f"}
    posterior = {"a": "b c d h k", "b": "c", "c": "d h", "d": "h", "e": "f g", "f": "g", "h": "k"}
    check(model, prior | {"h": "c d", "k": "a h"}, posterior, absent="j")


def test_dc_13_one_edge() -> None:
    def model() -> None:
        rb.observe("b", nd.Normal(normal("a"), 1.0), 0.0)

    check(model, {"a": "", "b": "a"}, {"a": "b"})


def test_dc_14_a_collider() -> None:
    """A mean and a scale are coupled by their child."""

    def model() -> None:
        a, b = normal("a"), latent("b", nd.LogNormal(0.0, 1.0))
        rb.observe("d", nd.Normal(normal("c", a, b), 1.0), 0.0)

    check(model, {"a": "", "b": "", "c": "a b", "d": "c"}, {"a": "b c", "b": "c", "c": "d"})


def test_dc_15_an_observation_of_a_plate_s_sum() -> None:
    """The elements of the plate are not independent in the posterior."""

    def model() -> None:
        with rb.plate("p", 5):
            a = normal("a")
        rb.observe("b", nd.Normal(jnp.sum(a), 1.0), 0.0)

    check(model, {"a": "", "b": "a"}, {"a": "~a b"})


def test_dc_16_factors() -> None:
    """A constant factor reads nothing."""

    def model() -> None:
        a = normal("a")
        rb.factor("b", 0.0)
        rb.factor("c", a)

    check(model, {"a": "", "b": "", "c": "a"}, {"a": "c"})


def test_dc_17_vectors_and_a_plate_of_dirichlets() -> None:
    """Vector choices, and simplexes of a plate under them, which are coupled only by their parents."""

    def model() -> None:
        a = normal("a")
        b = latent("b", nd.Normal(a, 1.0).expand([3]).to_event(1))
        law = nd.MultivariateNormal(a * jnp.ones(3), jnp.eye(3))
        c = latent("c", law)
        with rb.plate("i", 2):
            law = nd.Dirichlet(jnp.exp(b + c)).expand([2])
            d = latent("d", law, nd.Dirichlet(jnp.ones((2, 3))))
            rb.observe("e", nd.CategoricalLogits(d), jnp.zeros(2, jnp.int32))

    prior = {"a": "", "b": "a", "c": "a", "d": "b c", "e": "d"}
    check(model, prior, {"a": "b c", "b": "c d", "c": "d", "d": "e"})


def test_dc_19_one_coupled_plate() -> None:
    def model() -> None:
        with rb.plate("p", 2):
            x = normal("x")
        rb.observe("y", nd.Normal(jnp.sum(x), 1.0), 0.3)

    check(model, {"x": "", "y": "x"}, {"x": "~x y"})


def test_dc_20_two_choices_of_a_coupled_plate() -> None:
    """Two choices of one plate, the mean and the scale of one observation."""

    def model() -> None:
        with rb.plate("p", 2):
            x, y = normal("x"), normal("y")
        rb.observe("z", nd.Normal(jnp.sum(x), jnp.exp(jnp.sum(y))), 0.3)

    check(model, {"x": "", "y": "", "z": "x y"}, {"x": "~x y ~y z", "y": "~y z"})


def test_dc_22_crossed_plates() -> None:
    """Each element is coupled with those of the other plate, and with none of its own."""

    def model() -> None:
        i, j = rb.plate("i", 3, dim=-1), rb.plate("j", 2, dim=-2)
        with i:
            x = normal("x")
        with j:
            y = normal("y")
        with i, j:
            rb.observe("z", nd.Normal(x, jnp.exp(y)), jnp.zeros((2, 3)))

    reading = check(model, {"x": "", "y": "", "z": "x y"}, {"x": "y z", "y": "z"})
    pairs = {frozenset({("x", (i,)), ("y", (j, 0))}) for i in range(3) for j in range(2)}
    assert reading.coupled() == pairs


def test_dc_23_a_global_and_two_local_choices() -> None:
    """Local choices of one element are coupled, those of two are not."""

    def model() -> None:
        w = normal("w")
        with rb.plate("p", 2):
            x, y = normal("x"), normal("y")
            rb.observe("z", nd.Normal(w + x + y, 1.0), jnp.zeros(2))

    prior = {"w": "", "x": "", "y": "", "z": "w x y"}
    check(model, prior, {"w": "x y z", "x": "y z", "y": "z"})


def _reads(function: Callable[..., dict[str, Any]], *names: str) -> dict[str, str]:
    """Which of its arguments, which are positive choices, each output of a function reads."""

    def model() -> None:
        values = [latent(name, nd.LogNormal(0.0, 1.0)) for name in names]
        for name, output in function(*values).items():
            rb.factor(name, output)

    parents = Reading(Scenario(model)).parents()
    return {n: " ".join(sorted(r - {n})) for n, r in parents.items() if n not in names}


def test_dc_25_outputs_of_functions() -> None:
    """Dependence is of each output, not of the function."""

    def function(a: Any, b: Any, c: Any) -> dict[str, Any]:
        return {"first": a + 1.0, "xlogy": xlogy(a, b), "sum": a + b, "zero": 0.0 * c + 0.0}

    outputs = _reads(lambda a, b, c: {**function(a, b, c), "zero": 0.0}, "a", "b", "c")
    assert outputs == {"first": "a", "xlogy": "a b", "sum": "a b", "zero": ""}


def test_dc_26_loops_calls_and_constants() -> None:
    """Through a loop whose carry reads another value, a vmap, a tree, calls, and a captured array."""

    def identity(x: Any) -> Any:
        return x

    def function(x: Any, y: Any, z: Any, u: Any) -> dict[str, Any]:
        tree = {"v": x, "u": u}
        both = jax.jit(lambda t, other: (t["v"] * other, t["v"] + 0.0))(tree, y)
        sines = jax.vmap(lambda _, one: jnp.sin(one))(x[None], y[None])
        return {
            "loop": jax.lax.fori_loop(0, 5, lambda _, carry: carry + y, x),
            "vmap": sines[0],
            "product": both[0],
            "part": both[1],
            "call": jax.jit(identity)(x),
            "closed": jax.checkpoint(identity)(x),
            "constant": jnp.sum(x + jnp.array([1.0, 2.0])),
            "unused": z,
        }

    assert _reads(function, "x", "y", "z", "u") == {
        "loop": "x y", "vmap": "y", "product": "x y", "part": "x", "call": "x", "closed": "x",
        "constant": "x", "unused": "z",
    }  # fmt: skip


def test_dc_27_a_guide_of_three_nodes() -> None:
    """The guide's own terms say its graph: three edges."""
    names = ("1L", "1R", "1")

    def model() -> None:
        for name in names:
            rb.sample(name, nd.Normal(0.0, 1.0))

    def guide() -> None:
        left = rb.sample("1L", nd.Normal(0.0, 1.0))
        right = rb.sample("1R", nd.Normal(0.5 * left, 1.0))
        rb.sample("1", nd.Normal(left - right, 1.0))

    scenario = Scenario(model, guide)
    reading = Reading(scenario)
    edges = {
        (s, t)
        for s in names
        for t in names
        if s != t and reading.elements(f"{t}.entropy", s) is not None
    }
    assert edges == {("1R", "1"), ("1L", "1R"), ("1L", "1")}
    expected = {"1L": own(*names), "1R": own("1R", "1"), "1": own("1")}
    check_data_sets(scenario, expected)


def test_dc_28_independent_observations() -> None:
    """Nine observations of one vector, in two loops: a star of nine edges, and none between them."""
    names = [f"obs{i}{j}" for i in range(3) for j in range(3)]

    def model() -> None:
        loc = latent("loc", nd.Normal(jnp.zeros(2), 1.0).to_event(1))
        for name in names:
            rb.observe(name, nd.Normal(loc, 1.0).to_event(1), np.array([0.3, -0.2]))

    prior = {"loc": "", **dict.fromkeys(names, "loc")}
    check(model, prior, {"loc": " ".join(names)})


def precision(model: Callable[[], Any]) -> set[str]:
    """The pairs of elements that are coupled, as `a0-b1`."""
    reading = Reading(Scenario(model))
    order = list(reading.sites)

    def name(element: tuple[str, tuple[int, ...]]) -> str:
        return element[0] + "".join(map(str, element[1]))

    pairs: set[str] = set()
    for pair in reading.coupled():
        first, second = sorted(pair, key=lambda e: (order.index(e[0]), e[1]))
        pairs.add(f"{name(first)}-{name(second)}")
    return pairs


def all_pairs(names: Iterable[str]) -> set[str]:
    """Every pair, in order."""
    return {f"{a}-{b}" for a, b in combinations(names, 2)}


def test_dc_29_a_chain() -> None:
    """The ends of a chain of three are independent given its middle."""

    def model() -> None:
        c = normal("c", normal("b", normal("a")))
        rb.observe("d", nd.Normal(c, 1.0), 0.3)

    assert precision(model) == {"a-b", "b-c"}
    check(model, {"a": "", "b": "a", "c": "b", "d": "c"}, {"a": "b", "b": "c", "c": "d"})


def test_dc_30_a_chain_in_a_plate() -> None:
    """Two chains that have nothing to do with each other."""

    def model() -> None:
        with rb.plate("i", 2):
            c = normal("c", normal("b", normal("a")))
            rb.observe("d", nd.Normal(c, 1.0), jnp.zeros(2))

    assert precision(model) == {f"{pair[0]}{i}-{pair[1]}{i}" for pair in ("ab", "bc") for i in "01"}


def test_dc_32_two_global_choices_over_a_plate() -> None:
    """All are coupled but the two elements of the plate."""

    def model() -> None:
        a, b = normal("a"), normal("b")
        with rb.plate("i", 2):
            c = normal("c", a, jnp.exp(b))
            rb.observe("d", nd.Normal(c, 1.0), jnp.zeros(2))

    assert precision(model) == all_pairs(["a", "b", "c0", "c1"]) - {"c0-c1"}


def test_dc_33_crossed_plates_with_an_observed_choice() -> None:
    """A law is observed at the value of a choice of both plates."""

    def model() -> None:
        i, j = rb.plate("i", 2, dim=-1), rb.plate("j", 3, dim=-2)
        with i:
            w = normal("w")
        with j:
            x = normal("x")
        with i, j:
            y = normal("y", w, jnp.exp(x))
            rb.observe("z", nd.Normal(1.0, 1.0), y)

    expected: set[str] = set()
    for i in range(2):
        for j in range(3):
            expected |= {f"w{i}-x{j}0", f"w{i}-y{j}{i}", f"x{j}0-y{j}{i}"}
    assert precision(model) == expected


def test_dc_34_means_over_plates() -> None:
    """A choice reads the mean of a plate, twice in a row: what it couples, and nothing else."""

    def model() -> None:
        a = normal("a")
        with rb.plate("i", 2):
            b = normal("b", a)
        with rb.plate("j", 3):
            c = normal("c", jnp.mean(b))
        d = normal("d", jnp.mean(c))
        rb.observe("e", nd.Normal(1.0, 1.0), d)

    assert precision(model) == (
        {"a-b0", "a-b1"} | all_pairs(["b0", "b1"]) | all_pairs(["c0", "c1", "c2", "d"])
        | {f"b{i}-c{j}" for i in range(2) for j in range(3)}
    )  # fmt: skip


def test_dc_35_a_plate_that_is_entered_twice() -> None:
    """A mean over a plate, which is then observed in the same plate."""

    def model() -> None:
        plate = rb.plate("i", 2)
        with plate:
            a = normal("a")
        b = normal("b", jnp.mean(a))
        with plate:
            rb.observe("c", nd.Normal(b, 1.0), jnp.zeros(2))

    with pytest.warns(rb.RelboWarning, match="lax.reduce_sum"):
        pairs = precision(model)
    assert pairs == all_pairs(["a0", "a1", "b"])


def test_dc_36_relations_of_a_model() -> None:
    """
    Parents, and members of a plate. A value in between, and a choice that model and guide fix at a
    point, pass their own parents on.
    """

    def model() -> None:
        a = normal("a")
        b = normal("b", a)
        c = normal("c", a, jnp.exp(b))
        rb.observe("d", nd.BernoulliLogits(c), 1)
        with rb.plate("p", 2):
            e = normal("e", a, jnp.exp(b))
            f = rb.deterministic("f", e + 1.0)
            rb.observe("g", nd.Delta(f), f)
            h = rb.sample("h", nd.Delta(f), guide=nd.Delta(f))
            rb.observe("i", nd.Normal(e, jnp.exp(f + f + h)), jnp.zeros(2))

    scenario = Scenario(model)
    reading = Reading(scenario)
    parents = {s: r - {s} for s, r in reading.parents().items() if s != "g"}
    assert parents == {
        "a": set(), "b": {"a"}, "c": {"a", "b"}, "d": {"c"}, "e": {"a", "b"}, "h": {"e"},
        "i": {"e"},
    }  # fmt: skip
    members = {s for s, choice in reading.sites.items() if "@p" in str(choice)}
    assert members == {"e"}
    assert set(reading.sites) == {"a", "b", "c", "e"}


@pytest.mark.parametrize("kind", ["where", "stop_gradient", "round"])
def test_dc_12_values_without_a_derivative_are_read(kind: str) -> None:
    """What has no derivative in a choice may depend on it all the same."""

    def through(x: Any) -> Any:
        match kind:
            case "where":
                return jnp.where(x > 0.0, 1.0, 2.0)
            case "round":
                return jnp.round(x)
            case _:
                return jax.lax.stop_gradient(x)

    def model() -> None:
        rb.observe("y", nd.Normal(through(normal("x")), 1.0), 0.3)

    check(model, {"x": "", "y": "x"}, {"x": "y"})
