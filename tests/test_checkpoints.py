"""Checkpoints: a fit that is killed goes on to the same bits, and foreign files are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pytest

import relbo_ir as rb
from relbo_ir import distributions as dist
from relbo_ir import storage
from relbo_ir.storage import arrays_to_bytes, read_arrays

Y = np.array([1.0, 2.0])


def model(y: Any) -> None:
    x = rb.sample("x", dist.Normal(0.0, 1.0))
    rb.observe("y", dist.Normal(x, 1.0), y)


def guide(y: Any) -> None:
    scale = rb.param("scale", 1.0, rb.constraints.positive)
    rb.sample("x", dist.Normal(rb.param("loc", 0.0), scale))


ELBO = rb.ELBO(model, guide)


def fitted(path: Path | None = None, **options: Any) -> rb.Fit:
    given: dict[str, Any] = {"steps": 200, "progress": False, "key": 3, **options}
    data = given.pop("data", Y)
    return rb.fit(ELBO, data, checkpoint=path, **given)


def same(first: rb.Fit, second: rb.Fit) -> None:
    np.testing.assert_array_equal(first.elbo_history, second.elbo_history)
    jax.tree.map(np.testing.assert_array_equal, first.unconstrained, second.unconstrained)
    assert (first.elbo, first.elbo_error) == (second.elbo, second.elbo_error)


class Broken(Exception):
    """The power fails."""


def breaking_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the fit ends in the middle of its write of that number."""
    original, count = os.replace, 0

    def replace(source: Any, target: Any) -> None:
        nonlocal count
        count += 1
        if count == writes:
            raise Broken
        original(source, target)

    monkeypatch.setattr(storage.os, "replace", replace)


@pytest.mark.parametrize("optimizer", [optax.adam(0.1), optax.adamw(0.1)])
def test_a_broken_fit_goes_on_to_the_same_bits(
    optimizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.npz"
    whole = fitted(optimizer=optimizer)
    with monkeypatch.context() as patch:
        breaking_after(4, patch)
        with pytest.raises(Broken):
            fitted(path, optimizer=optimizer)
    assert [p.name for p in tmp_path.iterdir()] == ["fit.npz"], "nothing half-written"
    assert len(read_arrays(path)["history"]) == 30
    same(fitted(path, optimizer=optimizer), whole)
    # A finished fit is not taken further.
    content = path.read_bytes()
    same(fitted(path, optimizer=optimizer), whole)
    assert path.read_bytes() == content


def coins(y: Any) -> None:
    z = rb.sample("z", dist.Bernoulli(0.4))
    rb.observe("y", dist.Normal(10.0 + z, 1.0), y)


def guess(y: Any) -> None:
    rb.sample("z", dist.Bernoulli(logits=rb.param("logit", 0.0)))


def test_running_means_go_on_from_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One particle: without its means a step's gradient is another one."""
    elbo = rb.ELBO(coins, guess)
    assert elbo.compile(Y).init_state()

    def fit(path: Path | None = None) -> rb.Fit:
        return rb.fit(elbo, Y, checkpoint=path, steps=100, key=3, progress=False, particles=1)

    whole = fit()
    with monkeypatch.context() as patch:
        breaking_after(4, patch)
        with pytest.raises(Broken):
            fit(tmp_path / "a.npz")
    same(fit(tmp_path / "a.npz"), whole)


def test_checkpoints_do_not_change_the_fit_and_are_written_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []
    from relbo_ir import checkpoints

    def write(path: Path, content: bytes) -> None:
        storage.write_file(path, content)
        lengths.append(len(read_arrays(path)["history"]))

    monkeypatch.setattr(checkpoints, "write_file", write)
    same(fitted(tmp_path / "a.npz"), fitted())
    assert lengths == list(range(10, 201, 10))
    lengths.clear()
    fitted(tmp_path / "b.npz", checkpoint_every=70)
    assert lengths == [70, 140, 200]


def test_keys_in_the_state_of_an_optimizer_survive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy = optax.chain(optax.add_noise(0.1, 0.5, 7), optax.sgd(0.01))
    whole = fitted(optimizer=noisy)
    with monkeypatch.context() as patch:
        breaking_after(7, patch)
        with pytest.raises(Broken):
            fitted(tmp_path / "a.npz", optimizer=noisy)
    same(fitted(tmp_path / "a.npz", optimizer=noisy), whole)


@pytest.mark.parametrize(
    ("options", "differs"),
    [
        ({"key": 4}, "key"),
        ({"data": Y + 1}, "data"),
        ({"steps": 400}, "steps"),
        ({"optimizer": optax.adam(0.02)}, "program"),
        ({"particles": 2}, "program"),
        ({"init": {"loc": 1.0, "scale": 0.0}}, "start"),
    ],
)
def test_a_checkpoint_of_another_fit_is_refused(
    options: dict[str, Any], differs: str, tmp_path: Path
) -> None:
    path = tmp_path / "fit.npz"
    fitted(path)
    content = path.read_bytes()
    with pytest.raises(rb.ModelError) as caught:
        fitted(path, **options)
    text = str(caught.value)
    assert "belongs to another fit, of 200 steps with the parameters loc[], scale[]" in text
    assert differs in text.split("differs in its ")[1].split("\n")[0]
    assert "remedy: give each fit a file of its own" in text
    assert path.read_bytes() == content


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "fit.npz"
    fitted(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(rb.ModelError, match=r"fit\.npz is no readable[\s\S]*remedy"):
        fitted(path)
    arrays: dict[str, Any] = read_arrays_of(content, path)
    arrays["state/0"] = arrays["state/0"] + 1e-3
    path.write_bytes(arrays_to_bytes(arrays))
    with pytest.raises(rb.ModelError, match=r"fit\.npz is damaged[\s\S]*remedy"):
        fitted(path)
    np.savez(path, weights=np.ones(3))
    with pytest.raises(rb.ModelError, match=r"is no checkpoint of a fit[\s\S]*remedy"):
        fitted(path)
    with pytest.raises(rb.ModelError, match=r"cannot be (read|written)[\s\S]*remedy"):
        fitted(tmp_path / "no" / "fit.npz")
    with pytest.raises(rb.ModelError, match=r"cannot be read[\s\S]*remedy"):
        fitted(tmp_path)


def read_arrays_of(content: bytes, path: Path) -> dict[str, Any]:
    path.write_bytes(content)
    return dict(read_arrays(path))


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(rb.ModelError, match="holds one fit, not several restarts"):
        fitted(tmp_path / "a", restarts=2)
    with pytest.raises(rb.ModelError, match="writes no checkpoint"):
        fitted(checkpoint_every=5)
    with pytest.raises(rb.ModelError, match="writes no checkpoint"):
        fitted(tmp_path / "a", checkpoint_every=0)


KILLED = """
import os, random, signal, sys, time, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
import jax, numpy as np, relbo_ir as rb
import relbo_ir.training
from test_checkpoints import ELBO, Y

folder, pause = sys.argv[2], random.Random(int(sys.argv[3]))
path = os.path.join(folder, "fit.npz")


def fit(checkpoint):
    return rb.fit(
        ELBO, Y, steps=6_000, checkpoint=checkpoint, checkpoint_every=10, progress=False
    )


def written():
    return os.stat(path).st_mtime_ns if os.path.exists(path) else 0


jax.config.update("jax_compilation_cache_dir", os.path.join(folder, "cache"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
starts = []
for _ in range(20):
    before = written()
    child = os.fork()
    if child == 0:
        fit(path)
        os._exit(1)
    while written() == before:
        time.sleep(0.001)
    time.sleep(pause.uniform(0.0, 0.05))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the fit ended before it was killed"
    with np.load(path) as saved:
        starts.append(len(saved["history"]))
assert starts == sorted(set(starts)) and starts[-1] < 6_000, starts
resumed, whole = fit(path), fit(os.path.join(folder, "whole.npz"))
assert resumed.elbo_history.tobytes() == whole.elbo_history.tobytes()
for name, value in whole.unconstrained.items():
    assert np.asarray(resumed.unconstrained[name]).tobytes() == np.asarray(value).tobytes()
assert (resumed.elbo, resumed.elbo_error) == (whole.elbo, whole.elbo_error)
print(starts)
"""


def test_killed_twenty_times_it_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """SIGKILL at random moments after a first write, in processes forked before JAX starts."""
    folder = Path(__file__).parent
    paths = os.pathsep.join([str(folder.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(tmp_path), "0"],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
