"""The `rng` dialect: keys and draws that have no gradient treatment left to decide."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import AnyFloat, ArrayAttr, IntegerAttr, TensorType, i1, i32, i64
from xdsl.ir import Attribute, Dialect, SSAValue
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

from relbo_ir.dialects.key import KeyType
from relbo_ir.dialects.name import NameAttr
from relbo_ir.dialects.tensors import (
    INTEGERS,
    REALS,
    TENSOR,
    element_of,
    expect,
    is_tensor,
    shape_of_type,
    tensor,
)


def stable_hash(name: str) -> int:
    """A 32-bit FNV-1a hash of the name's UTF-8 bytes: the same on every machine and run."""
    state = 0x811C9DC5
    for byte in name.encode("utf-8"):
        state = ((state ^ byte) * 0x01000193) & 0xFFFFFFFF
    return state


@irdl_op_definition
class SiteKeysOp(IRDLOperation):
    """
    One key per site: the program's key folded with a stable hash of the site's name, so that
    passes and their order do not change a site's draws. Two names of one hash are refused.

    ```mlir
    %k = rng.site_keys %key {sites = [#prob.name"a", #prob.name"b"]} : tensor<2x!rng.key>
    ```
    """

    name = "rng.site_keys"

    key = operand_def(KeyType)
    sites = prop_def(ArrayAttr[NameAttr])
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$key attr-dict `:` type($result)"

    def __init__(self, key: SSAValue, sites: Sequence[str]):
        super().__init__(
            operands=[key],
            result_types=[TensorType(KeyType(), [len(sites)])],
            properties={"sites": ArrayAttr([NameAttr(s) for s in sites])},
        )

    def verify_(self) -> None:
        names = [n.data for n in self.sites]
        if len({stable_hash(n) for n in names}) != len(names):
            raise VerifyException(f"two of the sites {names} have one hash; rename one of them")
        expect(
            f"{self.name} of {len(names)} sites", self.result, TensorType(KeyType(), [len(names)])
        )


@irdl_op_definition
class SiteKeyOp(IRDLOperation):
    """
    The key of one site, as a single key.

    ```mlir
    %k = rng.site_key %key {site = #prob.name"z"}
    ```
    """

    name = "rng.site_key"

    key = operand_def(KeyType)
    site = prop_def(NameAttr)
    result = result_def(KeyType)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$key attr-dict"

    def __init__(self, key: SSAValue, site: str):
        super().__init__(
            operands=[key], result_types=[KeyType()], properties={"site": NameAttr(site)}
        )


@irdl_op_definition
class ParticleKeyOp(IRDLOperation):
    """
    The program's key of one particle.

    ```mlir
    %k = rng.particle_key %key, %p : tensor<i32>
    ```
    """

    name = "rng.particle_key"

    key = operand_def(KeyType)
    particle = operand_def(INTEGERS)
    result = result_def(KeyType)
    traits = traits_def(Pure())
    assembly_format = "$key `,` $particle attr-dict `:` type($particle)"

    def __init__(self, key: SSAValue, particle: SSAValue):
        super().__init__(operands=[key, particle], result_types=[KeyType()])

    def verify_(self) -> None:
        if shape_of_type(self.particle.type) or element_of(self.particle.type) == i1:
            raise VerifyException(f"a particle is an integer of rank 0, not {self.particle.type}")


class DrawOp(IRDLOperation, ABC):
    """
    Draws for a group of sites of one kind: axis 0 of the result is the axis of `keys`, and row k
    is the draw of key k alone (grouping changes no bit).
    """

    result = result_def(REALS)
    traits = traits_def(Pure())

    def verify_(self) -> None:
        keys, result = self.operands[0].type, self.result.type
        if element_of(keys) != KeyType() or len(shape_of_type(keys)) != 1:
            raise VerifyException(f"{self.name} takes a vector of keys, not {keys}")
        if shape_of_type(result)[:1] != shape_of_type(keys):
            raise VerifyException(f"{self.name}: {keys} and {result} differ in their first axis")


class NoiseOp(DrawOp, ABC):
    """Draws without parameters."""

    keys = operand_def(TENSOR)
    assembly_format = "$keys attr-dict `:` type($keys) `->` type($result)"

    def __init__(self, keys: SSAValue, element: Attribute, shape: Sequence[int]):
        count = shape_of_type(keys.type)
        super().__init__(operands=[keys], result_types=[TensorType(element, [*count, *shape])])


class ShapedDrawOp(DrawOp, ABC):
    """
    Draws with one key and with parameters of the result's shape (categories: one more axis).
    """

    def draw_shape(self) -> tuple[int, ...]:
        """The shape of one draw, that of the parameters."""
        return shape_of_type(self.operands[1].type)

    def verify_(self) -> None:
        super().verify_()
        if shape_of_type(self.operands[0].type) != (1,):
            raise VerifyException(f"{self.name} takes one key, not {self.operands[0].type}")
        element = element_of(self.result.type)
        if element is not None:
            expect(self.name, self.result, tensor(element, (1, *self.draw_shape())))
        parameter = element_of(self.operands[1].type)
        if isinstance(element, AnyFloat) and element != parameter:
            raise VerifyException(f"{self.name} of {parameter} draws {parameter}, not {element}")

    @staticmethod
    def batch(keys: SSAValue, draw: Attribute) -> TensorType[Attribute]:
        """The type of a stack of draws of that type, one per key."""
        if not is_tensor(draw):
            raise TypeError(f"{draw} is not a tensor")
        shape = (*shape_of_type(keys.type), *draw.get_shape())
        return TensorType(draw.get_element_type(), shape)


@irdl_op_definition
class NormalNoiseOp(NoiseOp):
    """
    Standard normal draws.

    ```mlir
    %e = rng.normal %k : tensor<2x!rng.key> -> tensor<2x8xf32>
    ```
    """

    name = "rng.normal"


@irdl_op_definition
class CauchyNoiseOp(NoiseOp):
    """
    Standard Cauchy draws.

    ```mlir
    %e = rng.cauchy %k : tensor<1x!rng.key> -> tensor<1xf32>
    ```
    """

    name = "rng.cauchy"


@irdl_op_definition
class UniformNoiseOp(NoiseOp):
    """
    Uniform draws in [0, 1).

    ```mlir
    %e = rng.uniform %k : tensor<1x!rng.key> -> tensor<1xf32>
    ```
    """

    name = "rng.uniform"


@irdl_op_definition
class LogGammaDrawOp(ShapedDrawOp):
    """
    Logarithms of Gamma draws of rate 1, differentiable in the concentration implicitly; in the
    logarithm because draws of a small concentration underflow. One key.

    ```mlir
    %g = rng.log_gamma %k, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
    ```
    """

    name = "rng.log_gamma"
    keys = operand_def(TENSOR)
    concentration = operand_def(REALS)
    assembly_format = (
        "$keys `,` $concentration attr-dict `:` type($keys) `,` type($concentration) `->` "
        "type($result)"
    )

    def __init__(self, keys: SSAValue, concentration: SSAValue):
        super().__init__(
            operands=[keys, concentration], result_types=[self.batch(keys, concentration.type)]
        )


@irdl_op_definition
class PoissonDrawOp(ShapedDrawOp):
    """
    Poisson draws. One key.

    ```mlir
    %n = rng.poisson %k, %rate : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xi32>
    ```
    """

    name = "rng.poisson"
    keys = operand_def(TENSOR)
    rate = operand_def(REALS)
    result = result_def(INTEGERS)
    assembly_format = "$keys `,` $rate attr-dict `:` type($keys) `,` type($rate) `->` type($result)"

    def __init__(self, keys: SSAValue, rate: SSAValue, element: Attribute):
        shape = shape_of_type(rate.type)
        super().__init__(
            operands=[keys, rate], result_types=[self.batch(keys, TensorType(element, shape))]
        )


@irdl_op_definition
class CategoricalDrawOp(ShapedDrawOp):
    """
    Categories by unnormalised log weights on the last axis. One key.

    ```mlir
    %n = rng.categorical %k, %w : tensor<1x!rng.key>, tensor<8x3xf32> -> tensor<1x8xi32>
    ```
    """

    name = "rng.categorical"
    keys = operand_def(TENSOR)
    logits = operand_def(REALS)
    result = result_def(INTEGERS)
    assembly_format = (
        "$keys `,` $logits attr-dict `:` type($keys) `,` type($logits) `->` type($result)"
    )

    def draw_shape(self) -> tuple[int, ...]:
        shape = shape_of_type(self.logits.type)
        if not shape:
            raise VerifyException(f"{self.name}: the weights need an axis of categories")
        return shape[:-1]

    def __init__(self, keys: SSAValue, logits: SSAValue, element: Attribute):
        shape = shape_of_type(logits.type)[:-1]
        super().__init__(
            operands=[keys, logits], result_types=[self.batch(keys, TensorType(element, shape))]
        )


@irdl_op_definition
class WaldDrawOp(ShapedDrawOp):
    """
    Inverse Gaussian draws of concentration 1. Its derivative is wrong: stop it. One key.

    ```mlir
    %w = rng.wald %k, %m : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
    ```
    """

    name = "rng.wald"
    keys = operand_def(TENSOR)
    mean = operand_def(REALS)
    assembly_format = "$keys `,` $mean attr-dict `:` type($keys) `,` type($mean) `->` type($result)"

    def __init__(self, keys: SSAValue, mean: SSAValue):
        super().__init__(operands=[keys, mean], result_types=[self.batch(keys, mean.type)])


@irdl_op_definition
class SubsampleDrawOp(DrawOp):
    """
    Distinct indices in [0, size), uniformly drawn without replacement. One key.

    ```mlir
    %i = rng.subsample %k {size = 1000 : i64} : tensor<1x!rng.key> -> tensor<1x32xi32>
    ```
    """

    name = "rng.subsample"
    keys = operand_def(TENSOR)
    size = prop_def(IntegerAttr)
    result = result_def(INTEGERS)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$keys attr-dict `:` type($keys) `->` type($result)"

    def __init__(self, keys: SSAValue, size: int, count: int):
        super().__init__(
            operands=[keys],
            result_types=[TensorType(i32, [*shape_of_type(keys.type), count])],
            properties={"size": IntegerAttr(size, i64)},
        )

    def verify_(self) -> None:
        super().verify_()
        shape = shape_of_type(self.result.type)
        if len(shape) != 2 or not 1 <= shape[1] <= self.size.value.data:
            raise VerifyException(
                f"{self.name} draws a part of {self.size.value.data} indices, not {self.result.type}"
            )


Rng = Dialect(
    "rng",
    [
        CategoricalDrawOp,
        CauchyNoiseOp,
        LogGammaDrawOp,
        NormalNoiseOp,
        ParticleKeyOp,
        PoissonDrawOp,
        SiteKeyOp,
        SiteKeysOp,
        SubsampleDrawOp,
        UniformNoiseOp,
        WaldDrawOp,
    ],
    [KeyType],
)
