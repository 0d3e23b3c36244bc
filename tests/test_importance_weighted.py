"""The importance-weighted bound: exact values and gradients over all joint draws of its samples."""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.texts import COIN, LAW, apply, hows, objective_module
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Arguments, Precision, interpret_module
from oracle.choices import Choices
from strategies import Program, programs
from xdsl.dialects.builtin import ModuleOp

import relbo_ir
from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.lowering.executable import executable

DRAWING = ("relbo-report", "relbo-lower-sampling", "relbo-canonicalize", "cse")
TWICE = 'gradient="doubly-reparameterized"'


PLAIN = Precision()


def log_sum(weights: Any, beta: float = 1.0) -> float:
    """(1/β)·log Σ exp β·w."""
    return float(np.logaddexp.reduce(beta * np.asarray(weights))) / beta


def exact_bound(
    module: ModuleOp, at: Arguments, samples: int, precision: Precision = PLAIN, alpha: float = 0.0
) -> tuple[float, dict[str, Any]]:
    """
    E[(1/β)·log (1/K)·Σ wₖ^β], β = 1 − alpha, and its derivative, of a program of level 2: over
    every K-tuple of its joint outcomes, the product of their probabilities and the log mean of
    their weights' powers.
    """
    beta = 1.0 - alpha
    outcomes = interpret_module(module, at, precision)
    count = len(outcomes.sampled_index)
    mass = np.broadcast_to(outcomes.summed.value, (count,))
    weight = np.broadcast_to(outcomes.total.value, (count,))
    size = max(places.stop for places, _ in outcomes.coordinates.values())
    of_mass, of_weight = (
        np.zeros((size, count)) if t is None else np.broadcast_to(t, (size, count))
        for t in (outcomes.summed.tangent, outcomes.total.tangent)
    )
    tuples = np.indices((count,) * samples).reshape(samples, -1)
    log_mean = (np.logaddexp.reduce(beta * weight[tuples], axis=0) - math.log(samples)) / beta
    together = np.prod(mass[tuples], axis=0)
    gradient = np.zeros(size)
    for k in range(samples):
        share = np.exp(beta * (weight[tuples[k]] - log_mean)) / samples
        rest = np.prod(np.delete(mass[tuples], k, axis=0), axis=0)
        gradient += of_weight[:, tuples[k]] @ (together * share)
        gradient += of_mass[:, tuples[k]] @ (rest * log_mean)
    by_name = outcomes.coordinates.items()
    slopes = {name: gradient[places].reshape(shape) for name, (places, shape) in by_name}
    return float(together @ log_mean), slopes


def assert_exact(
    treated: ModuleOp,
    plain: ModuleOp,
    at: Arguments,
    samples: int,
    precision: Precision = PLAIN,
    alpha: float = 0.0,
) -> None:
    """The treated program's value and gradient are the bound's."""
    value, slopes = exact_bound(plain, at, samples, precision, alpha)
    result = interpret_module(treated, at, precision)
    assert result.value() == pytest.approx(value, rel=1e-9, abs=1e-9)
    for name, slope in slopes.items():
        np.testing.assert_allclose(result.gradient()[name], slope, rtol=1e-9, atol=1e-9)


# A coin under a coin, with a cost, the prior of the first and the entropies of both.
COINS = f"""
  %qa = dist.bernoulli %p_ : (tensor<f64>) -> {COIN}
  %a = prob.sample "a" from %qa : {COIN}
  %x = lax.convert %a : (tensor<i32>) -> tensor<f64>
  %l = lax.mul %x, %r_ : tensor<f64>
  %qb = dist.bernoulli_logits %l : (tensor<f64>) -> {COIN}
  %b = prob.sample "b" from %qb : {COIN}
  %y = lax.convert %b : (tensor<i32>) -> tensor<f64>
  %c = lax.mul %y, %r_ : tensor<f64>
  %s = lax.sub %x, %c : tensor<f64>
  %f = lax.exp %s : tensor<f64>
  %la = prob.log_density %qa at %a : {COIN}, tensor<i32> -> tensor<f64>
  %ha = lax.neg %la : tensor<f64>
  %lb = prob.log_density %qb at %b : {COIN}, tensor<i32> -> tensor<f64>
  %hb = lax.neg %lb : tensor<f64>
  prob.yield "f" %f, "a" %ha, "b" %hb : tensor<f64>, tensor<f64>, tensor<f64>
"""
COIN_AT = {"p": 0.35, "r": 0.9}


def coins() -> ModuleOp:
    """The coins' objective, of level 2."""
    return objective_module({"p": "unit_interval", "r": "real"}, COINS)


@pytest.mark.compat
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
@pytest.mark.parametrize("baseline", ["vimco", "none"])
def test_scored_samples_are_exact(samples: int, baseline: str) -> None:
    treated = apply(coins(), f"relbo-importance-weighted{{samples={samples} baseline={baseline}}}")
    assert hows(treated) == {"a": "score", "b": "score"}
    assert_exact(treated, coins(), COIN_AT, samples)


ORDERS = [-1.0, 0.5, 2.0]


@pytest.mark.parametrize("alpha", ORDERS)
@pytest.mark.parametrize("baseline", ["vimco", "none"])
def test_scored_samples_of_other_orders_are_exact(alpha: float, baseline: str) -> None:
    options = f"samples=3 alpha={alpha} baseline={baseline}"
    treated = apply(coins(), f"relbo-importance-weighted{{{options}}}")
    assert_exact(treated, coins(), COIN_AT, 3, alpha=alpha)


def test_the_order_tends_to_the_elbo() -> None:
    elbo = interpret_module(coins(), COIN_AT).value()
    values = [exact_bound(coins(), COIN_AT, 3, alpha=a)[0] for a in (-1.0, 0.0, 0.5, 1.0 - 1e-6)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(elbo, abs=1e-5) and values[-2] > elbo + 1e-3


def test_one_sample_is_the_elbo() -> None:
    elbo = interpret_module(coins(), COIN_AT)
    treated = apply(coins(), "relbo-importance-weighted{samples=1}")
    scored = apply(coins(), "relbo-score-function")
    result, plain = interpret_module(treated, COIN_AT), interpret_module(scored, COIN_AT)
    assert result.value() == pytest.approx(elbo.value(), abs=1e-12)
    for name, slope in elbo.gradient().items():
        assert result.gradient()[name] == pytest.approx(slope, abs=1e-12)
        variance = plain.gradient_variance()[name]
        assert result.gradient_variance()[name] == pytest.approx(variance, rel=1e-10)


def test_the_bound_grows_with_the_samples() -> None:
    values = [exact_bound(coins(), COIN_AT, samples)[0] for samples in (1, 2, 3, 4)]
    assert values == sorted(values) and values[0] < values[-1]


@pytest.mark.parametrize("baseline", ["vimco", "none"])
def test_the_variance_of_two_samples_of_a_coin(baseline: str) -> None:
    """
    Log weights w(z) = 2z: of two samples that differ by d, L − wⱼ = log((1 + eᵈ)/2), as the one
    baseline of a pair is the other's log weight; times zₖ − p, the score in the logit, summed.
    """
    body = f"""
      %q = dist.bernoulli_logits %phi_ : (tensor<f64>) -> {COIN}
      %b = prob.sample "b" from %q : {COIN}
      %x = lax.convert %b : (tensor<i32>) -> tensor<f64>
      %f = lax.add %x, %x : tensor<f64>
      prob.yield "f" %f : tensor<f64>
    """
    module = objective_module({"phi": "real"}, body)
    treated = apply(module, f"relbo-importance-weighted{{samples=2 baseline={baseline}}}")
    p = 1.0 / (1.0 + math.exp(-0.3))
    rows: list[tuple[float, float]] = []
    for pair in itertools.product((0, 1), repeat=2):
        mass = math.prod(p if z else 1.0 - p for z in pair)
        log_mean = math.log(0.5 * (math.exp(2.0 * pair[0]) + math.exp(2.0 * pair[1])))
        others = (2.0 * pair[1], 2.0 * pair[0]) if baseline == "vimco" else (0.0, 0.0)
        estimate = sum((log_mean - b) * (z - p) for z, b in zip(pair, others, strict=True))
        rows.append((mass, estimate))
    mean = sum(m * e for m, e in rows)
    variance = sum(m * (e - mean) ** 2 for m, e in rows)
    result = interpret_module(treated, {"phi": 0.3})
    assert result.gradient()["phi"] == pytest.approx(mean, abs=1e-12)
    assert result.gradient_variance()["phi"] == pytest.approx(variance, rel=1e-10)


def test_random_finite_programs_are_exact() -> None:
    """Pairs of samples, of all programs whose pairs of joint outcomes are few enough."""
    seen: list[int] = []

    @settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=60,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(programs("finite"), st.sampled_from(["vimco", "none"]))
    def check(program: Program, baseline: str) -> None:
        plain = apply(program.module, "relbo-form-elbo")
        sites = [op for op in plain.walk() if isinstance(op, prob.SampleOp)]
        if Choices(sites, PLAIN).count > 128:
            return
        step = f"relbo-importance-weighted{{samples=2 baseline={baseline}}}"
        assert_exact(apply(plain, step), plain, program.arguments, 2)
        seen.append(len(sites))

    check()
    assert len(seen) >= 30 and max(seen) >= 3


# A Normal under a Normal, with a parameter that model and guide share.
NORMALS = f"""
  %one = lax.constant "1.0" : tensor<f64>
  %half = lax.constant "0.9" : tensor<f64>
  %x = lax.constant "0.4" : tensor<f64>
  %q = dist.normal %m_, %half : (tensor<f64>, tensor<f64>) -> {LAW}
  %z = prob.sample "z" from %q : {LAW}
  %mu = lax.mul %z, %a_ : tensor<f64>
  %qv = dist.normal %mu, %s_ : (tensor<f64>, tensor<f64>) -> {LAW}
  %v = prob.sample "v" from %qv : {LAW}
  %pz = dist.normal %a_, %one : (tensor<f64>, tensor<f64>) -> {LAW}
  %lpz = prob.log_density %pz at %z : {LAW}, tensor<f64> -> tensor<f64>
  %pv = dist.normal %z, %one : (tensor<f64>, tensor<f64>) -> {LAW}
  %lpv = prob.log_density %pv at %v : {LAW}, tensor<f64> -> tensor<f64>
  %lq = prob.log_density %q at %z : {LAW}, tensor<f64> -> tensor<f64>
  %hq = lax.neg %lq : tensor<f64>
  %lqv = prob.log_density %qv at %v : {LAW}, tensor<f64> -> tensor<f64>
  %hqv = lax.neg %lqv : tensor<f64>
  prob.yield "z.prior" %lpz, "v.prior" %lpv, "z.entropy" %hq, "v.entropy" %hqv : tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>
"""
NORMAL_PARAMETERS = {"m": "real", "a": "real", "s": "positive"}
NORMAL_AT = {"m": 0.1, "a": 0.9, "s": 0.95}


def normals(body: str = NORMALS) -> ModuleOp:
    """The Normals' objective, of level 2."""
    return objective_module(NORMAL_PARAMETERS, body)


@pytest.mark.parametrize("samples", [1, 2])
def test_reparameterized_samples_are_exact(samples: int) -> None:
    treated = apply(normals(), f"relbo-importance-weighted{{samples={samples}}}")
    assert hows(treated) == {"z": "pathwise", "v": "pathwise"}
    assert_exact(treated, normals(), NORMAL_AT, samples, Precision(normal_nodes=5))


@pytest.mark.parametrize("alpha", [-0.25, 0.5, 2.0])
def test_double_reparameterization_of_other_orders(alpha: float) -> None:
    """The same gradient; of lower orders the nodes are too few."""
    options = f"samples=2 alpha={alpha}"
    plain = apply(normals(), f"relbo-importance-weighted{{{options}}}")
    assert_exact(plain, normals(), NORMAL_AT, 2, Precision(normal_nodes=5), alpha)
    twice = apply(normals(), f"relbo-importance-weighted{{{options} {TWICE}}}")
    one, other = (
        interpret_module(module, NORMAL_AT, Precision(normal_nodes=18)) for module in (plain, twice)
    )
    for name, slope in one.gradient().items():
        assert other.gradient()[name] == pytest.approx(slope, rel=1e-8, abs=1e-9), name


def test_double_reparameterization_keeps_the_gradient() -> None:
    """Shared parameters, a guide under a guide; both are quadrature, of 18 nodes an element."""
    plain = apply(normals(), "relbo-importance-weighted{samples=2}")
    twice = apply(normals(), f"relbo-importance-weighted{{samples=2 {TWICE}}}")
    one, other = (
        interpret_module(module, NORMAL_AT, Precision(normal_nodes=18)) for module in (plain, twice)
    )
    assert other.value() == pytest.approx(one.value(), abs=1e-12)
    for name, slope in one.gradient().items():
        assert other.gradient()[name] == pytest.approx(slope, rel=1e-8, abs=1e-9), name
    alone = apply(normals(), f"relbo-importance-weighted{{samples=1 {TWICE}}}")
    elbo = interpret_module(normals(), NORMAL_AT)
    for name, slope in elbo.gradient().items():
        assert interpret_module(alone, NORMAL_AT).gradient()[name] == pytest.approx(
            slope, abs=1e-10
        ), name


POSTERIOR = f"""
  %zero = lax.constant "0.0" : tensor<f64>
  %one = lax.constant "1.0" : tensor<f64>
  %x = lax.constant "0.4" : tensor<f64>
  %q = dist.normal %m_, %s_ : (tensor<f64>, tensor<f64>) -> {LAW}
  %z = prob.sample "z" from %q : {LAW}
  %p = dist.normal %zero, %one : (tensor<f64>, tensor<f64>) -> {LAW}
  %lp = prob.log_density %p at %z : {LAW}, tensor<f64> -> tensor<f64>
  %l = dist.normal %z, %one : (tensor<f64>, tensor<f64>) -> {LAW}
  %ll = prob.log_density %l at %x : {LAW}, tensor<f64> -> tensor<f64>
  %lq = prob.log_density %q at %z : {LAW}, tensor<f64> -> tensor<f64>
  %hq = lax.neg %lq : tensor<f64>
  prob.yield "z.prior" %lp, "x" %ll, "z.entropy" %hq : tensor<f64>, tensor<f64>, tensor<f64>
"""


def test_at_the_posterior_double_reparameterization_has_no_variance() -> None:
    """
    The weights are p(x) whatever is drawn: the bound is log p(x), and what moves through draws
    does not move it. The plain gradient keeps −½·Σ∇log q(zₖ), in m of variance ½/s² = 1.
    """
    at = {"m": 0.2, "s": math.sqrt(0.5)}
    module = objective_module({"m": "real", "s": "positive"}, POSTERIOR)
    plain = interpret_module(apply(module, "relbo-importance-weighted{samples=2}"), at)
    twice = interpret_module(apply(module, f"relbo-importance-weighted{{samples=2 {TWICE}}}"), at)
    evidence = -0.5 * math.log(4.0 * math.pi) - 0.04
    assert twice.value() == pytest.approx(evidence, abs=1e-12)
    assert plain.gradient_variance()["m"] == pytest.approx(1.0, abs=1e-9)
    for name in at:
        assert twice.gradient()[name] == pytest.approx(0.0, abs=1e-12)
        assert twice.gradient_variance()[name] == pytest.approx(0.0, abs=1e-12)


# A Normal and a coin in one program.
MIXED = f"""
  %one = lax.constant "1.0" : tensor<f64>
  %q = dist.normal %m_, %one : (tensor<f64>, tensor<f64>) -> {LAW}
  %z = prob.sample "z" from %q : {LAW}
  %qb = dist.bernoulli_logits %z : (tensor<f64>) -> {COIN}
  %b = prob.sample "b" from %qb : {COIN}
  %y = lax.convert %b : (tensor<i32>) -> tensor<f64>
  %d = lax.sub %z, %y : tensor<f64>
  %e = lax.square %d : tensor<f64>
  %f = lax.neg %e : tensor<f64>
  %lb = prob.log_density %qb at %b : {COIN}, tensor<i32> -> tensor<f64>
  %hb = lax.neg %lb : tensor<f64>
  prob.yield "f" %f, "b" %hb : tensor<f64>, tensor<f64>
"""


def test_scored_and_reparameterized_choices_mix() -> None:
    """The law of the coin moves with the Normal draw, and so does its score."""
    module = objective_module({"m": "real"}, MIXED)
    treated = apply(module, "relbo-importance-weighted{samples=2}")
    assert hows(treated) == {"z": "pathwise", "b": "score"}
    assert_exact(treated, module, {"m": 0.3}, 2, Precision(normal_nodes=6))
    planned = apply(
        module, 'relbo-assign-estimators{how="score"}', "relbo-importance-weighted{samples=2}"
    )
    assert hows(planned) == {"z": "score", "b": "score"}
    fixed = Precision(normal_nodes=6, exact_normal="weights")
    assert_exact(planned, module, {"m": 0.3}, 2, fixed)


# What is refused.

ENTROPY_TWICE = POSTERIOR.replace('"x" %ll', '"x" %hq')
REFUSED = {
    "order 1": (coins, ("relbo-importance-weighted{alpha=1.0}",), "of order 1 is the ELBO"),
    "no samples": (coins, ("relbo-importance-weighted{samples=0}",), "0 samples are none"),
    "option": (coins, ('relbo-importance-weighted{gradient="g"}',), "'g' is no option"),
    "decided": (
        coins,
        ("relbo-score-function{sites=a}", "relbo-importance-weighted"),
        "treated already: it is score",
    ),
    "planned for DisARM": (
        coins,
        ("relbo-assign-estimators{disarm=true}", "relbo-importance-weighted"),
        "disarm is no treatment of a choice in an atomic addend",
    ),
    "scored twice": (coins, (f"relbo-importance-weighted{{{TWICE}}}",), "the choice is scored"),
    "expanded": (
        normals,
        ("relbo-expand-densities", f"relbo-importance-weighted{{{TWICE}}}"),
        "does not stand in the log weight as −log q, once",
    ),
    "entropy counted twice": (
        lambda: objective_module({"m": "real", "s": "positive"}, ENTROPY_TWICE),
        (f"relbo-importance-weighted{{{TWICE}}}",),
        "does not stand in the log weight as −log q, once",
    ),
    "arguments for draws": (
        coins,
        ("relbo-importance-weighted", "relbo-expand-densities", "relbo-externalize-draws"),
        "each importance sample has draws of its own",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, steps, message = REFUSED[name]
    with pytest.raises(PassError, match=message):
        apply(make(), *steps)


def _rows_model(y: jax.Array) -> None:
    z = relbo_ir.sample("z", nd.Normal(0.0, 1.0))
    with relbo_ir.plate("rows", 6, subsample=3) as rows:
        relbo_ir.observe("y", nd.Normal(z, 1.0), y[rows])


def _rows_guide(y: jax.Array) -> None:
    relbo_ir.sample("z", nd.Normal(relbo_ir.param("m", 0.0), 1.0))


def test_a_minibatch_is_refused() -> None:
    with pytest.raises(PassError, match='the plate "rows" has a minibatch') as caught:
        relbo_ir.ELBO(_rows_model, _rows_guide).compile(
            np.zeros(6, np.float32), pipeline="importance-weighted"
        )
    assert caught.value.site == "rows"


# The emitted program, against its own draws.


def _step(module: ModuleOp, samples: int, particles: int, option: str = "") -> Any:
    treated = apply(module, f"relbo-importance-weighted{{samples={samples} {option}}}")
    steps = ("relbo-expand-densities", "relbo-lower-sampling")
    lowered = f"relbo-lower-estimators{{particles={particles}}}"
    return executable(apply(treated, *steps, lowered, "cse", "relbo-canonicalize"))


@pytest.mark.parametrize(
    ("samples", "particles", "alpha"), [(1, 1, 0), (3, 1, 0), (3, 2, 0), (1, 1, 2), (3, 1, -0.5)]
)
@pytest.mark.parametrize("option", ["", TWICE])
def test_the_emitted_program_is_the_bound_of_its_draws(
    samples: int, particles: int, alpha: float, option: str
) -> None:
    """Its own draws, put into the bound in NumPy and differentiated by hand."""
    beta = 1.0 - alpha
    at = {"m": 0.1, "s": 0.8}
    with jax.enable_x64(True):
        module = objective_module({"m": "real", "s": "positive"}, POSTERIOR)
        program = _step(module, samples, particles, f"{option} alpha={alpha}")
        drawing = executable(apply(module, *DRAWING))
        params = {name: jnp.float64(value) for name, value in at.items()}
        key = jax.random.key(3)
        value, gradient = program.run(params, key, ())
        values: list[float] = []
        slopes: list[Any] = []
        for p in range(particles):
            outer = key if particles == 1 else jax.random.fold_in(key, p)
            keys = (
                [outer] if samples == 1 else [jax.random.fold_in(outer, k) for k in range(samples)]
            )
            z = np.array([float(drawing.run(params, k, ())["z"]) for k in keys])
            e = (z - at["m"]) / at["s"]
            weights = (
                -0.5 * (z**2 + (0.4 - z) ** 2 - e**2)
                + math.log(at["s"])
                - 0.5 * math.log(2 * math.pi)
            )
            values.append(log_sum(weights, beta) - math.log(samples) / beta)
            shares = np.exp(beta * (weights - log_sum(weights, beta)))
            through = -z - (z - 0.4) + e / at["s"]
            direct = np.array([-e / at["s"], (1.0 - e**2) / at["s"]])
            paths = np.array([through, through * e])
            twice = (alpha * shares + beta * shares**2) * paths
            rows = twice if option else shares * (paths + direct)
            slopes.append(np.sum(rows, axis=1))
        assert float(value) == pytest.approx(np.mean(values), abs=1e-12)
        for name, slope in zip(at, np.mean(slopes, axis=0), strict=True):
            assert float(gradient[name]) == pytest.approx(slope, abs=1e-11)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0])
def test_the_emitted_scores_are_those_of_its_draws(alpha: float) -> None:
    """Four samples of the coins: Σₖ w̃ₖ·∇log wₖ + (L − bₖ)·∇log q, in NumPy."""
    r, p, samples, beta = COIN_AT["r"], COIN_AT["p"], 4, 1.0 - alpha
    with jax.enable_x64(True):
        program = _step(coins(), samples, 1, f"alpha={alpha}")
        drawing = executable(apply(coins(), *DRAWING))
        params = {name: jnp.float64(value) for name, value in COIN_AT.items()}
        for seed in range(5):
            key = jax.random.key(seed)
            drawn = [drawing.run(params, jax.random.fold_in(key, k), ()) for k in range(samples)]
            value, gradient = program.run(params, key, ())
            a = np.array([float(d["a"]) for d in drawn])
            b = np.array([float(d["b"]) for d in drawn])
            cost = np.exp(a - b * r)
            log_a = np.where(a == 1.0, math.log(p), math.log1p(-p))
            log_b = a * b * r - np.logaddexp(0.0, a * r)
            weights = cost - log_a - log_b
            bound = log_sum(weights, beta) - math.log(samples) / beta
            shares = np.exp(beta * (weights - log_sum(weights, beta)))
            learned: list[float] = []
            for k in range(samples):
                others = np.delete(weights, k)
                filled = np.append(others, np.mean(others))
                learned.append(bound - log_sum(filled, beta) + math.log(samples) / beta)
            in_p = np.where(a == 1.0, 1.0 / p, -1.0 / (1.0 - p))
            in_r = a * (b - 1.0 / (1.0 + np.exp(-a * r)))
            slopes = {
                "p": np.sum(shares * -in_p + np.array(learned) * in_p),
                "r": np.sum(shares * (-b * cost - in_r) + np.array(learned) * in_r),
            }
            assert float(value) == pytest.approx(bound, abs=1e-12)
            for name, slope in slopes.items():
                assert float(gradient[name]) == pytest.approx(slope, abs=1e-11)


def _model(y: jax.Array) -> None:
    z = relbo_ir.sample("z", nd.Normal(0.0, 1.0))
    with relbo_ir.plate("rows", 3):
        b = relbo_ir.sample("b", nd.Bernoulli(0.4))
        relbo_ir.observe("y", nd.Normal(z + b, 1.0), y)


def _guide(y: jax.Array) -> None:
    relbo_ir.sample("z", nd.Normal(relbo_ir.param("m", 0.2), 0.7))
    with relbo_ir.plate("rows", 3):
        relbo_ir.sample("b", nd.Bernoulli(logits=relbo_ir.param("phi", jnp.zeros(3))))


def test_the_pipeline_says_what_it_estimates() -> None:
    y = np.array([0.5, 1.5, -0.2], np.float32)
    objective = relbo_ir.ELBO(_model, _guide).compile(y, pipeline="importance-weighted")
    text = str(objective.explain())
    assert "the importance-weighted bound of 8 samples: tighter than the ELBO" in text
    assert "as an estimate of the ELBO biased" in text
    assert 'weighed by the scores of (VIMCO, a baseline for each sample): "b"' in text
    steps = ("objective", "relbo-importance-weighted{samples=64}", "program")
    tighter = relbo_ir.ELBO(_model, _guide).compile(y, pipeline=steps)
    elbo = relbo_ir.ELBO(_model, _guide).compile(y)
    params, keys = elbo.init(0), jax.random.split(jax.random.key(0), 4000)
    means = [
        float(
            np.mean(jax.jit(jax.vmap(lambda k, o=o: o.step_function(params, k, o.data)[0]))(keys))
        )
        for o in (elbo, objective, tighter)
    ]
    # Seed 0, 4,000 draws: the gaps are above .1, the standard errors below .02.
    assert means[0] + 0.1 < means[1] and means[1] < means[2]


def test_double_reparameterization_says_so() -> None:
    def model() -> None:
        relbo_ir.sample("z", nd.Normal(0.0, 1.0))

    def guide() -> None:
        relbo_ir.sample("z", nd.Normal(relbo_ir.param("m", 0.2), 0.7))

    steps = ("objective", f"relbo-importance-weighted{{samples=4 {TWICE}}}", "program")
    text = str(relbo_ir.ELBO(model, guide).compile(pipeline=steps).explain())
    assert "the importance-weighted bound of 4 samples" in text
    assert 'doubly reparameterized in: "z"' in text
