"""Minibatches, scales and masks: unbiased, each weight once, and no part of a score."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from helpers.externalized import PLANNED, externalized
from helpers.numpyro_reference import DRAWS
from numpyro import handlers
from scipy import stats

import relbo_ir as rb
from relbo_ir.dialects.errors import ModelError, PassError

Y = np.array([0.3, -1.2, 0.8, 2.0])


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """Every test here compares to 1e-9 or better."""
    with jax.enable_x64(True):
        yield


def local_model(count: int | None) -> Any:
    def model(y: Any) -> None:
        m = rb.sample("m", dist.Normal(0.0, 1.0))
        with rb.plate("N", 4, subsample=count) as i:
            z = rb.sample("z", dist.Normal(m, 1.0))
            rb.observe("y", dist.Normal(z, 0.5), y[i])

    return model


def local_guide(count: int | None) -> Any:
    def guide(_y: Any) -> None:
        rb.sample("m", dist.Normal(rb.param("a", 0.3), 0.7))
        with rb.plate("N", 4, subsample=count) as i:
            loc = rb.param("l", jnp.array([0.1, -0.4, 0.2, 0.9]))
            rb.sample("z", dist.Normal(loc[i], 0.6))

    return guide


def test_the_mean_over_all_minibatches_is_the_whole_plate() -> None:
    whole = externalized(rb.ELBO(local_model(None), local_guide(None)), (Y,))
    part = externalized(rb.ELBO(local_model(2), local_guide(2)), (Y,))
    params = {"a": 0.3, "l": jnp.array([0.1, -0.4, 0.2, 0.9])}
    noise = np.array([0.5, -1.0, 0.2, 1.3])
    expected = whole(params, {"m": 0.4, "z": noise})
    batches = [np.array(b, np.int32) for b in itertools.permutations(range(4), 2)]
    results = [part(params, {"m": 0.4, "z": noise[b], "N": b}) for b in batches]
    for k, exact in enumerate(expected):
        mean = np.mean([np.asarray(r[k]) for r in results], axis=0)
        np.testing.assert_allclose(mean, exact, rtol=1e-12)


def test_a_site_in_two_minibatches_weighs_their_product() -> None:
    def model() -> None:
        z = rb.sample("z", dist.Normal(0.0, 1.0), guide=dist.Normal(rb.param("a", 0.3), 1.0))
        with rb.plate("A", 6, subsample=2, dim=-2), rb.plate("B", 10, subsample=5, dim=-1):
            rb.observe("y", dist.Normal(z, 1.0), 1.0)

    objective = rb.ELBO(model).compile()
    addends = objective.variant("addends")
    terms = addends.run(objective.init(0), jax.random.key(0), objective.data_for(addends))
    draws = objective.variant("draws")
    z = draws.run(objective.init(0), jax.random.key(0), objective.data_for(draws))["z"]
    np.testing.assert_allclose(terms["y"], 60 * stats.norm.logpdf(1.0, z, 1.0), rtol=1e-12)


def test_minibatches_are_uniform() -> None:
    """A chi-square test of all ordered pairs; its false alarm rate is 1e-4, the seed is fixed."""

    def model() -> None:
        with rb.plate("N", 4, subsample=2) as i:
            rb.deterministic("i", i)
            rb.sample("z", dist.Normal(0.0, 1.0), guide=dist.Normal(rb.param("a", 0.0), 1.0))

    objective = rb.ELBO(model).compile()
    program = objective.variant(DRAWS)
    keys = jax.random.split(jax.random.key(0), 6000)
    run = jax.vmap(program.plain, in_axes=(None, 0, None))
    pairs = np.asarray(jax.jit(run)(objective.init(0), keys, ())["N"])
    assert pairs.min() == 0 and pairs.max() == 3
    assert (pairs[:, 0] != pairs[:, 1]).all()
    counts = np.unique(pairs[:, 0] * 4 + pairs[:, 1], return_counts=True)[1]
    assert len(counts) == 12
    assert stats.chisquare(counts).pvalue > 1e-4


def test_model_and_guide_share_their_minibatch() -> None:
    def model(y: Any) -> None:
        with rb.plate("N", 50, subsample=3) as i:
            rb.sample("z", dist.Normal(0.0, 1.0))
            rb.deterministic("model_indices", i)

    def guide(_y: Any) -> None:
        with rb.plate("N", 50, subsample=3) as i:
            rb.deterministic("guide_indices", i)
            rb.sample("z", dist.Normal(rb.param("a", 0.0), 1.0))

    objective = rb.ELBO(model, guide).compile(Y)
    program = objective.variant(DRAWS)
    draws = program.run(objective.init(0), jax.random.key(3), objective.data_for(program))
    np.testing.assert_array_equal(draws["model_indices"], draws["guide_indices"])
    np.testing.assert_array_equal(draws["model_indices"], draws["N"])


def test_a_minibatch_that_is_given() -> None:
    given = {"N": jnp.array([2, 0], jnp.int32)}
    model = handlers.substitute(local_model(2), data=given)
    guide = handlers.substitute(local_guide(2), data=given)
    objective = rb.ELBO(model, guide).compile(Y)
    part = externalized(rb.ELBO(local_model(2), local_guide(2)), (Y,))
    ours = externalized(rb.ELBO(model, guide), (Y,))
    params = objective.init(0)
    draws = {"m": 0.4, "z": jnp.array([0.2, -0.6])}
    for mine, theirs in zip(ours(params, draws), part(params, {**draws, **given}), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_a_minibatch_that_is_given_to_one_of_two_is_refused() -> None:
    model = handlers.substitute(local_model(2), data={"N": jnp.array([2, 0])})
    with pytest.raises(PassError, match='minibatch of plate "N" is drawn in the guide'):
        rb.ELBO(model, local_guide(2)).compile(Y)


@pytest.mark.parametrize("estimator", ["planned", "score-function", "pruned"])
def test_scores_are_of_what_is_drawn(estimator: str) -> None:
    """
    Masked and scaled discrete choices: the mean over all outcomes is the exact gradient. An
    upstream that is masked, or scaled, or that is the −log q addend, gives another one.
    """
    keep = jnp.array([True, False, True])

    def model() -> None:
        with numpyro.plate("N", 3, subsample_size=3), handlers.scale(scale=0.7):
            b = numpyro.sample("b", dist.Bernoulli(jnp.array([0.2, 0.5, 0.7])).mask(keep))
        c = numpyro.sample("c", dist.Bernoulli(0.3))
        numpyro.factor("cost", jnp.sum(b * jnp.array([1.0, -2.0, 0.5])) * (1 + c))

    def guide() -> None:
        probs = numpyro.param("p", jnp.array([0.3, 0.6, 0.8]))
        with numpyro.plate("N", 3), handlers.scale(scale=2.5), handlers.mask(mask=keep):
            numpyro.sample("b", dist.Bernoulli(probs))
        with handlers.scale(scale=0.5):
            numpyro.sample("c", dist.Bernoulli(numpyro.param("q", 0.4)))

    outcomes = [np.array(o) for o in itertools.product((0.0, 1.0), repeat=4)]

    def log_mass(x: Any, p: Any) -> Any:
        return x * jnp.log(p) + (1 - x) * jnp.log1p(-p)

    def drawn(p: Any, q: Any, o: Any) -> Any:
        return jnp.exp(jnp.sum(log_mass(o[:3], p)) + log_mass(o[3], q))

    def exact(p: Any, q: Any) -> Any:
        total: Any = 0.0
        for o in outcomes:
            b, c = o[:3], o[3]
            prior = 0.7 * jnp.sum(jnp.where(keep, log_mass(b, jnp.array([0.2, 0.5, 0.7])), 0))
            entropy = -2.5 * jnp.sum(jnp.where(keep, log_mass(b, p), 0)) - 0.5 * log_mass(c, q)
            cost = jnp.sum(b * jnp.array([1.0, -2.0, 0.5])) * (1 + c)
            total += drawn(p, q, o) * (prior + log_mass(c, 0.3) + entropy + cost)
        return total

    p, q = jnp.array([0.3, 0.6, 0.8]), jnp.array(0.4)
    estimate = externalized(rb.ELBO(model, guide), (), _PIPELINES[estimator])
    sums: list[Any] = [0.0, 0.0, 0.0]
    for o in outcomes:
        draws = {"b": o[:3].astype(np.int32), "c": o[3].astype(np.int32)}
        for k, part in enumerate(estimate({"p": p, "q": q}, draws)):
            sums[k] += drawn(p, q, o) * part
    value, (dp, dq) = jax.value_and_grad(exact, argnums=(0, 1))(p, q)
    np.testing.assert_allclose(sums[0], value, rtol=1e-12)
    np.testing.assert_allclose(sums[1], dp, rtol=1e-10)
    np.testing.assert_allclose(sums[2], dq, rtol=1e-10)


_PIPELINES = {
    "planned": PLANNED,
    "score-function": ("objective", "relbo-score-function"),
    "pruned": ("objective", "relbo-score-function", "relbo-rao-blackwellize"),
}


def test_a_masked_choice_is_drawn_all_the_same() -> None:
    def model() -> None:
        with rb.plate("N", 2):
            law = dist.Normal(0.0, 1.0).mask(jnp.array([True, False]))
            rb.sample("z", law, guide=dist.Normal(rb.param("a", 5.0), 0.1).mask(False))

    objective = rb.ELBO(model).compile()
    program = objective.variant("draws")
    z = program.run(objective.init(0), jax.random.key(0), objective.data_for(program))["z"]
    np.testing.assert_allclose(z, 5.0, atol=0.5)
    value, gradient = objective.value_and_grad(objective.init(0), jax.random.key(0))
    np.testing.assert_allclose(value, stats.norm.logpdf(z[0]), rtol=1e-12)
    np.testing.assert_allclose(gradient["a"], -z[0], rtol=1e-12)


def test_a_masked_observation_may_lie_outside_of_the_support() -> None:
    """Neither the value nor the derivative is NaN, as with NumPyro."""

    def model(y: Any) -> None:
        s = rb.sample("s", dist.HalfNormal(1.0), guide=dist.LogNormal(rb.param("a", 0.1), 0.2))
        with rb.plate("N", 3), handlers.mask(mask=jnp.array([True, False, True])):
            rb.observe("y", dist.Gamma(s, 1.0), y)

    good = rb.ELBO(model).compile(np.array([0.4, 1.0, 0.7]))
    bad = rb.ELBO(model).compile(np.array([0.4, -3.0, 0.7]))
    mine = bad.value_and_grad(bad.init(0), jax.random.key(0))
    theirs = good.value_and_grad(good.init(0), jax.random.key(0))
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-12)
    np.testing.assert_allclose(mine[1]["a"], theirs[1]["a"], rtol=1e-12)


def test_a_subsample_larger_than_its_plate_is_refused() -> None:
    def model() -> None:
        with rb.plate("N", 3, subsample=4):
            rb.sample("z", dist.Normal(0.0, 1.0))

    with pytest.raises(ModelError, match="of size 3 has a subsample of 4"):
        rb.ELBO(model).compile()


def test_a_whole_batch_of_data_in_a_minibatch_is_refused() -> None:
    def model(y: Any) -> None:
        with rb.plate("N", 4, subsample=2):
            rb.observe("y", dist.Normal(0.0, 1.0), y)

    with pytest.raises(ModelError, match="does not broadcast") as caught:
        rb.ELBO(model).compile(Y)
    assert 'index it by the minibatch that plate "N" gives' in caught.value.remedy


def test_a_site_and_a_minibatch_of_one_name_are_refused() -> None:
    def model() -> None:
        with rb.plate("z", 4, subsample=2) as i:
            rb.deterministic("i", i)
            rb.sample("z", dist.Normal(0.0, 1.0), guide=dist.Normal(rb.param("a", 0.0), 1.0))

    with pytest.raises(PassError, match=r"'z'.*have one hash"):
        rb.ELBO(model).compile()


def test_a_plate_that_is_hidden_with_its_minibatch_is_refused() -> None:
    def model() -> None:
        with handlers.block(hide=["N"]), numpyro.plate("N", 4, subsample_size=2):
            numpyro.sample("z", dist.Normal(0.0, 1.0))

    with pytest.raises(rb.UnsupportedError, match=r"handlers\.block hides"):
        rb.ELBO(model, lambda: None).compile()


def _outside(z: Any) -> None:
    rb.observe("y", dist.Normal(z.sum(), 1.0), 3.0)


def _in_another_plate(z: Any) -> None:
    with rb.plate("M", 3):
        rb.observe("y", dist.Normal(z.mean(), 1.0), jnp.arange(3.0))


def _as_a_value(z: Any) -> None:
    rb.observe("y", dist.ImproperUniform(dist.constraints.real, (), ()), z.sum())


def _by_a_factor(z: Any) -> None:
    rb.factor("y", -z.sum())


def _by_a_scale(z: Any) -> None:
    with handlers.scale(scale=jnp.exp(z[0])):
        rb.observe("y", dist.Normal(0.0, 1.0), 3.0)


def _by_a_choice_between(z: Any) -> None:
    with rb.plate("N", 4, subsample=len(z)):
        x = rb.sample("x", dist.Normal(z, 1.0), guide=dist.Normal(0.0, 1.0))
    rb.observe("y", dist.Normal(x.sum(), 1.0), 3.0)


def _by_a_guide_in_place(z: Any) -> None:
    rb.sample("y", dist.Normal(0.0, 1.0), guide=dist.Normal(z.sum(), 1.0))


def _in_a_loop(z: Any) -> None:
    def step(carry: Any, x: Any) -> tuple[Any, Any]:
        rb.observe("y", dist.Normal(carry, 1.0), x)
        return 0.5 * carry, None

    rb.scan(step, z.sum(), jnp.arange(3.0))


def _in_a_branch(z: Any) -> None:
    jax.lax.cond(
        z.sum() > 0.0,
        lambda: rb.observe("y", dist.Normal(0.0, 1.0), 3.0),
        lambda: rb.observe("y", dist.Normal(1.0, 1.0), 3.0),
    )


OUTSIDE = (
    _outside,
    _in_another_plate,
    _as_a_value,
    _by_a_factor,
    _by_a_scale,
    _by_a_choice_between,
    _by_a_guide_in_place,
    _in_a_loop,
    _in_a_branch,
)


def _read(reader: Any, count: int | None, inside: bool = False) -> Any:
    def model() -> None:
        with rb.plate("N", 4, subsample=count):
            law = dist.Normal(0.0, 1.0)
            z = rb.sample("z", law, guide=dist.Normal(rb.param("a", 0.3), 1.0))
            if inside:
                reader(z)
        if not inside:
            reader(z)

    return model


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("reader", OUTSIDE)
def test_a_reader_outside_of_a_minibatch_is_refused(reader: Any, count: int) -> None:
    """It would be shown a part of the choice, and no weight makes up for the rest."""
    with pytest.raises(ModelError, match=r'plate "N": "y" reads "[zx]" outside') as caught:
        rb.ELBO(_read(reader, count)).compile()
    assert caught.value.site == "y"
    assert "put what reads it into the plate" in caught.value.remedy
    assert str(caught.value.line).startswith("tests/test_numpyro_plates.py:")


@pytest.mark.parametrize("reader", OUTSIDE)
def test_a_reader_outside_of_a_whole_plate_stays_as_it_is(reader: Any) -> None:
    objective = rb.ELBO(_read(reader, None)).compile()
    value, _ = objective.value_and_grad(objective.init(0), 0)
    assert np.isfinite(value)


def test_a_choice_of_the_guide_outside_of_its_minibatch_is_refused() -> None:
    def model() -> None:
        with rb.plate("N", 4):
            rb.sample("z", dist.Normal(0.0, 1.0))
        rb.sample("w", dist.Normal(0.0, 1.0))

    def guide() -> None:
        with rb.plate("N", 4, subsample=2):
            z = rb.sample("z", dist.Normal(rb.param("a", 0.3), 1.0))
        rb.sample("w", dist.Normal(z.sum(), 1.0))

    with pytest.raises(ModelError, match='"w" reads "z" outside of the plate') as caught:
        rb.ELBO(model, guide).compile()
    assert caught.value.site == "w"


def test_a_named_value_may_read_a_minibatch_from_outside() -> None:
    objective = rb.ELBO(_read(lambda z: rb.deterministic("s", z.sum()), 2)).compile()
    value, _ = objective.value_and_grad(objective.init(0), 0)
    assert np.isfinite(value)


def _sum_in_the_factor(z: Any) -> None:
    rb.factor("y", -jnp.square(z.sum()))


def _sum_in_the_law(z: Any) -> None:
    rb.observe("y", dist.Normal(z.sum(), 1.0), 3.0)


def _mean_in_the_guide(z: Any) -> None:
    rb.sample("y", dist.Normal(0.0, 1.0), guide=dist.Normal(z.mean(), 1.0))


def _first_in_the_scale(z: Any) -> None:
    with handlers.scale(scale=jnp.exp(z[0])):
        rb.observe("y", dist.Normal(0.0, 1.0), 3.0)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "function",
    [
        lambda z: jax.nn.softmax(z[None, :], axis=0)[0] * z,
        lambda z: jnp.cumsum(z[None, :], axis=0)[0],
        lambda z: z[:, None].T[0],
        lambda z: jnp.squeeze(z[None, :], 0),
        lambda z: jnp.stack([z], 0)[0],
        lambda z: jnp.sum(z[:, None] * jnp.arange(3.0), axis=1),
        lambda z: jnp.concatenate([z[:, None], z[:, None]], 1).sum(1),
    ],
)
def test_a_minibatch_whose_elements_stay_apart_is_taken(function: Any, count: int) -> None:
    """Of one element as of two: what is done along another axis is no mixing."""
    rb.ELBO(_read(_through(function), count, inside=True)).compile()


def _through(function: Any) -> Any:
    """Observations whose means are a function of the whole choice, of its shape."""
    return lambda z: rb.observe("y", dist.Normal(function(z), 1.0), 3.0)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "reader",
    [
        _sum_in_the_factor,
        _sum_in_the_law,
        _mean_in_the_guide,
        _first_in_the_scale,
        _through(jnp.cumsum),
        _through(jnp.flip),
        _through(jnp.sort),
        _through(jax.nn.softmax),
        _through(lambda z: z - jax.nn.logsumexp(z, keepdims=True)),
        _through(
            lambda z: jax.lax.conv_general_dilated(
                z[None, None, :], jnp.ones((1, 1, 3)), (1,), "SAME"
            )[0, 0]
        ),
    ],
)
def test_a_minibatch_whose_elements_are_mixed_is_refused(reader: Any, count: int) -> None:
    """One element too: its plate has others, which the whole plate would read."""
    with pytest.raises(ModelError, match='elements of "y" read other elements of "z"') as caught:
        rb.ELBO(_read(reader, count, inside=True)).compile()
    assert caught.value.site == "y"


@pytest.mark.parametrize("count", [1, 2])
def test_factors_of_a_minibatch_are_the_whole_plate_on_average(count: int) -> None:
    """The model's plate follows the guide's, and its factor reads the choice element by element."""

    def programs(count: int | None) -> Any:
        def model() -> None:
            with rb.plate("N", 4) as i:
                z = rb.sample("z", dist.Normal(0.0, 1.0))
                with handlers.scale(scale=jnp.exp(z)):
                    rb.factor("f", -jnp.square(z - jnp.array(Y)[i]))

        def guide() -> None:
            with rb.plate("N", 4, subsample=count) as i:
                rb.sample("z", dist.Normal(rb.param("l", jnp.array(Y))[i], 0.6))

        return externalized(rb.ELBO(model, guide), ())

    whole, part = programs(None), programs(count)
    params, noise = {"l": jnp.array(Y)}, np.array([0.5, -1.0, 0.2, 1.3])
    expected = whole(params, {"z": noise})
    batches = [np.array(b, np.int32) for b in itertools.permutations(range(4), count)]
    results = [part(params, {"z": noise[b], "N": b}) for b in batches]
    for k, exact in enumerate(expected):
        mean = np.mean([np.asarray(r[k]) for r in results], axis=0)
        np.testing.assert_allclose(mean, exact, rtol=1e-12)


def test_code_that_does_not_follow_a_minibatch_keeps_its_error() -> None:
    def model() -> None:
        with rb.plate("N", 4):
            z = rb.sample("z", dist.Normal(rb.param("m", 0.0), 1.0))
            rb.factor("f", -jnp.square(z - Y))

    def guide() -> None:
        with rb.plate("N", 4, subsample=2):
            rb.sample("z", dist.Normal(rb.param("a", 0.3), 1.0))

    with pytest.raises(ModelError, match=r'plate "N" follows .* of 2 of 4') as caught:
        rb.ELBO(model, guide).compile()
    assert isinstance(caught.value.__cause__, TypeError)
    assert "incompatible shapes" in str(caught.value.__cause__)
