"""Random choices, observations, factors, and the densities asked about them."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, SymbolRefAttr, TensorType, UnitAttr, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AnyAttr,
    AttrSizedOperandSegments,
    IRDLOperation,
    ParamAttrConstraint,
    ParsePropInAttrDict,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.name import NameAttr
from relbo_ir.dialects.prob.types import How, HowAttr, LawType, PlateAxisAttr
from relbo_ir.dialects.tensors import INTEGERS, REALS, VALUES

_value = VarConstraint("VALUE", VALUES)
_law = ParamAttrConstraint(LawType, (_value, AnyAttr()))


def _verify_plates(name: str, law: LawType, plates: ArrayAttr[PlateAxisAttr] | None) -> None:
    rank = len(law.batch_shape)
    seen: set[int] = set()
    for plate in () if plates is None else plates:
        axis = plate.axis.data
        if not -rank <= axis < 0:
            raise VerifyException(
                f'"{name}": plate {plate.plate} takes axis {axis}, but the batch has rank {rank}'
            )
        if axis in seen:
            raise VerifyException(f'"{name}": two plates take axis {axis}')
        seen.add(axis)


def verify_value(law: LawType, value: Attribute) -> None:
    """A value of a law has the shape of its draws."""
    if isinstance(value, TensorType) and value.get_shape() != law.value.get_shape():
        raise VerifyException(f"a value of {law} has the shape of {law.value}, not of {value}")


@irdl_op_definition
class SampleOp(IRDLOperation):
    """
    A random choice: z ~ law. With `guide`, the choice is drawn from the guide's law and `law` is
    its prior. Not `Pure`: two equal draws are two draws.

    `how` says how the gradient treats the draw (see `How`), `plan` what `assign-estimators`
    decided; the plan has no meaning of its own. `auxiliary`: a choice of the guide that the model
    does not have. `scale` multiplies what the site adds to the objective, its log density and its
    −log q, but never the density that a draw comes from; it broadcasts against them.

    In an expectation the law is the one that is drawn from: it holds no mask, and the scale is
    written out in the addends.

    `drawn`: the draws were made one after the other, in a `prob.scan`, as their laws read the draws
    before them; `law` is that of all steps given these. The choice is still one choice.

    ```mlir
    %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
    %z = prob.sample "z" from %p guide %q : !prob.law<tensor<f32>>, !prob.law<tensor<f32>>
    %z = prob.sample "z" from %q scale %s : !prob.law<tensor<f32>> scale tensor<f32>
    %z = prob.sample "z" from %q drawn %steps : !prob.law<tensor<5xf32>> drawn tensor<5xf32>
    %z = prob.sample "z" from %q {how = #prob.how<score>} : !prob.law<tensor<f32>>
    ```
    """

    name = "prob.sample"

    site = prop_def(NameAttr)
    law = operand_def(_law)
    guide = opt_operand_def(LawType)
    scale = opt_operand_def(REALS)
    drawn = opt_operand_def(VALUES)
    how = prop_def(HowAttr, default_value=HowAttr(How.EXACT))
    plan = opt_prop_def(HowAttr)
    plates = opt_prop_def(ArrayAttr[PlateAxisAttr])
    auxiliary = opt_prop_def(UnitAttr)
    value = result_def(_value)

    irdl_options = (ParsePropInAttrDict(), AttrSizedOperandSegments(as_property=True))
    assembly_format = (
        "$site `from` $law (`guide` $guide^)? (`scale` $scale^)? (`drawn` $drawn^)? attr-dict `:` "
        "type($law) (`,` type($guide)^)? (`scale` type($scale)^)? (`drawn` type($drawn)^)?"
    )

    def __init__(
        self,
        site: str,
        law: SSAValue,
        *,
        guide: SSAValue | None = None,
        scale: SSAValue | None = None,
        drawn: SSAValue | None = None,
        plates: ArrayAttr[PlateAxisAttr] | None = None,
        auxiliary: bool = False,
        how: How = How.EXACT,
    ):
        if not isinstance(law.type, LawType):
            raise TypeError(f'site "{site}" draws from {law.type}, which is not a law')
        super().__init__(
            operands=[law, guide, scale, drawn],
            result_types=[law.type.value],
            properties={
                "site": NameAttr(site),
                "how": HowAttr(how),
                "plates": plates if plates is not None and plates.data else None,
                "auxiliary": UnitAttr() if auxiliary else None,
            },
        )

    @property
    def law_type(self) -> LawType:
        law = self.law.type
        if not isinstance(law, LawType):
            raise VerifyException(f'"{self.site.data}": {law} is not a law')
        return law

    def verify_(self) -> None:
        _verify_plates(self.site.data, self.law_type, self.plates)
        if self.drawn is not None and self.drawn.type != self.law_type.value:
            raise VerifyException(
                f'"{self.site.data}" of {self.law_type} has drawn {self.drawn.type}'
            )
        if self.guide is None or not isinstance(guide := self.guide.type, LawType):
            return
        if guide.value != self.law_type.value or guide.event_rank != self.law_type.event_rank:
            raise VerifyException(
                f'"{self.site.data}": prior {self.law_type} and guide {guide} differ'
            )


@irdl_op_definition
class ObserveOp(IRDLOperation):
    """
    An observation: the model gains the factor p(value), every element of it. The value has the
    shape of a draw; its elements may be of another type (counts as floats, say). `scale`
    multiplies the log density, against which it broadcasts.

    ```mlir
    prob.observe "y" %law at %data : !prob.law<tensor<10xi32>>, tensor<10xf32>
    prob.observe "y" %law at %data scale %s : !prob.law<tensor<10xi32>>, tensor<10xf32> scale tensor<f32>
    ```
    """

    name = "prob.observe"

    site = prop_def(NameAttr)
    law = operand_def(LawType)
    value = operand_def(VALUES)
    scale = opt_operand_def(REALS)
    plates = opt_prop_def(ArrayAttr[PlateAxisAttr])

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$site $law `at` $value (`scale` $scale^)? attr-dict `:` type($law) `,` type($value) "
        "(`scale` type($scale)^)?"
    )

    def __init__(
        self,
        site: str,
        law: SSAValue,
        value: SSAValue,
        plates: ArrayAttr[PlateAxisAttr] | None = None,
        scale: SSAValue | None = None,
    ):
        super().__init__(
            operands=[law, value, scale],
            properties={
                "site": NameAttr(site),
                "plates": plates if plates is not None and plates.data else None,
            },
        )

    def verify_(self) -> None:
        if isinstance(law := self.law.type, LawType):
            _verify_plates(self.site.data, law, self.plates)
            verify_value(law, self.value.type)


@irdl_op_definition
class FactorOp(IRDLOperation):
    """
    A factor: the log joint gains every element of `value` (nats).

    ```mlir
    prob.factor "bonus" %f : tensor<3xf32>
    ```
    """

    name = "prob.factor"

    site = prop_def(NameAttr)
    value = operand_def(VALUES)

    assembly_format = "$site $value attr-dict `:` type($value)"

    def __init__(self, site: str, value: SSAValue):
        super().__init__(operands=[value], properties={"site": NameAttr(site)})


@irdl_op_definition
class DeterministicOp(IRDLOperation):
    """
    A named value: recorded for posterior summaries, without weight. `point`: the value that the
    guide fixes a choice of the model at, by a `dist.delta`.

    ```mlir
    prob.deterministic "theta" %theta : tensor<8xf32>
    prob.deterministic "z" %v {point} : tensor<f32>
    ```
    """

    name = "prob.deterministic"

    site = prop_def(NameAttr)
    value = operand_def(VALUES)
    point = opt_prop_def(UnitAttr)

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$site $value attr-dict `:` type($value)"

    def __init__(self, site: str, value: SSAValue, *, point: bool = False):
        super().__init__(
            operands=[value],
            properties={"site": NameAttr(site), "point": UnitAttr() if point else None},
        )


@irdl_op_definition
class SubsampleOp(IRDLOperation):
    """
    The minibatch of a plate: distinct indices in [0, size), uniformly drawn without replacement.

    `Pure`: a plate has one minibatch, the same wherever it is asked for, in the model and in the
    guide. Its law has no parameters, so it has no part in any gradient.

    ```mlir
    %i = prob.subsample @N : tensor<32xi32>
    ```
    """

    name = "prob.subsample"

    plate = prop_def(SymbolRefAttr)
    result = result_def(INTEGERS)
    traits = traits_def(Pure())

    assembly_format = "$plate attr-dict `:` type($result)"

    def __init__(self, plate: str, count: int):
        super().__init__(
            result_types=[TensorType(i32, [count])], properties={"plate": SymbolRefAttr(plate)}
        )


@irdl_op_definition
class LogDensityOp(IRDLOperation):
    """
    The log density (nats, natural log) of a law at a value, one number per batch element:
    ℓ[b] = log p(value[b, :]). With respect to Lebesgue or counting measure.

    ```mlir
    %l = prob.log_density %law at %z : !prob.law<tensor<8x3xf32>, event_rank = 1>, tensor<8x3xf32> -> tensor<8xf32>
    ```
    """

    name = "prob.log_density"

    law = operand_def(LawType)
    value = operand_def(VALUES)
    result = result_def(REALS)

    traits = traits_def(Pure())

    assembly_format = (
        "$law `at` $value attr-dict `:` type($law) `,` type($value) `->` type($result)"
    )

    def __init__(self, law: SSAValue, value: SSAValue, element: Attribute):
        """`element` is the float type of the density, that of the law's parameters."""
        if not isinstance(law.type, LawType):
            raise TypeError(f"{law.type} is not a law")
        super().__init__(
            operands=[law, value], result_types=[TensorType(element, law.type.batch_shape)]
        )

    def verify_(self) -> None:
        law, result = self.law.type, self.result.type
        if not isinstance(law, LawType):
            return
        verify_value(law, self.value.type)
        if result.get_shape() != law.batch_shape:
            raise VerifyException(f"a density of {law} has shape {law.batch_shape}, not {result}")


def plates_attr(plates: Sequence[tuple[str, int]]) -> ArrayAttr[PlateAxisAttr]:
    """The plates of a choice from (name, negative batch axis) pairs."""
    return ArrayAttr([PlateAxisAttr(name, axis) for name, axis in plates])
