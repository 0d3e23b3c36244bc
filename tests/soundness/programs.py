"""All programs of the mutation tests; each mutant has to be caught by one of them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import jax
from helpers.vector_functions import EXACT, SUPERSET, Function
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.errors import RelboError

from . import models, steps, texts
from .base import STEPS, Checked

UNSUPPORTED = ("scatter",)
"""Functions whose primitives the oracle does not evaluate."""


@jax.custom_jvp
def _with_jvp(z: Any) -> Any:
    return z[::-1] * 2.0


@jax.custom_vjp
def _with_vjp(z: Any) -> Any:
    return z[::-1] * 2.0


_with_jvp.defjvp(lambda z, t: (_with_jvp(*z), 3.0 * t[0][::-1]))
_with_vjp.defvjp(lambda z: (_with_vjp(z), None), lambda _, g: (3.0 * g[::-1],))
MORE: dict[str, Function] = {
    "clamp": lambda z: jax.lax.clamp(0.5, z, 1.9),
    "custom derivative": _with_jvp,
    "custom reverse derivative": _with_vjp,
}


@functools.cache
def programs() -> dict[str, Checked]:
    """All programs, by name."""
    functions = {n: f for n, f in (EXACT | SUPERSET | MORE).items() if n not in UNSUPPORTED}
    hierarchy = models.hierarchy()
    chain, merging = models.chain(), (*STEPS, "cse", "relbo-merge-scores")
    one_by_one = ("relbo-score-function{sites=w,c,e}", *STEPS[1:3])
    own: dict[str, Checked] = {
        "chain": chain,
        "chain, merged": replace(chain, steps=merging),
        "totals in a carry": models.carried(),
        "groups": models.groups(),
        "spread": models.spread(),
        "hierarchy": hierarchy,
        "hierarchy, merged": replace(hierarchy, steps=merging),
        "hierarchy, score of a score": replace(hierarchy, steps=one_by_one),
        "laws": models.laws(),
        "mixed laws": models.mixed_laws(),
        "a law without a rule": models.law_without_a_rule(),
        "score of a score": texts.score_of_a_score("relbo-rao-blackwellize"),
        "merged scores": texts.score_of_a_score("relbo-canonicalize"),
        "weighted scores": texts.weighted_scores(),
        "one choice is left": texts.one_left(),
        "baseline of b": texts.baseline_of_the_other(),
        "baseline of its own draw": texts.baseline_of_its_own(),
        "a call": texts.a_call(),
        "an attached gradient": texts.attached(),
        "a twin": texts.a_twin(),
        "a jump": texts.a_jump(),
        "an entropy": texts.entropy(),
        "chains": steps.two_chains(reverse=False),
        "chains, backwards": steps.two_chains(reverse=True),
        "weighted by the loop": steps.weighted_by_the_loop(),
        "a jump in the loop": steps.a_jump_in_the_loop(),
        "quotients": texts.quotients(),
        "sites": texts.sites(),
        "sites, formed": texts.sites_alone(),
    }
    slow: dict[str, Checked] = {
        "chains, turning": steps.turning_chains(),
        "draws": texts.draws(),
        "draws of steps": steps.draws(),
        "scored steps": steps.held(),
        "emitted walk": steps.walk(reverse=False),
        "emitted walk, backwards": steps.walk(reverse=True),
        "emitted matrix": texts.a_matrix(),
        "emitted entropy": texts.emitted(texts.entropy()),
        "emitted scores": texts.emitted(texts.score_of_a_score()),
    }
    return own | {name: models.of(function) for name, function in functions.items()} | slow


CRASHES = (ValueError, TypeError, AttributeError, VerifyException, RelboError)
"""What a mistake may end a program in: a program that was not finished shows nothing."""


def caught() -> str | None:
    """The program that shows by a wrong number that something is wrong; an error shows nothing."""
    return next((name for name, each in programs().items() if shows(each)), None)


def shows(program: Checked) -> bool:
    """Whether the program runs to its end and a number is wrong."""
    try:
        return not program.holds()
    except CRASHES:
        return False
