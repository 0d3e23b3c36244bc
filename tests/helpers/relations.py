"""What the elements of a value read of a choice, as a dense relation."""

from __future__ import annotations

from typing import Any

import numpy as np

from relbo_ir.passes.analyses.dependence import Dependence

Relation = np.ndarray[Any, np.dtype[np.bool_]]
"""(*shape of the value, *shape of the choice): whether the element reads the other."""


def relation(fact: Dependence) -> Relation:
    """A fact, element by element; a data index counts as all rows."""
    shape = fact.shape
    inside = np.ones(shape, bool)
    for axis, (start, stop) in enumerate(fact.box):
        places = np.arange(shape[axis])
        column = [-1 if k == axis else 1 for k in range(len(shape))]
        inside &= ((places >= start) & (places < stop)).reshape(column)
    result = inside
    for along in fact.along:
        places = np.arange(along.size)
        column = [1] * len(shape)
        if along.axis is not None:
            column[along.axis] = -1
        low, high = (x.reshape(column)[..., None] for x in (along.low, along.high))
        mine = (places >= low) & (places <= high)
        extra = result.ndim - len(shape)
        mine = mine.reshape(*mine.shape[:-1], *[1] * extra, along.size)
        result = result[..., None] & mine
    return result
