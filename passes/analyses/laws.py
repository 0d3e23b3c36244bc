"""What is asked of laws: how many axes are one joint draw, and whose draw a density scores."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from relbo_ir.dialects import dist, prob


def joint_rank(law: SSAValue) -> int:
    """
    How many of the last axes of a draw are one joint draw. The axes before them are independent
    element by element given the law's parameters, those that `independent` counts in included.
    """
    match law.owner:
        case dist.IndependentOp() | dist.ExpandOp() | dist.TransformedOp() as op:
            return joint_rank(op.base)
        case _:
            return dist.law_of(law).event_rank.data


def bernoulli_of(law: SSAValue) -> dist.BernoulliOp | dist.BernoulliLogitsOp | None:
    """The Bernoulli family of a law whose draws are its independent elements, else None."""
    match law.owner:
        case dist.BernoulliOp() | dist.BernoulliLogitsOp() as op:
            return op
        case dist.IndependentOp() | dist.ExpandOp() as op:
            return bernoulli_of(op.base)
        case _:
            return None


def family_name(law: SSAValue) -> str:
    """The name of the family that a law is made of by wrappers and transforms; else of its op."""
    match law.owner:
        case dist.FamilyOp() as op:
            return op.FAMILY.name
        case (
            dist.IndependentOp()
            | dist.ExpandOp()
            | dist.MaskOp()
            | dist.TransformedOp()
            | dist.TransformedByOp() as op
        ):
            return family_name(op.base)
        case Operation() as op:
            return op.name.removeprefix("dist.")
        case _:
            return "law"


def own_draw(density: prob.LogDensityOp) -> prob.SampleOp | None:
    """The choice whose draw a density scores by the very law that it is drawn from."""
    draw = density.value.owner
    return draw if isinstance(draw, prob.SampleOp) and draw.law is density.law else None


def choice_of_draw(draw: prob.DrawOp) -> prob.SampleOp | None:
    """The choice that a loop draws step by step, if the loop's result is one's draws."""
    loop = draw.parent_op()
    if not isinstance(loop, prob.ScanOp):
        return None
    for inner, result in zip(loop.inner_draws, loop.draws, strict=True):
        if inner is draw:
            users = (use.operation for use in result.uses)
            return next(
                (u for u in users if isinstance(u, prob.SampleOp) and u.drawn is result), None
            )
    return None


def sources(choice: prob.SampleOp) -> list[SSAValue]:
    """The values that a choice's draw enters the program by: its own, and that of its loop."""
    return [choice.value, *([] if choice.drawn is None else [choice.drawn])]


def element_draw(density: prob.LogDensityOp) -> prob.SampleOp | None:
    """
    The choice whose draw a density scores by the law that it is drawn from, whole or element by
    element where the elements of one event are independent.
    """
    draw = density.value.owner
    if not isinstance(draw, prob.SampleOp):
        return None
    law = draw.law
    while law is not density.law and isinstance(law.owner, dist.IndependentOp):
        law = law.owner.base
    return draw if law is density.law else None
