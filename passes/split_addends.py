"""Addends into more and smaller ones, each element of which has fewer ancestors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import dist, estim, lax, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of, tuple_of
from relbo_ir.dialects.prob import How
from relbo_ir.dialects.tensors import element_of, has_floats, with_shape
from relbo_ir.passes.accumulations import undo_accumulations
from relbo_ir.passes.analyses.laws import sources
from relbo_ir.passes.analyses.reach import reached_from
from relbo_ir.passes.expressions import Expression, Writer
from relbo_ir.passes.order import require_objective
from relbo_ir.passes.rewriting import fresh
from relbo_ir.passes.treatment import choices, expectations


@dataclass(frozen=True)
class SplitAddendsPass(ModulePass):
    """
    Undoes what the objective does anyway, the sum over all elements of all addends: final sums and
    means, sums of terms, contractions, reshapes and concatenations, factors that no choice reaches,
    what a loop adds up in its carry, and the sum over the elements of an independent event.

    Lemma: linearity of the sum. A carry is undone where the body adds to it and reads it nowhere
    else. Nothing is split under an op that is not linear in the addend, and
    a contraction only where its terms are not more numerous than the elements of an operand. An
    addend that no choice reaches which is, or may yet be, treated by its score is left as it is:
    nothing would be gained.

    Options: none. Runs before any addend is weighed.

    ```mlir
    %s = lax.add %a, %b : tensor<8xf32>
    %t = lax.reduce_sum %s {axes = array<i64: 0>} : (tensor<8xf32>) -> tensor<f32>
    prob.yield "c" %t : tensor<f32>
    ```

    yields

    ```mlir
    prob.yield "c" %a, "c/1" %b : tensor<8xf32>, tensor<8xf32>
    ```
    """

    name = "relbo-split-addends"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        require_objective(op, self.name)
        for expectation in expectations(op):
            yielded = expectation.terminator
            gains = _scored(expectation)
            undo_accumulations(yielded, [k for k, a in enumerate(yielded.addends) if a in gains])
            splitter = _Splitter(expectation)
            names: list[str] = []
            addends: list[SSAValue] = []
            taken = {name.data for name in yielded.names}
            for name, addend in zip(yielded.names, yielded.addends, strict=True):
                if isinstance(addend.owner, (estim.ScoreOp, estim.AttachOp)):
                    raise PassError.at(
                        addend.owner,
                        f'the addend "{name.data}" is weighed already',
                        "run relbo-split-addends before relbo-score-function and relbo-disarm",
                    )
                pieces = splitter.pieces(addend) if addend in splitter.scored else [addend]
                for number, piece in enumerate(pieces):
                    own = name.data if number == 0 else fresh(f"{name.data}/{number}", taken)
                    names.append(own)
                    addends.append(piece)
            if addends != list(yielded.addends):
                Rewriter.replace_op(yielded, prob.YieldOp(names, addends))


def _gains(choice: prob.SampleOp) -> bool:
    """Whether the choice is undecided, and not planned to be pathwise."""
    planned = choice.plan is not None and choice.plan.data is How.PATHWISE
    return choice.how.data is How.EXACT and not planned


def _scored(expectation: prob.ExpectationOp) -> set[SSAValue]:
    """What reads a choice that may be scored."""
    scored = (c for c in choices(expectation) if _gains(c))
    return reached_from(v for c in scored for v in sources(c))


class _Splitter:
    """Splits the addends of one expectation."""

    def __init__(self, expectation: prob.ExpectationOp):
        self.writer = Writer(InsertPoint.before(expectation.terminator))
        self._choices = choices(expectation)
        self.scored = _scored(expectation)

    @cached_property
    def _random(self) -> set[SSAValue]:
        return reached_from(v for c in self._choices for v in sources(c))

    def pieces(self, value: SSAValue) -> list[SSAValue]:
        """Values the sum of all whose elements is that of the given one's elements."""
        split = self._split(value)
        return [value] if split is None else split

    def _split(self, value: SSAValue) -> list[SSAValue] | None:
        """The pieces, or None where the value is a piece itself."""
        op = value.owner
        if not isinstance(op, Operation) or not has_floats(value.type):
            return None
        match op:
            case lax.ReduceSumOp() | lax.ReshapeOp() | lax.SqueezeOp() | lax.TransposeOp():
                return self.pieces(op.x)
            case lax.ConcatenateOp() | lax.StackOp():
                return [piece for x in op.xs for piece in self.pieces(x)]
            case lax.BroadcastInDimOp() if prod(shape_of(op.result)) > 0:
                times = prod(shape_of(op.result)) / prod(shape_of(op.x))
                return self._scaled(self.pieces(op.x), times)
            case lax.DotGeneralOp():
                return self._products(op)
            case prob.LogDensityOp():
                return self._density(op)
            case _ if op.name == "lax.add":
                return [piece for x in op.operands for piece in self.pieces(x)]
            case _ if op.name == "lax.sub":
                left, right = op.operands
                return [*self.pieces(left), *self._scaled(self.pieces(right), -1.0)]
            case _ if op.name == "lax.neg":
                split = self._split(op.operands[0])
                return None if split is None else self._scaled(split, -1.0)
            case _ if op.name == "lax.mul":
                left, right = op.operands
                return self._times(left, right, "mul") or self._times(right, left, "mul")
            case _ if op.name == "lax.div":
                return self._times(op.operands[1], op.operands[0], "div")
            case _:
                return None

    def _scaled(self, values: list[SSAValue], factor: float) -> list[SSAValue]:
        if factor == 1.0:
            return values
        w = self.writer
        negated = factor == -1.0
        expressions = [w.expression(v) for v in values]
        return [(-x if negated else x * factor).value for x in expressions]

    def _times(self, factor: SSAValue, value: SSAValue, short: str) -> list[SSAValue] | None:
        """Σ k·x over the pieces of x, for a factor that no choice reaches."""
        if factor in self._random:
            return None
        w = self.writer
        scalar = self._scalar(factor)
        if scalar is not None:
            split = self._split(value)
            if split is None:
                return None
            wide = (w.broadcast(scalar, shape_of(v)) for v in split)
            return [
                w.apply(short, w.expression(v), k).value for v, k in zip(split, wide, strict=True)
            ]
        inner = value.owner
        if isinstance(inner, lax.ReduceSumOp):
            x = w.expression(inner.x)
            kept = [k for k in range(len(x.shape)) if k not in tuple_of(inner.axes)]
            wide = lax.BroadcastInDimOp(factor, inner.x.type, kept)
            return [w.apply(short, x, w.expression(w.insert(wide))).value]
        if isinstance(inner, Operation) and inner.name in ("lax.add", "lax.sub"):
            k = w.expression(factor)
            left, right = (w.apply(short, w.expression(x), k).value for x in inner.operands)
            rest = self.pieces(right)
            return [
                *self.pieces(left),
                *(rest if inner.name == "lax.add" else self._scaled(rest, -1.0)),
            ]
        return None

    def _scalar(self, value: SSAValue) -> Expression | None:
        """The one number that all elements of a value are, where that is plain to see."""
        w, op = self.writer, value.owner
        if shape_of(value) == ():
            return w.expression(value)
        if isinstance(op, lax.BroadcastInDimOp) and shape_of(op.x) == ():
            return w.expression(op.x)
        if isinstance(op, lax.ConstantOp) and op.value.splat is not None:
            return w.constant(with_shape(value.type, ()), float(op.value.splat))
        return None

    def _products(self, op: lax.DotGeneralOp) -> list[SSAValue] | None:
        """The terms of a contraction, along x's or y's axes."""
        contracted, batch = len(tuple_of(op.x_contract)), len(tuple_of(op.x_batch))
        x_free = len(shape_of(op.x)) - contracted - batch
        y_free = len(shape_of(op.y)) - contracted - batch
        if x_free and y_free:
            return None
        wide, narrow = (op.x, op.y) if y_free == 0 else (op.y, op.x)
        wide_axes = (tuple_of(op.x_batch), tuple_of(op.x_contract))
        narrow_axes = (tuple_of(op.y_batch), tuple_of(op.y_contract))
        if y_free:
            wide_axes, narrow_axes = narrow_axes, wide_axes
        pairs = dict(zip(sum(narrow_axes, ()), sum(wide_axes, ()), strict=True))
        targets = [pairs[k] for k in range(len(shape_of(narrow)))]
        w = self.writer
        order = sorted(range(len(targets)), key=lambda k: targets[k])
        turned = narrow
        if order != list(range(len(order))):
            turned = w.insert(lax.TransposeOp(narrow, order))
        spread = lax.BroadcastInDimOp(turned, wide.type, sorted(targets))
        return [w.apply("mul", w.expression(wide), w.expression(w.insert(spread))).value]

    def _density(self, op: prob.LogDensityOp) -> list[SSAValue] | None:
        """The density of independent elements, element by element."""
        if not isinstance(op.law.owner, dist.IndependentOp):
            return None
        element = element_of(op.result.type)
        if element is None:
            return None
        density = prob.LogDensityOp(op.law.owner.base, op.value, element)
        density.location = op.location
        return self.pieces(self.writer.insert(density))
