"""The set that a law's draws lie in, and what is known of the sign of a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum

from xdsl.dialects.builtin import SymbolRefAttr, i1
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import SymbolTable

from relbo_ir.dialects import dist, lax, prob
from relbo_ir.dialects.dist import Support, Transform
from relbo_ir.dialects.tensors import element_of


def law_support(law: SSAValue) -> Support | None:
    """The support of a law; None where it is not known or depends on parameters."""
    match law.owner:
        case dist.FamilyOp() as op:
            return None if op.FAMILY.support_parameters else op.FAMILY.support
        case dist.IndependentOp() | dist.ExpandOp() | dist.MaskOp() as op:
            return law_support(op.base)
        case dist.ImproperOp() as op:
            return op.set
        case dist.MixtureOp() as op:
            supports = {law_support(component) for component in op.components}
            return supports.pop() if len(supports) == 1 else None
        case dist.MixtureSameFamilyOp() as op:
            return law_support(op.component)
        case dist.TransformedOp() as op:
            match op.transform.data:
                case Transform.EXP | Transform.SOFTPLUS:
                    return Support.POSITIVE
                case Transform.SIGMOID:
                    return Support.UNIT_INTERVAL
                case Transform.AFFINE:
                    base = law_support(op.base)
                    return Support.REAL if base is Support.REAL else None
        case dist.TransformedByOp() as op if op.support is not None:
            if law_support(op.base) is not Support.REAL:
                return None
            return next((s for s in Support if s.value == op.support.data), None)
        case dist.OpaqueOp() as op if op.support is not None:
            return next((s for s in Support if s.value == op.support.data), None)
        case _:
            return None


def support_moves(law: SSAValue, moves: Callable[[SSAValue], bool]) -> bool:
    """
    Whether the support may depend on values that `moves` accepts: bounds that are parameters, a
    bounded law shifted or scaled, a law of which nothing is known.
    """
    match law.owner:
        case dist.FamilyOp() as op:
            bounds = zip(op.FAMILY.parameters, op.operands, strict=True)
            return any(n in op.FAMILY.support_parameters and moves(v) for n, v in bounds)
        case dist.IndependentOp() | dist.ExpandOp() | dist.MaskOp() as op:
            return support_moves(op.base, moves)
        case dist.ImproperOp():
            return False
        case dist.TransformedOp() as op:
            bounded = law_support(op.base) is not Support.REAL
            if bounded and any(moves(argument) for argument in op.arguments):
                return True
            return support_moves(op.base, moves)
        case dist.TransformedByOp() as op:
            return any(moves(x) for x in op.arguments) or support_moves(op.base, moves)
        case dist.MixtureOp() as op:
            return any(support_moves(component, moves) for component in op.components)
        case dist.MixtureSameFamilyOp() as op:
            return support_moves(op.component, moves)
        case dist.OpaqueOp() as op:
            return op.support is None and any(moves(x) for x in op.parameters)
        case _:
            return True


class Sign(IntEnum):
    """What is known of every element of a value; larger says more."""

    UNKNOWN = 0
    NONNEGATIVE = 1
    POSITIVE = 2


_ALWAYS_POSITIVE = {"lax.exp", "lax.exp2", "lax.softplus", "lax.logistic", "lax.cosh"}
_ALWAYS_NONNEGATIVE = {"lax.abs", "lax.square"}
_SIGN_KEPT = {
    "lax.sqrt",
    "lax.cbrt",
    "lax.copy",
    "lax.stop_gradient",
    "lax.convert",
    "lax.broadcast_in_dim",
    "lax.reshape",
    "lax.transpose",
    "lax.squeeze",
    "lax.slice",
    "lax.concatenate",
    "lax.stack",
    "lax.reduce_max",
    "lax.reduce_min",
    "lax.reduce_prod",
    "lax.cumsum",
    "lax.cumprod",
    "lax.dynamic_slice",
    "lax.rev",
    "lax.tanh",
    "lax.expm1",
    "lax.log1p",
    "lax.mul",
    "lax.div",
    "lax.dot_general",
    "lax.min",
}
_SUPPORT_SIGNS = {
    Support.POSITIVE: Sign.POSITIVE,
    Support.UNIT_INTERVAL: Sign.POSITIVE,
    Support.NONNEGATIVE: Sign.NONNEGATIVE,
    Support.SIMPLEX: Sign.POSITIVE,
    Support.BOOLEAN: Sign.NONNEGATIVE,
    Support.CATEGORY: Sign.NONNEGATIVE,
    Support.COUNT: Sign.NONNEGATIVE,
}
_CONSTRAINT_SIGNS = {
    "positive": Sign.POSITIVE,
    "softplus_positive": Sign.POSITIVE,
    "unit_interval": Sign.POSITIVE,
    "nonnegative": Sign.NONNEGATIVE,
    "simplex": Sign.NONNEGATIVE,
}


class Signs:
    """
    Signs of values, computed on demand and kept. Those of values inside of a function of the module
    are as of the call that was entered last.
    """

    def __init__(self) -> None:
        self._known: dict[SSAValue, Sign] = {}

    def of(self, value: SSAValue) -> Sign:
        """The sign of every element of a value, as far as it is proved."""
        stack = [value]
        while stack:
            top = stack[-1]
            if top in self._known:
                stack.pop()
                continue
            owner = top.owner
            waiting = (
                []
                if isinstance(owner, (Block, prob.SampleOp, prob.DrawOp, prob.ScanOp))
                else [v for v in owner.operands if v not in self._known]
            )
            if waiting:
                stack.extend(waiting)
                continue
            self._known[top] = self._rule(top)
            stack.pop()
        return self._known[value]

    def enter(self, op: Operation, name: SymbolRefAttr, signs: Sequence[Sign]) -> list[Sign] | None:
        """The signs of what a function returns for arguments of these; None if there is no such."""
        function = SymbolTable.lookup_symbol(op, name)
        if not isinstance(function, FuncOp) or not function.body.blocks:
            return None
        block = function.body.block
        for value in (v for inner in block.ops for v in inner.results):
            self._known.pop(value, None)
        self._known.update(zip(block.args, signs, strict=True))
        end = block.last_op
        return None if end is None else [self.of(v) for v in end.operands]

    def entering(self, op: lax.ScanOp | lax.WhileOp) -> list[Sign]:
        """
        The signs of a body's arguments at every step: what is carried keeps the sign that it begins
        with where the body keeps it, by induction over the steps.
        """
        signs = [self.of(v) for v in op.arguments]
        if isinstance(op, lax.WhileOp):
            signs, first = signs[op.cond_consts.value.data :], op.body_consts.value.data
            last = len(signs)
        else:
            first = op.num_consts.value.data
            last = first + op.num_carry.value.data
        while True:
            returned = self.enter(op, op.body, signs) or [Sign.UNKNOWN] * (last - first)
            kept = [min(a, b) for a, b in zip(signs[first:last], returned, strict=False)]
            if kept == signs[first:last]:
                return signs
            signs[first:last] = kept

    def _called(self, op: Operation) -> list[Sign] | None:
        """The signs of the results of an op that calls functions; None for any other op."""
        signs = [self._known.get(v, Sign.UNKNOWN) for v in op.operands]
        unknown = [Sign.UNKNOWN for _ in op.results]
        match op:
            case lax.CustomJvpOp() | lax.CustomVjpOp():
                return self.enter(op, op.function, signs) or unknown
            case CallOp():
                return self.enter(op, op.callee, signs) or unknown
            case lax.CondOp():
                taken = [self.enter(op, name, signs[1:]) or unknown for name in op.branches]
                return [min(cases) for cases in zip(*taken, strict=True)]
            case lax.WhileOp():
                return self.entering(op)[op.body_consts.value.data :]
            case lax.ScanOp():
                entering = self.entering(op)
                returned = self.enter(op, op.body, entering) or unknown
                carry, first = op.num_carry.value.data, op.num_consts.value.data
                return [*entering[first : first + carry], *returned[carry:]]
            case _:
                return None

    def _rule(self, value: SSAValue) -> Sign:
        owner = value.owner
        if isinstance(owner, Block):
            return _argument_sign(value, owner)
        if _is_unsigned(value):
            return Sign.NONNEGATIVE
        called = self._called(owner)
        if called is not None:
            return called[owner.results.index(value)]
        signs = [self._known.get(v, Sign.UNKNOWN) for v in owner.operands]
        match owner:
            case prob.SampleOp() | prob.DrawOp():
                return _draw_sign(owner.law)
            case prob.ScanOp():
                return _draw_sign(owner.inner_draws[owner.results.index(value)].law)
            case lax.ConstantOp():
                numbers = owner.value.values
                if all(n > 0 for n in numbers):
                    return Sign.POSITIVE
                return Sign.NONNEGATIVE if all(n >= 0 for n in numbers) else Sign.UNKNOWN
            case lax.IntegerPowOp() if owner.exponent.value.data % 2 == 0:
                return Sign.POSITIVE if signs[0] is Sign.POSITIVE else Sign.NONNEGATIVE
            case lax.IntegerPowOp():
                return signs[0]
            case _:
                pass
        if owner.name in _ALWAYS_POSITIVE:
            return Sign.POSITIVE
        if owner.name in _ALWAYS_NONNEGATIVE:
            return Sign.POSITIVE if signs[0] is Sign.POSITIVE else Sign.NONNEGATIVE
        if owner.name in ("lax.add", "lax.reduce_sum"):
            return max(signs) if min(signs) is not Sign.UNKNOWN else Sign.UNKNOWN
        if owner.name == "lax.max":
            return max(signs)
        if owner.name == "lax.pow":
            return Sign.POSITIVE if signs[0] is Sign.POSITIVE else Sign.UNKNOWN
        if owner.name == "lax.mul" and owner.operands[0] is owner.operands[1]:
            return max(Sign.NONNEGATIVE, signs[0])
        if owner.name in ("lax.select_n", "lax.gather"):
            kept = signs[1:] if owner.name == "lax.select_n" else signs[:1]
            return min(kept)
        return min(signs) if owner.name in _SIGN_KEPT and signs else Sign.UNKNOWN


def _draw_sign(law: SSAValue) -> Sign:
    support = law_support(law)
    return Sign.UNKNOWN if support is None else _SUPPORT_SIGNS.get(support, Sign.UNKNOWN)


def _is_unsigned(value: SSAValue) -> bool:
    return element_of(value.type) == i1


def _argument_sign(value: SSAValue, block: Block) -> Sign:
    parent = block.parent_op()
    index = next(k for k, arg in enumerate(block.args) if arg is value)
    if isinstance(parent, prob.GradientOp):
        return _operand_sign(parent.operand_values[index])
    return _operand_sign(value)


def _operand_sign(value: SSAValue) -> Sign:
    block = value.owner
    if not isinstance(block, Block):
        return Sign.UNKNOWN
    parent = block.parent_op()
    if not isinstance(parent, prob.FuncOp):
        return Sign.UNKNOWN
    index = next(k for k, arg in enumerate(block.args) if arg is value)
    role = parent.roles[index]
    if isinstance(role, prob.ParameterAttr):
        return _CONSTRAINT_SIGNS.get(role.constraint.constraint.data, Sign.UNKNOWN)
    return Sign.UNKNOWN
