"""What the elementwise `lax` ops compute, with their partial derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from relbo_ir.dialects.lax import ElementwiseOp

from .dual import Array, Dual, chain, linear

Function1 = Callable[[Array], Array]
Function2 = Callable[[Array, Array], Array]


def _zero(x: Array, y: Array) -> Array:
    return np.zeros_like(y)


def _round_half_away(x: Array) -> Array:
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


def softplus(x: Array) -> Array:
    """log(1 + eˣ), without overflow."""
    return np.logaddexp(0.0, x)


# Each entry: the function, and its derivative from the operand x and the result y.
UNARY: dict[str, tuple[Function1, Function2]] = {
    "neg": (np.negative, lambda x, y: -np.ones_like(y)),
    "abs": (np.abs, lambda x, y: np.sign(x)),
    "sign": (np.sign, _zero),
    "floor": (np.floor, _zero),
    "ceil": (np.ceil, _zero),
    "round_half_even": (np.rint, _zero),
    "round_half_away": (_round_half_away, _zero),
    "exp": (np.exp, lambda x, y: y),
    "exp2": (np.exp2, lambda x, y: np.log(2.0) * y),
    "expm1": (np.expm1, lambda x, y: np.exp(x)),
    "log": (np.log, lambda x, y: 1.0 / x),
    "log1p": (np.log1p, lambda x, y: 1.0 / (1.0 + x)),
    "sin": (np.sin, lambda x, y: np.cos(x)),
    "cos": (np.cos, lambda x, y: -np.sin(x)),
    "tan": (np.tan, lambda x, y: 1.0 + y**2),
    "asin": (np.arcsin, lambda x, y: 1.0 / np.sqrt(1.0 - x**2)),
    "acos": (np.arccos, lambda x, y: -1.0 / np.sqrt(1.0 - x**2)),
    "atan": (np.arctan, lambda x, y: 1.0 / (1.0 + x**2)),
    "sinh": (np.sinh, lambda x, y: np.cosh(x)),
    "cosh": (np.cosh, lambda x, y: np.sinh(x)),
    "tanh": (np.tanh, lambda x, y: 1.0 / np.cosh(x) ** 2),
    "asinh": (np.arcsinh, lambda x, y: 1.0 / np.sqrt(x**2 + 1.0)),
    "acosh": (np.arccosh, lambda x, y: 1.0 / np.sqrt(x**2 - 1.0)),
    "atanh": (np.arctanh, lambda x, y: 1.0 / (1.0 - x**2)),
    "sqrt": (np.sqrt, lambda x, y: 0.5 / y),
    "rsqrt": (lambda x: 1.0 / np.sqrt(x), lambda x, y: -0.5 * y / x),
    "cbrt": (np.cbrt, lambda x, y: 1.0 / (3.0 * y**2)),
    "square": (np.square, lambda x, y: 2.0 * x),
    "logistic": (special.expit, lambda x, y: special.expit(x) * special.expit(-x)),
    "softplus": (softplus, lambda x, y: special.expit(x)),
    "lgamma": (special.gammaln, lambda x, y: special.digamma(x)),
    "digamma": (special.digamma, lambda x, y: special.polygamma(1, x)),
    "erf": (special.erf, lambda x, y: 2.0 / np.sqrt(np.pi) * np.exp(-(x**2))),
    "erfc": (special.erfc, lambda x, y: -2.0 / np.sqrt(np.pi) * np.exp(-(x**2))),
    "erf_inv": (special.erfinv, lambda x, y: np.sqrt(np.pi) / 2.0 * np.exp(y**2)),
    "logical_not": (np.invert, _zero),
    "copy": (np.copy, lambda x, y: np.ones_like(y)),
}


def _div(x: Array, y: Array) -> Array:
    if np.issubdtype(x.dtype, np.integer):
        return np.sign(x) * np.sign(y) * (np.abs(x) // np.abs(y))
    return x / y


def _shift_right_logical(x: Array, y: Array) -> Array:
    if np.any(x < 0):
        raise NotImplementedError("the oracle shifts no negative integer logically")
    return np.right_shift(x, y)


def _polygamma(n: Array, x: Array) -> Array:
    if np.any(n != np.rint(n)):
        raise NotImplementedError("the oracle knows polygamma of integer order only")
    return special.polygamma(n.astype(np.int64), x)


def _half_at_ties(x: Array, y: Array) -> Array:
    return np.where(x == y, 0.5, np.where(x > y, 1.0, 0.0))


def _power_log(x: Array, y: Array) -> Array:
    return np.where(x == 0, 0.0, np.power(x, y) * np.log(np.where(x == 0, 1.0, x)))


def gamma_density(a: Array, x: Array) -> Array:
    """The density of Gamma(a, 1) at x."""
    return np.exp(special.xlogy(a - 1.0, x) - x - special.gammaln(a))


def unknown(what: str) -> Function2:
    """A derivative that has no closed form here: raises when a program needs it."""

    def refuse(x: Array, y: Array) -> Array:
        raise NotImplementedError(f"the oracle has no closed form for {what}")

    return refuse


# Each entry: the function, its derivative in x, its derivative in y.
BINARY: dict[str, tuple[Function2, Function2, Function2]] = {
    "add": (np.add, lambda x, y: np.ones_like(x), lambda x, y: np.ones_like(x)),
    "sub": (np.subtract, lambda x, y: np.ones_like(x), lambda x, y: -np.ones_like(x)),
    "mul": (np.multiply, lambda x, y: y, lambda x, y: x),
    "div": (_div, lambda x, y: 1.0 / y, lambda x, y: -x / y**2),
    "rem": (np.fmod, lambda x, y: np.ones_like(x), lambda x, y: -np.trunc(x / y)),
    "pow": (np.power, lambda x, y: y * np.power(x, np.where(y == 0, 1, y - 1)), _power_log),
    "max": (np.maximum, _half_at_ties, lambda x, y: _half_at_ties(y, x)),
    "min": (np.minimum, lambda x, y: _half_at_ties(y, x), _half_at_ties),
    "atan2": (np.arctan2, lambda x, y: y / (x**2 + y**2), lambda x, y: -x / (x**2 + y**2)),
    "nextafter": (np.nextafter, unknown("d nextafter"), unknown("d nextafter")),
    "logical_and": (np.bitwise_and, _zero, _zero),
    "logical_or": (np.bitwise_or, _zero, _zero),
    "logical_xor": (np.bitwise_xor, _zero, _zero),
    "shift_left": (np.left_shift, _zero, _zero),
    "shift_right_logical": (_shift_right_logical, _zero, _zero),
    "shift_right_arithmetic": (np.right_shift, _zero, _zero),
    "logaddexp": (
        np.logaddexp,
        lambda x, y: special.expit(x - y),
        lambda x, y: special.expit(y - x),
    ),
    "xlogy": (special.xlogy, lambda x, y: np.log(y), lambda x, y: x / y),
    "xlog1py": (special.xlog1py, lambda x, y: np.log1p(y), lambda x, y: x / (1.0 + y)),
    "betaln": (
        special.betaln,
        lambda x, y: special.digamma(x) - special.digamma(x + y),
        lambda x, y: special.digamma(y) - special.digamma(x + y),
    ),
    "igamma": (special.gammainc, unknown("∂P(a, x)/∂a"), gamma_density),
    "igammac": (
        special.gammaincc,
        unknown("∂Q(a, x)/∂a"),
        lambda a, x: -gamma_density(a, x),
    ),
    "polygamma": (
        _polygamma,
        unknown("the derivative of polygamma in its order"),
        lambda n, x: _polygamma(n + 1, x),
    ),
    "zeta": (
        special.zeta,
        unknown("the derivative of zeta in its exponent"),
        lambda x, q: -x * special.zeta(x + 1.0, q),
    ),
}

COMPARE: dict[str, Function2] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


def unary(short: str, x: Dual) -> Dual:
    """`lax.<short>` of one operand."""
    function, derivative = UNARY[short]
    y = function(x.value)
    return chain(y, (x, lambda: derivative(x.value, y)))


def binary(short: str, x: Dual, y: Dual) -> Dual:
    """`lax.<short>` of two operands."""
    function, by_x, by_y = BINARY[short]
    return chain(
        function(x.value, y.value),
        (x, lambda: by_x(x.value, y.value)),
        (y, lambda: by_y(x.value, y.value)),
    )


def _incomplete_beta(a: Dual, b: Dual, x: Dual) -> Dual:
    refuse = unknown("the derivative of the incomplete beta function in its parameters")

    def by_x() -> Array:
        log = special.xlogy(a.value - 1.0, x.value) + special.xlog1py(b.value - 1.0, -x.value)
        return np.exp(log - special.betaln(a.value, b.value))

    value = special.betainc(a.value, b.value, x.value)
    return chain(
        value,
        (a, lambda: refuse(a.value, b.value)),
        (b, lambda: refuse(a.value, b.value)),
        (x, by_x),
    )


def evaluate_elementwise(op: ElementwiseOp, operands: list[Dual]) -> Dual:
    """The result of an elementwise op; NotImplementedError naming an op without semantics."""
    short = op.name.removeprefix("lax.")
    if short == "stop_gradient":
        return operands[0].stopped
    if short in UNARY:
        return unary(short, operands[0])
    if short in BINARY:
        return binary(short, operands[0], operands[1])
    if short in COMPARE:
        return Dual(COMPARE[short](operands[0].value, operands[1].value))
    if short == "is_finite":
        return Dual(np.isfinite(operands[0].value))
    if short in ("real", "imag"):
        return linear(operands[0], np.real if short == "real" else np.imag)
    if short == "complex":
        x, y = operands
        return chain(x.value + 1j * y.value, (x, lambda: 1.0), (y, lambda: np.array(1j)))
    if short == "regularized_incomplete_beta":
        return _incomplete_beta(*operands)
    raise NotImplementedError(f"the oracle has no semantics for {op.name}")
