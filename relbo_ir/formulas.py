"""The expressions of a program as formulas, each shared or long one under a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from relbo_ir.dialects import dist, estim, lax, prob
from relbo_ir.dialects.prob.expectations import DifferentiationOp
from relbo_ir.notation import ATOM, PRODUCT, SUM, Notation, Piece

_TRANSPARENT = (lax.BroadcastInDimOp, lax.ConvertOp, lax.ReshapeOp, lax.SqueezeOp)
"""Ops that change the shape or the type of a value, and not what it is."""
_SHORT, _LONG = 16, 72
_FEW = 6


@dataclass(frozen=True)
class Definition:
    """A value with a name: what it is called, what it is, and the op that computes it."""

    name: str
    text: str
    op: Operation


class Formulas:
    """The formulas of the values of one function's blocks, in one notation."""

    def __init__(self, function: prob.FuncOp, notation: Notation):
        self.notation = notation
        self.definitions: list[Definition] = []
        self._nameless = 0
        self._pieces: dict[SSAValue, Piece] = {}
        self._laws: dict[SSAValue, tuple[str, list[str]]] = {}
        self._deterministic = {
            op.value: op.site.data for op in function.walk() if isinstance(op, prob.DeterministicOp)
        }
        for argument, role in zip(function.body.block.args, function.roles, strict=True):
            self._pieces[argument] = Piece(self._argument(role))
        self._block(function.body.block)

    def of(self, value: SSAValue) -> Piece:
        """A value's formula: its name where it has one."""
        return self._pieces[value]

    def text(self, value: SSAValue) -> str:
        """A value's formula without its precedence."""
        return self._pieces[value].text

    def _argument(self, role: Attribute) -> str:
        match role:
            case prob.ParameterAttr():
                return self.notation.name(role.parameter.data)
            case prob.UnconstrainedAttr():
                return self.notation.unconstrained(role.parameter.data)
            case prob.DataAttr():
                return self.notation.name(role.argument.data)
            case prob.ClosureAttr():
                return self.notation.name(f"{role.function.data}.array{role.index.data}")
            case prob.DrawAttr():
                return self.notation.name(f"{role.site.data}.noise")
            case _:
                return self.notation.name("key")

    def _block(self, block: Block) -> None:
        for op in block.ops:
            if isinstance(op, DifferentiationOp):
                for argument, operand in zip(op.body.block.args, op.operand_values, strict=True):
                    self._pieces[argument] = self._pieces[operand]
            if isinstance(op, prob.ScanOp):
                for k, argument in enumerate(op.body.block.args):
                    name = "carried" if k < len(op.carried) else "row"
                    self._pieces[argument] = Piece(self.notation.name(name))
            for region in op.regions:
                for inner in region.blocks:
                    for argument in inner.args:
                        self._pieces.setdefault(argument, Piece(self.notation.name("particle")))
                    self._block(inner)
            for index, result in enumerate(op.results):
                self._keep(op, result, self._piece(op, index))

    def _keep(self, op: Operation, value: SSAValue, piece: Piece) -> None:
        """Notes a value's formula, under a name where it is long or read more than once."""
        name = self._deterministic.get(value)
        if name is None and not _needs_name(op, value, piece):
            self._pieces[value] = piece
            return
        if name is None:
            self._nameless += 1
            name = f"v{self._nameless}"
        spelled = self.notation.name(name)
        self.definitions.append(Definition(spelled, piece.text, op))
        self._pieces[value] = Piece(spelled)

    def _texts(self, values: Sequence[SSAValue]) -> list[str]:
        return [self._pieces[value].text for value in values]

    def _piece(self, op: Operation, index: int) -> Piece:
        notation, short = self.notation, op.name.partition(".")[2]
        pieces = [self._pieces[value] for value in op.operands]
        match op:
            case prob.SampleOp() | prob.DrawOp():
                return Piece(notation.name(op.site.data))
            case prob.ScanOp():
                return Piece(notation.name(op.inner_draws[index].site.data))
            case prob.LogDensityOp():
                law, parameters = self._laws[op.law]
                return Piece(notation.density(law, self.text(op.value), parameters), PRODUCT)
            case lax.ConstantOp():
                return self._constant(op)
            case lax.IntegerPowOp():
                exponent = Piece(notation.number(str(op.exponent.value.data)))
                return notation.apply("pow", [*pieces, exponent])
            case estim.OfSamplesOp() if op.order:
                return notation.apply(short, [*pieces, Piece(notation.number(f"{op.order:g}"))])
            case lax.ReduceSumOp():
                return Piece(notation.total(notation.operand(pieces[0], PRODUCT)), PRODUCT)
            case _ if isinstance(op, _TRANSPARENT) and len(pieces) == 1:
                return pieces[0]
            case _ if op.results and isinstance(op.results[0].type, prob.LawType):
                return self._law(op)
            case _:
                pass
        called = op.properties.get("callee") or op.properties.get("function")
        if isinstance(called, SymbolRefAttr):
            short = called.string_value()
        piece = notation.apply(short, pieces)
        if len(op.results) > 1:
            return Piece(f"{notation.operand(piece, ATOM)}[{index}]")
        return piece

    def _law(self, op: Operation) -> Piece:
        match op:
            case dist.ExpandOp() | dist.IndependentOp():
                law, parameters = self._laws[op.base]
            case dist.FamilyOp():
                law, parameters = op.FAMILY.name, self._texts(op.operands)
            case dist.TransformedOp():
                law, parameters = op.transform.data.value, self._texts(op.operands)
            case _:
                law, parameters = op.name.partition(".")[2], self._texts(op.operands)
        self._laws[op.results[0]] = law, parameters
        return self.notation.call(law, parameters)

    def _constant(self, op: lax.ConstantOp) -> Piece:
        texts = constant_texts(op)
        shown = [self.notation.number(text) for text in texts[:_FEW]]
        if op.value.splat is not None:
            return Piece(shown[0], SUM if shown[0].startswith("-") else ATOM)
        return Piece(f"[{', '.join(shown)}{', ...' if len(texts) > _FEW else ''}]")


def constant_texts(op: lax.ConstantOp) -> list[str]:
    """The elements of a constant as decimal text, one element of equal ones; exact for a splat."""
    splat, text = op.value.splat, op.value.text
    if splat is not None:
        return [f"{float(splat):g}" if text.startswith("0x") else text]
    return [f"{float(value):g}" for value in op.value.values]


def _needs_name(op: Operation, value: SSAValue, piece: Piece) -> bool:
    """Whether a formula is too long to stand in another one, or shared and not short."""
    spelled = (prob.SampleOp, prob.LogDensityOp, estim.JointOp)
    if isinstance(op, spelled) or isinstance(value.type, prob.LawType):
        return False
    readers = [u.operation for u in value.uses if not isinstance(u.operation, prob.YieldOp)]
    limit = _SHORT if len(readers) > 1 else _LONG
    return bool(readers) and not op.regions and len(piece.text) > limit
