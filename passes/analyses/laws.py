"""What the wrappers of a law leave as they are: its elements, and how many axes are one draw."""

from __future__ import annotations

from xdsl.ir import SSAValue

from relbo_ir.dialects import dist


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
