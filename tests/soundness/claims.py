"""A dependence that claims less than is so."""

from __future__ import annotations

import numpy as np

from relbo_ir.passes.analyses.dependence.facts import Along, Dependence


def claimed(d: Dependence, shape: tuple[int, ...]) -> Dependence:
    """Each element of a value of that shape reads its own index, or index 0, and no other."""
    along: list[Along] = []
    for a in d.along:
        own = np.arange(a.size)
        axis = shape.index(a.size) if a.size in shape else None
        along.append(Along.alike(a.size, 0, 0) if axis is None else Along(a.size, axis, own, own))
    return Dependence(shape, tuple((0, n) for n in shape), tuple(along), d.mixer)
