"""Keys: the program's, a particle's, a site's, and those of the parts of one draw."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, TensorType, i1, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    VarConstraint,
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
    TENSOR,
    element_of,
    expect,
    shape_of_type,
)

_KEYS = VarConstraint("KEYS", TENSOR)


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


@irdl_op_definition
class PartKeysOp(IRDLOperation):
    """
    The keys of one part of a draw that is made of several: each key folded with the part's number.
    A key is either drawn from or folded, never both.

    ```mlir
    %p = rng.part_keys %k {part = 1 : i64} : tensor<1x!rng.key>
    ```
    """

    name = "rng.part_keys"

    keys = operand_def(_KEYS)
    part = prop_def(IntegerAttr)
    result = result_def(_KEYS)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$keys attr-dict `:` type($result)"

    def __init__(self, keys: SSAValue, part: int):
        super().__init__(
            operands=[keys],
            result_types=[keys.type],
            properties={"part": IntegerAttr(part, i64)},
        )

    def verify_(self) -> None:
        if element_of(self.keys.type) != KeyType() or len(shape_of_type(self.keys.type)) != 1:
            raise VerifyException(f"{self.name} takes a vector of keys, not {self.keys.type}")
        if not 0 <= self.part.value.data < 2**32:
            raise VerifyException(f"{self.part.value.data} is no number of a part")


@irdl_op_definition
class StepKeysOp(IRDLOperation):
    """
    The keys of one site in every step of a loop: its key folded with the step's number, one row of
    one key a step.

    ```mlir
    %s = rng.step_keys %k : tensor<1x!rng.key> -> tensor<5x1x!rng.key>
    ```
    """

    name = "rng.step_keys"

    keys = operand_def(TENSOR)
    result = result_def(TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$keys attr-dict `:` type($keys) `->` type($result)"

    def __init__(self, keys: SSAValue, length: int):
        super().__init__(operands=[keys], result_types=[TensorType(KeyType(), [length, 1])])

    @property
    def length(self) -> int:
        """The number of steps."""
        return shape_of_type(self.result.type)[0]

    def verify_(self) -> None:
        if self.keys.type != TensorType(KeyType(), [1]):
            raise VerifyException(f"{self.name} takes one key, not {self.keys.type}")
        shape = shape_of_type(self.result.type)
        if element_of(self.result.type) != KeyType() or len(shape) != 2 or shape[1] != 1:
            raise VerifyException(f"{self.name} gives rows of one key, not {self.result.type}")
