"""The law of a bijection of a draw, where functions of the module give the bijection."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import StringAttr, SymbolRefAttr
from xdsl.ir import SSAValue
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

from relbo_ir.dialects.dist.wrappers import law_of
from relbo_ir.dialects.prob.types import LawType
from relbo_ir.dialects.tensors import TENSOR, is_float


@irdl_op_definition
class TransformedByOp(IRDLOperation):
    """
    The law of T(x), x ~ base, for a smooth bijection T that functions of the module give:
    forward(x, arguments...) = T(x), inverse(y, arguments...) = T⁻¹(y) and
    log_det(x, y, arguments...) = log|det ∂T/∂x|, one number per batch element, as
    inside(y, arguments...), which says whether y lies in the range. `support` names the range of T
    on all real numbers (of `positive_definite` and `corr_matrix` on all of their Cholesky factors),
    where it is one that does not depend on the arguments.

    ```mlir
    %law = dist.transformed_by %base, %a forward(@f) inverse(@g) log_det(@h) inside(@i) : (!prob.law<tensor<3xf32>, event_rank = 1>, tensor<f32>) -> !prob.law<tensor<4xf32>, event_rank = 1>
    ```
    """

    name = "dist.transformed_by"

    base = operand_def(LawType)
    arguments = var_operand_def(TENSOR)
    forward = prop_def(SymbolRefAttr)
    inverse = prop_def(SymbolRefAttr)
    log_det = prop_def(SymbolRefAttr)
    inside = prop_def(SymbolRefAttr)
    support = opt_prop_def(StringAttr)
    result = result_def(LawType)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$base (`,` $arguments^)? `forward` `(` $forward `)` `inverse` `(` $inverse `)` "
        "`log_det` `(` $log_det `)` `inside` `(` $inside `)` attr-dict `:` "
        "functional-type(operands, results)"
    )

    def __init__(
        self,
        base: SSAValue,
        arguments: Sequence[SSAValue],
        functions: Sequence[str],
        law: LawType,
        support: str | None = None,
    ):
        names = ("forward", "inverse", "log_det", "inside")
        super().__init__(
            operands=[base, arguments],
            result_types=[law],
            properties={
                **{n: SymbolRefAttr(f) for n, f in zip(names, functions, strict=True)},
                "support": None if support is None else StringAttr(support),
            },
        )

    def verify_(self) -> None:
        base, law = law_of(self.base), law_of(self.result)
        if not is_float(base.value.get_element_type()):
            raise VerifyException(f"a transform takes a continuous law, not {base}")
        if base.value.get_element_type() != law.value.get_element_type():
            raise VerifyException(f"{self.name}: {base} and {law} differ in their float type")
        if base.batch_shape != law.batch_shape:
            raise VerifyException(f"{self.name}: {base} and {law} differ in their batch")
