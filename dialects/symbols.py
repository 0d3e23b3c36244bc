"""What an op asks of the functions that it names: that they are there, with these types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FunctionType,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    i1,
)
from xdsl.dialects.func import FuncOp as FunctionOp
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import VerifyException

from relbo_ir.dialects import lax
from relbo_ir.dialects.dist import OpaqueOp, TransformedByOp, float_element, law_of
from relbo_ir.dialects.key import KeyType
from relbo_ir.dialects.location import place
from relbo_ir.dialects.prob.functions import ElboOp, FuncOp
from relbo_ir.dialects.tensors import has_floats, shape_of_type, with_shape

Types = Sequence[Attribute]
Asked = tuple[SymbolRefAttr, Types, Types]
Functions = Mapping[str, Operation]


def functions_of(ops: Iterator[Operation]) -> dict[str, Operation]:
    """The ops of a module that have a symbol, by its name."""
    named = ((op.properties.get("sym_name"), op) for op in ops)
    return {name.data: op for name, op in named if isinstance(name, StringAttr)}


def verify_symbols(op: Operation, functions: Functions) -> None:
    """Checks that the functions an op names are in the module, with the types that it needs."""
    match op:
        case ElboOp():
            for symbol in (op.model, op.guide):
                if symbol is not None and not isinstance(_find(symbol, functions), FuncOp):
                    raise VerifyException(
                        f"prob.elbo names {symbol}, which is no prob.func{place(op)}"
                    )
        case lax.BindOp():
            for symbol in symbols_in(op.parameters):
                _function_type(op, symbol, functions)
        case _:
            for symbol, inputs, outputs in asked_of(op):
                found = _function_type(op, symbol, functions)
                wanted = FunctionType.from_lists(list(inputs), list(outputs))
                if found != wanted:
                    raise VerifyException(
                        f"{op.name} needs {symbol} : {wanted}, not {found}{place(op)}"
                    )


def _find(symbol: SymbolRefAttr, functions: Functions) -> Operation | None:
    return functions.get(symbol.string_value())


def _function_type(op: Operation, symbol: SymbolRefAttr, functions: Functions) -> FunctionType:
    function = _find(symbol, functions)
    if not isinstance(function, FunctionOp):
        raise VerifyException(f"{op.name} names {symbol}, which is no func.func{place(op)}")
    return function.function_type


def symbols_in(attribute: Attribute) -> Iterator[SymbolRefAttr]:
    """The functions that an attribute names, in lists and dictionaries too."""
    match attribute:
        case SymbolRefAttr():
            yield attribute
        case ArrayAttr():
            for inner in attribute.data:
                yield from symbols_in(inner)
        case DictionaryAttr():
            for inner in attribute.data.values():
                yield from symbols_in(inner)
        case _:
            pass


def asked_of(op: Operation) -> Iterator[Asked]:
    """Every function that an op names, with the types of its arguments and results."""
    match op:
        case lax.CustomJvpOp():
            inputs, outputs = _types(op)
            yield op.function, inputs, outputs
            yield op.rule, [*inputs, *_floats(inputs)], [*outputs, *outputs]
        case lax.CustomVjpOp():
            inputs, outputs = _types(op)
            yield op.function, inputs, outputs
            yield op.rule, [*inputs, *outputs], _floats(inputs)
        case lax.ScanOp():
            inputs, outputs = _types(op)
            carry = op.num_carry.value.data
            held = op.num_consts.value.data + carry
            rows = [*inputs[:held], *map(_row, inputs[held:])]
            yield op.body, rows, [*outputs[:carry], *map(_row, outputs[carry:])]
        case lax.WhileOp():
            inputs, outputs = _types(op)
            tests, held = (
                op.cond_consts.value.data,
                op.cond_consts.value.data + op.body_consts.value.data,
            )
            yield op.cond, [*inputs[:tests], *inputs[held:]], [TensorType(i1, [])]
            yield op.body, inputs[tests:], outputs
        case lax.CondOp():
            for branch in op.branches:
                yield branch, [x.type for x in op.arguments], [r.type for r in op.values]
        case TransformedByOp():
            drawn, base = law_of(op.result), law_of(op.base).value
            given, value = [x.type for x in op.arguments], drawn.value
            number = TensorType(value.get_element_type(), drawn.batch_shape)
            yield op.forward, [base, *given], [value]
            yield op.inverse, [value, *given], [base]
            yield op.log_det, [base, value, *given], [number]
            yield op.inside, [value, *given], [TensorType(i1, drawn.batch_shape)]
        case OpaqueOp():
            law, parameters = law_of(op.result), [x.type for x in op.parameters]
            yield op.sample, [KeyType(), *parameters], [law.value]
            density = TensorType(float_element(op.result), law.batch_shape)
            yield op.log_prob, [law.value, *parameters], [density]
        case _:
            pass


def _types(op: Operation) -> tuple[list[Attribute], list[Attribute]]:
    return [x.type for x in op.operands], [r.type for r in op.results]


def _floats(types: Types) -> list[Attribute]:
    return [t for t in types if has_floats(t)]


def _row(array: Attribute) -> Attribute:
    return with_shape(array, shape_of_type(array)[1:])
