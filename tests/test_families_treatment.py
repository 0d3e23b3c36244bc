"""How a choice of each family may be treated, and what a family's density allows of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest
from helpers.texts import apply, hows, plans

import relbo_ir as rb
from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.lowering.trace import Call, trace_elbo
from relbo_ir.passes.form_elbo import FormElboPass
from relbo_ir.passes.pathwise import PathwisePass
from relbo_ir.passes.score_function import ScoreFunctionPass

Law = Callable[[Any], Any]
NOTHING = Call((), (), lambda _: ((), {}))


def objective(model: Callable[[], None]) -> Any:
    """The ELBO of a model that names its guides in place, at level 2."""
    module, _ = trace_elbo(model, None, NOTHING)
    return apply(module, FormElboPass())


def guided(law: Law) -> Any:
    """A choice z of that law of a parameter, under its own law as a prior, and a smooth factor."""

    def model() -> None:
        a = rb.param("a", 0.7)
        z = rb.sample("z", law(0.3), guide=law(a))
        rb.factor("f", jnp.sin(z * 1.0).sum())

    return objective(model)


def positive(a: Any) -> Any:
    return jnp.exp(a)


PATHWISE: dict[str, Law] = {
    "Cauchy": lambda a: nd.Cauchy(a, 1.0),
    "Laplace": lambda a: nd.Laplace(a, 1.0),
    "Logistic": lambda a: nd.Logistic(a, 1.0),
    "Gumbel": lambda a: nd.Gumbel(a, 1.0),
    "StudentT": lambda a: nd.StudentT(3.0, a, 1.0),
    "Exponential": lambda a: nd.Exponential(positive(a)),
    "Weibull": lambda a: nd.Weibull(positive(a), 1.5),
    "Kumaraswamy": lambda a: nd.Kumaraswamy(positive(a), 1.5),
    "InverseGamma": lambda a: nd.InverseGamma(positive(a), 1.5),
    "Dirichlet": lambda a: nd.Dirichlet(positive(a) * jnp.ones(3)),
    "MultivariateNormal": lambda a: nd.MultivariateNormal(a * jnp.ones(2), jnp.eye(2)),
    "LowRankMultivariateNormal": lambda a: nd.LowRankMultivariateNormal(
        a * jnp.ones(2), jnp.ones((2, 1)), jnp.ones(2)
    ),
    "GaussianRandomWalk": lambda a: nd.GaussianRandomWalk(positive(a), 3),
    "LKJCholesky": lambda a: nd.LKJCholesky(3, positive(a)),
}
SCORE: dict[str, Law] = {
    "VonMises": lambda a: nd.VonMises(a, 2.0),
    "GeometricProbs": lambda a: nd.GeometricProbs(jax.nn.sigmoid(a)),
    "GeometricLogits": lambda a: nd.GeometricLogits(a),
    "BinomialProbs": lambda a: nd.BinomialProbs(jax.nn.sigmoid(a), 3),
    "BinomialLogits": lambda a: nd.BinomialLogits(a, 3),
    "BetaBinomial": lambda a: nd.BetaBinomial(positive(a), 1.0, 3),
    "NegativeBinomialProbs": lambda a: nd.NegativeBinomialProbs(2.0, jax.nn.sigmoid(a)),
    "NegativeBinomialLogits": lambda a: nd.NegativeBinomialLogits(2.0, a),
    "GammaPoisson": lambda a: nd.GammaPoisson(positive(a), 1.0),
    "ZeroInflatedPoisson": lambda a: nd.ZeroInflatedPoisson(jax.nn.sigmoid(a), 1.0),
    "OrderedLogistic": lambda a: nd.OrderedLogistic(a, jnp.array([-1.0, 1.0])),
    "MultinomialProbs": lambda a: nd.MultinomialProbs(jax.nn.softmax(a * jnp.arange(3.0)), 2),
    "MultinomialLogits": lambda a: nd.MultinomialLogits(a * jnp.arange(3.0), 2),
    "DirichletMultinomial": lambda a: nd.DirichletMultinomial(positive(a) * jnp.ones(3), 2),
    "MixtureSameFamily": lambda a: nd.MixtureSameFamily(
        nd.CategoricalLogits(jnp.zeros(2)), nd.Normal(jnp.array([-1.0, 1.0]) * a, 1.0)
    ),
    "MixtureGeneral": lambda a: nd.MixtureGeneral(
        nd.CategoricalLogits(jnp.zeros(2)), [nd.Normal(a, 1.0), nd.Cauchy(a, 1.0)]
    ),
}
MOVING: dict[str, Law] = {
    "Uniform": lambda a: nd.Uniform(-1.0, positive(a)),
    "TruncatedNormal": lambda a: nd.TruncatedNormal(0.0, 1.0, low=-1.0, high=positive(a)),
    "left TruncatedNormal": lambda a: nd.TruncatedNormal(0.0, 1.0, low=a),
    "right TruncatedNormal": lambda a: nd.TruncatedNormal(0.0, 1.0, high=a),
    "shifted Exponential": lambda a: nd.TransformedDistribution(
        nd.Exponential(1.0), nd.transforms.AffineTransform(a, 1.0)
    ),
}


@pytest.mark.parametrize("name", PATHWISE)
def test_pathwise_is_legal_and_planned(name: str) -> None:
    module = guided(PATHWISE[name])
    assert plans(apply(module, "relbo-assign-estimators")) == {"z": "pathwise"}
    assert hows(apply(module, PathwisePass(sites=("z",)))) == {"z": "pathwise"}
    assert hows(apply(module, ScoreFunctionPass(sites=("z",)))) == {"z": "score"}


@pytest.mark.parametrize("name", SCORE)
def test_only_the_score_function_is_legal(name: str) -> None:
    module = guided(SCORE[name])
    assert plans(apply(module, "relbo-assign-estimators")) == {"z": "score"}
    with pytest.raises(PassError, match="differentiable") as caught:
        apply(module, PathwisePass(sites=("z",)))
    assert caught.value.site == "z"
    assert hows(apply(module, ScoreFunctionPass())) == {"z": "score"}


def bounded(law: Law) -> Any:
    """A choice of a law whose bounds move, under a prior on the whole line."""

    def model() -> None:
        z = rb.sample("z", nd.Normal(0.0, 1.0), guide=law(rb.param("a", 0.7)))
        rb.factor("f", jnp.sin(z))

    return objective(model)


@pytest.mark.parametrize("name", MOVING)
def test_a_support_that_moves_allows_no_score_function(name: str) -> None:
    module = bounded(MOVING[name])
    with pytest.raises(PassError, match="not proved to be free of parameters") as caught:
        apply(module, ScoreFunctionPass(sites=("z",)))
    assert caught.value.site == "z"
    assert hows(apply(module, PathwisePass(sites=("z",)))) == {"z": "pathwise"}
    assert plans(apply(module, "relbo-assign-estimators")) == {"z": "pathwise"}


@pytest.mark.parametrize(
    "law",
    [
        lambda a: nd.TruncatedNormal(a, 1.0, low=-1.0, high=2.0),
        lambda a: nd.TruncatedNormal(a, 1.0, low=-1.0),
    ],
    ids=["two bounds", "one bound"],
)
def test_fixed_bounds_allow_the_score_function(law: Law) -> None:
    assert hows(apply(bounded(law), ScoreFunctionPass(sites=("z",)))) == {"z": "score"}


@pytest.mark.parametrize(
    "law",
    [
        lambda z: nd.Uniform(z, 10.0),
        lambda z: nd.TruncatedNormal(0.0, 1.0, low=z),
        lambda z: nd.TruncatedNormal(0.0, 1.0, low=z, high=10.0),
        lambda z: nd.TruncatedNormal(0.0, 1.0, high=10.0 + z),
        lambda z: nd.TransformedDistribution(
            nd.Exponential(1.0), nd.transforms.AffineTransform(z, 1.0)
        ),
        lambda z: nd.MixtureSameFamily(
            nd.CategoricalLogits(jnp.zeros(2)),
            nd.TransformedDistribution(
                nd.Exponential(jnp.ones(2)), nd.transforms.AffineTransform(z, jnp.ones(2))
            ),
        ),
    ],
    ids=["Uniform", "left", "both", "right", "shifted", "mixture"],
)
def test_a_bound_that_reads_the_draw_breaks_pathwise(law: Law) -> None:
    """The density of data jumps where the bound meets them."""

    def model() -> None:
        z = rb.sample("z", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("a", 0.7), 1.0))
        rb.observe("y", law(z), 3.0)

    module = objective(model)
    with pytest.raises(PassError, match="bound") as caught:
        apply(module, PathwisePass(sites=("z",)))
    assert caught.value.site == "z"


def test_an_opaque_prior_breaks_pathwise() -> None:
    def model() -> None:
        rb.sample("z", nd.SoftLaplace(0.0, 1.0), guide=nd.Normal(rb.param("a", 0.7), 1.0))

    with pytest.raises(PassError, match="cannot be pathwise"):
        apply(objective(model), PathwisePass(sites=("z",)))


@pytest.mark.parametrize(
    ("prior", "transform"),
    [
        (lambda: nd.Dirichlet(jnp.ones(4)), nd.transforms.StickBreakingTransform()),
        (lambda: nd.LKJCholesky(3, 2.0), nd.transforms.CorrCholeskyTransform()),
    ],
    ids=["simplex", "corr_cholesky"],
)
def test_a_normal_guide_through_a_bijection_is_pathwise(
    prior: Callable[[], Any], transform: Any
) -> None:
    """As the automatic guides make it: the transform's range is the prior's support."""

    def model(base: Any) -> None:
        guide = nd.TransformedDistribution(base(rb.param("a", jnp.ones(3))).to_event(1), transform)
        rb.sample("z", prior(), guide=guide)

    module = objective(lambda: model(lambda a: nd.Normal(a, 1.0)))
    assert hows(apply(module, PathwisePass(sites=("z",)))) == {"z": "pathwise"}
    bent = objective(lambda: model(lambda a: nd.Gamma(jnp.exp(a), 1.0)))
    with pytest.raises(PassError, match="cannot be pathwise"):
        apply(bent, PathwisePass(sites=("z",)))


def test_a_mixture_of_one_support_is_a_smooth_prior() -> None:
    def model() -> None:
        prior = nd.MixtureSameFamily(
            nd.CategoricalLogits(jnp.zeros(2)), nd.Normal(jnp.array([-1.0, 1.0]), 1.0)
        )
        rb.sample("z", prior, guide=nd.Normal(rb.param("a", 0.7), 1.0))

    assert hows(apply(objective(model), PathwisePass(sites=("z",)))) == {"z": "pathwise"}


def test_a_mixtures_own_draw_may_leave_the_support_of_a_component() -> None:
    """A negative draw has the first component's density alone."""

    def law(a: Any) -> Any:
        return nd.MixtureGeneral(
            nd.CategoricalProbs(jnp.array([0.6, 0.4])),
            [nd.Normal(a, 1.0), nd.HalfNormal(1.0)],
            support=nd.constraints.real,
        )

    def model() -> None:
        rb.sample("z", nd.Normal(0.0, 1.0), guide=law(rb.param("a", -3.0)))

    compiled = rb.ELBO(model).compile(pipeline="score-function")
    program = compiled.variant("draws")
    params, data = compiled.init(0), compiled.data_for(program)
    draws = ((k, program.run(params, k, data)["z"]) for k in map(jax.random.key, range(20)))
    key, z = next((k, z) for k, z in draws if z < 0)
    value, _ = compiled.value_and_grad(params, key)
    only = jnp.log(0.6) + nd.Normal(-3.0, 1.0).log_prob(z)
    np.testing.assert_allclose(value, nd.Normal(0.0, 1.0).log_prob(z) - only, rtol=1e-5)


def test_a_held_draw_whose_bound_moves_breaks_pathwise() -> None:
    """The entropy of a draw that is held fixed jumps where its bound passes it."""

    def model() -> None:
        z = rb.sample("z", nd.LogNormal(0.0, 1.0), guide=nd.LogNormal(rb.param("a", 0.7), 1.0))
        rb.sample("w", nd.Normal(0.0, 1.0), guide=nd.Uniform(0.0, z))

    module = objective(model)
    for op in module.walk():
        if isinstance(op, prob.SampleOp) and op.site.data == "w":
            op.properties["how"] = prob.HowAttr(prob.How.SCORE)
    with pytest.raises(PassError, match="bound"):
        apply(module, PathwisePass(sites=("z",)))


def test_a_mixture_of_two_supports_is_none() -> None:
    def model() -> None:
        prior = nd.MixtureGeneral(
            nd.CategoricalLogits(jnp.zeros(2)),
            [nd.Normal(0.0, 1.0), nd.HalfNormal(1.0)],
            support=nd.constraints.real,
        )
        rb.sample("z", prior, guide=nd.Normal(rb.param("a", 0.7), 1.0))

    with pytest.raises(PassError, match="may jump"):
        apply(objective(model), PathwisePass(sites=("z",)))
