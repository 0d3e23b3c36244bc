"""The intervals that values are proved to lie in, and what follows for laws with bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as nd
import pytest
from helpers.externalized import externalized
from helpers.texts import apply, plans
from hypothesis import given
from hypothesis import strategies as st
from numpyro.infer.autoguide import AutoMultivariateNormal, AutoNormal

import relbo_ir as rb
from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.lowering.trace import Call, trace_elbo
from relbo_ir.passes.analyses.ranges import POSITIVE, UNIT, Range
from relbo_ir.passes.analyses.value_ranges import Ranges
from relbo_ir.passes.form_elbo import FormElboPass
from relbo_ir.passes.pathwise import PathwisePass

NOTHING = Call((), (), lambda _: ((), {}))
ENDS = [-math.inf, -4.0, -1.0, 0.0, 0.5, 1.0, 2.0, math.inf]
"""Their sums, products and reciprocals are exact in floats."""


@st.composite
def held(draw: st.DrawFn) -> tuple[Range, Fraction]:
    """A range and one of its elements, often an end that it holds."""
    low, high = sorted(draw(st.lists(st.sampled_from(ENDS), min_size=2, max_size=2, unique=True)))
    above, below = draw(st.booleans()), draw(st.booleans())
    ends = [Fraction(e) for e, out in ((low, above), (high, below)) if not out and math.isfinite(e)]
    least, most = Fraction(max(low, -50.0)), Fraction(min(high, 50.0))
    parts = st.fractions(0, 1, max_denominator=1000).filter(lambda part: 0 < part < 1)
    inside = parts.map(lambda part: least + part * (most - least))
    return Range.of(low, high, above, below), draw(st.one_of(inside, *map(st.just, ends)))


def holds(found: Range, number: Fraction) -> bool:
    """Whether a number lies in a range and has the sign that the range says."""
    signs = (number > 0 or not found.positive) and (number >= 0 or not found.nonnegative)
    low, high = (float(end) for end in (found.low, found.high))
    above = low < number or (low == number and not found.above)
    below = high > number or (high == number and not found.below)
    return signs and above and below


BINARY: dict[str, tuple[Callable[[Range, Range], Range], Callable[[Any, Any], Any]]] = {
    "add": (lambda x, y: x + y, lambda x, y: x + y),
    "sub": (lambda x, y: x - y, lambda x, y: x - y),
    "mul": (lambda x, y: x * y, lambda x, y: x * y),
    "max": (Range.maximum, max),
    "min": (Range.minimum, min),
    "join": (Range.join, lambda x, _y: x),
    "join the other": (Range.join, lambda _x, y: y),
}
UNARY: dict[str, tuple[Callable[[Range], Range], Callable[[Any], Any]]] = {
    "neg": (lambda x: -x, lambda x: -x),
    "magnitude": (Range.magnitude, abs),
    "square": (lambda x: x.power(2), lambda x: x**2),
    "cube": (lambda x: x.power(3), lambda x: x**3),
    "widened": (Range.widened, lambda x: x),
    "hull": (Range.hull, lambda x: x),
    "cubed by floats": (lambda x: x.through(lambda end: end**3), lambda x: x**3),
}


@pytest.mark.parametrize("name", BINARY)
@given(one=held(), other=held())
def test_the_arithmetic_of_two_ranges_holds_that_of_their_elements(
    name: str, one: tuple[Range, Fraction], other: tuple[Range, Fraction]
) -> None:
    on_ranges, on_numbers = BINARY[name]
    assert holds(on_ranges(one[0], other[0]), on_numbers(one[1], other[1]))


@pytest.mark.parametrize("name", UNARY)
@given(one=held())
def test_a_function_of_a_range_holds_that_of_its_elements(
    name: str, one: tuple[Range, Fraction]
) -> None:
    on_range, on_number = UNARY[name]
    assert holds(on_range(one[0]), on_number(one[1]))


@given(one=held())
def test_a_reciprocal_holds_that_of_its_elements(one: tuple[Range, Fraction]) -> None:
    if one[1] != 0:
        assert holds(one[0].reciprocal(), 1 / one[1])


@given(one=held(), other=held())
def test_what_two_ranges_share_is_in_both(
    one: tuple[Range, Fraction], other: tuple[Range, Fraction]
) -> None:
    both = one[0].meet(other[0])
    for number in (one[1], other[1]):
        assert holds(both, number) == (holds(one[0], number) and holds(other[0], number))


@given(one=held(), other=held())
def test_within_is_the_order_of_sets(
    one: tuple[Range, Fraction], other: tuple[Range, Fraction]
) -> None:
    if one[0].within(other[0]):
        assert holds(other[0], one[1])
    assert one[0].within(one[0])
    assert one[0].within(one[0].join(other[0]))


def test_no_elements_have_no_ends() -> None:
    assert Range.of(0.0, np.zeros((0,))).hull().is_line


def test_an_open_end_is_not_met() -> None:
    assert not UNIT.within(Range.of(0.0, 1.0, above=True))
    assert Range.of(0.0, 1.0, above=True).within(UNIT)
    assert Range.of(0.0, 1.0 + 1e-9).within(UNIT, slack=1e-8)
    assert not Range.of(0.0, 1.0 + 1e-7).within(UNIT, slack=1e-8)
    assert not Range.of(-1e-9, 1.0).within(POSITIVE, slack=1e-8)


SHAPED: dict[str, Callable[[Any], Any]] = {
    "affine": lambda x: 3.0 - 2.0 * jax.nn.sigmoid(x),
    "reshaped": lambda x: jax.nn.sigmoid(x).reshape(3, 1) - 1.0,
    "sliced": lambda x: jnp.tanh(x)[1:2] * 3.0,
    "clipped": lambda x: jnp.clip(x, -1.0, 3.0),
    "stacked": lambda x: jnp.stack([jax.nn.sigmoid(x), 4.0 + jnp.tanh(x)]),
    "summed": lambda x: jnp.sum(x**2 + 1.0),
    "multiplied": lambda x: jnp.prod(jnp.exp(x)),
    "cumulative": lambda x: jnp.cumsum(jax.nn.softplus(x)),
    "chosen": lambda x: jnp.where(x > 0.0, jax.nn.sigmoid(x), 2.0),
    "contracted": lambda x: jnp.exp(x) @ (x**2 + 1.0),
    "filtered": lambda x: jnp.convolve(jnp.exp(x), 2.0 * jnp.ones(2), "full"),
    "filtered, the other sign": lambda x: jnp.convolve(-jnp.exp(x), jnp.ones(2), "same"),
    "looped": lambda x: jax.lax.scan(
        lambda carry, row: (0.5 * carry + jnp.exp(row), carry), 1.0, x
    )[1],
    "shrinking": lambda x: jax.lax.fori_loop(0, 5, lambda _, c: 0.5 * c, jnp.exp(x[0])),
    "falling": lambda x: jax.lax.fori_loop(0, 5, lambda _, c: c - 1.0, jnp.exp(x[0])),
    "whole": lambda x: jax.nn.sigmoid(x).astype(jnp.int32).astype(jnp.float64),
    "divided as integers": lambda x: jax.lax.div(
        jax.nn.sigmoid(x).astype(jnp.int32) + 1, jnp.full(3, 2, jnp.int32)
    ).astype(jnp.float64),
    "whether it is 0": lambda x: (jax.nn.sigmoid(x) / 2).astype(bool).astype(jnp.float64),
    "unsigned": lambda x: (
        (jnp.full(3, -1, jnp.int32) + 0 * x.astype(jnp.int32)).astype(jnp.uint8).astype(jnp.float64)
    ),
    "sorted with another": lambda x: jax.lax.sort((jnp.exp(x), x), num_keys=1)[1],
    "read beyond the end": lambda x: (
        jnp.exp(x).at[jnp.array([0, 7])].get(mode="fill", fill_value=-1.0)
    ),
    "written": lambda x: jnp.exp(x).at[jnp.array([1])].set(2.0),
    "added": lambda x: jnp.exp(x).at[jnp.array([0, 0])].add(x[:2] ** 2),
    "subtracted": lambda x: jnp.exp(x).at[jnp.array([0, 0])].subtract(jnp.exp(x[:2])),
    "multiplied at places": lambda x: (
        jnp.exp(x).at[jnp.array([2, 0])].mul(jnp.exp(x[:2]), unique_indices=True)
    ),
    "multiplied by any": lambda x: jnp.exp(x).at[jnp.array([2, 0])].mul(x[:2], unique_indices=True),
    "the least at places": lambda x: jax.nn.sigmoid(x).at[0].min(0.5),
    "the greatest at places": lambda x: (-jax.nn.sigmoid(x)).at[jnp.array([1, 1])].max(-3.0),
    "a square of a complex number": lambda x: ((x + 1j * jnp.exp(x)) ** 2 + 1.0).real,
    "the greatest of none": lambda x: jax.lax.reduce_max(jnp.exp(x)[:0], axes=(0,)),
    "indices that wrap around": lambda x: jax.lax.iota(jnp.int8, 300).astype(x.dtype),
    "logarithm": lambda x: jnp.log(1.0 + x**2),
    "inverse": lambda x: 1.0 / (2.0 + jnp.sin(x)),
    "root": lambda x: jax.lax.rsqrt(jnp.exp(x)),
    "log of a sum": lambda x: jax.nn.logsumexp(x) - jnp.logaddexp(x, 0.0),
    "branch": lambda x: jax.lax.cond(
        True, lambda y: jax.nn.sigmoid(y), lambda y: 2.0 + jnp.tanh(y), x
    ),
}
PROVED = {
    "affine": (1.0, 3.0),
    "reshaped": (-1.0, 0.0),
    "sliced": (-3.0, 3.0),
    "clipped": (-1.0, 3.0),
    "stacked": (0.0, 5.0),
    "inverse": (1 / 3, 1.0),
    "the least at places": (0.0, 1.0),
    "the greatest at places": (-3.0, 0.0),
    "branch": (0.0, 3.0),
    "filtered, the other sign": (-math.inf, 0.0),
    "falling": (-math.inf, math.inf),
    "whole": (0.0, 1.0),
}
"""The ends that are to be found."""
NOT_POSITIVE = {
    "filtered, the other sign",
    "reshaped",
    "sliced",
    "clipped",
    "falling",
    "whole",
    "divided as integers",
    "whether it is 0",
    "unsigned",
    "sorted with another",
    "read beyond the end",
    "subtracted",
    "multiplied by any",
    "the greatest at places",
    "a square of a complex number",
    "the greatest of none",
    "indices that wrap around",
    "logarithm",
    "log of a sum",
}


@pytest.mark.parametrize("name", SHAPED)
def test_the_range_of_a_traced_function_holds_its_values(name: str) -> None:
    """Every element of many values, beside the interval of that element."""
    function = SHAPED[name]

    def model() -> None:
        x = rb.sample("x", nd.Normal(jnp.zeros(3), 1.0).to_event(1))
        rb.deterministic("y", function(x))
        rb.factor("f", jnp.sum(x))

    with jax.enable_x64(True):
        module, _ = trace_elbo(model, AutoNormal(model), NOTHING)
        found = _range_of(module, "y")
        draws = 3.0 * np.random.default_rng(0).standard_normal((300, 3))
        values = np.asarray(jax.vmap(function)(jnp.asarray(draws)))
    assert np.all(values >= found.low - 1e-12)
    assert np.all(values <= found.high + 1e-12)
    if name in PROVED:
        hull = found.hull()
        np.testing.assert_allclose([float(hull.low), float(hull.high)], PROVED[name], rtol=1e-12)
    assert found.positive == (name not in NOT_POSITIVE)


def _range_of(module: Any, name: str) -> Range:
    for op in module.walk():
        if isinstance(op, prob.DeterministicOp) and op.site.data == name:
            return Ranges().of(op.value)
    raise AssertionError(f"no {name}")


Prior = Callable[[], Any]
UNIT_INTERVAL = nd.constraints.unit_interval
LOWS, WIDTHS = np.array([-1.0, 0.0, 2.0], np.float32), np.array([1.0, 0.5, 3.0], np.float32)
BOUNDED: dict[str, Prior] = {
    "Uniform": lambda: nd.Uniform(-1.0, 3.0),
    "Uniforms with an interval each": lambda: nd.Uniform(LOWS, LOWS + 2.0 * WIDTHS).to_event(1),
    "Uniforms in a plate": lambda: nd.Uniform(0.3, 0.9).expand([3]).to_event(1),
    "TruncatedNormal": lambda: nd.TruncatedNormal(0.2, 1.0, low=-1.0, high=2.0),
    "left TruncatedNormal": lambda: nd.TruncatedNormal(0.2, 1.0, low=-1.0),
    "right TruncatedNormal": lambda: nd.TruncatedNormal(0.2, 1.0, high=1.0),
    "scaled Beta": lambda: nd.TransformedDistribution(
        nd.Beta(2.0, 3.0), nd.transforms.AffineTransform(0.0, 4.0, domain=UNIT_INTERVAL)
    ),
    "shifted Gamma": lambda: nd.TransformedDistribution(
        nd.Gamma(2.0, 3.0),
        nd.transforms.AffineTransform(2.0, 1.0, domain=nd.constraints.positive),
    ),
    "exponential of a Uniform": lambda: nd.TransformedDistribution(
        nd.Uniform(-1.0, 1.0),
        nd.transforms.ExpTransform(domain=nd.constraints.interval(-1.0, 1.0)),
    ),
    "exponential of a Normal that is moved": lambda: nd.TransformedDistribution(
        nd.Normal(0.0, 1.0),
        [
            nd.transforms.AffineTransform(rb.param("m", 0.3), 2.0),
            nd.transforms.ExpTransform(),
        ],
    ),
    "VonMises": lambda: nd.VonMises(0.3, 2.0),
    "mixture": lambda: nd.MixtureGeneral(
        nd.CategoricalProbs(jnp.array([0.3, 0.7])),
        [nd.Uniform(0.0, 1.0), nd.TruncatedNormal(0.0, 1.0, low=0.0, high=1.0)],
        support=UNIT_INTERVAL,
    ),
}


def _model(prior: Prior) -> Callable[[], None]:
    def model() -> None:
        z = numpyro.sample("z", prior())
        numpyro.sample("y", nd.Normal(jnp.sum(z), 0.5), obs=0.4)

    return model


@pytest.mark.filterwarnings("ignore:Continuous inference poorly handles circular")
@pytest.mark.parametrize("make_guide", [AutoNormal, AutoMultivariateNormal])
@pytest.mark.parametrize("name", BOUNDED)
def test_an_automatic_guide_of_a_bounded_prior_is_pathwise(name: str, make_guide: Any) -> None:
    """Its draw is a map of the line onto the prior's own interval."""
    model = _model(BOUNDED[name])
    module, _ = trace_elbo(model, make_guide(model), NOTHING)
    planned = apply(module, "objective", "relbo-assign-estimators")
    assert set(plans(planned).values()) == {"pathwise"}


@pytest.mark.parametrize("wide", [False, True])
def test_a_draw_that_rounding_takes_to_the_bound_has_a_density(wide: bool) -> None:
    """σ(x) is 1 for large x, and 0.3 + (0.9 − 0.3) may be above 0.9."""
    with jax.enable_x64(wide):
        model = _model(BOUNDED["Uniforms in a plate"])
        plan = rb.ELBO(model, AutoNormal(model)).compile()
        params = {**plan.init(0), "z_auto_loc": jnp.full(3, 60.0)}
        value, slopes = plan.value_and_grad(params, jax.random.key(0))
    assert np.isfinite(value)
    assert all(np.all(np.isfinite(slope)) for slope in slopes.values())


LEAVES: dict[str, tuple[Prior, Callable[[Any], Any]]] = {
    "Uniform": (BOUNDED["Uniform"], lambda x: 4.1 * jax.nn.sigmoid(x) - 1.0),
    "below": (BOUNDED["Uniform"], lambda x: 4.0 * jax.nn.sigmoid(x) - 1.001),
    "the real line": (BOUNDED["Uniform"], lambda x: x),
    "one of several bounds": (
        lambda: nd.Uniform(0.0, np.array([1.0, 0.9, 1.0], np.float32)).to_event(1),
        lambda x: jax.nn.sigmoid(x) * np.ones(3, np.float32),
    ),
    "a Beta at its ends": (lambda: nd.Beta(2.0, 3.0), lambda x: jnp.sin(x) ** 2),
    "half a line": (BOUNDED["TruncatedNormal"], lambda x: jnp.exp(x) - 1.0),
    "another bound": (BOUNDED["left TruncatedNormal"], lambda x: jnp.exp(x) - 2.0),
    "the unit interval of a half": (
        lambda: nd.TransformedDistribution(
            nd.Beta(2.0, 3.0), nd.transforms.AffineTransform(0.0, 0.5)
        ),
        jax.nn.sigmoid,
    ),
    "a bound that is a parameter": (
        lambda: nd.Uniform(0.0, rb.param("b", 2.0, constraint=nd.constraints.positive)),
        jax.nn.sigmoid,
    ),
    "exponential of a Uniform": (BOUNDED["exponential of a Uniform"], jnp.exp),
    "sigmoid of a Uniform": (
        lambda: nd.TransformedDistribution(nd.Uniform(-1.0, 1.0), nd.transforms.SigmoidTransform()),
        jax.nn.sigmoid,
    ),
    "a mixture of two intervals": (
        lambda: nd.MixtureGeneral(
            nd.CategoricalProbs(jnp.array([0.3, 0.7])),
            [nd.Uniform(0.0, 1.0), nd.Uniform(0.0, 0.9)],
            support=UNIT_INTERVAL,
        ),
        jax.nn.sigmoid,
    ),
}


@pytest.mark.parametrize("name", LEAVES)
def test_a_value_that_may_leave_a_law_is_not_pathwise(name: str) -> None:
    """The law scores a function of the draw that passes its bound with some probability."""
    prior, function = LEAVES[name]

    def model() -> None:
        x = rb.sample("x", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("a", 0.7), 1.0))
        rb.observe("y", prior(), function(x))

    module, _ = trace_elbo(model, None, NOTHING)
    formed = apply(module, FormElboPass())
    assert plans(apply(formed, "relbo-assign-estimators")) == {"x": "score"}
    with pytest.raises(PassError, match="cannot be pathwise"):
        apply(formed, PathwisePass(sites=("x",)))


@pytest.mark.parametrize(
    ("prior", "guide", "message"),
    [
        (BOUNDED["Uniform"], lambda: nd.Normal(0.0, 1.0), r"real, .* the model's, \[-1, 3\]"),
        (
            BOUNDED["Uniform"],
            lambda: nd.Uniform(-1.0, 3.1),
            r"\[-1, 3.1\], .* the model's, \[-1, 3\]",
        ),
        (
            BOUNDED["exponential of a Uniform"],
            lambda: nd.LogNormal(0.0, 1.0),
            r"positive, .* the model's, \[0.367879, 2.71828\]",
        ),
    ],
    ids=["real", "wider", "exponential"],
)
def test_a_guide_beyond_known_bounds_is_refused(prior: Prior, guide: Prior, message: str) -> None:
    """Its ELBO is −∞."""

    def model() -> None:
        rb.sample("z", prior(), guide=guide())

    with pytest.raises(PassError, match=message):
        rb.ELBO(model).compile()


def test_a_bound_that_a_branch_computes_is_read_where_it_stands() -> None:
    """The guide's law is a copy outside of the module while the ELBO is formed."""

    def model() -> None:
        a = rb.param("a", 0.5)
        loc = jax.lax.cond(a > 0.0, jnp.tanh, jnp.sin, a)
        shift = nd.transforms.AffineTransform(loc, 2.0)
        base = nd.Normal(a, 1.0)
        rb.sample("z", nd.Normal(0.0, 1.0), guide=nd.TransformedDistribution(base, shift))

    assert np.isfinite(rb.ELBO(model).compile().value_and_grad({"a": 0.5}, jax.random.key(0))[0])


def test_data_just_beyond_a_bound_have_no_density() -> None:
    """The rounding that a draw is allowed is not allowed to data."""

    def model() -> None:
        rb.sample("x", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("a", 0.7), 1.0))
        rb.observe("y", nd.Uniform(0.0, 1.0), np.float32(1.0000002))

    plan = rb.ELBO(model).compile()
    assert plan.value_and_grad(plan.init(0), jax.random.key(0))[0] == -math.inf


def test_a_masked_prior_accepts_a_guide_beyond_its_bounds() -> None:
    def model() -> None:
        rb.sample("z", nd.Uniform(0.0, 1.0).mask(False), guide=nd.Normal(0.0, 1.0))

    assert np.isfinite(rb.ELBO(model).compile().value_and_grad({}, jax.random.key(0))[0])


def test_a_count_keeps_its_sign() -> None:
    """A draw or an index does not wrap around, however wide its range is."""

    def model() -> None:
        k = rb.sample("k", nd.Poisson(3.0), guide=nd.Poisson(2.0))
        x = rb.sample("x", nd.Normal(0.0, 1.0), guide=nd.Normal(rb.param("a", 0.7), 1.0))
        rb.factor("f", jnp.log(jnp.exp(x) + k) + jnp.sum(jnp.log(jnp.exp(x) + jnp.arange(3))))

    module, _ = trace_elbo(model, None, NOTHING)
    planned = apply(module, FormElboPass(), "relbo-assign-estimators")
    assert plans(planned) == {"k": "score", "x": "pathwise"}


def test_a_guide_inside_known_bounds_is_accepted() -> None:
    def model() -> None:
        rb.sample("z", nd.Uniform(-1.0, 3.0), guide=nd.Uniform(-1.0, 2.0))

    value, _ = rb.ELBO(model).compile().value_and_grad({}, jax.random.key(0))
    np.testing.assert_allclose(value, math.log(3 / 4), rtol=1e-6)


def _exact(prior: Any, loc: Any, scale: Any) -> Any:
    """
    The ELBO as an integral over fixed points of (low, high): the guide's density in z, by the
    change of variables, carries all of the dependence on its parameters.
    """
    low, high = -1.0, 3.0
    u = np.linspace(-14.0, 14.0, 4001)
    z = low + (high - low) / (1 + np.exp(-u))
    slope = (high - low) * np.exp(-u) / (1 + np.exp(-u)) ** 2
    log_q = nd.Normal(loc, scale).log_prob(u) - np.log(slope)
    log_p = prior.log_prob(z) + nd.Normal(z, 0.5).log_prob(0.4)
    return jnp.sum(jnp.exp(log_q) * (log_p - log_q) * slope) * (u[1] - u[0])


@pytest.mark.parametrize("name", ["Uniform", "TruncatedNormal"])
def test_the_pathwise_gradient_of_a_bounded_prior_is_exact(name: str) -> None:
    """Over all noise, beside the derivative of the integral at points that do not move."""
    low, high = -1.0, 3.0
    prior = (
        nd.Uniform(low, high)
        if name == "Uniform"
        else nd.TruncatedNormal(0.2, 1.0, low=low, high=high)
    )

    def guide() -> None:
        base = nd.Normal(rb.param("m", 0.4), rb.param("s", 0.8))
        bounds = nd.constraints.interval(low, high)
        rb.sample("z", nd.TransformedDistribution(base, nd.biject_to(bounds)))

    def model() -> None:
        z = rb.sample("z", prior)
        rb.observe("y", nd.Normal(z, 0.5), 0.4)

    with jax.enable_x64(True):
        estimate = externalized(rb.ELBO(model, guide))
        nodes, masses = np.polynomial.hermite_e.hermegauss(80)
        params: Mapping[str, Any] = {"m": 0.4, "s": 0.8}
        rows = [np.array(estimate(params, {"z": node})) for node in nodes]
        value, *slopes = masses @ np.array(rows) / math.sqrt(2 * math.pi)
        exact, derivatives = jax.value_and_grad(_exact, (1, 2))(prior, 0.4, 0.8)
    np.testing.assert_allclose(value, exact, rtol=1e-9)
    np.testing.assert_allclose(slopes, derivatives, rtol=1e-8)
