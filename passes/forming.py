"""Minibatches and points of an ELBO that is formed: their side conditions, and their addends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.ir import Attribute, Block, SSAValue

from relbo_ir.dialects import dist, lax, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.location import source_line
from relbo_ir.passes.analyses.reach import closure
from relbo_ir.passes.analyses.sameness import is_same
from relbo_ir.passes.analyses.smoothness import SmoothnessOf
from relbo_ir.passes.analyses.value_ranges import Ranges
from relbo_ir.passes.analyses.walker import Order
from relbo_ir.passes.expressions import Expression, Writer


def check_minibatches(model: prob.FuncOp, guide: prob.FuncOp) -> None:
    """Refuses a minibatch that one function draws and the other one is given."""
    drawn = [
        {
            op.plate.string_value()
            for op in function.body.block.ops
            if isinstance(op, prob.SubsampleOp)
        }
        for function in (model, guide)
    ]
    declared = [
        {op.sym_name.data: op for op in function.body.block.ops if isinstance(op, prob.PlateOp)}
        for function in (model, guide)
    ]
    for name in drawn[0] ^ drawn[1]:
        if name in declared[0] and name in declared[1]:
            raise PassError.at(
                declared[0][name],
                f'the minibatch of plate "{name}" is drawn in '
                f"{'the model' if name in drawn[0] else 'the guide'} and given in the other one",
                "give the indices to both (handlers.substitute), or to none",
            )


def check_points(block: Block) -> None:
    """
    Refuses a point that moves with parameters and choices both, where what reads it is not proved
    smooth: no treatment of these choices would see the jumps that the parameters move. The block is
    that of an expectation in a module, whose functions it may call.
    """
    expectation = block.parent_op()
    parameters = None if expectation is None else expectation.parent_block()
    points = [op for op in block.ops if isinstance(op, prob.DeterministicOp) and op.point]
    ranges, order = Ranges(), Order(block)
    for op in points:
        if not _moves_by_both(op.value, parameters):
            continue
        failures = SmoothnessOf(op, ranges, order).failures
        if failures:
            raise PassError.at(
                op,
                "the guide computes the choice from parameters and other choices, and what reads "
                f"it is not proved smooth in it: it is {failures[0].reason}",
                "draw the choice from a law with these parameters, or make the model smooth in it",
                site=op.site.data,
            )


def _moves_by_both(value: SSAValue, parameters: Block | None) -> bool:
    """Whether a value reads a draw and, other than through draws, a parameter."""
    read = closure([value], _read_but_for_draws)
    moves = any(v.owner is parameters for v in read)
    return moves and any(isinstance(v.owner, prob.SampleOp) for v in read)


def _read_but_for_draws(value: SSAValue) -> list[SSAValue]:
    if isinstance(value.owner, (Block, prob.SampleOp)):
        return []
    return [v for op in value.owner.walk() for v in op.operands]


def without_masks(block: Block, law: SSAValue, wrappers: Sequence[dist.Wrapper]) -> SSAValue:
    """
    What is drawn from: the law with these wrappers, from the outermost inwards, without masks. New
    ops go to the end of the block.
    """
    if not any(isinstance(wrapper, dist.MaskOp) for wrapper in wrappers):
        return wrappers[0].result if wrappers else law
    for wrapper in reversed(wrappers):
        if not isinstance(wrapper, dist.MaskOp):
            copy = wrapper.clone({wrapper.base: law})
            copy.location = wrapper.location
            block.add_op(copy)
            law = copy.results[0]
    return law


def point_density(w: Writer, delta: dist.DeltaOp, wrappers: Sequence[dist.Wrapper]) -> Expression:
    """The log density of a wrapped point at itself; wrappers from the outermost inwards."""
    density = w.expression(delta.log_density)
    for wrapper in reversed(wrappers):
        density = w.broadcast(density, dist.law_of(wrapper.base).batch_shape)
        rank = len(density.shape)
        match wrapper:
            case dist.MaskOp():
                none = w.constant(density.value.type, 0.0)
                masked = lax.SelectNOp(wrapper.mask, [none.value, density.value])
                density = w.expression(w.insert(masked))
            case dist.IndependentOp():
                density = w.sum(density, range(rank - wrapper.rank.value.data, rank))
            case dist.ExpandOp():
                density = w.broadcast(density, wrapper.batch)
    return density


def categories(law: SSAValue) -> int:
    """How many categories a law has; 0 for one that has none."""
    owner = law.owner
    if isinstance(owner, (dist.CategoricalOp, dist.CategoricalLogitsOp)):
        return lax.shape_of(owner.operands[0])[-1]
    if isinstance(owner, (dist.ExpandOp, dist.IndependentOp, dist.MaskOp)):
        return categories(owner.base)
    return 0


def drop_unused_closures(block: Block, roles: list[Attribute]) -> None:
    """Removes the arguments of a function that are constants without a use."""
    for index in reversed(range(len(roles))):
        if isinstance(roles[index], prob.ClosureAttr) and not block.args[index].uses:
            block.erase_arg(block.args[index])
            del roles[index]


def spoken_size(plate: prob.PlateOp) -> str:
    """A plate's size in words."""
    size = str(plate.size.value.data)
    return size if plate.subsample is None else f"{size} (subsample {plate.count})"


def site_error(op: prob.SampleOp | prob.ObserveOp, cause: str, remedy: str) -> PassError:
    """An error about a site."""
    return PassError.at(op, cause, remedy, site=op.site.data)


def missing_guide(op: prob.SampleOp) -> PassError:
    """The error for a choice of the model alone."""
    return site_error(
        op,
        "the model has this choice, the guide has not",
        "add it to the guide, or observe it",
    )


def choices_of_loop(model: prob.FuncOp, loop: prob.ScanOp) -> list[prob.SampleOp]:
    """The model's choices that a loop draws, in the order of its results."""
    named = {op.site.data: op for op in model.body.block.ops if isinstance(op, prob.SampleOp)}
    for draw in loop.inner_draws:
        if draw.site.data not in named:
            raise PassError.at(
                draw,
                "the loop draws a choice that the model has not",
                'add prob.sample "..." from its law drawn the loop\'s result',
                site=draw.site.data,
            )
    return [named[draw.site.data] for draw in loop.inner_draws]


def check_fits(
    op: prob.SampleOp, drawn: prob.SampleOp, law: SSAValue, value: SSAValue, ranges: Ranges
) -> None:
    """Refuses a guide's choice that is of another type or goes beyond the support of the model's."""
    if value.type != op.value.type:
        raise site_error(
            op,
            f"the guide draws {value.type}, the model {op.value.type}"
            + (f" (guide: {line})" if (line := source_line(drawn)) else ""),
            "give both sites one shape and kind (the same plates, to_event, discreteness)",
        )
    if ranges.reaches_beyond(law, op.law):
        mine, theirs = ranges.described(law), ranges.described(op.law)
        raise site_error(
            op,
            f"the guide's support, {mine}, is not inside the model's, {theirs}",
            "choose a guide on the model's support, or transform it (exp, sigmoid)",
        )
    if categories(law) > categories(op.law):
        raise site_error(op, "the guide has more categories than the model", "give both as many")


def branches_of(wrappers: Sequence[dist.Wrapper]) -> list[SSAValue]:
    """The conditions of the branches that a wrapped law stands in."""
    return [w.mask for w in wrappers if isinstance(w, dist.MaskOp) and w.branch is not None]


def check_branches(
    op: prob.SampleOp, wrappers: Sequence[dist.Wrapper], guided: Sequence[SSAValue]
) -> None:
    """
    Refuses a choice of a branch that the guide does not make on the same condition: where one
    function has it and the other one has not, there is no ELBO.
    """
    mine = branches_of(wrappers)
    same = len(mine) == len(guided) and all(
        is_same(a, b) for a, b in zip(mine, guided, strict=True)
    )
    if not same:
        raise site_error(
            op,
            "the choice stands in a branch, and model and guide are not proved to take it on the "
            "same condition",
            "put it into a branch in both, decided by one formula of the same choices and data",
        )


def check_all_used(model: prob.FuncOp, drawn: Mapping[str, prob.SampleOp]) -> None:
    """Refuses a choice that the guide alone has and that is not marked auxiliary."""
    sites = {op.site.data for op in model.body.walk() if isinstance(op, prob.SampleOp)}
    for name, choice in drawn.items():
        if name not in sites and choice.auxiliary is None:
            raise site_error(
                choice,
                "the guide has this choice, the model has not",
                'name it as in the model, or mark it with infer={"is_auxiliary": True}',
            )
