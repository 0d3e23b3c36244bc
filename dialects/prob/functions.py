"""Functions and plates: what models, guides and objectives are written in."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FunctionType,
    IntegerAttr,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    i64,
)
from xdsl.dialects.utils import parse_func_op_like, print_func_op_like
from xdsl.ir import Attribute, Block, BlockArgument, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import (
    HasParent,
    IsolatedFromAbove,
    IsTerminator,
    SymbolOpInterface,
)
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects.prob.choices import DeterministicOp, FactorOp, ObserveOp, SampleOp
from relbo_ir.dialects.prob.types import (
    ClosureAttr,
    DataAttr,
    DrawAttr,
    ParameterAttr,
    SeedAttr,
    StateAttr,
    UnconstrainedAttr,
)
from relbo_ir.dialects.tensors import TENSOR

ROLE = "prob.role"


_ROLES = (
    ParameterAttr,
    UnconstrainedAttr,
    DataAttr,
    ClosureAttr,
    DrawAttr,
    SeedAttr,
    StateAttr,
)


def _parameter_names(roles: Sequence[Attribute]) -> list[str]:
    kinds = (ParameterAttr, UnconstrainedAttr)
    return [role.parameter.data for role in roles if isinstance(role, kinds)]


def _sites(block: Block) -> list[str]:
    kinds = (SampleOp, ObserveOp, FactorOp, DeterministicOp)
    return [op.site.data for op in block.ops if isinstance(op, kinds)]


def refuse_twice(what: str, names: Sequence[str]) -> None:
    """Refuses a name that stands twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise VerifyException(f'two {what} are named "{name}"')
        seen.add(name)


@irdl_op_definition
class FuncOp(IRDLOperation):
    """
    A model, a guide, or an objective. Every argument has a role (`prob.role`): a parameter with
    its constraint, data, a closed-over constant, a draw, or the seed.

    ```mlir
    prob.func @guide(%ga: tensor<f32> {prob.role = #prob.parameter<#prob.name"ga", #prob.constraint<"positive">>}) {
      prob.return
    }
    ```
    """

    name = "prob.func"

    sym_name = prop_def(SymbolNameConstraint())
    function_type = prop_def(FunctionType)
    arg_attrs = opt_prop_def(ArrayAttr[DictionaryAttr])
    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface())

    def __init__(
        self,
        name: str,
        region: Region,
        roles: Sequence[Attribute],
        results: Sequence[Attribute] = (),
    ):
        inputs = [arg.type for arg in region.block.args]
        super().__init__(
            regions=[region],
            properties={
                "sym_name": StringAttr(name),
                "function_type": FunctionType.from_lists(inputs, list(results)),
                "arg_attrs": ArrayAttr([DictionaryAttr({ROLE: role}) for role in roles]),
            },
        )

    @property
    def roles(self) -> tuple[Attribute, ...]:
        """The role of each argument, in order."""
        if self.arg_attrs is None:
            return ()
        return tuple(attrs.data[ROLE] for attrs in self.arg_attrs)

    def arguments(self, role: type[Attribute]) -> list[tuple[BlockArgument, Attribute]]:
        """The arguments of one kind of role, in order, each with its role."""
        pairs = zip(self.body.block.args, self.roles, strict=True)
        return [(arg, attr) for arg, attr in pairs if isinstance(attr, role)]

    def verify_(self) -> None:
        args = self.body.block.args
        if self.function_type.inputs.data != tuple(arg.type for arg in args):
            raise VerifyException(f"@{self.sym_name.data}: arguments and function type differ")
        attrs = () if self.arg_attrs is None else self.arg_attrs.data
        if len(attrs) != len(args) or not all(ROLE in a.data for a in attrs):
            raise VerifyException(f"@{self.sym_name.data}: every argument needs a {ROLE}")
        if bad := [role for role in self.roles if not isinstance(role, _ROLES)]:
            raise VerifyException(f"@{self.sym_name.data}: {bad[0]} is no {ROLE}")
        if bad := [arg.type for arg in args if not TENSOR.verifies(arg.type)]:
            raise VerifyException(f"@{self.sym_name.data}: {bad[0]} is no tensor of a static shape")
        refuse_twice("parameters", _parameter_names(self.roles))
        refuse_twice("sites", _sites(self.body.block))
        last = self.body.block.last_op
        if not isinstance(last, ReturnOp):
            raise VerifyException(f"@{self.sym_name.data} must end in prob.return")
        if self.function_type.outputs.data != tuple(value.type for value in last.values):
            raise VerifyException(f"@{self.sym_name.data}: returns other types than it declares")

    @classmethod
    def parse(cls, parser: Parser) -> FuncOp:
        name, inputs, results, region, extra, arg_attrs, _ = parse_func_op_like(
            parser, reserved_attr_names=("sym_name", "function_type", "arg_attrs")
        )
        op = cls.create(
            regions=[region],
            properties={
                "sym_name": StringAttr(name),
                "function_type": FunctionType.from_lists(list(inputs), list(results)),
                "arg_attrs": ArrayAttr([]) if arg_attrs is None else arg_attrs,
            },
        )
        if extra is not None:
            op.attributes |= extra.data
        return op

    def print(self, printer: Printer) -> None:
        print_func_op_like(
            printer,
            self.sym_name,
            self.function_type,
            self.body,
            self.attributes,
            arg_attrs=self.arg_attrs,
            reserved_attr_names=("sym_name", "function_type", "arg_attrs"),
        )


@irdl_op_definition
class ReturnOp(IRDLOperation):
    """
    Ends a `prob.func`.

    ```mlir
    prob.return %value, %gradient : tensor<f32>, tensor<f32>
    ```
    """

    name = "prob.return"

    values = var_operand_def()
    traits = traits_def(IsTerminator(), HasParent(FuncOp))
    assembly_format = "($values^ `:` type($values))? attr-dict"

    def __init__(self, values: Sequence[SSAValue] = ()):
        super().__init__(operands=[values])


@irdl_op_definition
class PlateOp(IRDLOperation):
    """
    Declares a plate: `size` conditionally independent copies along one batch axis. The
    declaration is the user's; what is independent is read off the graph.

    With `subsample` every site of the plate has that many copies, those of a minibatch, and its
    addends weigh size/subsample.

    ```mlir
    prob.plate @schools {size = 8 : i64}
    prob.plate @N {size = 1000 : i64, subsample = 32 : i64}
    ```
    """

    name = "prob.plate"

    sym_name = prop_def(SymbolNameConstraint())
    size = prop_def(IntegerAttr)
    subsample = opt_prop_def(IntegerAttr)
    traits = traits_def(SymbolOpInterface())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$sym_name attr-dict"

    def __init__(self, name: str, size: int, subsample: int | None = None):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "size": IntegerAttr(size, i64),
                "subsample": None if subsample is None else IntegerAttr(subsample, i64),
            }
        )

    @property
    def count(self) -> int:
        """How many copies a site of the plate has."""
        return (self.size if self.subsample is None else self.subsample).value.data

    @property
    def weight(self) -> float:
        """What an addend of a site in the plate is multiplied with: size/subsample."""
        return 1.0 if self.subsample is None else self.size.value.data / self.subsample.value.data

    def verify_(self) -> None:
        size = self.size.value.data
        if size < 0:
            raise VerifyException(f"plate @{self.sym_name.data} has {size} elements")
        if self.subsample is not None and not 1 <= self.subsample.value.data <= size:
            raise VerifyException(
                f"plate @{self.sym_name.data} has {size} elements, of which a minibatch cannot "
                f"have {self.subsample.value.data}"
            )


@irdl_op_definition
class ElboOp(IRDLOperation):
    """
    Asks for E_q[log p(x, z) − log q(z)] of a model and a guide. Without a guide, the model's
    choices name their guide in place.

    ```mlir
    prob.elbo @elbo model(@model) guide(@guide)
    prob.elbo @elbo model(@both)
    ```
    """

    name = "prob.elbo"

    sym_name = prop_def(SymbolNameConstraint())
    model = prop_def(SymbolRefAttr)
    guide = opt_prop_def(SymbolRefAttr)
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name `model` `(` $model `)` (`guide` `(` $guide^ `)`)? attr-dict"

    def __init__(self, name: str, model: str, guide: str | None):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "model": SymbolRefAttr(model),
                "guide": None if guide is None else SymbolRefAttr(guide),
            }
        )
