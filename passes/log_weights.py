"""Of what a log weight is made: whether a choice's own log density stands in it as −log q."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.passes.analyses.laws import own_draw
from relbo_ir.passes.analyses.reach import reached_from
from relbo_ir.passes.treatment import choices

_SAME_SUM = ("lax.reduce_sum", "lax.reshape", "lax.squeeze", "lax.transpose")


def own_densities(choice: prob.SampleOp) -> list[prob.LogDensityOp]:
    """The log densities of a choice's own law at its draw."""
    users = dict.fromkeys(use.operation for use in choice.value.uses)
    return [op for op in users if isinstance(op, prob.LogDensityOp) and own_draw(op) is choice]


def check_entropies(expectation: prob.ExpectationOp, weight: SSAValue) -> None:
    """
    Refuses a log weight in which log q of some choice does not stand once, with the factor −1, and
    nowhere else. A law that no parameter moves may stand as it will.
    """
    found = _coefficients(weight)
    gradient = expectation.parent_op()
    moved: set[SSAValue] = set()
    if isinstance(gradient, prob.GradientOp):
        moved = reached_from(gradient.body.block.args)
    for choice in choices(expectation):
        if choice.law not in moved:
            continue
        if [found.get(d) for d in own_densities(choice)] != [-1.0]:
            raise PassError.at(
                choice,
                "its log density does not stand in the log weight as −log q, once, so its gradient "
                "cannot be reparameterized twice",
                "run the pass before relbo-expand-densities, or use the other gradient",
                site=choice.site.data,
            )


def _coefficients(weight: SSAValue) -> dict[Operation, float | None]:
    """The factor that each log density has in a sum of all elements; None where it has none."""
    found: dict[Operation, float | None] = {}
    stack: list[tuple[SSAValue, float | None]] = [(weight, 1.0)]
    seen: set[SSAValue] = set()
    while stack:
        value, factor = stack.pop()
        op = value.owner
        if not isinstance(op, Operation) or isinstance(op, prob.SampleOp):
            continue
        if factor is None:
            if value in seen:
                continue
            seen.add(value)
        negated = None if factor is None else -factor
        if isinstance(op, prob.LogDensityOp):
            known = found.get(op, 0.0)
            found[op] = None if factor is None or known is None else known + factor
            stack.extend((v, None) for v in op.operands)
        elif op.name == "lax.neg":
            stack.append((op.operands[0], negated))
        elif op.name == "lax.add":
            stack.extend((v, factor) for v in op.operands)
        elif op.name == "lax.sub":
            stack += [(op.operands[0], factor), (op.operands[1], negated)]
        elif op.name in _SAME_SUM:
            stack.append((op.operands[0], factor))
        else:
            stack.extend((v, None) for inner in op.walk() for v in inner.operands)
    return found
