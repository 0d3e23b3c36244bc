"""Fits: what they give, how they end early, and what they say when numbers break."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pytest
from helpers.example_modules import example

import relbo_ir as rb
from relbo_ir import distributions as dist
from relbo_ir.training import chunk_length


def normal_model(y: Any) -> None:
    x = rb.sample("x", dist.Normal(0.0, 1.0))
    rb.observe("y", dist.Normal(x, 1.0), y)


def normal_guide(y: Any) -> None:
    loc = rb.param("loc", 0.0)
    scale = rb.param("scale", 1.0, rb.constraints.positive)
    rb.sample("x", dist.Normal(loc, scale))


CONJUGATE = rb.ELBO(normal_model, normal_guide)
Y = np.array([1.0, 2.0])
"""The posterior of x is N(1, 1/3)."""


@pytest.mark.compat
def test_conjugate_normal() -> None:
    optimizer = optax.adam(optax.cosine_decay_schedule(0.05, 1500))
    fit = rb.fit(CONJUGATE, Y, steps=1500, particles=20, optimizer=optimizer, progress=False)
    assert float(fit.params["loc"]) == pytest.approx(1.0, abs=0.02)
    assert float(fit.params["scale"]) == pytest.approx(3**-0.5, rel=0.03)
    covariance = np.eye(2) + np.ones((2, 2))
    quadratic = Y @ np.linalg.solve(covariance, Y)
    evidence = -0.5 * (quadratic + np.log(np.linalg.det(covariance)) + 2 * np.log(2 * np.pi))
    assert fit.elbo == pytest.approx(evidence, abs=2e-3 + 4 * fit.elbo_error)
    assert fit.elbo_history.shape == (1500,)


def test_same_key_same_fit_and_another_key_another() -> None:
    first, again, other = (
        rb.fit(CONJUGATE, Y, steps=30, key=k, progress=False) for k in (5, jax.random.key(5), 6)
    )
    assert first.elbo_history.tolist() == again.elbo_history.tolist()
    assert first.elbo_history.tolist() != other.elbo_history.tolist()


def test_the_last_elbo_is_computed_once_and_when_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes a compilation, which a fit that is not asked for it does not pay."""
    calls: list[int] = []
    original = rb.Objective.values

    def counted(self: rb.Objective, params: Any, n: int, *rest: Any) -> Any:
        calls.append(n)
        return original(self, params, n, *rest)

    monkeypatch.setattr(rb.Objective, "values", counted)
    fit = rb.fit(CONJUGATE, Y, steps=5, progress=False)
    assert fit.params and calls == []
    values = original(fit.objective, fit.unconstrained, 1000, fit.elbo_key)
    assert fit.elbo == pytest.approx(float(np.mean(np.asarray(values, np.float64))), rel=1e-12)
    assert fit.elbo_error == pytest.approx(float(values.std(ddof=1)) / 1000**0.5, rel=1e-4)
    assert calls == [1000]
    keys = jax.random.split(fit.elbo_key, 1000)
    for k in (0, 999):
        one = float(fit.objective.value(fit.unconstrained, keys[k]))
        assert float(values[k]) == pytest.approx(one, rel=1e-6)


@pytest.mark.parametrize("steps", [1, 7, 97, 100])
def test_chunks_do_not_change_the_steps(steps: int) -> None:
    """A fit of n steps is the first n steps of a longer one, whatever the chunks."""
    short = rb.fit(CONJUGATE, Y, steps=steps, progress=False)
    long = rb.fit(CONJUGATE, Y, steps=113, progress=False)
    np.testing.assert_allclose(short.elbo_history, long.elbo_history[:steps], rtol=1e-5)


def testchunk_length_divides_or_leaves_one_rest() -> None:
    for steps in range(1, 500):
        length = chunk_length(steps)
        assert 1 <= length <= max(1, -(-steps // 20))
        assert steps / length <= 100


def test_starts_from_given_parameters() -> None:
    objective = CONJUGATE.compile(Y)
    start = objective.init()
    start = {**start, "loc": start["loc"] + 3.0}
    fit = rb.fit(objective, steps=1, optimizer=optax.sgd(0.0), init=start, progress=False)
    assert float(fit.params["loc"]) == 3.0
    assert float(start["loc"]) == 3.0, "the caller's arrays are not donated"


def test_posterior_draws_and_table() -> None:
    fit = rb.fit(
        example("eight_schools").elbo, *example("eight_schools").data, steps=50, progress=False
    )
    draws = fit.sample_posterior(500, key=3)
    assert draws["theta"].shape == (500, 8)
    expected = draws["mu"][:, None] + draws["tau"][:, None] * draws["offset"]
    np.testing.assert_allclose(draws["theta"], expected, rtol=1e-5, atol=1e-6)
    again = fit.sample_posterior(500, key=3)
    assert all((draws[name] == again[name]).all() for name in draws)
    loc, scale = float(fit.params["mu.loc"]), float(fit.params["mu.scale"])
    assert draws["mu"].mean() == pytest.approx(loc, abs=5 * scale / 500**0.5)
    text = str(fit)
    for word in ("ELBO", "mean", "sd", "5%", "50%", "95%", "mu", "theta[7]"):
        assert word in text


def test_first_ctrl_c_keeps_what_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal arrives during the third chunk; the fit ends after it."""
    assert threading.current_thread() is threading.main_thread()
    objective = CONJUGATE.compile(Y)
    from relbo_ir import training

    count = 0
    original = training.np.concatenate

    class Bar:
        def __init__(self, **_: Any) -> None: ...
        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None: ...
        def set_postfix_str(self, *_: object, **__: object) -> None: ...
        def update(self, _: int) -> None:
            nonlocal count
            count += 1
            if count == 3:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training, "tqdm", Bar)
    before = signal.getsignal(signal.SIGINT)
    fit = rb.fit(objective, steps=1000, progress=True)
    assert fit.interrupted
    assert fit.elbo_history.shape == (150,)
    assert "interrupted" in str(fit)
    assert signal.getsignal(signal.SIGINT) is before
    assert original is training.np.concatenate
    full = rb.fit(objective, steps=1000, progress=False)
    np.testing.assert_allclose(fit.elbo_history, full.elbo_history[:150], rtol=1e-5)


def test_nan_names_step_site_and_parameters() -> None:
    """log of a value that becomes negative: the factor is the site, its step the first bad one."""

    def model() -> None:
        x = rb.sample("x", dist.Normal(0.0, 1.0))
        rb.factor("breaks", jax.numpy.log(1.5 - rb.param("drift", 0.0)) + 0.0 * x)

    def guide() -> None:
        rb.sample("x", dist.Normal(rb.param("loc", 0.0), 1.0))

    with pytest.raises(rb.ModelError) as caught:
        rb.fit(rb.ELBO(model, guide), steps=400, optimizer=optax.sgd(-0.02), progress=False)
    text = str(caught.value)
    assert "at step " in text
    assert "breaks" in text
    assert "drift = " in text
    assert caught.value.site == "breaks"
    step = int(text.split("at step ")[1].split(";")[0].split()[0])
    history_ends_before = rb.fit(
        rb.ELBO(model, guide), steps=step, optimizer=optax.sgd(-0.02), progress=False
    )
    assert np.isfinite(history_ends_before.elbo_history).all()


def test_zero_steps_is_an_error() -> None:
    with pytest.raises(ValueError, match="one step at least"):
        rb.fit(CONJUGATE, Y, steps=0)


def test_fit_works_off_the_main_thread() -> None:
    found: list[Any] = []
    thread = threading.Thread(
        target=lambda: found.append(rb.fit(CONJUGATE, Y, steps=3, progress=False))
    )
    thread.start()
    thread.join()
    assert found[0].elbo_history.shape == (3,)


def test_examples_folder_is_complete() -> None:
    """Every example file is named in the README."""
    root = Path(__file__).parents[1]
    readme = (root / "README.md").read_text()
    for path in (root / "examples").glob("*.py"):
        assert path.name in readme, path.name
