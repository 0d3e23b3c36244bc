"""Arithmetic on SSA values, so that a formula in a pass reads as a formula."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.builder import Builder
from xdsl.dialects.builtin import BoolAttr
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import lax
from relbo_ir.dialects.dist import broadcast_shapes
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.tensors import element_of, is_tensor, with_shape

Number = float | int


class Expression:
    """A tensor value with operators; operands broadcast as in NumPy, numbers take its type."""

    def __init__(self, value: SSAValue, writer: Writer):
        self.value, self.writer = value, writer

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.value)

    def _binary(self, short: str, other: Expression | Number, swapped: bool = False) -> Expression:
        left, right = self.writer.align(self, other)
        return self.writer.apply(short, *((right, left) if swapped else (left, right)))

    def __add__(self, other: Expression | Number) -> Expression:
        return self._binary("add", other)

    def __radd__(self, other: Number) -> Expression:
        return self._binary("add", other, swapped=True)

    def __sub__(self, other: Expression | Number) -> Expression:
        return self._binary("sub", other)

    def __rsub__(self, other: Number) -> Expression:
        return self._binary("sub", other, swapped=True)

    def __mul__(self, other: Expression | Number) -> Expression:
        return self._binary("mul", other)

    def __rmul__(self, other: Number) -> Expression:
        return self._binary("mul", other, swapped=True)

    def __truediv__(self, other: Expression | Number) -> Expression:
        return self._binary("div", other)

    def __rtruediv__(self, other: Number) -> Expression:
        return self._binary("div", other, swapped=True)

    def __neg__(self) -> Expression:
        return self.writer.apply("neg", self)


class Writer:
    """Writes `lax` ops at an insertion point."""

    def __init__(self, where: InsertPoint):
        self.builder = Builder(where)

    def insert(self, op: Operation) -> SSAValue:
        """Inserts an op; gives its first result."""
        self.builder.insert(op)
        return op.results[0]

    def expression(self, value: SSAValue) -> Expression:
        """A value with operators."""
        return Expression(value, self)

    def constant(self, type_: Attribute, number: Number) -> Expression:
        """A tensor of equal elements."""
        return self.expression(self.insert(lax.ConstantOp.splat(type_, number)))

    def apply(self, short: str, *operands: Expression) -> Expression:
        """An elementwise op on operands of one shape."""
        return self.expression(self.insert(lax.elementwise(short, *[x.value for x in operands])))

    def call(self, short: str, *operands: Expression | Number) -> Expression:
        """An elementwise op, its operands broadcast against each other."""
        first = next(x for x in operands if isinstance(x, Expression))
        shape = broadcast_shapes(*(x.shape for x in operands if isinstance(x, Expression)))
        wide = [self._wide(x, first, shape) for x in operands]
        return self.apply(short, *wide)

    def align(self, left: Expression, right: Expression | Number) -> tuple[Expression, Expression]:
        """Both operands at their common shape."""
        shape = left.shape
        if isinstance(right, Expression):
            shape = broadcast_shapes(shape, right.shape)
        return self._wide(left, left, shape), self._wide(right, left, shape)

    def _wide(self, x: Expression | Number, like: Expression, shape: tuple[int, ...]) -> Expression:
        if isinstance(x, Expression):
            return self.broadcast(x, shape)
        return self.constant(with_shape(like.value.type, shape), x)

    def broadcast(self, x: Expression, shape: Sequence[int]) -> Expression:
        """x at a larger shape, by NumPy's rule."""
        shape = tuple(shape)
        if x.shape == shape:
            return x
        type_ = with_shape(x.value.type, shape)
        owner = x.value.owner
        if isinstance(owner, lax.ConstantOp) and owner.value.splat is not None and is_tensor(type_):
            literal = lax.LiteralAttr.from_bytes(type_, owner.value.data.payload)
            return self.expression(self.insert(lax.ConstantOp(literal)))
        axes = range(len(shape) - len(x.shape), len(shape))
        return self.expression(self.insert(lax.BroadcastInDimOp(x.value, type_, axes)))

    def convert(self, x: Expression, element: Attribute) -> Expression:
        """x with elements of another type."""
        if element_of(x.value.type) == element:
            return x
        return self.expression(self.insert(lax.ConvertOp(x.value, element)))

    def sum(self, x: Expression, axes: Sequence[int] | None = None) -> Expression:
        """The sum along axes (all of them by default)."""
        axes = tuple(range(len(x.shape))) if axes is None else tuple(axes)
        return x if not axes else self.expression(self.insert(lax.ReduceSumOp(x.value, axes)))

    def select(self, which: Expression, no: Expression | Number, yes: Expression) -> Expression:
        """`yes` where `which` holds, else `no`; all broadcast to a common shape."""
        other = no.shape if isinstance(no, Expression) else ()
        shape = broadcast_shapes(which.shape, other, yes.shape)
        cases = [self._wide(x, yes, shape).value for x in (no, yes)]
        return self.expression(
            self.insert(lax.SelectNOp(self.broadcast(which, shape).value, cases))
        )

    def expand(self, x: Expression, axis: int) -> Expression:
        """x with a new axis of size 1 at that place, negative from the right of the result."""
        place = axis if axis >= 0 else len(x.shape) + 1 + axis
        shape = (*x.shape[:place], 1, *x.shape[place:])
        return self.reshape(x, shape)

    def reshape(self, x: Expression, shape: Sequence[int]) -> Expression:
        """The same elements in another shape."""
        type_ = with_shape(x.value.type, shape)
        return self.expression(self.insert(lax.ReshapeOp(x.value, type_)))

    def part(self, x: Expression, start: int, stop: int) -> Expression:
        """x[..., start:stop]."""
        rank = len(x.shape)
        starts, stops = [0] * (rank - 1) + [start], [*x.shape[:-1], stop]
        type_ = with_shape(x.value.type, [*x.shape[:-1], stop - start])
        return self.expression(self.insert(lax.SliceOp(x.value, type_, starts, stops, [1] * rank)))

    def concatenate(self, *pieces: Expression) -> Expression:
        """The pieces, whose other axes agree, one after the other along the last axis."""
        rank, size = len(pieces[0].shape), sum(x.shape[-1] for x in pieces)
        type_ = with_shape(pieces[0].value.type, [*pieces[0].shape[:-1], size])
        op = lax.ConcatenateOp.create(
            operands=[x.value for x in pieces],
            result_types=[type_],
            properties={"dimension": lax.integer(rank - 1)},
        )
        return self.expression(self.insert(op))

    def pad(self, x: Expression, low: Sequence[int], high: Sequence[int]) -> Expression:
        """x with so many zeros before and after along each axis."""
        zero = self.constant(with_shape(x.value.type, ()), 0)
        shape = [a + n + b for a, n, b in zip(low, x.shape, high, strict=True)]
        op = lax.PadOp.create(
            operands=[x.value, zero.value],
            result_types=[with_shape(x.value.type, shape)],
            properties={
                "low": lax.ints(low),
                "high": lax.ints(high),
                "interior": lax.ints([0] * len(shape)),
            },
        )
        return self.expression(self.insert(op))

    def iota(self, like: Expression, shape: Sequence[int], axis: int) -> Expression:
        """Each element its index along one axis, of the element type of `like`."""
        op = lax.IotaOp.create(
            result_types=[with_shape(like.value.type, shape)],
            properties={"dimension": lax.integer(axis)},
        )
        return self.expression(self.insert(op))

    def cumsum(self, x: Expression) -> Expression:
        """Running sums along the last axis."""
        op = lax.CumsumOp.create(
            operands=[x.value],
            result_types=[x.value.type],
            properties={
                "axis": lax.integer(len(x.shape) - 1),
                "reverse": BoolAttr.from_bool(False),
            },
        )
        return self.expression(self.insert(op))

    def logsumexp(self, x: Expression) -> Expression:
        """log Σ exp x along the last axis, which is dropped."""
        return self.expression(self.insert(lax.LogSumExpOp(x.value, [len(x.shape) - 1])))

    def stop_gradient(self, x: Expression) -> Expression:
        """x with derivative 0."""
        return self.apply("stop_gradient", x)
