"""
Estimators against closed forms: variances, a known ELBO, and every family's derivative.

Statistical tests draw with fixed keys; each states the rate at which it would fail by chance if
the key were drawn anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import optax
import pytest
from helpers.texts import COIN, FINISH, LAW, apply, hows, objective_module
from oracle import interpret_module
from scipy import integrate, special, stats
from xdsl.dialects.builtin import ModuleOp

import relbo_ir
from relbo_ir.dialects.errors import PassError
from relbo_ir.lowering.distributions import InverseGaussian
from relbo_ir.lowering.executable import executable
from relbo_ir.passes.pathwise import PathwisePass
from relbo_ir.passes.score_function import ScoreFunctionPass

TREATMENTS = {"score": ScoreFunctionPass(), "pathwise": PathwisePass(sites=("*",))}

QUADRATIC = f"""
  %q = dist.normal %mu_, %s_ : (tensor<f64>, tensor<f64>) -> {LAW}
  %x = prob.sample "x" from %q : {LAW}
  %k = lax.constant "0.7" : tensor<f64>
  %c = lax.sub %x, %k : tensor<f64>
  %f = lax.square %c : tensor<f64>
  prob.yield "f" %f : tensor<f64>
"""
MU, S = 1.2, 0.8
D = MU - 0.7


def _variance(treatment: str) -> float:
    """The variance of the mu-gradient of E[(x − k)²], x ~ Normal(mu, s), d = mu − k."""
    if treatment == "pathwise":
        return 4.0 * S**2
    return D**4 / S**2 + 14.0 * D**2 + 15.0 * S**2


def _quadratic(treatment: str, element: str = "f64") -> ModuleOp:
    module = objective_module({"mu": "real", "s": "positive"}, QUADRATIC, element)
    return apply(module, TREATMENTS[treatment])


@pytest.mark.compat
@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("expanded", [False, True])
def test_variance_in_closed_form(treatment: str, expanded: bool) -> None:
    module = _quadratic(treatment)
    if expanded:
        module = apply(module, "relbo-expand-densities", "relbo-canonicalize", "cse")
    outcomes = interpret_module(module, {"mu": MU, "s": S})
    assert outcomes.gradient()["mu"] == pytest.approx(2.0 * D, abs=1e-12)
    assert outcomes.gradient_variance()["mu"] == pytest.approx(_variance(treatment), abs=1e-9)


def _estimates(
    module: ModuleOp, params: dict[str, Any], count: int, seed: int
) -> tuple[Any, dict[str, Any]]:
    """Values and gradients of a compiled objective for many keys."""
    program = executable(apply(module, *FINISH, "relbo-canonicalize", "cse"))
    singles = {name: jnp.float32(value) for name, value in params.items()}
    step = jax.jit(jax.vmap(lambda key: program.plain(singles, key, ())))
    values, gradients = step(jax.random.split(jax.random.key(seed), count))
    double = {name: np.asarray(g, dtype=np.float64) for name, g in gradients.items()}
    return np.asarray(values, dtype=np.float64), double


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_variance_of_many_draws(treatment: str) -> None:
    """
    Seed 0, 2²² draws. The sample variance has relative sd 0.3 % (the 4th moment of the score
    estimator is about 50 squared variances), so 2 % fails by chance less than once in 10⁸.
    """
    _, gradient = _estimates(_quadratic(treatment, "f32"), {"mu": MU, "s": S}, 2**22, 0)
    assert float(np.var(gradient["mu"])) == pytest.approx(_variance(treatment), rel=0.02)


# The cone.


def _cone() -> relbo_ir.ELBO:
    def model() -> None:
        x = relbo_ir.sample("x", nd.Normal(0.0, 10.0))
        y = relbo_ir.sample("y", nd.Normal(0.0, 10.0))
        r = x**2 + y**2
        relbo_ir.observe("z", nd.Normal(r, 0.1 + r / 100.0), 5.0)

    def guide() -> None:
        for name, start in (("x", 3.0), ("y", 0.0)):
            mean = relbo_ir.param(f"{name}_mean", start)
            sd = relbo_ir.param(f"{name}_sd", 0.1, constraint=relbo_ir.constraints.positive)
            relbo_ir.sample(name, nd.Normal(mean, sd))

    return relbo_ir.ELBO(model, guide)


def test_the_cone() -> None:
    """
    The mean-field optimum near (√5, 0) is −8.0745. Seed 0; the reported ELBO is a mean of 1,000
    draws, so the optimum is judged by 400,000 draws of the compiled objective (standard error
    below 0.0016).
    """
    schedule = optax.cosine_decay_schedule(2e-2, 3000)
    objective = _cone().compile(particles=64)
    fit = relbo_ir.fit(objective, steps=3000, optimizer=optax.adam(schedule), key=0, progress=False)
    single = _cone().compile()
    keys = jax.random.split(jax.random.key(1), 400_000)
    values = jax.jit(jax.vmap(lambda key: single.step_function(fit.unconstrained, key, ())[0]))(
        keys
    )
    array = np.asarray(values, dtype=np.float64)
    assert float(np.std(array)) / math.sqrt(len(array)) < 0.0016
    assert float(np.mean(array)) == pytest.approx(-8.0745, abs=0.005)


# Every family's declared differentiability.

Expectation = Callable[[Callable[[Any], Any]], float]


@dataclass(frozen=True)
class Example:
    """A law as IR text, its parameters, its exact expectations and its NumPyro twin."""

    text: str
    constraints: dict[str, str]
    values: dict[str, float]
    exact: Callable[..., Expectation]
    twin: Callable[..., Any]
    pathwise: bool
    heavy: bool = False
    """Whether the mean is infinite."""
    type_: str = LAW


def _of(law: Any) -> Expectation:
    """Expectations under a law of scipy, by quadrature between quantiles or by summation."""

    def expectation(function: Callable[[Any], Any]) -> float:
        if hasattr(law.dist, "pmf"):
            support = np.arange(0, 200)
            return float(np.sum(law.pmf(support) * function(support.astype(np.float64))))
        edges = law.ppf([1e-15, 1e-6, 0.02, 0.3, 0.7, 0.98, 1.0 - 1e-6, 1.0 - 1e-15])
        pieces = [
            integrate.quad(lambda x: function(x) * law.pdf(x), a, b, epsabs=1e-12, epsrel=1e-11)[0]
            for a, b in pairwise(edges)
        ]
        return float(sum(pieces))

    return expectation


def _mapped(law: Any, transform: Callable[[Any], Any]) -> Expectation:
    """Expectations of what a transform makes of draws."""
    inner = _of(law)
    return lambda function: inner(lambda x: function(transform(x)))


def _half_cauchy(scale: float) -> Expectation:
    """By the quantile function, scale·tan(πu/2), for functions that are bounded."""

    def expectation(function: Callable[[Any], Any]) -> float:
        def integrand(u: float) -> Any:
            return function(scale * math.tan(0.5 * math.pi * u))

        return float(integrate.quad(integrand, 0.0, 1.0, epsabs=1e-12, epsrel=1e-11)[0])

    return expectation


def _categories(a: float, b: float) -> Expectation:
    weights = special.softmax([a, b, 0.0])
    return lambda function: float(np.sum(weights * function(np.arange(3.0))))


def _softplus(x: Any) -> Any:
    return np.logaddexp(0.0, x)


REAL, POSITIVE, UNIT = "real", "positive", "unit_interval"
ONE = f"(tensor<f64>) -> {LAW}"
TWO = f"(tensor<f64>, tensor<f64>) -> {LAW}"
NORMAL = {"m": REAL, "s": POSITIVE}
AT = {"m": 0.3, "s": 0.7}
TWO_ROWS = "(tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<3xf64>"


def _transformed(name: str) -> str:
    """A Normal through a transform, as text."""
    return (
        f"%base = dist.normal %m_, %s_ : {TWO}\n"
        f"%q = dist.transformed %base {{transform = #dist.transform<{name}>}} : ({LAW}) -> {LAW}"
    )


def _through(transform: Any) -> Callable[..., Any]:
    return lambda m, s: nd.TransformedDistribution(nd.Normal(m, s), transform)


EXAMPLES = {
    "Normal": Example(
        f"%q = dist.normal %m_, %s_ : {TWO}",
        NORMAL,
        AT,
        lambda m, s: _of(stats.norm(m, s)),
        nd.Normal,
        True,
    ),
    "HalfNormal": Example(
        f"%q = dist.half_normal %s_ : {ONE}",
        {"s": POSITIVE},
        {"s": 0.7},
        lambda s: _of(stats.halfnorm(scale=s)),
        nd.HalfNormal,
        True,
    ),
    "LogNormal": Example(
        f"%q = dist.log_normal %m_, %s_ : {TWO}",
        NORMAL,
        AT,
        lambda m, s: _of(stats.lognorm(s, scale=math.exp(m))),
        nd.LogNormal,
        True,
    ),
    "HalfCauchy": Example(
        f"%q = dist.half_cauchy %s_ : {ONE}",
        {"s": POSITIVE},
        {"s": 0.7},
        _half_cauchy,
        nd.HalfCauchy,
        True,
        heavy=True,
    ),
    "Gamma": Example(
        f"%q = dist.gamma %a_, %b_ : {TWO}",
        {"a": POSITIVE, "b": POSITIVE},
        {"a": 1.7, "b": 0.8},
        lambda a, b: _of(stats.gamma(a, scale=1.0 / b)),
        nd.Gamma,
        True,
    ),
    "Gamma below one": Example(
        f"%q = dist.gamma %a_, %b_ : {TWO}",
        {"a": POSITIVE, "b": POSITIVE},
        {"a": 0.4, "b": 1.3},
        lambda a, b: _of(stats.gamma(a, scale=1.0 / b)),
        nd.Gamma,
        True,
    ),
    "Beta": Example(
        f"%q = dist.beta %a_, %b_ : {TWO}",
        {"a": POSITIVE, "b": POSITIVE},
        {"a": 1.7, "b": 0.8},
        lambda a, b: _of(stats.beta(a, b)),
        nd.Beta,
        True,
    ),
    "exp": Example(
        _transformed("exp"),
        NORMAL,
        AT,
        lambda m, s: _mapped(stats.norm(m, s), np.exp),
        _through(nd.transforms.ExpTransform()),
        True,
    ),
    "sigmoid": Example(
        _transformed("sigmoid"),
        NORMAL,
        AT,
        lambda m, s: _mapped(stats.norm(m, s), special.expit),
        _through(nd.transforms.SigmoidTransform()),
        True,
    ),
    "softplus": Example(
        _transformed("softplus"),
        NORMAL,
        AT,
        lambda m, s: _mapped(stats.norm(m, s), _softplus),
        _through(nd.transforms.SoftplusTransform()),
        True,
    ),
    "affine": Example(
        f"%base = dist.normal %m_, %s_ : {TWO}\n"
        "%q = dist.transformed %base, %a_, %b_ {transform = #dist.transform<affine>} "
        f": ({LAW}, tensor<f64>, tensor<f64>) -> {LAW}",
        {**NORMAL, "a": REAL, "b": REAL},
        {**AT, "a": 0.4, "b": -1.3},
        lambda m, s, a, b: _mapped(stats.norm(m, s), lambda x: a + b * x),
        lambda m, s, a, b: nd.TransformedDistribution(
            nd.Normal(m, s), nd.transforms.AffineTransform(a, b)
        ),
        True,
    ),
    "Bernoulli": Example(
        f"%q = dist.bernoulli %p_ : (tensor<f64>) -> {COIN}",
        {"p": UNIT},
        {"p": 0.35},
        lambda p: _of(stats.bernoulli(p)),
        nd.BernoulliProbs,
        False,
        type_=COIN,
    ),
    "BernoulliLogits": Example(
        f"%q = dist.bernoulli_logits %l_ : (tensor<f64>) -> {COIN}",
        {"l": REAL},
        {"l": -0.4},
        lambda l: _of(stats.bernoulli(special.expit(l))),  # noqa: E741
        nd.BernoulliLogits,
        False,
        type_=COIN,
    ),
    "CategoricalLogits": Example(
        '%zero = lax.constant "0.0" : tensor<f64>\n'
        f"%w = lax.stack %a_, %b_, %zero {{axis = 0 : i64}} : {TWO_ROWS}\n"
        f"%q = dist.categorical_logits %w : (tensor<3xf64>) -> {COIN}",
        {"a": REAL, "b": REAL},
        {"a": 0.3, "b": -0.6},
        _categories,
        lambda a, b: nd.CategoricalLogits(jnp.stack([a, b, 0.0 * a])),
        False,
        type_=COIN,
    ),
    "Categorical": Example(
        '%zero = lax.constant "0.0" : tensor<f64>\n'
        f"%l = lax.stack %a_, %b_, %zero {{axis = 0 : i64}} : {TWO_ROWS}\n"
        "%ex = lax.exp %l : tensor<3xf64>\n"
        "%t = lax.reduce_sum %ex {axes = array<i64: 0>} : (tensor<3xf64>) -> tensor<f64>\n"
        "%n = lax.broadcast_in_dim %t {dimensions = array<i64>} : (tensor<f64>) -> tensor<3xf64>\n"
        "%w = lax.div %ex, %n : tensor<3xf64>\n"
        f"%q = dist.categorical %w : (tensor<3xf64>) -> {COIN}",
        {"a": REAL, "b": REAL},
        {"a": 0.3, "b": -0.6},
        _categories,
        lambda a, b: nd.CategoricalProbs(jax.nn.softmax(jnp.stack([a, b, 0.0 * a]))),
        False,
        type_=COIN,
    ),
    "Poisson": Example(
        f"%q = dist.poisson %r_ : (tensor<f64>) -> {COIN}",
        {"r": POSITIVE},
        {"r": 2.3},
        lambda r: _of(stats.poisson(r)),
        nd.Poisson,
        False,
        type_=COIN,
    ),
    "InverseGaussian": Example(
        f"%q = dist.inverse_gaussian %m_, %c_ : {TWO}",
        {"m": POSITIVE, "c": POSITIVE},
        {"m": 1.4, "c": 2.1},
        lambda m, c: _of(stats.invgauss(m / c, scale=c)),
        InverseGaussian,
        False,
    ),
}
STATISTICS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "mean": ("%f = lax.copy %x : tensor<f64>", lambda x: x),
    "squash": (
        '%one = lax.constant "1.0" : tensor<f64>\n'
        "%y = lax.square %x : tensor<f64>\n%d = lax.add %one, %y : tensor<f64>\n"
        "%f = lax.div %y, %d : tensor<f64>",
        lambda x: x * x / (1.0 + x * x),
    ),
}
COUNT = 100_000


def _module(example: Example, statistic: str) -> ModuleOp:
    real = "%x = lax.convert %z : (tensor<i32>) -> tensor<f64>"
    if example.type_ == LAW:
        real = "%x = lax.copy %z : tensor<f64>"
    body = f"""
      {example.text}
      %z = prob.sample "z" from %q : {example.type_}
      {real}
      {STATISTICS[statistic][0]}
      prob.yield "f" %f : tensor<f64>
    """
    return objective_module(example.constraints, body, "f32")


def _exact(example: Example, statistic: str) -> tuple[float, dict[str, float]]:
    """E[f] and its derivatives, by quadrature or summation and central differences."""
    function, step = STATISTICS[statistic][1], 1e-4
    slopes: dict[str, float] = {}
    for name, value in example.values.items():
        ends = [
            example.exact(*{**example.values, name: value + h}.values())(function)
            for h in (step, -step)
        ]
        slopes[name] = (ends[0] - ends[1]) / (2.0 * step)
    return example.exact(*example.values.values())(function), slopes


def _z_score(estimates: Any, truth: float) -> float:
    error = float(np.std(estimates)) / math.sqrt(len(estimates))
    return (float(np.mean(estimates)) - truth) / max(error, 1e-7)


CASES = [
    (name, treatment, statistic)
    for name, example in EXAMPLES.items()
    for treatment in TREATMENTS
    for statistic in STATISTICS
    if (example.pathwise or treatment == "score") and not (example.heavy and statistic == "mean")
]


@pytest.mark.parametrize(("name", "treatment", "statistic"), CASES)
def test_estimates_of_every_family_are_unbiased(name: str, treatment: str, statistic: str) -> None:
    """
    Seed 5, 100,000 draws; |z| < 4.5 fails by chance 7 times in a million, and with about 150
    numbers compared here, once in a thousand runs.
    """
    example = EXAMPLES[name]
    module = apply(_module(example, statistic), TREATMENTS[treatment])
    assert hows(module) == {"z": treatment}
    values, gradients = _estimates(module, example.values, COUNT, 5)
    value, slopes = _exact(example, statistic)
    assert abs(_z_score(values, value)) < 4.5
    for parameter, slope in slopes.items():
        assert abs(_z_score(gradients[parameter], slope)) < 4.5, parameter


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_scored_draw_is_held_fixed(name: str) -> None:
    """The one-draw estimate is f(z)·∇ log q(z), exactly: nothing leaks through the sampler."""
    example = EXAMPLES[name]
    statistic = "squash"
    module = apply(_module(example, statistic), TREATMENTS["score"])
    program = executable(apply(module, *FINISH, "relbo-canonicalize", "cse"))
    report = ("relbo-report", "relbo-lower-sampling", "relbo-canonicalize", "cse")
    drawing = executable(apply(_module(example, statistic), *report))
    params = {n: jnp.float32(v) for n, v in example.values.items()}

    def reference(given: dict[str, Any], z: Any) -> Any:
        return example.twin(*(given[n] for n in example.values)).log_prob(z)

    derivative = jax.jit(jax.grad(reference))
    for number in range(6):
        key = jax.random.key(number)
        z = drawing.run(params, key, ())["z"]
        value, gradient = program.run(params, key, ())
        function = float(STATISTICS[statistic][1](np.float64(z)))
        assert float(value) == pytest.approx(function, rel=1e-5)
        slopes = derivative(params, z)
        for parameter, slope in slopes.items():
            wanted = function * float(slope)
            assert float(gradient[parameter]) == pytest.approx(wanted, rel=2e-4, abs=1e-5)


@pytest.mark.parametrize("name", [n for n, e in EXAMPLES.items() if not e.pathwise])
def test_what_has_no_derivative_is_not_pathwise(name: str) -> None:
    module = _module(EXAMPLES[name], "squash")
    with pytest.raises(PassError, match="not differentiable") as caught:
        apply(module, TREATMENTS["pathwise"])
    assert caught.value.site == "z"
    assert hows(apply(module, PathwisePass())) == {"z": "exact"}
    assert hows(
        apply(module, "relbo-assign-estimators", "relbo-score-function", "relbo-pathwise")
    ) == {"z": "score"}


def test_the_derivative_of_inverse_gaussian_draws_is_wrong_in_jax() -> None:
    """
    Why the family is declared not differentiable: dE[x]/dmean is 1, JAX's sampler says 1.24.
    Seed 2, 100,000 draws, a standard error below 0.01.
    """

    def slope(key: Any) -> Any:
        return jax.grad(lambda mean: jax.random.wald(key, mean))(jnp.float32(1.0))

    slopes = jax.jit(jax.vmap(slope))(jax.random.split(jax.random.key(2), COUNT))
    array = np.asarray(slopes, dtype=np.float64)
    assert float(np.std(array)) / math.sqrt(COUNT) < 0.02
    assert float(np.mean(array)) > 1.1
