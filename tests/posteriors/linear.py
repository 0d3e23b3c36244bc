"""Linear regressions and hierarchies of Normals."""

from __future__ import annotations

from typing import Any

import numpy as np

from posteriors.priors import Problem, flat, flat_positive, half_cauchy, half_normal
from relbo_ir import distributions as dist
from relbo_ir import observe, sample


def _floats(data: dict[str, Any], *names: str) -> tuple[np.ndarray[Any, Any], ...]:
    return tuple(np.asarray(data[name], float) for name in names)


def eight_schools_centered(sigma: Any, y: Any) -> None:
    """Effects of their own law."""
    mu = sample("mu", dist.Normal(0.0, 5.0))
    tau = half_cauchy("tau", 5.0)
    theta = sample("theta", dist.Normal(mu, tau).expand([8]))
    observe("y", dist.Normal(theta, sigma), y)


def eight_schools_noncentered(sigma: Any, y: Any) -> None:
    """Effects as a shift and a scale of standard Normals."""
    mu = sample("mu", dist.Normal(0.0, 5.0))
    tau = half_cauchy("tau", 5.0)
    standard = sample("theta_trans", dist.Normal(0.0, 1.0).expand([8]))
    observe("y", dist.Normal(mu + tau * standard, sigma), y)


def flat_regression(features: Any, y: Any) -> None:
    """No prior at all."""
    beta = flat("beta", features.shape[1])
    sigma = flat_positive("sigma")
    observe("y", dist.Normal(features @ beta, sigma), y)


def kidiq(features: Any, y: Any) -> None:
    """Flat coefficients, a half-Cauchy scale."""
    beta = flat("beta", 4)
    sigma = half_cauchy("sigma", 2.5)
    observe("y", dist.Normal(features @ beta, sigma), y)


def kilpisjarvi(x: Any, y: Any, alpha: Any, beta: Any) -> None:
    """A trend; `alpha` and `beta` are the locations and scales of their priors."""
    intercept = sample("alpha", dist.Normal(alpha[0], alpha[1]))
    slope = sample("beta", dist.Normal(beta[0], beta[1]))
    sigma = flat_positive("sigma")
    observe("y", dist.Normal(intercept + slope * x, sigma), y)


def sblrc(x: Any, y: Any) -> None:
    """Proper priors, no intercept."""
    beta = sample("beta", dist.Normal(0.0, 10.0).expand([5]))
    sigma = half_normal("sigma", 10.0)
    observe("y", dist.Normal(x @ beta, sigma), y)


def rats(rat: Any, age: Any, y: Any) -> None:
    """A line for each of 30 rats."""
    mu_alpha = sample("mu_alpha", dist.Normal(0.0, 100.0))
    mu_beta = sample("mu_beta", dist.Normal(0.0, 100.0))
    sigma_y = flat_positive("sigma_y")
    sigma_alpha = flat_positive("sigma_alpha")
    sigma_beta = flat_positive("sigma_beta")
    alpha = sample("alpha", dist.Normal(mu_alpha, sigma_alpha).expand([30]))
    beta = sample("beta", dist.Normal(mu_beta, sigma_beta).expand([30]))
    observe("y", dist.Normal(alpha[rat] + beta[rat] * age, sigma_y), y)


def _earnings(data: dict[str, Any]) -> tuple[Any, ...]:
    earn, height, male = _floats(data, "earn", "height", "male")
    z = (height - height.mean()) / height.std(ddof=1)
    return np.stack([np.ones_like(z), z, male, z * male], axis=1), np.log(earn)


def _kidiq(data: dict[str, Any]) -> tuple[Any, ...]:
    school, iq, score = _floats(data, "mom_hs", "mom_iq", "kid_score")
    return np.stack([np.ones_like(iq), school, iq, school * iq], axis=1), score


def _mesquite(data: dict[str, Any]) -> tuple[Any, ...]:
    first, second, canopy = _floats(data, "diam1", "diam2", "canopy_height")
    total, density, group, weight = _floats(data, "total_height", "density", "group", "weight")
    columns = [
        np.ones_like(first),
        np.log(first * second * canopy),
        np.log(first * second),
        np.log(first / second),
        np.log(total),
        np.log(density),
        group,
    ]
    return np.stack(columns, axis=1), np.log(weight)


def _kilpisjarvi(data: dict[str, Any]) -> tuple[Any, ...]:
    alpha = np.asarray([data["pmualpha"], data["psalpha"]], float)
    beta = np.asarray([data["pmubeta"], data["psbeta"]], float)
    return *_floats(data, "x", "y"), alpha, beta


def _rats(data: dict[str, Any]) -> tuple[Any, ...]:
    age, y = _floats(data, "x", "y")
    return np.asarray(data["rat"], np.int32) - 1, age - data["xbar"], y


LINEAR = {
    "earnings_logearn_interaction_z": Problem(flat_regression, _earnings),
    "eight_schools_centered": Problem(eight_schools_centered, lambda d: _floats(d, "sigma", "y")),
    "eight_schools_noncentered": Problem(
        eight_schools_noncentered, lambda d: _floats(d, "sigma", "y")
    ),
    "kidiq_interaction": Problem(kidiq, _kidiq),
    "kilpisjarvi": Problem(kilpisjarvi, _kilpisjarvi),
    "mesquite_logvas": Problem(flat_regression, _mesquite),
    "sblrc_blr": Problem(sblrc, lambda d: _floats(d, "X", "y")),
    "x_rats": Problem(rats, _rats),
}
