"""What no verifier of xDSL's sees, and what bad input on the command line does: a message, no more."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.dialects.func import FuncOp as FunctionOp
from xdsl.dialects.func import ReturnOp as FunctionReturnOp
from xdsl.ir import Block, Operation, Region
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects import dist, lax, prob
from relbo_ir.dialects.location import source_location
from relbo_ir.dialects.scopes import verify_module, verify_scopes
from relbo_ir.pipelines import parse_module

SCALAR = TensorType(f32, ())


def one() -> lax.ConstantOp:
    """The number 1."""
    return lax.ConstantOp.splat(SCALAR, 1.0)


def model(*operations: Operation) -> ModuleOp:
    """A model of these ops."""
    return ModuleOp([prob.FuncOp("model", Region(Block([*operations, prob.ReturnOp()])), [])])


def refuses(module: ModuleOp, message: str) -> None:
    """xDSL's verifier may accept the module, the scope check does not."""
    with pytest.raises(VerifyException, match=message):
        verify_scopes(module)


# The scope check


@pytest.mark.compat
def test_use_before_definition_is_refused_with_its_line() -> None:
    number = one()
    use = lax.elementwise("neg", number.result)
    use.location = source_location("model.py", 12)
    module = model(use, number)
    module.verify()
    refuses(module, r"lax\.neg uses a value that is not defined before it.*model\.py:12")


@pytest.mark.compat
def test_an_op_that_reads_itself_is_refused() -> None:
    use = lax.elementwise("neg", one().result)
    use.operands[0] = use.results[0]
    refuses(model(use), "not defined before it")


@pytest.mark.compat
def test_a_value_that_leaves_its_region_is_refused() -> None:
    inner = one()
    body = Region(Block([inner, prob.YieldOp(["a"], [inner.result])]))
    use = lax.elementwise("neg", inner.result)
    module = model(prob.ExpectationOp(body, SCALAR), use)
    module.verify()
    refuses(module, r"lax\.neg uses a value")


@pytest.mark.compat
def test_a_value_of_another_function_is_refused() -> None:
    number = one()
    first = model(number)
    second = prob.FuncOp(
        "guide",
        Region(Block([lax.elementwise("neg", number.result), prob.ReturnOp()])),
        [],
    )
    first.body.block.add_op(second)
    refuses(first, "not defined before it in its scope")


def test_a_value_from_around_an_isolated_op_is_refused() -> None:
    number = one()
    inner = model(lax.elementwise("neg", number.result))
    inner.body.block.insert_op_before(number, next(iter(inner.ops)))
    refuses(inner, "not defined before it in its scope")


def test_a_value_from_around_an_expectation_is_seen() -> None:
    number = one()
    body = Region(Block([prob.YieldOp(["a"], [number.result])]))
    verify_module(model(number, prob.ExpectationOp(body, SCALAR)))


def _choice(plates: list[tuple[str, int]], size: int = 3) -> list[Operation]:
    number = one()
    law = dist.NormalOp(number.result, number.result)
    wide = dist.ExpandOp(law.result, [size])
    choice = prob.SampleOp("z", wide.result, plates=prob.plates_attr(plates))
    choice.location = source_location("model.py", 7)
    return [number, law, wide, choice]


@pytest.mark.compat
def test_a_plate_that_is_not_declared_is_refused() -> None:
    refuses(model(*_choice([("N", -1)])), r'"z" stands in plate @N.*model\.py:7')


def test_a_plate_of_another_function_is_not_seen() -> None:
    module = model(*_choice([("N", -1)]))
    other = prob.FuncOp("other", Region(Block([prob.PlateOp("N", 3), prob.ReturnOp()])), [])
    module.body.block.add_op(other)
    refuses(module, "which is not declared")


@pytest.mark.compat
def test_a_plate_of_another_size_is_refused() -> None:
    module = model(prob.PlateOp("N", 4), *_choice([("N", -1)]))
    refuses(module, r'"z" has 3 elements on the axis of plate @N, which has 4.*model\.py:7')


def test_an_axis_of_size_one_stands_in_a_plate_of_any_size() -> None:
    verify_module(model(prob.PlateOp("N", 4), *_choice([("N", -1)], size=1)))


def test_the_plates_of_a_choice_in_an_expectation_are_its_functions() -> None:
    inner = _choice([("N", -1)])
    body = Region(Block([*inner, prob.YieldOp([], [])]))
    verify_module(model(prob.PlateOp("N", 3), prob.ExpectationOp(body, SCALAR)))


@pytest.mark.compat
def test_a_function_that_is_not_there_is_refused() -> None:
    call = lax.CustomJvpOp("f", "f_jvp", [], [SCALAR])
    refuses(ModuleOp([call]), r"lax\.custom_jvp names @f, which is no func\.func")
    refuses(ModuleOp([prob.ElboOp("elbo", "model", None)]), "prob.elbo names @model")


def test_a_function_of_another_type_is_refused() -> None:
    number = one()
    block = Block([number, FunctionReturnOp(number.result)])
    function = FunctionOp("f", ([], [SCALAR]), Region(block))
    call = lax.CustomJvpOp("f", "f", [], [SCALAR])
    refuses(ModuleOp([function, call]), r"lax\.custom_jvp needs @f : \(\) -> \(")


def test_verification_is_cheap() -> None:
    lines = ['%x0 = lax.constant "1.0" : tensor<f32>']
    lines += [f"%x{k + 1} = lax.add %x{k}, %x{k} : tensor<f32>" for k in range(5000)]
    module = parse_module("\n".join(lines))
    best = min(_seconds(module) for _ in range(3))
    assert best < 0.5, f"5,000 ops take {best:.2f} s"


def _seconds(module: ModuleOp) -> float:
    start = time.process_time()
    verify_module(module)
    return time.process_time() - start


# The command line


def opt(*arguments: str, text: str | bytes | None = None) -> tuple[int, str]:
    """The exit code of `relbo-opt`, and all that it wrote."""
    given = text.encode() if isinstance(text, str) else text
    run = subprocess.run(
        [sys.executable, "-m", "relbo_ir.opt", *arguments],
        input=given,
        capture_output=True,
        timeout=120,
    )
    return run.returncode, (run.stdout + run.stderr).decode(errors="replace")


def fails(said: str, *arguments: str, text: str | bytes | None = None) -> None:
    """The input is refused in words, whatever it is."""
    code, output = opt(*arguments, text=text)
    assert "Traceback" not in output, output[-3000:]
    assert code == 1, (code, output[-3000:])
    assert re.search(said, output), output[-3000:]


BRACES = 10_000
MALFORMED: dict[str, tuple[str | bytes, str]] = {
    "no IR": ("this is not IR", "relbo-opt: "),
    "half an op": ("prob.func @f(", "relbo-opt: "),
    "an unknown op": ('"prob.nothing"() : () -> ()', r"prob\.nothing is not registered"),
    "an unknown dialect": ("nonsense.op", "not registered"),
    "a use before the definition": (
        '%b = lax.neg %a : tensor<f32>\n%a = lax.constant "1.0" : tensor<f32>',
        "not defined before it in its scope",
    ),
    "a value of nowhere": ("%b = lax.neg %a : tensor<f32>", "values used but not defined"),
    "binary garbage": (bytes(range(256)) * 4, "relbo-opt: "),
    "zeros": (b"\0" * 1000, "relbo-opt: "),
    "bad UTF-8 in a string": (b'"test.op"() {n = #prob.name"\xff"} : () -> ()', "relbo-opt: "),
    "a name that is not UTF-8": ('"test.op"() {n = #prob.name"\\FF"} : () -> ()', "not valid UTF"),
    "a string without an end": ('"test.op"() {n = "no end} : () -> ()', "relbo-opt: "),
    "a number without an end": ('%c = lax.constant "' + "9" * 5000 + '" : tensor<i64>', "constant"),
    "a tensor too large to be": (
        '%c = lax.constant "1.0, 2.0" : tensor<' + "9" * 30 + "xf32>",
        "do not fill",
    ),
    "nested regions": (
        'prob.func @f() {\n"test.op"() ({' * BRACES + "}) : () -> ()\n}" * BRACES,
        "too deeply",
    ),
    "nested generic regions": (
        '"test.op"() ({\n' * BRACES + "}) : () -> ()\n" * BRACES,
        "too deeply",
    ),
    "nested parentheses": ("(" * BRACES + ")" * BRACES, "relbo-opt: "),
    "a nested type": (
        '"test.op"() : () -> ' + "tuple<" * BRACES + "f32" + ">" * BRACES,
        "too deeply",
    ),
    "a nested array": (
        '"test.op"() {a = ' + "[" * BRACES + "]" * BRACES + "} : () -> ()",
        "too deeply",
    ),
    "an axis that is no number": (
        '%x = "test.op"() : () -> tensor<3xf32>\n%r = lax.reduce_sum %x '
        "{axes = array<f32: 0.5>} : (tensor<3xf32>) -> tensor<f32>",
        "i64",
    ),
    "a missing property": (
        '%x = "test.op"() : () -> tensor<3xf32>\n'
        '%r = "lax.reduce_sum"(%x) : (tensor<3xf32>) -> tensor<f32>',
        "axes",
    ),
    "a missing operand": ('%r = "lax.add"() : () -> tensor<f32>', "operand"),
    "a property of another kind": (
        '"prob.plate"() <{sym_name = 3 : i64, size = "many"}> : () -> ()',
        "relbo-opt: ",
    ),
    "a role of another kind": (
        "prob.func @f(%x: tensor<f32> {prob.role = 3 : i64}) {\n  prob.return\n}",
        "prob.role",
    ),
    "an expectation without a block": (
        '%e = "prob.expectation"() ({}) : () -> tensor<f32>',
        "relbo-opt: ",
    ),
    "an expectation without an end": (
        '%e = "prob.expectation"() ({\n^bb0:\n}) : () -> tensor<f32>',
        "relbo-opt: ",
    ),
    "a gradient without a value": (
        '"prob.gradient"() ({\n  prob.yield_value %x : tensor<f32>\n}) : () -> ()',
        "relbo-opt: ",
    ),
    "more arguments than types": (
        "%v, %d = prob.gradient (%a_ = %a, %b_ = %b) : (tensor<f32>) -> (tensor<f32>) {\n}",
        "relbo-opt: ",
    ),
    "a law of nothing": ('%l = "test.op"() : () -> !prob.law<>', "relbo-opt: "),
    "a law of a law": (
        '%l = "test.op"() : () -> !prob.law<!prob.law<tensor<f32>>>',
        "relbo-opt: ",
    ),
    "keys in place of maps": (
        '%c = "test.op"() : () -> tensor<f32>\n'
        "%r = estim.score %c upstream(%c) {maps = [3 : i64]} : tensor<f32>, (tensor<f32>)",
        "relbo-opt: ",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_input_gives_a_message(case: str) -> None:
    text, said = MALFORMED[case]
    fails(said, text=text)


def test_an_empty_file_gives_a_message(tmp_path: Path) -> None:
    empty = tmp_path / "empty.mlir"
    empty.write_text("")
    fails("Could not parse", str(empty))


@pytest.mark.compat
def test_a_missing_file_gives_a_message(tmp_path: Path) -> None:
    fails("No such file", str(tmp_path / "nothing.mlir"))


def test_a_folder_gives_a_message(tmp_path: Path) -> None:
    folder = tmp_path / "folder.mlir"
    folder.mkdir()
    fails("relbo-opt: ", str(folder))


def test_a_file_of_another_kind_gives_a_message(tmp_path: Path) -> None:
    path = tmp_path / "program.exe"
    path.write_bytes(b"MZ")
    fails("relbo-opt: ", str(path))


EMPTY = "builtin.module {\n}"


def test_a_wrong_pipeline_gives_a_message() -> None:
    fails("(?i)unrecogni[sz]ed pass", "-p", "relbo-nothing", text=EMPTY)
    fails("pipeline", "-p", "relbo-pathwise{", text=EMPTY)
    fails("(?i)option|argument|unrecogni", "-p", "relbo-pathwise{no=1}", text=EMPTY)
    fails("relbo-opt: ", "-p", "relbo-lower-estimators{particles=many}", text=EMPTY)
    fails("particle", "-p", "relbo-lower-estimators{particles=0}", text=EMPTY)


HOSTILE = 'z"\n__import__("os").system("touch hacked")\n\'\'\'"""'


def test_a_hostile_name_is_harmless(tmp_path: Path) -> None:
    number = one()
    module = str(model(number, prob.FactorOp(HOSTILE, number.result)))
    path = tmp_path / "hostile.mlir"
    path.write_text(module)
    code, output = opt(str(path), "-p", "relbo-canonicalize")
    assert code == 0 and "Traceback" not in output
    assert str(parse_module(output)) == module
    assert [p.name for p in tmp_path.iterdir()] == ["hostile.mlir"]


LEVEL_ONE = """
prob.func @model() {
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.normal %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
  prob.return
}
"""
PASSES_ON_ODD_INPUT = (
    "relbo-form-elbo",
    "relbo-score-function",
    "relbo-pathwise",
    "relbo-assign-estimators",
    "relbo-lower-sampling",
    "relbo-lower-estimators",
    "relbo-externalize-draws",
    "relbo-report",
    "relbo-canonicalize",
)


def test_passes_leave_a_model_and_an_empty_module_alone() -> None:
    for text in (EMPTY, LEVEL_ONE):
        code, output = opt("-p", ",".join(PASSES_ON_ODD_INPUT), text=text)
        assert code == 0, output


STRAY = """
%l = "test.op"() : () -> !prob.law<tensor<f32>>
%e = prob.expectation {
  %z = prob.sample "z" from %l {how = #prob.how<score>} : !prob.law<tensor<f32>>
  prob.yield "z" %z : tensor<f32>
} : tensor<f32>
"""
"""An expectation outside every function, of a law that nothing is known of."""


@pytest.mark.parametrize("name", ["lower-sampling", "externalize-draws", "lower-estimators"])
def test_a_stray_expectation_gives_a_message(name: str) -> None:
    fails("remedy", "-p", f"relbo-{name}", text=STRAY)


def test_a_stray_gradient_gives_a_message() -> None:
    text = """
    %x = "test.op"() : () -> tensor<f32>
    %v, %d = prob.gradient (%x_ = %x) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
      prob.yield_value %x_ : tensor<f32>
    }
    "test.op"(%v) : (tensor<f32>) -> ()
    """
    fails("remedy", "-p", "relbo-report", text=text)
    fails("remedy", "-p", "relbo-lower-estimators", text=text)


def test_an_expectation_of_nothing_gives_a_message() -> None:
    text = """
    %v = prob.gradient () : () -> tensor<f32> {
      %e = prob.expectation {
        prob.yield nothing
      } : tensor<f32>
      prob.yield_value %e : tensor<f32>
    }
    "test.op"(%v) : (tensor<f32>) -> ()
    """
    code, output = opt("-p", "relbo-lower-estimators", text=text)
    assert "Traceback" not in output, output[-2000:]
    assert code in (0, 1)
