"""Automatic guides: by name, on native models, and what is said of a point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.infer import autoguide

import relbo_ir as rb

Y = np.array([0.3, -1.2, 0.8, 2.0])
KEY = jax.random.key(4)


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """Every test here compares to 1e-9 or better."""
    with jax.enable_x64(True):
        yield


def model(y: Any) -> None:
    m = rb.sample("m", dist.Normal(0.0, 1.0))
    s = rb.sample("s", dist.HalfNormal(1.0))
    with rb.plate("N", len(y)):
        rb.observe("y", dist.Normal(m, s), y)


GUIDES = {
    None: autoguide.AutoNormal,
    "mean-field": autoguide.AutoNormal,
    "full-rank": autoguide.AutoMultivariateNormal,
    "low-rank": autoguide.AutoLowRankMultivariateNormal,
    "map": autoguide.AutoDelta,
}


@pytest.mark.parametrize("name", GUIDES)
def test_a_name_stands_for_numpyros_guide(name: str | None) -> None:
    mine = rb.ELBO(model, name).compile(Y)
    theirs = rb.ELBO(model, GUIDES[name](model)).compile(Y)
    assert mine.source() == theirs.source()
    assert str(mine.ir(1)) == str(theirs.ir(1))


def test_initial_values_follow_the_key_and_leave_the_guide_alone() -> None:
    guide = autoguide.AutoNormal(model)
    objective = rb.ELBO(model, guide).compile(Y)
    first, second = objective.init(1), objective.init(2)
    assert float(first["m_auto_loc"]) != float(second["m_auto_loc"])
    assert guide.prototype_trace is None


def test_the_parts_of_a_list_are_set_up_anew() -> None:
    from numpyro import handlers

    guide = autoguide.AutoGuideList(model)
    guide.append(autoguide.AutoNormal(handlers.block(model, hide=["s"])))
    guide.append(autoguide.AutoDelta(handlers.block(model, expose=["s"])))
    objective = rb.ELBO(model, guide).compile(Y)
    first, second = objective.init(1), objective.init(2)
    assert float(first["m_auto_loc"]) != float(second["m_auto_loc"])
    assert all(part.prototype_trace is None for part in guide)


def test_a_point_is_said_to_be_map() -> None:
    objective = rb.ELBO(model, "map").compile(Y)
    text = objective.explain()
    assert text.count("MAP: the objective is the log joint density") == 2
    assert '"m"' in text and '"s"' in text
    value = objective.value(objective.init(0), KEY)
    m, s = (objective.constrain(objective.init(0))[f"{n}_auto_loc"] for n in "ms")
    joint = dist.Normal(0.0, 1.0).log_prob(m) + dist.HalfNormal(1.0).log_prob(s)
    joint += jnp.sum(dist.Normal(m, s).log_prob(Y))
    np.testing.assert_allclose(value, joint, rtol=1e-12)


def test_a_transformed_choice_is_no_map() -> None:
    text = rb.ELBO(model, "full-rank").compile(Y).explain()
    assert "MAP" not in text


def test_posterior_draws_hold_points() -> None:
    objective = rb.ELBO(model, "map").compile(Y)
    program = objective.variant("draws")
    draws = program.run(objective.init(0), KEY, objective.data_for(program))
    np.testing.assert_allclose(draws["s"], objective.constrain(objective.init(0))["s_auto_loc"])


def test_a_choice_of_a_flow_keeps_its_density() -> None:
    """E[log q] by the change of variables is that of the law itself, at the same draw."""

    def flow_model() -> None:
        rb.sample("z", dist.Normal(jnp.zeros(2), 1.0).to_event(1))

    def guide() -> None:
        loc = rb.param("loc", jnp.array([0.3, -0.2]))
        tril = rb.param(
            "tril", jnp.array([[0.7, 0.0], [0.4, 1.2]]), constraint=rb.constraints.lower_cholesky
        )
        rb.sample("z", dist.MultivariateNormal(loc, scale_tril=tril))

    objective = rb.ELBO(flow_model, guide).compile()
    params = objective.init(0)
    program = objective.variant("draws")
    z = program.run(params, KEY, objective.data_for(program))["z"]
    own = objective.constrain(params)
    q = dist.MultivariateNormal(own["loc"], scale_tril=own["tril"]).log_prob(z)
    p = jnp.sum(dist.Normal(0.0, 1.0).log_prob(z))
    np.testing.assert_allclose(objective.value(params, KEY), p - q, rtol=1e-12)
