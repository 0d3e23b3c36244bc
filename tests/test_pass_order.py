"""Which choices a pass is told to treat, and the orders of passes that are refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpyro.distributions as nd
import pytest
from helpers.texts import COIN, LAW, apply, hows, objective_module, plans
from oracle import Precision, interpret_module
from xdsl.dialects.builtin import ModuleOp

import relbo_ir
from relbo_ir.dialects import estim
from relbo_ir.dialects.errors import PassError
from relbo_ir.lowering.trace import split_call, trace_elbo
from relbo_ir.passes.disarm import DisarmPass
from relbo_ir.passes.upstreams import origin
from relbo_ir.pipelines import resolve, run

BODY = f"""
  %one = lax.constant "1.0" : tensor<f64>
  %q = dist.normal %m_, %one : (tensor<f64>, tensor<f64>) -> {LAW}
  %z = prob.sample "z" from %q : {LAW}
  %qa = dist.bernoulli %p_ : (tensor<f64>) -> {COIN}
  %a = prob.sample "a" from %qa : {COIN}
  %qb = dist.bernoulli_logits %m_ : (tensor<f64>) -> {COIN}
  %b = prob.sample "b" from %qb : {COIN}
  %x = lax.convert %a : (tensor<i32>) -> tensor<f64>
  %y = lax.convert %b : (tensor<i32>) -> tensor<f64>
  %s = lax.add %x, %y : tensor<f64>
  %t = lax.add %s, %z : tensor<f64>
  %f = lax.square %t : tensor<f64>
  %l = prob.log_density %qa at %a : {COIN}, tensor<i32> -> tensor<f64>
  prob.yield "f" %f, "l" %l : tensor<f64>, tensor<f64>
"""
AT = {"m": 0.3, "p": 0.4}
ALL = ("relbo-assign-estimators", "relbo-score-function", "relbo-pathwise")
DRAWN = (*ALL, "relbo-expand-densities", "relbo-lower-sampling")


def module() -> ModuleOp:
    """A Normal and two coins, of level 2."""
    return objective_module({"m": "real", "p": "unit_interval"}, BODY)


LATE = "the objective is a program by now"
GONE = "the choices of the objective are drawn by now"
ATOMIC = "the objective is one atomic addend"
NO_SCORE = "no addend is weighed by a score yet"
BOUND = ("relbo-importance-weighted",)
REFUSED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "split after a score": (
        ("relbo-score-function", "relbo-split-addends"),
        "is weighed already",
        "run relbo-split-addends before relbo-score-function and relbo-disarm",
    ),
    "split after disarm": (
        ("relbo-disarm", "relbo-split-addends"),
        "is weighed already",
        "run relbo-split-addends before relbo-score-function and relbo-disarm",
    ),
    "pruned before a score": (
        ("relbo-rao-blackwellize",),
        NO_SCORE,
        "run relbo-score-function before relbo-rao-blackwellize",
    ),
    "pruned after densities are expanded": (
        ("relbo-score-function", "relbo-expand-densities", "relbo-rao-blackwellize"),
        "it is not known any more whose log density it is",
        "run relbo-rao-blackwellize before relbo-expand-densities",
    ),
    "pruned after baselines": (
        ("relbo-score-function", "relbo-baseline", "relbo-rao-blackwellize"),
        "has baselines already",
        "run relbo-rao-blackwellize before relbo-baseline",
    ),
    "a baseline before a score": (
        ("relbo-baseline",),
        NO_SCORE,
        "run relbo-score-function before relbo-baseline",
    ),
    "a baseline of some choices after densities are expanded": (
        ("relbo-score-function", "relbo-expand-densities", "relbo-baseline{sites=a}"),
        "it is not known any more whose log density it is",
        "run relbo-baseline with a selection before relbo-expand-densities",
    ),
    "a second baseline of one upstream": (
        ("relbo-score-function", "relbo-baseline{sites=a}", "relbo-baseline"),
        "has a baseline already",
        "run relbo-baseline once on each choice",
    ),
    "scores are merged before there is one": (
        ("relbo-merge-scores",),
        NO_SCORE,
        "run relbo-score-function before relbo-merge-scores",
    ),
    "zero scores before any score": (
        ("relbo-drop-zero-score",),
        "no choice is treated yet",
        "run relbo-score-function or relbo-pathwise before relbo-drop-zero-score",
    ),
    "zero scores after densities are expanded": (
        ("relbo-score-function", "relbo-expand-densities", "relbo-drop-zero-score"),
        "the densities are expanded already",
        "run relbo-drop-zero-score before relbo-expand-densities",
    ),
    "a plan when all is decided": (
        ("relbo-score-function", "relbo-assign-estimators"),
        "every choice is treated already",
        "run relbo-assign-estimators before the passes that carry the plan out",
    ),
    "disarm after a score of the same choice": (
        ("relbo-score-function", "relbo-disarm{sites=a}"),
        "the choice is treated already: it is score",
        "run relbo-disarm before the pass that treats it",
    ),
    "a score after disarm of the same choice": (
        ("relbo-disarm", 'relbo-score-function{families="Bernoulli*"}'),
        "the choice is treated already: it is disarm",
        "run relbo-score-function before the pass that treats it",
    ),
    "pathwise after a score of the same choice": (
        ("relbo-score-function", "relbo-pathwise{sites=z}"),
        "the choice is treated already: it is score",
        "run relbo-pathwise before the pass that treats it",
    ),
    "importance weights after a score": (
        ("relbo-score-function", *BOUND),
        "the choice is treated already: it is score",
        "run relbo-importance-weighted before the passes that treat choices",
    ),
    "importance weights twice": ((*BOUND, *BOUND), ATOMIC, "leave relbo-importance-weighted out"),
    "draws before a decision": (
        ("relbo-lower-sampling",),
        "the choice has no estimator yet",
        "run relbo-score-function, relbo-pathwise or relbo-disarm on it first",
    ),
    "a program before draws": (
        (*ALL, "relbo-lower-estimators"),
        "a choice is left",
        "run relbo-lower-sampling or relbo-externalize-draws first",
    ),
    "draws twice": (
        (*DRAWN, "relbo-lower-sampling"),
        GONE,
        "run relbo-lower-sampling once, and not with relbo-externalize-draws",
    ),
    "draws after draws that are arguments": (
        (*DRAWN[:-1], "relbo-externalize-draws", "relbo-lower-sampling"),
        GONE,
        "run relbo-lower-sampling once, and not with relbo-externalize-draws",
    ),
    "a report after the program": (
        (*DRAWN, "relbo-lower-estimators", "relbo-report"),
        LATE,
        "run relbo-report before relbo-lower-estimators",
    ),
    **{
        f"{name} after importance weights": ((*BOUND, name), ATOMIC, f"leave {name} out")
        for name in (
            "relbo-score-function",
            "relbo-pathwise",
            "relbo-disarm",
            "relbo-assign-estimators",
            "relbo-split-addends",
            "relbo-rao-blackwellize",
            "relbo-baseline",
            "relbo-drop-zero-score",
        )
    },
    **{
        f"{name} after draws": (
            (*DRAWN, name),
            GONE,
            f"run {name} before relbo-lower-sampling or relbo-externalize-draws",
        )
        for name in (
            "relbo-score-function",
            "relbo-pathwise",
            "relbo-disarm",
            "relbo-assign-estimators",
            "relbo-split-addends",
            "relbo-rao-blackwellize",
            "relbo-baseline",
            "relbo-drop-zero-score",
            "relbo-importance-weighted",
        )
    },
    **{
        f"{name} after the program": (
            (*DRAWN, "relbo-lower-estimators", name),
            LATE,
            f"run {name} before relbo-lower-estimators",
        )
        for name in ("relbo-score-function", "relbo-rao-blackwellize", "relbo-importance-weighted")
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_illegal_order_is_refused(name: str) -> None:
    steps, cause, remedy = REFUSED[name]
    with pytest.raises(PassError) as caught:
        apply(module(), *steps)
    assert cause in caught.value.cause
    assert remedy in caught.value.remedy


def _model() -> None:
    relbo_ir.sample("z", nd.Normal(0.0, 1.0))


def _guide() -> None:
    relbo_ir.sample("z", nd.Normal(relbo_ir.param("m", 0.0), 1.0))


@pytest.mark.parametrize(
    "name",
    [
        "relbo-score-function",
        "relbo-pathwise",
        "relbo-disarm",
        "relbo-split-addends",
        "relbo-rao-blackwellize",
        "relbo-importance-weighted",
        "relbo-lower-estimators",
        "relbo-report",
    ],
)
def test_an_objective_that_is_not_formed_is_refused(name: str) -> None:
    traced, _ = trace_elbo(_model, _guide, split_call(_model, (), {}))
    with pytest.raises(PassError, match="the objective is not formed yet") as caught:
        run(traced, resolve((name,)))
    assert caught.value.remedy == f"run relbo-form-elbo before {name}"


@pytest.mark.parametrize(
    "steps",
    [
        (
            "relbo-score-function{sites=a}",
            "relbo-rao-blackwellize",
            "relbo-pathwise",
            "relbo-disarm",
        ),
        ("relbo-disarm", "relbo-pathwise{sites=z}"),
        ("relbo-disarm{sites=a}", "relbo-score-function{sites=b}", "relbo-pathwise"),
        ("relbo-pathwise", "relbo-split-addends", "relbo-disarm", "relbo-expand-densities"),
        ("relbo-score-function{sites=a}", "relbo-expand-densities", "relbo-score-function"),
    ],
)
def test_legal_orders_mix_estimators(steps: tuple[str, ...]) -> None:
    """Whatever treats which choice first, the gradient is that of the objective."""
    truth = interpret_module(module(), AT)
    result = interpret_module(apply(module(), *steps), AT)
    assert "exact" not in hows(apply(module(), *steps)).values()
    for name, slope in truth.gradient().items():
        assert result.gradient()[name] == pytest.approx(slope, rel=1e-9)


# Selections.


@pytest.mark.parametrize(
    ("option", "selected"),
    [
        ("sites=a", {"a"}),
        ('sites="[ab]"', {"a", "b"}),
        ("families=BernoulliLogits", {"b"}),
        ('families="Bernoulli*"', {"a", "b"}),
        ('families="Bernoulli*" sites=b', {"b"}),
        ("families=Normal,BernoulliLogits", {"z", "b"}),
    ],
)
def test_choices_are_selected_by_name_and_by_family(option: str, selected: set[str]) -> None:
    scored = hows(apply(module(), f"relbo-score-function{{{option}}}"))
    assert {name for name, how in scored.items() if how == "score"} == selected
    planned = plans(apply(module(), f'relbo-assign-estimators{{how="score" {option}}}'))
    assert {name for name, how in planned.items() if how == "score"} == selected


@pytest.mark.parametrize(
    ("option", "cause"),
    [
        ("sites=w", r"the option sites='w' matches no choice \(there are: a, b, z\)"),
        (
            "families=Gamma",
            r"the option families='Gamma' matches no choice "
            r"\(there are: BernoulliLogits, BernoulliProbs, Normal\)",
        ),
        ("plates=rows", r"the option plates='rows' matches no choice \(there are: none\)"),
        ("families=Normal sites=a", "no choice matches sites='a' families='Normal' together"),
    ],
)
@pytest.mark.parametrize(
    "name", ["score-function", "pathwise", "disarm", "assign-estimators", "rao-blackwellize"]
)
def test_a_selection_of_nothing_is_refused(name: str, option: str, cause: str) -> None:
    with pytest.raises(PassError, match=cause):
        apply(module(), f"relbo-{name}{{{option}}}")


def test_a_plan_that_is_none_is_refused() -> None:
    with pytest.raises(PassError, match="'magic' is no plan"):
        apply(module(), 'relbo-assign-estimators{how="magic"}')


def test_baselines_by_family() -> None:
    """The upstreams of the selected choices take the baseline, the others 0."""
    steps = ("relbo-score-function{sites=a}", "relbo-score-function{sites=b}")
    based = apply(module(), *steps, 'relbo-baseline{kind="leave-one-out" families=BernoulliLogits}')
    scores = [op for op in based.walk() if isinstance(op, estim.ScoreOp)]
    assert sorted(bool(op.baselines) for op in scores) == [False, False, True, True]


@pytest.mark.parametrize("kind", ["leave-one-out", "running-mean"])
def test_baselines_by_site_of_a_joint_upstream(kind: str) -> None:
    """A part of the joint upstream takes the baseline: the same as of upstreams that stand apart."""
    one = f'relbo-baseline{{kind="{kind}" sites=a}}'
    joint = apply(module(), "relbo-score-function", one)
    scores = [op for op in joint.walk() if isinstance(op, estim.ScoreOp)]
    assert [len(op.upstream) for op in scores] == [3, 3]
    each = [f"relbo-score-function{{sites={site}}}" for site in "zba"]
    apart = interpret_module(apply(module(), *each, one), AT, Precision(normal_nodes=4))
    plain = interpret_module(apply(module(), *each), AT, Precision(normal_nodes=4))
    found = interpret_module(joint, AT, Precision(normal_nodes=4))
    truth = interpret_module(module(), AT).gradient()
    for name, variance in apart.gradient_variance().items():
        assert found.gradient()[name] == pytest.approx(truth[name], rel=1e-9)
        assert found.gradient_variance()[name] == pytest.approx(variance, rel=1e-9)
    assert abs(found.gradient_variance()["p"] - plain.gradient_variance()["p"]) > 1e-3
    with pytest.raises(PassError, match="has a baseline already"):
        apply(joint, one)
    whole = apply(module(), "relbo-score-function", f'relbo-baseline{{kind="{kind}"}}')
    assert [len(op.upstream) for op in whole.walk() if isinstance(op, estim.ScoreOp)] == [1, 1]
    with pytest.raises(PassError, match="has a baseline already"):
        apply(whole, one)


def test_pruning_by_site() -> None:
    """`l` reads `a` alone; of the two choices that weigh it in vain the selected one goes."""
    pruned = apply(module(), "relbo-score-function", "relbo-rao-blackwellize{sites=b}")
    weighs = [
        {choice.site.data for u in op.upstream if (choice := origin(u)) is not None}
        for op in pruned.walk()
        if isinstance(op, estim.ScoreOp)
    ]
    assert weighs == [{"z", "a", "b"}, {"z", "a"}]
    truth = interpret_module(module(), AT).gradient()
    found = interpret_module(pruned, AT).gradient()
    assert all(found[name] == pytest.approx(truth[name], rel=1e-9) for name in AT)


def _plated_model() -> None:
    with relbo_ir.plate("rows", 3):
        a = relbo_ir.sample("a", nd.Bernoulli(0.4))
    with relbo_ir.plate("columns", 2):
        b = relbo_ir.sample("b", nd.Bernoulli(0.6))
    relbo_ir.factor("f", 1.0 * jnp.sum(a) * jnp.sum(b))


def _plated_guide() -> None:
    logit = relbo_ir.param("phi", jnp.array(0.2))
    with relbo_ir.plate("rows", 3):
        relbo_ir.sample("a", nd.Bernoulli(logits=logit))
    with relbo_ir.plate("columns", 2):
        relbo_ir.sample("b", nd.Bernoulli(logits=-logit))


def test_choices_are_selected_by_plate() -> None:
    with jax.enable_x64(True):
        traced, _ = trace_elbo(_plated_model, _plated_guide, split_call(_plated_model, (), {}))
        run(traced, resolve(("objective",)))
    mixed = apply(traced, DisarmPass(plates=("row*",)), "relbo-score-function{plates=columns}")
    assert hows(mixed) == {"a": "disarm", "b": "score"}
    truth = interpret_module(traced, {"phi": 0.2})
    result = interpret_module(mixed, {"phi": 0.2})
    assert result.gradient()["phi"] == pytest.approx(truth.gradient()["phi"], rel=1e-9)
    with pytest.raises(PassError, match=r"plates='x' matches no choice \(there are: columns, rows"):
        apply(traced, DisarmPass(plates=("x",)))
