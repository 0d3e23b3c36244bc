"""Random expressions: real, positive and unit-interval tensors of what a scope has."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import TensorType, i1
from xdsl.ir import SSAValue

from relbo_ir.dialects import lax

from .build import Shape, floats, integers
from .calls import branched, scanned
from .scope import Drawn, Scope

_SMALL = (0.5, -0.7, 1.3, -0.2)


@dataclass(frozen=True)
class Term:
    """A float tensor and its degree as a polynomial in the Normal noise; 0 means it reads none."""

    value: SSAValue
    degree: int


def real(scope: Scope, shape: Shape, most: int, depth: int = 2) -> Term:
    """
    A real tensor of the shape, polynomial of degree `most` at the most in the Normal noise.

    Simplest first: a parameter, a draw, data, then sums, products, and so on.
    """
    kinds = [_atom]
    if depth > 0:
        kinds += [_affine, _sum, _draw, _product, _squashed, _selected, _looked_up, _called]
        kinds += [_power, _power] if most > 1 and any(d.degree for d in scope.draws) else []
        kinds += [_mixed, _mixed] if shape else [_collapsed]
    return scope.choose(kinds)(scope, shape, most, depth - 1)


def positive(scope: Scope, shape: Shape) -> SSAValue:
    """A positive tensor that reads no Normal draw, between about 0.2 and 5."""
    body = scope.body
    match scope.pick(5):
        case 0:
            return scope.parameter("positive", shape)
        case 1:
            return body.constant(scope.grid("positive"), floats(shape))
        case 2:
            small = body.constant(0.2, floats(shape))
            soft = body.elementwise("softplus", real(scope, shape, 0, 1).value)
            return body.elementwise("add", soft, small)
        case 3:
            bounded = body.elementwise("tanh", real(scope, shape, 0, 1).value)
            return body.elementwise("exp", bounded)
        case _:
            return body.spread(scope.parameter("positive", ()), shape)


def unit(scope: Scope, shape: Shape) -> SSAValue:
    """A tensor inside (0, 1) that reads no Normal draw."""
    body = scope.body
    finite = _finite(scope)
    match scope.pick(4 if finite else 3):
        case 0:
            return scope.parameter("unit_interval", shape)
        case 1:
            return body.elementwise("logistic", real(scope, shape, 0).value)
        case 2:
            return body.spread(scope.parameter("unit_interval", ()), shape)
        case _:
            which = _condition(scope, finite, shape)
            low = body.constant(scope.grid("unit_interval"), floats(shape))
            scope.shared.mark("select")
            return body.add(lax.SelectNOp(which, [low, unit(scope, shape)]))


def mask(scope: Scope, shape: Shape) -> SSAValue:
    """Booleans of the shape, from data or from a finite draw."""
    scope.shared.mark("mask")
    finite = _finite(scope)
    if finite and scope.pick(2):
        return _wide(scope, _condition(scope, finite, shape), shape)
    limit = scope.body.constant(scope.grid("real"), floats(shape))
    return scope.body.elementwise("lt", scope.data("real", shape), limit)


def _wide(scope: Scope, x: SSAValue, shape: Shape) -> SSAValue:
    if lax.shape_of(x) == shape:
        return x
    return scope.body.add(lax.BroadcastInDimOp(x, TensorType(i1, shape), []))


def scale(scope: Scope, shape: Shape) -> SSAValue:
    """What a site's addends weigh: a positive number, or one for each element."""
    scope.shared.mark("scale")
    own = shape if scope.pick(3) == 2 else ()
    if scope.pick(2) == 0:
        return scope.body.constant(scope.grid("positive"), floats(own))
    return positive(scope, own)


def _finite(scope: Scope) -> list[Drawn]:
    return [d for d in scope.draws if d.kind in ("bernoulli", "categorical")]


def _atom(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    body = scope.body
    match scope.pick(6):
        case 0:
            return Term(scope.parameter("real", shape), 0)
        case 1:
            return _draw(scope, shape, most, depth)
        case 2:
            return Term(body.constant(_SMALL[scope.pick(4)], floats(shape)), 0)
        case 3:
            scope.shared.mark("data_in_law")
            return Term(scope.data("real", shape), 0)
        case 4:
            return Term(body.spread(scope.parameter("real", ()), shape), 0)
        case _:
            return Term(scope.closure(shape), 0)


def _draw(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    """An earlier draw, the latest one first; a parameter where there is none."""
    fitting = [d for d in scope.draws if d.degree <= most]
    if not fitting:
        return Term(scope.parameter("real", shape), 0)
    drawn = fitting[-1 - scope.pick(len(fitting))]
    scope.shared.mark(f"dependent_{scope.name}")
    return Term(_fitted(scope, _as_real(scope, drawn), shape), drawn.degree)


def _as_real(scope: Scope, drawn: Drawn) -> SSAValue:
    match drawn.kind:
        case "normal":
            return drawn.value
        case "log_normal":
            return scope.body.elementwise("log", drawn.value)
        case _:
            return scope.body.real(drawn.value)


def _fitted(scope: Scope, x: SSAValue, shape: Shape) -> SSAValue:
    """A scalar or vector as the other or a longer one, or as it is."""
    body, have = scope.body, lax.shape_of(x)
    if have == shape:
        return x
    if have == ():
        return body.spread(x, shape)
    scope.shared.mark("mixes_elements")
    match scope.pick(4):
        case 0:
            one = body.sum(x)
        case 1:
            scope.shared.mark("index")
            one = body.at(x, scope.pick(have[0]))
        case 2:
            scope.shared.mark("data_indexed")
            one = body.lookup(x, scope.data(f"below{have[0]}", (), floating=False))
        case _:
            one = body.dot(x, body.numbers([_SMALL[scope.pick(4)] for _ in range(have[0])]))
    return body.spread(one, shape)


def _affine(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    x = real(scope, shape, most, depth)
    slope = scope.body.constant(_SMALL[scope.pick(4)], floats(shape))
    return Term(scope.body.elementwise("mul", slope, x.value), x.degree)


def _sum(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    x, y = real(scope, shape, most, depth), real(scope, shape, most, depth)
    short = ("add", "sub")[scope.pick(2)]
    return Term(scope.body.elementwise(short, x.value, y.value), max(x.degree, y.degree))


def _product(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    x = real(scope, shape, most, depth)
    y = real(scope, shape, most - x.degree, depth)
    scope.shared.mark("product")
    if x.degree + y.degree > 1:
        scope.shared.mark("polynomial")
    return Term(scope.body.elementwise("mul", x.value, y.value), x.degree + y.degree)


def _power(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    """The product of two Normal draws, or of one with itself."""
    moving = [d for d in scope.draws if 0 < d.degree < most]
    if not moving:
        return _product(scope, shape, most, depth)
    x = moving[-1 - scope.pick(len(moving))]
    fitting = [d for d in moving if d.degree + x.degree <= most] or [x]
    y = fitting[-1 - scope.pick(len(fitting))]
    degree = x.degree + y.degree
    if degree > most:
        return _product(scope, shape, most, depth)
    scope.shared.mark("polynomial")
    scope.shared.mark(f"dependent_{scope.name}")
    one, other = (_fitted(scope, _as_real(scope, d), shape) for d in (x, y))
    return Term(scope.body.elementwise("mul", one, other), degree)


def _squashed(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    x = real(scope, shape, 0, depth)
    scope.shared.mark("nonlinear")
    short = ("logistic", "tanh", "softplus")[scope.pick(3)]
    return Term(scope.body.elementwise(short, x.value), 0)


def _condition(scope: Scope, finite: list[Drawn], shape: Shape) -> SSAValue:
    """Whether a finite draw has one of its values: a boolean of the shape, or a scalar one."""
    body = scope.body
    drawn = finite[-1 - scope.pick(len(finite))]
    scope.shared.mark(f"dependent_{scope.name}")
    label = body.constant(scope.pick(drawn.categories), integers(drawn.shape))
    same = body.elementwise("eq", drawn.value, label)
    if drawn.shape == shape or drawn.shape == ():
        return same
    scope.shared.mark("mixes_elements")
    axes = range(len(drawn.shape))
    reduce = (lax.ReduceAndOp, lax.ReduceOrOp)[scope.pick(2)]
    one = body.add(reduce(same, axes))
    return one if shape == () else body.add(lax.BroadcastInDimOp(one, TensorType(i1, shape), []))


def _selected(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    finite = _finite(scope)
    if not finite:
        return _affine(scope, shape, most, depth)
    which = _condition(scope, finite, shape)
    x, y = real(scope, shape, most, depth), real(scope, shape, most, depth)
    scope.shared.mark("select")
    chosen = scope.body.add(lax.SelectNOp(which, [x.value, y.value]))
    return Term(chosen, max(x.degree, y.degree))


def _looked_up(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    """One of several numbers, by the value of a finite draw."""
    finite = [d for d in _finite(scope) if d.shape in ((), shape)]
    if not finite:
        return _sum(scope, shape, most, depth)
    drawn = finite[-1 - scope.pick(len(finite))]
    scope.shared.mark("lookup")
    scope.shared.mark(f"dependent_{scope.name}")
    cases = [real(scope, (), most, min(depth, 0)) for _ in range(drawn.categories)]
    degree = max(case.degree for case in cases)
    if scope.pick(2) == 0:
        table = scope.body.stack([case.value for case in cases], 0)
        return Term(scope.body.spread(scope.body.lookup(table, drawn.value), shape), degree)
    wide = [scope.body.spread(case.value, drawn.shape) for case in cases]
    which = drawn.value
    if drawn.categories == 2:
        none = scope.body.constant(0, integers(drawn.shape))
        which = scope.body.elementwise("ne", which, none)
    chosen = scope.body.add(lax.SelectNOp(which, wide))
    return Term(scope.body.spread(chosen, shape), degree)


def _called(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    """
    A loop along a vector or one of several branches, of what reads no Normal noise: they are not
    proved to be smooth.
    """
    scope.shared.mark("nonlinear")
    size = scope.shared.plate_size
    if size and scope.pick(2) == 0:
        slope = scope.body.constant(_SMALL[scope.pick(4)], floats(()))
        last, all_of_them = scanned(scope, real(scope, (size,), 0, depth).value, slope)
        return Term(_fitted(scope, all_of_them if shape else last, shape), 0)
    x = real(scope, shape, 0, depth)
    scalars = [d for d in _finite(scope) if d.shape == ()]
    if not scalars:
        which = scope.data("below3", (), floating=False)
        return Term(branched(scope, which, x.value, 2), 0)
    drawn = scalars[-1 - scope.pick(len(scalars))]
    scope.shared.mark(f"dependent_{scope.name}")
    return Term(branched(scope, drawn.value, x.value, drawn.categories), 0)


def _mixed(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    """A vector whose elements read other elements of a vector."""
    x, body = real(scope, shape, most, depth), scope.body
    match scope.pick(10):
        case 0:
            scope.shared.mark("causal")
            return Term(body.shift(x.value), x.degree)
        case 1:
            scope.shared.mark("causal")
            return Term(body.cumsum(x.value, False), x.degree)
        case 2:
            scope.shared.mark("mixes_elements")
            return Term(body.reverse(x.value), x.degree)
        case 3:
            scope.shared.mark("causal")
            return Term(body.cumsum(x.value, True), x.degree)
        case 4 | 5:
            scope.shared.mark("data_indexed")
            index = scope.data(f"below{shape[0]}", shape, floating=False)
            return Term(body.lookup(x.value, index), x.degree)
        case _:
            parts = [real(scope, (), most, min(depth, 0)) for _ in range(shape[0])]
            scope.shared.mark("mixes_elements")
            scope.shared.mark("stack")
            stacked = body.stack([part.value for part in parts], 0)
            return Term(stacked, max(part.degree for part in parts))


def _collapsed(scope: Scope, shape: Shape, most: int, depth: int) -> Term:
    """A scalar from a vector, where the program has any."""
    size = scope.shared.plate_size
    if not size:
        return _product(scope, shape, most, depth)
    x = real(scope, (size,), most, depth)
    return Term(_fitted(scope, x.value, ()), x.degree)
