"""The type of a random key."""

from __future__ import annotations

from xdsl.ir import ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition


@irdl_attr_definition
class KeyType(ParametrizedAttribute, TypeAttribute):
    """
    A random key. Draws are functions of their key: `Pure`, and reproducible.

    ```mlir
    !rng.key
    ```
    """

    name = "rng.key"
