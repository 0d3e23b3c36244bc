"""The example of a hidden Markov chain, against all paths, a closed form, and forward-backward."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.example_modules import example
from helpers.externalized import externalized
from helpers.loops import SCORED, outcomes
from scipy.stats import binom

MODULE: Any = example("hidden_markov")
FEW = MODULE.HEADS[3:7]
"""Four rounds, both coins among them."""
LOGITS = np.array([[0.4, -1.3], [-0.2, 0.9], [0.8, 0.1], [-0.6, 1.2]])
EXPANDED = ("relbo-expand-densities", "relbo-canonicalize", "dce")
"""The oracle knows no Binomial; it knows its log density."""
MOVES = np.array([[MODULE.STAY, 1 - MODULE.STAY], [1 - MODULE.STAY, MODULE.STAY]])


def seen(heads: Any) -> Any:
    """The probability of each round's heads under each coin."""
    return binom.pmf(heads[:, None], MODULE.FLIPS, [MODULE.FAIR, MODULE.LOADED])


def elbo(logits: Any, heads: Any) -> Any:
    """Closed form: the guide's chain is summed over forward, pair of rounds by pair."""
    state, total = jnp.array([1.0, 0.0]), 0.0
    for row, likelihood in zip(logits, np.log(seen(heads)), strict=True):
        log_q = jnp.stack([jax.nn.log_sigmoid(-row), jax.nn.log_sigmoid(row)], 1)
        pair = state[:, None] * jnp.exp(log_q)
        total += jnp.sum(pair * (np.log(MOVES) + likelihood - log_q))
        state = pair.sum(0)
    return total


def posterior_logits(heads: Any) -> Any:
    """Of the posterior's moves, by the backward recursion."""
    later, rows = np.ones(2), []
    for likelihood in seen(heads)[::-1]:
        weights = MOVES * likelihood * later
        rows.append(np.log(weights[:, 1] / weights[:, 0]))
        later = weights.sum(1)
    return np.array(rows[::-1])


def test_forward_backward_is_the_sum_over_all_paths() -> None:
    table = seen(FEW)
    paths = np.array(list(itertools.product([0, 1], repeat=len(FEW))))
    before = np.column_stack([np.zeros(len(paths), int), paths[:, :-1]])
    joint = np.prod(MOVES[before, paths] * table[np.arange(len(FEW)), paths], axis=1)
    log_evidence, smoothed = MODULE.forward_backward(FEW)
    assert log_evidence == pytest.approx(np.log(joint.sum()), abs=1e-12)
    np.testing.assert_allclose(smoothed, joint @ paths / joint.sum(), rtol=1e-12)


@pytest.mark.parametrize("baseline", ["", "running-mean", "leave-one-out"])
def test_the_chain_by_the_oracle(baseline: str) -> None:
    """The mean over all draws is the closed form's, without a baseline and with each of the default's."""
    centred = (f'relbo-baseline{{kind="{baseline}"}}',) if baseline else ()
    steps = (*SCORED, *centred, *EXPANDED)
    found = outcomes((MODULE.model, MODULE.guide), {"heads": FEW}, {"logits": LOGITS}, steps)
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(elbo)(jnp.asarray(LOGITS), FEW)
    assert found.value() == pytest.approx(float(value), abs=1e-9)
    np.testing.assert_allclose(found.gradient()["logits"], slope, rtol=1e-9, atol=1e-9)


def test_the_chain_enumerated() -> None:
    """The lowered estimate of each of the 2⁴ paths, weighed by its probability under the guide."""
    paths = np.array(list(itertools.product([0, 1], repeat=len(FEW))), np.int32)
    before = np.column_stack([np.zeros(len(paths), int), paths[:, :-1]])
    chosen = LOGITS[np.arange(len(FEW)), before]
    mass = np.prod(1.0 / (1.0 + np.exp(np.where(paths == 1, -chosen, chosen))), axis=1)
    with jax.enable_x64(True):
        estimate = externalized(MODULE.elbo, (FEW,), SCORED)
        rows = jax.vmap(lambda path: estimate({"logits": LOGITS}, {"loaded": path}))(paths)
        wanted = jax.value_and_grad(elbo)(jnp.asarray(LOGITS), FEW)
    for part, exact in zip(rows, wanted, strict=True):
        np.testing.assert_allclose(np.tensordot(mass, part, 1), exact, rtol=1e-9, atol=1e-12)


def test_at_the_posterior_every_draw_gives_the_log_evidence() -> None:
    """The default pipeline's value: log p/q is one number on all paths."""
    with jax.enable_x64(True):
        objective = MODULE.elbo.compile(*MODULE.data)
        params = {"logits": jnp.asarray(posterior_logits(MODULE.HEADS))}
        values = [float(objective.value(params, jax.random.key(k))) for k in range(5)]
    np.testing.assert_allclose(values, MODULE.forward_backward()[0], rtol=1e-12)


def test_the_rounds_are_one_site_that_is_scored() -> None:
    objective = MODULE.elbo.compile(*MODULE.data)
    assert "prob.scan" in str(objective.ir(2))
    assert "score function" in objective.explain()
    assert objective.init_state()


def test_the_fit_reaches_the_log_evidence() -> None:
    """Its ELBO (in closed form) is the log evidence, and its coins are the smoothed ones."""
    fit = MODULE.train(progress=False)
    log_evidence, smoothed = MODULE.forward_backward()
    exact = float(elbo(jnp.asarray(fit.params["logits"]), MODULE.HEADS))
    assert log_evidence - 0.01 < exact <= log_evidence + 1e-4
    assert fit.elbo == pytest.approx(exact, abs=5 * fit.elbo_error + 1e-4)
    np.testing.assert_allclose(MODULE.marginals(fit.params["logits"]), smoothed, atol=0.01)
