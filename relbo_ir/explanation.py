"""Why each choice and each addend is treated as it is, and which source lines decided it."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue

from relbo_ir.dialects import dist, estim, prob
from relbo_ir.dialects.lax import ConstantOp, shape_of
from relbo_ir.dialects.location import source_line
from relbo_ir.dialects.prob import How
from relbo_ir.formulas import Formulas
from relbo_ir.notation import Plain
from relbo_ir.notebook import Text
from relbo_ir.passes.analyses.laws import element_draw, sources
from relbo_ir.passes.analyses.reach import reached_from
from relbo_ir.passes.pathwise import Facts, pathwise_obstacle
from relbo_ir.passes.rewriting import replace
from relbo_ir.passes.treatment import choices, expectations

_NO_LINE = "no source line"
_READ = {
    How.PATHWISE: "the gradient goes through the draw",
    How.SCORE: "the draw is held fixed",
    How.DISARM: "the draw is held fixed, and its antithetic twin beside it",
    How.ENUMERATED: "summed over its values",
    How.EXACT: "undecided",
}


def family_of(law: SSAValue) -> str:
    """The law in words: `Normal`, `exp of Normal`, and the like."""
    match law.owner:
        case dist.FamilyOp() as op:
            return op.FAMILY.name
        case dist.TransformedOp() as op:
            return f"{op.transform.data.value} of {family_of(op.base)}"
        case dist.IndependentOp() | dist.ExpandOp() as op:
            return family_of(op.base)
        case dist.OpaqueOp():
            return "opaque law"
        case Operation() as op:
            return op.name
        case _:
            return "law"


def explain(module: ModuleOp) -> Text:
    """
    Every choice of a module of level 3, then every addend, in order.

    A choice: family, plates, how its gradient is taken, and why. An addend: its formula, the
    choices that it reads, those whose scores weigh it, and the ops that compute it by source line.
    """
    lines: list[str] = []
    before = expectations(_with_own_scores(module))
    for function in module.ops:
        if not isinstance(function, prob.FuncOp):
            continue
        for expectation in expectations(function):
            lines.extend(_explain_choices(next(before)))
            lines.extend(_explain_expectation(function, expectation))
    return Text("\n".join(lines))


def _with_own_scores(module: ModuleOp) -> ModuleOp:
    """
    A copy in which log densities of their own draws have their derivatives again: dropping them
    hides draws, and is not what kept a choice from being pathwise.
    """
    copy = module.clone()
    for op in [op for op in copy.walk() if op.name == "lax.stop_gradient"]:
        density = op.operands[0].owner
        if isinstance(density, prob.LogDensityOp) and element_draw(density) is not None:
            replace(op, [density.result])
    return copy


def _explain_choices(expectation: prob.ExpectationOp) -> Iterator[str]:
    facts = Facts(expectation)
    for choice in choices(expectation):
        yield from _explain_choice(choice, facts)


def _explain_expectation(function: prob.FuncOp, expectation: prob.ExpectationOp) -> Iterator[str]:
    moved = reached_from(v for choice in choices(expectation) for v in sources(choice))
    for op in expectation.body.block.ops:
        if isinstance(op, prob.DeterministicOp) and op.point is not None:
            yield from _explain_point(op, op.value in moved)
        elif isinstance(op, prob.SubsampleOp):
            yield f'plate "{op.plate.string_value()}": a minibatch, drawn uniformly'
    formulas = Formulas(function, Plain())
    yielded = expectation.terminator
    for name, value in zip(yielded.names, yielded.addends, strict=True):
        yield from _explain_addend(name.data, value, formulas)
    for definition in formulas.definitions:
        yield f"{definition.name} = {definition.text} ({source_line(definition.op) or _NO_LINE})"


def _explain_point(op: prob.DeterministicOp, is_drawn: bool) -> list[str]:
    line = source_line(op) or _NO_LINE
    if is_drawn:
        return [f'"{op.site.data}" ({line}): a function of other choices']
    return [
        f'"{op.site.data}" ({line}): a point (Delta), no draw',
        "    MAP: the objective is the log joint density at the point, no bound on the evidence",
    ]


def _explain_choice(choice: prob.SampleOp, facts: Facts) -> list[str]:
    plates = [axis.plate.string_value() for axis in choice.plates or ()]
    where = f" in plate {', '.join(plates)}" if plates else ""
    line = source_line(choice) or _NO_LINE
    how = choice.how.data
    head = f'"{choice.site.data}" ({line}): {family_of(choice.law)}{where}, {how.value}'
    if how is How.PATHWISE:
        return [head, "    the draw is differentiable, and all that reads it is smooth in it"]
    obstacle = pathwise_obstacle(choice, facts)
    if obstacle is not None:
        return [head, f"    not pathwise: {obstacle}"]
    return [head, "    pathwise is legal too; the pipeline chose otherwise"]


def _explain_addend(name: str, value: SSAValue, formulas: Formulas) -> Iterator[str]:
    cost, weights = _unweighed(value)
    elements = 1
    for size in shape_of(cost):
        elements *= size
    count = f", {elements} elements" if shape_of(cost) else ""
    yield f'addend "{name}"{count}: {formulas.text(cost)}'
    ops = list(_computing(cost))
    read = [op for op in ops if isinstance(op, prob.SampleOp)]
    for choice in read:
        yield f'    reads "{choice.site.data}": {_READ[choice.how.data]}'
    yield from _bound(ops)
    if not read:
        yield "    reads no choice: its gradient is exact"
    for kind, sites in weights:
        yield f"    {kind}: {', '.join(sites) or 'none'}"
    for line, names in _by_line(ops).items():
        yield f"    {line}: {', '.join(names)}"


def _unweighed(value: SSAValue) -> tuple[SSAValue, list[tuple[str, list[str]]]]:
    """An addend without what weighs it, and that in words, outermost first."""
    weights: list[tuple[str, list[str]]] = []
    while isinstance(owner := value.owner, (estim.ScoreOp, estim.AttachOp)):
        if isinstance(owner, estim.ScoreOp):
            scored = [_scored(upstream) for upstream in owner.upstream]
            kind = "weighed by the scores of (score function" + (
                ", with a baseline)" if owner.baselines else ")"
            )
            weights.append((kind, list(dict.fromkeys(s for names in scored for s in names))))
            value = owner.cost
        else:
            weights.append(_attached(owner.gradient_of))
            value = owner.value
    return value, weights


def _attached(gradient_of: SSAValue) -> tuple[str, list[str]]:
    """What is attached to an addend's gradient, and the choices that this treats."""
    ops = list(_computing(gradient_of))
    drawn = [op for op in ops if isinstance(op, prob.SampleOp)]
    twins = {op.draw.owner for op in ops if isinstance(op, estim.AntitheticOp)}
    scored = [f'"{op.site.data}"' for op in drawn if op.how.data is How.SCORE]
    if twins:
        flipped = [f'"{op.site.data}"' for op in drawn if op in twins]
        return "at the draws and at the antithetic twins (DisARM, unbiased) of", flipped
    if any(isinstance(op, estim.VimcoOp) for op in ops):
        return "weighed by the scores of (VIMCO, a baseline for each sample)", scored
    if any(isinstance(op, estim.LogMeanExpOp) for op in ops):
        moving = [f'"{op.site.data}"' for op in drawn if op.how.data is How.PATHWISE]
        kind = "weighed by the scores of" if scored else "doubly reparameterized in"
        return kind, scored or moving
    return "its gradient is replaced by one that reads", [f'"{op.site.data}"' for op in drawn]


def _bound(ops: list[Operation]) -> Iterator[str]:
    """What an addend is that is no sum of log densities but the log of a mean of weights."""
    for op in ops:
        if isinstance(op, estim.LogMeanExpOp):
            count = f"{op.samples.value.data} samples"
            bound = f"the importance-weighted bound of {count}: tighter than the ELBO, and"
            if op.order != 0.0:
                bound = f"Rényi's bound of order {op.order:g} of {count}: another objective,"
            yield f"    {bound} as an estimate of the ELBO biased"


def _scored(upstream: SSAValue) -> list[str]:
    """The choices whose own log densities an upstream is made of."""
    return [
        f'"{draw.site.data}"'
        for op in _computing(upstream)
        if isinstance(op, prob.LogDensityOp) and (draw := element_draw(op)) is not None
    ]


def _computing(value: SSAValue) -> Iterator[Operation]:
    """The ops that a value is computed by, up to and including the choices that it reads."""
    seen: set[Operation] = set()
    stack = [value]
    found: list[Operation] = []
    while stack:
        owner = stack.pop().owner
        if isinstance(owner, Block) or owner in seen:
            continue
        seen.add(owner)
        found.append(owner)
        if isinstance(owner, prob.SampleOp):
            continue
        stack.extend(owner.operands)
        for inner in owner.walk() if owner.regions else ():
            stack.extend(inner.operands)
    yield from reversed(found)


def _by_line(ops: list[Operation]) -> dict[str, list[str]]:
    """The names of the ops that compute something, by source line."""
    lines: dict[str, list[str]] = {}
    for op in ops:
        # A law without a line of its own stands in the formula, under the site's line.
        is_law = bool(op.results) and isinstance(op.results[0].type, prob.LawType)
        if isinstance(op, (prob.SampleOp, ConstantOp)) or (is_law and not source_line(op)):
            continue
        names = lines.setdefault(source_line(op) or _NO_LINE, [])
        if op.name not in names:
            names.append(op.name)
    return lines
