"""`explain`: what decided the treatment of each choice and addend, by source line."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.example_modules import example

import relbo_ir as rb
from relbo_ir import cli

MODEL = """
import relbo_ir as rb
from relbo_ir import distributions as dist

def model():
    z = rb.sample("z", dist.Normal(0.0, 1.0))
    moved = {expression}
    rb.factor("f", 1.0 * moved)

def guide():
    rb.sample("z", dist.Normal(rb.param("loc", 0.0), 1.0))

elbo = rb.ELBO(model, guide)
"""
LINE = 7
ONE_OP: dict[str, str] = {
    "z * 2": "lax.mul",
    "z + 2": "lax.add",
    "z > 2": "lax.gt",
    "z < 2": "lax.lt",
    "abs(z)": "lax.abs",
    "z // 1": "lax.rem",
    "z * 2.0000002": "lax.mul",
}


def explained(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    cli.main(["explain", str(path)])
    return capsys.readouterr().out


def test_programs_that_differ_in_one_op_have_different_explanations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each names its own op with its line."""
    found: dict[str, str] = {}
    for expression, op in ONE_OP.items():
        path = tmp_path / "model.py"
        path.write_text(MODEL.format(expression=expression))
        found[expression] = text = explained(path, capsys)
        lines = [line for line in text.split("\n") if f"model.py:{LINE}" in line]
        assert any(op in line for line in lines), text
    assert len(set(found.values())) == len(ONE_OP)
    assert "pathwise" in found["z * 2"] and "not pathwise" not in found["z * 2"]
    # `//` is a function of the library: its ops stand at the line that calls it.
    assert f"the draw is read by lax.rem (model.py:{LINE})" in found["z // 1"]
    for expression in ("z > 2", "z < 2"):
        reason = f"not pathwise: the draw is .* by {ONE_OP[expression]} (model.py:{LINE})"
        what, _, where = reason.partition(".*")
        line = next(s for s in found[expression].split("\n") if what in s)
        assert line.endswith(where)
        assert (
            'weighed by the scores of (score function, with a baseline): "z"' in found[expression]
        )


def test_the_same_for_text_whose_ops_are_placed_by_their_own_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.py").write_text(MODEL.format(expression="z * 2"))
    cli.main(["emit", str(tmp_path / "model.py"), "--to", "prob"])
    text = capsys.readouterr().out
    found: dict[str, str] = {}
    for op in ("lax.mul", "lax.sub"):
        path = tmp_path / "program.mlir"
        path.write_text(text.replace("lax.mul", op, 1))
        number = next(k for k, line in enumerate(path.read_text().split("\n"), 1) if op in line)
        found[op] = explained(path, capsys)
        assert f"program.mlir:{number}: {op}" in found[op]
    assert found["lax.mul"] != found["lax.sub"]


def test_addends_by_family_plate_and_line() -> None:
    schools = example("eight_schools")
    text = schools.elbo.compile(*schools.data).explain()
    assert "eight_schools.py:35): Normal in plate schools, pathwise" in text
    assert 'addend "effect", 8 elements: log Normal(effects | theta, errors)' in text
    part = text[text.index('addend "effect"') :]
    for site in ("mu", "tau", "offset"):
        assert f'reads "{site}": the gradient goes through the draw' in part
    assert "eight_schools.py:22: lax.broadcast_in_dim, lax.mul, lax.add" in part
    assert "theta = mu + tau·offset (" in part


def test_an_addend_that_reads_no_choice_is_exact() -> None:
    def both() -> None:
        rb.factor("f", 2.0 * rb.param("m", 1.0))

    text = rb.ELBO(both).compile().explain()
    assert 'addend "f": unconstrained(m)·2' in text or 'addend "f": 2·unconstrained(m)' in text
    assert "reads no choice: its gradient is exact" in text
