"""Functions whose author gave their derivative keep it, to the second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxpr_as_fun
from jax.scipy.special import betaln, xlog1py, xlogy
from test_jaxpr_roundtrip import check, edges, imported, precision, roundtrip

from relbo_ir.dialects import lax
from relbo_ir.dialects.errors import UnsupportedError

X = np.array([-1.5, 0.0, 0.3, 2.0], np.float32)
Y = np.array([0.5, 2.0, 0.3, 4.0], np.float32)


@jax.custom_jvp
def several(x: Any, y: Any, n: Any) -> tuple[Any, Any]:
    """Two results, an integer argument, and a rule that is not the derivative."""
    return x * jnp.sin(y) + n, x - y


@several.defjvp
def _several_jvp(primals: Any, tangents: Any) -> Any:
    x, y, n = primals
    dx, dy, _ = tangents
    return several(x, y, n), (3.0 * dx * y + dy * n, dx * x - dy)


@jax.custom_jvp
def itself(x: Any) -> Any:
    """Its derivative is itself, doubled: the rule calls the function."""
    return jnp.exp(x)


@itself.defjvp
def _itself_jvp(primals: Any, tangents: Any) -> Any:
    return itself(primals[0]), 2.0 * itself(primals[0]) * tangents[0]


@jax.custom_jvp
def even(x: Any) -> Any:
    """cos, whose rule calls `odd`, whose rule calls `even`."""
    return jnp.cos(x)


@jax.custom_jvp
def odd(x: Any) -> Any:
    """−sin."""
    return -jnp.sin(x)


even.defjvp(lambda p, t: (even(*p), odd(*p) * t[0]))
odd.defjvp(lambda p, t: (odd(*p), -even(*p) * t[0]))


def make(scale: Any) -> Callable[..., Any]:
    """Functions of one text; they differ in the array they close over."""
    factor = jnp.asarray(scale)

    @jax.custom_jvp
    def f(x: Any) -> Any:
        return x * factor

    f.defjvp(lambda p, t: (f(*p), t[0] * factor * p[0]))
    return f


BY_X, BY_Y = make(X), make(Y)


def make_outer(inner: Callable[..., Any], scale: Any) -> Callable[..., Any]:
    """As `make`, with a rule that calls a function of the same name and text."""
    factor = jnp.asarray(scale)

    @jax.custom_jvp
    def f(x: Any) -> Any:
        return x * factor

    f.defjvp(lambda p, t: (f(*p), inner(p[0]) * t[0]))
    return f


@jax.custom_jvp
def outer(x: Any) -> Any:
    """Nested custom derivatives, in the body and in the rule."""
    return itself(x) * jax.nn.relu(x)


@outer.defjvp
def _outer_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return outer(x), (jax.nn.silu(x) + even(x)) * dx


@jax.custom_vjp
def clipped(x: Any) -> Any:
    """The gradient is clipped; the residual is another value than the argument."""
    return jnp.sin(x)


clipped.defvjp(lambda x: (jnp.sin(x), jnp.cos(x)), lambda c, g: (jnp.clip(g * c, -0.1, 0.1),))


@jax.custom_vjp
def joined(x: Any, n: Any, y: Any) -> tuple[Any, Any]:
    """Several arguments, one an integer, and several results."""
    return x * y, y + n


def _joined_backward(residuals: Any, cotangents: Any) -> Any:
    x, n, y = residuals
    a, b = cotangents
    return 2.0 * a * y, None, 3.0 * b * x * n


joined.defvjp(lambda x, n, y: (joined(x, n, y), (x, n, y)), _joined_backward)

COUNTS = np.array([3, 0, 2, 5], np.int32)
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "softplus": (jax.nn.softplus, (X,)),
    "relu": (jax.nn.relu, (X,)),
    "relu6": (jax.nn.relu6, (X,)),
    "silu": (jax.nn.silu, (X,)),
    "log_sigmoid": (jax.nn.log_sigmoid, (X,)),
    "xlogy": (xlogy, (X, Y)),
    "xlog1py": (xlog1py, (X, Y)),
    "logaddexp": (jnp.logaddexp, (X, Y)),
    "logaddexp_integers": (lambda x, n: jnp.logaddexp(x, n), (X, COUNTS)),
    "xlogy_ranks": (lambda x, y: xlogy(x, jnp.stack([y, 2 * y])), (X, Y)),
    "xlogy_half": (lambda x, y: xlogy(x.astype(jnp.bfloat16), y.astype(jnp.bfloat16)), (X, Y)),
    "betaln": (betaln, (Y, Y + 1)),
    "several": (lambda x, y, n: several(x, y, n), (X, Y, COUNTS)),
    "itself": (itself, (X,)),
    "itself_in_a_loop": (lambda x: jax.lax.fori_loop(0, 2, lambda _, c: itself(c * 0.1), x), (X,)),
    "even_and_odd": (lambda x: even(x) * odd(x), (X,)),
    "outer": (outer, (X,)),
    "one_text_two_constants": (lambda x: BY_X(x) + BY_Y(x) * 2.0, (X,)),
    "rule_calls_its_like": (make_outer(BY_X, Y), (X,)),
    "rules_differ_in_constants": (make_outer(make_outer(BY_X, Y), X + 2), (X,)),
    "repeated_argument": (lambda x: several(x, x, 2), (X,)),
    "literal_argument": (lambda x: several(x, 2.0, 1), (X,)),
    "under_vmap": (jax.vmap(lambda x, y, n: several(x, y, n)), (X, Y, COUNTS)),
    "clipped": (clipped, (X,)),
    "clipped_twice": (lambda x: clipped(clipped(x) * x), (X,)),
    "joined": (lambda x, n, y: joined(x, n, y), (X, COUNTS, Y)),
    "clipped_in_scan": (
        lambda x: jax.lax.scan(lambda c, r: (clipped(c + r), itself(c)), x[0], x),
        (X,),
    ),
}
COMPAT = {"softplus", "xlogy", "several", "even_and_odd", "joined", "clipped_in_scan", "outer"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.compat] if n in COMPAT else []) for n in FUNCTIONS]
)
def test_values_and_two_derivatives(name: str) -> None:
    function, arguments = FUNCTIONS[name]
    slow = name == "betaln"
    check(function, *arguments, order=1 if slow else 2, eager=name in COMPAT, ulps=64)


@pytest.mark.parametrize("name", ["softplus", "relu", "log_sigmoid"])
def test_at_the_edges(name: str) -> None:
    with precision("float64") as kind:
        check(FUNCTIONS[name][0], edges(kind), ulps=8)


def _ops(function: Callable[..., Any], *args: Any) -> set[str]:
    return {op.name for op in imported(function, *args).walk()}


@pytest.mark.compat
def test_known_functions_are_raised() -> None:
    assert "lax.xlogy" in _ops(xlogy, X, Y)
    assert "lax.xlog1py" in _ops(xlog1py, X, Y)
    assert "lax.logaddexp" in _ops(jnp.logaddexp, X, Y)


def _namesake(body: Callable[..., Any], rule: Callable[..., Any]) -> Callable[..., Any]:
    def xlogy(x: Any, y: Any) -> Any:
        return body(x, y)

    function = jax.custom_jvp(xlogy)
    function.defjvp(rule)
    return function


def _custom_equation(jaxpr: Any) -> Any:
    for equation in jaxpr.eqns:
        if equation.primitive.name == "custom_jvp_call":
            return equation
        if "jaxpr" in equation.params:
            return _custom_equation(equation.params["jaxpr"].jaxpr)
    raise LookupError("no function with a custom derivative")


def _library_body(x: Any, y: Any) -> Any:
    equation = _custom_equation(jax.make_jaxpr(xlogy)(x, y).jaxpr)
    return jaxpr_as_fun(equation.params["call_jaxpr"])(x, y)[0]


@pytest.mark.compat
def test_a_namesake_is_not_raised() -> None:
    """The user's own `xlogy` keeps its own body and its own rule."""

    def zero_rule(primals: Any, tangents: Any) -> Any:
        return _library_body(*primals), 0.0 * tangents[0] + 7.0 * tangents[1]

    other_body = _namesake(lambda x, y: x * jnp.log(y) + 1.0, zero_rule)
    other_rule = _namesake(_library_body, zero_rule)
    for function in (other_body, other_rule):
        assert "lax.xlogy" not in _ops(function, X, Y)
    check(other_rule, X, Y, ulps=8)


def test_a_rule_in_forward_mode() -> None:
    check(lambda x, y: jax.jvp(lambda z: several(z, y, 2)[0], (x,), (y,)), X, Y)


def test_two_functions_of_one_text_stay_two() -> None:
    module = imported(lambda x: BY_X(x) + BY_Y(x), X)
    pairs = {
        (op.function.string_value(), op.rule.string_value())
        for op in module.walk()
        if isinstance(op, lax.CustomJvpOp)
    }
    assert len(pairs) == 2


def test_one_function_called_often_is_stored_once() -> None:
    def function(x: Any) -> Any:
        return itself(x) + itself(x * 2.0) + jax.nn.relu(x) * jax.nn.relu(-x)

    assert len(list(imported(function, X).ops)) == 5


def _tower(n: int) -> Callable[..., Any]:
    @jax.custom_jvp
    def f(x: Any) -> Any:
        return x**n

    f.defjvp(lambda p, t: (f(*p), n * _tower(n + 1)(*p) * t[0]))
    return f


@pytest.mark.compat
def test_a_tower_of_rules_without_end_is_cut_where_it_is_seen() -> None:
    """Right to the sixth order; NaN, not a wrong number, above."""
    again = roundtrip(_tower(1), np.float32(2))
    function: Any = lambda x: again(x)[0]  # noqa: E731
    reference: Any = _tower(1)
    for _ in range(6):
        function, reference = jax.grad(function), jax.grad(reference)
        assert function(np.float32(2)) == reference(np.float32(2))
    assert np.isnan(jax.grad(function)(np.float32(2)))


def test_integer_results_are_a_clear_error() -> None:
    @jax.custom_jvp
    def f(x: Any) -> Any:
        return x, jnp.int32(1)

    f.defjvp(lambda p, t: (f(*p), (t[0], np.zeros((), jax.dtypes.float0))))
    with pytest.raises(UnsupportedError, match="not real") as caught:
        imported(lambda x: f(x), X)
    assert "test_custom_derivatives.py:" in str(caught.value)


def test_complex_arguments_are_a_clear_error() -> None:
    @jax.custom_jvp
    def f(z: Any) -> Any:
        return jnp.abs(z)

    f.defjvp(lambda p, t: (f(*p), jnp.abs(t[0])))
    with pytest.raises(UnsupportedError, match="complex"):
        imported(lambda x: f(jax.lax.complex(x, x)), X)


def test_a_rule_that_closes_over_a_traced_value_is_a_clear_error() -> None:
    with pytest.raises(UnsupportedError, match="pass the array as an argument"):
        imported(lambda x: make(x + 1.0)(x), X)
