"""`relbo fit` and `relbo-opt` on bad input: a message, exit code 1, and no traceback."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from relbo_ir import cli, opt

GOOD = """
import numpy as np
import relbo_ir as rb
from relbo_ir import distributions as dist

def model(x):
    z = rb.sample("z", dist.Normal(0.0, 1.0))
    rb.observe("x", dist.Normal(z, 1.0), x)

def guide(x):
    rb.sample("z", dist.Normal(rb.param("loc", 0.0), 1.0))

elbo = rb.ELBO(model, guide)
data = (np.arange(3.0),)
"""


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: object
    output: str
    errors: str


def run(program: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Result:
    """A command in this process; `main` is what the installed command calls."""
    before = list(sys.path)
    code: object = 0
    try:
        (cli.main if program == "relbo" else opt.main)(arguments)
    except SystemExit as error:
        code = error.code
    finally:
        sys.path[:] = before
    captured = capsys.readouterr()
    return Result(code, captured.out, captured.err)


def refused(result: Result, *parts: str) -> None:
    """Exit code 1, no traceback, and the parts in the message."""
    assert result.code == 1, result
    text = result.output + result.errors
    assert "Traceback" not in text
    assert "site-packages" not in text
    for part in parts:
        assert part in result.errors, (part, result.errors)


def edited(old: str, new: str) -> str:
    """The good file with one replacement."""
    assert old in GOOD
    return GOOD.replace(old, new)


LAST = '    rb.observe("x", dist.Normal(z, 1.0), x)\n'
FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "guide lacks a site": (
        edited('rb.sample("z", dist.Normal(rb.param("loc", 0.0), 1.0))', 'rb.param("loc", 0.0)'),
        ("the guide has not", "remedy: add it to the guide", 'site "z"', "bad.py:7"),
    ),
    "two sites of one name": (
        edited('rb.observe("x"', 'rb.observe("z"'),
        ("two sites are named", "remedy: give every site its own name", "bad.py:8"),
    ),
    "nan": (
        edited("np.arange(3.0)", "np.array([0.0, np.nan])"),
        ('the data "x" has 1 NaN, the first at index (1,)', "remedy:"),
    ),
    "if": (
        edited(LAST, LAST + "    if z > 0:\n        pass\n"),
        ("TracerBoolConversionError", "jnp.where", "bad.py:9"),
    ),
    "while loop": (
        edited(
            LAST,
            LAST
            + "    import jax\n"
            + "    jax.lax.while_loop(lambda k: k < 2, lambda k: rb.factor('f', 1.0) or k + 1, 0)\n",
        ),
        ("inside jax.lax.while_loop", "plate", 'site "f"', "bad.py:10"),
    ),
    "parameter outside": (
        edited('rb.param("loc", 0.0)', 'rb.param("loc", -1.0, rb.constraints.positive)'),
        ("outside its constraint positive", "remedy: start it inside", "bad.py:11"),
    ),
    "support": (
        edited('rb.sample("z", dist.Normal(0.0, 1.0))', 'rb.sample("z", dist.HalfNormal(1.0))'),
        ("the guide's support, real, is not inside", "remedy:", "bad.py:7"),
    ),
    "shapes": (
        edited("dist.Normal(z, 1.0), x", "dist.Normal(z, np.ones(2)), x"),
        ("does not broadcast", "remedy:", 'site "x"', "bad.py:8"),
    ),
    "hostile name": (
        edited('rb.observe("x"', "rb.observe('\"; import os\\n os.abort()', 3.0, x) #"),
        ("not a distribution", "remedy:", "bad.py:8"),
    ),
    # Bugs of the user's own
    "NameError in the model": (
        edited(LAST, "    unknown_name\n"),
        ("NameError: name 'unknown_name' is not defined", "remedy: mend", "bad.py:8"),
    ),
    "ZeroDivisionError in the guide": (
        edited('rb.param("loc", 0.0)', 'rb.param("loc", 1 / 0)'),
        ("ZeroDivisionError: division by zero", "bad.py:11"),
    ),
    "TypeError from JAX": (
        edited(LAST, "    x + np.zeros(2)\n"),
        ("TypeError: add got incompatible shapes for broadcasting: (3,), (2,)", "bad.py:8"),
    ),
    "ValueError in the model": (
        edited(LAST, "    raise ValueError('mine')\n"),
        ("ValueError: mine", "bad.py:8"),
    ),
    "own exception at the top": (
        GOOD + "class Own(Exception): pass\nraise Own('mine')\n",
        ("Own: mine", "bad.py:16"),
    ),
    "an import that fails": (
        "import no_such_module_anywhere\n",
        ("No module named 'no_such_module_anywhere'", "bad.py:1"),
    ),
    "syntax": (GOOD + "def broken(:\n", ("invalid syntax", "bad.py, line 15")),
    "data is no tuple": (
        edited("data = (np.arange(3.0),)", "data = np.arange(3.0)"),
        ("`data` in ", "is not a tuple", "remedy: write data ="),
    ),
    "no ELBO": (
        edited("elbo = rb.ELBO(model, guide)", "elbo = model"),
        ("'elbo' in ", "is a function", "remedy: make it a relbo_ir.ELBO"),
    ),
    "too few data": (
        edited("data = (np.arange(3.0),)", "data = ()"),
        ("does not take these arguments: missing a required argument: 'x'", "bad.py:6"),
    ),
    "no elbo of that name": (edited("elbo =", "other ="), ("defines no 'elbo'", "remedy:")),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, parts = FILES[name]
    path = tmp_path / "bad.py"
    path.write_text(text)
    result = run("relbo", ["fit", f"{path}:elbo", "--steps", "2", "--quiet"], capsys)
    refused(result, "relbo: ", *parts)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["fit", "{file}:elbo", "--steps", "0"], ("one step at least",)),
        (["fit", "{file}:elbo", "--pipeline", "no-such"], ("'no-such' is no pipeline", "default")),
        (["fit", "{file}:elbo", "--pipeline", "relbo-pathwise{{x=1}}"], ("is no pipeline",)),
        (["fit", "{folder}"], ("is not FILE.py:NAME", "remedy:")),
        (["fit", "elbo"], ("is not FILE.py:NAME",)),
        (["fit", "{file}:"], ("defines no ''",)),
        (["fit", "no_such.py:elbo"], ("there is no file no_such.py", "remedy: check the path")),
        (["fit", "{folder}:elbo"], ("is not FILE.py:NAME",)),
    ],
)  # fmt: skip
def test_bad_arguments(
    arguments: list[str],
    parts: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "good.py"
    path.write_text(GOOD)
    given = [a.format(file=path, folder=tmp_path) for a in arguments]
    refused(run("relbo", [*given, "--quiet"], capsys), *parts)


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["fit"], ["fit", "a.py:b", "--steps", "many"], ["fit", "--no-such"]]
)
def test_arguments_that_do_not_parse(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    result = run("relbo", arguments, capsys)
    assert result.code == 2
    assert "usage: relbo" in result.errors and "Traceback" not in result.errors


def test_a_defect_of_ours_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what the user wrote is reported as the user's."""
    path = tmp_path / "good.py"
    path.write_text(GOOD)

    def broken(*_: object) -> object:
        raise KeyError("ours")

    source = inspect.getsourcefile(cli)
    assert source is not None
    code = broken.__code__.replace(co_filename=source)
    monkeypatch.setattr(broken, "__code__", code)
    monkeypatch.setattr("relbo_ir.origins.trace_elbo", broken)
    with pytest.raises(KeyError, match="ours"):
        run("relbo", ["fit", f"{path}:elbo", "--quiet"], capsys)


MODULE = """
prob.func @model() {{
  %zero = lax.constant #lax.literal<"0.0" : tensor<f32>>
  %p = dist.normal %zero, %zero : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample {name} from %p : !prob.law<tensor<f32>>
  prob.return
}}
"""
BAD_IR: dict[str, tuple[str, tuple[str, ...]]] = {
    "malformed": ("builtin.module { %0 = ", ("bad.mlir:1",)),
    "unknown op": ('builtin.module { "no.such"() : () -> () }', ("no.such", "not registered")),
    "binary": ("\x00\x01\x02", ("bad.mlir:1",)),
    "out of scope": (
        'builtin.module { "lax.neg"(%0) : (tensor<f32>) -> tensor<f32>\n'
        '%0 = lax.constant #lax.literal<"0.0" : tensor<f32>> : tensor<f32> }',
        ("%0",),
    ),
    "unknown symbol": (
        "builtin.module { prob.elbo @elbo model(@nowhere) }",
        ("@nowhere",),
    ),
    "code as a literal": (
        """builtin.module { %0 = "lax.constant"() <{value = #lax.literal<"__import__('os').abort()" """
        """: tensor<f32>>}> : () -> tensor<f32> }""",
        ("bad.mlir:1",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_IR)
def test_bad_ir(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, parts = BAD_IR[name]
    path = tmp_path / "bad.mlir"
    path.write_text(text)
    result = run("relbo-opt", [str(path), "-p", "relbo-form-elbo"], capsys)
    refused(result, "relbo-opt: ", *parts)


def test_ir_that_nests_too_deeply(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep.mlir"
    path.write_text("builtin.module {" * 2000 + "}" * 2000)
    refused(run("relbo-opt", [str(path)], capsys), "the input nests too deeply")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [(["no_such.mlir"], "no_such.mlir"), (["{file}", "-p", "no-such-pass"], "no-such-pass")],
)
def test_bad_arguments_of_opt(
    arguments: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "empty.mlir"
    path.write_text("builtin.module {}")
    result = run("relbo-opt", [a.format(file=path) for a in arguments], capsys)
    refused(result, part)


# The commands themselves, in processes of their own


def command(program: str, *arguments: str) -> Result:
    """The command as it is installed beside this Python, or its module."""
    module = {"relbo": "relbo_ir.cli", "relbo-opt": "relbo_ir.opt"}[program]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.compat
def test_a_good_file_beside_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_good.py").write_text(GOOD)
    path = tmp_path / "good.py"
    path.write_text("from neighbour_of_good import data, elbo\n")
    result = command("relbo", "fit", f"{path}:elbo", "--steps", "20", "--quiet")
    assert result.code == 0, result
    assert "ELBO -" in result.output and "nats after 20 steps" in result.output
    assert "\nz " in result.output


@pytest.mark.compat
def test_a_users_error_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(edited(LAST, "    unknown_name\n"))
    refused(command("relbo", "fit", f"{path}:elbo", "--quiet"), "NameError", "bad.py:8")


def test_hostile_ir_runs_nothing(tmp_path: Path) -> None:
    path, proof = tmp_path / "bad.mlir", tmp_path / "proof"
    name = f"\"a\\\"); open('{proof}', 'w') #\\nimport os\""
    path.write_text(dedent(MODULE).format(name=name))
    result = command("relbo-opt", str(path), "-p", "relbo-form-elbo,no-such")
    refused(result, "no-such")
    assert not proof.exists()


def test_a_model_that_numpyros_guides_refuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "counts.py"
    law = edited(
        'z = rb.sample("z", dist.Normal(0.0, 1.0))', 'z = rb.sample("z", dist.Poisson(3.0))'
    )
    path.write_text(law.replace("rb.ELBO(model, guide)", "rb.ELBO(model)"))
    refused(
        run("relbo", ["fit", str(path), "--quiet"], capsys), "AutoNormal refuses", "write a guide"
    )


def test_a_key_of_too_many_bits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "good.py"
    path.write_text(GOOD)
    refused(run("relbo", ["fit", str(path), "--key", "9" * 20], capsys), "64 bits", "smaller")


def test_text_that_ends_early_is_placed_where_it_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.mlir"
    path.write_text("builtin.module {\n  %0 = lax.co")
    result = run("relbo", ["explain", str(path)], capsys)
    refused(result, "cut.mlir:2:14")
    assert "mend the statement" not in result.errors


def test_where_emitted_text_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing beside a folder; through a link; to a pipe."""
    path = tmp_path / "good.py"
    path.write_text(GOOD)
    (tmp_path / "folder.mlir").mkdir()
    emit = ["emit", str(path), "--to", "prob", "--out"]
    refused(run("relbo", [*emit, str(tmp_path / "folder.mlir")], capsys), "it is a folder")
    assert not (tmp_path / "folder.npz").exists()
    (tmp_path / "link.mlir").symlink_to(tmp_path / "target.mlir")
    assert run("relbo", [*emit, str(tmp_path / "link.mlir")], capsys).code == 0
    assert (tmp_path / "link.mlir").is_symlink()
    assert "prob.func @model" in (tmp_path / "target.mlir").read_text()
    assert run("relbo", [*emit, os.devnull], capsys).code == 0
    assert not Path(os.devnull).is_file()
    assert not Path(f"{os.devnull}.npz").exists()


def test_a_users_file_beside_emitted_text_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name of the file of arrays is not asked for, so only one that was emitted is replaced."""
    path, out, beside = tmp_path / "good.py", tmp_path / "d.mlir", tmp_path / "d.npz"
    path.write_text(GOOD)
    emit = ["emit", str(path), "--to", "prob", "--out", str(out)]
    np.savez(beside, x=np.zeros(3))
    for content in (beside.read_bytes(), b"no archive"):
        beside.write_bytes(content)
        refused(run("relbo", emit, capsys), "d.npz", "did not write", "remedy: give --out another")
        assert beside.read_bytes() == content
        assert not out.exists()
    beside.unlink()
    assert run("relbo", emit, capsys).code == 0
    path.write_text(edited("np.arange(3.0)", "np.arange(4.0)"))
    assert run("relbo", emit, capsys).code == 0
    with np.load(beside) as arrays:
        np.testing.assert_array_equal(arrays["x"], np.arange(4.0))
