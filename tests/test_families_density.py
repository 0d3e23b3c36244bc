"""Log densities of the families and their gradients: NumPyro's and SciPy's, inside and outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
import scipy.stats
from helpers.densities import density_function, density_module, expanded
from helpers.families import FAMILIES, POINTS, TRIALS, Family
from numpyro.distributions import constraints, transforms

import relbo_ir as rb
from relbo_ir.dialects import lax

JAX_BETALN = 2e-6
"""What NumPyro's densities are off by where they rest on `jax.scipy.special.betaln` in float64."""

st: Any = scipy.stats  # its frozen distributions are typed too narrowly
Array = Any
NAMES = list(FAMILIES)


def given(family: Family, seed: int = 0) -> tuple[Array, tuple[Array, ...]]:
    """Random points and parameters."""
    rng = np.random.default_rng(seed)
    parameters = tuple(jnp.asarray(p) for p in family.parameters(rng))
    return jnp.asarray(family.points(rng)), parameters


def gradients(function: Callable[..., Any], value: Array, parameters: tuple[Array, ...]) -> Any:
    """The derivatives of the sum in the parameters, and in a value of real numbers."""
    first = 0 if jnp.issubdtype(value.dtype, jnp.floating) else 1
    places = tuple(range(first, len(parameters) + 1))
    return jax.grad(lambda *xs: function(*xs).sum(), argnums=places)(value, *parameters)


@pytest.mark.parametrize("name", NAMES)
def test_density_and_gradient_are_numpyros(name: str) -> None:
    family = FAMILIES[name]
    tolerance = 1e-9 if family.exact_in_numpyro else JAX_BETALN
    with jax.enable_x64(True):
        value, parameters = given(family)
        ours = density_function(family.make, value, parameters)

        def theirs(x: Array, *p: Array) -> Array:
            return family.make(*p).log_prob(x)

        @jax.jit
        def both(value: Array, parameters: tuple[Array, ...]) -> Any:
            return [
                (f(value, *parameters), gradients(f, value, parameters)) for f in (ours, theirs)
            ]

        (got, slopes), (wanted, wanted_slopes) = both(value, parameters)
        assert got.shape == (POINTS,)
        assert np.isfinite(np.asarray(got)).all()
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
        for mine, other in zip(slopes, wanted_slopes, strict=True):
            np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", [n for n, f in FAMILIES.items() if f.outside])
def test_nothing_outside_of_the_support(name: str) -> None:
    family = FAMILIES[name]
    with jax.enable_x64(True):
        inside, parameters = given(family)
        function = density_function(family.make, inside.astype(float), parameters)
        for point in family.outside:
            value = jnp.broadcast_to(jnp.asarray(point, float), inside.shape)
            assert (np.asarray(function(value, *parameters)) == -np.inf).all(), point


def test_the_upper_half_of_a_factor_is_zero() -> None:
    with jax.enable_x64(True):
        family = FAMILIES["LKJCholesky"]
        _, parameters = given(family)
        wrong = jnp.broadcast_to(jnp.array([[1.0, 0, 0], [0, 0.8, 0.6], [0, 0, 1]]), (POINTS, 3, 3))
        function = density_function(family.make, wrong, parameters)
        assert (np.asarray(function(wrong, *parameters)) == -np.inf).all()


SCIPY: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "BetaBinomial": (
        FAMILIES["BetaBinomial"].make,
        lambda x, a, b: st.betabinom(TRIALS, a, b).logpmf(x),
    ),
    "NegativeBinomialProbs": (
        nd.NegativeBinomialProbs,
        lambda x, n, p: st.nbinom(n, 1 - p).logpmf(x),
    ),
    "GammaPoisson": (nd.GammaPoisson, lambda x, a, b: st.nbinom(a, b / (1 + b)).logpmf(x)),
    "StudentT": (nd.StudentT, lambda x, df, m, s: st.t(df, m, s).logpdf(x)),
    "Kumaraswamy": (
        nd.Kumaraswamy,
        lambda x, a, b: np.log(a * b) + (a - 1) * np.log(x) + (b - 1) * np.log1p(-(x**a)),
    ),
    "TruncatedNormal": (
        FAMILIES["TruncatedNormal"].make,
        lambda x, m, s, a, b: st.truncnorm((a - m) / s, (b - m) / s, m, s).logpdf(x),
    ),
}


@pytest.mark.parametrize("name", SCIPY)
def test_density_is_scipys(name: str) -> None:
    make, reference = SCIPY[name]
    with jax.enable_x64(True):
        value, parameters = given(FAMILIES[name], seed=1)
        ours = density_function(make, value, parameters)(value, *parameters)
        theirs = reference(np.asarray(value), *map(np.asarray, parameters))
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("flip", [1.0, -1.0], ids=["upper tail", "lower tail"])
def test_a_truncated_normal_in_its_tail(flip: float) -> None:
    """Both bounds 8 standard deviations out, where a difference of distribution functions is 0."""
    with jax.enable_x64(True):
        edges = sorted((8.0 * flip, 9.0 * flip))
        law = lambda loc: nd.TruncatedNormal(loc, 1.0, low=edges[0], high=edges[1])  # noqa: E731
        ours = density_function(law, jnp.array(8.3 * flip), (jnp.array(0.0),))
        wanted = st.truncnorm(*edges).logpdf(8.3 * flip)
        np.testing.assert_allclose(ours(8.3 * flip, 0.0), wanted, rtol=1e-9)


EDGES: list[tuple[str, Callable[[], Any], Any, float]] = [
    ("Weibull at 0, k = 1", lambda: nd.Weibull(2.0, 1.0), 0.0, -np.log(2.0)),
    ("Kumaraswamy at 0, a = 1", lambda: nd.Kumaraswamy(1.0, 3.0), 0.0, np.log(3.0)),
    ("Kumaraswamy at 1, b = 1", lambda: nd.Kumaraswamy(3.0, 1.0), 1.0, np.log(3.0)),
    ("Uniform at its bound", lambda: nd.Uniform(1.0, 3.0), 3.0, -np.log(2.0)),
    ("Binomial of probability 0", lambda: nd.BinomialProbs(0.0, 5), 0, 0.0),
    ("Binomial of probability 1", lambda: nd.BinomialProbs(1.0, 5), 5, 0.0),
    ("Binomial of nothing", lambda: nd.BinomialLogits(0.3, 0), 0, 0.0),
    ("Geometric of probability 1", lambda: nd.GeometricProbs(1.0), 0, 0.0),
    ("no inflation", lambda: nd.ZeroInflatedPoisson(0.0, 200.0), 0, -200.0),
    ("all inflation", lambda: nd.ZeroInflatedPoisson(1.0, 2.0), 0, 0.0),
    ("impossible category", lambda: nd.MultinomialProbs(np.array([0.0, 1.0]), 3), [0, 3], 0.0),
    ("exact Poisson rate", lambda: nd.Exponential(2.0), 0.0, np.log(2.0)),
]


@pytest.mark.parametrize(
    ("make", "value", "wanted"), [e[1:] for e in EDGES], ids=[e[0] for e in EDGES]
)
def test_density_at_edges(make: Callable[[], Any], value: Any, wanted: float) -> None:
    with jax.enable_x64(True):
        x = jnp.asarray(value)
        got = density_function(make, x, ())(x)
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("logit", "outcome", "wanted", "slope"),
    [
        (30.0, 1, -9.357623e-14, 9.357623e-14),
        (-30.0, 0, -9.357623e-14, -9.357623e-14),
        (30.0, 0, -30.0, -1.0),
        (np.inf, 1, 0.0, 0.0),
        (-np.inf, 1, -np.inf, 1.0),
        (0.7, 0.5, -np.inf, 0.0),
    ],
)
def test_a_bernoulli_of_large_log_odds(
    logit: float, outcome: float, wanted: float, slope: float
) -> None:
    """In single precision, where x·logit − softplus(logit) is 0 or NaN; and between outcomes."""
    law = lambda logits: nd.Bernoulli(logits=logits)  # noqa: E731
    x, at = jnp.asarray(outcome), jnp.float32(logit)
    ours = density_function(law, x, (at,))
    np.testing.assert_allclose(ours(x, at), wanted, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(ours, argnums=1)(x, at), slope, rtol=1e-6)


@pytest.mark.compat
@pytest.mark.parametrize("name", NAMES)
def test_no_opaque_primitive(name: str) -> None:
    """Neither in the density nor in its gradient, written out as IR."""
    from test_jaxpr_roundtrip import imported

    family = FAMILIES[name]
    value, parameters = given(family)
    module = expanded(density_module(family.make, value, parameters))
    assert not [op for op in module.walk() if isinstance(op, lax.BindOp)]
    ours = density_function(family.make, value, parameters)
    gradient = imported(lambda *xs: gradients(ours, xs[0], xs[1:]), value, *parameters)
    left = [op.primitive.data for op in gradient.walk() if isinstance(op, lax.BindOp)]
    assert not left


@pytest.mark.compat
@pytest.mark.parametrize("name", NAMES)
def test_no_opaque_primitive_in_a_draw(name: str) -> None:
    """Nor in the program that draws from the family, scores the draw and differentiates."""
    family = FAMILIES[name]
    _, parameters = given(family)

    def model() -> None:
        z = rb.sample("z", family.make(*parameters))
        rb.factor("used", 1.0 * jnp.sum(z))

    def guide() -> None:
        rb.sample("z", family.make(*parameters))
        rb.param("unused", 0.0)

    program = rb.ELBO(model, guide).compile().ir(4)
    assert [op for op in program.walk() if op.name.startswith("rng.")]
    assert not [op for op in program.walk() if isinstance(op, lax.BindOp)]


FLAT: dict[str, tuple[Any, Any, Any]] = {
    "real_vector": (constraints.real_vector, [-1.0, 2.0], None),
    "circular": (constraints.circular, 3.0, 3.3),
    "interval": (constraints.interval(-1.0, 2.0), 1.9, 2.1),
    "greater_than": (constraints.greater_than(1.0), 1.1, 0.9),
    "less_than_eq": (constraints.less_than_eq(np.array([0.0, 1.0])), [-0.1, 0.9], [-0.1, 1.1]),
    "softplus_positive": (constraints.softplus_positive, 0.1, -0.1),
    "simplex": (constraints.simplex, [0.3, 0.7], [0.3, 0.8]),
    "ordered_vector": (constraints.ordered_vector, [-1.0, 0.0, 2.0], [-1.0, 2.0, 0.0]),
    "ordered_of_one": (constraints.ordered_vector, [-1.0], None),
    "positive_ordered": (constraints.positive_ordered_vector, [0.1, 0.2], [-0.1, 0.2]),
    "corr_cholesky": (constraints.corr_cholesky, [[1, 0], [0.6, 0.8]], [[1, 0], [0.6, 0.9]]),
    "lower_cholesky": (constraints.lower_cholesky, [[2, 0], [-1, 3]], [[2, 1], [-1, 3]]),
    "positive_definite": (constraints.positive_definite, [[2, 1], [1, 3]], [[2, 3], [3, 3]]),
    "singular": (constraints.positive_definite, [[2, 1], [1, 1]], [[1, 1], [1, 1]]),
    "several matrices": (
        constraints.positive_definite,
        [[[2, 1], [1, 3]], [[1, 0], [0, 1]], [[4, -1], [-1, 1]]],
        [[[2, 1], [1, 3]], [[1, 0], [0, -1]], [[4, -1], [-1, 1]]],
    ),
    "symmetric": (constraints.positive_definite, [[2, -1], [-1, 3]], [[2, 0.5], [-0.5, 3]]),
    "corr_matrix": (constraints.corr_matrix, [[1, 0.5], [0.5, 1]], [[1, 0.5], [0.5, 1.1]]),
    "correlated beyond 1": (constraints.corr_matrix, [[1, -0.9], [-0.9, 1]], [[1, 1.1], [1.1, 1]]),
    "l1_ball": (constraints.l1_ball, [0.5, -0.5], [0.6, -0.5]),
    "sphere": (constraints.sphere, [0.6, -0.8], [0.6, -0.7]),
    "zero_sum": (constraints.zero_sum(1), [3.0, -1.0, -2.0], [3.0, -1.0, -1.9]),
    "zero_sum, every row": (constraints.zero_sum(1), [[1, -1], [2, -2]], [[1, -1], [2, -1]]),
    "zero_sum, rows": (constraints.zero_sum(2), [[1, -1], [-1, 1]], [[1, -1], [-1, 2]]),
    "zero_sum, columns": (constraints.zero_sum(2), [[0.0, 0], [0, 0]], [[1, -1], [1, -1]]),
    "zero_sum, large": (constraints.zero_sum(1), [3e6, -1e6, -2e6], [3e6, -1e6, -2.001e6]),
    "zero_sum, of many": (
        constraints.zero_sum(1),
        np.asarray(transforms.ZeroSumTransform(1)(10.0 + np.sin(np.arange(999.0, dtype="f4")))),
        10.0 * np.ones(1000),
    ),
    "scaled_cholesky": (
        constraints.scaled_unit_lower_cholesky,
        [[2, 0], [-1, 3]],
        [[2, 0], [-1, -3]],
    ),
}


@pytest.mark.parametrize("name", FLAT)
def test_an_improper_prior_is_flat_on_its_set_alone(name: str) -> None:
    support, inside, outside = FLAT[name]
    for value, expected in ((inside, 0.0), (outside, -np.inf)):
        if value is None:
            continue
        x = jnp.asarray(value, jnp.float32)
        density = density_function(
            lambda shape=x.shape: nd.ImproperUniform(support, (), shape), x, ()
        )
        assert density(x) == expected
