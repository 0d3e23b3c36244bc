"""Which terms belong in the weight of which draw's score: the DATA sets, and the weights' numbers."""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from oracle import Precision
from scipy import stats

import relbo_ir as rb
from scenarios.draws import normals, product
from scenarios.expected import needs_numbers, result
from scenarios.programs import PRUNED, SCORES, Array, Scenario, check, mean
from scenarios.reading import check_data_sets, own

P0, P1, P2 = math.exp(-0.2), math.exp(-0.33), math.exp(-0.7)
OPTIONS = ("inner_1", "single", "triple", "z1")


def nested(observed: bool, options: set[str]) -> None:
    """Coins of constant probabilities in nested and sibling plates."""

    def coin(name: str, p: float) -> None:
        rb.sample(name, nd.Bernoulli(p))

    if "triple" in options:
        t1, t2, t3 = (rb.plate(f"t{k}", n, dim=-k) for k, n in ((1, 6), (2, 7), (3, 9)))
        with t1, t2:
            if "z1" in options:
                coin("z1", P2)
            with t3:
                coin("z0", P2)
    coin("a1", P0)
    if "single" in options:
        with rb.plate("single", 5):
            coin("b0", P0)
    with rb.plate("outer", 2, dim=-1):
        coin("b1", P0)
        if "inner_1" in options:
            with rb.plate("inner1", 3, dim=-2):
                for name, p in (("c1", P1), ("c2", P0), ("c3", P2)):
                    coin(name, p)
        with rb.plate("inner2", 4, dim=-2):
            coin("d1", P0)
            coin("d2", P2)
            if observed:
                rb.observe("obs", nd.Bernoulli(P0), jnp.ones((4, 2), jnp.int32))


SUBSETS = [
    {o for o, kept in zip(OPTIONS, bits, strict=True) if kept}
    for bits in itertools.product([True, False], repeat=len(OPTIONS))
]
SHAPES: dict[str, tuple[int, ...]] = {
    "z0": (9, 7, 6), "z1": (7, 6), "a1": (), "b0": (5,), "b1": (2,),
    "c1": (3, 2), "c2": (3, 2), "c3": (3, 2), "d1": (4, 2), "d2": (4, 2),
}  # fmt: skip


@pytest.mark.parametrize("options", [s for s in SUBSETS if "triple" in s or "z1" not in s])
def test_dc_01_to_dc_06_constant_coins_in_plates(options: set[str]) -> None:
    """
    Every choice's DATA set is itself, not even the observation; its terms keep its plates, and an
    element's term reads that element alone.
    """
    scenario = Scenario(lambda: nested(True, options), lambda: nested(False, options))
    absent = {
        "z0": "triple", "z1": "z1", "b0": "single",
        "c1": "inner_1", "c2": "inner_1", "c3": "inner_1",
    }  # fmt: skip
    sites = {s for s in SHAPES if absent.get(s) is None or absent[s] in options}
    reading = check_data_sets(scenario, {site: own(site) for site in sites})
    for site in sites:
        shape = SHAPES[site]
        identity = np.eye(math.prod(shape), dtype=bool).reshape((*shape, *shape))
        for part in ("prior", "entropy"):
            np.testing.assert_array_equal(reading.elements(f"{site}.{part}", site), identity)


@pytest.mark.parametrize("count", [2, 5, 9])
def test_dc_08_a_vector_plate_in_a_loop(count: int) -> None:
    """Iterations do not leak: a coin reads its own observation, element by element."""

    def run(shift: float, observed: bool) -> None:
        rb.sample("a1", nd.Bernoulli(P0 - shift))
        for i in range(count):
            rb.sample(f"b{i}", nd.Bernoulli(P0 - shift))
            with rb.plate(f"plate{i}", 7 + i):
                c = rb.sample(f"c{i}", nd.Bernoulli(P1 - shift))
                if observed:
                    rb.observe(f"obs{i}", nd.Bernoulli(1.0 * c), jnp.ones(7 + i, jnp.int32))

    expected = {"a1": own("a1")}
    for i in range(count):
        expected[f"b{i}"] = own(f"b{i}")
        expected[f"c{i}"] = own(f"c{i}") | {f"lp(obs{i})"}
    scenario = Scenario(lambda: run(0.0, True), lambda: run(0.1, False))
    reading = check_data_sets(scenario, expected)
    for i in range(count):
        found = reading.elements(f"obs{i}", f"c{i}")
        np.testing.assert_array_equal(found, np.eye(7 + i, dtype=bool))


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("size", [2, 5])
def test_dc_09_a_loop_in_a_vector_plate(size: int, count: int) -> None:
    """A plate's choice reads nothing of the loop in it; each of the loop's its own observation."""

    def run(shift: float, observed: bool) -> None:
        rb.sample("a1", nd.Bernoulli(P0 - shift))
        with rb.plate("plate1", size):
            rb.sample("c", nd.Bernoulli(P1 - shift))
            for i in range(count):
                b = rb.sample(f"b{i}", nd.Bernoulli(P0 - shift))
                if observed:
                    rb.observe(f"obs{i}", nd.Bernoulli(1.0 * b), jnp.ones(size, jnp.int32))

    expected = {"a1": own("a1"), "c": own("c")}
    expected |= {f"b{i}": own(f"b{i}") | {f"lp(obs{i})"} for i in range(count)}
    scenario = Scenario(lambda: run(0.0, True), lambda: run(0.1, False))
    reading = check_data_sets(scenario, expected)
    np.testing.assert_array_equal(reading.elements("obs1", "b1"), np.eye(size, dtype=bool))


BAG = {"": 1, "x": 2, "y": 3, "xy": 6}
"""Plates of a cost, and the number of its elements."""


def _axes(plates: str) -> tuple[int, int]:
    return (3 if "y" in plates else 1, 2 if "x" in plates else 1)


@pytest.mark.parametrize(
    ("target", "total"),
    [("", 12.0), ("x", 8.0), ("y", 6.0), ("xy", 4.0)],
    ids=["none", "x", "y", "xy"],
)
def test_dc_11_costs_of_other_plates_in_a_weight(target: str, total: float) -> None:
    """
    Costs of log ½ outside of both plates, in each, and in both. An element's weight has a cost that
    is outside of its plate once and whole, and sums over plates that are not its own.
    """
    shape = _axes(target)

    def model() -> None:
        logits = rb.param("logits", jnp.linspace(-0.5, 0.5, math.prod(shape)).reshape(shape))
        law = nd.BernoulliLogits(logits).to_event(0)
        with rb.plate("y", shape[0], dim=-2), rb.plate("x", shape[1], dim=-1):
            s = rb.sample("s", law, guide=law)
        for plates in BAG:
            wide = _axes(plates)
            axes = tuple(k for k in range(2) if wide[k] == 1)
            read = jnp.broadcast_to(jnp.sum(s, axis=axes, keepdims=True), wide)
            rb.factor(f"cost {plates}", jnp.where(read > 100, 0.0, math.log(0.5)))

    draw = np.arange(math.prod(shape)).reshape(1, *shape) % 2
    _, gradient = Scenario(model).estimator(PRUNED)({"s": draw.astype(np.int32)})
    p = 1.0 / (1.0 + np.exp(-np.linspace(-0.5, 0.5, math.prod(shape)).reshape(shape)))
    weights = gradient["logits"][0] / (draw[0] - p)
    np.testing.assert_allclose(weights, np.full(shape, math.log(0.5) * total), rtol=1e-12)


RATES = np.array([3.0, 2.5])


def _counts() -> Scenario:
    def model() -> None:
        with rb.plate("a_axis", 2):
            a = rb.sample("a", nd.Poisson(3.0))
        rb.observe("b", nd.Normal(jnp.sum(1.0 * a), 1.0), 1.0)

    def guide() -> None:
        rates = rb.param("rates", jnp.array(RATES), rb.constraints.positive)
        with rb.plate("a_axis", 2):
            rb.sample("a", nd.Poisson(rates))

    return Scenario(model, guide)


def test_dc_37_an_observation_of_a_plate_s_sum() -> None:
    """Each element's weight has the observation, its own terms, and not those of the other one."""
    reading = check_data_sets(_counts(), {"a": own("a") | {"lp(b)"}})
    for part in ("prior", "entropy"):
        np.testing.assert_array_equal(reading.elements(f"a.{part}", "a"), np.eye(2, dtype=bool))
    observed = reading.elements("b", "a")
    assert observed is not None and observed.shape[-1:] == (2,) and observed.all()


@pytest.mark.parametrize("estimator", SCORES)
def test_dc_37_loss_and_gradient(estimator: str) -> None:
    """KL of Poissons, and the second moment of the sum, in closed form."""
    kl = float(np.sum(RATES * np.log(RATES / 3.0) - RATES + 3.0))
    total = float(np.sum(RATES))
    loss = kl + 0.5 * math.log(2.0 * math.pi) + 0.5 * (total + (total - 1.0) ** 2)
    assert loss == pytest.approx(13.838134642, abs=1e-9)
    slope = RATES * (np.log(RATES / 3.0) + 0.5 + total - 1.0)
    check(_counts(), loss, {"rates": slope}, SCORES[estimator], Precision(count_limit=60))


@needs_numbers
def test_dc_37_as_tabulated() -> None:
    known = result("guide_plate_contraction")
    tolerance = 1e-8  # the digits that are given
    precision = Precision(count_limit=60)
    check(_counts(), known["loss"], {"rates": known["grad"]}, PRUNED, precision, tolerance)


DATA = np.array([[0.3, -0.7], [1.1, 0.2], [-0.4, 0.9]])


def _superfluous(at: Array, means: float) -> Scenario:
    """A mean of three observations, amid local choices that nothing reads; its guide is at `at`."""

    def sites(local: Any) -> None:
        for i in range(3):
            for side in ("before", "after"):
                with rb.plate(f"inner{i}{side}", 4 - i):
                    local(f"z{i}{side}", 4 - i)

    def model() -> None:
        loc = rb.sample("loc", nd.Normal(jnp.zeros(2), 1.0).to_event(1))
        for i in range(3):
            rb.observe(f"obs{i}", nd.Normal(loc, 1.0).to_event(1), DATA[i])
        sites(lambda name, _: rb.sample(name, nd.Normal(0.0, 1.0)))

    def guide() -> None:
        mean = rb.param("mean", jnp.array(at))
        sd = rb.param("sd", jnp.full(2, 0.5), rb.constraints.positive)
        rb.sample("loc", nd.Normal(mean, sd).to_event(1))

        def local(name: str, size: int) -> None:
            rb.sample(name, nd.Normal(rb.param(f"mean {name}", jnp.full(size, means)), 1.0))

        sites(local)

    return Scenario(model, guide)


LOCAL = {f"z{i}{side}": 4 - i for i in range(3) for side in ("before", "after")}


def test_dc_38_superfluous_local_choices() -> None:
    """Nothing but their own terms is weighed by the scores of local choices that nothing reads."""
    expected = {name: own(name) for name in LOCAL}
    expected["loc"] = own("loc") | {f"lp(obs{i})" for i in range(3)}
    check_data_sets(_superfluous(np.zeros(2), 0.5), expected)


@pytest.mark.parametrize("off", [0.0, 0.2])
def test_dc_38_where_training_ends(off: float) -> None:
    """
    The slopes in the local means are those of their KLs, 0 at 0; that in the mean is 0 at the
    conjugate posterior, N(Σx/4, ½). All local draws share a node: none reads another.
    """
    posterior = np.sum(DATA, axis=0) / 4.0
    scenario = _superfluous(posterior + off, off)
    noise, weights = product(normals("loc", 2, 4), normals("z", 1, 4))
    draws = {"loc": posterior + off + 0.5 * noise["loc"]}
    draws |= {name: np.repeat(off + noise["z"], size, axis=1) for name, size in LOCAL.items()}
    _, gradient = scenario.estimator(PRUNED)(draws)
    np.testing.assert_allclose(-mean(weights, gradient["mean"]), np.full(2, 4.0 * off), atol=1e-11)
    np.testing.assert_allclose(-mean(weights, gradient["sd"]), np.zeros(2), atol=1e-11)
    for name, size in LOCAL.items():
        slope = -mean(weights, gradient[f"mean {name}"])
        np.testing.assert_allclose(slope, np.full(size, off), atol=1e-11)
    one = -stats.norm.logpdf(draws["z0before"]) + stats.norm.logpdf(draws["z0before"], off)
    own_weight = (one + 1.0) * (draws["z0before"] - off)
    np.testing.assert_allclose(-gradient["mean z0before"], own_weight, atol=1e-11)


def test_gv_43_the_first_cost_does_not_read_the_second_step() -> None:
    """Two steps of scored and pathwise choices on a common mean and categories, a cost at each."""

    def model() -> None:
        law = nd.Normal(rb.param("m", jnp.array([0.3, -0.2])), 1.0).to_event(1)
        mu = rb.sample("mu", law, guide=law)
        probs = nd.CategoricalProbs(jnp.array([0.2, 0.3, 0.5]))
        k = [1.0 * rb.sample(f"k{n}", probs, guide=probs) for n in (1, 2)]
        value: Any = 0.0
        for i in (1, 2):
            law = nd.Normal(mu + k[0], 1.0).to_event(1)
            s1 = rb.sample(f"s1_{i}", law, guide=law)
            law = nd.Normal(-mu + s1 * k[1], 1.0).to_event(1)
            s2 = rb.sample(f"s2_{i}", law, guide=law)
            value = value + s1 + s2 * mu
            rb.factor(f"cost{i}", -jnp.sum((value - 0.7) ** 2))

    steps = {n: own(f"s1_{n}", f"s2_{n}") for n in (1, 2)}
    both = {"lp(cost1)", "lp(cost2)"}
    expected = {
        "mu": own("mu") | steps[1] | steps[2] | both,
        "k1": own("k1") | steps[1] | steps[2] | both,
        "k2": own("k2") | own("s2_1", "s2_2") | both,
        "s1_1": steps[1] | both,
        "s2_1": own("s2_1") | both,
        "s1_2": steps[2] | {"lp(cost2)"},
        "s2_2": own("s2_2") | {"lp(cost2)"},
    }
    check_data_sets(Scenario(model), expected)
