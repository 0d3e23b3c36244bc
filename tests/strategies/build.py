"""One line per op: the ops that random programs are made of, appended to a block."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import BoolAttr, TensorType, f64, i32
from xdsl.ir import Attribute, Block, Operation, SSAValue

from relbo_ir.dialects import lax
from relbo_ir.dialects.lax import Scalar, ints, shape_of

Shape = tuple[int, ...]


def floats(shape: Shape) -> TensorType[Attribute]:
    """The type of a float64 tensor."""
    return TensorType(f64, shape)


def integers(shape: Shape) -> TensorType[Attribute]:
    """The type of an int32 tensor."""
    return TensorType(i32, shape)


class Body:
    """A block that is being filled."""

    def __init__(self) -> None:
        self.block = Block()

    def add(self, op: Operation) -> SSAValue:
        """Appends an op; its first result."""
        self.block.add_op(op)
        return op.results[0]

    def elementwise(self, short: str, *operands: SSAValue) -> SSAValue:
        return self.add(lax.elementwise(short, *operands))

    def constant(self, number: Scalar, type_: Attribute) -> SSAValue:
        return self.add(lax.ConstantOp.splat(type_, number))

    def numbers(self, values: Sequence[Scalar]) -> SSAValue:
        type_ = floats((len(values),))
        return self.add(lax.ConstantOp(lax.LiteralAttr.of(type_, values)))

    def real(self, x: SSAValue) -> SSAValue:
        """An integer tensor as floats."""
        return self.add(lax.ConvertOp(x, f64))

    def spread(self, x: SSAValue, shape: Shape) -> SSAValue:
        """A tensor broadcast to a shape of the same rank or, from a scalar, of any rank."""
        if shape_of(x) == shape:
            return x
        element = x.type.get_element_type() if isinstance(x.type, TensorType) else f64
        dimensions = range(len(shape_of(x)))
        return self.add(lax.BroadcastInDimOp(x, TensorType(element, shape), dimensions))

    def sum(self, x: SSAValue) -> SSAValue:
        """The sum of a vector."""
        return self.add(lax.ReduceSumOp(x, range(len(shape_of(x)))))

    def at(self, x: SSAValue, index: int) -> SSAValue:
        """One element of a vector, as a scalar."""
        piece = self.add(lax.SliceOp(x, floats((1,)), [index], [index + 1], [1]))
        return self.add(
            lax.SqueezeOp.create(
                operands=[piece], result_types=[floats(())], properties={"dimensions": ints([0])}
            )
        )

    def stack(self, xs: Sequence[SSAValue], axis: int) -> SSAValue:
        shape = list(shape_of(xs[0]))
        shape.insert(axis, len(xs))
        return self.add(
            lax.StackOp.create(
                operands=list(xs),
                result_types=[floats(tuple(shape))],
                properties={"axis": lax.integer(axis)},
            )
        )

    def shift(self, x: SSAValue, first: SSAValue | None = None, reverse: bool = False) -> SSAValue:
        """
        A vector moved by one place, `first` (0, if None) coming in: element i is x[i − 1], or
        x[i + 1] with `reverse`.
        """
        (size,) = shape_of(x)
        start, low, high = (1, 0, 1) if reverse else (0, 1, 0)
        kept = self.add(lax.SliceOp(x, floats((size - 1,)), [start], [start + size - 1], [1]))
        entering = self.constant(0.0, floats(())) if first is None else first
        return self.add(
            lax.PadOp.create(
                operands=[kept, entering],
                result_types=[floats((size,))],
                properties={"low": ints([low]), "high": ints([high]), "interior": ints([0])},
            )
        )

    def reverse(self, x: SSAValue) -> SSAValue:
        return self.add(
            lax.RevOp.create(
                operands=[x], result_types=[x.type], properties={"dimensions": ints([0])}
            )
        )

    def cumsum(self, x: SSAValue, reverse: bool) -> SSAValue:
        return self.add(
            lax.CumsumOp.create(
                operands=[x],
                result_types=[x.type],
                properties={
                    "axis": lax.integer(0),
                    "reverse": BoolAttr.from_bool(reverse),
                },
            )
        )

    def dot(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """The inner product of two vectors."""
        return self.add(
            lax.DotGeneralOp.create(
                operands=[x, y],
                result_types=[floats(())],
                properties={
                    "x_contract": ints([0]),
                    "y_contract": ints([0]),
                    "x_batch": ints([]),
                    "y_batch": ints([]),
                },
            )
        )

    def lookup(self, table: SSAValue, index: SSAValue) -> SSAValue:
        """table[index], for a scalar index by a dynamic slice, for a vector of them by a gather."""
        if shape_of(index) == ():
            piece = self.add(
                lax.DynamicSliceOp.create(
                    operands=[table, index],
                    result_types=[floats((1,))],
                    properties={"sizes": ints([1])},
                )
            )
            return self.add(lax.ReshapeOp(piece, floats(())))
        (size,) = shape_of(index)
        column = self.add(lax.BroadcastInDimOp(index, integers((size, 1)), [0]))
        return self.add(
            lax.GatherOp.create(
                operands=[table, column],
                result_types=[floats((size,))],
                properties={
                    "offset_dims": ints([]),
                    "collapsed_slice_dims": ints([0]),
                    "operand_batching_dims": ints([]),
                    "start_indices_batching_dims": ints([]),
                    "start_index_map": ints([0]),
                    "slice_sizes": ints([1]),
                    "indices_are_sorted": BoolAttr.from_bool(False),
                    "unique_indices": BoolAttr.from_bool(False),
                    "mode": lax.indexing.StringAttr("clip"),
                },
            )
        )
