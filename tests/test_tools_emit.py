"""`relbo emit` and `relbo fit` on files: every form of every example, drawings, and round trips."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.example_modules import EXAMPLES, FOLDER, example
from matplotlib.mathtext import MathTextParser

import relbo_ir as rb
from relbo_ir import cli
from relbo_ir import distributions as dist
from relbo_ir.diagnostics import ParetoK, Plateau
from relbo_ir.emission import FORMS, LEVELS, emit
from relbo_ir.objective import Objective
from relbo_ir.origins import FromText
from relbo_ir.pipelines import level_of, parse_module
from relbo_ir.storage import read_arrays
from relbo_ir.targets import read_module

COIN_TREE = """\
elbo
└─ gradient
   └─ expectation
      ├─ addend "bias.entropy"
      │  └─ neg
      │     └─ log_density
      │        ├─ Beta  #1
      │        │  ├─ param a
      │        │  └─ param b
      │        └─ sample "bias"
      │           └─ Beta  (see #1)
      ├─ addend "bias.prior"
      │  └─ log_density
      │     ├─ Beta
      │     │  ├─ 10
      │     │  └─ 10
      │     └─ sample "bias"
      └─ addend "flip"
         └─ log_density
            ├─ expand
            │  └─ BernoulliProbs
            │     └─ sample "bias"
            └─ data flips"""


COIN_LATEX = r"""
$\mathcal{L}\left(a, b\right) = \mathbb{E}_{\mathrm{bias}}\left[\ell_{\mathrm{bias.entropy}} + \ell_{\mathrm{bias.prior}} + \ell_{\mathrm{flip}}\right]$
$\mathrm{bias} \sim \mathrm{Beta}\left(a, b\right)$
$\ell_{\mathrm{bias.entropy}} = -\log \mathrm{Beta}\left(\mathrm{bias} \mid a, b\right)$
$\ell_{\mathrm{bias.prior}} = \log \mathrm{Beta}\left(\mathrm{bias} \mid 10, 10\right)$
$\ell_{\mathrm{flip}} = \sum \log \mathrm{BernoulliProbs}\left(\mathrm{flips} \mid \mathrm{bias}\right)$
""".strip()


def relbo(*arguments: object) -> None:
    """The command, in this process."""
    cli.main([str(a) for a in arguments])


def html_of(shown: Any) -> str:
    """What a notebook shows."""
    return shown._repr_html_()


def compiled(name: str) -> rb.Objective:
    return example(name).elbo.compile(*example(name).data)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_form_of_every_example(name: str) -> None:
    objective = compiled(name)
    module = objective.ir(1)
    texts = {form: emit(module, form, "elbo") for form in FORMS}
    assert all(text.strip() for text in texts.values())
    for form, level in LEVELS.items():
        assert level_of(parse_module(texts[form])) == level
        assert texts[form] == str(objective.ir(level))
    assert texts["python"] == objective.source()
    assert texts["stablehlo"] == objective.stablehlo()
    assert "stablehlo." in texts["stablehlo"]
    assert texts["jaxpr"] == str(objective.jaxpr())
    for form in ("tree", "latex", "dot"):
        assert texts[form] == getattr(objective, form)()


@pytest.mark.parametrize("name", EXAMPLES)
def test_latex_renders(name: str) -> None:
    lines = compiled(name).latex().split("\n")
    assert lines[0].startswith(r"$\mathcal{L}")
    for line in lines:
        MathTextParser("agg").parse(line)


def test_the_formulas_of_the_coin() -> None:
    assert compiled("coin").latex() == COIN_LATEX


def test_operators_bind_as_they_do_in_mathematics() -> None:
    """Brackets where they are needed, and the names of what is shared."""

    def both() -> None:
        z = rb.sample("z", dist.Normal(0.0, 1.0), guide=dist.Normal(rb.param("m", 0.0), 1.0))
        a = rb.deterministic("theta", 2.0 * (z - 1.0))
        rb.factor("f", -(a + z) / (z * (1.0 - z)) - (z - (a - 3.0)) ** 2)

    objective = rb.ELBO(both).compile()
    line = next(x for x in objective.latex().split("\n") if x.startswith(r"$\ell_{f}"))
    quotient = r"\frac{-\left(\theta + z\right)}{z \cdot \left(1 - z\right)}"
    square = r"\left(z - \left(\theta - 3\right)\right)}^{2}"
    assert line.startswith(rf"$\ell_{{f}} = {quotient} - {{{square}"), line
    assert r"$\theta = 2 \cdot \left(z - 1\right)$" in objective.latex().split("\n")


def test_a_guide_in_place_is_a_graph_of_its_own() -> None:
    def both() -> None:
        scale = rb.param("prior scale", 1.0, rb.constraints.positive)
        rb.sample("z", dist.Normal(0.0, scale), guide=dist.Normal(rb.param("m", 0.0), 1.0))

    text = rb.ELBO(both).compile().dot()
    assert set(re.findall(r'"(\w+) param ([\w ]+)" -> "\w+ site z"', text)) == {
        ("model", "prior scale"), ("guide", "m")
    }  # fmt: skip


def test_the_tree_of_the_coin() -> None:
    assert compiled("coin").tree() == COIN_TREE


def test_the_graph_of_eight_schools_has_its_plate_around_what_it_repeats() -> None:
    text = compiled("eight_schools").dot()
    model = text[text.index('"cluster model"') : text.index('"cluster guide"')]
    plate = model[model.index("schools: 8") :]
    inside = plate[: plate.index("}")]
    assert '"model site offset" [label="offset"' in inside
    assert '"model site effect" [label="effect", shape=ellipse, style=filled' in inside
    assert '"model site mu" [' not in inside
    assert set(re.findall(r'"model (.*)" -> "model site theta"', model)) == {
        "site mu", "site tau", "site offset"
    }  # fmt: skip
    assert text.count("{") == text.count("}")


HOSTILE = 'a"]; x -> y; $ % & # _ ^ ~ ` \\ { } θ\n<b>'


def hostile() -> rb.Objective:
    def guide() -> None:
        loc = rb.param(HOSTILE + " loc", 0.0)
        with rb.plate("p", 2):
            rb.sample(HOSTILE, dist.Normal(loc, 1.0))

    def model() -> None:
        with rb.plate("p", 2):
            z = rb.sample(HOSTILE, dist.Normal(0.0, 1.0))
            rb.factor(HOSTILE + " f", z**2 / 3 - abs(z))

    return rb.ELBO(model, guide).compile()


def test_hostile_names_stay_names() -> None:
    objective = hostile()
    for line in objective.latex().split("\n"):
        MathTextParser("agg").parse(line)
    # What is left of the graph without its strings is Graphviz's own language.
    bare = re.sub(r'"(\\.|[^"\\])*"', "S", objective.dot())
    assert not re.search(r"[θ$%\\^~]|\bx\b", bare)
    assert "\\u" not in objective.tree() and "θ" in objective.tree()
    html = html_of(objective.tree())
    assert "<b>" not in html and "&lt;b&gt;" in html


def test_notebooks_show_lines() -> None:
    objective = compiled("coin")
    for shown in (objective.ir(2), objective.tree(), objective.source(), objective.explain()):
        html = html_of(shown)
        assert html.startswith("<pre") and html.count("\n") > 3
    assert isinstance(objective.ir(2), type(objective.ir(2).clone()))


def test_notebooks_show_what_is_printed() -> None:
    """One line each of what a diagnosis says; an objective's parameters and data, escaped."""
    assert html_of(ParetoK(0.3, 1000)).endswith(
        ">Pareto k-hat 0.30 (1000 draws): the guide is close to the posterior; importance weights "
        "would correct the rest</pre>"
    )
    assert html_of(Plateau(0.5, 0.1)).endswith(
        ">plateau not reached (gain 0.5 ± 0.1 nats): the ELBO still rises: go on with "
        "fit(init=...), or raise the step size</pre>"
    )
    assert html_of(compiled("coin")).endswith(
        ">a compiled ELBO, 1 particle a step; explain() says how\n"
        "parameter a, positive: float32[]\n"
        "parameter b, positive: float32[]\n"
        "data flips: int32[10]</pre>"
    )

    def model() -> None:
        rb.sample("z", dist.Normal(rb.param("<b>", 0.0), 1.0), guide=dist.Normal(0.0, 1.0))
        for k in range(20):
            rb.param(f"p{k}", 0.0)

    objective = rb.ELBO(model).compile(particles=2)
    assert "2 particles" in str(objective) and "... and 1 more" in str(objective)
    assert "<b>" not in html_of(objective) and "&lt;b&gt;" in html_of(objective)


NORMAL = """
import numpy as np
import relbo_ir as rb
from relbo_ir import distributions as dist
from relbo_ir.diagnostics import ParetoK, Plateau

def model(x):
    z = rb.sample("z", dist.Normal(0.0, 1.0))
    rb.observe("x", dist.Normal(z, 1.0), x)

def guide(x):
    loc = rb.param("loc", 3.0)
    rb.sample("z", dist.Normal(loc, rb.param("scale", 1.0, rb.constraints.positive)))

elbo = rb.ELBO(model, guide)
data = (np.arange(3.0),)
"""


def test_a_fit_of_emitted_text_is_the_fit_of_the_python_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same numbers, bit for bit, at whatever level the program is written out."""
    path = tmp_path / "normal.py"
    path.write_text(NORMAL)
    common = ("--steps", 20, "--key", 4, "--init", "loc=1", "scale=0.5", "--quiet")
    relbo("fit", path, *common, "--out", tmp_path / "python.npz")
    assert "\nz " in capsys.readouterr().out
    expected = read_arrays(tmp_path / "python.npz")
    assert set(expected) == {
        "params/loc", "params/scale", "unconstrained/loc", "unconstrained/scale",
        "elbo_history", "elbo", "elbo_error",
    }  # fmt: skip
    scale = np.exp(expected["unconstrained/scale"])
    np.testing.assert_allclose(expected["params/scale"], scale, rtol=1e-6)
    for form in LEVELS:
        text, out = tmp_path / "normal.mlir", tmp_path / "text.npz"
        relbo("emit", f"{path}:elbo", "--to", form, "--out", text)
        relbo("fit", text, "--data", text.with_suffix(".npz"), *common, "--out", out)
        for name, value in read_arrays(out).items():
            np.testing.assert_array_equal(value, expected[name])
        output = capsys.readouterr()
        assert output.err == ""
        assert ("\nz " in output.out) == (form != "program")
        assert "\nscale " in output.out if form == "program" else True


def test_closed_over_arrays_are_written_beside_the_text(tmp_path: Path) -> None:
    path = tmp_path / "closed.py"
    path.write_text("""
import numpy as np
import relbo_ir as rb
from relbo_ir import distributions as dist
from relbo_ir.diagnostics import ParetoK, Plateau
SEEN = np.arange(3.0)
def both():
    z = rb.sample("z", dist.Normal(0.0, 1.0), guide=dist.Normal(rb.param("m", 0.5), 1.0))
    rb.observe("x", dist.Normal(z, 1.0), SEEN)
elbo = rb.ELBO(both)
""")
    relbo("emit", path, "--to", "objective", "--out", tmp_path / "closed.mlir")
    assert read_arrays(tmp_path / "closed.npz")["model.array0"].tolist() == [0.0, 1.0, 2.0]
    out = tmp_path / "fit.npz"
    files = ("--data", tmp_path / "closed.npz", "--out", out)
    relbo("fit", tmp_path / "closed.mlir", *files, "--steps", 1, "--quiet")


def test_an_objective_of_a_file_has_the_levels_that_are_left(files: dict[str, Path]) -> None:
    data = {"flips": example("coin").FLIPS}
    for name, level in (("text", 2), ("program", 4)):
        module = read_module(str(files[name]))
        objective = Objective(FromText(module, data), module, "default", 1)
        for asked in (1, 2, 3, 4):
            if asked >= level:
                assert str(objective.ir(asked)) == str(compiled("coin").ir(asked))
                continue
            with pytest.raises(rb.ModelError, match=rf"past level {asked}[\s\S]*remedy"):
                objective.ir(asked)
    with pytest.raises(rb.ModelError, match="past level 3"):
        objective.explain()
    with pytest.raises(rb.ModelError, match="holds no choices any more"):
        objective.export(files["folder"] / "x.relbo")
    fit = rb.fit(objective, steps=1, progress=False)
    with pytest.raises(rb.ModelError, match="not its model, so nothing can be predicted"):
        fit.prior_predictive(n=2)


def test_parameters_without_a_start_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "n.py").write_text(NORMAL)
    relbo("emit", tmp_path / "n.py", "--to", "prob", "--out", tmp_path / "n.mlir")
    files = (tmp_path / "n.mlir", "--data", tmp_path / "n.npz", "--out", tmp_path / "f.npz")
    relbo("fit", *files, "--init", "loc=12", "--steps", 1, "--step-size", 0, "--quiet")
    assert capsys.readouterr().err.startswith("relbo: scale starts at the image of 0")
    params = read_arrays(tmp_path / "f.npz")
    assert float(params["params/loc"]) == 12.0
    assert float(params["params/scale"]) == 1.0


BAD: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a level that is past": (
        ("emit", "{text}", "--to", "prob"),
        ("of level 2 (objective), past level 1 (prob)", "remedy: start from the model"),
    ),
    "a graph past level 1": (("emit", "{text}", "--to", "dot"), ("no graph to draw", "level 1")),
    "latex of a program": (
        ("emit", "{program}", "--to", "latex"),
        ("holds no expectation", "remedy:"),
    ),
    "explain a program": (("explain", "{program}"), ("past level 3", "remedy:")),
    "no data": (("fit", "{text}"), ("the data are not the program's; missing: flips", "remedy:")),
    "data of another name": (
        ("fit", "{text}", "--data", "{other}"),
        ("missing: flips; unknown: y", "pass an array for each of: flips"),
    ),
    "data of another shape": (
        ("fit", "{text}", "--data", "{short}"),
        ('the data "flips" is int64[3], the program takes int32[10]', "remedy:"),
    ),
    "data that the type cannot hold": (
        ("fit", "{text}", "--data", "{halves}"),
        ("the program takes int32[10]", "whose numbers the type can hold"),
    ),
    "data that are pickled": (("fit", "{text}", "--data", "{pickled}"), ("is no readable .npz",)),
    "data that are damaged": (("fit", "{text}", "--data", "{damaged}"), ("is no readable .npz",)),
    "data that are text": (("fit", "{text}", "--data", "{text}"), ("is no readable .npz",)),
    "data that are not there": (
        ("fit", "{text}", "--data", "no.npz"),
        ("no.npz cannot be read: No such file", "remedy: check the path"),
    ),
    "data for a Python file": (
        ("fit", "{python}", "--data", "{short}"),
        ("--data is for FILE.mlir", "remedy:"),
    ),
    "an unknown parameter": (
        ("fit", "{python}", "--init", "c=1"),
        ('there is no parameter "c"', "the parameters are: a, b"),
    ),
    "outside of the constraint": (
        ("fit", "{python}", "--init", "a=-1"),
        ('parameter "a" is', "outside its constraint positive", "coin.py"),
    ),
    "no assignment": (("fit", "{python}", "--init", "a:1"), ("'a:1' is not NAME=NUMBER",)),
    "no number": (("fit", "{python}", "--init", "a=x"), ("'a=x' is not NAME=NUMBER",)),
    "a folder that is not there": (
        ("emit", "{python}", "--to", "prob", "--out", "{folder}/no/x.mlir"),
        ("cannot be written: No such file", "remedy: name a file in a folder that exists"),
    ),
    "a fit that could not be written": (
        ("fit", "{python}", "--steps", "1000000000", "--out", "{folder}/no/x.npz"),
        ("cannot be written: No such file", "remedy: name a file in a folder that exists"),
    ),
    "a folder to write over": (
        ("fit", "{python}", "--steps", "1000000000", "--out", "{folder}"),
        ("cannot be written: it is a folder", "remedy:"),
    ),
    "arrays over the text": (
        ("emit", "{python}", "--to", "prob", "--out", "{folder}/x.npz"),
        ("is for the program's arrays", "remedy:"),
    ),
    "two objectives": (("emit", "{two}", "--to", "tree"), ("holds 2 objectives", "remedy:")),
    "bytes": (("explain", "{bytes}"), ("cannot be read", "name a text file of IR")),
    "no file": (("explain", "no.mlir"), ("no.mlir cannot be read",)),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    objective = compiled("coin")
    texts = {
        "text": str(objective.ir(2)),
        "program": str(objective.ir(4)),
        "two": "prob.func @a() { prob.return }\nprob.func @b() { prob.return }",
    }
    found = {"folder": folder, "python": FOLDER / "coin.py"}
    for name, text in texts.items():
        found[name] = folder / f"{name}.mlir"
        found[name].write_text(text)
    arrays: dict[str, dict[str, Any]] = {
        "other": {"y": np.ones(10)},
        "short": {"flips": np.ones(3, np.int64)},
        "halves": {"flips": np.full(10, 0.5)},
        "pickled": {"flips": np.array([None] * 10)},
    }
    for name, given in arrays.items():
        found[name] = folder / f"{name}.npz"
        np.savez(found[name], **given)
    found["damaged"] = folder / "damaged.npz"
    content = bytearray(found["other"].read_bytes())
    content[90] ^= 255
    found["damaged"].write_bytes(content)
    found["bytes"] = folder / "bytes.mlir"
    found["bytes"].write_bytes(b"\xff\xfe\x00")
    return found


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str, files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    arguments, parts = BAD[name]
    before = sorted(files["folder"].iterdir())
    with pytest.raises(SystemExit) as left:
        relbo(*[a.format(**files) for a in arguments])
    assert left.value.code == 1
    output = capsys.readouterr()
    assert output.err.startswith("relbo: ") and "Traceback" not in output.err
    for part in parts:
        assert part in output.err, (part, output.err)
    assert sorted(files["folder"].iterdir()) == before, "something was left behind"
