"""Factorizations and triangular systems, batched over leading axes."""

from __future__ import annotations

from xdsl.dialects.builtin import BoolAttr
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.lax.shapes import FORMAT, shape_of
from relbo_ir.dialects.tensors import FLOATS, expect, expect_operand, with_shape


def _check_square(name: str, x: SSAValue) -> None:
    shape = shape_of(x)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise VerifyException(f"{name} takes square matrices, not {x.type}")


@irdl_op_definition
class CholeskyOp(IRDLOperation):
    """
    The lower triangular L with L Lᴴ = x, x Hermitian and positive definite; its upper half is not
    read and that of the result not defined. NaN where x is not positive definite.

    ```mlir
    %r = lax.cholesky %x : (tensor<3x3xf32>) -> tensor<3x3xf32>
    ```
    """

    name = "lax.cholesky"
    x = operand_def(FLOATS)
    result = result_def(FLOATS)
    traits = traits_def(Pure())
    assembly_format = "$x " + FORMAT

    def verify_(self) -> None:
        _check_square(self.name, self.x)
        expect(self.name, self.result, self.x.type)


@irdl_op_definition
class TriangularSolveOp(IRDLOperation):
    """
    The x with op(a) x = b, or x op(a) = b where not `left_side`; op(a) is a or its transpose. Of a
    the lower or upper triangle alone is read, and a diagonal of ones where `unit_diagonal`.

    ```mlir
    %r = lax.triangular_solve %a, %b {left_side = true, lower = true, transpose_a = false, unit_diagonal = false} : (tensor<3x3xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
    ```
    """

    name = "lax.triangular_solve"
    a = operand_def(FLOATS)
    b = operand_def(FLOATS)
    left_side = prop_def(BoolAttr)
    lower = prop_def(BoolAttr)
    transpose_a = prop_def(BoolAttr)
    unit_diagonal = prop_def(BoolAttr)
    result = result_def(FLOATS)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$a `,` $b " + FORMAT

    def verify_(self) -> None:
        _check_square(self.name, self.a)
        matrix, given = shape_of(self.a), shape_of(self.b)
        side = -2 if self.left_side else -1
        wanted = list(given)
        if len(given) == len(matrix):
            wanted = [*matrix[:-2], *given[-2:]]
            wanted[side] = matrix[-1]
        if tuple(wanted) != given or len(given) != len(matrix):
            raise VerifyException(f"{self.name}: {self.b.type} does not fit {self.a.type}")
        expect_operand("a right-hand side", self.b, with_shape(self.a.type, given))
        expect(self.name, self.result, self.b.type)
