"""Pareto k-hat, the plateau test, restarts and ArviZ, each where the answer is known."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import relbo_ir as rb
from relbo_ir import diagnostics
from relbo_ir import distributions as dist
from relbo_ir.diagnostics import pareto_k, plateau
from relbo_ir.inference_data import import_arviz


@pytest.mark.parametrize("k", [0.2, 0.6, 0.9])
def test_the_k_of_a_pareto_law(k: float) -> None:
    """At the quantiles of Pareto weights u^(−k), whose k is known."""
    u = (np.arange(20_000) + 0.5) / 20_000
    found = pareto_k(-k * np.log(u))
    assert found.k == pytest.approx(k, abs=0.03)
    assert found.reliable == (k < 0.7)
    assert ("misses part of the posterior" in found.advice) == (k > 0.7)
    assert ("close to the posterior" in found.advice) == (k < 0.5)


def gaussian(scale: float) -> rb.Fit:
    """A guide N(0, scale) for the target N(0, 1): for scale < 1 the k of its weights is 1 − scale²."""

    def model() -> None:
        rb.sample("x", dist.Normal(0.0, 1.0))

    def guide() -> None:
        rb.sample("x", dist.Normal(rb.param("m", 0.0), scale))

    return rb.fit(
        rb.ELBO(model, guide).compile(), steps=1, init={"m": jax.numpy.zeros(())}, progress=False
    )


def test_the_k_of_a_narrow_guide() -> None:
    narrow, wide = gaussian(0.4), gaussian(1.5)
    found = narrow.pareto_k(50_000)
    assert found.k > 0.7 and not found.reliable
    assert found.k == pytest.approx(1 - 0.4**2, abs=0.1)
    assert wide.pareto_k().k < 0.3
    assert "Pareto k-hat" in str(found) and "50000 draws" in str(found)


def test_log_weights_are_those_of_the_two_laws() -> None:
    fit = gaussian(0.5)
    weights = fit.log_weights(2000, key=3)
    m = float(fit.params["m"])
    x = fit.sample_posterior(2000, key=3)["x"].astype(np.float64)
    expected = -0.5 * x**2 + 0.5 * ((x - m) / 0.5) ** 2 + np.log(0.5)
    np.testing.assert_allclose(weights, expected, atol=2e-5)


def test_a_guide_that_is_the_posterior_has_no_tail() -> None:
    fit = pareto_k(np.full(1000, -3.25) + 1e-7 * np.sin(np.arange(1000)))
    assert fit.k == -np.inf and fit.reliable


@pytest.mark.parametrize(
    ("weights", "part"),
    [
        (np.zeros(50), "100 weights at least"),
        (np.zeros((200, 2)), "100 weights at least"),
        (np.r_[np.zeros(200), np.nan], "1 of 201 log weights are NaN"),
        (np.full(200, -np.inf), "all are −∞"),
    ],
)
def test_weights_without_an_answer(weights: Any, part: str) -> None:
    with pytest.raises(rb.ModelError, match="remedy") as caught:
        pareto_k(weights)
    assert part in str(caught.value)


def test_without_arviz_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        return None

    monkeypatch.setattr(diagnostics, "find_spec", absent)
    monkeypatch.setattr("relbo_ir.inference_data.find_spec", absent)
    with pytest.raises(rb.ModelError, match=r"relbo-ir\[arviz\]"):
        pareto_k(np.arange(200.0))
    with pytest.raises(rb.ModelError, match=r"relbo-ir\[arviz\]"):
        gaussian(1.0).to_arviz(10)


def test_an_arviz_of_another_convention_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    original = diagnostics._arviz_psis  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(diagnostics, "_arviz_psis", lambda weights: original(-weights))
    with pytest.raises(rb.ModelError, match="it means something else"):
        pareto_k(np.arange(200.0))


def test_plateau_of_known_histories() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=2000)
    rising = plateau(np.linspace(-20.0, 0.0, 2000) + noise)
    assert not rising.reached and "still rises" in rising.advice
    assert rising.gain == pytest.approx(5.0, abs=0.3)
    falling = plateau(np.linspace(0.0, -20.0, 2000) + noise)
    assert not falling.reached and "falls" in falling.advice
    flat = plateau(noise)
    assert flat.reached and str(flat).startswith("plateau reached")
    # Exactly: the means of the two quarters, and batches of a tenth of each.
    last = noise[1000:].reshape(2, 10, 50).mean(2)
    assert flat.gain == pytest.approx(last[1].mean() - last[0].mean(), rel=1e-12)
    assert flat.error == pytest.approx(np.sqrt(last.var(1, ddof=1).sum() / 10), rel=1e-12)
    early = np.r_[np.linspace(-50.0, 0.0, 900), np.zeros(1100)] + noise
    assert plateau(early).reached, "what came before the last half does not count"


def test_the_plateau_tests_false_alarms_are_its_level() -> None:
    """1 % for white noise: 2,000 histories, so 20 alarms with sd 4.5; for slow noise not many more."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(2000, 400))
    alarms = sum(not plateau(row).reached for row in noise)
    assert 5 <= alarms <= 40
    slow = noise.copy()
    for k in range(1, 400):
        slow[:, k] += 0.5 * slow[:, k - 1]
    assert sum(not plateau(row).reached for row in slow) <= 160


def test_the_progress_bar_is_the_one_that_fits_terminal_or_notebook() -> None:
    from tqdm import auto

    from relbo_ir import training

    assert training.tqdm is auto.tqdm


def test_a_short_history_is_an_error() -> None:
    with pytest.raises(rb.ModelError, match=r"79 steps is too short[\s\S]*80 steps"):
        plateau(np.zeros(79))
    assert plateau(np.zeros(80)).reached


# Restarts


def two_modes() -> rb.ELBO:
    """A posterior with a mode of weight 1/9 near −3, where the start lies, and one of 8/9 near 3."""

    def model() -> None:
        x = rb.sample("x", dist.Normal(0.0, 10.0))
        left, right = -0.5 * ((x + 3) / 0.5) ** 2, np.log(8.0) - 0.5 * ((x - 3) / 0.5) ** 2
        rb.factor("modes", jax.numpy.logaddexp(left, right) + 0.005 * x**2)

    def guide() -> None:
        rb.sample("x", dist.Normal(rb.param("m", -3.0), 0.5))

    return rb.ELBO(model, guide)


def test_the_best_of_several_starts() -> None:
    options: dict[str, Any] = {"steps": 60, "progress": False, "particles": 4, "key": 1}
    objective = two_modes().compile(particles=4)
    alone = rb.fit(objective, **options)
    assert float(alone.params["m"]) == pytest.approx(-3.0, abs=0.6)
    best = rb.fit(objective, **options, restarts=6, jitter=6.0)
    assert float(best.params["m"]) > 0
    assert best.elbo - alone.elbo == pytest.approx(np.log(8.0), abs=0.5)
    ends = [r.elbo for r in best.restarts]
    assert len(ends) == 6 and max(ends) == best.elbo
    assert ends[0] == alone.elbo, "the first start is the fit without restarts"
    assert "the best of 6 starts" in str(best)


def weighed_by_a_parameter() -> rb.ELBO:
    """An ELBO that is NaN where a > 2."""

    def model() -> None:
        x = rb.sample("x", dist.Normal(0.0, 1.0))
        rb.factor("f", jax.numpy.log(2.0 - rb.param("a", 0.0)) + 0.0 * x)

    def guide() -> None:
        rb.sample("x", dist.Normal(rb.param("m", 0.0), 1.0))

    return rb.ELBO(model, guide)


def test_a_start_that_breaks_is_told_and_does_not_end_the_others() -> None:
    objective = weighed_by_a_parameter().compile()
    options: dict[str, Any] = {"steps": 5, "progress": False}
    fit = rb.fit(objective, **options, restarts=6, jitter=4.0)
    failures = [r for r in fit.restarts if r.failure is not None]
    assert 0 < len(failures) < 6
    assert all("not finite" in str(r.failure) and np.isnan(r.elbo) for r in failures)
    assert "failed" in str(fit)
    start = {"m": jax.numpy.zeros(()), "a": jax.numpy.full((), 5.0)}
    with pytest.raises(rb.ModelError, match="at step 0"):
        rb.fit(objective, **options, init=start, restarts=2, jitter=0.0)


def test_a_fit_starts_where_another_ended() -> None:
    objective = two_modes().compile()
    first = rb.fit(objective, steps=20, progress=False)
    second = rb.fit(objective, steps=1, init=first, progress=False, key=5)
    by_hand = rb.fit(objective, steps=1, init=first.unconstrained, progress=False, key=5)
    assert second.unconstrained == by_hand.unconstrained
    several = rb.fit(objective, steps=1, init=first, restarts=2, progress=False, key=5)
    assert several.restarts[0].elbo == second.elbo
    with pytest.raises(ValueError, match="starts once at least"):
        rb.fit(objective, steps=1, restarts=0)


@pytest.mark.parametrize(
    ("init", "part"),
    [
        ({}, "missing: m"),
        ({"m": 0.0, "n": 1.0}, "unknown: n"),
        ({"m": np.zeros(3)}, 'parameter "m" has shape (3,)'),
    ],
)
def test_a_start_that_does_not_fit(init: Any, part: str) -> None:
    with pytest.raises(rb.ModelError, match="remedy") as caught:
        rb.fit(two_modes(), steps=1, init=init, progress=False)
    assert part in str(caught.value)


def test_a_start_from_another_guide_is_refused_and_integers_are_numbers() -> None:
    whole: dict[str, Any] = {"m": 2}
    fit = rb.fit(two_modes(), steps=1, init=whole, progress=False)
    assert fit.unconstrained["m"].dtype == np.float32
    with pytest.raises(rb.ModelError, match="missing: a"):
        rb.fit(weighed_by_a_parameter(), steps=1, init=fit, progress=False)


# ArviZ


def test_arviz_has_groups_dimensions_and_numbers() -> None:
    y = np.array([[1.0, 2.0], [0.5, 0.0], [3.0, 1.0]], np.float32)

    def model(y: Any) -> None:
        mean = rb.sample("mean", dist.Normal(np.zeros(2), 1.0).to_event(1))
        with rb.plate("rows", 3, dim=-2), rb.plate("columns", 2, dim=-1):
            z = rb.sample("z", dist.Normal(0.0, 1.0))
            rb.observe("y", dist.Normal(mean + z, 1.0), y)

    def guide(y: Any) -> None:
        rb.sample("mean", dist.Normal(rb.param("m", jnp.zeros(2)), 1.0).to_event(1))
        with rb.plate("rows", 3, dim=-2), rb.plate("columns", 2, dim=-1):
            rb.sample("z", dist.Normal(rb.param("l", jnp.zeros((3, 2))), 0.5))

    fit = rb.fit(rb.ELBO(model, guide), y, steps=2, progress=False)
    found = fit.to_arviz(40, key=1)
    draws_key, _ = jax.random.split(jax.random.key(1))
    draws = fit.sample_posterior(40, draws_key)
    assert found["posterior"]["z"].dims == ("chain", "draw", "rows", "columns")
    assert found["posterior"]["mean"].dims == ("chain", "draw", "mean_dim_0")
    assert found["posterior_predictive"]["y"].dims == ("chain", "draw", "rows", "columns")
    assert found["observed_data"]["y"].dims == ("rows", "columns")
    np.testing.assert_array_equal(found["observed_data"]["y"].values, y)
    for name, value in draws.items():
        np.testing.assert_array_equal(found["posterior"][name].values[0], value)
    location = draws["mean"][:, None] + draws["z"]
    expected = -0.5 * (y - location) ** 2 - 0.918938533
    likelihood = found["log_likelihood"]["y"]
    np.testing.assert_allclose(likelihood.values[0], expected, rtol=1e-4, atol=1e-5)
    summary = import_arviz().summary(found, var_names=["mean"])
    assert len(summary) == 2
