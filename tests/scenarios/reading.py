"""Which terms of an ELBO read which draws: by analysis, and by what the pruned score weighs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpyro.distributions as nd
from helpers.relations import Relation, relation
from xdsl.ir import Operation, SSAValue

import relbo_ir as rb
from relbo_ir.dialects import estim, prob
from relbo_ir.passes.analyses.dependence import DependenceOf
from relbo_ir.passes.analyses.laws import own_draw
from relbo_ir.passes.treatment import choices, expectations
from scenarios.programs import EXACT, Scenario

UNSPLIT_PRUNED = (*EXACT, "relbo-score-function", "relbo-rao-blackwellize")
Element = tuple[str, tuple[int, ...]]
"""A site, and the index of one of its elements."""


def term(addend: str) -> str:
    """`lq(t)` for the guide's density of a site, `lp(t)` for the model's, and for a factor."""
    site, _, part = addend.partition(".")
    return f"lq({site})" if part == "entropy" else f"lp({site})"


def own(*sites: str) -> set[str]:
    """The terms that every choice reads of itself."""
    return {f"{part}({site})" for site in sites for part in ("lp", "lq")}


class Reading:
    """What every addend of a scenario's program reads, element by element."""

    def __init__(self, scenario: Scenario):
        module = scenario.module()
        (self._expectation,) = expectations(module)
        self.sites = {c.site.data: c for c in choices(self._expectation)}
        facts = DependenceOf(self._expectation.body.block, self.sites.values())
        yielded = self._expectation.terminator
        self._facts = {
            name.data: facts.of(value)
            for name, value in zip(yielded.names, yielded.addends, strict=True)
        }

    def elements(self, addend: str, site: str) -> Relation | None:
        """(*shape of the addend, *shape of the choice) of booleans; None where nothing is read."""
        fact = self._facts[addend].get(self.sites[site])
        if fact is None or fact.is_empty:
            return None
        found = relation(fact)
        return found if found.any() else None

    def data_sets(self) -> dict[str, set[str]]:
        """By site, the terms whose value depends on its draw."""
        return {
            site: {term(a) for a in self._facts if self.elements(a, site) is not None}
            for site in self.sites
        }

    def parents(self) -> dict[str, set[str]]:
        """By site of the model, the choices that its density reads, and the site itself."""
        found: dict[str, set[str]] = {}
        for addend in self._facts:
            site, _, part = addend.partition(".")
            if part != "entropy":
                read = {s for s in self.sites if self.elements(addend, s) is not None}
                found[site] = read | {site}
        return found

    def coupled(self) -> set[frozenset[Element]]:
        """The pairs of elements of choices that one element of a model's term reads together."""
        pairs: set[frozenset[Element]] = set()
        for addend in self._facts:
            if addend.endswith(".entropy"):
                continue
            for together in self._read_together(addend):
                pairs |= {frozenset(pair) for pair in combinations(together, 2)}
        return pairs

    def _read_together(self, addend: str) -> Iterable[list[Element]]:
        rows: dict[tuple[int, ...], list[Element]] = {}
        for site in self.sites:
            found = self.elements(addend, site)
            if found is None:
                continue
            rank = len(self._facts[addend][self.sites[site]].shape)
            for place in map(tuple, np.argwhere(found).tolist()):
                rows.setdefault(place[:rank], []).append((site, place[rank:]))
        return rows.values()

    def posterior(self) -> dict[str, set[str]]:
        """
        By choice, in program order: the later choices that the posterior couples it with, and the
        observations of it; `~t` where that is across a plate of both.
        """
        order = list(self.sites)
        found = {
            site: {t for t, read in self.parents().items() if site in read and t not in order}
            for site in order
        }
        for pair in self.coupled():
            first, second = sorted(pair, key=lambda e: order.index(e[0]))
            here, there = self._in_plates(first), self._in_plates(second)
            across = any(here[p] != there[p] for p in here.keys() & there.keys())
            if across or first[0] != second[0]:
                found[first[0]].add(f"~{second[0]}" if across else second[0])
        return found

    def _in_plates(self, element: Element) -> dict[str, int]:
        """The element's index in each plate of its site."""
        name, place = element
        choice = self.sites[name]
        batch = len(choice.law_type.batch_shape)
        plates = () if choice.plates is None else choice.plates
        return {p.plate.string_value(): place[batch + p.axis.data] for p in plates}


def weighed(scenario: Scenario) -> dict[str, set[str]]:
    """By site, the terms that the pruned score function weighs by its draw's score."""
    (expectation,) = expectations(scenario.module(UNSPLIT_PRUNED))
    yielded = expectation.terminator
    found: dict[str, set[str]] = {c.site.data: set() for c in choices(expectation)}
    for name, addend in zip(yielded.names, yielded.addends, strict=True):
        while isinstance(score := addend.owner, estim.ScoreOp):
            for upstream in score.upstream:
                for site in _drawn(upstream):
                    found[site].add(term(name.data))
            addend = score.cost
    return found


def _drawn(upstream: SSAValue) -> set[str]:
    """The sites whose own densities an upstream is computed from."""
    op = upstream.owner
    if not isinstance(op, Operation):
        return set()
    if isinstance(op, prob.LogDensityOp) and (choice := own_draw(op)) is not None:
        return {choice.site.data}
    return {site for operand in op.operands for site in _drawn(operand)}


def check_data_sets(scenario: Scenario, expected: Mapping[str, set[str]]) -> Reading:
    """The DATA sets, by the analysis and by the weights of the pruned score function."""
    reading = Reading(scenario)
    assert reading.data_sets() == expected
    assert weighed(scenario) == expected
    return reading


def latent(name: str, law: Any, guide: Any = None) -> Any:
    """A choice whose guide is a law of its own, which no other choice's value enters."""
    if guide is None:
        positive = law.support is nd.constraints.positive
        at = np.zeros((*law.batch_shape, *law.event_shape))
        guide = (nd.LogNormal if positive else nd.Normal)(at, 1.0).to_event(len(law.event_shape))
    return rb.sample(name, law, guide=guide)
