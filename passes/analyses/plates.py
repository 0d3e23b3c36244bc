"""Whether the elements of a plate are what its declaration says: independent of each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from relbo_ir.dialects import dist, prob
from relbo_ir.dialects.location import place
from relbo_ir.passes.analyses.dependence import Dependence, DependenceOf
from relbo_ir.passes.analyses.dependence.table import join

Site = prob.SampleOp | prob.ObserveOp


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


def mixed_plates(module: ModuleOp) -> Iterator[Mixing]:
    """
    Every pair of a site and a choice that share a plate and are not read element by element in it.
    The gradient does not suffer, as dependence is read off the graph; a minibatch does.
    """
    for function in module.ops:
        if isinstance(function, prob.FuncOp):
            yield from _mixed(function)


def _mixed(function: prob.FuncOp) -> Iterator[Mixing]:
    block = function.body.block
    plates = {op.sym_name.data: op for op in block.ops if isinstance(op, prob.PlateOp)}
    sites = [op for op in block.ops if isinstance(op, (prob.SampleOp, prob.ObserveOp))]
    inside = [op for op in sites if op.plates is not None]
    choices = [op for op in inside if isinstance(op, prob.SampleOp)]
    if not choices or (len(inside) < 2 and choices[0].drawn is None):
        return
    facts = DependenceOf(block, choices)
    for site in inside:
        read = dict(facts.of(site.law))
        if isinstance(site, prob.ObserveOp):
            read = dict(join([read, facts.of(site.value)]))
        for choice, fact in read.items():
            if not isinstance(choice, prob.SampleOp):
                continue
            if choice is site and choice.drawn is None:
                continue
            for name in _axes(site).keys() & _axes(choice).keys():
                if not _apart(fact, _axes(site)[name], _axes(choice)[name]):
                    yield Mixing(plates[name], site, choice, fact.mixer)


def _axes(site: Site) -> dict[str, int]:
    """The axis of a draw along which each plate of a site runs."""
    rank = len(dist.law_of(site.law).batch_shape)
    return {a.plate.string_value(): rank + a.axis.data for a in site.plates or ()}


def _apart(fact: Dependence, mine: int, theirs: int) -> bool:
    """Whether element i along an axis reads element i of the choice along its axis, at most."""
    along = fact.along[theirs]
    if along.is_empty or along.size == 1:
        return True
    return along.axis == mine and along.reads_itself_at_most
