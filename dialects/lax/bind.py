"""The door for every JAX primitive that has no op of its own."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DictionaryAttr, StringAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    prop_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import Pure

from relbo_ir.dialects.lax.shapes import FORMAT


@irdl_op_definition
class BindOp(IRDLOperation):
    """
    The JAX primitive of that name with these parameters. Analyses assume the worst of it.

    ```mlir
    %r = lax.bind "cholesky"(%x) {parameters = {symmetrize_input = true}} : (tensor<3x3xf32>) -> tensor<3x3xf32>
    ```
    """

    name = "lax.bind"
    primitive = prop_def(StringAttr)
    arguments = var_operand_def()
    parameters = prop_def(DictionaryAttr)
    values = var_result_def()
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$primitive `(` $arguments `)` " + FORMAT

    def __init__(
        self,
        primitive: str,
        arguments: Sequence[SSAValue],
        parameters: dict[str, Attribute],
        types: Sequence[Attribute],
    ):
        super().__init__(
            operands=[arguments],
            result_types=[types],
            properties={
                "primitive": StringAttr(primitive),
                "parameters": DictionaryAttr(parameters),
            },
        )
