"""Whether the elements of a plate are what its declaration says: independent of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from relbo_ir.dialects import dist, prob
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.location import place
from relbo_ir.passes.analyses.dependence import Dependence, DependenceOf, Facts
from relbo_ir.passes.analyses.dependence.table import each, join, trailing

Site = prob.SampleOp | prob.ObserveOp | prob.FactorOp
PlatesOfFactors = Mapping[prob.FactorOp, Mapping[str, int]]
"""The plates that a factor stands in, with their negative axes: its op does not name them."""


@dataclass(frozen=True)
class Mixing:
    """A site of a plate whose elements read other elements of a choice in the same plate."""

    plate: prob.PlateOp
    site: Site
    choice: prob.SampleOp
    mixer: Operation | None

    @property
    def message(self) -> str:
        """What is mixed, and by which op."""
        by = "" if self.mixer is None else f", by {self.mixer.name}{place(self.mixer)}"
        return (
            f'plate "{self.plate.sym_name.data}": elements of "{self.site.site.data}" read other '
            f'elements of "{self.choice.site.data}"{by}'
        )


@dataclass(frozen=True)
class Outside:
    """A site that reads a minibatch's part of a choice and does not stand in its plate itself."""

    plate: prob.PlateOp
    site: Site
    choice: prob.SampleOp

    @property
    def message(self) -> str:
        """What reads what, and how much of it there is."""
        name, size = self.plate.sym_name.data, self.plate.size.value.data
        return (
            f'plate "{name}": "{self.site.site.data}" reads "{self.choice.site.data}" outside of '
            f"the plate, of which a minibatch of {self.plate.count} of {size} is drawn"
        )


def mixed_plates(
    module: ModuleOp, factors: PlatesOfFactors | None = None
) -> Iterator[Mixing | Outside]:
    """
    Every pair of a site and a choice that share a plate and are not read element by element in it.
    The gradient does not suffer, as dependence is read off the graph; a minibatch does.

    Where a minibatch is drawn, guides in place, scales and factors count too, and so does every
    site outside of the plate that reads a choice in it: no weight makes up for what it is not
    shown. A named value may read what it likes.
    """
    for function in module.ops:
        if isinstance(function, prob.FuncOp):
            yield from _mixed(function, factors or {})


def _mixed(function: prob.FuncOp, factors: PlatesOfFactors) -> Iterator[Mixing | Outside]:
    block = function.body.block
    plates = {op.sym_name.data: op for op in block.ops if isinstance(op, prob.PlateOp)}
    sites = [op for op in block.ops if isinstance(op, Site)]
    inside = [op for op in sites if isinstance(op, prob.SampleOp | prob.ObserveOp) and op.plates]
    choices = [op for op in inside if isinstance(op, prob.SampleOp)]
    drawn = {name for name, plate in plates.items() if plate.subsample is not None}
    parts = [choice for choice in choices if drawn & _axes(choice, factors).keys()]
    if not choices or (not parts and len(inside) < 2 and choices[0].drawn is None):
        return
    facts = DependenceOf(block, choices)
    for site in sites if parts else inside:
        mine, seen = _axes(site, factors), set[tuple[str, prob.SampleOp]]()
        for read, everywhere in _reads(site, facts):
            for choice, fact in read.items():
                if not isinstance(choice, prob.SampleOp):
                    continue
                if choice is site and choice.drawn is None:
                    continue
                for name, axis in _axes(choice, factors).items():
                    if (name, choice) in seen or not (everywhere or name in drawn):
                        continue
                    if name not in mine and name in drawn:
                        seen.add((name, choice))
                        yield Outside(plates[name], site, choice)
                    elif name in mine and not _apart(fact, mine[name], axis, name in drawn):
                        seen.add((name, choice))
                        yield Mixing(plates[name], site, choice, fact.mixer)


def _reads(site: Site, facts: DependenceOf) -> Iterator[tuple[Facts, bool]]:
    """What a site reads, and whether it counts where no minibatch is drawn too."""
    match site:
        case prob.FactorOp():
            yield facts.of(site.value), False
            return
        case prob.ObserveOp():
            yield join([facts.of(site.law), facts.of(site.value)]), True
        case prob.SampleOp():
            yield facts.of(site.law), True
            if site.guide is not None:
                yield facts.of(site.guide), False
    if site.scale is not None:
        batch = dist.law_of(site.law).batch_shape
        yield each(facts.of(site.scale), lambda d: trailing(d, batch)), False


def _axes(site: Site, factors: PlatesOfFactors) -> dict[str, int]:
    """The axis of a draw, or of a factor, along which each plate of a site runs."""
    if isinstance(site, prob.FactorOp):
        rank = len(shape_of(site.value))
        return {name: rank + axis for name, axis in factors.get(site, {}).items()}
    rank = len(dist.law_of(site.law).batch_shape)
    return {a.plate.string_value(): rank + a.axis.data for a in site.plates or ()}


def _apart(fact: Dependence, mine: int, theirs: int, is_minibatch: bool) -> bool:
    """
    Whether element i along an axis reads element i of the choice along its axis, at most. One
    element cannot read others; the only one of a minibatch can where the plate has more.
    """
    along = fact.along[theirs]
    if along.is_empty or (along.size == 1 and not is_minibatch):
        return True
    return along.axis == mine and along.reads_itself_at_most
