"""Artifacts: the same numbers without relbo_ir, on several platforms, and clear refusals."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from helpers.example_modules import example

import relbo_ir as rb
from relbo_ir import distributions as dist
from relbo_ir.lowering.artifact import ArtifactError

SHIFT = np.array([0.5, 1.5], np.float32)


def model(x: dict[str, Any], counts: Any) -> None:
    z = rb.sample("z", dist.Normal(0.0, 1.0))
    flag = rb.sample("flag", dist.Bernoulli(0.3))
    rb.deterministic("moved", z + SHIFT)
    rb.observe("x", dist.Normal(z + SHIFT + flag, 1.0), x["x"])
    rb.observe("counts", dist.Poisson(jax.numpy.exp(z)), counts)


def guide(x: dict[str, Any], counts: Any) -> None:
    scale = rb.param("scale", 1.0, rb.constraints.positive)
    weight = rb.param("weight", 0.1)
    rb.sample("z", dist.Normal(weight * x["x"].sum(), scale))
    rb.sample("flag", dist.Bernoulli(rb.param("p", 0.4, rb.constraints.unit_interval)))


X, COUNTS = np.array([0.3, 2.0], np.float32), np.array([1, 0, 4])
DATA = {"x['x']": X, "counts": COUNTS}


@pytest.fixture(scope="module")
def objective() -> rb.Objective:
    return rb.ELBO(model, guide).compile({"x": X}, COUNTS, particles=2)


@pytest.fixture(scope="module")
def artifact(objective: rb.Objective, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifact") / "model.relbo"
    objective.export(path)
    return path


def test_names_shapes_and_numbers(objective: rb.Objective, artifact: Path) -> None:
    program = rb.load(artifact)
    assert {n: (p["shape"], p["constraint"]) for n, p in program.parameters.items()} == {
        "scale": ([], "positive"), "weight": ([], "real"), "p": ([], "unit_interval")
    }  # fmt: skip
    assert program.data == {
        "x['x']": {"shape": [2], "dtype": "float32"}, "counts": {"shape": [3], "dtype": "int32"}
    }  # fmt: skip
    assert program.sites["moved"] == {"shape": [2], "dtype": "float32"}
    assert set(program.sites) == {"z", "flag", "moved"}
    assert program.state == program.init_state() == {}
    params = objective.init(3)
    other = {"x['x']": X + 1, "counts": COUNTS[::-1]}
    expected = objective.value_and_grad(params, 5, objective.prepare({"x": X + 1}, COUNTS[::-1]))
    found = program.value_and_grad(params, 5, other)
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    for name, value in objective.constrain(params).items():
        np.testing.assert_array_equal(program.constrain(params)[name], value)


def test_draws_and_evaluation(objective: rb.Objective, artifact: Path) -> None:
    program = rb.load(artifact)
    fit = rb.fit(objective, steps=3, progress=False)
    draws = fit.sample_posterior(5, key=2)
    found = program.sample_posterior(fit.unconstrained, 5, key=2, data=DATA)
    for name, value in draws.items():
        np.testing.assert_array_equal(found[name], value)
    keys = jax.random.split(jax.random.key(2), 4)
    values = program.values(fit.unconstrained, 4, key=2, data=DATA)
    expected = [float(objective.value(fit.unconstrained, key)) for key in keys]
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_running_means_are_handed_on(tmp_path: Path) -> None:
    one = rb.ELBO(model, guide).compile({"x": X}, COUNTS)
    one.export(tmp_path / "one.relbo", platforms=("cpu",))
    program = rb.load(tmp_path / "one.relbo")
    assert program.state == {
        name: {"shape": list(value.shape), "dtype": "float32"}
        for name, value in one.init_state().items()
    }
    params, state = one.init(3), one.init_state()
    assert state
    mine, slopes = program.init_state(), dict[str, Any]()
    for key in range(3):
        expected = one.step(params, key, state=state)
        found = program.step(params, key, DATA, mine)
        jax.tree.map(np.testing.assert_array_equal, found, expected)
        (_, slopes, mine), state = found, expected[2]
    first = program.value_and_grad(params, 2, DATA)
    jax.tree.map(np.testing.assert_array_equal, first, one.value_and_grad(params, 2))
    assert float(first[1]["p"]) != float(slopes["p"]), "the means take part"
    for wrong, part in (({}, "states"), ({**mine, "steps": np.ones(2)}, "state 'steps'")):
        with pytest.raises(ArtifactError, match=part):
            program.step(params, 0, DATA, wrong)


def test_a_fit_exports_its_own_parameters(objective: rb.Objective, tmp_path: Path) -> None:
    fit = rb.fit(objective, steps=3, progress=False)
    fit.export(tmp_path / "fit.relbo", platforms=("cpu",))
    program = rb.load(tmp_path / "fit.relbo")
    jax.tree.map(np.testing.assert_array_equal, program.init(), fit.unconstrained)


def test_functions_are_exported_for_machines_that_are_not_here(artifact: Path) -> None:
    with zipfile.ZipFile(artifact) as archive:
        for name in ("step", "values", "draws", "constrain"):
            exported = jax.export.deserialize(bytearray(archive.read(name)))
            assert exported.platforms == ("cpu", "cuda")


WITHOUT = """
import sys
sys.modules["relbo_ir"] = None  # importing it fails
sys.path.insert(0, sys.argv[1])
import numpy as np
import relbo_artifact
assert relbo_artifact.__file__.startswith(sys.argv[1])
program = relbo_artifact.load(sys.argv[1])
data = {"x['x']": np.array([0.3, 2.0], np.float32), "counts": np.array([1, 0, 4])}
value, gradient = program.value_and_grad(program.init(), 7, data)
draws = program.sample_posterior(program.init(), 3, 8, data)
values = program.values(program.init(), 3, 8, data)
assert not any(name.startswith(("numpyro", "xdsl", "relbo_ir.")) for name in sys.modules)
np.savez(sys.argv[2], value=value, values=values, **gradient,
         **{"site " + name: draw for name, draw in draws.items()})
"""


@pytest.mark.compat
def test_a_process_without_this_package_gets_the_same_numbers(
    objective: rb.Objective, artifact: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.npz"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(artifact), str(out)],
        env={**environment, "JAX_PLATFORMS": "cpu"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    params = objective.init()
    value, gradient = objective.value_and_grad(params, 7)
    with np.load(out) as found:
        np.testing.assert_array_equal(found["value"], value)
        for name, expected in gradient.items():
            np.testing.assert_array_equal(found[name], expected)
        program = rb.load(artifact)
        for name, draw in program.sample_posterior(params, 3, 8, DATA).items():
            np.testing.assert_array_equal(found[f"site {name}"], draw)
        np.testing.assert_array_equal(found["values"], program.values(params, 3, 8, DATA))


def test_every_damaged_byte_is_noticed_or_harmless(artifact: Path, tmp_path: Path) -> None:
    """Never another exception than ours, and what loads is what was written."""
    content = artifact.read_bytes()
    generator = random.Random(0)
    places = [0, len(content) - 1, *(generator.randrange(len(content)) for _ in range(60))]
    refused = 0
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= generator.randrange(1, 256)
        (tmp_path / "bad.relbo").write_bytes(damaged)
        try:
            program = rb.load(tmp_path / "bad.relbo")
        except ArtifactError as error:
            refused += 1
            assert "bad.relbo" in error.cause and error.remedy
        else:
            assert program.parameters == rb.load(artifact).parameters
    assert refused > len(places) // 2
    for end in (0, 1, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "short.relbo").write_bytes(content[:end])
        with pytest.raises(ArtifactError, match=r"short\.relbo"):
            rb.load(tmp_path / "short.relbo")


def remade(artifact: Path, path: Path, members: dict[str, bytes], metadata: Any = None) -> Path:
    """A copy with members and metadata replaced, whose digests are right."""
    with zipfile.ZipFile(artifact) as archive:
        old = {name: archive.read(name) for name in archive.namelist()}
    described = {**json.loads(old["program.json"]), **(metadata or {})}
    old |= members
    for name, content in members.items():
        described["sha256"][name] = hashlib.sha256(content).hexdigest()
    old["program.json"] = json.dumps(described).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in old.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("members", "metadata"),
    [
        ({"step": b""}, {}),
        ({"step": b"\xff" * 200}, {}),
        ({"draws": bytes(range(256)) * 4}, {}),
        ({"arrays.npz": b"not an archive"}, {}),
        ({"program.json": b"["}, {}),
        ({}, {"format": 99}),
        ({}, {"sha256": {}}),
        ({}, {"parameters": 3}),
        ({}, {"parameters": {"a": {"shape": [1], "dtype": "float32"}}}),
    ],
)
def test_hostile_files(
    members: dict[str, bytes], metadata: dict[str, Any], artifact: Path, tmp_path: Path
) -> None:
    path = tmp_path / "hostile.relbo"
    if "program.json" in members:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("program.json", members["program.json"])
    else:
        remade(artifact, path, members, metadata)
    with pytest.raises(ArtifactError, match=r"hostile\.relbo") as caught:
        rb.load(path)
    assert caught.value.remedy


def test_code_that_this_jax_cannot_read(artifact: Path, tmp_path: Path) -> None:
    """As a newer JAX may write it: noticed on loading, not in the first call."""
    with zipfile.ZipFile(artifact) as archive:
        exported = jax.export.deserialize(bytearray(archive.read("draws")))
    content = exported.mlir_module_serialized
    broken = dataclasses.replace(exported, mlir_module_serialized=content[: len(content) // 2])
    path = remade(artifact, tmp_path / "newer.relbo", {"draws": bytes(broken.serialize())})
    with pytest.raises(ArtifactError, match="with a JAX no newer than the one that reads it"):
        rb.load(path)


def test_pickles_are_not_read(artifact: Path, tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"init/scale": np.array([print], dtype=object)}
    np.savez(tmp_path / "pickled.npz", **arrays)
    content = (tmp_path / "pickled.npz").read_bytes()
    path = remade(artifact, tmp_path / "pickled.relbo", {"arrays.npz": content})
    with pytest.raises(ArtifactError, match="allow_pickle"):
        rb.load(path)


def test_arguments_that_do_not_fit(artifact: Path) -> None:
    program = rb.load(artifact)
    params = program.init()
    for arguments, part in (
        (({}, 0, DATA), "missing: ['scale', 'weight', 'p']"),
        (({**params, "q": 1.0}, 0, DATA), "unknown: ['q']"),
        (({**params, "p": np.ones(2)}, 0, DATA), "parameter 'p' is float64[2]"),
        ((params, 0), "missing: [\"x['x']\", 'counts']"),
        ((params, 0, {**DATA, "y": X}), "unknown: ['y']"),
        ((params, 0, {**DATA, "counts": COUNTS + 0.5}), "the program takes int32[3]"),
        ((params, 0, {**DATA, "counts": COUNTS + 2**40}), "the program takes int32[3]"),
    ):
        with pytest.raises(ArtifactError) as caught:
            program.value_and_grad(*arguments)
        assert part in caught.value.cause
        assert caught.value.remedy


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no file"):
        rb.load(tmp_path / "none.relbo")


def test_bad_exports_leave_nothing(objective: rb.Objective, tmp_path: Path) -> None:
    with pytest.raises(rb.ModelError, match=r"no platform gpu2[\s\S]*remedy: give some of cpu"):
        objective.export(tmp_path / "x.relbo", platforms=("gpu2",))
    with pytest.raises(rb.ModelError, match=r"cannot be written[\s\S]*remedy"):
        objective.export(tmp_path / "no" / "x.relbo", platforms=("cpu",))
    with pytest.raises(rb.ModelError, match="missing: scale"):
        objective.export(tmp_path / "x.relbo", params={})
    assert list(tmp_path.iterdir()) == []


def test_double_precision_needs_to_be_switched_on(tmp_path: Path) -> None:
    path = tmp_path / "double.relbo"
    with jax.enable_x64(True):
        coin = example("coin")
        wide = coin.elbo.compile(*coin.data)
        wide.export(path, platforms=("cpu",))
        value = rb.load(path).value(wide.init(), 1, {"flips": coin.FLIPS})
        assert value.dtype == np.float64
        np.testing.assert_array_equal(value, wide.value(wide.init(), 1))
    with pytest.raises(ArtifactError, match=r"float64[\s\S]*jax_enable_x64"):
        rb.load(path)
