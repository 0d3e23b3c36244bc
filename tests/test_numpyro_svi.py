"""Our loss in NumPyro's own SVI: the same objective, its gradient, and every way to run it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import optax
import pytest
from helpers.numpyro_models import CASES, Case
from numpyro.distributions import constraints
from numpyro.infer import SVI, Predictive, Trace_ELBO, autoguide
from numpyro.primitives import mutable
from scipy import stats

import relbo_ir as rb
import relbo_ir.numpyro
from relbo_ir.dialects.errors import ModelError, UnsupportedError
from relbo_ir.lowering.site_values import leaf_name

Y = np.array([0.3, -1.2, 0.8, 2.0])


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """Every test here compares in double precision."""
    with jax.enable_x64(True):
        yield


def model(y: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    with numpyro.plate("N", len(y)):
        numpyro.sample("y", dist.Normal(m, 1.0), obs=y)


def guide(_y: Any) -> None:
    loc = numpyro.param("loc", 0.3)
    scale = numpyro.param("scale", 0.8, constraint=constraints.positive)
    numpyro.sample("m", dist.Normal(loc, scale))


def evidence(y: Any) -> float:
    """log p(y): y is Normal with covariance 1 + 4·11ᵀ."""
    covariance: Any = np.eye(len(y)) + 4.0
    return float(stats.multivariate_normal.logpdf(y, np.zeros(len(y)), covariance))


def by_leaf(params: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in params.items():
        if jax.tree_util.all_leaves([value]):
            flat[name] = value
        else:
            paths = jax.tree_util.tree_leaves_with_path(value)
            flat |= {leaf_name(name, path): leaf for path, leaf in paths}
    return flat


CHOSEN = [
    "subsampled_regression",
    "masked_choices",
    "auto_normal_of_subsampled_choices",
    "random_flax_network",
]


@pytest.mark.parametrize("case", [c for c in CASES if c.name in CHOSEN], ids=lambda c: c.name)
def test_loss_and_gradient_are_minus_the_objectives(case: Case) -> None:
    svi: Any = SVI(case.model, case.guide, optax.adam(0.1), relbo_ir.numpyro.ELBO())
    state = svi.init(jax.random.key(1), *case.args)
    unconstrained = svi.optim.get_params(state.optim_state)
    key = jax.random.key(2)

    def loss(u: Any) -> Any:
        return svi.loss.loss(key, svi.constrain_fn(u), case.model, case.guide, *case.args)

    objective = rb.ELBO(case.model, case.guide).compile(*case.args)
    flat = by_leaf(unconstrained)
    mine = {name: jnp.asarray(flat[name]) for name in objective.init(0)}
    with jax.disable_jit():  # compiling takes longer than running
        value, gradient = objective.value_and_grad(mine, key)
        theirs, slopes = jax.value_and_grad(loss)(unconstrained)
    np.testing.assert_allclose(theirs, -value, rtol=1e-10)
    slopes = by_leaf(slopes)
    for name, expected in gradient.items():
        np.testing.assert_allclose(slopes[name], -expected, rtol=1e-7, atol=1e-9, err_msg=name)
    for name in set(slopes) - set(gradient):
        np.testing.assert_array_equal(slopes[name], 0.0)


def test_svi_reaches_the_evidence_of_a_conjugate_model() -> None:
    """With the exact family the loss has no noise at the optimum: it is the evidence itself."""
    exact = evidence(Y)
    for loss in (relbo_ir.numpyro.ELBO(4), Trace_ELBO(4)):
        svi = SVI(model, guide, optax.adam(optax.exponential_decay(0.1, 1, 0.99)), loss)
        result = svi.run(jax.random.key(0), 600, Y, progress_bar=False)
        np.testing.assert_allclose(-result.losses[-1], exact, atol=2e-2)
        precision = len(Y) + 0.25
        np.testing.assert_allclose(result.params["loc"], Y.sum() / precision, atol=5e-2)
        np.testing.assert_allclose(result.params["scale"], precision**-0.5, atol=5e-2)
    draws = Predictive(guide, params=result.params, num_samples=50)(jax.random.key(3), Y)
    assert draws["m"].shape == (50,)


def discrete_model() -> None:
    k = numpyro.sample("k", dist.CategoricalProbs(jnp.array([0.2, 0.3, 0.5])))
    numpyro.factor("fit", jnp.array([1.0, -0.5, 0.4])[k])


def discrete_guide() -> None:
    numpyro.sample("k", dist.CategoricalLogits(numpyro.param("w", jnp.zeros(3))))


def test_discrete_choices_are_learned_without_a_warning() -> None:
    """The optimum is the posterior, where the loss is minus the evidence in every draw."""
    optimizer = optax.adam(optax.exponential_decay(0.1, 1, 0.994))
    svi = SVI(discrete_model, discrete_guide, optimizer, relbo_ir.numpyro.ELBO(32))
    result = svi.run(jax.random.key(0), 800, progress_bar=False)
    joint = np.log([0.2, 0.3, 0.5]) + np.array([1.0, -0.5, 0.4])
    posterior = np.exp(joint - np.logaddexp.reduce(joint))
    np.testing.assert_allclose(jax.nn.softmax(result.params["w"]), posterior, atol=0.03)
    np.testing.assert_allclose(-result.losses[-1], np.logaddexp.reduce(joint), atol=0.05)


def far_from_zero() -> None:
    """`discrete_model` and 30 nats in every category: no constant that pruning could find."""
    k = numpyro.sample("k", dist.CategoricalProbs(jnp.array([0.2, 0.3, 0.5])))
    numpyro.factor("fit", jnp.array([31.0, 29.5, 30.4])[k])


def test_running_means_are_handed_on_in_the_state_of_svi() -> None:
    """Step by step those of the objective's own `step`; the guide has no constraint."""
    loss = relbo_ir.numpyro.ELBO()
    svi: Any = SVI(far_from_zero, discrete_guide, optax.sgd(0.1), loss)
    fresh = svi.init(jax.random.key(0))
    state = loss.with_running_means(svi, fresh)
    assert fresh.mutable_state is None
    objective = rb.ELBO(far_from_zero, discrete_guide).compile()
    means = objective.init_state()
    assert means
    for _ in range(4):
        params = svi.get_params(state)
        _, key = jax.random.split(state.rng_key)
        value, gradient, means = objective.step(params, key, state=means)
        before = state
        state, at = svi.update(state)
        np.testing.assert_allclose(-at, value, rtol=1e-12)
        for name, expected in gradient.items():
            moved = svi.get_params(state)[name] - params[name]
            np.testing.assert_allclose(moved, 0.1 * expected, rtol=1e-9, atol=1e-12)
        (found,) = state.mutable_state.values()
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), found, means)
        again = [
            svi.stable_update(before),
            jax.jit(svi.update)(before),
            svi.update(before, forward_mode_differentiation=True),
        ]
        for other, _ in again:
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12),
                (svi.get_params(other), other.mutable_state),
                (svi.get_params(state), state.mutable_state),
            )
        np.testing.assert_allclose(svi.evaluate(before), at, rtol=1e-12)


def test_running_means_make_one_particle_learn_far_from_zero() -> None:
    """The ELBO is near 30 nats: times a score that is noise, unless it is centred."""
    optimizer = optax.adam(optax.exponential_decay(0.1, 1, 0.997))
    loss = relbo_ir.numpyro.ELBO()
    svi: Any = SVI(far_from_zero, discrete_guide, optimizer, loss)
    fresh = svi.init(jax.random.key(0))
    joint = np.log([0.2, 0.3, 0.5]) + np.array([1.0, -0.5, 0.4])
    posterior = np.exp(joint - np.logaddexp.reduce(joint))
    distances: list[float] = []
    for state in (loss.with_running_means(svi, fresh), fresh):
        result = svi.run(jax.random.key(0), 1000, progress_bar=False, init_state=state)
        distances.append(float(np.abs(jax.nn.softmax(result.params["w"]) - posterior).max()))
    assert distances[0] < 0.05 < 0.2 < distances[1]


def test_no_running_means_where_there_are_none() -> None:
    for loss, program, by in (
        (relbo_ir.numpyro.ELBO(2), discrete_model, discrete_guide),
        (relbo_ir.numpyro.ELBO(), lambda: model(Y), lambda: guide(Y)),
    ):
        svi: Any = SVI(program, by, optax.sgd(0.1), loss)
        state = svi.init(jax.random.key(0))
        assert loss.with_running_means(svi, state) is state


def test_every_way_to_step() -> None:
    svi = SVI(model, guide, optax.sgd(0.01), relbo_ir.numpyro.ELBO())
    state = svi.init(jax.random.key(0), Y)
    results = [
        svi.update(state, Y),
        jax.jit(svi.update)(state, Y),
        svi.stable_update(state, Y),
        svi.update(state, Y, forward_mode_differentiation=True),
    ]
    for new, loss in results:
        np.testing.assert_allclose(loss, results[0][1], rtol=1e-12)
        for name, value in svi.get_params(new).items():
            np.testing.assert_allclose(value, svi.get_params(results[0][0])[name], rtol=1e-12)
    np.testing.assert_allclose(svi.evaluate(state, Y), results[0][1], rtol=1e-12)
    again = svi.run(jax.random.key(0), 3, Y, progress_bar=False, init_state=state)
    np.testing.assert_allclose(again.losses[0], results[0][1], rtol=1e-12)


def test_a_model_is_traced_once_for_each_shape_and_static_value() -> None:
    calls: list[tuple[int, bool]] = []

    def counted(y: Any, flag: bool = True) -> None:
        calls.append((len(y), flag))
        model(y)

    loss: Any = relbo_ir.numpyro.ELBO()
    params = {"loc": jnp.array(0.3), "scale": jnp.array(0.8)}

    def both(y: Any, flag: bool = True) -> None:
        guide(y)

    for key in range(3):
        for y in (Y, Y + key, Y[:3]):
            loss.loss(jax.random.key(key), params, counted, both, y)
            jax.grad(lambda p, y=y: loss.loss(jax.random.key(0), p, counted, both, y))(params)
    loss.loss(jax.random.key(0), params, counted, both, Y, flag=False)
    assert calls == [(4, True), (3, True), (4, False)]


def test_data_of_one_shape_are_no_constants() -> None:
    loss: Any = relbo_ir.numpyro.ELBO()
    params = {"loc": jnp.array(0.3), "scale": jnp.array(0.8)}
    key = jax.random.key(0)
    first = loss.loss(key, params, model, guide, Y)
    second = loss.loss(key, params, model, guide, Y + 1.0)
    fresh = loss_at(params, Y + 1.0)
    assert float(first) != float(second)
    np.testing.assert_allclose(second, fresh, rtol=1e-12)


def test_traced_closures_are_read_anew() -> None:
    """A model made inside of a jitted function closes over its tracers: it is not kept."""
    loss: Any = relbo_ir.numpyro.ELBO()
    params = {"loc": jnp.array(0.3), "scale": jnp.array(0.8)}

    def value(y: Any) -> Any:
        def inner() -> None:
            model(y)

        return loss.loss(jax.random.key(0), params, inner, lambda: guide(None))

    expected = loss_at(params, Y)
    np.testing.assert_allclose(jax.jit(value)(jnp.asarray(Y)), expected, rtol=1e-12)
    np.testing.assert_allclose(jax.jit(value)(jnp.asarray(Y)), expected, rtol=1e-12)


def loss_at(params: Any, *args: Any, program: Any = model, by: Any = guide) -> Any:
    return relbo_ir.numpyro.ELBO().loss(jax.random.key(0), params, program, by, *args)


PARAMS = {"loc": jnp.array(0.3), "scale": jnp.array(0.8)}


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(ModelError, match="'scale' are not given"):
        loss_at({"loc": jnp.array(0.3)}, Y)


def test_a_parameter_of_another_shape_is_refused() -> None:
    with pytest.raises(ModelError, match=r"has shape \(2,\), the model declares \(\)"):
        loss_at({**PARAMS, "loc": jnp.zeros(2)}, Y)


def test_a_derivative_in_the_data_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="derivative of the loss in the data"):
        jax.grad(lambda y: loss_at(PARAMS, y))(jnp.asarray(Y))


def test_a_second_derivative_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="second derivative"):
        jax.hessian(lambda p: loss_at(p, Y))(PARAMS)


def test_mutable_state_is_refused_by_name() -> None:
    def stateful(y: Any) -> None:
        mutable("count", 0.0)
        model(y)

    with pytest.raises(UnsupportedError, match="'mutable'") as caught:
        loss_at(PARAMS, Y, program=stateful)
    assert caught.value.site == "count"


def test_a_cold_automatic_guide_is_refused() -> None:
    with pytest.raises(ModelError, match="has not seen its model"):
        loss_at({}, Y, by=autoguide.AutoNormal(model))


def test_an_argument_that_is_neither_array_nor_hashable_is_refused() -> None:
    with pytest.raises(ModelError, match="neither an array nor hashable"):
        loss_at(PARAMS, Y, {1, 2})


def test_no_particles_are_refused() -> None:
    with pytest.raises(ValueError, match="0 particles"):
        relbo_ir.numpyro.ELBO(0)


def test_numpyros_way_of_mapping_over_particles_changes_nothing() -> None:
    losses: list[Any] = [
        relbo_ir.numpyro.ELBO(4),
        relbo_ir.numpyro.ELBO(4, True),
        relbo_ir.numpyro.ELBO(num_particles=4, vectorize_particles=False),
    ]
    first, *others = (loss.loss(jax.random.key(0), PARAMS, model, guide, Y) for loss in losses)
    assert all(other == first for other in others)
    mapped: Any = jax.lax.map
    with pytest.raises(UnsupportedError, match=r"vectorize_particles[\s\S]*remedy: leave"):
        relbo_ir.numpyro.ELBO(4, mapped)
