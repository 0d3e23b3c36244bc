"""
Draws of the families: their distribution, and their derivative where it is declared.

Distributions are compared by tests that fail by chance at the stated rate; the keys are fixed. A
derivative is compared draw by draw: of a draw x that is increasing in its noise,
dx/dθ = −∂F(x; θ)/∂θ / p(x; θ), whatever the noise (Figurnov et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
import scipy.stats
from scipy import special

import relbo_ir as rb

COUNT = 20_000
FALSE_ALARM = 1e-6
"""The chance that one comparison fails although the draws are right."""

st: Any = scipy.stats  # its frozen distributions are typed too narrowly
Array = Any
Laws = Mapping[str, Callable[[], Any]]


def draws_of(laws: Laws, count: int = COUNT, seed: int = 3) -> dict[str, Array]:
    """Independent draws of every law, of one compiled program."""

    def model() -> None:
        for name, make in laws.items():
            law = make().expand([count])
            rb.sample(name, law, guide=law)

    objective = rb.ELBO(model).compile(pipeline="draws")
    program = objective.variant("draws")
    assert "dist.opaque" not in str(objective.ir(1))
    found = program.run({}, jax.random.key(seed), objective.data_for(program))
    return {name: np.asarray(found[name]) for name in laws}


def _mixed(weights: Array, *laws: Any) -> Callable[[Array], Array]:
    return lambda x: sum(w * law.cdf(x) for w, law in zip(weights, laws, strict=True))


CONTINUOUS: dict[str, tuple[Callable[[], Any], Callable[[Array], Array]]] = {
    "Cauchy": (lambda: nd.Cauchy(0.4, 1.7), st.cauchy(0.4, 1.7).cdf),
    "Laplace": (lambda: nd.Laplace(0.4, 1.7), st.laplace(0.4, 1.7).cdf),
    "Logistic": (lambda: nd.Logistic(0.4, 1.7), st.logistic(0.4, 1.7).cdf),
    "Gumbel": (lambda: nd.Gumbel(0.4, 1.7), st.gumbel_r(0.4, 1.7).cdf),
    "StudentT": (lambda: nd.StudentT(2.5, 0.4, 1.7), st.t(2.5, 0.4, 1.7).cdf),
    "Uniform": (lambda: nd.Uniform(-1.0, 3.0), st.uniform(-1.0, 4.0).cdf),
    "Exponential": (lambda: nd.Exponential(1.7), st.expon(scale=1 / 1.7).cdf),
    "Weibull": (lambda: nd.Weibull(1.7, 0.8), st.weibull_min(0.8, scale=1.7).cdf),
    "Kumaraswamy": (
        lambda: nd.Kumaraswamy(0.8, 2.5),
        lambda x: 1 - (1 - x**0.8) ** 2.5,
    ),
    "InverseGamma": (lambda: nd.InverseGamma(0.9, 1.7), st.invgamma(0.9, scale=1.7).cdf),
    "two bounds": (
        lambda: nd.TruncatedNormal(0.4, 1.7, low=-1.0, high=2.0),
        st.truncnorm(-1.4 / 1.7, 1.6 / 1.7, 0.4, 1.7).cdf,
    ),
    "upper tail": (
        lambda: nd.TruncatedNormal(0.0, 1.0, low=4.0, high=5.0),
        lambda x: (st.norm.sf(4.0) - st.norm.sf(x)) / (st.norm.sf(4.0) - st.norm.sf(5.0)),
    ),
    "lower tail": (
        lambda: nd.TruncatedNormal(0.0, 1.0, low=-5.0, high=-4.0),
        lambda x: (st.norm.cdf(x) - st.norm.cdf(-5.0)) / (st.norm.cdf(-4.0) - st.norm.cdf(-5.0)),
    ),
    "left": (
        lambda: nd.TruncatedNormal(0.4, 1.7, low=3.0),
        lambda x: 1 - st.norm.sf(x, 0.4, 1.7) / st.norm.sf(3.0, 0.4, 1.7),
    ),
    "right": (
        lambda: nd.TruncatedNormal(0.4, 1.7, high=-1.0),
        lambda x: st.norm.cdf(x, 0.4, 1.7) / st.norm.cdf(-1.0, 0.4, 1.7),
    ),
    "VonMises": (lambda: nd.VonMises(0.0, 1.7), st.vonmises(1.7).cdf),
    "flat VonMises": (lambda: nd.VonMises(0.0, 1e-3), st.vonmises(1e-3).cdf),
    "sharp VonMises": (lambda: nd.VonMises(0.0, 300.0), st.vonmises(300.0).cdf),
    "mixture": (
        lambda: nd.MixtureGeneral(
            nd.CategoricalProbs(np.array([0.2, 0.5, 0.3])),
            [nd.Normal(-1.0, 0.5), nd.Cauchy(0.0, 1.0), nd.StudentT(3.0, 2.0, 1.0)],
        ),
        _mixed([0.2, 0.5, 0.3], st.norm(-1, 0.5), st.cauchy(0, 1), st.t(3, 2, 1)),
    ),
    "mixture of one family": (
        lambda: nd.MixtureSameFamily(
            nd.CategoricalLogits(np.log([0.2, 0.8]) + 1.0),
            nd.Gamma(np.array([2.0, 5.0]), np.array([1.0, 0.5])),
        ),
        _mixed([0.2, 0.8], st.gamma(2.0), st.gamma(5.0, scale=2.0)),
    ),
}
COUNTS: dict[str, Callable[[], Any]] = {
    "GeometricProbs": lambda: nd.GeometricProbs(0.3),
    "GeometricLogits": lambda: nd.GeometricLogits(-0.4),
    "BinomialProbs": lambda: nd.BinomialProbs(0.3, 7),
    "many trials": lambda: nd.BinomialProbs(0.6, 200),
    "BinomialLogits": lambda: nd.BinomialLogits(0.7, 40),
    "BetaBinomial": lambda: nd.BetaBinomial(0.8, 2.5, 9),
    "NegativeBinomialProbs": lambda: nd.NegativeBinomialProbs(2.5, 0.4),
    "NegativeBinomialLogits": lambda: nd.NegativeBinomialLogits(2.5, 0.4),
    "NegativeBinomial2": lambda: nd.NegativeBinomial2(3.0, 1.5),
    "GammaPoisson": lambda: nd.GammaPoisson(1.5, 0.7),
    "ZeroInflatedPoisson": lambda: nd.ZeroInflatedPoisson(0.3, 2.1),
    "OrderedLogistic": lambda: nd.OrderedLogistic(0.3, np.array([-1.0, 0.2, 1.5])),
    "mixture of counts": lambda: nd.MixtureGeneral(
        nd.CategoricalProbs(np.array([0.3, 0.7])), [nd.Poisson(2.0), nd.GeometricProbs(0.4)]
    ),
}
LOC = np.array([0.3, -1.0, 2.0])
LOWER = np.array([[1.2, 0.0, 0.0], [0.5, 0.8, 0.0], [-0.7, 0.3, 1.5]])
FACTOR = np.array([[1.0, 0.2], [0.4, -0.9], [0.0, 1.1]])
DIAGONAL = np.array([0.5, 1.0, 0.2])
ALPHA = np.array([0.6, 1.5, 3.0])
VECTORS: dict[str, Callable[[], Any]] = {
    "Dirichlet": lambda: nd.Dirichlet(ALPHA),
    "MultivariateNormal": lambda: nd.MultivariateNormal(LOC, scale_tril=LOWER),
    "LowRankMultivariateNormal": lambda: nd.LowRankMultivariateNormal(LOC, FACTOR, DIAGONAL),
    "GaussianRandomWalk": lambda: nd.GaussianRandomWalk(1.7, 4),
    "LKJCholesky": lambda: nd.LKJCholesky(3, 1.3),
    "MultinomialProbs": lambda: nd.MultinomialProbs(np.array([0.2, 0.5, 0.3]), 3),
    "MultinomialLogits": lambda: nd.MultinomialLogits(np.array([0.2, 0.5, -0.3]), 3),
    "DirichletMultinomial": lambda: nd.DirichletMultinomial(ALPHA, 3),
}


@pytest.fixture(scope="module")
def draws() -> dict[str, Array]:
    return draws_of({**{n: law for n, (law, _) in CONTINUOUS.items()}, **COUNTS, **VECTORS})


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_draws(name: str, draws: dict[str, Array]) -> None:
    x = draws[name].astype(np.float64)
    assert draws[name].dtype == np.float32
    assert st.kstest(x, CONTINUOUS[name][1]).pvalue > FALSE_ALARM


def chi_square(seen: Array, probabilities: Array) -> None:
    """Pearson's test over the outcomes expected five times or more, and the rest as one."""
    assert seen[probabilities == 0].sum() == 0
    expected = seen.sum() * probabilities
    likely = expected >= 5
    counts, wanted = seen[likely], expected[likely]
    if seen.sum() - wanted.sum() > 1e-6:
        counts = np.append(counts, seen.sum() - counts.sum())
        wanted = np.append(wanted, seen.sum() - wanted.sum())
    assert st.chisquare(counts, wanted, sum_check=False).pvalue > FALSE_ALARM


@pytest.mark.parametrize("name", COUNTS)
def test_draws_of_counts(name: str, draws: dict[str, Array]) -> None:
    x = draws[name]
    assert x.dtype == np.int32
    values = np.arange(x.max() + 1)
    with jax.enable_x64(True):
        law = COUNTS[name]()
        top = 4 if name == "OrderedLogistic" else len(values)
        mass = np.exp(law.log_prob(jnp.asarray(values[:top])))
    chi_square(np.bincount(x, minlength=len(values)), np.asarray(mass))


@pytest.mark.parametrize("count", [6, 96])
def test_categories_have_their_shares_of_the_unit_interval(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fine grid of uniform numbers, its ends too: shares are exact, and 0 is never drawn."""
    shares = np.zeros(count)
    shares[[1, 3, count - 2]] = 0.25, 0.5, 0.25
    ends = [0.0, float(np.nextafter(np.float32(1.0), np.float32(0.0)))]
    grid = np.concatenate([(np.arange(16) + 0.5) / 16, ends]).astype(np.float32)
    monkeypatch.setattr(jax.random, "uniform", lambda key, shape, dtype: jnp.asarray(grid, dtype))
    x = draws_of({"category": lambda: nd.CategoricalProbs(shares)}, len(grid))["category"]
    assert np.array_equal(np.bincount(x[:-2], minlength=count), 16 * shares)
    assert list(x[-2:]) == [1, count - 2]


@pytest.mark.parametrize("name", ["MultinomialProbs", "MultinomialLogits", "DirichletMultinomial"])
def test_draws_of_vectors_of_counts(name: str, draws: dict[str, Array]) -> None:
    """All outcomes jointly."""
    outcomes = np.array([(a, b, 3 - a - b) for a in range(4) for b in range(4 - a)])
    assert (draws[name].sum(-1) == 3).all()
    with jax.enable_x64(True):
        mass = np.exp(np.asarray(VECTORS[name]().log_prob(jnp.asarray(outcomes))))
    seen = np.array([(draws[name] == outcome).all(-1).sum() for outcome in outcomes])
    chi_square(seen, mass)


def test_draws_of_dirichlet(draws: dict[str, Array]) -> None:
    """Every element, and the sum of two, is Beta."""
    x = draws["Dirichlet"].astype(np.float64)
    np.testing.assert_allclose(x.sum(-1), 1.0, atol=1e-6)
    for k in range(3):
        law = st.beta(ALPHA[k], ALPHA.sum() - ALPHA[k])
        assert st.kstest(x[:, k], law.cdf).pvalue > FALSE_ALARM


def normal_scores(x: Array, covariance: Array) -> None:
    """Whitened vectors are standard normal, and so are sums of two of their elements over √2."""
    z = np.linalg.solve(np.linalg.cholesky(covariance), x.T)
    for k in range(len(z)):
        assert st.kstest(z[k], st.norm.cdf).pvalue > FALSE_ALARM
        both = (z[k] + z[k - 1]) / np.sqrt(2.0)
        assert st.kstest(both, st.norm.cdf).pvalue > FALSE_ALARM


def test_draws_of_normal_vectors(draws: dict[str, Array]) -> None:
    normal_scores(draws["MultivariateNormal"].astype(np.float64) - LOC, LOWER @ LOWER.T)
    low_rank = FACTOR @ FACTOR.T + np.diag(DIAGONAL)
    normal_scores(draws["LowRankMultivariateNormal"].astype(np.float64) - LOC, low_rank)
    steps = np.minimum.outer(np.arange(1, 5), np.arange(1, 5))
    normal_scores(draws["GaussianRandomWalk"].astype(np.float64), 1.7**2 * steps)


def test_draws_of_correlations(draws: dict[str, Array]) -> None:
    """Each correlation is 2·Beta(η + ½, η + ½) − 1 for d = 3; the determinant ends as E[det]."""
    lower = draws["LKJCholesky"].astype(np.float64)
    assert (np.triu(lower, 1) == 0).all()
    matrix = lower @ np.swapaxes(lower, -1, -2)
    np.testing.assert_allclose(np.diagonal(matrix, axis1=1, axis2=2), 1.0, atol=1e-5)
    law = st.beta(1.8, 1.8, -1.0, 2.0)
    for i, j in ((1, 0), (2, 0), (2, 1)):
        assert st.kstest(matrix[:, i, j], law.cdf).pvalue > FALSE_ALARM


def test_parts_of_a_draw_are_independent(draws: dict[str, Array]) -> None:
    """The chosen component says nothing about the draw within it: u is uniform in each."""
    x = draws["mixture of one family"].astype(np.float64)
    first, second = st.gamma(2.0), st.gamma(5.0, scale=2.0)
    density = 0.2 * first.pdf(x), 0.8 * second.pdf(x)
    share = density[0] / (density[0] + density[1])
    error = np.sqrt((share * (1 - share)).sum() + 1e4 * 0.2 * 0.8)
    assert abs(share.sum() - 0.2 * COUNT) < 5 * error


# Derivatives.

PATHWISE: dict[str, tuple[Callable[..., Any], tuple[float, ...], Any]] = {
    "Cauchy": (nd.Cauchy, (0.4, 1.7), st.cauchy),
    "Laplace": (nd.Laplace, (0.4, 1.7), st.laplace),
    "Logistic": (nd.Logistic, (0.4, 1.7), st.logistic),
    "Gumbel": (nd.Gumbel, (0.4, 1.7), st.gumbel_r),
    "Uniform": (nd.Uniform, (-1.0, 3.0), lambda a, b: st.uniform(a, b - a)),
    "Exponential": (nd.Exponential, (1.7,), lambda r: st.expon(scale=1 / r)),
    "Weibull": (nd.Weibull, (1.7, 0.8), lambda s, k: st.weibull_min(k, scale=s)),
    "InverseGamma": (nd.InverseGamma, (1.9, 1.7), lambda a, b: st.invgamma(a, scale=b)),
    "TruncatedNormal": (
        lambda m, s, a, b: nd.TruncatedNormal(m, s, low=a, high=b),
        (0.4, 1.7, -1.0, 2.0),
        lambda m, s, a, b: st.truncnorm((a - m) / s, (b - m) / s, m, s),
    ),
    "reflected TruncatedNormal": (
        lambda m, s, a, b: nd.TruncatedNormal(m, s, low=a, high=b),
        (0.4, 1.7, 1.0, 2.0),
        lambda m, s, a, b: st.truncnorm((a - m) / s, (b - m) / s, m, s),
    ),
    "left TruncatedNormal": (
        lambda m, s, a: nd.TruncatedNormal(m, s, low=a),
        (0.4, 1.7, -0.5),
        lambda m, s, a: st.truncnorm((a - m) / s, np.inf, m, s),
    ),
    "right TruncatedNormal": (
        lambda m, s, b: nd.TruncatedNormal(m, s, high=b),
        (0.4, 1.7, 0.9),
        lambda m, s, b: st.truncnorm(-np.inf, (b - m) / s, m, s),
    ),
    "Kumaraswamy": (nd.Kumaraswamy, (1.3, 2.5), None),
    "StudentT": (nd.StudentT, (2.5, 0.4, 1.7), None),
    "Dirichlet": (lambda a, b, c: nd.Dirichlet(jnp.stack([a, b, c])), (0.7, 1.5, 2.0), None),
    "LKJCholesky": (lambda c: nd.LKJCholesky(3, c), (1.3,), None),
}
DRAWN = 4000


@pytest.fixture(scope="module")
def moved() -> dict[str, tuple[Array, list[Array]]]:
    """Draws of every law in double precision, and their derivatives in each parameter."""

    def model() -> None:
        for name, (make, at, _) in PATHWISE.items():
            given = [rb.param(f"{name} {k}", value) for k, value in enumerate(at)]
            law = make(*given).expand([DRAWN])
            rb.sample(name, law, guide=law)

    with jax.enable_x64(True):
        objective = rb.ELBO(model).compile(pipeline="draws")
        program = objective.variant("draws")
        params, data = objective.init(0), objective.data_for(program)

        def drawn(given: Any) -> Any:
            return program.plain(given, jax.random.key(11), data)

        def along(place: Any) -> Any:
            tangents = {
                name: jnp.where(place == int(name.rsplit(" ", 1)[1]), 1.0, 0.0) * jnp.ones_like(x)
                for name, x in params.items()
            }
            return jax.jvp(drawn, (params,), (tangents,))

        rows = jax.jit(lambda: jax.lax.map(along, jnp.arange(4)))()
        values, slopes = rows
    return {
        name: (np.asarray(values[name][0]), [np.asarray(slopes[name][k]) for k in range(len(at))])
        for name, (_, at, _) in PATHWISE.items()
    }


@pytest.mark.parametrize("name", [n for n, case in PATHWISE.items() if case[2] is not None])
def test_draws_move_with_their_quantile(
    name: str, moved: dict[str, tuple[Array, list[Array]]]
) -> None:
    """dx/dθ of the quantile function at F(x), by central differences."""
    _, at, frozen = PATHWISE[name]
    values, slopes = moved[name]
    law = frozen(*at)
    level = law.cdf(values)
    kept = (level > 1e-3) & (level < 1 - 1e-3)
    for k, slope in enumerate(slopes):
        step = 1e-5
        ends = [
            frozen(*[v + (h if j == k else 0.0) for j, v in enumerate(at)]) for h in (step, -step)
        ]
        wanted = (ends[0].ppf(level[kept]) - ends[1].ppf(level[kept])) / (2 * step)
        np.testing.assert_allclose(slope[kept], wanted, rtol=2e-5, atol=2e-5)


def test_kumaraswamy_moves_with_its_quantile(moved: dict[str, tuple[Array, list[Array]]]) -> None:
    x, (by_a, by_b) = moved["Kumaraswamy"]
    a, b = PATHWISE["Kumaraswamy"][1]
    rest = 1 - x**a
    np.testing.assert_allclose(by_a, -x * np.log(x) / a, rtol=1e-6)
    np.testing.assert_allclose(by_b, rest * np.log(rest) / (a * b * x ** (a - 1)), rtol=1e-6)


def z_score(estimates: Array, truth: float) -> float:
    return abs(estimates.mean() - truth) / (estimates.std() / np.sqrt(len(estimates)))


def test_means_move_as_they_should(moved: dict[str, tuple[Array, list[Array]]]) -> None:
    """
    Families whose draws are made of several: E[dx/dθ] and E[d f(x)/dθ] of a function that is not
    linear. 4,000 draws; |z| < 4.9 fails by chance once in a million for each number.
    """
    x, slopes = moved["StudentT"]
    df, loc, scale = PATHWISE["StudentT"][1]
    squash = 2 * x / (1 + x * x) ** 2

    def mean(d: float, m: float, s: float) -> float:
        return float(st.t(d, m, s).expect(lambda y: y * y / (1 + y * y)))

    for k in range(3):
        ends = [
            mean(*[v + (h if j == k else 0.0) for j, v in enumerate((df, loc, scale))])
            for h in (1e-3, -1e-3)
        ]
        assert z_score(squash * slopes[k], (ends[0] - ends[1]) / 2e-3) < 4.9
    x, slopes = moved["Dirichlet"]
    alpha = np.array(PATHWISE["Dirichlet"][1])
    total = alpha.sum()
    for k in range(3):
        for j in range(3):
            wanted = ((j == k) * total - alpha[j]) / total**2
            assert z_score(slopes[k][:, j], wanted) < 4.9
            log_mean = (j == k) * special.polygamma(1, alpha[j]) - special.polygamma(1, total)
            assert z_score(slopes[k][:, j] / x[:, j], log_mean) < 4.9
    x, (slope,) = moved["LKJCholesky"]
    eta = PATHWISE["LKJCholesky"][1][0]
    a = eta + 0.5  # a correlation is 2·Beta(a, a) − 1, of variance 1/(2a + 1)
    change = -2.0 / (2 * a + 1) ** 2
    for i, j in ((1, 0), (2, 0), (2, 1)):
        matrix = (x[:, i] * x[:, j]).sum(-1)
        moving = (slope[:, i] * x[:, j] + x[:, i] * slope[:, j]).sum(-1)
        assert z_score(2 * matrix * moving, change) < 4.9
