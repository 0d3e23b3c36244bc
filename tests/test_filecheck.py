"""The textual tests, run by lit; and that they cover every op and every pass."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdsl.dialects import test
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Dialect, Operation
from xdsl.parser import Parser
from xdsl.traits import HasParent
from xdsl.utils.exceptions import ParseError

from relbo_ir.dialects.dist import Dist
from relbo_ir.dialects.estim import Estim
from relbo_ir.dialects.lax import Lax
from relbo_ir.dialects.prob import Prob
from relbo_ir.dialects.rng import Rng
from relbo_ir.pipelines import context
from relbo_ir.universe import DIALECTS, PASSES

ROOT = Path(__file__).parent
FILES = ROOT / "filecheck"
OURS: dict[str, Dialect] = {d.name: d for d in (Dist, Estim, Lax, Prob, Rng)}
OPS = [op for dialect in OURS.values() for op in dialect.operations]


def test_the_textual_tests_pass() -> None:
    """From text to text: the newest JAX has no part in it."""
    tools = Path(sys.executable).parent
    path = os.pathsep.join((str(tools), os.environ.get("PATH", "")))
    lit = shutil.which("lit", path=path)
    assert lit is not None, "lit is not installed beside this Python"
    run = subprocess.run(
        [lit, "-v", "--no-progress-bar", str(FILES)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr


def test_every_dialect_is_in_the_universe() -> None:
    assert set(DIALECTS) == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_every_op_is_printed_and_parsed(name: str) -> None:
    text = (FILES / "dialects" / name / "ops.mlir").read_text()
    for kind, form in (("CHECK", "{}"), ("GENERIC", '"{}"(')):
        checked = "\n".join(line for line in text.splitlines() if line.startswith(f"// {kind}"))
        words = set(re.findall(r'"?[\w.]+"?\(?', checked))
        missing = [op.name for op in OURS[name].operations if form.format(op.name) not in words]
        assert not missing, f"{name}/ops.mlir has no {kind} line with {missing}"


@pytest.mark.parametrize("name", PASSES)
def test_every_pass_has_a_textual_test(name: str) -> None:
    stem = name.removeprefix("relbo-").replace("-", "_")
    assert f"-p {name} " in (FILES / "passes" / f"{stem}.mlir").read_text()


def examples(op: type[Operation] | type[Attribute]) -> Iterator[str]:
    """The fenced IR of a docstring."""
    text = re.sub(r"^ {4}", "", op.__doc__ or "", flags=re.MULTILINE)
    yield from re.findall(r"```mlir\n(.*?)```", text, flags=re.DOTALL)


def programs(example: str) -> Iterator[str]:
    """Its statements one by one: a line, with the region that it opens."""
    statement: list[str] = []
    depth = 0
    for line in example.splitlines():
        statement.append(line)
        depth += line.count("{") - line.count("}")
        if depth == 0 and line.strip():
            yield "\n".join(statement)
            statement = []


def parse(text: str) -> ModuleOp:
    """
    Parses a program whose operands nobody defines: the parser is asked with what types it uses
    them, and gets an op that defines them so.
    """
    ctx = context()
    ctx.load_dialect(test.Test)
    defined = [name for line in text.splitlines() for name in _defined(line)]
    free = [v for v in dict.fromkeys(re.findall(r"%[\w]+", text)) if v not in defined]
    unknown = {name: "none" for name in free}
    for _ in range(2 * len(free) + 1):
        given = "".join(f'{n} = "test.op"() : () -> {t}\n' for n, t in unknown.items())
        try:
            return Parser(ctx, given + text).parse_module()
        except ParseError as error:
            found = re.search(r"operand is used with type (.+), but has been", str(error))
            name = error.span.text if found else ""
            if found is None or unknown.get(name) != "none":
                raise
            unknown[name] = found[1]
    raise AssertionError(f"no types fit {text}")


def _defined(line: str) -> list[str]:
    """The values that a line defines: results and block arguments."""
    results = re.match(r"\s*((?:%\w+(?::\d+)?(?:, )?)+) =", line)
    names = re.findall(r"%\w+", results[1]) if results else []
    names += re.findall(r"\((%\w+) = %", line) + re.findall(r", (%\w+) = %", line)
    if line.strip().startswith("^") or "func @" in line:
        names += re.findall(r"(%\w+):", line)
    return names


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_the_example_of_an_op_parses(op: type[Operation]) -> None:
    found = list(examples(op))
    assert found, f"{op.name} has no fenced example"
    for example in found:
        assert op.name in example
        for program in programs(example):
            module = parse(program)
            if not op.has_trait(HasParent):
                module.verify()


@pytest.mark.parametrize("name", OURS)
def test_the_examples_of_attributes_and_types_parse(name: str) -> None:
    for attribute in OURS[name].attributes:
        found = list(examples(attribute))
        assert found, f"{attribute.name} has no fenced example"
        for line in "".join(found).splitlines():
            assert isinstance(Parser(context(), line).parse_attribute(), attribute), line
