"""Sites in loops, held to the same program written out step by step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.externalized import externalized
from helpers.loops import (
    DECIDED,
    SCORED,
    Program,
    assert_same,
    assert_same_variance,
    level_1,
    outcomes,
)
from numpyro import handlers
from oracle import Outcomes, Precision
from oracle.objectives import find_function

import relbo_ir as rb
from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import ModelError
from relbo_ir.pipelines import resolve, run

T = 3
Y = np.array([0.4, -1.1, 0.7])


def vector(name: str) -> Any:
    return rb.param(name, jnp.zeros(T))


def named(z: str, inside: bool, t: int) -> str:
    return z if inside else f"{z}{t}"


def loop(inside: bool, step: Program, start: Any, xs: Any, reverse: bool = False) -> Any:
    """A loop, or the same written out; `step(carry, x, t)` names its sites by t if written out."""
    if inside:
        carry, ys = jax.lax.scan(lambda c, x: step(c, x, 0), start, xs, reverse=reverse)
        return carry, ys
    carry, ys = start, {}
    steps = range(len(jax.tree.leaves(xs)[0]))
    for t in reversed(steps) if reverse else steps:
        carry, ys[t] = step(carry, jax.tree.map(lambda x, t=t: x[t], xs), t)
    return carry, [ys[t] for t in steps]


# Each case writes a model and a guide twice: with the loop (True) and written out (False).


def markov(inside: bool, reverse: bool = False) -> tuple[Program, Program]:
    """A hidden Markov chain of coins, under a guide of independent coins."""

    def model(y: Any) -> None:
        def step(before: Any, y: Any, t: int) -> Any:
            z = rb.sample(named("z", inside, t), nd.Bernoulli(0.2 + 0.5 * before))
            rb.observe(named("y", inside, t), nd.Normal(1.5 * z, 1.0), y)
            return 1.0 * z, None

        loop(inside, step, 1.0, y, reverse)

    def guide(y: Any) -> None:
        def step(c: Any, u: Any, t: int) -> Any:
            rb.sample(named("z", inside, t), nd.Bernoulli(logits=u))
            return c, None

        loop(inside, step, 0.0, vector("u"), reverse)

    return model, guide


def chain(inside: bool, reverse: bool = False) -> tuple[Program, Program]:
    """The same, under a guide that is a chain: its draws read the draws before them."""
    model, _ = markov(inside, reverse)

    def guide(y: Any) -> None:
        a = rb.param("a", 0.7)

        def step(before: Any, u: Any, t: int) -> Any:
            z = rb.sample(named("z", inside, t), nd.Bernoulli(logits=u + a * before))
            return 1.0 * z, None

        loop(inside, step, 0.0, vector("u"), reverse)

    return model, guide


def two_chains(inside: bool) -> tuple[Program, Program]:
    """Two choices a step that read each other, and a sum that accumulates costs in the carry."""

    def model(y: Any) -> None:
        def step(carry: Any, y: Any, t: int) -> Any:
            before, total = carry
            z = rb.sample(named("z", inside, t), nd.Bernoulli(0.3 + 0.3 * before))
            w = rb.sample(named("w", inside, t), nd.Bernoulli(0.6 - 0.2 * z))
            return (1.0 * w, total + y * z * (1.0 + w)), None

        (_, total), _ = loop(inside, step, (0.0, 0.0), y)
        rb.factor("total", total)

    def guide(y: Any) -> None:
        a = rb.param("a", 0.7)

        def step(before: Any, u: Any, t: int) -> Any:
            z = rb.sample(named("z", inside, t), nd.Bernoulli(logits=u + a * before))
            w = rb.sample(named("w", inside, t), nd.Bernoulli(logits=u - z))
            return 1.0 * w, None

        loop(inside, step, 0.0, vector("u"))

    return model, guide


def random_walk(inside: bool) -> tuple[Program, Program]:
    """Normal draws, each around the one before it."""

    def model(y: Any) -> None:
        def step(before: Any, y: Any, t: int) -> Any:
            z = rb.sample(named("z", inside, t), nd.Normal(0.9 * before, 1.0))
            rb.observe(named("y", inside, t), nd.Normal(z, 0.5), y)
            return z, None

        loop(inside, step, 0.0, y)

    def guide(y: Any) -> None:
        a, s = rb.param("a", 0.3), rb.param("s", 0.8, rb.constraints.positive)

        def step(before: Any, y: Any, t: int) -> Any:
            z = rb.sample(named("z", inside, t), nd.Normal(a * before + 0.5 * y, s))
            return z, None

        loop(inside, step, 0.0, y)

    return model, guide


def in_place(inside: bool) -> tuple[Program, None]:
    """Model and guide in one function: the draws come from the guide's laws."""

    def both(y: Any) -> None:
        a = rb.param("a", 0.7)

        def step(before: Any, row: Any, t: int) -> Any:
            y, u = row
            q = nd.Bernoulli(logits=u + a * before)
            z = rb.sample(named("z", inside, t), nd.Bernoulli(0.2 + 0.5 * before), guide=q)
            rb.observe(named("y", inside, t), nd.Normal(1.5 * z, 1.0), y)
            return 1.0 * z, None

        loop(inside, step, 1.0, (y, vector("u")))

    return both, None


U = {"u": np.array([0.3, -0.4, 0.9])}
A = {"a": np.array(0.7)}
CASES: dict[str, tuple[Callable[..., Any], Mapping[str, Any], tuple[str, ...]]] = {
    "markov": (markov, U, ("z",)),
    "backwards": (lambda inside: markov(inside, reverse=True), U, ("z",)),
    "chain": (chain, {**U, **A}, ("z",)),
    "chain backwards": (lambda inside: chain(inside, reverse=True), {**U, **A}, ("z",)),
    "two chains": (two_chains, {**U, **A}, ("z", "w")),
    "in place": (in_place, {**U, **A}, ("z",)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_loop_means_what_its_steps_mean(name: str) -> None:
    make, params, _ = CASES[name]
    wanted = outcomes(make(False), {"y": Y}, params)
    assert_same(outcomes(make(True), {"y": Y}, params), wanted)
    for steps in (
        ("objective",),
        DECIDED,
        SCORED,
        (*SCORED, 'relbo-baseline{kind="leave-one-out"}'),
    ):
        assert_same(outcomes(make(True), {"y": Y}, params, steps), wanted)


@pytest.mark.parametrize("name", CASES)
def test_scores_in_a_loop_are_pruned_as_those_of_its_steps(name: str) -> None:
    make, params, _ = CASES[name]
    for steps in (SCORED, (*SCORED, 'relbo-baseline{kind="leave-one-out"}')):
        ours, wanted = (outcomes(make(i), {"y": Y}, params, steps) for i in (True, False))
        assert_same_variance(ours, wanted)


@pytest.mark.parametrize("name", CASES)
def test_the_lowered_loop_has_the_exact_gradient(name: str) -> None:
    make, params, sites = CASES[name]
    wanted = outcomes(make(False), {"y": Y}, params)
    model, guide = make(True)
    result = outcomes((model, guide), {"y": Y}, params, SCORED)
    weights = result.weights
    with jax.enable_x64(True):
        estimate = externalized(rb.ELBO(model, guide), (Y,), SCORED)
        rows = itertools.product([0, 1], repeat=T * len(sites))
        total: Any = 0.0
        for number, row in enumerate(rows):
            # the oracle counts the outcomes of the first element fastest
            digits = np.array(row[::-1], np.int32).reshape(len(sites), T)
            draws = dict(zip(_order(result, sites), digits, strict=True))
            value, *gradients = estimate(params, draws)
            flat = np.concatenate([np.ravel(value), *map(np.ravel, gradients)])
            total = total + float(weights[number]) * flat
    exact = np.concatenate(
        [[wanted.value()], *(np.ravel(wanted.gradient()[n]) for n in _parameters(make(True)))]
    )
    np.testing.assert_allclose(total, exact, rtol=1e-9, atol=1e-9)


def _order(result: Outcomes, sites: tuple[str, ...]) -> list[str]:
    return [name for name in result.values if name in sites]


def _parameters(programs: tuple[Program, Program | None]) -> list[str]:
    module, _ = level_1(*programs, (Y,))
    with jax.enable_x64(True):
        run(module, resolve(("objective",)))
    roles = find_function(module, "elbo").roles
    return [r.parameter.data for r in roles if isinstance(r, prob.UnconstrainedAttr)]


def test_a_random_walk_is_differentiated_through_its_steps() -> None:
    data, params = {"y": Y[:2]}, {"a": np.array(0.3), "s": np.array(np.log(0.8))}
    precision = Precision(normal_nodes=14)
    wanted = outcomes(random_walk(False), data, params, ("objective",), precision)
    for steps in (DECIDED, SCORED):
        assert_same(outcomes(random_walk(True), data, params, steps, precision), wanted)


def test_the_steps_do_not_make_the_program_longer() -> None:
    sizes: list[int] = []
    for steps in (4, 40):
        model, guide = chain(True)
        y, params = np.linspace(-1.0, 1.0, steps), jnp.zeros(steps)

        def guide_of(y: Any, guide: Program = guide, params: Any = params) -> None:
            with handlers.substitute(data={"u": params}):
                guide(y)

        objective = rb.ELBO(model, guide_of).compile(y, pipeline="score-function")
        sizes.append(len(str(objective.ir(4)).splitlines()))
    assert sizes[0] == sizes[1]


def test_every_step_has_draws_of_its_own() -> None:
    """
    Gamma draws, each of the shape 2 and the draw before it, are made with a key a step. Residuals
    have mean 0, and are uncorrelated from step to step; 5 standard errors, 12 numbers: a false
    alarm in 10⁵ runs.
    """
    steps, count = 4, 4000

    def both() -> None:
        rb.param("unused", 0.0)

        def step(before: Any, _: Any) -> Any:
            z = rb.sample("z", nd.Gamma(2.0, 1.0), guide=nd.Gamma(2.0 + before, 1.0))
            return z, None

        rb.scan(step, 0.0, length=steps)

    fit = rb.fit(rb.ELBO(both), steps=1, progress=False)
    z = np.asarray(fit.sample_posterior(count, key=3)["z"], float)
    before = np.concatenate([np.zeros((count, 1)), z[:, :-1]], axis=1)
    residuals = (z - 2.0 - before) / np.sqrt(2.0 + before)
    assert np.abs(residuals.mean(axis=0)).max() < 5.0 / np.sqrt(count)
    correlation = np.corrcoef(residuals.T) - np.eye(steps)
    assert np.abs(correlation).max() < 5.0 / np.sqrt(count)


def test_noise_of_all_steps_is_that_of_the_site() -> None:
    """A Normal draw of a loop is the recursion on noise that the site's key gives for all steps."""
    model, guide = random_walk(True)
    objective = rb.ELBO(model, guide).compile(Y)
    source = str(objective.source())
    assert source.count("random.normal") == 1 and "(3,)" in source


def test_a_value_that_a_handler_fixes_for_all_steps_is_refused() -> None:
    """Each step scored the values of all steps."""

    def model(y: Any) -> None:
        def step(carry: Any, y: Any) -> Any:
            z = rb.sample("z", nd.Normal(0.0, 1.0))
            rb.observe("y", nd.Normal(z, 1.0), y)
            return carry, None

        jax.lax.scan(step, 0.0, y)

    fixed = handlers.condition(model, {"z": jnp.array([1.0, 2.0, 3.0])})
    with pytest.raises(ModelError, match="one value for all steps") as error:
        rb.ELBO(fixed, lambda y: None).compile(Y)
    assert error.value.site == "z"


def test_a_loop_without_a_step_is_refused() -> None:
    def model(y: Any) -> None:
        rb.scan(lambda c, y: (c, rb.observe("y", nd.Normal(0.0, 1.0), y)), 0.0, y)

    with pytest.raises(ModelError, match="no step"):
        rb.ELBO(model, lambda y: None).compile(np.zeros(0))


def test_an_automatic_guide_knows_the_sites_of_a_loop() -> None:
    def model(y: Any) -> None:
        def step(before: Any, y: Any) -> Any:
            z = rb.sample("z", nd.Normal(0.9 * before, 1.0))
            rb.observe("y", nd.Normal(z, 0.5), y)
            return z, None

        rb.scan(step, 0.0, y)

    fit = rb.fit(rb.ELBO(model), Y, steps=2, progress=False)
    assert fit.sample_posterior(5)["z"].shape == (5, 3)


def test_an_automatic_guide_of_a_loop_that_numpyro_does_not_know_is_refused() -> None:
    model, _ = random_walk(True)
    with pytest.raises(ModelError, match="automatic guide") as error:
        rb.ELBO(model).compile(Y)
    assert "relbo_ir.scan" in str(error.value)


def in_a_plate(mixed: bool, size: int, subsample: int | None) -> Program:
    """Chains in a plate, whose steps read their own chain or another one."""

    def model() -> None:
        def step(before: Any, _: Any) -> Any:
            with rb.plate("n", size, subsample=subsample):
                read = before[::-1] if mixed else before
                z = rb.sample("z", nd.Normal(0.5 * read, 1.0))
            return z, None

        rb.scan(step, jnp.zeros(2), length=2)

    return model


def test_a_step_that_mixes_the_elements_of_a_plate_is_seen() -> None:
    """A choice of a loop can mix with itself, in a plate that has no other site."""
    model = in_a_plate(True, 4, 2)
    with pytest.raises(ModelError, match="other elements"):
        rb.ELBO(model, model).compile()


def test_chains_of_a_plate_stay_apart() -> None:
    """Of two steps and two chains, each chain was said to read both (a false warning)."""
    model = in_a_plate(False, 2, None)
    rb.ELBO(model, model).compile()  # warnings are errors
