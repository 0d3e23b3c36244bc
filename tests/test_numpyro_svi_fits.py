"""NumPyro's SVI ends with our loss where it ends with its own, on every model written in NumPyro."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers.numpyro_families import FAMILY_CASES
from helpers.numpyro_models import CASES, Case
from numpyro.infer import SVI, Trace_ELBO
from scipy import stats

import relbo_ir.numpyro
from relbo_ir.lowering.autoguides import is_auto_guide, prepare_auto_guide

STEPS, FITS = 200, 16
FALSE_ALARM = 1e-4
"""The chance that a model fails by the luck of its draws: 4 in 1,000 that one of them does."""


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def compiled(svi: Any, args: Any, states: Any) -> Callable[[Any], Any]:
    """STEPS steps of SVI from each of the states: the last states, and all losses."""

    def run(states: Any, args: Any) -> Any:
        def fit(state: Any) -> Any:
            return jax.lax.scan(lambda s, _: svi.update(s, *args), state, length=STEPS)

        return jax.vmap(fit)(states)

    # The programs run for milliseconds: LLVM's optimizations would take longer than they save.
    options: Any = {"xla_backend_optimization_level": 0}
    program = jax.jit(run).lower(states, args).compile(compiler_options=options)
    return lambda states: program(states, args)


def difference(case: Case, loss: Any) -> tuple[float, float]:
    """
    NumPyro's loss after fits by `loss` less that after fits by its own (nats), a mean of FITS, and
    its standard error. The fits are independent of each other, their judgements in pairs alike.
    """
    args = tuple(map(jnp.asarray, case.args))
    guide = case.guide
    if is_auto_guide(guide):
        guide = prepare_auto_guide(guide, jax.random.key(0), args, {})
    # The step size ends at 0: another run from there moves nothing, and its losses are a judgement.
    adam = optax.flatten(optax.adam(optax.cosine_decay_schedule(0.1, STEPS)))
    theirs: Any = SVI(case.model, guide, adam, Trace_ELBO())
    ours: Any = SVI(case.model, guide, adam, loss)
    state = jax.jit(theirs.init)(jax.random.key(1), *args)
    jax.eval_shape(ours.init, jax.random.key(1), *args)  # the same, so for what it leaves in `ours`

    def starts(key: int) -> Any:
        keys = jax.random.split(jax.random.key(key), FITS)
        return jax.vmap(lambda key: state._replace(rng_key=key))(keys)

    judge = compiled(theirs, args, starts(2))
    own, _ = judge(starts(2))
    other, _ = compiled(ours, args, starts(3))(starts(3))
    ends = [judge(end._replace(rng_key=starts(4).rng_key))[1].mean(1) for end in (own, other)]
    apart = np.asarray(ends[1] - ends[0])
    return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(FITS))


LIMIT = stats.t.isf(FALSE_ALARM / 2, FITS - 1)


# What NumPyro says of a choice that a handler fixes.
@pytest.mark.filterwarnings("ignore:Found vars in model but not guide")
@pytest.mark.parametrize("case", [*CASES, *FAMILY_CASES], ids=lambda case: case.name)
def test_svi_with_our_loss_reaches_the_elbo_of_its_own(case: Case) -> None:
    mean, error = difference(case, relbo_ir.numpyro.ELBO())
    assert abs(mean) < LIMIT * error


class Biased(relbo_ir.numpyro.ELBO):
    """The right value, with most of the entropy's derivative missing."""

    def loss(self, rng_key: Any, param_map: Any, *args: Any, **kwargs: Any) -> Any:
        missing = 0.8 * jnp.log(param_map["m_scale"])
        value: Any = super().loss(rng_key, param_map, *args, **kwargs)
        return value + missing - jax.lax.stop_gradient(missing)


def test_a_biased_gradient_is_noticed() -> None:
    (case,) = (case for case in CASES if case.name == "masked_observations")
    mean, error = difference(case, Biased())
    assert mean > LIMIT * error
