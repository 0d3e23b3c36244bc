"""Pruned and centred score functions: exact gradients, and variances in closed form."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.texts import COIN, apply, objective_module
from oracle import Outcomes, interpret_module
from xdsl.dialects.builtin import ModuleOp

import relbo_ir
from relbo_ir.dialects import estim
from relbo_ir.dialects.errors import PassError
from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.pipelines import PIPELINES, resolve, run

PLAIN = ("objective", "relbo-score-function")
SPLIT = ("objective", "relbo-split-addends", "relbo-score-function")
PRUNED = (*SPLIT, "relbo-rao-blackwellize")
LEAVE_ONE_OUT = 'relbo-baseline{kind="leave-one-out"}'
RUNNING_MEAN = 'relbo-baseline{kind="running-mean"}'
N = 8
COSTS = np.arange(1.0, N + 1.0)
Program = Callable[..., None]


def outcomes(
    model: Program,
    guide: Program,
    data: tuple[Any, ...],
    arguments: Mapping[str, Any],
    steps: tuple[str, ...],
    copies: int = 1,
) -> Outcomes:
    """A program of this model and guide after some passes, by the exact oracle."""
    with jax.enable_x64(True):
        module, traced = trace_elbo(model, guide, split_call(model, data, {}))
        run(module, resolve(steps))
    closures = {(t.function, k): c for t in traced for k, c in enumerate(t.constants)}
    values = {**closures, **arguments}
    return interpret_module(module, values, copies=copies)


def total_variance(result: Outcomes) -> float:
    """The trace of the covariance of the gradient."""
    return sum(float(np.sum(v)) for v in result.gradient_variance().values())


# Eight independent coins with additive costs, said in many ways.


def _probabilities() -> jax.Array:
    return relbo_ir.param("p", jnp.full(N, 0.3), relbo_ir.constraints.unit_interval)


def plate_guide(costs: jax.Array) -> None:
    p = _probabilities()
    with relbo_ir.plate("coins", N):
        relbo_ir.sample("z", nd.Bernoulli(p))


def scalar_guide(costs: jax.Array) -> None:
    p = _probabilities()
    for k in range(N):
        relbo_ir.sample(f"z{k}", nd.Bernoulli(p[k]))


def vector_guide(costs: jax.Array) -> None:
    relbo_ir.sample("z", nd.Bernoulli(_probabilities()).to_event(1))


def _scalars() -> list[Any]:
    return [relbo_ir.sample(f"z{k}", nd.Bernoulli(0.5)) for k in range(N)]


def _vector() -> Any:
    return relbo_ir.sample("z", nd.Bernoulli(jnp.full(N, 0.5)).to_event(1))


def plate(costs: jax.Array) -> None:
    with relbo_ir.plate("coins", N):
        z = relbo_ir.sample("z", nd.Bernoulli(0.5))
    relbo_ir.factor("f", jnp.sum(costs * z))


def accumulated(costs: jax.Array) -> None:
    total: Any = 0.0
    for k, z in enumerate(_scalars()):
        total = total + costs[k] * z
    relbo_ir.factor("f", total)


def contracted(costs: jax.Array) -> None:
    relbo_ir.factor("f", jnp.dot(costs, _vector()))


def stacked(costs: jax.Array) -> None:
    z = jnp.stack(_scalars())
    relbo_ir.factor("f", jnp.mean(N * costs * jnp.tanh(z)) / math.tanh(1.0))


def indexed(costs: jax.Array) -> None:
    z = _vector()
    for k in range(N):
        relbo_ir.factor(f"f{k}", costs[k] * z[k])


def turned(costs: jax.Array) -> None:
    relbo_ir.factor("f", jnp.sum(costs[::-1] * jnp.sin(_vector()[::-1])) / math.sin(1.0))


def halves(costs: jax.Array) -> None:
    z = _vector()
    relbo_ir.factor("f", -jnp.sum(jnp.concatenate([-costs[:3] * z[:3], -costs[3:] * z[3:]])))


def _draw_coins(prob: Any) -> Any:
    """Eight coins drawn in a loop whose steps read nothing of each other."""

    def step(carry: Any, p: Any) -> Any:
        return carry, relbo_ir.sample("z", nd.Bernoulli(p))

    return relbo_ir.scan(step, 0.0, prob)[1]


def loop_guide(costs: jax.Array) -> None:
    _draw_coins(_probabilities())


def mapped_guide(costs: jax.Array) -> None:
    jax.vmap(lambda p: relbo_ir.sample("z", nd.Bernoulli(p)))(_probabilities())


def scanned(costs: jax.Array) -> None:
    def step(carry: Any, cost: Any) -> Any:
        relbo_ir.factor("f", cost * relbo_ir.sample("z", nd.Bernoulli(0.5)))
        return carry, None

    relbo_ir.scan(step, 0.0, costs)


def accumulated_in_a_carry(costs: jax.Array) -> None:
    def step(total: Any, cost: Any) -> Any:
        return total + cost * relbo_ir.sample("z", nd.Bernoulli(0.5)), None

    relbo_ir.factor("f", relbo_ir.scan(step, 0.0, costs)[0])


def mapped(costs: jax.Array) -> None:
    def one(cost: Any) -> None:
        relbo_ir.factor("f", cost * relbo_ir.sample("z", nd.Bernoulli(0.5)))

    jax.vmap(one)(costs)


def carried(costs: jax.Array) -> None:
    """The total and a count in a carry; the count is used outside."""

    def step(carry: Any, row: Any) -> tuple[Any, None]:
        (total, count), (cost, z) = carry, row
        return (1.0 * total - (-cost * z) + 0.0, count + 1.0), None

    total, count = jax.lax.scan(step, (1.0, jnp.zeros(())), (costs, 1.0 * _vector()))[0]
    relbo_ir.factor("f", 2.0 * total / 2.0)
    relbo_ir.factor("g", jnp.sin(count))


def carried_backwards(costs: jax.Array) -> None:
    """Two totals in one carry, and what is stacked."""

    def step(carry: Any, row: Any) -> tuple[Any, Any]:
        (some, others), (cost, z) = carry, row
        return (some + cost * z / 2.0, others - jnp.tanh(z)), z

    z = 1.0 * _vector()
    totals, again = jax.lax.scan(step, (0.0, jnp.zeros(())), (costs, z), reverse=True)
    relbo_ir.factor("f", totals[0] - totals[1] + jnp.sum(costs * again) / 2.0)
    relbo_ir.factor("g", -jnp.sum(jnp.tanh(z)))


def carried_in_rows(costs: jax.Array) -> None:
    """A loop in a loop, the total handed through both."""

    def row(total: Any, pair: Any) -> tuple[Any, None]:
        parts, z = pair
        return jax.lax.scan(lambda c, part: (c + part * z, None), total, parts)[0], None

    halves = jnp.stack([0.25 * costs, 0.75 * costs], axis=1)
    relbo_ir.factor("f", jax.lax.scan(row, jnp.zeros(()), (halves, 1.0 * _vector()))[0])


FORMS = {
    "plate": (plate, plate_guide),
    "scalars, accumulated": (accumulated, scalar_guide),
    "vector, contracted": (contracted, vector_guide),
    "scalars, stacked": (stacked, scalar_guide),
    "vector, indexed": (indexed, vector_guide),
    "vector, turned": (turned, vector_guide),
    "vector, in halves": (halves, vector_guide),
    "in a scan": (scanned, loop_guide),
    "in a scan, under a vector": (scanned, plate_guide),
    "in a scan, accumulated in the carry": (accumulated_in_a_carry, loop_guide),
    "under vmap": (mapped, mapped_guide),
    "a plate, under a scan": (plate, loop_guide),
    "vector, in a carry": (carried, vector_guide),
    "vector, in two carries, backwards": (carried_backwards, vector_guide),
    "vector, in the carry of a loop in a loop": (carried_in_rows, vector_guide),
}


@pytest.mark.compat
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_eight_coins_has_the_variance_of_the_plate(form: str) -> None:
    """
    With p the probability and φ its logit, element k estimates (cₖzₖ + hₖ(zₖ))·(zₖ − p) alone, where
    hₖ is the difference of the log densities; its variance is a sum over two outcomes.
    """
    p = 0.3
    z = np.array([0.0, 1.0])
    weight = np.array([1.0 - p, p])
    extra = math.log(0.5) - np.log(np.where(z == 1.0, p, 1.0 - p))
    expected = 0.0
    for cost in COSTS:
        estimate = (cost * z + extra) * (z - p) - (z - p)
        mean = float(weight @ estimate)
        expected += float(weight @ (estimate - mean) ** 2)
    model, guide = FORMS[form]
    arguments = {"p": np.full(N, math.log(p / (1.0 - p))), "costs": COSTS}
    pruned = outcomes(model, guide, (COSTS,), arguments, PRUNED)
    assert total_variance(pruned) == pytest.approx(expected, rel=1e-10)
    plain = outcomes(model, guide, (COSTS,), arguments, PLAIN)
    for name, slope in plain.gradient().items():
        np.testing.assert_allclose(pruned.gradient()[name], slope, rtol=1e-10)
    assert total_variance(plain) > 20.0 * expected


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_eight_coins_is_rid_of_its_own_score(form: str) -> None:
    """What stays are the centred costs: (cₖzₖ + hₖ(zₖ) − mean)·(zₖ − p), −(zₖ − p) is dropped."""
    p = 0.3
    z = np.array([0.0, 1.0])
    weight = np.array([1.0 - p, p])
    extra = math.log(0.5) - np.log(np.where(z == 1.0, p, 1.0 - p))
    expected = 0.0
    for cost in COSTS:
        signal = cost * z + extra
        estimate = (signal - float(weight @ signal)) * (z - p)
        expected += float(weight @ (estimate - float(weight @ estimate)) ** 2)
    model, guide = FORMS[form]
    arguments = {"p": np.full(N, math.log(p / (1.0 - p))), "costs": COSTS}
    steps = (*SPLIT, "relbo-drop-zero-score", "relbo-rao-blackwellize", RUNNING_MEAN)
    centred = outcomes(model, guide, (COSTS,), arguments, steps)
    assert total_variance(centred) == pytest.approx(expected, rel=1e-10)
    merged = outcomes(model, guide, (COSTS,), arguments, (*steps, "cse", "relbo-merge-scores"))
    assert total_variance(merged) == pytest.approx(expected, rel=1e-10)


# Two coins with large costs of opposite sign.


OPPOSITE = (
    "\n".join(
        f"""
      %q{k} = dist.bernoulli_logits %phi{k}_ : (tensor<f64>) -> {COIN}
      %b{k} = prob.sample "z{k}" from %q{k} : {COIN}
      %x{k} = lax.convert %b{k} : (tensor<i32>) -> tensor<f64>
      %k{k} = lax.constant "{cost}" : tensor<f64>
      %c{k} = lax.add %x{k}, %k{k} : tensor<f64>
    """
        for k, cost in enumerate((9.5, -10.5))
    )
    + 'prob.yield "f0" %c0, "f1" %c1 : tensor<f64>, tensor<f64>'
)


def test_pruning_needs_a_baseline() -> None:
    """
    Costs ±10 + (z − ½) at φ = 0.3, one coin's variance. Unpruned (z₀ + z₁ − 1)·(z₀ − p); pruned
    (9.5 + z)·(z − p), pq·(9.5 + q)² with q = 1 − p; centred by the mean (z − p)², pq·(1 − 4pq).
    """
    arguments = {"phi0": 0.3, "phi1": 0.3}
    q = 1.0 / (1.0 + math.exp(0.3))
    scores = q * (1.0 - q)
    module = objective_module({"phi0": "real", "phi1": "real"}, OPPOSITE)
    assert PIPELINES["score-function"][5:10] == (
        "relbo-split-addends",
        "relbo-score-function",
        "relbo-rao-blackwellize",
        "relbo-drop-zero-score",
        "relbo-baseline",
    )

    def variance(*steps: str, copies: int = 1) -> float:
        result = interpret_module(apply(module, *steps), arguments, copies=copies)
        for slope in result.gradient().values():
            assert slope == pytest.approx(scores, abs=1e-12)
        return float(result.gradient_variance()["phi0"])

    pruned = ("relbo-score-function", "relbo-rao-blackwellize")
    assert variance("relbo-score-function") == pytest.approx(0.06, abs=5e-3)
    assert variance(*pruned) == pytest.approx(scores * (9.5 + q) ** 2, rel=1e-10)
    assert variance(*pruned) == pytest.approx(24.1, abs=0.05)
    centred = (*pruned, RUNNING_MEAN)
    assert variance(*centred) == pytest.approx(scores * (1.0 - 4.0 * scores), rel=1e-10)
    assert variance(*centred) == pytest.approx(0.0054, abs=5e-5)
    pair = variance(*pruned, LEAVE_ONE_OUT, copies=2)
    assert pair == pytest.approx(scores * (1.0 - 2.0 * scores) / 2.0, rel=1e-10)


COIN_COST = f"""
  %law = dist.bernoulli_logits %phi_ : (tensor<f64>) -> {COIN}
  %b = prob.sample "b" from %law : {COIN}
  %x = lax.convert %b : (tensor<i32>) -> tensor<f64>
  %k = lax.constant "0.49" : tensor<f64>
  %c = lax.sub %x, %k : tensor<f64>
  %f = lax.square %c : tensor<f64>
  prob.yield "f" %f : tensor<f64>
"""


@pytest.mark.parametrize(
    ("phi", "single", "pair"), [(0.0, 0.015638, 2.5e-5), (1.0, 0.011848, 2.386e-5)]
)
def test_leave_one_out_of_a_coin(phi: float, single: float, pair: float) -> None:
    scored = apply(objective_module({"phi": "real"}, COIN_COST), "relbo-score-function")
    centred = apply(scored, LEAVE_ONE_OUT)
    p = 1.0 / (1.0 + math.exp(-phi))
    for module, copies, variance in ((scored, 1, single), (centred, 2, pair)):
        result = interpret_module(module, {"phi": phi}, copies=copies)
        assert result.gradient()["phi"] == pytest.approx(0.02 * p * (1.0 - p), abs=1e-14)
        assert result.gradient_variance()["phi"] == pytest.approx(variance, rel=5e-4)


# Plates whose elements are mixed.

MIXED: dict[str, Callable[[Any], Any]] = {
    "reversed": lambda z: 3.0 * z[::-1],
    "mean": lambda z: jnp.broadcast_to(6.0 * jnp.mean(z), z.shape),
    "rolled": lambda z: z + 2.0 * jnp.roll(z, 1),
    "cumulative": lambda z: jnp.cumsum(z * 1.0),
    "in pairs": lambda z: z[jnp.array([0, 0, 2, 2])] + z[jnp.array([1, 1, 3, 3])],
    "in windows": lambda z: z + jnp.pad(z * 2.0, (1, 0))[:-1] + jnp.pad(z, (0, 1))[1:],
    "filtered": lambda z: jnp.convolve(z, jnp.array([1.0, 2.0, 1.0]), "same"),
}


MIXERS = {
    "reversed": "lax.rev",
    "mean": "lax.reduce_sum",
    "rolled": "lax.slice",
    "cumulative": "lax.cumsum",
    "in pairs": "lax.gather",
    "in windows": "lax.pad",
    "filtered": "lax.conv_general_dilated",
}


@pytest.mark.parametrize("mix", MIXED)
@pytest.mark.parametrize("granularity", ["element", "axis", "site"])
def test_mixed_plates_keep_the_gradient(mix: str, granularity: str) -> None:
    size = 4
    y = np.array([0.3, 2.0, -1.0, 4.0])

    def model(y: jax.Array) -> None:
        with relbo_ir.plate("elements", size):
            z = relbo_ir.sample("z", nd.Bernoulli(0.4))
            relbo_ir.observe("y", nd.Normal(MIXED[mix](z), 1.0), y)

    def guide(y: jax.Array) -> None:
        logits = relbo_ir.param("phi", jnp.zeros(size))
        with relbo_ir.plate("elements", size):
            relbo_ir.sample("z", nd.Bernoulli(logits=logits))

    arguments = {"phi": np.array([0.3, -0.2, 0.5, 0.1]), "y": y}
    with pytest.warns(
        relbo_ir.RelboWarning, match=f'read other elements of "z", by {MIXERS[mix]} '
    ):
        exact = outcomes(model, guide, (y,), arguments, ("objective",))
    warnings.simplefilter("ignore", relbo_ir.RelboWarning)
    steps = (*SPLIT, f'relbo-rao-blackwellize{{granularity="{granularity}"}}')
    pruned = outcomes(model, guide, (y,), arguments, steps)
    np.testing.assert_allclose(pruned.gradient()["phi"], exact.gradient()["phi"], rtol=1e-10)
    if granularity == "element" and mix != "mean":
        plain = outcomes(model, guide, (y,), arguments, PLAIN)
        assert np.all(pruned.gradient_variance()["phi"] < plain.gradient_variance()["phi"])


def test_a_filtered_plate_is_pruned_to_its_windows() -> None:
    """Each coin is scored by what its window reaches: the shifts of three, and no matrix."""
    size = 6
    y = np.array([0.3, 2.0, -1.0, 4.0, 1.0, 2.5])

    def model(y: jax.Array) -> None:
        with relbo_ir.plate("elements", size):
            z = relbo_ir.sample("z", nd.Bernoulli(0.4))
            smooth = jnp.convolve(z, jnp.array([1.0, 2.0, 1.0]), "same")
            relbo_ir.observe("x", nd.Normal(smooth, 1.0), y)

    def by_hand(y: jax.Array) -> None:
        with relbo_ir.plate("elements", size):
            z = relbo_ir.sample("z", nd.Bernoulli(0.4))
            around = jnp.pad(1.0 * z, 1)
            relbo_ir.observe("x", nd.Normal(around[:-2] + 2.0 * z + around[2:], 1.0), y)

    def guide(y: jax.Array) -> None:
        logits = relbo_ir.param("phi", jnp.zeros(size))
        with relbo_ir.plate("elements", size):
            relbo_ir.sample("z", nd.Bernoulli(logits=logits))

    arguments = {"phi": np.array([0.3, -0.2, 0.5, 0.1, -0.4, 0.2]), "y": y}
    warnings.simplefilter("ignore", relbo_ir.RelboWarning)
    exact, plain, pruned, windows = (
        outcomes(program, guide, (y,), arguments, steps)
        for program, steps in (
            (model, ("objective",)),
            (model, PLAIN),
            (model, PRUNED),
            (by_hand, PRUNED),
        )
    )
    np.testing.assert_allclose(pruned.gradient()["phi"], exact.gradient()["phi"], rtol=1e-10)
    assert np.all(pruned.gradient_variance()["phi"] < plain.gradient_variance()["phi"])
    assert total_variance(pruned) == pytest.approx(total_variance(windows), rel=1e-10)
    centred = [
        outcomes(model, guide, (y,), arguments, (*steps, LEAVE_ONE_OUT), copies=2)
        for steps in (SPLIT, PRUNED)
    ]
    for result in centred:
        np.testing.assert_allclose(result.gradient()["phi"], exact.gradient()["phi"], rtol=1e-10)
    assert total_variance(centred[1]) < total_variance(centred[0])
    with jax.enable_x64(True):
        module, _ = trace_elbo(model, guide, split_call(model, (y,), {}))
        run(module, resolve(PRUNED))
    assert "lax.dot_general" not in [op.name for op in module.walk()]


@pytest.mark.parametrize("own", [lambda z: jnp.exp(z) * 2.0, lambda z: jnp.where(z > 0.5, z, -z)])
def test_plates_that_are_not_mixed_give_no_warning(own: Callable[[Any], Any]) -> None:
    def model(y: jax.Array) -> None:
        with relbo_ir.plate("outer", 2, dim=-1), relbo_ir.plate("inner", 3, dim=-2):
            z = relbo_ir.sample("z", nd.Bernoulli(0.4))
            relbo_ir.observe("y", nd.Normal(own(z), 1.0), y)

    def guide(y: jax.Array) -> None:
        with relbo_ir.plate("outer", 2, dim=-1), relbo_ir.plate("inner", 3, dim=-2):
            relbo_ir.sample("z", nd.Bernoulli(0.4))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        relbo_ir.ELBO(model, guide).compile(np.zeros((3, 2)))


def test_a_minibatch_of_a_mixed_plate_is_refused() -> None:
    def model(y: jax.Array) -> None:
        with relbo_ir.plate("rows", 6, subsample=3):
            z = relbo_ir.sample("z", nd.Normal(0.0, 1.0))
            relbo_ir.observe("y", nd.Normal(z[::-1], 1.0), y[:3])

    def guide(y: jax.Array) -> None:
        with relbo_ir.plate("rows", 6, subsample=3):
            relbo_ir.sample("z", nd.Normal(0.0, 1.0))

    with pytest.raises(relbo_ir.ModelError, match="a minibatch has other elements beside it"):
        relbo_ir.ELBO(model, guide).compile(np.zeros(6))


def test_group_effects_are_gathered() -> None:
    """θ[g] with data g: each observation is weighed by its own group's choice alone."""
    groups, rows = 4, 6
    group = np.array([0, 3, 3, 1, 2, 0], np.int32)
    y = np.array([1.0, -2.0, 0.5, 3.0, -1.0, 2.0])

    def model(group: jax.Array, y: jax.Array) -> None:
        with relbo_ir.plate("groups", groups):
            theta = relbo_ir.sample("theta", nd.Bernoulli(0.5))
        with relbo_ir.plate("rows", rows):
            relbo_ir.observe("y", nd.Normal(2.0 * theta[group], 1.0), y)

    def scalars(group: jax.Array, y: jax.Array) -> None:
        with relbo_ir.plate("groups", groups):
            theta = relbo_ir.sample("theta", nd.Bernoulli(0.5))
        for row, at in enumerate([0, 3, 3, 1, 2, 0]):
            relbo_ir.observe(f"y{row}", nd.Normal(2.0 * theta[at], 1.0), y[row])

    def guide(group: jax.Array, y: jax.Array) -> None:
        logits = relbo_ir.param("phi", jnp.zeros(groups))
        with relbo_ir.plate("groups", groups):
            relbo_ir.sample("theta", nd.Bernoulli(logits=logits))

    arguments = {"phi": np.array([0.2, -0.4, 0.1, 0.6]), "y": y, "group": group}
    gathered, unrolled, plain = (
        outcomes(program, guide, (group, y), arguments, steps)
        for program, steps in ((model, PRUNED), (scalars, PRUNED), (model, PLAIN))
    )
    np.testing.assert_allclose(gathered.gradient()["phi"], plain.gradient()["phi"], rtol=1e-10)
    assert total_variance(gathered) == pytest.approx(total_variance(unrolled), rel=1e-10)
    assert total_variance(plain) > 3.0 * total_variance(gathered)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lags", [0, 2])
def test_what_a_loop_reads_is_weighed_without_a_matrix(lags: int, reverse: bool) -> None:
    """Running sums where the dependence is causal, shifts where it is a window of some lags."""
    size = 5

    def step(carry: Any, x: Any) -> tuple[Any, Any]:
        after = jnp.append(carry[1:], x) if lags else jnp.tanh(carry + x)
        return after, jnp.sin(carry).sum() * x

    def model() -> None:
        with relbo_ir.plate("elements", size):
            z = relbo_ir.sample("z", nd.Bernoulli(0.4))
        start = jnp.ones(max(lags, 1))
        relbo_ir.factor("f", jax.lax.scan(step, start, 0.5 + z, reverse=reverse)[1])

    def guide() -> None:
        logits = relbo_ir.param("phi", jnp.zeros(size))
        with relbo_ir.plate("elements", size):
            relbo_ir.sample("z", nd.Bernoulli(logits=logits))

    arguments = {"phi": np.array([0.3, -0.2, 0.5, 0.1, -0.4])}
    exact = outcomes(model, guide, (), arguments, ("objective",))
    plain = outcomes(model, guide, (), arguments, PLAIN)
    pruned = outcomes(model, guide, (), arguments, PRUNED)
    np.testing.assert_allclose(pruned.gradient()["phi"], exact.gradient()["phi"], rtol=1e-10)
    last = 0 if reverse else -1
    assert pruned.gradient_variance()["phi"][last] < plain.gradient_variance()["phi"][last]
    with jax.enable_x64(True):
        module, _ = trace_elbo(model, guide, split_call(model, (), {}))
        run(module, resolve(PRUNED))
    names = [op.name for op in module.walk()]
    assert "lax.dot_general" not in names
    assert names.count("lax.cumsum") == (0 if lags else 1)


# Named cases.


def _two_coins() -> ModuleOp:
    body = f"""
      %q = dist.bernoulli %p_ : (tensor<f64>) -> {COIN}
      %a = prob.sample "a" from %q : {COIN}
      %b = prob.sample "b" from %q : {COIN}
      %x = lax.convert %a : (tensor<i32>) -> tensor<f64>
      %y = lax.convert %b : (tensor<i32>) -> tensor<f64>
      %f = lax.mul %x, %y : tensor<f64>
      %g = lax.add %x, %x : tensor<f64>
      prob.deterministic "of_a" %x : tensor<f64>
      prob.yield "f" %f, "g" %g : tensor<f64>, tensor<f64>
    """
    return objective_module({"p": "unit_interval"}, body)


def test_one_more_choice_is_a_few_more_operands() -> None:
    """Before pruning every addend is weighed by every choice, by one value that they share."""

    def model(count: int) -> None:
        for k in range(count):
            z = relbo_ir.sample(f"z{k}", nd.Bernoulli(0.3))
            relbo_ir.observe(f"y{k}", nd.Normal(1.0 * z, 1.0), 0.5)

    def guide(count: int) -> None:
        for k in range(count):
            relbo_ir.sample(f"z{k}", nd.Bernoulli(logits=relbo_ir.param(f"p{k}", 0.1)))

    def sizes(count: int) -> list[int]:
        module, _ = trace_elbo(model, guide, split_call(model, (count,), {}))
        found: list[int] = []
        for steps in (("objective", "relbo-score-function"), ("relbo-rao-blackwellize",)):
            for step in steps:
                run(module, resolve(step))
            found.append(sum(1 + len(op.operands) for op in module.walk()))
        return found

    five, ten, twenty = (np.array(sizes(count)) for count in (5, 10, 20))
    np.testing.assert_array_equal(twenty - ten, 2 * (ten - five))


def test_the_score_of_a_score_is_pruned_too() -> None:
    """What was written while pruning once counted as independent of every choice."""
    steps = ("relbo-score-function{sites=a}", "relbo-score-function{sites=b}")
    pruned = apply(_two_coins(), *steps, "relbo-rao-blackwellize", "relbo-canonicalize", "cse")
    result = interpret_module(pruned, {"p": 0.3})
    assert result.gradient()["p"] == pytest.approx(2.0 * 0.3 + 2.0, abs=1e-12)
    counts = sorted(len(op.upstream) for op in pruned.walk() if isinstance(op, estim.ScoreOp))
    assert counts == [1, 2]


def test_a_baseline_that_sees_its_draw_is_refused() -> None:
    scored = apply(_two_coins(), "relbo-score-function", "relbo-rao-blackwellize")
    with pytest.raises(PassError, match=r'"of_a" is not proved to be independent of "a"'):
        apply(scored, 'relbo-baseline{kind="function" value="of_a"}')
    apply(scored, 'relbo-baseline{kind="function" value="of_a" sites=b}')
    with pytest.raises(PassError, match="no deterministic value 'other'"):
        apply(scored, 'relbo-baseline{kind="function" value="other"}')


def test_a_baseline_of_an_independent_value_keeps_the_mean() -> None:
    steps = ("relbo-score-function", "relbo-rao-blackwellize")
    based = apply(_two_coins(), *steps, 'relbo-baseline{kind="function" value="of_a" sites=b}')
    result = interpret_module(based, {"p": 0.3})
    assert result.gradient()["p"] == pytest.approx(2.0 * 0.3 + 2.0, abs=1e-12)
    plain = interpret_module(apply(_two_coins(), *steps), {"p": 0.3})
    assert result.gradient_variance()["p"] != pytest.approx(plain.gradient_variance()["p"])


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (("relbo-score-function", "relbo-split-addends"), "is weighed already"),
        (
            ("relbo-score-function", "relbo-baseline", "relbo-rao-blackwellize"),
            "has baselines already",
        ),
        (("relbo-rao-blackwellize{granularity=atom}",), "'atom' is no granularity"),
        (("relbo-baseline{kind=magic}",), "'magic' is no baseline"),
    ],
)
def test_an_illegal_order_or_option_is_refused(steps: tuple[str, ...], message: str) -> None:
    with pytest.raises(PassError, match=message):
        apply(_two_coins(), *steps)


def test_leave_one_out_wants_two_particles() -> None:
    steps = ("relbo-score-function", LEAVE_ONE_OUT, "relbo-expand-densities")
    module = apply(_two_coins(), *steps, "relbo-externalize-draws")
    with pytest.raises(PassError, match="needs two particles at least"):
        apply(module, "relbo-lower-estimators")
