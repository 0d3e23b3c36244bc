"""Sites in branches and under vmap, held to the same program written without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as nd
import pytest
from helpers.loops import DECIDED, SCORED, assert_same, assert_same_variance, outcomes
from numpyro.contrib.control_flow import cond as numpyro_cond
from numpyro.contrib.control_flow import scan as numpyro_scan
from oracle import Precision

import relbo_ir as rb
from relbo_ir.dialects.errors import ModelError, PassError

Program = Callable[..., Any]
Pair = tuple[Program, Program]
Y = np.array([0.4, -1.1, 0.7])
PASSES = (("objective",), DECIDED, SCORED)


def held(ours: Pair, wanted: Pair, data: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Both pairs have one ELBO and gradient, after several pipelines, and one variance."""
    precision = Precision(normal_nodes=16)
    exact = outcomes(wanted, data, params, (), precision)
    assert_same(outcomes(ours, data, params, (), precision), exact)
    for steps in PASSES:
        assert_same(outcomes(ours, data, params, steps, precision), exact)
    assert_same_variance(*(outcomes(p, data, params, SCORED, precision) for p in (ours, wanted)))


# Branches


def branched_everywhere(cond: Any) -> Pair:
    """One site in both branches, whose laws differ; what decides is a choice."""

    def model(y: Any) -> None:
        wet = rb.sample("wet", nd.Bernoulli(0.3))

        def rain(shift: Any) -> Any:
            z = rb.sample("z", nd.Bernoulli(0.9))
            rb.observe("y", nd.Normal(2.0 * z + shift, 1.0), y)
            return 1.0 * z

        def sun(shift: Any) -> Any:
            z = rb.sample("z", nd.Bernoulli(0.2))
            rb.observe("y", nd.Normal(-z + shift, 1.0), y)
            return 3.0 * z

        rb.factor("f", cond(wet == 1, rain, sun, 0.5))

    return model, _independent_coins


def selected_everywhere() -> Pair:
    def model(y: Any) -> None:
        wet = rb.sample("wet", nd.Bernoulli(0.3))
        rain = wet == 1
        z = rb.sample("z", nd.Bernoulli(jnp.where(rain, 0.9, 0.2)))
        rb.observe("y", nd.Normal(jnp.where(rain, 2.0 * z, -1.0 * z) + 0.5, 1.0), y)
        rb.factor("f", jnp.where(rain, 1.0 * z, 3.0 * z))

    return model, _independent_coins


def _independent_coins(y: Any) -> None:
    u = rb.param("u", jnp.zeros(2))
    rb.sample("wet", nd.Bernoulli(logits=u[0]))
    rb.sample("z", nd.Bernoulli(logits=u[1]))


COINS = {"u": np.array([0.3, -0.6])}


@pytest.mark.parametrize("cond", [jax.lax.cond, numpyro_cond])
def test_a_site_of_both_branches_is_one_site(cond: Any) -> None:
    held(branched_everywhere(cond), selected_everywhere(), {"y": Y[:1]}, COINS)


def _some(with_cond: bool) -> Pair:
    """Sites of one branch alone: they count where it is taken, in the model and in the guide."""

    def extra(p: Any, scale: Any) -> Any:
        w = rb.sample("w", nd.Bernoulli(p))
        return scale * w

    def model(y: Any) -> None:
        wet = rb.sample("wet", nd.Bernoulli(0.3))

        def yes() -> Any:
            value = extra(0.6, 2.0)
            rb.factor("bonus", value)
            rb.observe("y", nd.Normal(value, 1.0), y)
            return value

        if with_cond:
            total = jax.lax.cond(wet == 1, yes, lambda: -1.0)
        else:
            w = rb.sample("w", nd.Bernoulli(0.6).mask(wet == 1))
            taken = wet == 1
            rb.factor("bonus", jnp.where(taken, 2.0 * w, 0.0))
            rb.observe("y", nd.Normal(2.0 * w, 1.0).mask(taken), y)
            total = jnp.where(taken, 2.0 * w, -1.0)
        rb.factor("total", total)

    def guide(y: Any) -> None:
        u = rb.param("u", jnp.zeros(2))
        wet = rb.sample("wet", nd.Bernoulli(logits=u[0]))
        p = jax.nn.sigmoid(u[1])
        if with_cond:
            jax.lax.cond(wet == 1, lambda: extra(p, 1.0), lambda: 0.0)
        else:
            rb.sample("w", nd.Bernoulli(p).mask(wet == 1))

    return model, guide


def test_a_site_of_one_branch_counts_where_it_is_taken() -> None:
    held(_some(True), _some(False), {"y": Y[0]}, COINS)


def _switched(with_switch: bool) -> Pair:
    """Three branches, two of which share a site, by a category and beyond the last one."""
    probs = np.array([0.2, 0.5, 0.9])

    def model(y: Any) -> None:
        k = rb.sample("k", nd.CategoricalProbs(jnp.array([0.2, 0.3, 0.5])))

        def one(p: float) -> Callable[[], Any]:
            return lambda: 1.0 * rb.sample("z", nd.Bernoulli(p))

        if with_switch:
            value = jax.lax.switch(2 * k, [one(probs[0]), lambda: 5.0, one(probs[2])])
        else:
            place = jnp.minimum(2 * k, 2)
            law = nd.Bernoulli(jnp.where(place == 0, probs[0], probs[2]))
            z = rb.sample("z", law.mask(place != 1))
            value = jnp.where(place == 1, 5.0, 1.0 * z)
        rb.observe("y", nd.Normal(value, 1.0), y)

    def guide(y: Any) -> None:
        u = rb.param("u", jnp.zeros(2))
        k = rb.sample("k", nd.CategoricalLogits(jnp.stack([u[0], 0.0, -u[0]])))

        def draw() -> Any:
            return 1.0 * rb.sample("z", nd.Bernoulli(logits=u[1]))

        if with_switch:
            jax.lax.switch(2 * k, [draw, lambda: 0.0, draw])
        else:
            rb.sample("z", nd.Bernoulli(logits=u[1]).mask(jnp.minimum(2 * k, 2) != 1))

    return model, guide


def test_a_switch_takes_the_last_branch_for_a_larger_index() -> None:
    held(_switched(True), _switched(False), {"y": Y[0]}, COINS)


def test_a_branch_that_a_normal_decides_is_not_differentiated_through() -> None:
    def model(y: Any) -> None:
        z = rb.sample("z", nd.Normal(0.0, 1.0))
        jax.lax.cond(
            z > 0,
            lambda: rb.observe("y", nd.Normal(2.0, 1.0), y),
            lambda: rb.observe("y", nd.Normal(-2.0, 1.0), y),
        )

    def guide(y: Any) -> None:
        rb.sample("z", nd.Normal(rb.param("m", 0.0), 1.0))

    explanation = rb.ELBO(model, guide).compile(np.float32(0.3)).explain()
    assert '"z"' in str(explanation) and "score" in str(explanation)


def test_a_site_that_guide_and_model_have_on_other_conditions_is_refused() -> None:
    """
    There is no ELBO of a choice that only one of the two has: with the model's density left out,
    the guide's entropy is unbounded (a value above the evidence was seen).
    """

    def model(y: Any, conditional: bool) -> None:
        s = rb.sample("s", nd.Bernoulli(0.5))
        draw = lambda: rb.sample("w", nd.Normal(0.0, 1.0))  # noqa: E731
        value = jax.lax.cond(s == 1, draw, lambda: 0.0) if conditional else draw()
        rb.observe("y", nd.Normal(value, 1.0), y)

    def guide(y: Any, conditional: bool) -> None:
        s = rb.sample("s", nd.Bernoulli(logits=rb.param("a", -2.0)))
        draw = lambda: rb.sample("w", nd.Normal(rb.param("m", 0.0), 1.0))  # noqa: E731
        if conditional:
            draw()
        else:
            jax.lax.cond(s == 1, draw, lambda: 0.0)

    for conditional in (True, False):
        with pytest.raises(PassError, match="on the same condition") as error:
            rb.ELBO(model, guide).compile(np.float32(0.5), conditional)
        assert error.value.site == "w" and "test_branches.py" in str(error.value.line)


def test_parameters_of_one_name_must_agree_in_all_branches() -> None:
    """One of two constraints was taken, and one of two shapes."""

    def constraints() -> None:
        jax.lax.cond(
            rb.param("q", 0.0) > 0,
            lambda: rb.param("p", 0.5, rb.constraints.positive),
            lambda: rb.param("p", -2.0),
        )

    def shapes() -> None:
        jax.lax.cond(
            rb.param("q", 0.0) > 0,
            lambda: jnp.sum(rb.param("p", jnp.zeros(2))),
            lambda: jnp.sum(rb.param("p", jnp.ones(3))),
        )

    for program, what in ((constraints, "constraints"), (shapes, "other shapes")):
        with pytest.raises(ModelError, match=what) as error:
            rb.ELBO(program, lambda: None).compile()
        assert error.value.site == "p"


def test_parameters_and_minibatches_have_no_order_in_branches() -> None:
    def model(y: Any) -> None:
        s = rb.sample("s", nd.Bernoulli(0.5))

        def first() -> Any:
            return rb.param("p", 0.3) + rb.param("q", 0.5)

        def second() -> Any:
            return rb.param("q", 0.5) - rb.param("p", 0.3)

        rb.observe("y", nd.Normal(jax.lax.cond(s == 1, first, second), 1.0), y)

    def guide(y: Any) -> None:
        rb.sample("s", nd.Bernoulli(logits=rb.param("a", 0.2)))

    def written_out(y: Any) -> None:
        s = rb.sample("s", nd.Bernoulli(0.5))
        p, q = rb.param("p", 0.3), rb.param("q", 0.5)
        rb.observe("y", nd.Normal(jnp.where(s == 1, p + q, q - p), 1.0), y)

    params = {"a": np.array(0.2), "p": np.array(0.3), "q": np.array(0.5)}
    held((model, guide), (written_out, guide), {"y": Y[0]}, params)


def _mapped_branches(with_vmap: bool) -> Pair:
    """A branch that each copy takes for itself; JAX runs both branches under vmap."""

    def model(y: Any) -> None:
        def one(y: Any) -> None:
            s = rb.sample("s", nd.Bernoulli(0.3))

            def yes() -> Any:
                rb.factor("f", 0.7 * y)
                rb.observe("y", nd.Normal(1.0, 1.0), y)
                return rb.sample("w", nd.Bernoulli(0.6)) + 0.0

            def no() -> Any:
                return rb.sample("w", nd.Bernoulli(0.1)) - 1.0

            rb.factor("g", jax.lax.cond(s == 1, yes, no))

        if with_vmap:
            jax.vmap(one)(y)
        else:
            s = rb.sample("s", nd.Bernoulli(jnp.full(2, 0.3)))
            taken = s == 1
            rb.factor("f", jnp.where(taken, 0.7 * y, 0.0))
            rb.observe("y", nd.Normal(1.0, 1.0).expand([2]).mask(taken), y)
            w = rb.sample("w", nd.Bernoulli(jnp.where(taken, 0.6, 0.1)))
            rb.factor("g", jnp.where(taken, 1.0 * w, w - 1.0))

    def guide(y: Any) -> None:
        u = rb.param("u", jnp.zeros(2))
        rb.sample("s", nd.Bernoulli(logits=u))
        rb.sample("w", nd.Bernoulli(logits=0.3 - u))

    return model, guide


def test_copies_take_their_own_branches() -> None:
    """Sites of the branch that a copy did not take counted."""
    held(_mapped_branches(True), _mapped_branches(False), {"y": Y[:2]}, COINS)


def test_branches_that_disagree_are_errors() -> None:
    def families() -> None:
        jax.lax.cond(
            rb.param("p", 0.0) > 0,
            lambda: rb.sample("z", nd.Normal(0.0, 1.0)),
            lambda: rb.sample("z", nd.Laplace(0.0, 1.0)),
        )

    def orders() -> None:
        def first() -> Any:
            return rb.sample("a", nd.Normal(0.0, 1.0)) + rb.sample("b", nd.Normal(0.0, 1.0))

        def second() -> Any:
            return rb.sample("b", nd.Normal(0.0, 1.0)) + rb.sample("a", nd.Normal(0.0, 1.0))

        jax.lax.cond(rb.param("p", 0.0) > 0, first, second)

    with pytest.raises(ModelError, match="laws of different families") as error:
        rb.ELBO(families).compile()
    assert error.value.site == "z" and "test_branches.py" in str(error.value.line)
    with pytest.raises(ModelError, match="different orders"):
        rb.ELBO(orders).compile()


# vmap


def _mapped(with_vmap: bool) -> Pair:
    """Copies with draws of their own, which read a shared choice and their own rows."""

    def model(y: Any) -> None:
        shared = rb.sample("shared", nd.Bernoulli(0.3))

        def one(y: Any) -> Any:
            z = rb.sample("z", nd.Bernoulli(0.2 + 0.5 * shared))
            rb.sample("fair", nd.Bernoulli(0.5))
            rb.observe("y", nd.Normal(1.5 * z, 1.0), y)
            rb.factor("each", -0.1)
            return 0.3 * z

        if with_vmap:
            rb.factor("f", jax.vmap(one)(y))
        else:
            with rb.plate("copies", len(y)):
                z = rb.sample("z", nd.Bernoulli(0.2 + 0.5 * shared))
                rb.sample("fair", nd.Bernoulli(0.5))
                rb.observe("y", nd.Normal(1.5 * z, 1.0), y)
            rb.factor("each", jnp.full(len(y), -0.1))
            rb.factor("f", 0.3 * z)

    def guide(y: Any) -> None:
        rb.sample("shared", nd.Bernoulli(logits=rb.param("s", 0.0)))
        u = rb.param("u", jnp.zeros(2))

        def one(u: Any) -> Any:
            rb.sample("fair", nd.Bernoulli(logits=rb.param("v", 0.0)))
            return rb.sample("z", nd.Bernoulli(logits=u))

        if with_vmap:
            jax.vmap(one)(u)
        else:
            v = rb.param("v", 0.0)
            rb.sample("fair", nd.Bernoulli(logits=jnp.broadcast_to(v, (2,))))
            rb.sample("z", nd.Bernoulli(logits=u))

    return model, guide


def test_vmap_makes_copies_with_draws_of_their_own() -> None:
    params = {**COINS, "s": np.array(0.2), "v": np.array(-0.4)}
    held(_mapped(True), _mapped(False), {"y": Y[:2]}, params)


def _chains(with_vmap: bool) -> Pair:
    """Chains side by side: a loop under vmap, and a plate in a loop."""

    def step(u: Any, p: Any) -> Callable[[Any, Any], Any]:
        def one(before: Any, y: Any) -> Any:
            law: Any = nd.Bernoulli(logits=u + 0.7 * before) if p is None else nd.Bernoulli(p)
            z = rb.sample("z", law)
            if p is not None:
                rb.observe("y", nd.Normal(z + before, 1.0), y)
            return 1.0 * z, None

        return one

    def model(y: Any) -> None:
        if with_vmap:
            jax.vmap(lambda y: rb.scan(step(None, 0.3), 0.0, y), in_axes=1)(y)
        else:
            rb.scan(step(None, jnp.full(2, 0.3)), jnp.zeros(2), y)

    def guide(y: Any) -> None:
        u = rb.param("u", jnp.zeros(2))
        if with_vmap:
            jax.vmap(lambda u: rb.scan(step(u, None), 0.0, jnp.zeros(2)))(u)
        else:
            rb.scan(step(u, None), jnp.zeros(2), jnp.zeros(2))

    return model, guide


def test_chains_side_by_side_are_a_loop_under_vmap() -> None:
    y = np.array([[0.4, -1.1], [0.7, 0.2]])
    held(_chains(True), _chains(False), {"y": y}, COINS)


LAWS: dict[str, Callable[[Any], Any]] = {
    "a vector": lambda x: nd.Normal(x * jnp.ones(3), 1.0).to_event(1),
    "a batch": lambda x: nd.Normal(jnp.arange(3.0), jnp.exp(x)),
    "an expanded law": lambda x: nd.Normal(x, 1.0).expand([3]),
    "an expanded law of the plate": lambda x: nd.Normal(0.0, 1.0).expand([3]).to_event(1),
    "a multivariate Normal": lambda x: nd.MultivariateNormal(
        x * jnp.ones(2), scale_tril=jnp.array([[1.0, 0.0], [0.3, 0.8]])
    ),
    "a transformed law": lambda x: nd.TransformedDistribution(
        nd.Normal(jnp.zeros(3), 1.0), nd.transforms.AffineTransform(x, 2.0)
    ),
    "a masked law": lambda x: nd.Normal(jnp.zeros(3), 1.0).mask(jnp.arange(3) * x < 1.0),
    "a mixture of one family": lambda x: nd.MixtureSameFamily(
        nd.Categorical(logits=jnp.zeros(2)), nd.Normal(x + jnp.arange(2.0), 1.0)
    ),
    "a mixture": lambda x: nd.MixtureGeneral(
        nd.Categorical(logits=jnp.stack([x, 0.0])), [nd.Normal(0.0, 1.0), nd.Normal(x, 2.0)]
    ),
    "a law without an op": lambda x: nd.SoftLaplace(x, 1.0),
    "a Dirichlet": lambda x: nd.Dirichlet(jnp.exp(x) * jnp.ones(3)),
}


@pytest.mark.parametrize("name", LAWS)
def test_densities_of_copies_are_those_of_each(name: str) -> None:
    """A vmapped law scores its value as NumPyro's own law does, copy by copy."""
    law = LAWS[name]
    with jax.enable_x64(True):
        xs = jnp.array([-0.3, 0.4, 0.9, 0.1])
        values = jnp.stack([law(x).sample(jax.random.key(k)) for k, x in enumerate(xs)])

        def model(xs: Any, values: Any) -> None:
            jax.vmap(lambda x, v: rb.observe("v", law(x), v))(xs, values)
            rb.sample("z", nd.Normal(0.0, 1.0), guide=nd.Normal(0.0, 1.0))

        objective = rb.ELBO(model, None).compile(np.asarray(xs), np.asarray(values))
        value = objective.value(objective.init(jax.random.key(0)), jax.random.key(1))
        wanted = sum(jnp.sum(law(x).log_prob(v)) for x, v in zip(xs, values, strict=True))
        np.testing.assert_allclose(value, wanted, rtol=1e-9)


# NumPyro's own


def test_numpyros_scan_is_a_scan() -> None:
    def model(y: Any) -> None:
        def step(before: Any, y: Any) -> Any:
            z = numpyro.sample("z", nd.Bernoulli(0.2 + 0.5 * before))
            numpyro.sample("y", nd.Normal(1.5 * z, 1.0), obs=y)
            return 1.0 * z, z

        _, zs = numpyro_scan(step, 1.0, y)
        numpyro.deterministic("zs", zs)

    def written_out(y: Any) -> None:
        z = rb.sample("z", nd.Bernoulli(jnp.full(3, 0.5)))
        before = jnp.concatenate([jnp.ones(1), 1.0 * z[:-1]])
        rb.factor("f", nd.Bernoulli(0.2 + 0.5 * before).log_prob(z) - jnp.log(0.5))
        rb.observe("y", nd.Normal(1.5 * z, 1.0), y)

    def guide(y: Any) -> None:
        rb.sample("z", nd.Bernoulli(logits=rb.param("u", jnp.zeros(3))))

    params = {"u": np.array([0.3, -0.6, 0.2])}
    exact = outcomes((written_out, guide), {"y": Y}, params)
    for steps in ((), *PASSES):
        assert_same(outcomes((model, guide), {"y": Y}, params, steps), exact)
