"""Complex numbers, from and to real ones, and Fourier transforms."""

from __future__ import annotations

from typing import cast

from xdsl.dialects.builtin import AnyFloat, ComplexType, StringAttr, TensorType
from xdsl.ir import Attribute, SSAValue
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

from relbo_ir.dialects.lax.elementwise import ElementwiseOp
from relbo_ir.dialects.lax.shapes import FORMAT, shape_of, tuple_of
from relbo_ir.dialects.tensors import (
    COMPLEX,
    FLOATS,
    INTS,
    REALS,
    element_of,
    expect,
    expect_operand,
    has_complex,
    shape_of_type,
)


def complex_like(type_: Attribute) -> Attribute:
    """The tensor of complex numbers of the same shape and precision."""
    element = cast("AnyFloat", element_of(type_))
    return TensorType(ComplexType(element), shape_of_type(type_))


def _real_like(type_: Attribute) -> Attribute:
    element = cast("ComplexType[AnyFloat]", element_of(type_))
    return TensorType(element.element_type, shape_of_type(type_))


class _PartOp(ElementwiseOp):
    """A real part of complex numbers."""

    x = operand_def(COMPLEX)
    result = result_def(REALS)
    traits = traits_def(Pure())
    assembly_format = "$x " + FORMAT

    def __init__(self, x: SSAValue):
        super().__init__(operands=[x], result_types=[_real_like(x.type)])

    def verify_(self) -> None:
        expect_operand("the operand", self.x, complex_like(self.result.type))


@irdl_op_definition
class RealOp(_PartOp):
    """
    The real part of x.

    ```mlir
    %r = lax.real %x : (tensor<3xcomplex<f32>>) -> tensor<3xf32>
    ```
    """

    name = "lax.real"


@irdl_op_definition
class ImagOp(_PartOp):
    """
    The imaginary part of x.

    ```mlir
    %r = lax.imag %x : (tensor<3xcomplex<f32>>) -> tensor<3xf32>
    ```
    """

    name = "lax.imag"


@irdl_op_definition
class ComplexOp(ElementwiseOp):
    """
    x + i·y.

    ```mlir
    %r = lax.complex %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xcomplex<f32>>
    ```
    """

    name = "lax.complex"
    x = operand_def(REALS)
    y = operand_def(REALS)
    result = result_def(COMPLEX)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $y " + FORMAT

    def __init__(self, x: SSAValue, y: SSAValue):
        super().__init__(operands=[x, y], result_types=[complex_like(x.type)])

    def verify_(self) -> None:
        expect_operand("the imaginary part", self.y, self.x.type)
        expect(self.name, self.result, complex_like(self.x.type))


KINDS = ("FFT", "IFFT", "RFFT", "IRFFT")


@irdl_op_definition
class FftOp(IRDLOperation):
    """
    The discrete Fourier transform along the last axes, as many as there are lengths, which are the
    sizes of those axes before "FFT" and "RFFT" and after their inverses. "RFFT" takes real numbers
    and gives the n//2 + 1 coefficients of the last axis that tell all; "IRFFT" takes those.

    ```mlir
    %r = lax.fft %x {kind = "RFFT", lengths = array<i64: 4>} : (tensor<2x4xf32>) -> tensor<2x3xcomplex<f32>>
    ```
    """

    name = "lax.fft"
    x = operand_def(FLOATS)
    kind = prop_def(StringAttr)
    lengths = prop_def(INTS)
    result = result_def(FLOATS)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x " + FORMAT

    def verify_(self) -> None:
        kind, lengths, shape = self.kind.data, tuple_of(self.lengths), shape_of(self.x)
        if kind not in KINDS:
            raise VerifyException(f"{self.name} has no kind {kind!r}; its kinds are {KINDS}")
        if not 1 <= len(lengths) <= min(3, len(shape)):
            raise VerifyException(f"{self.name} is along one to three of the axes of {self.x.type}")
        whole = (*shape[: len(shape) - len(lengths)], *lengths)
        half = (*whole[:-1], whole[-1] // 2 + 1)
        real, spectrum = (self.x, self.result) if kind == "RFFT" else (self.result, self.x)
        if kind in ("FFT", "IFFT"):
            if not has_complex(self.x.type) or shape != whole:
                raise VerifyException(
                    f"{self.name} of lengths {lengths} does not take {self.x.type}"
                )
            expect(self.name, self.result, self.x.type)
            return
        if has_complex(real.type) or shape_of(real) != whole:
            raise VerifyException(
                f"{self.name} of kind {kind} and lengths {lengths} has real numbers of shape "
                f"{whole} on one side, not {real.type}"
            )
        wanted = TensorType(ComplexType(cast("AnyFloat", element_of(real.type))), half)
        if spectrum.type != wanted:
            raise VerifyException(
                f"{self.name} of kind {kind} and lengths {lengths} has {wanted} on the other side, "
                f"not {spectrum.type}"
            )
