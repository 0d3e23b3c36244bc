"""The interval that every element of a value lies in, by the ops that compute it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import SymbolTable

from relbo_ir.dialects import dist, lax, prob
from relbo_ir.dialects.dist import Support
from relbo_ir.dialects.tensors import element_of
from relbo_ir.passes.analyses.range_rules import held, increasing, result_range, rounding
from relbo_ir.passes.analyses.ranges import (
    ANGLE,
    ANY,
    NONNEGATIVE,
    OPEN_UNIT,
    POSITIVE,
    UNIT,
    Range,
    joined,
)
from relbo_ir.passes.analyses.support import law_support

_DRAWN = {
    Support.POSITIVE: POSITIVE,
    Support.UNIT_INTERVAL: OPEN_UNIT,
    Support.NONNEGATIVE: NONNEGATIVE,
    Support.CIRCULAR: ANGLE,
    Support.SIMPLEX: OPEN_UNIT,
    Support.CORR_CHOLESKY: Range.of(-1.0, 1.0),
    Support.CORR_MATRIX: Range.of(-1.0, 1.0),
    Support.L1_BALL: Range.of(-1.0, 1.0),
    Support.SPHERE: Range.of(-1.0, 1.0),
    Support.BOOLEAN: UNIT,
    Support.CATEGORY: NONNEGATIVE,
    Support.COUNT: NONNEGATIVE,
    Support.BOUNDED_COUNT: NONNEGATIVE,
    Support.COUNTS: NONNEGATIVE,
}
"""Where the draws of a support lie."""
_ACCEPTED = {
    Support.REAL: ANY,
    Support.POSITIVE: POSITIVE,
    Support.NONNEGATIVE: NONNEGATIVE,
    Support.UNIT_INTERVAL: OPEN_UNIT,
    Support.CIRCULAR: ANGLE,
}
"""Where a law with a support of real numbers has a density without jumps."""
_CONSTRAINED = {
    "positive": POSITIVE,
    "softplus_positive": POSITIVE,
    "unit_interval": OPEN_UNIT,
    "nonnegative": NONNEGATIVE,
    "simplex": UNIT,
    "circular": ANGLE,
    "l1_ball": Range.of(-1.0, 1.0),
}


class Ranges:
    """
    Ranges of values, computed on demand and kept, as of real numbers: what rounding does is left
    out, but for `stays_inside`. Those of values inside of a function of the module are as of the
    call that was entered last.
    """

    def __init__(self) -> None:
        self._known: dict[SSAValue, Range] = {}

    def of(self, value: SSAValue) -> Range:
        """What every element of a value lies in, as far as it is proved."""
        stack = [value]
        while stack:
            top = stack[-1]
            if top in self._known:
                stack.pop()
                continue
            waiting = [v for v in _read(top) if v not in self._known]
            if waiting:
                stack.extend(waiting)
                continue
            self._note(top)
            stack.pop()
        return self._known[value]

    def stays_inside(self, op: prob.LogDensityOp) -> bool:
        """
        Whether a value is proved to lie where the law that scores it has a density without jumps.
        An end that the law holds may be passed by the rounding of a few operations: whoever asks
        takes the density's own formula there, without its jump.
        """
        if _drawn_inside(op):
            return True
        accepted, value = self._accepted(op.law), self.of(op.value)
        slack = 0.0 if value.is_point else 4 * rounding(element_of(op.value.type))
        return accepted is not None and value.within(accepted, slack)

    def needs_guard(self, op: prob.LogDensityOp) -> bool:
        """
        Whether a density must be written with its jump: but for a draw that its law keeps inside,
        and where rounding past an end meets a formula that is finite there.
        """
        if _drawn_inside(op):
            return False
        accepted = self._accepted(op.law)
        if accepted is None or not self.stays_inside(op):
            return True
        ends = ((accepted.above, accepted.low), (accepted.below, accepted.high))
        return any(is_open and bool(np.any(np.isfinite(end))) for is_open, end in ends)

    def reaches_beyond(self, law: SSAValue, other: SSAValue) -> bool:
        """Whether draws of a law are known to leave the support of another one."""
        named = law_support(law), law_support(other)
        if named[0] is not None and named[1] is not None and not named[0].within(named[1]):
            return True
        mine, theirs = self._support(law), self._support(other)
        if mine is None or theirs is None or dist.is_masked(other):
            return False
        interior = Range.of(mine.low, mine.high, above=True, below=True)
        slack = 4 * rounding(dist.float_element(law))
        return not interior.within(Range.of(theirs.low, theirs.high), slack)

    def described(self, law: SSAValue) -> str | None:
        """A law's support, for messages: its name or its ends; None where neither is known."""
        support, ends = law_support(law), self._support(law)
        if support is not None or ends is None:
            return None if support is None else support.value
        known = ends.hull()
        return f"[{float(known.low):g}, {float(known.high):g}]"

    def _support(self, law: SSAValue) -> Range | None:
        """A law's support, where it is an interval that is known; else None."""
        drawn, accepted = self._drawn(law), self._accepted(law)
        if accepted is None:
            return None
        ends = ((accepted.low, drawn.low), (accepted.high, drawn.high))
        return drawn if all(bool(np.all(one == other)) for one, other in ends) else None

    def enter(
        self, op: Operation, name: SymbolRefAttr, given: Sequence[Range]
    ) -> list[Range] | None:
        """What a function returns for arguments of these ranges; None if there is no such."""
        function = SymbolTable.lookup_symbol(op, name)
        if not isinstance(function, FuncOp) or not function.body.blocks:
            return None
        block = function.body.block
        for value in (v for inner in block.ops for v in inner.results):
            self._known.pop(value, None)
        self._known.update(zip(block.args, given, strict=True))
        end = block.last_op
        return None if end is None else [self.of(v) for v in end.operands]

    def entering(self, op: lax.ScanOp | lax.WhileOp) -> list[Range]:
        """
        The ranges of a body's arguments at every step: what is carried keeps the range that it
        begins with where the body keeps it, by induction over the steps, and else a wider one.
        """
        ranges = [self.of(v) for v in op.arguments]
        if isinstance(op, lax.WhileOp):
            ranges, first = ranges[op.cond_consts.value.data :], op.body_consts.value.data
            last = len(ranges)
        else:
            first = op.num_consts.value.data
            last = first + op.num_carry.value.data
            ranges[last:] = [r.hull() for r in ranges[last:]]
        ranges[first:last] = [r.hull() for r in ranges[first:last]]
        while True:
            returned = self.enter(op, op.body, ranges) or [ANY] * (last - first)
            carried = [
                before if after.within(before) else before.join(after).widened()
                for before, after in zip(
                    ranges[first:last], (r.hull() for r in returned), strict=False
                )
            ]
            if all(a is b for a, b in zip(carried, ranges[first:last], strict=True)):
                return ranges
            ranges[first:last] = carried

    def _called(self, op: Operation) -> list[Range] | None:
        """The ranges of the results of an op that calls functions; None for any other op."""
        given = [self._known.get(v, ANY) for v in op.operands]
        unknown = [ANY for _ in op.results]
        match op:
            case lax.CustomJvpOp() | lax.CustomVjpOp():
                return self.enter(op, op.function, given) or unknown
            case CallOp():
                return self.enter(op, op.callee, given) or unknown
            case lax.CondOp():
                taken = [self.enter(op, name, given[1:]) or unknown for name in op.branches]
                return [joined(cases) for cases in zip(*taken, strict=True)]
            case lax.WhileOp():
                return self.entering(op)[op.body_consts.value.data :]
            case lax.ScanOp():
                entering = self.entering(op)
                returned = self.enter(op, op.body, entering) or unknown
                carry, first = op.num_carry.value.data, op.num_consts.value.data
                stacked = [r.hull() for r in returned[carry:]]
                return [*entering[first : first + carry], *stacked]
            case _:
                return None

    def _note(self, value: SSAValue) -> None:
        """Keeps the range of a value, and those of all results of an op that calls functions."""
        owner = value.owner
        called = None if isinstance(owner, Block) else self._called(owner)
        if isinstance(owner, Block) or called is None:
            self._known[value] = held(value, self._rule(value))
            return
        for result, found in zip(owner.results, called, strict=True):
            self._known[result] = held(result, found)

    def _rule(self, value: SSAValue) -> Range:
        owner = value.owner
        match owner:
            case Block():
                return self._argument(value, owner)
            case prob.SampleOp() | prob.DrawOp():
                return self._drawn(owner.law)
            case prob.ScanOp():
                return self._drawn(owner.inner_draws[owner.results.index(value)].law).hull()
            case _:
                return result_range(owner, [self._known.get(v, ANY) for v in owner.operands])

    def _argument(self, value: SSAValue, block: Block) -> Range:
        parent = block.parent_op()
        index = next(k for k, arg in enumerate(block.args) if arg is value)
        if isinstance(parent, prob.GradientOp):
            return self.of(parent.operand_values[index])
        role = parent.roles[index] if isinstance(parent, prob.FuncOp) else None
        if not isinstance(role, prob.ParameterAttr):
            return ANY
        name = role.constraint.constraint.data
        bounds = [np.asarray(bound, np.float64) for bound in role.constraint.numbers]
        match name:
            case "interval":
                return Range.of(bounds[0].min(), bounds[1].max())
            case "greater_than" | "greater_than_eq":
                return Range.of(bounds[0].min(), math.inf, above=name == "greater_than")
            case "less_than" | "less_than_eq":
                return Range.of(-math.inf, bounds[0].max(), below=name == "less_than")
            case _:
                return _CONSTRAINED.get(name, ANY)

    def _drawn(self, law: SSAValue) -> Range:
        """What the draws of a law lie in."""
        match law.owner:
            case dist.FamilyOp() | dist.ImproperOp() as op if ends_of_law(law):
                low, high = self._bounds(op)
                return Range.of(low.low, high.high)
            case dist.FamilyOp() as op:
                return _DRAWN.get(op.FAMILY.support, ANY)
            case dist.IndependentOp() | dist.ExpandOp() | dist.MaskOp() as op:
                return self._drawn(op.base)
            case dist.ImproperOp() as op:
                return _DRAWN.get(op.set, ANY)
            case dist.MixtureOp() as op:
                return joined(self._drawn(component) for component in op.components)
            case dist.MixtureSameFamilyOp() as op:
                return self._drawn(op.component).hull()
            case dist.TransformedOp() as op:
                return self._transformed(op, self._drawn(op.base))
            case _:
                support = law_support(law)
                return ANY if support is None else _DRAWN.get(support, ANY)

    def _accepted(self, law: SSAValue) -> Range | None:
        """
        Numbers that a law gives a density without jumps, whatever its bounds are within their own
        ranges; None where none are known.
        """
        match law.owner:
            case dist.FamilyOp() | dist.ImproperOp() as op if ends_of_law(law):
                low, high = self._bounds(op)
                return Range.of(low.high, high.low)
            case dist.FamilyOp() as op:
                return _ACCEPTED.get(op.FAMILY.support)
            case dist.IndependentOp() | dist.ExpandOp() | dist.MaskOp() as op:
                return self._accepted(op.base)
            case dist.ImproperOp() as op:
                return _ACCEPTED.get(op.set)
            case dist.MixtureOp() as op:
                return _met([self._accepted(component) for component in op.components])
            case dist.MixtureSameFamilyOp() as op:
                base = self._accepted(op.component)
                return None if base is None else _narrowest(base)
            case dist.TransformedOp() as op:
                base = self._accepted(op.base)
                if base is not None and base.is_line and not op.transform.data.elementwise:
                    return ANY  # moved and scaled by whatever is not 0, the line is the line
                fixed = all(self.of(argument).is_point for argument in op.arguments)
                return self._transformed(op, base) if base is not None and fixed else None
            case dist.TransformedByOp():
                support = law_support(law)
                return None if support is None else _ACCEPTED.get(support)
            case _:
                return None

    def _bounds(self, op: dist.FamilyOp | dist.ImproperOp) -> tuple[Range, Range]:
        """The bounds that are a law's parameters; no bound is an infinite one."""
        if isinstance(op, dist.ImproperOp):
            low, high = op.bounds
            return self.of(low), self.of(high)
        named = dict(zip(op.FAMILY.parameters, op.operands, strict=True))
        low, high = (self.of(named[n]) if n in named else ANY for n in ("low", "high"))
        low = low if "low" in named else Range.point(-math.inf)
        return low, high if "high" in named else Range.point(math.inf)

    def _transformed(self, op: dist.TransformedOp, base: Range) -> Range:
        short = op.transform.data.elementwise
        if short is not None:
            return increasing(f"lax.{short}", base)
        loc, scale = (self.of(argument) for argument in op.arguments)
        return loc + base * scale


def _drawn_inside(op: prob.LogDensityOp) -> bool:
    """Whether a value is a draw of a law whose support is in that of the law that scores it."""
    draw = op.value.owner
    if not isinstance(draw, prob.SampleOp):
        return False
    mine, theirs = law_support(draw.law), law_support(op.law)
    known = mine is not None and theirs is not None and mine.within(theirs)
    return draw.law is op.law or known


def _met(ranges: Sequence[Range | None]) -> Range | None:
    """What is in all."""
    known = [r for r in ranges if r is not None]
    if not known or len(known) < len(ranges):
        return None
    met = known[0]
    for other in known[1:]:
        met = met.meet(other)
    return met


def _narrowest(base: Range) -> Range:
    """What is in the intervals of all elements."""
    return Range.of(np.max(base.low), np.min(base.high), base.above, base.below)


def _read(value: SSAValue) -> list[SSAValue]:
    """The values that the range of a value is computed from."""
    owner = value.owner
    if isinstance(owner, Block):
        parent = owner.parent_op()
        inherits = isinstance(parent, prob.GradientOp)
        return [parent.operand_values[owner.args.index(value)]] if inherits else []
    if isinstance(owner, (prob.SampleOp, prob.DrawOp)):
        return ends_of_law(owner.law)
    return [] if isinstance(owner, prob.ScanOp) else list(owner.operands)


def ends_of_law(law: SSAValue) -> list[SSAValue]:
    """The values that the ends of a law's support may be computed from."""
    owner = law.owner
    if isinstance(owner, dist.FamilyOp):
        return list(owner.operands) if owner.FAMILY.support is Support.INTERVAL else []
    if isinstance(owner, dist.ImproperOp):
        return list(owner.bounds)
    if isinstance(owner, Block):
        return []
    inner = [v for v in owner.operands if isinstance(v.type, prob.LawType)]
    moved = list(owner.arguments) if isinstance(owner, dist.TransformedOp) else []
    return [*moved, *(v for base in inner for v in ends_of_law(base))]
