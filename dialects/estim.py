"""The `estim` dialect: what weighs an addend, and how an estimator is put together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    TensorType,
    f64,
    i1,
    i64,
)
from xdsl.ir import Attribute, Dialect, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.importance import AllSamplesOp, LogMeanExpOp, OfSamplesOp, VimcoOp
from relbo_ir.dialects.name import NameAttr
from relbo_ir.dialects.prob.choices import SampleOp
from relbo_ir.dialects.prob.expectations import (
    DifferentiationOp,
    YieldValueOp,
)
from relbo_ir.dialects.prob.types import How
from relbo_ir.dialects.tensors import (
    INTS,
    REALS,
    VALUES,
    element_of,
    is_integer,
    shape_of_type,
    with_shape,
)

_same = VarConstraint("SAME", REALS)
_same_value = VarConstraint("VALUE", VALUES)


# There are as many maps as pairs of addend and choice that it reads, and few different ones.


@lru_cache(maxsize=1024)
def _axes_attr(axes: tuple[int, ...]) -> DenseArrayBase[IntegerType]:
    return DenseArrayBase.from_list(i64, axes)


@lru_cache(maxsize=1024)
def _axes_of(attribute: DenseArrayBase[IntegerType]) -> tuple[int, ...]:
    return tuple(attribute.get_values())


@irdl_op_definition
class ScoreOp(IRDLOperation):
    """
    c·□(Σᵢ uᵢ) + Σᵢ bᵢ·(1 − □(uᵢ)), □(u) = exp(u − stop u): the value c, and the derivative of c
    plus (c − baseline) times that of the upstream log densities uᵢ.

    `maps` says, for each axis of each upstream, which axis of c it is aligned with, or −1: summed
    over. `baselines` holds one value per upstream or none at all; a baseline has the shape of c
    and must be independent of that upstream's draw given its parents. First derivatives only.

    ```mlir
    %r = estim.score %c upstream(%u, %v) {maps = [array<i64: 0>, array<i64: -1>]} : tensor<8xf32>, (tensor<8xf32>, tensor<3xf32>)
    %s = estim.score %c upstream(%u) baselines(%b) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>) baselines (tensor<f32>)
    ```
    """

    name = "estim.score"

    cost = operand_def(_same)
    upstream = var_operand_def(REALS)
    baselines = var_operand_def(REALS)
    maps = prop_def(ArrayAttr.constr(INTS))
    result = result_def(_same)
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    traits = traits_def(Pure())
    assembly_format = (
        "$cost `upstream` `(` $upstream `)` (`baselines` `(` $baselines^ `)`)? attr-dict `:` "
        "type($cost) `,` `(` type($upstream) `)` (`baselines` `(` type($baselines)^ `)`)?"
    )

    def __init__(
        self,
        cost: SSAValue,
        upstream: Sequence[SSAValue],
        maps: Sequence[Sequence[int]],
        baselines: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[cost, upstream, baselines],
            result_types=[cost.type],
            properties={"maps": ArrayAttr([_axes_attr(tuple(m)) for m in maps])},
        )

    @property
    def axis_maps(self) -> list[tuple[int, ...]]:
        """The maps as tuples of Python ints."""
        return [_axes_of(m) for m in self.maps]

    def verify_(self) -> None:
        maps, cost = self.axis_maps, shape_of_type(self.cost.type)
        if len(maps) != len(self.upstream):
            raise VerifyException(f"{len(maps)} maps for {len(self.upstream)} upstreams")
        if len(self.baselines) not in (0, len(self.upstream)):
            raise VerifyException("a baseline belongs to one upstream: give none, or one for each")
        if any(b.type != self.cost.type for b in self.baselines):
            raise VerifyException(f"a baseline has the type of its addend, {self.cost.type}")
        for upstream, axes in zip(self.upstream, maps, strict=True):
            shape = shape_of_type(upstream.type)
            if element_of(upstream.type) != element_of(self.cost.type):
                raise VerifyException(f"{upstream.type} and {self.cost.type} differ in elements")
            if len(axes) != len(shape):
                raise VerifyException(
                    f"{axes} does not map the {len(shape)} axes of {upstream.type}"
                )
            used = [k for k in axes if k != -1]
            if len(set(used)) != len(used):
                raise VerifyException(f"{axes} maps two axes to one")
            for n, k in zip(shape, axes, strict=True):
                if k != -1 and not (0 <= k < len(cost) and cost[k] == n):
                    raise VerifyException(
                        f"an axis of size {n} is not axis {k} of {self.cost.type}"
                    )


@irdl_op_definition
class JointOp(IRDLOperation):
    """
    The sum of all elements of log densities: the log density of several choices at once. It is an
    upstream of addends that are not pruned yet, so that one more choice is one more operand, and
    not one for every addend.

    ```mlir
    %j = estim.joint %u, %v : tensor<8xf32>, tensor<3xf32> -> tensor<f32>
    ```
    """

    name = "estim.joint"

    parts = var_operand_def(REALS)
    result = result_def(REALS)
    traits = traits_def(Pure())
    assembly_format = "$parts attr-dict `:` type($parts) `->` type($result)"

    def __init__(self, parts: Sequence[SSAValue]):
        super().__init__(operands=[parts], result_types=[with_shape(parts[0].type, ())])

    def verify_(self) -> None:
        if not self.parts:
            raise VerifyException("a joint log density has one part at least")
        for part in self.parts:
            if with_shape(part.type, ()) != self.result.type:
                raise VerifyException(
                    f"a sum of all elements of {part.type} is no {self.result.type}"
                )


@irdl_op_definition
class AttachOp(IRDLOperation):
    """
    c + h − stop h: the value of c with the derivative of h besides its own.

    ```mlir
    %r = estim.attach %c gradient_of %h : tensor<f32>
    ```
    """

    name = "estim.attach"

    value = operand_def(_same)
    gradient_of = operand_def(_same)
    result = result_def(_same)
    traits = traits_def(Pure())
    assembly_format = "$value `gradient_of` $gradient_of attr-dict `:` type($value)"

    def __init__(self, value: SSAValue, gradient_of: SSAValue):
        super().__init__(operands=[value, gradient_of], result_types=[value.type])


@irdl_op_definition
class AntitheticOp(IRDLOperation):
    """
    The antithetic twin of a Bernoulli choice's draw that is treated by DisARM. Element by element,
    of one uniform number u and with success probability p, the draw is [u < p] and the twin
    [u ≥ 1 − p]: each has the choice's law, and they differ as often as two draws of it can. Its
    derivative is 0.

    `Pure`: a draw has one twin, the same wherever it is asked for.

    ```mlir
    %e = prob.expectation {
      %z = prob.sample "z" from %q {how = #prob.how<disarm>} : !prob.law<tensor<8xi32>>
      %t = estim.antithetic %z : tensor<8xi32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    ```
    """

    name = "estim.antithetic"

    draw = operand_def(_same_value)
    result = result_def(_same_value)
    traits = traits_def(Pure())
    assembly_format = "$draw attr-dict `:` type($draw)"

    def __init__(self, draw: SSAValue):
        super().__init__(operands=[draw], result_types=[draw.type])

    def verify_(self) -> None:
        choice = self.draw.owner
        if not isinstance(choice, SampleOp) or choice.how.data is not How.DISARM:
            raise VerifyException(f"{self.name} is of the draw of a choice that is `disarm`")


@irdl_op_definition
class LeaveOneOutOp(IRDLOperation):
    """
    The mean of a value over the other particles of the same step, each with draws of its own;
    derivative 0. Independent of the draws of its own particle, so a baseline for any upstream.

    ```mlir
    %b = estim.leave_one_out %c : tensor<8xf32>
    ```
    """

    name = "estim.leave_one_out"

    cost = operand_def(_same)
    result = result_def(_same)
    traits = traits_def(Pure())
    assembly_format = "$cost attr-dict `:` type($cost)"

    def __init__(self, cost: SSAValue):
        super().__init__(operands=[cost], result_types=[cost.type])


@irdl_op_definition
class RunningMeanOp(IRDLOperation):
    """
    The running mean of a value over earlier steps, Σ decayᵏ·cₜ₋ₖ / Σ decayᵏ over k ≥ 1, and 0 at
    the first step; a step's value is its mean over particles, and one that is not finite is left
    out. Where a mean of a decay above 0.9 lags behind, one of decay 0.9 takes its place.
    Independent of all draws of its own step, so a baseline for any upstream; derivative 0. `state`
    names what the program hands from step to step for it.

    ```mlir
    %b = estim.running_mean %c {state = #prob.name"f", decay = 0.9 : f64} : tensor<8xf32>
    ```
    """

    name = "estim.running_mean"

    cost = operand_def(_same)
    state = prop_def(NameAttr)
    decay = prop_def(FloatAttr)
    result = result_def(_same)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$cost attr-dict `:` type($cost)"

    def __init__(self, cost: SSAValue, state: str, decay: float):
        super().__init__(
            operands=[cost],
            result_types=[cost.type],
            properties={"state": NameAttr(state), "decay": FloatAttr(decay, f64)},
        )

    def verify_(self) -> None:
        if not 0.0 < self.decay.value.data < 1.0:
            raise VerifyException(f"a decay lies between 0 and 1, unlike {self.decay.value.data}")


def _is_index(type_: Attribute) -> bool:
    element = element_of(type_)
    return (
        isinstance(type_, TensorType)
        and type_.get_shape() == ()
        and is_integer(element)
        and element != i1
    )


@irdl_op_definition
class ReplicateOp(IRDLOperation):
    """
    The means of what its region yields over particles 0 … size − 1; the block argument is the
    particle.

    ```mlir
    %m = estim.replicate {
    ^bb0(%p: tensor<i32>):
      prob.yield_value %s : tensor<f32>
    } {size = 8 : i64} : tensor<f32>
    ```
    """

    name = "estim.replicate"

    size = prop_def(IntegerAttr)
    means = var_result_def(REALS)
    body = region_def("single_block")
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$body attr-dict `:` type($means)"

    def __init__(self, size: int, region: Region, result_types: Sequence[Attribute]):
        super().__init__(
            regions=[region],
            result_types=[result_types],
            properties={"size": IntegerAttr(size, i64)},
        )

    def verify_(self) -> None:
        if self.size.value.data < 1:
            raise VerifyException("estim.replicate needs one particle at least")
        types = [arg.type for arg in self.body.block.args]
        if len(types) != 1 or not _is_index(types[0]):
            raise VerifyException(
                "estim.replicate's region has one argument, the particle: an integer of rank 0"
            )
        last = self.body.block.last_op
        if not isinstance(last, YieldValueOp):
            raise VerifyException("estim.replicate must end in prob.yield_value")
        if [value.type for value in last.values] != [mean.type for mean in self.means]:
            raise VerifyException("estim.replicate yields values of its results' types")


@irdl_op_definition
class ValueAndGradOp(DifferentiationOp):
    """
    The value of its region and its derivative with respect to every operand, by automatic
    differentiation: draws inside are functions of their keys.

    ```mlir
    %v, %d = estim.value_and_grad (%x_ = %x) : (tensor<3xf32>) -> (tensor<f32>, tensor<3xf32>) {
      prob.yield_value %s : tensor<f32>
    }
    ```
    """

    name = "estim.value_and_grad"


Estim = Dialect(
    "estim",
    [
        AllSamplesOp,
        AntitheticOp,
        AttachOp,
        LeaveOneOutOp,
        LogMeanExpOp,
        ReplicateOp,
        RunningMeanOp,
        ScoreOp,
        JointOp,
        ValueAndGradOp,
        VimcoOp,
    ],
    [],
)

__all__ = [
    "AllSamplesOp",
    "AntitheticOp",
    "AttachOp",
    "Estim",
    "JointOp",
    "LeaveOneOutOp",
    "LogMeanExpOp",
    "OfSamplesOp",
    "ReplicateOp",
    "RunningMeanOp",
    "ScoreOp",
    "ValueAndGradOp",
    "VimcoOp",
]
