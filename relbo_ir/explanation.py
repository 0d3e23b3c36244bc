"""Why each choice is treated as it is."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from relbo_ir.dialects import dist, prob
from relbo_ir.dialects.location import source_line
from relbo_ir.dialects.prob import How
from relbo_ir.passes.analyses.reach import reached_from
from relbo_ir.passes.pathwise import Facts, pathwise_obstacle
from relbo_ir.passes.treatment import choices, expectations


def family_of(law: SSAValue) -> str:
    """The law in words: `Normal`, `exp of Normal`, and the like."""
    match law.owner:
        case dist.FamilyOp() as op:
            return op.FAMILY.name
        case dist.TransformedOp() as op:
            return f"{op.transform.data.value} of {family_of(op.base)}"
        case dist.IndependentOp() | dist.ExpandOp() as op:
            return family_of(op.base)
        case _:
            return "opaque law"


def explain(module: ModuleOp) -> str:
    """A line or two for every choice of the module, in order."""
    lines: list[str] = []
    for expectation in expectations(module):
        facts = Facts(expectation)
        for choice in choices(expectation):
            lines.extend(_explain(choice, facts))
        moved = reached_from(choice.value for choice in choices(expectation))
        for op in expectation.body.block.ops:
            if isinstance(op, prob.DeterministicOp) and op.point is not None:
                lines.extend(_explain_point(op, op.value in moved))
            elif isinstance(op, prob.SubsampleOp):
                lines.append(f'plate "{op.plate.string_value()}": a minibatch, drawn uniformly')
    return "\n".join(lines)


def _explain_point(op: prob.DeterministicOp, is_drawn: bool) -> list[str]:
    line = source_line(op) or "no source line"
    if is_drawn:
        return [f'"{op.site.data}" ({line}): a function of other choices']
    return [
        f'"{op.site.data}" ({line}): a point (Delta), no draw',
        "    MAP: the objective is the log joint density at the point, no bound on the evidence",
    ]


def _explain(choice: prob.SampleOp, facts: Facts) -> list[str]:
    plates = [axis.plate.string_value() for axis in choice.plates or ()]
    where = f" in plate {', '.join(plates)}" if plates else ""
    line = source_line(choice) or "no source line"
    how = choice.how.data
    head = f'"{choice.site.data}" ({line}): {family_of(choice.law)}{where}, {how.value}'
    obstacle = pathwise_obstacle(choice, facts)
    if obstacle is not None:
        return [head, f"    not pathwise: {obstacle}"]
    if how is How.PATHWISE:
        return [head, "    the draw is differentiable, and all that reads it is smooth in it"]
    return [head, "    pathwise is legal too; the pipeline chose otherwise"]
