"""What stands where a law does and has no density of its own: masks, points, improper priors."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, StringAttr, TensorType, UnitAttr, i1, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.dist.family import Support
from relbo_ir.dialects.dist.wrappers import ExpandOp, IndependentOp, broadcasts_to, law_of
from relbo_ir.dialects.prob.types import LawType
from relbo_ir.dialects.tensors import (
    INTEGERS,
    REALS,
    VALUES,
    element_of,
    expect,
    expect_operand,
    is_float,
    shape_of_type,
)


@irdl_op_definition
class MaskOp(IRDLOperation):
    """
    The same draws, with the log density 0 where the mask is false: log p(x)[b] if mask[b], else 0.
    No law then, but what an addend scores; what is drawn is drawn from the base.

    `branch`: the site stands in a branch, and the mask says where that is taken. Elsewhere the
    program has no such choice, so model and guide must say the same.

    ```mlir
    %law = dist.mask %base, %mask : (!prob.law<tensor<8xf32>>, tensor<8xi1>) -> !prob.law<tensor<8xf32>>
    %law = dist.mask %base, %mask {branch} : (!prob.law<tensor<8xf32>>, tensor<8xi1>) -> !prob.law<tensor<8xf32>>
    ```
    """

    name = "dist.mask"

    base = operand_def(LawType)
    mask = operand_def(INTEGERS)
    branch = opt_prop_def(UnitAttr)
    result = result_def(LawType)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$base `,` $mask attr-dict `:` functional-type(operands, results)"

    def __init__(self, base: SSAValue, mask: SSAValue, *, branch: bool = False):
        super().__init__(
            operands=[base, mask],
            result_types=[law_of(base)],
            properties={"branch": UnitAttr() if branch else None},
        )

    def verify_(self) -> None:
        law = law_of(self.base)
        expect(self.name, self.result, law)
        expect_operand(f"the mask of {law}", self.mask, TensorType(i1, law.batch_shape))


@irdl_op_definition
class DeltaOp(IRDLOperation):
    """
    All mass at one point: log p(x) = log_density where x = value in every element of the event,
    else −∞. A guide's choice of this law is no choice: it has the value, and the objective loses
    log_density.

    ```mlir
    %law = dist.delta %v, %d {event_rank = 1 : i64} : (tensor<8x3xf32>, tensor<8xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
    ```
    """

    name = "dist.delta"

    value = operand_def(VALUES)
    log_density = operand_def(REALS)
    event_rank = prop_def(IntegerAttr)
    result = result_def(LawType)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$value `,` $log_density attr-dict `:` functional-type(operands, results)"

    def __init__(self, value: SSAValue, log_density: SSAValue, event_rank: int):
        super().__init__(
            operands=[value, log_density],
            result_types=[self.law_type(value.type, event_rank)],
            properties={"event_rank": IntegerAttr(event_rank, i64)},
        )

    @staticmethod
    def law_type(value: Attribute, event_rank: int) -> LawType:
        element = element_of(value)
        if element is None:
            raise TypeError(f"{value} is not a tensor")
        return LawType(TensorType(element, shape_of_type(value)), event_rank)

    def verify_(self) -> None:
        law = self.law_type(self.value.type, self.event_rank.value.data)
        expect(self.name, self.result, law)
        if shape_of_type(self.log_density.type) != law.batch_shape:
            raise VerifyException(
                f"the log density of {law} has shape {law.batch_shape}, not {self.log_density.type}"
            )


@irdl_op_definition
class ImproperOp(IRDLOperation):
    """
    The improper prior log p(x) = 0 on a support, −∞ outside. It has no draws: its choice needs a
    guide. The two bounds of `interval` are operands, which may be infinite.

    ```mlir
    %law = dist.improper {support = "positive"} : () -> !prob.law<tensor<3xf32>, event_rank = 1>
    %law = dist.improper %low, %high {support = "interval"} : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<3xf32>>
    ```
    """

    name = "dist.improper"

    bounds = var_operand_def(REALS)
    support = prop_def(StringAttr)
    result = result_def(LawType)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "($bounds^)? attr-dict `:` functional-type(operands, results)"

    def __init__(self, support: Support, law: LawType, bounds: Sequence[SSAValue] = ()):
        super().__init__(
            operands=[bounds],
            result_types=[law],
            properties={"support": StringAttr(support.value)},
        )

    @property
    def set(self) -> Support:
        """The support."""
        return Support(self.support.data)

    def verify_(self) -> None:
        if self.support.data not in {s.value for s in Support if not s.is_discrete}:
            raise VerifyException(f"{self.support} is no support of a continuous law")
        value = law_of(self.result).value
        if not is_float(value.get_element_type()):
            raise VerifyException(
                f"an improper prior is on real numbers, not on {self.result.type}"
            )
        rank = law_of(self.result).event_rank.data
        if rank < self.set.event_rank:
            raise VerifyException(
                f"an improper prior on {self.support} is joint over {self.set.event_rank} axes, "
                f"not {rank}"
            )
        wanted = 2 if self.set is Support.INTERVAL else 0
        if len(self.bounds) != wanted:
            raise VerifyException(f"an improper prior on {self.support} has {wanted} bounds")
        for bound in self.bounds:
            if not broadcasts_to(bound.type, value):
                raise VerifyException(
                    f"{bound.type} is no bound of {value}: give the same floats, "
                    "of a shape that broadcasts"
                )


Wrapper = MaskOp | IndependentOp | ExpandOp


def wrapped(law: SSAValue) -> tuple[SSAValue, Sequence[Wrapper]]:
    """The law inside masks, `independent` and `expand`, and these from the outermost inwards."""
    wrappers: list[Wrapper] = []
    while isinstance(owner := law.owner, (MaskOp, IndependentOp, ExpandOp)):
        wrappers.append(owner)
        law = owner.base
    return law, wrappers


def is_masked(law: SSAValue) -> bool:
    """Whether a mask hides some of a law's density."""
    return any(isinstance(wrapper, MaskOp) for wrapper in wrapped(law)[1])
