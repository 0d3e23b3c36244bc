"""Laws: densities against NumPyro's and SciPy's, draws against distribution functions, opaque ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
import scipy.stats as st
from numpyro.distributions import transforms as nt

import relbo_ir as rb
from relbo_ir import distributions as dist

POINTS = 64
DRAWS = 20_000
JAX_BETALN = 2e-6
"""What `jax.scipy.special.betaln` is off by in float64 for parameters above 8."""
FALSE_ALARM = 1e-6
"""The chance that one test of draws fails although the draws are right; the keys are fixed."""

Array = Any


@dataclass(frozen=True)
class Case:
    """A family: how to make it of parameters, random parameters, and random points."""

    name: str
    make: Callable[..., Any]
    parameters: Callable[[np.random.Generator], tuple[Array, ...]]
    points: Callable[[np.random.Generator], Array]
    frozen: Any
    """SciPy's distribution for the parameters `at`."""
    at: tuple[Any, ...]


def real(rng: np.random.Generator) -> Array:
    return 3.0 * rng.normal(size=POINTS)


def pos(rng: np.random.Generator) -> Array:
    return rng.gamma(2.0, 1.5, POINTS) + 1e-3


def unit(rng: np.random.Generator) -> Array:
    return rng.beta(1.2, 1.1, POINTS)


def bits(rng: np.random.Generator) -> Array:
    return rng.integers(0, 2, POINTS)


def weights(rng: np.random.Generator) -> Array:
    return rng.dirichlet(np.ones(4), POINTS)


CASES = [
    Case("Normal", dist.Normal, lambda r: (real(r), pos(r)), real, st.norm(0.7, 1.9), (0.7, 1.9)),
    Case("HalfNormal", dist.HalfNormal, lambda r: (pos(r),), pos, st.halfnorm(0, 1.9), (1.9,)),
    Case(
        "LogNormal",
        dist.LogNormal,
        lambda r: (real(r), pos(r)),
        pos,
        st.lognorm(0.8, scale=np.exp(0.3)),
        (0.3, 0.8),
    ),
    Case("HalfCauchy", dist.HalfCauchy, lambda r: (pos(r),), pos, st.halfcauchy(0, 1.9), (1.9,)),
    Case(
        "Gamma",
        dist.Gamma,
        lambda r: (pos(r), pos(r)),
        pos,
        st.gamma(0.7, scale=1 / 2.0),
        (0.7, 2.0),
    ),
    Case("Beta", dist.Beta, lambda r: (pos(r), pos(r)), unit, st.beta(0.8, 2.5), (0.8, 2.5)),
    Case(
        "BernoulliProbs",
        lambda p: dist.Bernoulli(probs=p),
        lambda r: (unit(r),),
        bits,
        st.bernoulli(0.3),
        (0.3,),
    ),
    Case(
        "BernoulliLogits",
        lambda p: dist.Bernoulli(logits=p),
        lambda r: (real(r),),
        bits,
        st.bernoulli(1 / (1 + np.exp(0.8))),
        (-0.8,),
    ),
    Case(
        "CategoricalProbs",
        lambda p: dist.Categorical(probs=p),
        lambda r: (weights(r),),
        lambda r: r.integers(0, 4, POINTS),
        st.rv_discrete(values=([0, 1, 2], [0.2, 0.5, 0.3])),
        (np.array([0.2, 0.5, 0.3]),),
    ),
    Case(
        "CategoricalLogits",
        lambda p: dist.Categorical(logits=p),
        lambda r: (3.0 * r.normal(size=(POINTS, 4)),),
        lambda r: r.integers(0, 4, POINTS),
        st.rv_discrete(values=([0, 1, 2], [0.2, 0.5, 0.3])),
        (np.log([0.2, 0.5, 0.3]) + 1.0,),
    ),
    Case(
        "Poisson",
        dist.Poisson,
        lambda r: (pos(r),),
        lambda r: r.integers(0, 20, POINTS),
        st.poisson(2.4),
        (2.4,),
    ),
    Case(
        "InverseGaussian",
        dist.InverseGaussian,
        lambda r: (pos(r), pos(r)),
        pos,
        st.invgauss(0.9 / 1.7, scale=1.7),
        (0.9, 1.7),
    ),
]
IDS = [case.name for case in CASES]


def log_densities(make: Callable[..., Any], points: Array, parameters: tuple[Array, ...]) -> Array:
    """The compiled log density of each point under its own parameters."""

    def model(x: Array, *p: Array) -> None:
        rb.observe("x", make(*p), x)

    first = [np.asarray(a)[0] for a in (points, *parameters)]
    objective = rb.ELBO(model).compile(*first)
    assert "dist.opaque" not in str(objective.ir(1))
    prepared = [jnp.asarray(a) for a in (points, *parameters)]
    key = jax.random.key(0)
    return jax.vmap(lambda *data: objective.value({}, key, data))(*prepared)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_log_density_is_numpyros(case: Case) -> None:
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        points, parameters = case.points(rng), case.parameters(rng)
        ours = log_densities(case.make, points, parameters)
        theirs = case.make(*map(jnp.asarray, parameters)).log_prob(jnp.asarray(points))
        assert ours.dtype == jnp.float64
        tolerance = JAX_BETALN if case.name == "Beta" else 1e-10
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_log_density_is_scipys(case: Case) -> None:
    """One point of the parameters; for the inverse Gaussian NumPyro has no reference."""
    rng = np.random.default_rng(1)
    points = case.points(rng)
    if "Categorical" in case.name:
        points = points % 3
    with jax.enable_x64(True):
        wide = tuple(np.broadcast_to(p, (POINTS, *np.shape(p))) for p in case.at)
        ours = log_densities(case.make, points, wide)
        frozen = case.frozen
        theirs = frozen.logpmf(points) if hasattr(frozen, "logpmf") else frozen.logpdf(points)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_draws_follow_the_law(case: Case) -> None:
    draws = draws_of(lambda: case.make(*case.at))
    if hasattr(case.frozen, "logpmf"):
        assert draws.dtype == np.int32
        _assert_frequencies(draws, case.frozen)
    else:
        assert draws.dtype == np.float32
        assert st.kstest(draws.astype(np.float64), case.frozen.cdf).pvalue > FALSE_ALARM


def draws_of(make: Callable[[], Any], count: int = DRAWS) -> Array:
    """Independent draws of a guide of that law."""

    def model() -> None:
        rb.sample("z", make(), guide=make())

    # Compiled as draws alone: an estimator need not exist for the law.
    objective = rb.ELBO(model).compile(pipeline="draws")
    program = objective.variant("draws")
    data = objective.data_for(program)
    keys = jax.random.split(jax.random.key(20), count)
    return np.asarray(jax.jit(jax.vmap(lambda key: program.plain({}, key, data)))(keys)["z"])


def _assert_frequencies(draws: Array, frozen: Any) -> None:
    """Pearson's chi-square over the values that are expected five times or more, and the rest."""
    values = np.arange(draws.max() + 1)
    expected = len(draws) * frozen.pmf(values)
    likely = expected >= 5
    counts = np.bincount(draws, minlength=len(values))
    assert counts[frozen.pmf(values) == 0].sum() == 0
    seen, wanted = counts[likely], expected[likely]
    rest = len(draws) - wanted.sum()
    if rest > 1e-6:
        seen, wanted = np.append(seen, len(draws) - seen.sum()), np.append(wanted, rest)
    assert st.chisquare(seen, wanted, sum_check=False).pvalue > FALSE_ALARM


def affine(base: Any, loc: Any, scale: Any) -> Any:
    return nd.TransformedDistribution(base, nt.AffineTransform(loc, scale))


WRAPPED: dict[str, tuple[Callable[[Any, Any], Any], Callable[[np.random.Generator], Array]]] = {
    "independent": (
        lambda a, b: dist.Normal(a * jnp.arange(3.0), b).to_event(1),
        lambda r: r.normal(size=(POINTS, 3)),
    ),
    "expand": (
        lambda a, b: dist.Gamma(1 + a**2, b).expand([2, 3]),
        lambda r: r.gamma(2.0, 1.0, (POINTS, 2, 3)),
    ),
    "expand of independent": (
        lambda a, b: dist.Normal(a * jnp.arange(3.0), b).to_event(1).expand([2]),
        lambda r: r.normal(size=(POINTS, 2, 3)),
    ),
    "independent of expand": (
        lambda a, b: dist.Normal(a, b).expand([2, 3]).to_event(2),
        lambda r: r.normal(size=(POINTS, 2, 3)),
    ),
    "categories": (
        lambda a, b: dist.Categorical(logits=jnp.stack([a, b, a * b])).expand([3]).to_event(1),
        lambda r: r.integers(0, 3, (POINTS, 3)),
    ),
    "exp": (
        lambda a, b: nd.TransformedDistribution(dist.Normal(a, b), nt.ExpTransform()),
        pos,
    ),
    "sigmoid": (
        lambda a, b: nd.TransformedDistribution(dist.Normal(a, b), nt.SigmoidTransform()),
        unit,
    ),
    "softplus": (
        lambda a, b: nd.TransformedDistribution(dist.Normal(a, b), nt.SoftplusTransform()),
        pos,
    ),
    "affine": (lambda a, b: affine(dist.Normal(0.5, 2.0), a, b), real),
    "affine of negative scale": (lambda a, b: affine(dist.Normal(0.5, 2.0), a, -b), real),
    "chain": (
        lambda a, b: nd.TransformedDistribution(
            dist.Normal(0.0, 1.0), [nt.AffineTransform(a, b), nt.SigmoidTransform()]
        ),
        unit,
    ),
    "composed": (
        lambda a, b: nd.TransformedDistribution(
            dist.Normal(0.0, 1.0),
            nt.ComposeTransform([nt.AffineTransform(a, b), nt.ExpTransform()]),
        ),
        pos,
    ),
    "transformed event": (
        lambda a, b: nd.TransformedDistribution(
            dist.Normal(a * jnp.arange(3.0), b).to_event(1), nt.ExpTransform()
        ),
        lambda r: r.gamma(2.0, 1.0, (POINTS, 3)),
    ),
    "interval": (
        lambda a, b: nd.TransformedDistribution(
            dist.Normal(a, b), nd.biject_to(nd.constraints.interval(2.0, 5.0))
        ),
        lambda r: 2.0 + 3.0 * unit(r),
    ),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_wrapped_densities_are_numpyros(name: str) -> None:
    make, points_of = WRAPPED[name]
    rng = np.random.default_rng(2)
    with jax.enable_x64(True):
        points = points_of(rng)
        parameters = rng.normal(size=POINTS), rng.gamma(2.0, 0.5, POINTS) + 0.1
        ours = log_densities(make, points, parameters)
        theirs = jax.vmap(lambda x, a, b: make(a, b).log_prob(x).sum())(
            jnp.asarray(points), *map(jnp.asarray, parameters)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("make", "cdf"),
    [
        (lambda: nd.TransformedDistribution(dist.Normal(0.3, 0.8), nt.ExpTransform()),
         st.lognorm(0.8, scale=np.exp(0.3)).cdf),
        (lambda: affine(dist.Gamma(2.0, 1.0), 1.0, 3.0), st.gamma(2.0, loc=1.0, scale=3.0).cdf),
        (lambda: nd.TransformedDistribution(dist.Normal(0.3, 0.8), nt.SigmoidTransform()),
         lambda y: st.norm(0.3, 0.8).cdf(np.log(y) - np.log1p(-y))),
        (lambda: nd.TransformedDistribution(dist.Normal(0.3, 0.8), nt.SoftplusTransform()),
         lambda y: st.norm(0.3, 0.8).cdf(np.log(np.expm1(y)))),
    ],
    ids=["exp", "affine", "sigmoid", "softplus"],
)  # fmt: skip
def test_draws_follow_transformed_laws(make: Callable[[], Any], cdf: Callable[[Any], Any]) -> None:
    assert st.kstest(draws_of(make).astype(np.float64), cdf).pvalue > FALSE_ALARM


Laws = tuple[Callable[[Any], Any], Callable[[Any], Any]]
NATIVE: dict[str, Laws] = {
    "StudentT": (
        lambda v: dist.StudentT(5.0, v, 1.3),
        lambda v: dist.StudentT(3.0, 0.0, jnp.exp(v)),
    ),
    "Gumbel": (lambda v: dist.Gumbel(v, 1.3), lambda v: dist.Gumbel(v, 2.0)),
    "Weibull": (
        lambda v: dist.LogNormal(v, jnp.full(3, 0.4)),
        lambda v: dist.Weibull(jnp.exp(v), jnp.full(3, 1.4)),
    ),
    "MultivariateNormal": (
        lambda v: dist.Normal(v * jnp.arange(2.0), 1.0).to_event(1),
        lambda v: dist.MultivariateNormal(jnp.zeros(2), jnp.array([[2.0, 0.4], [0.4, 1.0]])),
    ),
    "TruncatedNormal": (
        lambda v: dist.LogNormal(v, 0.4),
        lambda v: dist.TruncatedNormal(v, 1.0, low=0.0),
    ),
    "Dirichlet": (
        lambda v: dist.Dirichlet(jnp.exp(v) * jnp.array([1.0, 2.0, 3.0])),
        lambda v: dist.Dirichlet(jnp.ones(3)),
    ),
    "Binomial": (
        lambda v: dist.Bernoulli(logits=v),
        lambda v: dist.Binomial(3, logits=jnp.array(0.2)),
    ),
    "mixture": (
        lambda v: nd.MixtureSameFamily(
            nd.CategoricalLogits(jnp.stack([v, -v])), nd.Normal(jnp.array([-1.0, 1.0]), jnp.exp(v))
        ),
        lambda v: dist.Normal(v, 2.0),
    ),
}
OPAQUE_PRIORS: dict[str, Laws] = {
    "SoftLaplace": (lambda v: dist.Normal(v, 1.3), lambda v: dist.SoftLaplace(v, 2.0)),
    "AsymmetricLaplace": (
        lambda v: dist.Normal(v, jnp.full(3, 1.3)),
        lambda v: dist.AsymmetricLaplace(v, jnp.full(3, 1.4), 1.2),
    ),
    "MultivariateStudentT": (
        lambda v: dist.Normal(v * jnp.arange(2.0), 1.0).to_event(1),
        lambda v: dist.MultivariateStudentT(4.0, jnp.zeros(2), jnp.array([[1.4, 0.0], [0.3, 1.0]])),
    ),
    "truncated Cauchy": (
        lambda v: dist.LogNormal(v, 0.4),
        lambda v: dist.TruncatedCauchy(v, 1.0, low=0.0),
    ),
}


class Coin(nd.Distribution):
    """A user's own law: 1 with probability p, else 0."""

    arg_constraints = {"p": nd.constraints.unit_interval}
    support: Any = nd.constraints.boolean  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, p: Any, *, validate_args: bool | None = None):
        self.p = p
        super().__init__(batch_shape=jnp.shape(p), validate_args=validate_args)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Any:
        return jax.random.bernoulli(key, self.p, sample_shape + self.batch_shape).astype(int)

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        return jnp.where(value == 1, jnp.log(self.p), jnp.log1p(-self.p))


OPAQUE_COUNTS: dict[str, Laws] = {
    "a coin": (lambda v: dist.Bernoulli(logits=v), lambda v: Coin(jnp.array(0.3))),
    "a prior of no floats": (
        lambda v: dist.Bernoulli(logits=v),
        lambda v: nd.DiscreteUniform(0, 3),
    ),
    "a guide of no floats": (
        lambda v: nd.DiscreteUniform(0, 3),
        lambda v: dist.Poisson(jnp.exp(v)),
    ),
}
OPAQUE_GUIDES: dict[str, Laws] = {
    "SoftLaplace": (lambda v: dist.SoftLaplace(v, 1.3), lambda v: dist.Normal(0.0, 2.0)),
    "MultivariateStudentT": (
        lambda v: dist.MultivariateStudentT(4.0, v * jnp.arange(2.0), jnp.eye(2)),
        lambda v: dist.Normal(0.0, jnp.ones(2)).to_event(1),
    ),
}


def check_one_draw(
    guide_law: Callable[[Any], Any], model_law: Callable[[Any], Any], opaque: bool = True
) -> None:
    """One draw z: the value is f = log p − log q, the gradient f·∇log q + ∇f with z held fixed."""

    def model() -> None:
        v = rb.param("v", 0.2)
        rb.sample("z", model_law(v), guide=guide_law(v))

    with jax.enable_x64(True):
        objective = rb.ELBO(model).compile(
            pipeline=("objective", "relbo-score-function", "program")
        )
        assert ("dist.opaque" in str(objective.ir(1))) == opaque
        params, key = objective.init(0), jax.random.key(7)
        value, gradient = objective.value_and_grad(params, key)
        program = objective.variant("draws")
        drawn = program.run(params, key, objective.data_for(program))["z"]
        z = jnp.asarray(drawn, float)  # NumPyro scores an int32 in single precision

        def log_q(v: Any) -> Any:
            return guide_law(v).log_prob(z).sum()

        def f(v: Any) -> Any:
            return model_law(v).log_prob(z).sum() - log_q(v)

        v = params["v"]
        np.testing.assert_allclose(value, f(v), rtol=1e-9)
        slope = f(v) * jax.grad(log_q)(v) + jax.grad(f)(v)
        np.testing.assert_allclose(gradient["v"], slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NATIVE)
def test_scored_draws_are_right(name: str) -> None:
    check_one_draw(*NATIVE[name], opaque=False)


@pytest.mark.parametrize("name", OPAQUE_PRIORS)
def test_unknown_priors_are_opaque_and_right(name: str) -> None:
    check_one_draw(*OPAQUE_PRIORS[name])


@pytest.mark.parametrize("name", OPAQUE_COUNTS)
def test_unknown_counts_are_opaque_and_right(name: str) -> None:
    check_one_draw(*OPAQUE_COUNTS[name])


@pytest.mark.parametrize("name", OPAQUE_GUIDES)
def test_unknown_guides_are_opaque_and_right(name: str) -> None:
    check_one_draw(*OPAQUE_GUIDES[name])


def test_unknown_likelihoods_are_opaque_and_right() -> None:
    seen = np.array([0.2, 0.3, 0.5])

    def law(v: Any) -> Any:
        return dist.Dirichlet(jnp.exp(v) * jnp.array([1.0, 2.0, 3.0]))

    def model(x: Any) -> None:
        rb.observe("x", law(rb.param("v", 0.2)), x)

    with jax.enable_x64(True):
        objective = rb.ELBO(model).compile(seen)
        value, gradient = objective.value_and_grad(objective.init(), 0)
        want, slope = jax.value_and_grad(lambda v: law(v).log_prob(seen))(0.2)
        np.testing.assert_allclose([value, gradient["v"]], [want, slope], rtol=1e-10)


@pytest.mark.compat
def test_opaque_draws_follow_the_law() -> None:
    draws = draws_of(lambda: dist.SoftLaplace(1.0, 2.0))
    assert st.kstest(draws.astype(np.float64), lambda x: _soft_laplace((x - 1.0) / 2.0)).pvalue > (
        FALSE_ALARM
    )


def _soft_laplace(z: Array) -> Array:
    """Its distribution function: that of a hyperbolic secant."""
    return 2.0 / np.pi * np.arctan(np.exp(z))


@pytest.mark.compat
def test_inverse_gaussian_as_a_numpyro_distribution() -> None:
    with jax.enable_x64(True):
        law = dist.InverseGaussian(0.9, 1.7)
        draws = np.asarray(law.sample(jax.random.key(0), (DRAWS,)))
        frozen: Any = st.invgauss(0.9 / 1.7, scale=1.7)
        assert st.kstest(draws, frozen.cdf).pvalue > FALSE_ALARM
        np.testing.assert_allclose(law.log_prob(draws), frozen.logpdf(draws), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose([law.mean, law.variance], frozen.stats(), rtol=1e-12)
        assert dist.InverseGaussian(jnp.ones(3), 1.0).batch_shape == (3,)
        with pytest.raises(TypeError, match="random key"):
            law.sample(0)


OBSERVED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "SoftLaplace": (lambda m: nd.SoftLaplace(m, 1.5), np.array([0.3, -1.0, 2.0])),
    "ZeroInflatedDistribution": (
        lambda m: nd.ZeroInflatedDistribution(nd.Poisson(jnp.exp(m)), gate=0.3),
        np.array([0, 1, 3]),
    ),
    "a transform of a traced law": (
        lambda m: nd.TransformedDistribution(nd.SoftLaplace(m, 1.5), nt.ExpTransform()),
        np.array([0.3, 1.0, 2.0]),
    ),
    "a transform without a name": (
        lambda m: nd.TransformedDistribution(nd.Normal(m, 1.0), nt.PowerTransform(3.0)),
        np.array([0.3, 1.0, 2.0]),
    ),
    "a masked one": (
        lambda m: nd.SoftLaplace(jnp.full(3, m), 1.5).mask(jnp.array([True, False, True])),
        np.array([[0.3, 1.0, 2.0], [-1.0, 0.2, 0.4]]),
    ),
    "one of vectors": (
        lambda m: nd.SoftLaplace(m + jnp.arange(3.0), 1.5).to_event(1),
        np.array([[0.3, 1.0, 2.0], [-1.0, 0.2, 0.4]]),
    ),
    "a mixture of them": (
        lambda m: nd.MixtureSameFamily(
            nd.Categorical(jnp.array([0.3, 0.7])), nd.SoftLaplace(m + jnp.arange(2.0), 1.5)
        ),
        np.array([0.3, 1.0, 2.0]),
    ),
    "a mixture of vectors": (
        lambda m: nd.MixtureSameFamily(
            nd.Categorical(jnp.array([0.3, 0.7])),
            nd.Normal(m + jnp.arange(6.0).reshape(2, 3), 1.5).to_event(1),
        ),
        np.array([[0.3, 1.0, 2.0], [-1.0, 0.2, 0.4]]),
    ),
    "a mixture of traced vectors": (
        lambda m: nd.MixtureSameFamily(
            nd.Categorical(jnp.array([0.3, 0.7])),
            nd.SoftLaplace(m + jnp.arange(6.0).reshape(2, 3), 1.5).to_event(1),
        ),
        np.array([[0.3, 1.0, 2.0], [-1.0, 0.2, 0.4]]),
    ),
    "a mixture of masked ones": (
        lambda m: nd.MixtureSameFamily(
            nd.Categorical(jnp.array([0.3, 0.7])),
            nd.Normal(m + jnp.arange(2.0), 1.5).mask(jnp.array([True, False])),
        ),
        np.array([0.3, 1.0, 2.0]),
    ),
    "a mixture with one": (
        lambda m: nd.MixtureGeneral(
            nd.Categorical(logits=jnp.array([0.3, 0.7])),
            [nd.SoftLaplace(m, 1.5).mask(True), nd.Normal(0.0, 2.0)],
        ),
        np.array([0.3, 1.0, 2.0]),
    ),
}


@pytest.mark.parametrize("name", OBSERVED)
def test_many_values_of_one_traced_law(name: str) -> None:
    """Without a plate: NumPyro scores each value by the one law."""
    law, y = OBSERVED[name]

    def model() -> None:
        rb.observe("y", law(rb.param("m", 0.4)), y)

    with jax.enable_x64(True):
        value, gradient = (objective := rb.ELBO(model).compile()).value_and_grad(
            objective.init(), 0
        )
        wanted, slope = jax.value_and_grad(lambda m: law(m).log_prob(y).sum())(0.4)
        np.testing.assert_allclose(value, wanted, rtol=1e-9)
        np.testing.assert_allclose(gradient["m"], slope, rtol=1e-9)
