"""Loops that draw, in all outcomes: one step after the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.ir import Operation

from relbo_ir.dialects import prob
from relbo_ir.dialects.lax import shape_of

from .choices import Choices
from .dual import Dual, element, linear_together
from .machine import Machine


def draw_steps(
    machine: Machine, op: prob.ScanOp, sites: Mapping[str, prob.SampleOp], choices: Choices
) -> None:
    """Runs the body at every step, and stacks what it draws."""
    count, arguments = len(op.carried), op.body.block.args
    carried = [machine.number(v) for v in op.carried]
    rows = [machine.number(v) for v in op.rows]
    digits = {
        inner.site.data: choices.digits(inner.site.data, shape_of(result))
        for inner, result in zip(op.inner_draws, op.draws, strict=True)
    }
    drawn: dict[str, dict[int, Dual]] = {name: {} for name in digits}
    *ops, last = op.body.block.ops
    steps = range(op.steps)
    for t in steps[::-1] if op.reverse else steps:
        given = [*carried, *(element(x, 0, t) for x in rows)]
        machine.values.update(zip(arguments, given, strict=True))

        def draw(inner: Operation, t: int = t) -> None:
            if not isinstance(inner, prob.DrawOp):
                raise TypeError(inner.name)
            name = inner.site.data
            law = machine.law(inner.law)
            value, _ = choices.outcome(law, digits[name][:, t], sites[name].how.data)
            machine.values[inner.value] = drawn[name][t] = value

        machine.run(ops, {prob.DrawOp: draw})
        carried = [machine.number(v) for v in last.operands[:count]]
    for inner, result in zip(op.inner_draws, op.draws, strict=True):
        values = [drawn[inner.site.data][t] for t in steps]
        machine.values[result] = linear_together(values, lambda arrays: np.stack(arrays, axis=1))
