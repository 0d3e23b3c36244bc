"""Loops that draw become scans without choices: what `lower-sampling` and `externalize-draws` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr, TensorType
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import Pure

from relbo_ir.dialects import dist, lax, prob, rng
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.prob import How
from relbo_ir.dialects.tensors import element_of
from relbo_ir.passes.draws import Noise, NoiseSource, row
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.rewriting import move_ops, replace
from relbo_ir.passes.samplers import draw

SourceOf = Callable[["Steps", prob.SampleOp, Writer], "NoiseSource | SSAValue"]
"""
For a loop, a choice and a writer in its body: where a step's randomness comes from, or the step's
draw itself.
"""


@dataclass
class Steps:
    """A loop whose draws are being written: its body, and the rows that it gets besides its own."""

    op: prob.ScanOp
    outer: Writer
    rows: list[SSAValue] = field(default_factory=list[SSAValue])

    def row(self, rows: SSAValue) -> SSAValue:
        """The row of this step, in the body, of a value outside with a row for each step."""
        element = element_of(rows.type)
        if element is None:
            raise TypeError(f"{rows.type} has no rows")
        self.rows.append(rows)
        block = self.op.body.block
        return block.insert_arg(TensorType(element, shape_of(rows)[1:]), len(block.args))


def scans(block: Block) -> Iterator[prob.ScanOp]:
    """The loops of a block that draw."""
    return (op for op in list(block.ops) if isinstance(op, prob.ScanOp))


def lower_steps(op: prob.ScanOp, choices: Mapping[str, prob.SampleOp], source_of: SourceOf) -> None:
    """
    Writes the draws of a loop, and the loop as a `lax.scan` of a function of the module. Draws of
    a `score` choice are cut off from the derivative, in the loop already.
    """
    steps = Steps(op, Writer(InsertPoint.before(op)))
    for inner in op.inner_draws:
        choice = choices.get(inner.site.data)
        if choice is None:
            raise PassError.at(
                inner,
                "the loop draws a choice that the expectation has not",
                'add prob.sample "..." from its law drawn the loop\'s result',
                site=inner.site.data,
            )
        w = Writer(InsertPoint.before(inner))
        source = source_of(steps, choice, w)
        value = source if isinstance(source, SSAValue) else draw(inner, w, source)
        if choice.how.data is How.SCORE:
            value = w.stop_gradient(w.expression(value)).value
        replace(inner, [value])
    _erase_unused(op.body.block)
    _outline(op, steps.rows)


def _erase_unused(block: Block) -> None:
    for op in reversed(list(block.ops)):
        if op.has_trait(Pure) and op.results and not any(r.uses for r in op.results):
            Rewriter.erase_op(op)


def _outline(op: prob.ScanOp, rows: list[SSAValue]) -> None:
    """The loop as a scan of a function, which takes what the body reads from around it."""
    body = op.body.block
    captured = _captured(op)
    arguments = [*captured, *op.carried, *op.rows, *rows]
    taken = [*captured, *body.args]
    block = Block(arg_types=[v.type for v in taken])
    given = dict(zip(taken, block.args, strict=True))
    handed = list(op.terminator.values)
    Rewriter.erase_op(op.terminator)
    move_ops(body, block)
    for inner in block.walk():
        inner.operands = [given.get(v, v) for v in inner.operands]
    returned = [given.get(v, v) for v in handed]
    block.add_op(ReturnOp(*returned))
    types = [v.type for v in returned]
    function = FuncOp(
        "_", ([a.type for a in block.args], types), Region(block), visibility="private"
    )
    symbol = _insert(op, function)
    carried = [v.type for v in op.carried]
    scan = lax.ScanOp.create(
        operands=arguments,
        result_types=[*carried, *(r.type for r in op.draws)],
        properties={
            "body": SymbolRefAttr(symbol),
            "num_consts": lax.integer(len(captured)),
            "num_carry": lax.integer(len(carried)),
            "length": op.length,
            "reverse": op.reverse,
            "unroll": lax.integer(1),
        },
    )
    scan.location = op.location
    parent = op.parent_block()
    if parent is None:
        raise ValueError("a loop stands in a block")
    parent.insert_op_before(scan, op)
    replace(op, scan.results[len(carried) :])


def _captured(op: prob.ScanOp) -> list[SSAValue]:
    """What the body reads from around the loop."""
    inside: set[SSAValue] = set(op.body.block.args)
    outside: dict[SSAValue, None] = {}
    for inner in op.body.walk():
        inside.update(inner.results)
        inside.update(v for region in inner.regions for b in region.blocks for v in b.args)
    for inner in op.body.walk():
        outside.update((v, None) for v in inner.operands if v not in inside)
    return list(outside)


def _insert(op: Operation, function: FuncOp) -> str:
    """Puts a function into the module under a name that is free."""
    module: Operation | None = op
    while module is not None and not isinstance(module, ModuleOp):
        module = module.parent_op()
    if module is None:
        raise PassError.at(op, f"{op.name} stands in no module", "put it in one")
    names = {inner.properties.get("sym_name") for inner in module.ops}
    number = 0
    while StringAttr(f"draws_{number}") in names:
        number += 1
    function.properties["sym_name"] = StringAttr(f"draws_{number}")
    module.body.block.add_op(function)
    return f"draws_{number}"


@dataclass
class KeyedSteps:
    """Noise of every step from the site's key: of all steps at once where it has no parameters."""

    steps: Steps
    choice: prob.SampleOp
    key: SSAValue
    writer: Writer
    parts: tuple[int, ...] = ()

    def noise(self, noise: Noise) -> SSAValue:
        if self.parts:
            stack = self.writer.insert(noise.kind(self._keys(), noise.element, noise.shape))
            return row(self.writer, stack, 0)
        outer = self.steps.outer
        keys = outer.insert(rng.SiteKeysOp(self.key, [self.choice.site.data]))
        shape = (self.steps.op.steps, *noise.shape)
        return self.steps.row(row(outer, outer.insert(noise.kind(keys, noise.element, shape)), 0))

    def _keys(self) -> SSAValue:
        """This step's key."""
        outer = self.steps.outer
        keys = outer.insert(rng.SiteKeysOp(self.key, [self.choice.site.data]))
        mine = self.steps.row(outer.insert(rng.StepKeysOp(keys, self.steps.op.steps)))
        for number in self.parts:
            mine = self.writer.insert(rng.PartKeysOp(mine, number))
        return mine

    def parametric(self, draw: Callable[[SSAValue], rng.ShapedDrawOp]) -> SSAValue:
        return row(self.writer, self.writer.insert(draw(self._keys())), 0)

    def opaque(self, sampler: SymbolRefAttr, law: dist.OpaqueOp) -> SSAValue:
        key = row(self.writer, self._keys(), 0)
        result: Attribute = dist.law_of(law.result).value
        return self.writer.insert(CallOp(sampler, [key, *law.parameters], [result]))

    def part(self, number: int) -> KeyedSteps:
        return KeyedSteps(self.steps, self.choice, self.key, self.writer, (*self.parts, number))
