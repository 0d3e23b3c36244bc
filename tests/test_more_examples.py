"""The examples of other kinds of model, against closed forms, enumeration, quadrature and NumPyro."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.example_modules import example
from helpers.externalized import externalized
from jax.scipy.special import gammaln
from numpy.polynomial.hermite_e import hermegauss
from numpyro import handlers
from numpyro.infer.util import log_density

import relbo_ir as rb
from relbo_ir.objective import as_key

_DRAWS = 4_000
_Z = 5.0
"""Standard errors a mean of draws may be off: two-sided false-alarm rate 6e-7 a coordinate."""
_NORMAL = 0.5 * math.log(2 * math.pi)

Params = dict[str, Any]


def arrays_of(name: str) -> SimpleNamespace:
    """
    What an example holds, its arrays as JAX's of this moment: JAX 0.10 keeps the single-precision
    constant of a NumPy array that it has met before, and takes it in double precision too.
    """
    held = vars(example(name)).items()
    return SimpleNamespace(
        **{n: jnp.asarray(v) if isinstance(v, np.ndarray) else v for n, v in held}
    )


def entropy(sd: Any) -> Any:
    """Of independent Normals (nats)."""
    return jnp.sum(0.5 + _NORMAL + jnp.log(sd))


def log_normal(mean_square: Any, sd: Any) -> Any:
    """E[log N] where E[(x − loc)²] is the first argument."""
    return -0.5 * mean_square / sd**2 - jnp.log(sd) - _NORMAL


def exact_mixture(p: Params) -> Any:
    """Closed form: the assignments are summed out, the means enter by their first two moments."""
    module = arrays_of("mixture")
    mean, sd, logits = p["loc.mean"], p["loc.sd"], p["component.logits"]
    log_q = jax.nn.log_softmax(logits)
    square = (module.POINTS[:, None] - mean) ** 2 + sd**2
    local = jnp.log(module.WEIGHTS) + log_normal(square, 1.0) - log_q
    prior = jnp.sum(log_normal(mean**2 + sd**2, module.PRIOR_SD))
    return jnp.sum(jnp.exp(log_q) * local) + prior + entropy(sd)


def exact_poisson_regression(p: Params) -> Any:
    """Closed form: the linear predictor is Normal, the mean rate that of a LogNormal."""
    module = arrays_of("poisson_regression")
    (a, s), (b, t) = (
        (p[f"{name}_auto_loc"], p[f"{name}_auto_scale"]) for name in ("intercept", "slope")
    )
    eta = a + b * module.QUARTERS
    rate = jnp.exp(eta + 0.5 * (s**2 + t**2 * module.QUARTERS**2))
    likelihood = jnp.sum(module.DEATHS * eta - rate - gammaln(module.DEATHS + 1.0))
    priors = log_normal(a**2 + s**2, 5.0) + log_normal(b**2 + t**2, 5.0)
    return likelihood + priors + entropy(s) + entropy(t)


def exact_full_rank(p: Params) -> Any:
    """Closed form: all is quadratic in one Normal."""
    module = arrays_of("full_rank")
    mean, factor = p["auto_loc"], p["auto_scale_tril"]
    covariance = factor @ factor.T
    design = jnp.column_stack([jnp.ones(len(module.SPEEDS)), module.SPEEDS])
    square = (module.DISTANCES - design @ mean) ** 2
    square += jnp.sum((design @ covariance) * design, axis=1)
    priors = jnp.sum(log_normal(mean**2 + jnp.diag(covariance), module.PRIOR_SD))
    return jnp.sum(log_normal(square, module.NOISE)) + priors + entropy(jnp.diag(factor))


def exact_hierarchical(p: Params) -> Any:
    """
    Closed form: moments of the Normal tilted by exp(t·x), x = (mean, log between, log
    within, 6 offsets), E[f(x) exp(t·x)] = exp(t·m + t'Vt/2) E[f] at the mean m + Vt.
    """
    module = arrays_of("hierarchical")
    mean, factor = p["auto_loc"], p["auto_scale_tril"]
    covariance = factor @ factor.T
    grand, between, within, offset = 0, 1, 2, slice(3, 9)
    group = module.BATCH + 3

    def tilted(between_power: float, within_power: float) -> tuple[Any, Any]:
        tilt = jnp.zeros(9).at[between].set(between_power).at[within].set(within_power)
        return jnp.exp(tilt @ mean + 0.5 * tilt @ covariance @ tilt), mean + covariance @ tilt

    scale, m = tilted(0.0, -2.0)
    total = scale * ((module.YIELDS - m[grand]) ** 2 + covariance[grand, grand])
    scale, m = tilted(1.0, -2.0)
    cross = (module.YIELDS - m[grand]) * m[group] - covariance[grand, group]
    total -= 2 * scale * cross
    scale, m = tilted(2.0, -2.0)
    total += scale * (m[group] ** 2 + covariance[group, group])
    likelihood = jnp.sum(-0.5 * total - mean[within] - _NORMAL)
    second = mean**2 + jnp.diag(covariance)
    priors = log_normal(second[grand], 2.0) + jnp.sum(log_normal(second[offset], 1.0))
    for index, (square, _) in ((between, tilted(2.0, 0.0)), (within, tilted(0.0, 2.0))):
        priors += math.log(2.0) + log_normal(square, 1.0) + mean[index]
    return likelihood + priors + entropy(jnp.diag(factor))


def exact_missing_data(p: Params) -> Any:
    """Closed form: moments of intercept + slope × sun, whose sun is a number or a Normal."""
    module = arrays_of("missing_data")
    (a, s), (b, t), (x, w) = (
        (p[f"{name}_auto_loc"], p[f"{name}_auto_scale"])
        for name in ("intercept", "slope", "imputed")
    )
    sun = jnp.asarray(module.STANDARD_SUN).at[jnp.asarray(module.MISSING)].set(x)
    variance = jnp.zeros(len(module.SUN)).at[jnp.asarray(module.MISSING)].set(w**2)
    square = (module.LOG_OZONE - a - b * sun) ** 2
    square += s**2 + (b**2 + t**2) * variance + t**2 * sun**2
    likelihood = jnp.sum(module.MEASURED * log_normal(square, module.NOISE))
    terms = ((a, s), (b, t), (x, w))
    return likelihood + sum(jnp.sum(log_normal(m**2 + v**2, 1.0)) + entropy(v) for m, v in terms)


EXACT: dict[str, Callable[[Params], Any]] = {
    "mixture": exact_mixture,
    "poisson_regression": exact_poisson_regression,
    "full_rank": exact_full_rank,
    "hierarchical": exact_hierarchical,
    "missing_data": exact_missing_data,
}


def check_mean(estimates: Any, exact: Any) -> None:
    array, target = np.asarray(estimates, np.float64), np.asarray(exact)
    error = array.std(0, ddof=1) / math.sqrt(len(array))
    rounding = 1e-5 * (np.abs(target) + np.abs(array).max(0))
    assert (np.abs(array.mean(0) - target) <= _Z * error + rounding).all()


def estimates(objective: rb.Objective, params: Params, count: int) -> tuple[Any, Params]:
    """Independent estimates of the ELBO and of its gradient."""
    program, data = objective.step_function, objective.data
    run = jax.jit(
        lambda keys: jax.lax.map(lambda k: program(params, k, data), keys, batch_size=100)
    )
    return run(jax.random.split(as_key(7), count))


def perturbed(params: Params) -> Params:
    """Parameters away from the symmetries of a start (fixed numbers, of size 0.2)."""
    keys = jax.random.split(jax.random.key(11), len(params))
    return {
        name: value + 0.2 * jax.random.normal(key, value.shape)
        for key, (name, value) in zip(keys, params.items(), strict=True)
    }


@pytest.mark.parametrize("name", sorted(EXACT))
def test_gradient_is_exact_in_the_mean(name: str) -> None:
    """The mean of many estimates is the exact value and gradient, within standard errors."""
    module = example(name)
    objective = module.elbo.compile(*module.data)
    params = perturbed(objective.init(0))
    with jax.enable_x64(True):
        wide = {k: jnp.asarray(np.asarray(v, np.float64)) for k, v in params.items()}
        exact, slope = jax.jit(jax.value_and_grad(lambda u: EXACT[name](objective.constrain(u))))(
            wide
        )
    values, gradients = estimates(objective, params, _DRAWS)
    check_mean(values, exact)
    for parameter, rows in gradients.items():
        check_mean(rows, slope[parameter])


@pytest.mark.parametrize("pruned", [False, True])
def test_the_mixture_enumerated(pruned: bool) -> None:
    """
    At fixed noise of the means, the estimate of each of the 3⁴ assignments of four points weighed by
    its probability sums to the exact gradient, with and without pruning.
    """
    module = example("mixture")
    points = module.POINTS[[0, 5, 9, 12]]
    prune = ("relbo-split-addends", "relbo-score-function", "relbo-rao-blackwellize")
    scored = prune if pruned else ("relbo-score-function",)
    steps = ("objective", "relbo-assign-estimators", *scored, "relbo-pathwise")
    noise = np.array([0.4, -1.1, 0.7])
    logits = np.array([[0.3, -0.2, 0.1], [-0.5, 0.4, 0.2], [0.1, 0.6, -0.4], [0.0, -0.3, 0.5]])
    with jax.enable_x64(True):
        estimate = externalized(module.elbo, (points,), steps)
        sd = np.array([0.5, 0.8, 0.3])
        unconstrained = np.log(np.expm1(sd))
        params = {"loc.mean": module.START, "loc.sd": unconstrained, "component.logits": logits}

        def exact(mean: Any, raw: Any, logits: Any) -> Any:
            scale = jax.nn.softplus(raw)
            loc = mean + scale * noise
            log_q = jax.nn.log_softmax(logits)
            local = jnp.log(module.WEIGHTS) + log_normal((points[:, None] - loc) ** 2, 1.0) - log_q
            prior = jnp.sum(log_normal(loc**2, module.PRIOR_SD))
            return jnp.sum(jnp.exp(log_q) * local) + prior - jnp.sum(log_normal(noise**2, 1.0)) + jnp.sum(jnp.log(scale))  # fmt: skip

        expected, slopes = jax.jit(jax.value_and_grad(exact, argnums=(0, 1, 2)))(
            jnp.asarray(module.START), jnp.asarray(unconstrained), jnp.asarray(logits)
        )
        mass = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        sums: list[Any] = [0.0] * 4
        for which in itertools.product(range(3), repeat=4):
            weight = np.prod(mass[np.arange(4), which])
            draws = {"loc": noise, "component": np.array(which, np.int32)}
            for k, part in enumerate(estimate(params, draws)):
                sums[k] = sums[k] + weight * np.asarray(part)
    np.testing.assert_allclose(sums[0], expected, rtol=1e-10)
    for found, slope in zip(sums[1:], slopes, strict=True):
        np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-12)


def test_the_mixture_is_scored_point_by_point_with_a_running_mean() -> None:
    module = example("mixture")
    objective = module.elbo.compile(*module.data)
    assert "score function" in objective.explain() and "pathwise" in objective.explain()
    assert objective.init_state()


def test_the_mixture_reaches_coordinate_ascent() -> None:
    """Its ELBO (in closed form) is that of the best guide, and so are its assignments."""
    module = example("mixture")
    fit = module.train(progress=False)
    mean, sd, probabilities = module.coordinate_ascent()
    best = {"loc.mean": mean, "loc.sd": sd, "component.logits": np.log(probabilities)}
    exact = float(exact_mixture(best))
    assert exact - 0.08 < float(exact_mixture(fit.params)) <= exact + 1e-4
    fitted = jax.nn.softmax(fit.params["component.logits"])
    np.testing.assert_allclose(fitted, probabilities, atol=0.03)
    np.testing.assert_allclose(fit.params["loc.mean"], mean, atol=0.06)


@cache
def trained(name: str) -> Any:
    """The example's own fit."""
    return example(name).train(progress=False)


def test_poisson_regression_is_the_posterior() -> None:
    module = example("poisson_regression")
    fit, exact = module.train(progress=False), module.posterior()
    for site, (mean, sd) in exact.items():
        assert float(fit.params[f"{site}_auto_loc"]) == pytest.approx(mean, abs=0.1 * sd)
        assert float(fit.params[f"{site}_auto_scale"]) == pytest.approx(sd, rel=0.06)
    assert fit.elbo == pytest.approx(float(exact_poisson_regression(fit.params)), abs=0.01)


def test_full_rank_reaches_the_log_evidence() -> None:
    """The exact posterior is Normal; without its correlation the bound stays below, by a known gap."""
    module = example("full_rank")
    fit = module.train(progress=False)
    mean, precision = module.posterior()
    assert float(exact_full_rank(fit.params)) == pytest.approx(module.log_evidence(), abs=2e-3)
    factor = fit.params["auto_scale_tril"]
    np.testing.assert_allclose(factor @ factor.T, np.linalg.inv(precision), rtol=0.05)
    np.testing.assert_allclose(fit.params["auto_loc"], mean, atol=0.04)
    apart = module.train(module.mean_field, progress=False)
    assert apart.elbo == pytest.approx(module.mean_field_elbo(), abs=0.01 + 5 * apart.elbo_error)
    sds = [float(apart.params[f"{site}_auto_scale"]) for site in ("intercept", "slope")]
    np.testing.assert_allclose(sds, 1 / np.sqrt(np.diag(precision)), rtol=0.05)


@pytest.mark.parametrize(
    ("name", "sites", "close"),
    [("hierarchical", ("mean", "within"), 0.25), ("missing_data", ("intercept", "slope"), 0.12)],
)
def test_a_fit_is_near_the_posterior(name: str, sites: tuple[str, ...], close: float) -> None:
    """No ascent direction is left in the exact ELBO, and moments are near those of the quadrature."""
    fit, exact = trained(name), example(name).posterior()
    summary = fit.summary(4000)
    for site in sites:
        mean, sd = exact[site]
        assert summary[site]["mean"] == pytest.approx(mean, abs=close * sd)
        assert summary[site]["sd"] == pytest.approx(sd, rel=close)
    assert fit.elbo == pytest.approx(float(EXACT[name](fit.params)), abs=5 * fit.elbo_error + 1e-3)
    with jax.enable_x64(True):
        wide = {k: jnp.asarray(np.asarray(v, np.float64)) for k, v in fit.unconstrained.items()}
        slope = jax.jit(jax.grad(lambda u: EXACT[name](fit.objective.constrain(u))))(wide)
    assert max(float(np.abs(g).max()) for g in slope.values()) < 0.3


def test_sunlight_that_nothing_tells_of_keeps_its_prior() -> None:
    """On day 5 neither was measured: the best guide of its sunlight is the prior."""
    module = example("missing_data")
    fit = trained("missing_data")
    day = module.MISSING.tolist().index(4)
    assert float(fit.params["imputed_auto_loc"][day]) == pytest.approx(0.0, abs=0.05)
    assert float(fit.params["imputed_auto_scale"][day]) == pytest.approx(1.0, rel=0.05)


def exact_vae(p: Params, digits: Any, nodes: int = 24) -> Any:
    """The autoencoder's ELBO of these digits, by two-dimensional Gauss–Hermite quadrature."""
    points, weights = hermegauss(nodes)
    noise = np.array(list(itertools.product(points, repeat=2)))
    weight = np.outer(weights, weights).ravel() / (2 * math.pi)
    hidden = jnp.tanh((digits - 0.5) @ p["encoder.hidden.weights"] + p["encoder.hidden.bias"])
    code = hidden @ p["encoder.out.weights"] + p["encoder.out.bias"]
    loc, scale = code[:, :2], jax.nn.softplus(code[:, 2:])
    z = loc[:, None] + scale[:, None] * noise
    hidden = jnp.tanh(z @ p["decoder.hidden.weights"] + p["decoder.hidden.bias"])
    logits = hidden @ p["decoder.out.weights"] + p["decoder.out.bias"]
    log_density = jnp.sum(digits[:, None] * logits - jax.nn.softplus(logits), axis=-1)
    return jnp.sum(log_density @ weight) + jnp.sum(log_normal(loc**2 + scale**2, 1.0)) + entropy(scale)  # fmt: skip


def test_the_autoencoder_by_quadrature() -> None:
    """Value and gradient in every weight, in the mean, on twelve digits in minibatches of four."""
    digits = example("vae").DIGITS[:12]
    objective = example("vae").elbo.compile(digits, 4)
    params = objective.init(3)
    with jax.enable_x64(True):
        wide = {k: jnp.asarray(np.asarray(v, np.float64)) for k, v in params.items()}
        exact, slope = jax.jit(jax.value_and_grad(exact_vae))(wide, digits)
    values, gradients = estimates(objective, params, 2000)
    check_mean(values, exact)
    for parameter, rows in gradients.items():
        check_mean(rows, slope[parameter])


def test_the_autoencoder_learns() -> None:
    """Better than any model of independent pixels; the ELBO it reports is the one by quadrature."""
    module = example("vae")
    fit = module.train(steps=800, progress=False)
    count = len(module.DIGITS)
    assert fit.elbo / count > module.independent_pixels() + 3.0
    exact = sum(float(exact_vae(fit.params, part, 16)) for part in np.array_split(module.DIGITS, 8))
    assert abs(fit.elbo - exact) < _Z * fit.elbo_error + 1e-4 * abs(exact)


def test_numpyro_dropin_is_numpyro_s_estimate_and_finds_the_year() -> None:
    """The loss at given draws is that of NumPyro's own densities, and the fit is near the posterior."""
    module = example("numpyro_dropin")
    loss: Any = rb.numpyro.ELBO()
    params = {"change.logits": jnp.linspace(-1.0, 1.0, len(module.YEARS))}
    params |= {"early.loc": 1.0, "early.scale": 0.1, "late.loc": 0.1, "late.scale": 0.3}
    given = {name: jnp.asarray(value) for name, value in params.items()}
    keys = jax.random.split(jax.random.key(1), _DRAWS)
    ours = jax.lax.map(
        lambda key: jnp.negative(
            loss.loss(key, given, module.model, module.guide, module.DISASTERS)
        ),
        keys,
    )
    check_mean(ours, _coal_elbo(module, params))
    fitted, losses = module.train()
    probabilities, rates = module.posterior()
    mass = np.asarray(jax.nn.softmax(fitted["change.logits"]))
    assert 0.5 * np.abs(mass - probabilities).sum() < 0.1
    for site, rate in zip(("early", "late"), rates, strict=True):
        mean = jnp.exp(fitted[f"{site}.loc"] + fitted[f"{site}.scale"] ** 2 / 2)
        assert float(mean) == pytest.approx(rate, rel=0.03)
    assert -losses[-500:].mean() == pytest.approx(_coal_elbo(module, fitted), abs=0.02)


def _coal_elbo(module: Any, params: Params) -> float:
    """Exact: the years summed over, NumPyro's densities integrated over both rates by quadrature."""
    points, weights = hermegauss(40)
    weights = weights / math.sqrt(2 * math.pi)
    mass = np.asarray(jax.nn.softmax(params["change.logits"]), np.float64)

    def log_joint(change: Any, early: Any, late: Any) -> Any:
        values = {"change": change, "early": early, "late": late}
        return log_density(
            handlers.substitute(module.model, data=values), (module.DISASTERS,), {}, {}
        )[0]

    (a, s), (b, t) = (
        (float(params[f"{site}.loc"]), float(params[f"{site}.scale"])) for site in ("early", "late")
    )
    early, late = jnp.exp(a + s * points), jnp.exp(b + t * points)
    over_late = jax.vmap(log_joint, in_axes=(None, None, 0))
    over_both = jax.vmap(over_late, in_axes=(None, 0, None))
    table = jax.jit(jax.vmap(over_both, in_axes=(0, None, None)))(
        jnp.asarray(module.YEARS), early, late
    )
    joint = float(mass @ np.einsum("cij,i,j->c", np.asarray(table), weights, weights))
    rates = float(entropy(s)) + a + float(entropy(t)) + b
    return joint + rates - float((mass * np.log(mass)).sum())


def test_a_served_fit_answers_as_the_fit_does(tmp_path: Path) -> None:
    module, coin = example("export_and_serve"), example("coin")
    fit = rb.fit(coin.elbo, *coin.data, steps=20, progress=False)
    process, address = module.serve(fit, tmp_path / "coin.relbo")
    try:
        answer = module.ask(address, draws=500, key=3)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
    draws = fit.sample_posterior(500, key=3)["bias"]
    assert answer["bias"]["mean"] == pytest.approx(float(draws.mean()), rel=1e-6)
    assert answer["bias"]["sd"] == pytest.approx(float(draws.std()), rel=1e-5)
