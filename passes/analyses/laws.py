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
