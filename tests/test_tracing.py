"""What tracing takes in, and what objectives give: values against NumPyro's at our own draws."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
from helpers.languages import LANGUAGES, NATIVE
from jax.core import Tracer
from numpyro import handlers
from numpyro.distributions.transforms import AffineTransform, SigmoidTransform
from numpyro.infer.autoguide import AutoNormal
from numpyro.infer.util import log_density

import relbo_ir as rb
from relbo_ir import distributions as dist
from relbo_ir.dialects import prob
from relbo_ir.dialects.location import source_line
from relbo_ir.lowering import executable
from relbo_ir.lowering.autoguides import prepare_auto_guide

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(6, 2)), RNG.normal(size=(6,))


def line_of(function: Callable[..., Any], mark: str) -> str:
    """`test_tracing.py:NN` of the line of the function that holds the mark."""
    lines, start = inspect.getsourcelines(function)
    (number,) = (start + k for k, text in enumerate(lines) if mark in text)
    return f"test_tracing.py:{number}"


def sites(objective: rb.Objective, level: int = 1) -> dict[str, Any]:
    """Choices and observations of a level, by name (those of the guide where it has them too)."""
    ops = objective.ir(level).walk()
    return {
        op.site.data: op
        for op in ops
        if isinstance(op, (prob.SampleOp, prob.ObserveOp, prob.DeterministicOp))
    }


# ELBOs of every kind, in both languages, against NumPyro's log densities


def regression(pp: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    def model(x: Any, y: Any) -> None:
        weights = pp.sample("weights", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
        noise = pp.sample("noise", dist.HalfNormal(1.0))
        with pp.plate("rows", len(y)):
            mean = pp.deterministic("mean", x @ weights)
            pp.observe("y", dist.Normal(mean, noise), y)
        pp.factor("ridge", -0.1 * weights**2)

    def guide(x: Any, y: Any) -> None:
        loc = pp.param("loc", 0.3 * jnp.ones(2))
        scale = pp.param("scale", 0.5 * jnp.ones(2), constraint=rb.constraints.positive)
        pp.sample("weights", dist.Normal(loc, scale).to_event(1))
        pp.sample("noise", dist.LogNormal(pp.param("noise.loc", -0.5), 0.3))

    return model, guide, (X, Y)


def nested_plates(pp: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    def model(counts: Any) -> None:
        rate = pp.sample("rate", dist.Gamma(2.0, 1.0))
        with pp.plate("columns", 2, dim=-1):
            tilt = pp.sample("tilt", dist.Normal(0.0, 1.0))
            with pp.plate("rows", 3, dim=-2):
                bump = pp.sample("bump", dist.Beta(2.0, 3.0))
                pp.observe("counts", dist.Poisson(rate * jnp.exp(tilt) + bump), counts)

    def guide(counts: Any) -> None:
        positive = rb.constraints.positive
        pp.sample("rate", dist.LogNormal(0.2, pp.param("a", 0.3, constraint=positive)))
        with pp.plate("columns", 2, dim=-1):
            pp.sample("tilt", dist.Normal(pp.param("m", jnp.zeros(2)), 0.4))
            with pp.plate("rows", 3, dim=-2):
                bump = dist.Normal(pp.param("b", -0.5), 0.3)
                pp.sample("bump", dist.TransformedDistribution(bump, SigmoidTransform()))

    return model, guide, (np.arange(6).reshape(3, 2),)


def discrete(pp: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    def model(y: Any) -> None:
        with pp.plate("rows", len(y)):
            kind = pp.sample("kind", dist.Categorical(probs=jnp.array([0.2, 0.3, 0.5])))
            bit = pp.sample("bit", dist.Bernoulli(0.4))
            pp.observe("y", dist.Normal(jnp.array([-1.0, 0.0, 2.0])[kind] + bit, 1.0), y)

    def guide(y: Any) -> None:
        with pp.plate("rows", len(y)):
            logits = pp.param("logits", 0.1 * jnp.arange(18.0).reshape(6, 3))
            kind = pp.sample("kind", dist.Categorical(logits=logits))
            odds = pp.param("odds", 0.3)
            extra = pp.sample("extra", dist.Normal(odds, 1.0), **auxiliary(pp))
            pp.sample("bit", dist.Bernoulli(logits=odds * kind + extra))

    return model, guide, (Y,)


def auxiliary(pp: Any) -> dict[str, Any]:
    """How a language marks a choice that only the guide has."""
    return {"auxiliary": True} if pp is NATIVE else {"infer": {"is_auxiliary": True}}


MODELS = {"regression": regression, "nested plates": nested_plates, "discrete": discrete}


@partial(jax.jit, static_argnums=(0, 1))
def reference(model: Any, guide: Any, args: Any, at: Any) -> tuple[Any, Any]:
    """NumPyro's log p and log q at these parameters and draws."""
    fixed = handlers.substitute(handlers.seed(model, 0), at)
    return log_density(fixed, args, {}, {})[0], log_density(guide, args, {}, at)[0]


def check_against_numpyro(objective: rb.Objective, model: Any, guide: Any, args: Any) -> None:
    params = objective.init(3)
    constrained = objective.constrain(params)
    program = objective.variant("draws")
    data = objective.data_for(program)
    choices = {op.site.data for op in objective.ir(2).walk() if isinstance(op, prob.SampleOp)}
    wide = jnp.result_type(float) == jnp.float64
    for number in range(3):
        key = jax.random.key(number)
        draws = program.run(params, key, data)
        at = {**constrained, **{name: draws[name] for name in choices}}
        log_p, log_q = reference(model, guide, args, at)
        value, gradient = objective.value_and_grad(params, key)
        assert value.dtype == (jnp.float64 if wide else jnp.float32)
        assert {g.dtype for g in gradient.values()} <= {value.dtype}
        tolerance = 1e-9 if wide else 1e-5
        scale = abs(float(log_p)) + abs(float(log_q))
        np.testing.assert_allclose(value, log_p - log_q, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize(
    ("language", "wide"), [("native", False), ("numpyro", True)], ids=["native-32", "numpyro-64"]
)
@pytest.mark.parametrize("name", MODELS)
def test_the_value_is_numpyros_at_our_draws(name: str, language: str, wide: bool) -> None:
    with jax.enable_x64(wide):
        # A native model runs under NumPyro's handlers too.
        model, guide, args = MODELS[name](LANGUAGES[language])
        objective = rb.ELBO(model, guide).compile(*args)
        check_against_numpyro(objective, model, guide, args)


def positive_and_bounded(y: Any) -> None:
    numpyro.sample("real", dist.Normal(0.0, 2.0).expand([2]).to_event(1))
    scale = numpyro.sample("scale", dist.Gamma(2.0, 1.0))
    share = numpyro.sample("share", dist.Beta(2.0, 2.0))
    bounded = numpyro.sample("bounded", dist.Uniform(-1.0, 3.0))
    with numpyro.plate("rows", len(y)):
        local = numpyro.sample("local", dist.Normal(bounded, 1.0))
        numpyro.sample("y", dist.Normal(local * share, scale), obs=y)


@pytest.mark.compat
def test_auto_normal_is_numpyros_at_our_draws() -> None:
    with jax.enable_x64(True):
        args = (jnp.asarray(Y),)
        guide = AutoNormal(positive_and_bounded, init_scale=0.3)
        objective = rb.ELBO(positive_and_bounded, guide).compile(*args)
        prepared = prepare_auto_guide(guide, jax.random.key(0), args, {})
        check_against_numpyro(objective, positive_and_bounded, prepared, args)


def test_auto_normal_starts_anew_from_each_key_and_is_left_alone() -> None:
    guide = AutoNormal(positive_and_bounded)
    before = copy.copy(vars(guide))
    objective = rb.ELBO(positive_and_bounded, guide).compile(Y)
    first, again, other = objective.init(0), objective.init(0), objective.init(1)
    assert vars(guide).keys() == before.keys()
    assert all(vars(guide)[name] is before[name] for name in before)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), first, again)
    assert all(same.values())
    assert not np.array_equal(first["scale_auto_loc"], other["scale_auto_loc"])


# Sites keep name, plates and line


@pytest.mark.parametrize("language", LANGUAGES)
def test_sites_keep_name_plates_and_line(language: str) -> None:
    pp = LANGUAGES[language]

    def model() -> None:
        with pp.plate("columns", 2, dim=-1), pp.plate("rows", 3, dim=-2):
            z = pp.sample("z", dist.Normal(0.0, 1.0))  # line of z
            pp.deterministic("d", 2 * z)  # line of d
            pp.observe("x", dist.Normal(z, 1.0), np.zeros((3, 2)))  # line of x

    def guide() -> None:
        with pp.plate("columns", 2, dim=-1), pp.plate("rows", 3, dim=-2):
            pp.sample("z", dist.Normal(pp.param("loc", 0.0), 1.0))  # guide's line

    objective = rb.ELBO(model, guide).compile()
    model_sites: dict[str, Any] = {
        op.site.data: op
        for op in objective.ir(1).walk()
        if isinstance(op, (prob.SampleOp, prob.ObserveOp, prob.DeterministicOp))
        and (line := source_line(op)) is not None
        and not line.endswith(line_of(guide, "guide's line"))
    }
    for name in ("z", "d", "x"):
        line = source_line(model_sites[name])
        assert line is not None and line.endswith(line_of(model, f"line of {name}"))
    for name in ("z", "x"):
        plates = model_sites[name].plates
        assert [(a.plate.string_value(), a.axis.data) for a in plates] == [
            ("columns", -1),
            ("rows", -2),
        ]
    text = objective.explain()
    assert '"z"' in text and "Normal" in text and "in plate columns, rows" in text
    assert line_of(guide, "guide's line") in text
    assert "pathwise" in text and "differentiable" in text


def test_explain_says_why_a_choice_is_not_pathwise() -> None:
    def both() -> None:
        odds = rb.param("odds", 0.0)
        rb.sample("b", dist.Bernoulli(0.5), guide=dist.Bernoulli(logits=odds))  # line of b

    text = rb.ELBO(both).compile().explain()
    assert '"b"' in text and "BernoulliLogits, score" in text and line_of(both, "line of b") in text
    assert "not pathwise:" in text


# jit, and the cache that JAX keeps of what it traced


@pytest.mark.compat
def test_a_jitted_helper_is_met_anew_by_every_model() -> None:
    @jax.jit
    def helper(x: Any) -> Any:
        loc = rb.param("loc", lambda key: 0.0 * jax.random.normal(key) + 0.5)
        return rb.sample("z", dist.Normal(x, 1.0), guide=dist.Normal(loc, 1.0))

    def plain(x: Any) -> None:
        helper(x)

    def in_rows(x: Any) -> None:
        with rb.plate("rows", 3):
            helper(x)

    def in_columns(x: Any) -> None:
        with rb.plate("columns", 4):
            helper(x)

    found: list[tuple[tuple[int, ...], list[str]]] = []
    for model in (plain, in_rows, in_columns, plain):
        objective = rb.ELBO(model).compile(np.float32(1.0))
        z = sites(objective)["z"]
        plates = [axis.plate.string_value() for axis in z.plates or ()]
        found.append((z.value.type.get_shape(), plates))
        params = objective.init(0)
        assert params["loc"] == 0.5
        assert np.isfinite(objective.value(params, 0))
    assert found == [((), []), ((3,), ["rows"]), ((4,), ["columns"]), ((), [])]


def test_jitted_helpers_close_over_arrays_and_nest() -> None:
    closed = np.array([1.0, 2.0, 3.0], np.float32)

    @jax.jit
    def inner(y: Any) -> Any:
        return rb.sample("z", dist.Normal(0.0, 1.0)) + y

    def model() -> None:
        @jax.checkpoint
        def outer(y: Any) -> Any:
            shifted = inner(y) * jnp.asarray(closed)
            rb.observe("x", dist.Normal(shifted, 1.0), closed)
            return shifted

        rb.deterministic("d", outer(0.5))

    objective = rb.ELBO(model, lambda: rb.sample("z", dist.Normal(0.0, 1.0))).compile()
    program = objective.variant("draws")
    key = jax.random.key(4)
    draws = program.run({}, key, objective.data_for(program))
    np.testing.assert_allclose(draws["d"], (draws["z"] + 0.5) * closed, rtol=1e-6)
    want = dist.Normal(draws["d"], 1.0).log_prob(closed).sum()
    np.testing.assert_allclose(objective.value({}, key), want, rtol=1e-5)


# Data and statics


def test_arrays_are_data_wherever_they_stand_and_the_rest_is_static() -> None:
    met: list[Any] = []

    def model(x: Any, n: int, *more: Any, table: Any, flag: str = "a") -> None:
        met.append((n, flag, table["unit"], isinstance(x, Tracer)))
        mean = x.sum() + n * more[0] + table["deep"][1]["w"].sum()
        rb.observe("y", dist.Normal(mean, 1.0), table["y"])

    table = {"y": np.ones(2), "deep": [0, {"w": np.arange(3.0)}], "unit": "m"}
    objective = rb.ELBO(model).compile(np.arange(2.0), 3, np.float32(0.5), table=table, flag="b")
    assert met == [(3, "b", "m", True)]
    value = objective.value({}, 0)

    def want(total: float) -> float:
        return -((1 - total) ** 2) - np.log(2 * np.pi)

    np.testing.assert_allclose(value, want(1 + 1.5 + 3), rtol=1e-6)
    changed = {**table, "y": np.ones(2), "deep": [0, {"w": np.zeros(3)}]}
    data = objective.prepare(np.ones(2), 3, np.float32(1.0), table=changed, flag="b")
    np.testing.assert_allclose(objective.value({}, 0, data), want(2 + 3.0), rtol=1e-6)


def test_static_values_change_the_trace() -> None:
    def model(count: int) -> None:
        for k in range(count):
            rb.sample(f"z{k}", dist.Normal(0.0, 1.0), guide=dist.Normal(0.0, 1.0))

    assert list(sites(rb.ELBO(model).compile(2))) == ["z0", "z1"]
    assert list(sites(rb.ELBO(model).compile(3))) == ["z0", "z1", "z2"]


def test_a_guide_reads_data_under_its_own_argument_names() -> None:
    def model(x: Any, y: Any) -> None:
        rb.observe("y", dist.Normal(rb.sample("z", dist.Normal(0.0, 1.0)) * x, 1.0), y)

    def guide(first: Any, second: Any) -> None:
        rb.sample("z", dist.Normal(first.mean() + second.mean(), 1.0))

    objective = rb.ELBO(model, guide).compile(np.ones(3), np.full(3, 2.0))
    check_against_numpyro(objective, model, guide, (np.ones(3), np.full(3, 2.0)))


@pytest.mark.compat
def test_closed_over_arrays_are_passed_afresh_and_code_is_shared() -> None:
    def make(values: Any) -> rb.Objective:
        def model() -> None:
            rb.observe("x", dist.Normal(jnp.asarray(values), 1.0), np.zeros(3, np.float32))

        return rb.ELBO(model).compile()

    first = make(np.array([1.0, 2.0, 3.0]))
    size = len(executable._CACHE)  # pyright: ignore[reportPrivateUsage]
    second = make(np.array([0.0, 0.0, 0.5]))
    assert len(executable._CACHE) == size  # pyright: ignore[reportPrivateUsage]
    assert first.source() == second.source()
    constant = -1.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(first.value({}, 0), constant - 7.0, rtol=1e-6)
    np.testing.assert_allclose(second.value({}, 0), constant - 0.125, rtol=1e-6)
    np.testing.assert_allclose(first.value({}, 0), constant - 7.0, rtol=1e-6)


def _closures(module: Any) -> dict[str, list[str]]:
    """The types of the arrays that each function closes over and that are arguments of it."""
    return {
        op.sym_name.data: [str(argument.type) for argument, _ in op.arguments(prob.ClosureAttr)]
        for op in module.walk()
        if isinstance(op, prob.FuncOp)
    }


@pytest.mark.parametrize("kind", [np.array, jnp.array])
def test_arrays_that_bounds_are_computed_from_are_known(kind: Any) -> None:
    """In the model and in the guide, as scales of one number are; observations stay arguments."""
    low, width = kind([0.0, 1.0, -2.0]), kind([1, 2, 3])

    def make(y: Any) -> tuple[Any, Any, rb.Objective]:
        def model() -> None:
            z = rb.sample("z", dist.Uniform(low, low + 2 * width))
            rb.observe("y", dist.Normal(z, 1.0), y)

        def guide() -> None:
            base = dist.Normal(rb.param("loc", 0.3 * jnp.ones(3)), 1.0)
            onto = [SigmoidTransform(), AffineTransform(low, 2 * width)]
            rb.sample("z", dist.TransformedDistribution(base, onto))

        return model, guide, rb.ELBO(model, guide).compile()

    model, guide, objective = make(kind([0.1, 0.2, 0.3]))
    assert _closures(objective.ir(1)) == {"model": ["tensor<3xf32>"], "guide": []}
    assert ", pathwise\n" in str(objective.explain())
    check_against_numpyro(objective, model, guide, ())
    assert make(kind([0.4, 0.2, 0.3]))[2].source() == objective.source()
    low = low - 0.5
    assert make(kind([0.1, 0.2, 0.3]))[2].source() != objective.source()


def test_long_arrays_of_bounds_stay_arguments() -> None:
    """Their text would hide the program, and the choice is scored."""
    low, high = np.linspace([0.0, 1.0], [0.5, 2.0], 257, dtype=np.float32).T

    def model() -> None:
        rb.sample("z", dist.Uniform(low, high).to_event(1))

    objective = rb.ELBO(model, AutoNormal(model)).compile()
    assert _closures(objective.ir(1))["model"] == ["tensor<257xf32>"] * 2
    assert ", pathwise\n" not in str(objective.explain())


def test_precisions_do_not_share_code() -> None:
    def model(x: Any) -> None:
        rb.observe("x", dist.Normal(rb.param("m", 0.1), 1.0), x)

    narrow = rb.ELBO(model).compile(Y)
    with jax.enable_x64(True):
        wide = rb.ELBO(model).compile(Y)
        params = wide.init()
        assert params["m"].dtype == jnp.float64
        value = wide.value(params, 0)
        assert value.dtype == jnp.float64
        want = dist.Normal(0.1, 1.0).log_prob(Y).sum()
        np.testing.assert_allclose(value, want, rtol=1e-13)
    assert narrow.init()["m"].dtype == narrow.value(narrow.init(), 0).dtype == jnp.float32


@pytest.mark.compat
def test_a_guide_in_place_is_the_same_as_two_functions() -> None:
    def model(x: Any) -> None:
        z = rb.sample("z", dist.Normal(0.0, 1.0))
        rb.observe("x", dist.Normal(z, 1.0), x)

    def guide(x: Any) -> None:
        loc, scale = rb.param("loc", 0.3), rb.param("scale", 0.7, rb.constraints.positive)
        rb.sample("z", dist.Normal(loc, scale))

    def both(x: Any) -> None:
        loc, scale = rb.param("loc", 0.3), rb.param("scale", 0.7, rb.constraints.positive)
        z = rb.sample("z", dist.Normal(0.0, 1.0), guide=dist.Normal(loc, scale))
        rb.observe("x", dist.Normal(z, 1.0), x)

    two, one = rb.ELBO(model, guide).compile(Y), rb.ELBO(both).compile(Y)
    params = two.init()
    for key in range(3):
        a, b = two.value_and_grad(params, key), one.value_and_grad(one.init(), key)
        np.testing.assert_allclose(a[0], b[0], rtol=1e-6)
        for name in params:
            np.testing.assert_allclose(a[1][name], b[1][name], rtol=1e-5)


def test_what_a_model_reads_elsewhere_is_static() -> None:
    clock = [1.0]

    def model() -> None:
        rb.factor("f", clock[0])

    objective = rb.ELBO(model).compile()
    clock[0] = 2.0
    assert objective.value({}, 0) == 1.0


def test_observed_integers_and_bits_are_numbers() -> None:
    def model(n: Any, b: Any) -> None:
        rb.observe("n", dist.Normal(0.5, 1.0), n)
        rb.observe("b", dist.Bernoulli(0.2), b)
        rb.observe("f", dist.Poisson(2.0), n.astype(float))

    n, b = np.arange(3), np.array([True, False])
    want = (
        dist.Normal(0.5, 1.0).log_prob(n).sum()
        + dist.Bernoulli(0.2).log_prob(b.astype(int)).sum()
        + dist.Poisson(2.0).log_prob(n).sum()
    )
    np.testing.assert_allclose(rb.ELBO(model).compile(n, b).value({}, 0), want, rtol=1e-6)


# Parameters


def test_parameters_start_from_numbers_keys_data_and_each_other() -> None:
    def model(x: Any) -> None:
        a = rb.param("a", lambda key: jax.random.normal(key, (2,)))
        b = rb.param("b", x.mean())
        c = rb.param("c", 2 * b + 1, rb.constraints.positive)
        d = rb.param("d", 1)
        rb.factor("f", a.sum() + b + c + d)

    objective = rb.ELBO(model).compile(Y)
    first = objective.constrain(objective.init(0))
    np.testing.assert_allclose(first["b"], Y.mean(), rtol=1e-5)
    np.testing.assert_allclose(first["c"], 2 * Y.mean() + 1, rtol=1e-5)
    assert first["d"] == 1.0 and first["d"].dtype == jnp.float32
    np.testing.assert_array_equal(first["a"], objective.constrain(objective.init(0))["a"])
    assert not np.array_equal(first["a"], objective.constrain(objective.init(1))["a"])
    total = sum(float(jnp.sum(p)) for p in first.values())
    np.testing.assert_allclose(objective.value(objective.init(0), 0), total, rtol=1e-5)


def test_a_shared_parameter_is_one() -> None:
    def model() -> None:
        w = rb.param("w", 0.5)
        rb.sample("z", dist.Normal(w, 1.0))

    def guide() -> None:
        w = rb.param("w", 0.5)
        rb.sample("z", dist.Normal(2 * w, 1.0))

    objective = rb.ELBO(model, guide).compile()
    assert list(objective.init()) == ["w"]
    check_against_numpyro(objective, model, guide, ())


# Objectives under the caller's transformations


@pytest.fixture(name="small", scope="module")
def small_objective() -> rb.Objective:
    model, guide, args = regression(NATIVE)
    return rb.ELBO(model, guide).compile(*args)


def test_under_jit_first_and_plainly_later() -> None:
    model, guide, args = regression(NATIVE)
    objective = rb.ELBO(model, guide).compile(*args)
    params, key = objective.init(), jax.random.key(5)
    # The arrays that the objective keeps are made inside this jit, and must outlive it.
    jitted = jax.jit(objective.value_and_grad)(params, key)
    plain = objective.value_and_grad(params, key)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), jitted, plain)
    np.testing.assert_allclose(objective.value(params, key), plain[0], rtol=1e-6)
    prepared = objective.prepare(*args)
    inside = jax.jit(lambda x, y: objective.value(params, key, objective.prepare(x, y)))
    np.testing.assert_allclose(inside(*map(jnp.asarray, args)), plain[0], rtol=1e-5)
    assert [a.shape for a in prepared] == [a.shape for a in objective.data]


@pytest.mark.compat
def test_under_vmap_over_keys_and_over_parameters(small: rb.Objective) -> None:
    params, keys = small.init(), jax.random.split(jax.random.key(1), 4)
    values, gradients = jax.vmap(small.value_and_grad, in_axes=(None, 0))(params, keys)
    singles = [small.value_and_grad(params, key) for key in keys]
    np.testing.assert_allclose(values, [v for v, _ in singles], rtol=1e-4)
    for name in params:
        np.testing.assert_allclose(
            gradients[name], [g[name] for _, g in singles], rtol=1e-3, atol=1e-4
        )
    stacked = jax.tree.map(lambda p: jnp.stack([p, p + 0.1]), params)
    wide = jax.jit(jax.vmap(small.value, in_axes=(0, None)))(stacked, keys[0])
    for row in range(2):
        own = jax.tree.map(lambda p, row=row: p[row], stacked)
        np.testing.assert_allclose(wide[row], small.value(own, keys[0]), rtol=1e-4)


def test_keys_of_every_kind_are_one(small: rb.Objective) -> None:
    params = small.init()
    keys: list[Any] = [7, np.int64(7), jax.random.key(7), jax.random.PRNGKey(7)]
    values = {float(small.value(params, key)) for key in keys}
    assert len(values) == 1
    assert float(small.value(params, 8)) not in values


def test_every_view_of_an_objective(small: rb.Objective) -> None:
    assert "def run(" in small.source()
    assert "relbo_" not in str(small.jaxpr())
    texts = [str(small.ir(level)) for level in (1, 2, 3, 4)]
    assert len(set(texts)) == 4
    assert "prob.elbo" in texts[0] and "prob.expectation" in texts[1]
    program = small.variant("addends")
    params, key = small.init(), jax.random.key(2)
    addends = program.run(params, key, small.data_for(program))
    total = sum(float(v) for v in addends.values())
    np.testing.assert_allclose(total, small.value(params, key), rtol=1e-5)
