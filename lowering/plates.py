"""The plates of a traced model and guide: what they share, and what no minibatch may do to them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from xdsl.dialects.builtin import FileLineColLoc, ModuleOp

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import ModelError, RelboError, RelboWarning
from relbo_ir.dialects.location import source_line
from relbo_ir.lowering import sites
from relbo_ir.passes.analyses.plates import Outside, PlatesOfFactors, mixed_plates

_WARNED: dict[str | tuple[str, type[Warning], int], int] = {}


def minibatches_of_the_guide_alone(module: ModuleOp) -> dict[str, tuple[int, int]]:
    """
    The plates of which the guide draws a minibatch and the model, which has one of the same size,
    does not: by name, the size and the minibatch's.
    """
    plates: dict[str, dict[str, prob.PlateOp]] = {"model": {}, "guide": {}}
    for function in module.body.block.ops:
        if isinstance(function, prob.FuncOp) and function.sym_name.data in plates:
            found = [op for op in function.body.block.ops if isinstance(op, prob.PlateOp)]
            plates[function.sym_name.data] = {op.sym_name.data: op for op in found}
    return {
        name: (mine.size.value.data, mine.count)
        for name, mine in plates["guide"].items()
        if mine.subsample is not None
        and (theirs := plates["model"].get(name)) is not None
        and theirs.subsample is None
        and theirs.size == mine.size
    }


def unfollowed(followed: Mapping[str, tuple[int, int]], error: Exception) -> ModelError | None:
    """
    What an error of the model's own code says where its plates follow these minibatches, without
    which the code ran; None for an error of other code.
    """
    origin = sites.origin_of(error)
    if isinstance(error, RelboError) or origin.line is None or origin.raiser == "relbo_ir":
        return None
    said = ", ".join(
        f'plate "{name}" follows the guide\'s minibatch of {count} of {size}'
        for name, (size, count) in followed.items()
    )
    return ModelError(
        f"{said}, and the model's code does not: {str(error).strip() or type(error).__name__}",
        "index the data by the plate's value (`with plate(...) as i: ... data[i]`), or give the "
        "plate no minibatch in the guide",
        line=origin.line,
    )


def check_plates(module: ModuleOp, factors: PlatesOfFactors) -> None:
    """
    Warns of plates whose elements are mixed; refuses them where a minibatch is drawn, as it does a
    site outside of such a plate that reads a choice in it. `factors` has the plates of the factors.
    """
    for mixing in mixed_plates(module, factors):
        site = mixing.site
        if isinstance(mixing, Outside):
            raise ModelError(
                f"{mixing.message}: it sees a part of what it reads",
                "draw no minibatch of this plate, or put what reads it into the plate",
                site=site.site.data,
                line=source_line(site),
            )
        if mixing.plate.subsample is not None:
            raise ModelError(
                f"{mixing.message}; a minibatch has other elements beside it than the whole",
                "draw no minibatch of this plate, or make its elements independent",
                site=site.site.data,
                line=source_line(site),
            )
        where = site.location
        known = isinstance(where, FileLineColLoc)
        file = where.filename.data if known else "<model>"
        warnings.warn_explicit(
            f"{mixing.message}; the gradient is right all the same, as dependence is read off the "
            "program and not off its plates",
            RelboWarning,
            file,
            where.line.data if known else 1,
            registry=_WARNED,  # a program is traced again for other starts of an automatic guide
        )
