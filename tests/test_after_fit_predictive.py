"""Prior and posterior predictive draws and held-out densities, held to closed forms."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as nd
import pytest

import relbo_ir as rb
from relbo_ir import distributions as dist

Y = np.array([0.5, 1.5, 1.0], np.float32)


def model(y: Any, groups: int = 3) -> None:
    mean = rb.sample("mean", dist.Normal(0.0, 2.0))
    noise = rb.param("noise", 0.5, rb.constraints.positive)
    with rb.plate("groups", groups):
        shift = rb.sample("shift", dist.Normal(mean, 0.25))
        level = rb.deterministic("level", 10.0 * shift)
        rb.observe("y", dist.Normal(level, noise), y)


def guide(y: Any, groups: int = 3) -> None:
    rb.sample("mean", dist.Normal(rb.param("loc", 1.0), 0.125))
    with rb.plate("groups", groups):
        rb.sample("shift", dist.Normal(rb.param("shift.loc", jnp.arange(3.0)), 0.0625))


ELBO = rb.ELBO(model, guide)


@pytest.fixture(scope="module")
def fit() -> rb.Fit:
    return rb.fit(ELBO, Y, steps=2, progress=False)


def standard(values: Any, mean: Any, sd: Any) -> None:
    """Independent Normal draws: means and variances within 5 standard errors, at a fixed key."""
    z = (np.asarray(values, np.float64) - mean) / sd
    assert np.all(np.abs(z.mean(0)) < 5 / len(z) ** 0.5), z.mean(0)
    assert np.all(np.abs(z.var(0) - 1) < 5 * (2 / len(z)) ** 0.5), z.var(0)


def test_prior_predictive_has_the_models_law() -> None:
    draws = ELBO.prior_predictive(Y, n=4000, key=1)
    assert {name: value.shape for name, value in draws.items()} == {
        "mean": (4000,), "shift": (4000, 3), "level": (4000, 3), "y": (4000, 3)
    }  # fmt: skip
    standard(draws["mean"], 0.0, 2.0)
    standard(draws["shift"] - draws["mean"][:, None], 0.0, 0.25)
    # Near 0 the rounding is that of the summands, of size 10.
    np.testing.assert_allclose(draws["level"], 10 * draws["shift"], rtol=1e-6, atol=1e-5)
    standard(draws["y"] - draws["level"], 0.0, 0.5)
    again = ELBO.prior_predictive(Y, n=4000, key=1)
    assert all((again[name] == value).all() for name, value in draws.items())
    residual = np.corrcoef((draws["y"] - draws["level"]).T, draws["shift"].T)
    assert np.abs(residual[:3, 3:]).max() < 5 / 4000**0.5


def test_prior_predictive_of_a_fit_has_its_parameters(fit: rb.Fit) -> None:
    noise = float(fit.params["noise"])
    assert noise != 0.5
    draws = fit.prior_predictive(n=4000)
    standard(draws["y"] - draws["level"], 0.0, noise)


def test_posterior_predictive_is_at_the_guides_draws(fit: rb.Fit) -> None:
    draws = fit.posterior_predictive(n=4000, key=2)
    assert set(draws) == {"level", "y"}
    standard(draws["level"] / 10, fit.params["shift.loc"], 0.0625)
    standard(draws["y"] - draws["level"], 0.0, float(fit.params["noise"]))
    posterior = fit.sample_posterior(4000, jax.random.split(jax.random.key(2))[0])
    np.testing.assert_allclose(draws["level"], 10 * posterior["shift"], rtol=1e-6)


def test_fresh_choices_are_drawn_given_the_others_at_new_sizes(fit: rb.Fit) -> None:
    new = np.zeros(5, np.float32)
    draws = fit.posterior_predictive(new, groups=5, n=4000, key=2, fresh=("shift",))
    assert draws["y"].shape == draws["shift"].shape == (4000, 5)
    mean = fit.sample_posterior(4000, jax.random.split(jax.random.key(2))[0])["mean"]
    standard(draws["shift"] - mean[:, None], 0.0, 0.25)


def test_new_sizes_of_observations_alone_need_nothing() -> None:
    def coin(flips: Any) -> None:
        logit = rb.sample("logit", dist.Normal(0.0, 1.0))
        with rb.plate("flips", len(flips)):
            rb.observe("flip", dist.Bernoulli(logits=logit), flips)

    def coin_guide(flips: Any) -> None:
        rb.sample("logit", dist.Normal(rb.param("m", 1.0), 1e-3))

    fit = rb.fit(rb.ELBO(coin, coin_guide), np.array([1, 1, 0]), steps=1, progress=False)
    draws = fit.posterior_predictive(np.zeros(7, int), n=3000)
    assert draws["flip"].shape == (3000, 7)
    assert set(np.unique(draws["flip"])) == {0, 1}
    chance = 1 / (1 + np.exp(-float(fit.params["m"])))
    assert draws["flip"].mean() == pytest.approx(chance, abs=5 * 0.5 / 21000**0.5)


def test_a_changed_size_is_an_error_that_says_what_to_do(fit: rb.Fit) -> None:
    with pytest.raises(rb.ModelError) as caught:
        fit.posterior_predictive(np.zeros(5, np.float32), groups=5, n=2)
    text = str(caught.value)
    assert "draws of shape (3,), the model on these arguments makes a choice of shape (5,)" in text
    assert 'fresh=("shift",)' in text and 'site "shift"' in text and "test_after_fit" in text


def test_unknown_fresh_choices_and_bad_counts(fit: rb.Fit) -> None:
    with pytest.raises(rb.ModelError, match=r'no choice "shfit"[\s\S]*mean, shift'):
        fit.posterior_predictive(n=2, fresh=("shfit",))
    with pytest.raises(ValueError, match="once at least"):
        fit.prior_predictive(n=0)
    with pytest.raises(rb.ModelError, match="NaN"):
        fit.posterior_predictive(np.full(3, np.nan, np.float32), n=2)


def test_held_out_density_is_the_log_of_the_mean_density() -> None:
    """Held to NumPyro's densities at the same draws, in float64."""
    with jax.enable_x64(True):
        fit = rb.fit(ELBO, Y.astype(float), steps=2, progress=False)
        new = np.array([3.0, -1.0, 9.5])
        found = fit.held_out_log_density(new, n=50, key=4)
        draws = fit.sample_posterior(50, jax.random.split(jax.random.key(4))[0])
        noise = float(fit.params["noise"])
        each = np.asarray(nd.Normal(10 * draws["shift"], noise).log_prob(new))
        expected = np.log(np.mean(np.exp(each), 0))
        np.testing.assert_allclose(found["y"], expected, rtol=1e-9)
        assert set(found) == {"y"}


def test_held_out_density_of_a_point_guide_is_the_models() -> None:
    """With every latent fresh and no noise in them, the predictive law is a Normal: exact."""

    def plain(y: Any) -> None:
        rb.sample("z", dist.Normal(0.0, 1e-6))
        rb.observe("y", dist.Normal(2.0, 1.0), y)

    def plain_guide(y: Any) -> None:
        rb.sample("z", dist.Normal(rb.param("m", 0.0), 1e-6))

    fit = rb.fit(rb.ELBO(plain, plain_guide), Y, steps=1, progress=False)
    for fresh in ((), ("z",)):
        found = fit.held_out_log_density(Y, n=3, fresh=fresh)["y"]
        np.testing.assert_allclose(found, -0.5 * (Y - 2.0) ** 2 - 0.918938533, rtol=1e-5)


def test_values_far_from_the_law_do_not_underflow(fit: rb.Fit) -> None:
    found = fit.held_out_log_density(np.full(3, 1e4, np.float32), n=10)["y"]
    assert np.isfinite(found).all() and (found < -1e6).all()


def test_a_factor_refuses_the_prior_and_fresh_choices() -> None:
    def weighed(y: Any) -> None:
        z = rb.sample("z", dist.Normal(0.0, 1.0))
        rb.factor("tilt", z)
        rb.observe("y", dist.Normal(z, 1.0), y)

    def weighed_guide(y: Any) -> None:
        rb.sample("z", dist.Normal(rb.param("m", 0.0), 1.0))

    elbo = rb.ELBO(weighed, weighed_guide)
    fit = rb.fit(elbo, Y, steps=1, progress=False)
    with pytest.raises(rb.PassError, match=r'has a factor, so z cannot[\s\S]*site "tilt"'):
        elbo.prior_predictive(Y, n=2)
    with pytest.raises(rb.PassError, match="has a factor"):
        fit.posterior_predictive(n=2, fresh=("z",))
    assert fit.posterior_predictive(n=2)["y"].shape == (2, 3)


def test_numpyro_models_and_auto_guides() -> None:
    def theirs(y: Any) -> None:
        z = numpyro.sample("z", nd.Normal(0.0, 1.0))
        with numpyro.plate("n", len(y)):
            numpyro.sample("y", nd.Normal(z, 1.0), obs=y)

    guide = numpyro.infer.autoguide.AutoNormal(theirs)
    fit = rb.fit(rb.ELBO(theirs, guide), Y, steps=2, progress=False)
    draws = fit.posterior_predictive(np.zeros(6, np.float32), n=5)
    assert draws["y"].shape == (5, 6)


def test_opaque_laws_are_predicted_too() -> None:
    def vonmises(y: Any) -> None:
        z = rb.sample("z", dist.Normal(0.0, 1.0))
        rb.observe("y", dist.VonMises(z, np.full(3, 50.0, np.float32)), y)

    def vonmises_guide(y: Any) -> None:
        rb.sample("z", dist.Normal(rb.param("m", 0.0), 0.1))

    fit = rb.fit(rb.ELBO(vonmises, vonmises_guide), Y, steps=1, progress=False)
    draws = fit.posterior_predictive(n=200)["y"]
    assert draws.shape == (200, 3) and np.abs(draws).max() <= np.pi


AFTER: dict[str, Any] = {
    "prior_predictive": lambda fit, *args: fit.prior_predictive(*args, n=4),
    "posterior_predictive": lambda fit, *args: fit.posterior_predictive(*args, n=4),
    "held_out_log_density": lambda fit, *args: fit.held_out_log_density(*args, n=4),
}


def _by_rows(count: int | None) -> rb.Fit:
    def model(y: Any, count: int | None) -> None:
        mean = rb.sample("mean", dist.Normal(0.0, 2.0))
        with rb.plate("rows", len(y), subsample=count) as i:
            rb.observe("y", dist.Normal(mean, 1.0), y[i])

    def guide(y: Any, count: int | None) -> None:
        rb.sample("mean", dist.Normal(rb.param("loc", 1.0), 0.125))

    return rb.fit(rb.ELBO(model, guide), np.arange(6.0), count, steps=2, progress=False)


@pytest.mark.parametrize("name", AFTER)
def test_minibatches_are_not_mixed(name: str) -> None:
    """Two runs have other rows, so no element of their results is of one row of the data."""
    fit = _by_rows(2)
    with pytest.raises(rb.ModelError, match='a minibatch of plate "rows"') as caught:
        AFTER[name](fit)
    assert "test_after_fit_predictive.py:" in str(caught.value)
    with pytest.raises(rb.ModelError, match='a minibatch of plate "rows"'):
        AFTER[name](fit, np.arange(9.0), 4)
    assert AFTER[name](fit, np.arange(9.0), None)["y"].shape[-1] == 9


def test_minibatches_have_no_weights_and_no_inference_data() -> None:
    fit = _by_rows(2)
    with pytest.raises(rb.ModelError, match='plate "rows" is subsampled'):
        fit.pareto_k()
    with pytest.raises(rb.ModelError, match='a minibatch of plate "rows"'):
        fit.to_arviz()
    assert _by_rows(None).log_weights(3).shape == (3,)


def test_what_is_masked_is_drawn_and_a_prior_that_has_no_draws_is_not() -> None:
    """As NumPyro's `Predictive` does; missing values (`obs_mask`) are masked by NumPyro."""
    seen = np.array([True, False, True])

    def model(y: Any) -> None:
        mean = numpyro.sample("mean", nd.ImproperUniform(nd.constraints.real, (), ()))
        with numpyro.plate("rows", 3):
            numpyro.sample("y", nd.Normal(mean, 0.5), obs=y, obs_mask=seen)
            with numpyro.handlers.mask(mask=seen):
                numpyro.sample("x", nd.Normal(mean, 0.5), obs=y)

    def guide(y: Any) -> None:
        numpyro.sample("mean", nd.Normal(numpyro.param("loc", 1.0), 0.125))
        with numpyro.plate("rows", 3), numpyro.handlers.mask(mask=~seen):
            numpyro.sample("y_unobserved", nd.Normal(1.0, 0.5))

    fit = rb.fit(rb.ELBO(model, guide), Y, steps=2, progress=False)
    draws = fit.posterior_predictive(n=4000)
    centre, sd = float(fit.params["loc"]), (0.125**2 + 0.5**2) ** 0.5
    standard(draws["x"], centre, sd)
    standard(draws["y_observed"], centre, sd)
    data: Any = fit.to_arviz(20)
    np.testing.assert_array_equal(data.observed_data["x"].values, Y)


def test_observations_that_are_left_out_are_drawn() -> None:
    """NumPyro's idiom: `y=None` where the model is to make y."""

    def model(x: Any, y: Any = None) -> None:
        slope = numpyro.sample("slope", nd.Normal(0.0, 2.0))
        with numpyro.plate("rows", len(x)):
            numpyro.sample("y", nd.Normal(slope * x, 0.5), obs=y)

    def guide(x: Any, y: Any = None) -> None:
        numpyro.sample("slope", nd.Normal(numpyro.param("loc", 1.0), 0.125))

    fit = rb.fit(rb.ELBO(model, guide), np.ones(3), Y, steps=2, progress=False)
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    draws = fit.posterior_predictive(x, n=4000)
    standard(draws["y"], float(fit.params["loc"]) * x, np.hypot(0.125 * x, 0.5))
    with pytest.raises(rb.ModelError, match="there are no values for the choices y"):
        fit.held_out_log_density(x)
