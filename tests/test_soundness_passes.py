"""Named cases of soundness: what each pass must keep, refuse or accept, on hand-written IR."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.emitted import load_main
from helpers.texts import COIN, FINISH, LAW, apply, choice, hows, objective_module, plans
from oracle import Outcomes, interpret_module
from oracle.dual import Array
from scipy import integrate, stats
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects import estim, prob
from relbo_ir.dialects.errors import PassError, RelboError
from relbo_ir.dialects.prob import How, HowAttr
from relbo_ir.lowering.executable import executable
from relbo_ir.passes.assign_estimators import AssignEstimatorsPass
from relbo_ir.passes.lower_estimators import LowerEstimatorsPass
from relbo_ir.passes.pathwise import PathwisePass
from relbo_ir.passes.score_function import ScoreFunctionPass
from relbo_ir.passes.upstreams import parted

# Two coins, the second's law reading the first; their entropies and (a + 3b)² are the addends.
COINS = f"""
  %qa = dist.bernoulli %p_ : (tensor<f64>) -> {COIN}
  %a = prob.sample "a" from %qa : {COIN}
  %af = lax.convert %a : (tensor<i32>) -> tensor<f64>
  %t = lax.mul %af, %r_ : tensor<f64>
  %qb = dist.bernoulli_logits %t : (tensor<f64>) -> {COIN}
  %b = prob.sample "b" from %qb : {COIN}
  %bf = lax.convert %b : (tensor<i32>) -> tensor<f64>
  %three = lax.constant "3.0" : tensor<f64>
  %bb = lax.mul %three, %bf : tensor<f64>
  %s = lax.add %af, %bb : tensor<f64>
  %f = lax.square %s : tensor<f64>
"""
ENTROPIES = f"""
  %la = prob.log_density %qa at %a : {COIN}, tensor<i32> -> tensor<f64>
  %ha = lax.neg %la : tensor<f64>
  %lb = prob.log_density %qb at %b : {COIN}, tensor<i32> -> tensor<f64>
  %hb = lax.neg %lb : tensor<f64>
  prob.yield "f" %f, "ha" %ha, "hb" %hb : tensor<f64>, tensor<f64>, tensor<f64>
"""
COIN_PARAMETERS = {"p": "unit_interval", "r": "real"}
COIN_ARGUMENTS = {"p": 0.35, "r": 0.9}


def _coins(ending: str = ENTROPIES) -> ModuleOp:
    return objective_module(COIN_PARAMETERS, COINS + ending)


def _meaning(module: ModuleOp, arguments: dict[str, float] | None = None) -> Outcomes:
    return interpret_module(module, arguments or COIN_ARGUMENTS)


def _set_how(module: ModuleOp, site: str, how: How) -> None:
    """Decides a choice by hand, with nothing else that a pass would do."""
    choice(module, site).properties["how"] = HowAttr(how)


def _assert_equal(one: Outcomes, other: Outcomes, tolerance: float = 1e-12) -> None:
    assert one.value() == pytest.approx(other.value(), abs=tolerance)
    for name, slope in other.gradient().items():
        assert one.gradient()[name] == pytest.approx(slope, abs=tolerance)


@pytest.mark.compat
def test_scoring_one_coin_and_enumerating_the_other_is_exact() -> None:
    truth = _meaning(_coins())
    scored = apply(_coins(), ScoreFunctionPass(sites=("a",)))
    assert hows(scored) == {"a": "score", "b": "exact"}
    _assert_equal(_meaning(scored), truth)
    _set_how(scored, "b", How.ENUMERATED)
    _assert_equal(_meaning(scored), truth)
    both = apply(_coins(), ScoreFunctionPass(sites=("a",)), ScoreFunctionPass(sites=("b",)))
    _assert_equal(_meaning(both), truth)


def test_an_enumerated_coin_left_upstream_counts_twice() -> None:
    ending = '  prob.yield "f" %f : tensor<f64>'
    truth = _meaning(_coins(ending))
    both = apply(_coins(ending), ScoreFunctionPass())
    _assert_equal(_meaning(both), truth)
    _set_how(both, "b", How.ENUMERATED)
    doubled = _meaning(both).gradient()["r"]
    assert doubled == pytest.approx(2.0 * truth.gradient()["r"], abs=1e-12)
    score = parted(next(op for op in both.walk() if isinstance(op, estim.ScoreOp)))
    erased = estim.ScoreOp(score.cost, list(score.upstream)[:1], score.axis_maps[:1])
    block = score.parent_block()
    assert block is not None
    block.insert_op_before(erased, score)
    score.result.replace_all_uses_with(erased.result)
    score.detach()
    score.erase()
    _assert_equal(_meaning(both), truth)


def test_merging_nested_scores_changes_nothing() -> None:
    steps = ("relbo-score-function{sites=a}", "relbo-score-function{sites=b}")
    nested = apply(_coins(), *steps)
    merged = apply(nested, "relbo-canonicalize")
    counts = [sum(isinstance(op, estim.ScoreOp) for op in m.walk()) for m in (nested, merged)]
    assert counts == [6, 3]
    _assert_equal(_meaning(merged), _meaning(_coins()))


def test_canonicalize_keeps_scores_with_baselines_apart() -> None:
    """score(score(c, u), v, b) is not score(c, u ∪ v): v has a baseline, u has none."""
    steps = ("relbo-score-function{sites=a}", "relbo-score-function{sites=b}")
    module = apply(_coins(), *steps)
    for outer in [op for op in module.walk() if isinstance(op, estim.ScoreOp)]:
        if isinstance(outer.cost.owner, estim.ScoreOp):
            three = next(o for o in module.walk() if o.name == "lax.constant").results[0]
            based = estim.ScoreOp(outer.cost, list(outer.upstream), outer.axis_maps, [three])
            block = outer.parent_block()
            assert block is not None
            block.insert_op_before(based, outer)
            outer.result.replace_all_uses_with(based.result)
            outer.detach()
            outer.erase()
    truth = _meaning(_coins())
    _assert_equal(_meaning(module), truth)
    merged = apply(module, "relbo-canonicalize", "cse")
    assert sum(isinstance(op, estim.ScoreOp) for op in merged.walk()) == 6
    _assert_equal(_meaning(merged), truth)
    for name, variance in _meaning(module).gradient_variance().items():
        assert _meaning(merged).gradient_variance()[name] == pytest.approx(variance, abs=1e-12)


AFFINE = f"""
  %one = lax.constant "1.0" : tensor<f64>
  %two = lax.constant "2.0" : tensor<f64>
  %base = BASE : (tensor<f64>, tensor<f64>) -> {LAW}
  %q = dist.transformed %base, %one, %s_ {{transform = #dist.transform<affine>}} : ({LAW}, tensor<f64>, tensor<f64>) -> {LAW}
  %z = prob.sample "moving" from %q : {LAW}
  prob.yield "c" %z : tensor<f64>
"""


def test_score_function_refuses_a_support_that_moves_with_a_parameter() -> None:
    beta = objective_module({"s": "positive"}, AFFINE.replace("BASE", "dist.beta %one, %two"))
    with pytest.raises(PassError, match="support") as caught:
        apply(beta, ScoreFunctionPass())
    assert caught.value.site == "moving"


def test_score_function_accepts_a_support_that_stays() -> None:
    normal = objective_module({"s": "positive"}, AFFINE.replace("BASE", "dist.normal %one, %two"))
    scored = apply(normal, ScoreFunctionPass())
    _assert_equal(_meaning(scored, {"s": 0.7}), _meaning(normal, {"s": 0.7}), 1e-11)
    assert _meaning(scored, {"s": 0.7}).gradient()["s"] == pytest.approx(1.0, abs=1e-11)
    still = AFFINE.replace("BASE", "dist.beta %s_, %two").replace("%one, %s_ {", "%one, %two {")
    assert still != AFFINE
    apply(objective_module({"s": "positive"}, still), ScoreFunctionPass())


def test_score_function_refuses_a_support_that_moves_through_a_computed_scale() -> None:
    body = AFFINE.replace("BASE", "dist.beta %one, %two").replace(
        "%q = dist.transformed %base, %one, %s_",
        "%m = lax.exp %s_ : tensor<f64>\n  %q = dist.transformed %base, %one, %m",
    )
    with pytest.raises(PassError, match="support"):
        apply(objective_module({"s": "real"}, body), ScoreFunctionPass())


FUNCTIONS = """
  func.func private @twice(%x: tensor<f64>) -> tensor<f64> {
    %y = lax.add %x, %x : tensor<f64>
    func.return %y : tensor<f64>
  }
  func.func private @small(%x: tensor<f64>) -> tensor<i1> {
    %k = lax.constant "9.0" : tensor<f64>
    %y = lax.lt %x, %k : tensor<f64> -> tensor<i1>
    func.return %y : tensor<i1>
  }
  func.func private @floored(%k: tensor<f64>, %x: tensor<f64>) -> (tensor<f64>, tensor<f64>) {
    %y = lax.floor %k : tensor<f64>
    func.return %x, %y : tensor<f64>, tensor<f64>
  }
  func.func private @rooted(%x: tensor<f64>) -> tensor<f64> {
    %y = lax.sqrt %x : tensor<f64>
    %z = lax.add %x, %y : tensor<f64>
    func.return %z : tensor<f64>
  }
  func.func private @lowered(%x: tensor<f64>) -> tensor<f64> {
    %r = lax.sqrt %x : tensor<f64>
    %k = lax.constant "1.0" : tensor<f64>
    %y = lax.sub %r, %k : tensor<f64>
    func.return %y : tensor<f64>
  }
  func.func private @draw(%k: !rng.key, %x: tensor<f64>) -> tensor<f64> {
    func.return %x : tensor<f64>
  }
  func.func private @density(%y: tensor<f64>, %x: tensor<f64>) -> tensor<f64> {
    func.return %x : tensor<f64>
  }
"""
START = f"""
  %zero = lax.constant "0.0" : tensor<f64>
  %one = lax.constant "1.0" : tensor<f64>
  %half = lax.constant "0.5" : tensor<f64>
  %table = lax.constant "0.5, 1.5, -2.0" : tensor<3xf64>
  %q = dist.normal %mu_, %s_ : (tensor<f64>, tensor<f64>) -> {LAW}
  %z = prob.sample "z" from %q : {LAW}
"""
STEP = """
  %w = lax.gt %z, %zero : tensor<f64> -> tensor<i1>
  %c = lax.select_n %w, %zero, %one : (tensor<i1>, tensor<f64>, tensor<f64>) -> tensor<f64>
"""
FLOOR = "%c = lax.floor %z : tensor<f64>"
TO_INTEGER = """
  %i = lax.convert %z : (tensor<f64>) -> tensor<i32>
  %c = lax.convert %i : (tensor<i32>) -> tensor<f64>
"""
STOPPED = "%c = lax.stop_gradient %z : tensor<f64>"
VECTOR = """
  %v = lax.stack %z, %one {axis = 0 : i64} : (tensor<f64>, tensor<f64>) -> tensor<2xf64>
"""

BROKEN = {
    "step": (STEP, "compared by lax.gt"),
    "lt": (STEP.replace("lax.gt", "lax.lt"), "compared by lax.lt"),
    "weighted step": (
        STEP.replace("%one : (", "%z : ("),
        "compared by lax.gt",
    ),
    "floor": (FLOOR, "rounded by lax.floor"),
    "sign": ("%c = lax.sign %z : tensor<f64>", "rounded by lax.sign"),
    "integer": (TO_INTEGER, "converted to integers"),
    "sort by keys": (
        VECTOR + "%y, %d = lax.sort %v, %v {dimension = 0 : i64, is_stable = true, "
        "num_keys = 1 : i64} : (tensor<2xf64>, tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>)\n"
        "%c = lax.reduce_sum %d {axes = array<i64: 0>} : (tensor<2xf64>) -> tensor<f64>",
        "sorted by lax.sort",
    ),
    "argmax": (
        VECTOR + "%i = lax.argmax %v {axis = 0 : i64} : (tensor<2xf64>) -> tensor<i32>\n"
        "%c = lax.convert %i : (tensor<i32>) -> tensor<f64>",
        "turned into an index",
    ),
    "dynamic_slice": (
        "%i = lax.convert %z : (tensor<f64>) -> tensor<i32>\n"
        "%c = lax.dynamic_slice %table, %i {sizes = array<i64: 1>} "
        ": (tensor<3xf64>, tensor<i32>) -> tensor<1xf64>",
        "converted to integers",
    ),
    "gather": (
        VECTOR + "%i = lax.convert %v : (tensor<2xf64>) -> tensor<2xi32>\n"
        "%j = lax.reshape %i : (tensor<2xi32>) -> tensor<2x1xi32>\n"
        "%c = lax.gather %table, %j {offset_dims = array<i64>, "
        "collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, "
        "start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, "
        "slice_sizes = array<i64: 1>, indices_are_sorted = false, unique_indices = false, "
        'mode = "clip"} : (tensor<3xf64>, tensor<2x1xi32>) -> tensor<2xf64>',
        "converted to integers",
    ),
    "stop_gradient": (STOPPED, "hidden from the derivative"),
    "scan, a step later": (
        "%y, %c = lax.scan @floored(%one, %z) {num_consts = 0 : i64, num_carry = 2 : i64, "
        "length = 2 : i64, reverse = false, unroll = 1 : i64} "
        ": (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)",
        "rounded by lax.floor",
    ),
    "scan that leaves the positive": (
        "%y = lax.exp %z : tensor<f64>\n"
        "%c = lax.scan @lowered(%y) {num_consts = 0 : i64, num_carry = 1 : i64, length = 2 : i64, "
        "reverse = false, unroll = 1 : i64} : (tensor<f64>) -> tensor<f64>",
        "not proved positive by lax.sqrt",
    ),
    "while": (
        "%c = lax.while cond @small body @twice(%z) {cond_consts = 0 : i64, "
        "body_consts = 0 : i64} : (tensor<f64>) -> tensor<f64>",
        "has no derivative in reverse, by lax.while",
    ),
    "cond": (
        "%i = lax.convert %z : (tensor<f64>) -> tensor<i32>\n"
        "%c = lax.cond %i, [@twice, @rooted](%z) : (tensor<i32>, tensor<f64>) -> tensor<f64>",
        "converted to integers by lax.convert",
    ),
    "cond with a branch": (
        '%i = lax.constant "0" : tensor<i32>\n'
        "%c = lax.cond %i, [@twice, @rooted](%z) : (tensor<i32>, tensor<f64>) -> tensor<f64>",
        "not proved positive by lax.sqrt",
    ),
    "opaque": (
        f"%law = dist.opaque %z sample(@draw) log_prob(@density) : (tensor<f64>) -> {LAW}\n"
        f"%c = prob.log_density %law at %one : {LAW}, tensor<f64> -> tensor<f64>",
        "without declared smoothness",
    ),
    "log": ("%c = lax.log %z : tensor<f64>", "not proved positive"),
    "sqrt": ("%y = lax.abs %z : tensor<f64>\n%c = lax.sqrt %y : tensor<f64>", "not proved"),
    "the exponent of 0": (
        "%y = lax.max %z, %zero : tensor<f64>\n%c = lax.pow %zero, %y : tensor<f64>",
        "the exponent of a number that is not proved positive, read by lax.pow",
    ),
    "a power below 0": (
        "%c = lax.integer_pow %z {exponent = -1 : i64} : (tensor<f64>) -> tensor<f64>",
        "not proved positive by lax.integer_pow",
    ),
    "reciprocal": ("%c = lax.div %one, %z : tensor<f64>", "not proved positive"),
    "half line": (
        f"%law = dist.half_normal %one : (tensor<f64>) -> {LAW}\n"
        f"%c = prob.log_density %law at %z : {LAW}, tensor<f64> -> tensor<f64>",
        "not proved to stay inside",
    ),
    "choice between": (
        f"""
        %w = lax.gt %z, %zero : tensor<f64> -> tensor<i1>
        %m = lax.select_n %w, %zero, %one : (tensor<i1>, tensor<f64>, tensor<f64>) -> tensor<f64>
        %r = dist.normal %m, %one : (tensor<f64>, tensor<f64>) -> {LAW}
        %c = prob.sample "later" from %r : {LAW}
        """,
        "compared by lax.gt",
    ),
}
"""What a Normal draw may not go through, and how the error says so."""


def _with_draw(middle: str, parameters: dict[str, str] | None = None) -> ModuleOp:
    """A Normal draw z, what is made of it, and that as the one addend."""
    body = f'{START}{middle}\nprob.yield "c" %c : TYPE'
    vector = "tensor<2xf64>" if "-> tensor<2xf64>" in middle.rsplit("%c", 1)[-1] else "tensor<f64>"
    if "-> tensor<1xf64>" in middle:
        vector = "tensor<1xf64>"
    given = parameters or {"mu": "real", "s": "positive"}
    return objective_module(given, body.replace("TYPE", vector), functions=FUNCTIONS)


@pytest.mark.parametrize("name", BROKEN)
def test_pathwise_refuses(name: str) -> None:
    middle, reason = BROKEN[name]
    module = _with_draw(middle)
    with pytest.raises(PassError, match=reason) as caught:
        apply(module, PathwisePass(sites=("z",)))
    assert caught.value.site == "z"
    assert hows(apply(module, PathwisePass()))["z"] == "exact"
    assert plans(apply(module, AssignEstimatorsPass()))["z"] == "score"


@pytest.mark.parametrize("name", ["step", "weighted step", "floor", "integer", "stop_gradient"])
def test_pathwise_refuses_after_the_laws_are_expanded_too(name: str) -> None:
    expanded = apply(_with_draw(BROKEN[name][0]), "relbo-expand-densities", "relbo-canonicalize")
    assert hows(apply(expanded, PathwisePass()))["z"] == "exact"


POSITIVE = f"""
  %one = lax.constant "1.0" : tensor<f64>
  %half = lax.constant "0.5" : tensor<f64>
  %q = dist.log_normal %mu_, %s_ : (tensor<f64>, tensor<f64>) -> {LAW}
  %z = prob.sample "z" from %q : {LAW}
"""


def _rooted(x: Array) -> Array:
    return x + np.sqrt(x)


ACCEPTED: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "abs": ("%c = lax.abs %z : tensor<f64>", np.abs),
    "max": ("%c = lax.max %z, %half : tensor<f64>", lambda z: np.maximum(z, 0.5)),
    "clamp": (
        "%c = lax.clamp %zero, %z, %one : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>",
        lambda z: np.clip(z, 0.0, 1.0),
    ),
    "bell": (
        "%y = lax.square %z : tensor<f64>\n%d = lax.add %y, %one : tensor<f64>\n"
        "%c = lax.div %one, %d : tensor<f64>",
        lambda z: 1.0 / (1.0 + z * z),
    ),
    "root of exp": (
        "%y = lax.exp %z : tensor<f64>\n%c = lax.sqrt %y : tensor<f64>",
        lambda z: np.exp(0.5 * z),
    ),
    "the exponent of a half": ("%c = lax.pow %half, %z : tensor<f64>", lambda z: 0.5**z),
    "the positive exponent of 0": (
        "%y = lax.exp %z : tensor<f64>\n%d = lax.pow %zero, %y : tensor<f64>\n"
        "%c = lax.add %d, %z : tensor<f64>",
        lambda z: z,
    ),
    "nan guard": (
        "%w = lax.ne %z, %z : tensor<f64> -> tensor<i1>\n%y = lax.square %z : tensor<f64>\n"
        "%c = lax.select_n %w, %y, %zero : (tensor<i1>, tensor<f64>, tensor<f64>) -> tensor<f64>",
        np.square,
    ),
    "scan": (
        "%y = lax.exp %z : tensor<f64>\n"
        "%c = lax.scan @rooted(%y) {num_consts = 0 : i64, num_carry = 1 : i64, length = 2 : i64, "
        "reverse = false, unroll = 1 : i64} : (tensor<f64>) -> tensor<f64>",
        lambda z: _rooted(_rooted(np.exp(z))),
    ),
    "cond": (
        """%i = lax.constant "1" : tensor<i32>
        %y = lax.exp %z : tensor<f64>
        %c = lax.cond %i, [@twice, @rooted](%y) : (tensor<i32>, tensor<f64>) -> tensor<f64>""",
        lambda z: _rooted(np.exp(z)),
    ),
    "sort": (
        VECTOR
        + """%y = lax.sort %v {dimension = 0 : i64, is_stable = true, num_keys = 1 : i64} : (tensor<2xf64>) -> tensor<2xf64>
        %d, %e = lax.unstack %y {axis = 0 : i64} : (tensor<2xf64>) -> (tensor<f64>, tensor<f64>)
        %c = lax.square %d : tensor<f64>""",
        lambda z: np.minimum(z, 1.0) ** 2,
    ),
    "data select": (
        "%w = lax.gt %half, %one : tensor<f64> -> tensor<i1>\n"
        "%c = lax.select_n %w, %z, %zero : (tensor<i1>, tensor<f64>, tensor<f64>) -> tensor<f64>",
        lambda z: z,
    ),
}


def _by_quantiles(module: ModuleOp, arguments: dict[str, float], nodes: Array) -> list[float]:
    """The mean of the emitted estimator over equally likely values of its one draw or noise."""
    lowered = apply(
        module, "relbo-expand-densities", "relbo-externalize-draws", "relbo-lower-estimators"
    )
    with jax.enable_x64(True):
        main = load_main(lowered)
        axes = (*[None] * len(arguments), 0)
        results = jax.jit(jax.vmap(main, in_axes=axes))(*arguments.values(), nodes)
        return [float(np.mean(r)) for r in results]


ARGUMENTS = {"mu": 0.3, "s": 0.8}
NOISE = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)


def _slope_of_mean(function: Callable[[Array], Array], name: str) -> float:
    """∂E[f(z)]/∂(mu or s), z ~ Normal(mu, s), by the score and adaptive quadrature in pieces."""
    mu, s = ARGUMENTS["mu"], ARGUMENTS["s"]

    def integrand(z: float) -> float:
        e = (z - mu) / s
        score = e / s if name == "mu" else (e * e - 1.0) / s
        return float(function(np.asarray(z))) * score * float(stats.norm.pdf(z, mu, s))

    edges = sorted([-8.0, 0.5, 8.0, *(float(k) for k in range(-5, 6))])
    return sum(float(integrate.quad(integrand, a, b)[0]) for a, b in pairwise(edges))


@pytest.mark.parametrize("name", ACCEPTED)
def test_pathwise_accepts_and_is_right(name: str) -> None:
    middle, function = ACCEPTED[name]
    moving = apply(_with_draw(middle), PathwisePass(sites=("z",)))
    assert hows(moving) == {"z": "pathwise"}
    _, *slopes = _by_quantiles(moving, ARGUMENTS, NOISE)
    for parameter, slope in zip(ARGUMENTS, slopes, strict=True):
        assert slope == pytest.approx(_slope_of_mean(function, parameter), abs=2e-4)


def test_pathwise_accepts_the_log_of_a_positive_draw() -> None:
    body = POSITIVE + '%c = lax.log %z : tensor<f64>\nprob.yield "c" %c : tensor<f64>'
    module = objective_module({"mu": "real", "s": "positive"}, body)
    moving = apply(module, PathwisePass(sites=("z",)))
    outcomes = _meaning(moving, ARGUMENTS)
    assert outcomes.value() == pytest.approx(0.3, abs=1e-12)
    assert outcomes.gradient()["mu"] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("middle", "function"),
    [
        (STEP, lambda z: np.where(z > 0.0, 1.0, 0.0)),
        (FLOOR, np.floor),
        (TO_INTEGER, np.trunc),
        (STOPPED, lambda z: z),
    ],
    ids=["step", "floor", "integer", "stop_gradient"],
)
def test_what_pathwise_refuses_would_be_biased(
    middle: str, function: Callable[[Array], Array]
) -> None:
    module = _with_draw(middle)
    truth = {name: _slope_of_mean(function, name) for name in ARGUMENTS}
    forced = module.clone()
    _set_how(forced, "z", How.PATHWISE)
    _, wrong, _ = _by_quantiles(forced, ARGUMENTS, NOISE)
    assert abs(wrong - truth["mu"]) > 0.3
    scored = apply(module, ScoreFunctionPass())
    draws = ARGUMENTS["mu"] + ARGUMENTS["s"] * NOISE
    _, *right = _by_quantiles(scored, ARGUMENTS, draws)
    for slope, name in zip(right, ARGUMENTS, strict=True):
        assert slope == pytest.approx(truth[name], abs=1e-3)


MANY = f"""
  %one = lax.constant "1.0" : tensor<f64>
  %q = dist.normal %m_, %one : (tensor<f64>, tensor<f64>) -> {LAW}
  %za = prob.sample "z_a" from %q : {LAW}
  %zb = prob.sample "z_b" from %q : {LAW}
  %r = dist.bernoulli_logits %m_ : (tensor<f64>) -> {COIN}
  %b = prob.sample "b" from %r : {COIN}
  %bf = lax.convert %b : (tensor<i32>) -> tensor<f64>
  %w = lax.floor %zb : tensor<f64>
  %t = lax.mul %za, %w : tensor<f64>
  %c = lax.mul %t, %bf : tensor<f64>
  prob.yield "c" %c : tensor<f64>
"""


def test_assign_estimators_plans_pathwise_where_it_is_legal() -> None:
    module = objective_module({"m": "real"}, MANY)
    planned = apply(module, AssignEstimatorsPass())
    assert plans(planned) == {"z_a": "pathwise", "z_b": "score", "b": "score"}
    assert set(hows(planned).values()) == {"exact"}
    done = apply(planned, "relbo-score-function", "relbo-pathwise")
    assert hows(done) == {"z_a": "pathwise", "z_b": "score", "b": "score"}
    assert set(plans(done).values()) == {None}


def test_assign_estimators_takes_names_and_patterns() -> None:
    module = objective_module({"m": "real"}, MANY)
    assert plans(apply(module, 'relbo-assign-estimators{score="z_*"}'))["z_a"] == "score"
    mixed = apply(module, AssignEstimatorsPass(score=("z_b", "b"), pathwise=("z_a",)))
    assert plans(mixed) == {"z_a": "pathwise", "z_b": "score", "b": "score"}
    forced = apply(module, AssignEstimatorsPass(pathwise=("z_b",)))
    with pytest.raises(PassError, match=r"rounded by lax\.floor"):
        apply(forced, "relbo-pathwise")


@pytest.mark.parametrize(
    "step",
    [
        AssignEstimatorsPass(score=("nobody",)),
        AssignEstimatorsPass(pathwise=("q*",)),
        ScoreFunctionPass(sites=("z_a", "nobody")),
        PathwisePass(sites=("nobody",)),
    ],
)
def test_an_option_that_names_no_choice_is_an_error(step: Any) -> None:
    with pytest.raises(PassError, match=r"matches no choice \(there are: b, z_a, z_b\)"):
        apply(objective_module({"m": "real"}, MANY), step)


def test_naming_a_choice_for_both_is_an_error() -> None:
    with pytest.raises(PassError, match="score function and for pathwise") as caught:
        both = AssignEstimatorsPass(score=("z_a",), pathwise=("z_*",))
        apply(objective_module({"m": "real"}, MANY), both)
    assert caught.value.site == "z_a"


@pytest.mark.parametrize("lowering", ["relbo-lower-sampling", "relbo-externalize-draws"])
def test_lowering_refuses_an_undecided_choice(lowering: str) -> None:
    with pytest.raises(PassError, match="no estimator yet") as caught:
        apply(_coins(), "relbo-score-function{sites=a}", lowering)
    assert caught.value.site == "b"
    enumerated = _coins()
    _set_how(enumerated, "a", How.ENUMERATED)
    with pytest.raises(PassError, match="no estimator yet"):
        apply(enumerated, lowering)


def test_lower_estimators_refuses_a_choice_that_is_left() -> None:
    with pytest.raises(PassError, match="a choice is left") as caught:
        apply(_coins(), "relbo-score-function", "relbo-lower-estimators")
    assert caught.value.site == "a"


@pytest.mark.parametrize("particles", [0, -3])
def test_lower_estimators_refuses_less_than_one_particle(particles: int) -> None:
    with pytest.raises(PassError, match="one particle at least"):
        decided = apply(_coins(), "relbo-score-function", *FINISH[:2])
        apply(decided, LowerEstimatorsPass(particles=particles))


# Choices of every kind of noise, each as the lines that draw it.
KINDS = {
    "n1": "dist.normal %zero, %one : (tensor<f64>, tensor<f64>) -> LAW",
    "n2": "dist.normal %zero, %one : (tensor<f64>, tensor<f64>) -> LAW",
    "n3": "dist.normal %zero, %one : (tensor<f64>, tensor<f64>) -> LAW",
    "h": "dist.half_cauchy %one : (tensor<f64>) -> LAW",
    "g": "dist.gamma %two, %one : (tensor<f64>, tensor<f64>) -> LAW",
    "g/0": "dist.gamma %two, %one : (tensor<f64>, tensor<f64>) -> LAW",
    "b": "dist.beta %two, %one : (tensor<f64>, tensor<f64>) -> LAW",
    "c": "dist.bernoulli %half : (tensor<f64>) -> COIN",
    "p": "dist.poisson %two : (tensor<f64>) -> COIN",
    "k": "dist.categorical %weights : (tensor<3xf64>) -> COIN",
    "i": "dist.inverse_gaussian %two, %one : (tensor<f64>, tensor<f64>) -> LAW",
    "vector": "dist.normal %weights, %weights : (tensor<3xf64>, tensor<3xf64>) -> VLAW",
    "vector2": "dist.normal %weights, %weights : (tensor<3xf64>, tensor<3xf64>) -> VLAW",
}


DRAW = ("relbo-report", "relbo-lower-sampling", "relbo-canonicalize", "cse")


def _drawing(sites: list[str]) -> ModuleOp:
    lines = [
        '%zero = lax.constant "0.0" : tensor<f64>',
        '%one = lax.constant "1.0" : tensor<f64>',
        '%two = lax.constant "2.0" : tensor<f64>',
        '%half = lax.constant "0.5" : tensor<f64>',
        '%weights = lax.constant "0.2, 0.5, 0.3" : tensor<3xf64>',
    ]
    for number, site in enumerate(sites):
        law = KINDS[site].replace("VLAW", "!prob.law<tensor<3xf64>>")
        law = law.replace("LAW", LAW).replace("COIN", COIN)
        lines.append(f"%q{number} = {law}")
        lines.append(f'%z{number} = prob.sample "{site}" from %q{number} : {law.split("-> ")[1]}')
    lines.append('prob.yield "m" %m_ : tensor<f64>')
    return objective_module({"m": "real"}, "\n".join(lines), "f32")


def _draws(sites: list[str], key: int) -> dict[str, Array]:
    """What each site draws, by a compiled program."""
    program = executable(apply(_drawing(sites), *DRAW))
    found = program.run({"m": jnp.float32(0.0)}, jax.random.key(key), ())
    return {name: np.asarray(value) for name, value in found.items()}


def test_a_site_draws_the_same_alone_and_among_others() -> None:
    """Grouped or single, first or last: the same bits, for every kind of noise."""
    everything = list(KINDS)
    forwards = _draws(everything, 7)
    backwards = _draws(everything[::-1], 7)
    for site in everything:
        np.testing.assert_array_equal(forwards[site], backwards[site])
        np.testing.assert_array_equal(forwards[site], _draws([site], 7)[site])
    other_key = _draws(everything, 8)
    moved = [s for s in everything if not np.array_equal(forwards[s], other_key[s])]
    assert len(moved) >= len(everything) - 3


def test_two_sites_of_one_law_draw_independently() -> None:
    """
    Sites of one law, and a Gamma named as a part of another choice might be, are uncorrelated.

    Keys 0 … 19999; a correlation of independent draws has sd 0.0071, so |r| < 0.035 fails by
    chance once in a million.
    """
    program = executable(apply(_drawing(list(KINDS)), *DRAW))
    keys = jax.random.split(jax.random.key(3), 20_000)
    found = jax.jit(jax.vmap(lambda key: program.plain({"m": jnp.float32(0.0)}, key, ())))(keys)
    scalars = [site for site in KINDS if np.ndim(found[site]) == 1 and site != "h"]
    table = np.corrcoef(np.stack([np.asarray(found[s], dtype=np.float64) for s in scalars]))
    assert np.max(np.abs(table - np.eye(len(scalars)))) < 0.035
    vectors = np.concatenate([np.asarray(found[s]).T for s in ("vector", "vector2")])
    assert np.max(np.abs(np.corrcoef(vectors) - np.eye(6))) < 0.035


def test_the_order_of_passes_does_not_change_an_estimate() -> None:
    module = objective_module({"m": "real"}, MANY, "f32")
    decide = ("relbo-assign-estimators", "relbo-score-function", "relbo-pathwise")
    swapped = ("relbo-assign-estimators", "relbo-pathwise", "relbo-score-function")
    pipelines = [
        (*decide, *FINISH),
        ("relbo-expand-densities", *swapped, *FINISH),
        (*decide, "relbo-lower-sampling", "relbo-expand-densities", "relbo-lower-estimators"),
        ("relbo-canonicalize", *swapped, "cse", *FINISH, "relbo-canonicalize", "cse"),
    ]
    programs = [executable(apply(module, *pipeline)) for pipeline in pipelines]
    for number in range(20):
        results = [p.run({"m": jnp.float32(0.4)}, jax.random.key(number), ()) for p in programs]
        for value, gradient in results[1:]:
            np.testing.assert_allclose(value, results[0][0], rtol=1e-6)
            np.testing.assert_allclose(gradient["m"], results[0][1]["m"], rtol=1e-5, atol=1e-6)


# Found by a search over names: the two have one 32-bit FNV-1a hash.
COLLIDING = ("z40299", "z604530")


@pytest.mark.parametrize(
    "second", ["n2", "g", "c", "vector"], ids=["one kind", "gamma", "coin", "another shape"]
)
def test_names_of_one_hash_are_refused(second: str) -> None:
    """Two sites of one key would draw dependent numbers, whatever their laws are."""
    module = _drawing(["n1", second])
    for site, name in zip(["n1", second], COLLIDING, strict=True):
        choice(module, site).properties["site"] = prob.NameAttr(name)
    with pytest.raises((RelboError, VerifyException), match="hash"):
        apply(module, "relbo-score-function", *FINISH)


@pytest.mark.compat
@pytest.mark.parametrize("particles", [2, 5])
def test_particles_are_the_mean_of_single_particles(particles: int) -> None:
    module = objective_module({"m": "real"}, MANY, "f32")
    decided = apply(
        module, "relbo-assign-estimators", "relbo-score-function", "relbo-pathwise", *FINISH[:2]
    )
    many = executable(apply(decided, LowerEstimatorsPass(particles=particles)))
    one = executable(apply(decided, LowerEstimatorsPass()))
    params = {"m": jnp.float32(0.4)}
    seen: set[float] = set()
    for number in range(8):
        key = jax.random.key(number)
        value, gradient = many.run(params, key, ())
        folded = [jax.random.fold_in(key, p) for p in range(particles)]
        singles = [one.run(params, k, ()) for k in folded]
        seen.update(float(v) for v, _ in singles)
        mean = np.mean([v for v, _ in singles])
        slope = np.mean([g["m"] for _, g in singles])
        np.testing.assert_allclose(value, mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(gradient["m"], slope, rtol=1e-5, atol=1e-6)
    assert len(seen) > 4


def test_an_integer_beside_a_number_compiles_in_double_precision() -> None:
    """A splat constant beside an integer tensor, where Python's 1 is an int64."""
    body = f"""
      %q = dist.bernoulli %p_ : (tensor<f64>) -> {COIN}
      %z = prob.sample "z" from %q : {COIN}
      %one = lax.constant "1" : tensor<i32>
      %w = lax.eq %z, %one : tensor<i32> -> tensor<i1>
      %c = lax.convert %w : (tensor<i1>) -> tensor<f64>
      prob.yield "c" %c : tensor<f64>
    """
    module = objective_module({"p": "unit_interval"}, body)
    with jax.enable_x64(True):
        program = executable(apply(module, "relbo-score-function", *FINISH))
        value, _ = program.run({"p": jnp.float64(0.5)}, jax.random.key(0), ())
    assert float(value) in (0.0, 1.0)


def test_a_single_precision_program_runs_in_double_precision() -> None:
    """Python's 0.5 is a float64 where 64 bits are on."""
    body = f"""
      %one = lax.constant "1.0" : tensor<f64>
      %q = dist.normal %m_, %one : (tensor<f64>, tensor<f64>) -> {LAW}
      %z = prob.sample "z" from %q : {LAW}
      %c = prob.log_density %q at %z : {LAW}, tensor<f64> -> tensor<f64>
      prob.yield "c" %c : tensor<f64>
    """
    module = objective_module({"m": "real"}, body, "f32")
    with jax.enable_x64(True):
        program = executable(apply(module, "relbo-pathwise", *FINISH))
        value, _ = program.run({"m": jnp.float32(0.5)}, jax.random.key(0), ())
    assert value.dtype == np.float32


@pytest.mark.parametrize(
    "law",
    [
        f"dist.half_normal %one : (tensor<f64>) -> {LAW}",
        f"dist.half_cauchy %one : (tensor<f64>) -> {LAW}",
        f"dist.gamma %one, %one : (tensor<f64>, tensor<f64>) -> {LAW}",
    ],
    ids=["half_normal", "half_cauchy", "gamma of concentration 1"],
)
def test_an_expanded_density_is_minus_infinity_outside_the_support(law: str) -> None:
    """
    What `prob.log_density` means where a law has no mass: else an observation there, or a guide
    that leaves the prior's support, gets a finite ELBO without a word.
    """
    body = f"""
      %one = lax.constant "1.0" : tensor<f64>
      %y = lax.constant "-1.5" : tensor<f64>
      %p = {law}
      %l = prob.log_density %p at %y : {LAW}, tensor<f64> -> tensor<f64>
      %c = lax.add %l, %m_ : tensor<f64>
      prob.yield "c" %c : tensor<f64>
    """
    module = objective_module({"m": "real"}, body)
    assert _meaning(module, {"m": 0.0}).value() == -np.inf
    expanded = apply(module, "relbo-expand-densities")
    assert not np.isfinite(_meaning(expanded, {"m": 0.0}).value())
