"""Laws through NumPyro's transforms: densities, draws and how a choice may be treated."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.densities import density_function, density_module
from numpyro.distributions import transforms as nt
from numpyro.infer.autoguide import AutoNormal

import relbo_ir as rb
from relbo_ir.dialects.errors import ModelError, UnsupportedError

LOC = np.array([0.3, -1.0, 0.4])
LOWER = np.array([[1.2, 0.0, 0.0], [0.5, 0.8, 0.0], [-0.7, 0.3, 1.5]])


FOURIER = nt.RealFastFourierTransform((5,))
FOURIER_PACK = nt.PackRealFastFourierCoefficientsTransform((5,))


def vector(size: int = 3, scale: float = 0.7) -> Any:
    return nd.Normal(0.1 * np.arange(size), scale).to_event(1)


def through(transforms: Any, size: int = 3) -> Callable[[Any], Any]:
    return lambda a: nd.TransformedDistribution(
        nd.Normal(a * np.arange(1.0, 1.0 + size), 0.7).to_event(1), transforms
    )


def scalars(transforms: Any, base: Any = nd.Normal) -> Callable[[Any], Any]:
    return lambda a: nd.TransformedDistribution(base(a, 0.7), transforms)


TRANSFORMED: dict[str, Callable[[Any], Any]] = {
    "affine": lambda a: nd.TransformedDistribution(nd.Normal(0.2, 0.7), nt.AffineTransform(a, -2)),
    "exp": scalars(nt.ExpTransform()),
    "sigmoid": scalars(nt.SigmoidTransform()),
    "softplus": scalars(nt.SoftplusTransform()),
    "identity": scalars([nt.IdentityTransform(), nt.ExpTransform()]),
    "inverse": scalars([nt.ExpTransform(), nt.SoftplusTransform().inv]),
    "power": lambda a: nd.TransformedDistribution(nd.Gamma(1 + a**2, 0.7), nt.PowerTransform(1.5)),
    "power of a parameter": lambda a: nd.TransformedDistribution(
        nd.Gamma(1.3, 0.7), nt.PowerTransform(1 + a**2)
    ),
    "composed": scalars(nt.ComposeTransform([nt.AffineTransform(0.3, 2.0), nt.ExpTransform()])),
    "independent": through(nt.IndependentTransform(nt.ExpTransform(), 1)),
    "stick breaking": through(nt.StickBreakingTransform()),
    "ordered": through(nt.OrderedTransform()),
    "lower Cholesky affine": through(nt.LowerCholeskyAffine(LOC, LOWER)),
    "its parameters": lambda a: nd.TransformedDistribution(
        nd.Normal(0.0, 1.0).expand([3]).to_event(1), nt.LowerCholeskyAffine(a * LOC, LOWER * a**2)
    ),
    "lower Cholesky": through(nt.LowerCholeskyTransform(), 6),
    "softplus lower Cholesky": through(nt.SoftplusLowerCholeskyTransform(), 6),
    "scaled unit lower Cholesky": through(nt.ScaledUnitLowerCholeskyTransform(), 6),
    "correlation Cholesky": through(nt.CorrCholeskyTransform(), 3),
    "correlation": through([nt.CorrCholeskyTransform(), nt.CorrMatrixCholeskyTransform().inv], 3),
    "positive definite": through([nt.LowerCholeskyTransform(), nt.CholeskyTransform().inv], 6),
    "permute": through(nt.PermuteTransform(np.array([2, 0, 1]))),
    "reshape": through(nt.ReshapeTransform((2, 3), (6,)), 6),
    "simplex to ordered": lambda a: nd.TransformedDistribution(
        nd.Dirichlet(jnp.exp(a) * np.array([1.0, 2.0, 1.5])), nt.SimplexToOrderedTransform(0.3)
    ),
    "ball": through(nt.L1BallTransform()),
    "recursive": lambda a: nd.TransformedDistribution(
        nd.Normal(a, 0.7).expand([4, 2]).to_event(2),
        nt.RecursiveLinearTransform(np.array([[0.9, 0.1], [-0.2, 0.8]])),
    ),
    "zero sum": through(nt.ZeroSumTransform(1)),
    "Fourier": through([FOURIER_PACK, FOURIER.inv], 5),
    "Fourier, composed": through(nt.ComposeTransform([FOURIER_PACK, FOURIER.inv]), 5),
    "Fourier, then more": through([FOURIER_PACK, FOURIER.inv, nt.ExpTransform()], 5),
    "Fourier, packed": through([FOURIER, FOURIER_PACK.inv], 5),
    "Fourier in two axes": lambda a: nd.TransformedDistribution(
        nd.Normal(a * np.ones((2, 4)), 0.7).to_event(2),
        [nt.RealFastFourierTransform((2, 4), 2), nt.RealFastFourierTransform((2, 4), 2).inv],
    ),
    "cosine": through(nt.DiscreteCosineTransform(), 4),
    "LogUniform": lambda a: nd.LogUniform(0.3, 1.0 + a**2),
    "Pareto": lambda a: nd.Pareto(0.5, 1.0 + a**2),
    "LKJ": lambda a: nd.LKJ(3, 1.0 + a**2),
    "ZeroSumNormal": lambda a: nd.ZeroSumNormal(1.0 + a**2, (2, 3)),
    "GaussianStateSpace": lambda a: nd.GaussianStateSpace(
        4, a * np.array([[0.9, 0.1], [-0.2, 0.8]]), scale_tril=a * np.eye(2)
    ),
    "CirculantNormal": lambda a: nd.CirculantNormal(
        a * np.ones(5), covariance_rfft=jnp.exp(-a * np.arange(3.0))
    ),
    "MultivariateNormal about 0": lambda a: nd.MultivariateNormal(scale_tril=a * LOWER),
    "Haar": through(nt.HaarTransform(), 4),
    "cat": through(nt.CatTransform([nt.ExpTransform(), nt.IdentityTransform()], -1, [1, 2])),
    "cat of a parameter": lambda a: nd.TransformedDistribution(
        vector(), nt.CatTransform([nt.ExpTransform(), nt.AffineTransform(a, a**2)], -1, [1, 2])
    ),
    "cat along a batch": lambda a: nd.TransformedDistribution(
        nd.Normal(a * np.ones((3, 2)), 0.7),
        nt.CatTransform([nt.ExpTransform(), nt.SigmoidTransform()], 0, [1, 2]),
    ),
    "elementwise after joint": through([nt.OrderedTransform(), nt.ExpTransform()]),
    "batch": lambda a: nd.TransformedDistribution(
        nd.Normal(a * np.ones((2, 3)), 0.7).to_event(1), nt.StickBreakingTransform()
    ),
    "joint sum": lambda a: nd.TransformedDistribution(
        nd.Normal(a * np.ones((2, 3)), 0.7).to_event(2), nt.StickBreakingTransform()
    ),
    "expanded": lambda a: nd.TransformedDistribution(
        nd.Normal(a * np.ones(3), 0.7).to_event(1), nt.StickBreakingTransform()
    ).expand([2]),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_density_is_numpyros(name: str) -> None:
    make = TRANSFORMED[name]
    with jax.enable_x64(True):
        at = jnp.array(0.8)
        value = jnp.asarray(make(at).sample(jax.random.key(1)))
        ours = density_function(make, value, (at,))

        @jax.jit
        def both(value: Any, at: Any) -> Any:
            scored = [lambda a: ours(value, a), lambda a: make(a).log_prob(value)]
            return [(f(at), jax.grad(lambda a, f=f: f(a).sum())(at)) for f in scored]

        (got, slope), (wanted, wanted_slope) = both(value, at)
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(slope, wanted_slope, rtol=1e-8, atol=1e-9)


OUTSIDE: dict[str, Any] = {
    "exp": -1.0,
    "sigmoid": 1.5,
    "softplus": 0.0,
    "power": -1.0,
    "ordered": [3.0, 1.0, 2.0],
    "stick breaking": [0.5, 0.2, 0.1, 0.1],
    "correlation Cholesky": 2 * np.eye(3),
    "cat": [-1.0, 0.3, 0.4],
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_density_outside_of_the_range(name: str) -> None:
    with jax.enable_x64(True):
        value, at = jnp.asarray(OUTSIDE[name]), jnp.array(0.8)
        function = density_function(TRANSFORMED[name], value, (at,))
        assert function(value, at) == -np.inf


def test_products_of_some_factors_are_not_all_matrices() -> None:
    """The factor is of an ordered vector: a matrix with another factor has no density."""
    parts = [nt.OrderedTransform(), nt.LowerCholeskyTransform(), nt.CholeskyTransform().inv]

    def law(at: Any) -> Any:
        base = nd.Normal(at * jnp.zeros(3), 1.0).to_event(1)
        return nd.TransformedDistribution(base, nt.ComposeTransform(parts))

    with jax.enable_x64(True):
        at = jnp.array(0.8)
        for vector, is_inside in (([0.0, 1.0, 2.0], True), ([2.0, 1.0, 0.0], False)):
            factor = nt.LowerCholeskyTransform()(jnp.array(vector))
            matrix = factor @ factor.T
            density = density_function(law, matrix, (at,))(matrix, at)
            assert bool(jnp.isfinite(density)) == is_inside

    def model() -> None:
        rb.sample("z", nd.ImproperUniform(nd.constraints.positive_definite, (), (2, 2)))

    for made, is_pathwise in ((parts, False), (parts[1:], True)):

        def guide(made: Any = made) -> None:
            base = nd.Normal(rb.param("loc", jnp.zeros(3)), 1.0).to_event(1)
            rb.sample("z", nd.TransformedDistribution(base, nt.ComposeTransform(made)))

        explained = str(rb.ELBO(model, guide).compile().explain())
        assert ("pathwise\n" in explained) == is_pathwise


@pytest.fixture(scope="module")
def draws() -> dict[str, Any]:
    """One draw of each law, with its site's key: of one program."""

    def model() -> None:
        for name, make in TRANSFORMED.items():
            rb.sample(name, make(0.8), guide=make(0.8))

    with jax.enable_x64(True):
        objective = rb.ELBO(model).compile(pipeline="draws")
        program = objective.variant("draws")
        return dict(program.run({}, jax.random.key(5), objective.data_for(program)))


@pytest.mark.parametrize("name", TRANSFORMED)
def test_draws_lie_in_the_range(name: str, draws: dict[str, Any]) -> None:
    with jax.enable_x64(True):
        law = TRANSFORMED[name](0.8)
        assert draws[name].shape == (*law.batch_shape, *law.event_shape)
        assert bool(jnp.all(law.support(draws[name])))


def test_a_draw_is_the_transform_of_the_bases() -> None:
    """With the same key: T⁻¹ of the transformed law's draw is the base's draw."""

    def drawn(law: Any) -> Any:
        objective = rb.ELBO(lambda: rb.sample("z", law, guide=law)).compile(pipeline="draws")
        program = objective.variant("draws")
        return program.run({}, jax.random.key(5), objective.data_for(program))["z"]

    with jax.enable_x64(True):
        transform = nt.LowerCholeskyAffine(LOC, LOWER)
        y = drawn(nd.TransformedDistribution(vector(), transform))
        np.testing.assert_allclose(transform.inv(y), drawn(vector()), rtol=1e-9)


_Base: Any = nt.ParameterFreeTransform


class Cubic(_Base):
    """A user's transform: x³."""

    domain = nd.constraints.real
    codomain = nd.constraints.real

    def __call__(self, x: Any) -> Any:
        return x**3

    def _inverse(self, y: Any) -> Any:
        return jnp.cbrt(y)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return jnp.log(3 * x**2)


@pytest.mark.parametrize(
    "make",
    [
        scalars(Cubic()),
        through(nt.CatTransform([Cubic(), nt.ExpTransform()], -1, [2, 1])),
        through(nt.CatTransform([nt.ComposeTransform([Cubic()]), nt.ExpTransform()], -1, [2, 1])),
        through(nt.CatTransform([nt.IndependentTransform(Cubic(), 0).inv], -1, [3])),
        scalars(nt.ComposeTransform([Cubic().inv]).inv),
    ],
    ids=["alone", "in one of NumPyro's", "composed in one", "an inverse in one", "inverted twice"],
)
def test_a_users_transform_is_opaque(make: Callable[[Any], Any]) -> None:
    """Nothing is known of its smoothness."""
    at = jnp.float32(0.8)
    module = density_module(make, make(at).sample(jax.random.key(0)), (at,))
    assert "dist.opaque" in str(module)


@pytest.mark.parametrize(
    "transforms",
    [
        [FOURIER_PACK],
        [nt.RealFastFourierTransform((4,))],
        [FOURIER_PACK, nt.AffineTransform(0.3, 2)],
    ],
    ids=["packed", "spectrum", "affine"],
)
def test_a_density_of_complex_numbers_is_numpyros(transforms: Any) -> None:
    """An observation keeps its imaginary part."""
    size = 5 if transforms[0] is FOURIER_PACK else 4
    make = through(transforms, size)
    with jax.enable_x64(True):
        law = make(0.8)
        seen = law.sample(jax.random.key(1))
        assert jnp.iscomplexobj(seen)

        def model(y: Any) -> None:
            rb.observe("y", make(rb.param("a", 0.8)), y)

        objective = rb.ELBO(model).compile(seen)
        u = objective.init(0)
        for y in (seen, jnp.conj(seen)):
            value = objective.value(u, jax.random.key(0), objective.prepare(y))
            np.testing.assert_allclose(value, law.log_prob(y), rtol=1e-9)


def test_a_transform_to_several_arrays_is_refused() -> None:
    """NumPyro makes no law of it, as it knows no shape of its values."""
    apart = nt.UnpackTransform(lambda x: {"a": x[:1], "b": x[1:]})

    def model() -> None:
        rb.sample("z", nd.TransformedDistribution(vector(), apart))

    with pytest.raises(ModelError, match=r"NotImplementedError[\s\S]*remedy[\s\S]*transforms\.py:"):
        rb.ELBO(model, model).compile()


SMOOTH: dict[str, Callable[[Any], Any]] = {
    **{
        name: TRANSFORMED[name]
        for name in (
            *("Fourier", "Fourier in two axes", "cosine", "Haar", "permute", "recursive"),
            *("LKJ", "ZeroSumNormal", "GaussianStateSpace", "CirculantNormal", "its parameters"),
        )
    },
    "LogUniform": lambda a: nd.LogUniform(0.3, 2.0),  # whose ends stay
    "Pareto": lambda a: nd.Pareto(0.5, 1.0 + a),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_an_automatic_guide_of_it_is_pathwise(name: str) -> None:
    """The range is all of the line, or a set with a name, and the density is smooth there."""

    def model() -> None:
        a: Any = rb.sample("a", nd.LogNormal(0.0, 0.3))
        x: Any = rb.sample("x", SMOOTH[name](a))
        rb.factor("f", -jnp.sum(x**2) - a**2)

    explained = str(rb.ELBO(model, AutoNormal(model)).compile().explain())
    assert len(re.findall(r"pathwise\n", explained)) == 2


def test_a_transform_that_drops_elements_is_refused() -> None:
    """Four numbers from the coefficients of five: NumPyro's density would be wrong."""

    def model() -> None:
        rb.sample("z", through([FOURIER_PACK, nt.RealFastFourierTransform((4,)).inv], 5)(0.3))

    with pytest.raises(UnsupportedError, match=r"takes 5 numbers to 4[\s\S]*site \"z\""):
        rb.ELBO(model, model).compile()


def test_a_transform_whose_inverse_leads_elsewhere_is_refused() -> None:
    there = nt.RealFastFourierTransform((4,))
    with pytest.raises(UnsupportedError, match="takes 5 numbers to 5, and so it has no density"):
        density_module(through([there, FOURIER.inv], 5), jnp.zeros(5), (jnp.float32(0),))


@pytest.mark.parametrize(
    ("transform", "wrong"),
    [
        (nt.ComplexTransform(), "a complex density"),
        (nt.CatTransform([nt.RealFastFourierTransform((3,))], -1, [3]), "draws of shape"),
    ],
    ids=["its density", "its shape"],
)
def test_a_law_that_numpyro_gets_wrong_is_refused(transform: Any, wrong: str) -> None:
    size = 3 if "shape" in wrong else 2
    with pytest.raises(UnsupportedError, match=rf"{wrong}[\s\S]*remedy: give a law[\s\S]*\"x\""):
        density_module(through(transform, size), jnp.zeros(size), (jnp.float32(0),))


class _Ours(nd.TransformedDistribution):
    """A user's own, defined as NumPyro defines its own, with a support that it declares."""

    def __init__(self, loc: Any) -> None:
        super().__init__(nd.Normal(loc, 0.7), nt.ExpTransform())

    @property
    def support(self) -> Any:
        return nd.constraints.positive


class _Theirs(_Ours):
    """Another density than its transforms give."""

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        return super().log_prob(value, intermediates) - 1.0


def test_a_users_law_by_transforms_is_what_they_make_of_its_base() -> None:
    at = jnp.float32(0.3)
    value = jnp.float32(1.4)
    np.testing.assert_allclose(
        density_function(_Ours, value, (at,))(value, at), _Ours(at).log_prob(value), rtol=1e-5
    )
    assert "dist.opaque" in str(density_module(_Theirs, value, (at,)))


COPIED: dict[str, Callable[[Any], Any]] = {
    name: TRANSFORMED[name]
    for name in ("LKJ", "GaussianStateSpace", "ZeroSumNormal", "Fourier", "its parameters", "batch")
}


@pytest.mark.parametrize("how", ["scan", "vmap"])
@pytest.mark.parametrize("name", COPIED)
def test_copies_in_a_loop_have_the_sum_of_their_densities(name: str, how: str) -> None:
    """Each copy with parameters of its own, and with the same ones."""
    make = COPIED[name]
    with jax.enable_x64(True):
        rows = jnp.array([0.8, 0.5, 0.3])
        seen = jnp.stack([make(a).sample(jax.random.key(k)) for k, a in enumerate(rows)])
        same = jnp.stack([make(0.8).sample(jax.random.key(k)) for k in range(3)])

        def model() -> None:
            shared: Any = rb.param("a", 0.8)

            def step(_: Any, row: Any) -> Any:
                y, z, a = row
                rb.observe("y", make(a), y)
                rb.observe("z", make(shared), z)
                return 0.0, None

            if how == "scan":
                jax.lax.scan(step, 0.0, (seen, same, rows))
            else:
                jax.vmap(lambda row: step(0.0, row)[0])((seen, same, rows))

        objective = rb.ELBO(model).compile()
        u = objective.init(0)
        value, slope = objective.value_and_grad(u, jax.random.key(0), objective.prepare())
        own = sum(make(a).log_prob(y).sum() for a, y in zip(rows, seen, strict=True))

        def total(a: Any) -> Any:
            return sum(make(a).log_prob(z).sum() for z in same)

        np.testing.assert_allclose(value, own + total(jnp.array(0.8)), rtol=1e-9)
        np.testing.assert_allclose(slope["a"], jax.grad(total)(jnp.array(0.8)), rtol=1e-8)


def test_draws_of_copies_are_different() -> None:
    def model() -> None:
        def step(total: Any, _: Any) -> Any:
            law = nd.LKJ(3, 1.0)
            return total + rb.sample("x", law, guide=law)[1, 0], None

        rb.factor("f", jax.lax.scan(step, 0.0, jnp.arange(3))[0])

    objective = rb.ELBO(model).compile(pipeline="draws")
    program = objective.variant("draws")
    drawn = program.run({}, jax.random.key(5), objective.data_for(program))["x"]
    assert drawn.shape == (3, 3, 3)
    assert len(np.unique(drawn[:, 1, 0])) == 3
    np.testing.assert_allclose(np.diagonal(drawn, axis1=1, axis2=2), 1.0, rtol=1e-5)


def test_a_correlation_matrix_of_many_rows_has_a_density() -> None:
    """In single precision its diagonal is 1 up to the rounding of sixty terms; NumPyro allows 1e-6."""
    made = nt.biject_to(nd.constraints.corr_matrix)
    for k in (0, 12, 28):
        matrix = made(0.1 * jax.random.normal(jax.random.key(k), (60 * 59 // 2,)))
        density = density_function(lambda: nd.LKJ(60, 1.0), matrix, ())(matrix)
        assert bool(jnp.isfinite(density))
