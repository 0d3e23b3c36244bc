"""A fit as ArviZ has it: InferenceData of ArviZ 0.23, DataTree of ArviZ 1."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import ModelError

Group = Mapping[str, np.ndarray[Any, Any]]


def import_arviz() -> Any:
    """The module `arviz`; ModelError where it is not installed."""
    if find_spec("arviz") is None:
        raise ModelError("ArviZ is not installed", "pip install 'relbo-ir[arviz]'")
    with warnings.catch_warnings():
        # 0.23 announces version 1 on import; both are known here.
        warnings.simplefilter("ignore", FutureWarning)
        return import_module("arviz")


def inference_data(
    drawn: Mapping[str, Group], observed: Group, dims: Mapping[str, list[str]]
) -> Any:
    """
    Groups of draws (arrays of shape (n, ...), as one chain) and the observed data, with the names
    of the axes of each site. Raises ModelError without ArviZ.
    """
    arviz = import_arviz()
    groups: dict[str, Any] = {
        name: {site: np.asarray(value)[None] for site, value in group.items()}
        for name, group in drawn.items()
        if group
    }
    if observed:
        groups["observed_data"] = {site: np.asarray(value) for site, value in observed.items()}
    shapes = {
        site: value.shape[2 if name != "observed_data" else 0 :]
        for name, group in groups.items()
        for site, value in group.items()
    }
    named = {site: axes for site, axes in dims.items() if len(axes) == len(shapes.get(site, ()))}
    if int(str(arviz.__version__).partition(".")[0]) < 1:
        return arviz.from_dict(**groups, dims=named)
    return arviz.from_dict(groups, dims=named)


def axes_of(module: ModuleOp) -> dict[str, list[str]]:
    """For every site of a level-1 module the names of its axes: plates by name, others numbered."""
    found: dict[str, list[str]] = {}
    for op in module.walk():
        if not isinstance(op, (prob.SampleOp, prob.ObserveOp)):
            continue
        law = op.law.type
        if not isinstance(law, prob.LawType):
            continue
        name, rank = op.site.data, len(law.value.get_shape())
        axes = [f"{name}_dim_{k}" for k in range(rank)]
        for axis in op.plates or ():
            axes[len(law.batch_shape) + axis.axis.data] = axis.plate.string_value()
        found[name] = axes
    return found
