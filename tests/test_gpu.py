"""The examples on a CUDA device: the draws, values and gradients of the CPU, from the same keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.devices import TOLERANCE, assert_alike, outcomes
from helpers.example_modules import example

import relbo_ir as rb

EXAMPLES = (
    "beta_inverse_gaussian",
    "breast_cancer",
    "coin",
    "eight_schools",
    "full_rank",
    "hidden_markov",
    "hierarchical",
    "missing_data",
    "mixture",
    "numpyro_dropin",
    "own_rule",
    "poisson_regression",
    "vae",
)


@pytest.fixture(scope="module")
def cuda() -> Any:
    try:
        return jax.devices("cuda")[0]
    except RuntimeError as error:
        pytest.skip(f"needs a CUDA device: {error}")


def cpu() -> Any:
    return jax.devices("cpu")[0]


def compiled(name: str) -> rb.Objective:
    """The objective of an example, two draws a step."""
    module = example(name)
    if name == "numpyro_dropin":
        return rb.ELBO(module.model, module.guide).compile(module.DISASTERS, particles=2)
    if name == "own_rule":
        coin = example("coin")
        return coin.elbo.compile(*coin.data, pipeline=module.pipeline, particles=2)
    return module.elbo.compile(*module.data, particles=2)


@pytest.mark.gpu
@pytest.mark.parametrize("name", EXAMPLES)
def test_draws_values_and_gradients_are_the_cpus(name: str, cuda: Any) -> None:
    objective = compiled(name)
    params = objective.init(0)
    assert_alike(outcomes(objective, cpu(), params), outcomes(objective, cuda, params))


def short_fit(device: Any) -> Any:
    """Twenty steps of eight schools on a device: the history of the ELBO and the parameters."""
    with jax.default_matmul_precision("highest"), jax.default_device(device):
        module = example("eight_schools")
        fit = rb.fit(module.elbo, *module.data, steps=20, particles=2, progress=False)
        return {"history": fit.elbo_history.astype(np.float32), "params": fit.unconstrained}


@pytest.mark.gpu
def test_a_fit_takes_the_steps_of_the_cpus(cuda: Any) -> None:
    assert_alike(jax.device_get(short_fit(cpu())), jax.device_get(short_fit(cuda)))


def served(path: Path, device: Any) -> Any:
    """What an artifact computes on a device."""
    with jax.default_matmul_precision("highest"), jax.default_device(device):
        program = rb.load(path)
        params, data = program.init(), {"flips": example("coin").FLIPS}
        answers = {
            "step": program.value_and_grad(params, 3, data),
            "values": program.values(params, 7, 4, data),
            "draws": program.sample_posterior(params, 7, 5, data),
        }
    assert all(a.devices() == {device} for a in jax.tree.leaves(answers))
    return jax.device_get(answers)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifact") / "coin.relbo"
    compiled("coin").export(path, platforms=("cpu", "cuda"))
    return path


@pytest.mark.gpu
def test_an_artifact_answers_as_on_the_cpu(artifact: Path, cuda: Any) -> None:
    assert_alike(served(artifact, cpu()), served(artifact, cuda))


# What follows holds the comparison itself to account, where there is no CUDA device.


@pytest.mark.parametrize("name", ["full_rank", "mixture"])
def test_the_comparison_bears_another_order_of_rounding(name: str) -> None:
    """Compiled as a whole and op by op, a program rounds differently on one device."""
    objective = compiled(name)
    params = objective.init(0)
    expected = outcomes(objective, cpu(), params)
    with jax.disable_jit():
        assert_alike(expected, outcomes(objective, cpu(), params))


@pytest.fixture(scope="module")
def coins() -> tuple[rb.Objective, Any]:
    objective = compiled("coin")
    return objective, outcomes(objective, cpu(), objective.init(0))


@pytest.mark.parametrize("part", ["value", "gradient", "draws"])
def test_the_comparison_finds_what_differs_by_more(coins: Any, part: str) -> None:
    _, expected = coins
    moved = {**expected, part: jax.tree.map(lambda x: x * (1 + 3 * TOLERANCE), expected[part])}
    with pytest.raises(AssertionError, match=part):
        assert_alike(expected, moved)


def test_the_comparison_finds_another_key(coins: Any) -> None:
    _, expected = coins
    swapped = jax.tree.map(lambda x: x[::-1], expected)
    with pytest.raises(AssertionError, match="draws"):
        assert_alike({"draws": expected["draws"]}, {"draws": swapped["draws"]})


def test_the_comparison_finds_what_is_not_finite(coins: Any) -> None:
    _, expected = coins
    lost = {**expected, "value": np.full_like(expected["value"], jnp.nan)}
    with pytest.raises(AssertionError, match="value"):
        assert_alike(lost, lost)


def test_fits_and_artifacts_run_on_a_device_that_is_named(artifact: Path) -> None:
    assert_alike(jax.device_get(short_fit(cpu())), jax.device_get(short_fit(cpu())))
    assert_alike(served(artifact, cpu()), served(artifact, cpu()))
