"""Laws that weigh other laws."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.dist.family_op import FORMAT, broadcast_shapes
from relbo_ir.dialects.dist.wrappers import float_element, law_of
from relbo_ir.dialects.prob.types import LawType
from relbo_ir.dialects.tensors import REALS, element_of, expect, shape_of_type


def _mixed(logits: Attribute, batches: Sequence[tuple[int, ...]], event: LawType) -> LawType:
    """The law over the broadcast of the weights' batch and the components' batches."""
    shape = event.value.get_shape()
    axes = shape[len(event.batch_shape) :]
    batch = broadcast_shapes(shape_of_type(logits)[:-1], *batches)
    return LawType(TensorType(event.value.get_element_type(), (*batch, *axes)), event.event_rank)


@irdl_op_definition
class MixtureOp(IRDLOperation):
    """
    One of several laws, the k-th with probability softmax(logits)[k], chosen for each batch element:
    log p(x) = log Σₖ exp(log wₖ + log pₖ(x)). The weights' last axis counts the components.

    ```mlir
    %law = dist.mixture %w, %p, %q : (tensor<2xf32>, !prob.law<tensor<8xf32>>, !prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
    ```
    """

    name = "dist.mixture"

    logits = operand_def(REALS)
    components = var_operand_def(LawType)
    result = result_def(LawType)
    traits = traits_def(Pure())
    assembly_format = "$logits `,` $components " + FORMAT

    def __init__(self, logits: SSAValue, components: Sequence[SSAValue]):
        super().__init__(
            operands=[logits, components], result_types=[self.law_type(logits.type, components)]
        )

    @staticmethod
    def law_type(logits: Attribute, components: Sequence[SSAValue]) -> LawType:
        """The law's type; ValueError where the batches do not broadcast."""
        laws = [law_of(component) for component in components]
        return _mixed(logits, [law.batch_shape for law in laws], laws[0])

    def verify_(self) -> None:
        count = len(self.components)
        if not count or shape_of_type(self.logits.type)[-1:] != (count,):
            raise VerifyException(f"{self.name}: {self.logits.type} does not weigh {count} laws")
        first = law_of(self.components[0])
        for component in self.components:
            law = law_of(component)
            mine, theirs = (x.value.get_shape()[len(x.batch_shape) :] for x in (first, law))
            same = law.value.get_element_type() == first.value.get_element_type()
            if mine != theirs or not same:
                raise VerifyException(f"{self.name}: {first} and {law} draw different things")
        _check_floats(self.name, self.logits, self.components)
        try:
            expect(self.name, self.result, self.law_type(self.logits.type, self.components))
        except ValueError as error:
            raise VerifyException(f"{self.name}: {error}") from error


@irdl_op_definition
class MixtureSameFamilyOp(IRDLOperation):
    """
    As `dist.mixture`, of the laws along the last batch axis of one law.

    ```mlir
    %law = dist.mixture_same_family %w, %p : (tensor<2xf32>, !prob.law<tensor<8x2xf32>>) -> !prob.law<tensor<8xf32>>
    ```
    """

    name = "dist.mixture_same_family"

    logits = operand_def(REALS)
    component = operand_def(LawType)
    result = result_def(LawType)
    traits = traits_def(Pure())
    assembly_format = "$logits `,` $component " + FORMAT

    def __init__(self, logits: SSAValue, component: SSAValue):
        super().__init__(
            operands=[logits, component], result_types=[self.law_type(logits.type, component)]
        )

    @staticmethod
    def law_type(logits: Attribute, component: SSAValue) -> LawType:
        """The law's type; ValueError where the batches do not broadcast."""
        law = law_of(component)
        return _mixed(logits, [law.batch_shape[:-1]], law)

    def verify_(self) -> None:
        count = law_of(self.component).batch_shape[-1:]
        if not count or shape_of_type(self.logits.type)[-1:] != count:
            raise VerifyException(
                f"{self.name}: {self.logits.type} does not weigh the last batch axis of "
                f"{self.component.type}"
            )
        _check_floats(self.name, self.logits, [self.component])
        try:
            expect(self.name, self.result, self.law_type(self.logits.type, self.component))
        except ValueError as error:
            raise VerifyException(f"{self.name}: {error}") from error


def _check_floats(name: str, logits: SSAValue, components: Sequence[SSAValue]) -> None:
    element = element_of(logits.type)
    for component in components:
        if float_element(component) != element:
            raise VerifyException(f"{name}: weights of {element} and laws of another float type")
