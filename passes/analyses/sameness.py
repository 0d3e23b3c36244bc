"""Whether two values are computed alike, so that they are one value."""

from __future__ import annotations

from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import Pure

from relbo_ir.dialects import prob


def is_same(one: SSAValue, other: SSAValue) -> bool:
    """
    Whether two values are proved to be equal: the same, or results of equal ops without effects
    on operands that are. A choice that a loop draws is what the loop has drawn.
    """
    proved: dict[tuple[SSAValue, SSAValue], bool] = {}
    waiting = [(_drawn(one), _drawn(other))]
    while waiting:
        pair = waiting.pop()
        if pair in proved or pair[0] is pair[1]:
            continue
        proved[pair] = True
        left, right = (value.owner for value in pair)
        if isinstance(left, Block) or isinstance(right, Block) or not _alike(left, right):
            return False
        if left.results.index(pair[0]) != right.results.index(pair[1]):
            return False
        waiting += [
            (_drawn(a), _drawn(b)) for a, b in zip(left.operands, right.operands, strict=True)
        ]
    return True


def _drawn(value: SSAValue) -> SSAValue:
    owner = value.owner
    if isinstance(owner, prob.SampleOp) and owner.drawn is not None:
        return owner.drawn
    return value


def _alike(left: Operation, right: Operation) -> bool:
    return (
        left.name == right.name
        and left.has_trait(Pure)
        and not left.regions
        and left.properties == right.properties
        and left.attributes == right.attributes
        and len(left.operands) == len(right.operands)
        and [r.type for r in left.results] == [r.type for r in right.results]
    )
