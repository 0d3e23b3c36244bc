"""Which matrices are proved definite, against their eigenvalues; and what is pathwise for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as nd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpyro.infer.autoguide import AutoNormal
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.rewriter import InsertPoint

import relbo_ir as rb
from relbo_ir.dialects import prob
from relbo_ir.lowering.functions import Functions
from relbo_ir.lowering.import_jaxpr import Importer
from relbo_ir.lowering.types import ir_type
from relbo_ir.passes.analyses.definiteness import Definite, Definiteness, Matrix
from relbo_ir.passes.analyses.value_ranges import Ranges
from relbo_ir.pipelines import resolve, run

Env = dict[str, Any]
Function = Callable[[Env], Any]
N = 4
SHAPES = {"x": (N,), "y": (N,), "p": (N, 2), "t": (), "s": ()}
CUBES = {"u": (N,), "p": (N, N), "q": (N, N, N), "t": ()}
PAIRS = ((0, 1), (0, 2), (1, 2))


def claimed(function: Function) -> Matrix:
    """What is proved of a function's matrix, after the rewrites that precede the analysis."""
    return claims(function, SHAPES, PAIRS[:1])[0, 1]


def claims(
    function: Function, shapes: dict[str, tuple[int, ...]], pairs: tuple[tuple[int, int], ...]
) -> dict[tuple[int, int], Matrix]:
    """What is proved of the matrices over pairs of axes of what a function returns."""
    with jax.enable_x64(True):
        given = [jax.ShapeDtypeStruct(shape, float) for shape in shapes.values()]
        closed = jax.make_jaxpr(lambda *a: function(dict(zip(shapes, a, strict=True))))(*given)
        module = ModuleOp([])
        block = Block(arg_types=[ir_type(x) for x in given])
        functions = Functions(module)
        op = Importer(functions, InsertPoint.at_end(block)).function_op(closed, "f")
        functions.insert(op, "f")
        run(module, resolve(["relbo-raise-idioms", "relbo-canonicalize", "cse"]))
        (result,) = _returned(module)
        analysis = Definiteness(Ranges())
        return {pair: analysis.of(result, *pair) for pair in pairs}


def _returned(module: ModuleOp) -> list[SSAValue]:
    function = next(op for op in module.walk() if op.name == "func.func")
    end = function.regions[0].block.last_op
    assert end is not None
    return list(end.operands)


def eye() -> Any:
    return jnp.eye(N)


APART = np.subtract.outer([0.3, -1.2, 0.9, 2.1], [0.3, -1.2, 0.9, 2.1])


def _eye_of_sums(terms: int) -> Any:
    row, column = (jax.lax.broadcasted_iota(int, (N, N), k) for k in (0, 1))
    for _ in range(terms):
        row = row + 0
    return jnp.where(row == column, 1.0, 0.0)


def apart(e: Env, name: str = "x") -> Any:
    return e[name][:, None] - e[name][None, :]


def squared(e: Env) -> Any:
    return jnp.sum((e["p"][:, None, :] - e["p"][None, :, :]) ** 2, -1)


def rbf(e: Env) -> Any:
    return jnp.exp(-0.5 * (apart(e) / jnp.exp(e["t"])) ** 2)


def factor(e: Env, above: float) -> Any:
    """A definite matrix's factor, and a number above its diagonal."""
    row, column = (jax.lax.broadcasted_iota(int, (N, N), k) for k in (0, 1))
    return jnp.where(row >= column, jnp.linalg.cholesky(rbf(e) + eye()), above)


def periodic(e: Env) -> Any:
    return jnp.exp(-2.0 * jnp.sin(jnp.pi * jnp.abs(apart(e)) / jnp.exp(e["t"])) ** 2)


DEFINITE: dict[str, Function] = {
    "noise": lambda e: jnp.exp(e["t"]) * eye(),
    "a diagonal": lambda e: jnp.diag(jnp.exp(e["x"])),
    "a kernel and noise": lambda e: jnp.exp(e["s"]) * rbf(e) + jnp.exp(e["t"]) * eye(),
    "with a power": lambda e: jnp.exp(-jnp.power(apart(e) / jnp.exp(e["s"]), 2.0)) + 1e-6 * eye(),
    "made symmetric": lambda e: 0.5 * ((rbf(e) + eye()) + (rbf(e) + eye()).T),
    "features": lambda e: jnp.exp(-squared(e) / (2.0 * jnp.exp(e["t"]) ** 2)) + 0.1 * eye(),
    "each feature its scale": lambda e: (
        jnp.exp(
            -jnp.sum(((e["p"][:, None] - e["p"][None]) / jnp.exp(e["x"][:2])) ** 2, -1),
        )
        + 0.1 * eye()
    ),
    "periodic": lambda e: periodic(e) + eye(),
    "locally periodic": lambda e: periodic(e) * rbf(e) + eye(),
    "rational quadratic": lambda e: (
        (1.0 + apart(e) ** 2 / (2.0 * jnp.exp(e["t"]))) ** (-jnp.exp(e["s"])) + eye()
    ),
    "an inverse": lambda e: 2.0 / (1.0 + squared(e)) + eye(),
    "an exponential of a distance": lambda e: jnp.exp(-jnp.abs(apart(e)) / 0.3) + eye(),
    "a root of a distance": lambda e: jnp.exp(-jnp.sqrt(jnp.abs(apart(e)))) + eye(),
    "a logarithm of a distance": lambda e: jnp.exp(-jnp.log1p(squared(e))) + eye(),
    "linear": lambda e: e["p"] @ e["p"].T + eye(),
    "a polynomial": lambda e: (e["p"] @ e["p"].T + 1.0) ** 3 + eye(),
    "factors": lambda e: jnp.exp(e["t"]) * jnp.outer(e["x"], e["x"]) + jnp.diag(jnp.exp(e["y"])),
    "scaled": lambda e: jnp.outer(jnp.exp(e["x"]), jnp.exp(e["x"])) * (rbf(e) + eye()),
    "cosines": lambda e: jnp.cos(3.0 * apart(e)) + eye(),
    "a factor's square": lambda e: factor(e, 0.0).T @ factor(e, 0.0),
    "constants made before": lambda e: jnp.exp(e["t"]) * np.eye(N) + rbf(e),
    "of a constant, one number each": lambda e: np.diag([1.0, 2.0, 0.5, 3.0]) * jnp.exp(e["t"]),
    "the diagonal of a definite one": lambda e: eye() * (e["p"] @ e["p"].T + eye()),
    "plus many zeros": lambda e: jnp.exp(e["t"]) * _eye_of_sums(1500),
    "products of definite ones": lambda e: (rbf(e) + eye()) * (periodic(e) + eye()),
}
SEMIDEFINITE: dict[str, Function] = {
    "a kernel": rbf,
    "noise that may be 0": lambda e: e["t"] ** 2 * eye(),
    "an outer product": lambda e: jnp.outer(e["x"], e["x"]),
    "a Gram matrix": lambda e: e["p"] @ e["p"].T,
    "a constant diagonal with a 0": lambda e: np.diag([1.0, 0.0, 0.5, 3.0]) * jnp.exp(e["t"]),
    "a factor with more above it": lambda e: factor(e, 5.0) @ factor(e, 5.0).T,
    "scaled, maybe by 0": lambda e: jnp.outer(e["x"], e["x"]) * (rbf(e) + eye()),
}
UNKNOWN: dict[str, Function] = {
    "a constant diagonal of either sign": lambda e: np.diag([1.0, -1, 0.5, 3]) * jnp.exp(e["t"]),
    "a constant beside the diagonal": lambda e: np.eye(N, k=1) * jnp.exp(e["t"]) + 2.0 * eye(),
    "rounded differences": lambda e: jnp.cos(APART * 1e16 * jnp.exp(e["t"])) + 1e-3 * np.eye(N),
    "rounded differences that are no distances": lambda e: (
        jnp.exp(-(((APART + 1e-3 * np.eye(N)) / jnp.exp(e["t"])) ** 2)) + 0.1 * np.eye(N)
    ),
    "one choice for all elements": lambda e: jnp.where(
        jax.lax.iota(int, 1)[0] == 0, jnp.exp(e["t"]) * jnp.ones((N, N)), 0.0
    ),
    "noise of either sign": lambda e: e["t"] * eye(),
    "less noise": lambda e: rbf(e) - 0.1 * eye(),
    "a scale of either sign": lambda e: e["t"] * rbf(e) + eye(),
    "growing with distance": lambda e: jnp.exp(0.5 * apart(e) ** 2) + eye(),
    "of two inputs": lambda e: jnp.exp(-((e["x"][:, None] - e["y"][None]) ** 2)) + eye(),
    "of two scales": lambda e: (
        jnp.exp(-((e["x"][:, None] / 2.0 - e["x"][None] / 3.0) ** 2)) + eye()
    ),
    "a fourth power": lambda e: jnp.exp(-(apart(e) ** 4)) + eye(),
    "an odd power": lambda e: jnp.exp(-(apart(e) ** 3)) + eye(),
    "a sine": lambda e: jnp.sin(apart(e)) + eye(),
    "a distance": lambda e: squared(e) + eye(),
    "cubed distances": lambda e: jnp.exp(-(squared(e) ** 1.5)) + eye(),
    "over distances that may be 0": lambda e: 1.0 / squared(e) + eye(),
    "an outer product of two": lambda e: jnp.outer(e["x"], e["y"]) + eye(),
    "of one row": lambda e: e["x"][None, :] * jnp.ones((N, 1)) + eye(),
    "the diagonal beside": lambda e: rbf(e) + jnp.eye(N, k=1),
    "a diagonal of either sign": lambda e: jnp.diag(e["x"]) + rbf(e),
    "where it is not the diagonal": lambda e: jnp.where(jnp.eye(N, dtype=bool), 0.0, 1.0),
}


@pytest.mark.parametrize("name", DEFINITE)
def test_covariances_that_are_definite(name: str) -> None:
    assert claimed(DEFINITE[name]).definite is Definite.POSITIVE


@pytest.mark.parametrize("name", SEMIDEFINITE)
def test_covariances_that_are_semidefinite(name: str) -> None:
    assert claimed(SEMIDEFINITE[name]).definite is Definite.NONNEGATIVE


@pytest.mark.parametrize("name", UNKNOWN)
def test_matrices_that_may_not_be(name: str) -> None:
    assert claimed(UNKNOWN[name]).definite is Definite.UNKNOWN


LEAVES: tuple[Function, ...] = (
    lambda e: jnp.full((N, N), 0.7),
    lambda e: jnp.full((N, N), -1.3),
    lambda e: jnp.exp(e["t"]) * jnp.ones((N, N)),
    lambda e: e["t"] * jnp.ones((N, N)),
    apart,
    lambda e: apart(e, "y"),
    lambda e: e["x"][:, None] - e["y"][None, :],
    squared,
    lambda e: eye(),
    lambda e: jnp.diag(jnp.exp(e["x"])),
    lambda e: jnp.diag(e["x"]),
    lambda e: jnp.outer(e["x"], e["x"]),
    lambda e: jnp.outer(e["x"], e["y"]),
    lambda e: e["p"] @ e["p"].T,
    lambda e: e["p"] @ e["p"][::-1].T,
    lambda e: e["x"][:, None] * jnp.ones((1, N)),
)
UNARY: tuple[Callable[[Any], Any], ...] = (
    jnp.negative,
    jnp.abs,
    jnp.cos,
    jnp.sin,
    jnp.exp,
    jnp.square,
    jnp.sqrt,
    jnp.log1p,
    jax.lax.rsqrt,
    jnp.transpose,
    jnp.tanh,
    lambda a: a**3,
    lambda a: a**-1,
    lambda a: a**0.5,
    lambda a: a**1.5,
    lambda a: a**-0.3,
    lambda a: 0.5 * a,
    lambda a: a / -2.0,
    lambda a: 1.5 / a,
    lambda a: a + 1.0,
    lambda a: jnp.exp(-a),
    lambda a: jnp.sin(a) ** 2,
    lambda a: jnp.stack([a, a + 1.0]).sum(0),
)
BINARY: tuple[Callable[[Any, Any], Any], ...] = (
    jnp.add,
    jnp.subtract,
    jnp.multiply,
    jnp.divide,
)


def _both(f: Any, a: Function, b: Function) -> Function:
    return lambda e: f(a(e), b(e))


def _one(f: Any, a: Function) -> Function:
    return lambda e: f(a(e))


MATRICES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.builds(_one, st.sampled_from(UNARY), inner),
        st.builds(_both, st.sampled_from(BINARY), inner, inner),
        st.builds(lambda f, a: _both(f, a, a), st.sampled_from(BINARY), inner),
    ),
    max_leaves=5,
)
POINTS = st.lists(st.sampled_from([-1.7, -0.4, 0.0, 0.3, 1.1, 2.0]), min_size=N, max_size=N)


def _least(matrix: Any) -> float:
    """The smallest eigenvalue, in units of the matrix; −∞ where it is not symmetric."""
    size = np.abs(matrix).max() + 1e-300
    if np.abs(matrix - matrix.T).max() > 1e-9 * size:
        return -np.inf
    return float(np.linalg.eigvalsh(matrix / size).min())


CENTRED = np.eye(N) - 1.0 / N


def check(fact: Matrix, matrix: Any) -> None:
    """The matrix is what is said of it."""
    if fact.definite > Definite.UNKNOWN:
        assert _least(matrix) > -1e-9
    if fact.rising:
        assert np.abs(matrix - matrix.T).max() <= 1e-9 * (1.0 + np.abs(matrix).max())
        assert _least(CENTRED @ matrix @ CENTRED) > -1e-8 or np.ptp(matrix) < 1e-12
    if fact.falling:
        check(Matrix(rising=True), -matrix)
    if fact.difference:
        check(Matrix(falling=True), matrix**2)
        check(Matrix(falling=True), np.abs(matrix))
    if fact.diagonal:
        assert not np.any(matrix[~np.eye(N, dtype=bool)])


@settings(max_examples=400, deadline=None)
@given(function=MATRICES, x=POINTS, y=POINTS, t=st.sampled_from([-1.2, 0.0, 0.8]))
def test_random_matrices_are_what_is_said_of_them(
    function: Function, x: list[float], y: list[float], t: float
) -> None:
    fact = claimed(function)
    env = {"x": np.array(x), "y": np.array(y), "t": np.float64(t), "s": np.float64(-t)}
    env["p"] = np.stack([env["x"], env["y"]], axis=1)
    with jax.enable_x64(True), np.errstate(all="ignore"):
        matrix = np.asarray(function({name: jnp.asarray(v) for name, v in env.items()}))
    if np.isfinite(matrix).all() and np.abs(matrix).max() < 1e12:
        check(fact, matrix)


def _broadcast(name: str, axes: tuple[int, ...], f: Callable[[Any], Any] = jnp.copy) -> Function:
    return lambda e: jax.lax.broadcast_in_dim(f(e[name]), (N, N, N), axes)


def _gram(subscripts: str) -> Callable[[Any], Any]:
    return lambda a: jnp.einsum(subscripts, a, a)


def _turned(axes: tuple[int, ...]) -> Callable[[Any], Any]:
    return lambda a: jnp.transpose(a, axes)


def _summed(axis: int, axes: tuple[int, ...]) -> Callable[[Any], Any]:
    return lambda a: jax.lax.broadcast_in_dim(a.sum(axis), (N, N, N), axes)


CUBE_LEAVES: tuple[Function, ...] = (
    lambda e: jnp.full((N, N, N), 0.7),
    lambda e: e["q"],
    *(_broadcast("u", (k,)) for k in range(3)),
    *(_broadcast("u", (k,), jnp.exp) for k in range(3)),
    *(_broadcast("p", pair) for pair in PAIRS),
    _broadcast("t", ()),
    *(lambda e, pair=pair: jax.lax.broadcast_in_dim(jnp.eye(N), (N, N, N), pair) for pair in PAIRS),
    *(
        lambda e, pair=pair: jnp.where(
            jax.lax.broadcast_in_dim(jnp.eye(N, dtype=bool), (N, N, N), pair), jnp.exp(e["q"]), 0.0
        )
        for pair in PAIRS
    ),
)
CUBE_UNARY: tuple[Callable[[Any], Any], ...] = (
    *UNARY[:9],
    *map(_turned, [(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]),
    *(_summed(k, pair) for k in range(3) for pair in PAIRS),
    *map(_gram, ["bij,bkj->bik", "bij,bjk->bik", "bji,bjk->bik", "ijb,kjb->bik", "ibj,kbj->bik"]),
    *map(_gram, ["bij,kbj->bik", "bij,bik->bjk", "ibj,ibk->bjk", "ibj,ibk->jbk"]),
)


def _of_one(name: str, pairs: tuple[tuple[int, ...], tuple[int, ...]], f: Any) -> Function:
    return _both(f, *(_broadcast(name, axes) for axes in pairs))


def _beside(name: str, axes: list[tuple[int, ...]]) -> st.SearchStrategy[Function]:
    pair = st.tuples(st.sampled_from(axes), st.sampled_from(axes))
    return st.builds(_of_one, st.just(name), pair, st.sampled_from(BINARY))


STACKED = st.recursive(
    st.one_of(
        st.sampled_from(CUBE_LEAVES), _beside("u", [(0,), (1,), (2,)]), _beside("p", [*PAIRS])
    ),
    lambda inner: st.one_of(
        st.builds(_one, st.sampled_from(CUBE_UNARY), inner),
        st.builds(_both, st.sampled_from(BINARY), inner, inner),
        st.builds(lambda f, a: _both(f, a, a), st.sampled_from(BINARY), inner),
    ),
    max_leaves=4,
)


@settings(max_examples=400, deadline=None)
@given(function=STACKED, seed=st.integers(0, 100))
def test_matrices_over_any_two_axes_are_what_is_said_of_them(function: Function, seed: int) -> None:
    """All axes of one size, so that a rule that mistakes one for another says what is wrong."""
    facts = claims(function, CUBES, PAIRS)
    rng = np.random.default_rng(seed)
    env = {name: rng.normal(size=shape) for name, shape in CUBES.items()}
    with jax.enable_x64(True), np.errstate(all="ignore"):
        values = np.asarray(function({name: jnp.asarray(v) for name, v in env.items()}))
    if not np.isfinite(values).all() or np.abs(values).max() > 1e12:
        return
    for pair, fact in facts.items():
        (others,) = {0, 1, 2} - set(pair)
        for matrix in np.moveaxis(values, others, 0):
            check(fact, matrix)


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.int8, jnp.bfloat16])
def test_an_index_that_its_type_repeats_is_no_diagonal(dtype: Any) -> None:
    def mask(e: Env) -> Any:
        index = jax.lax.iota(dtype, 300)
        return jnp.where(index[:, None] == index[None], jnp.exp(e["t"]), 0.0)

    assert claimed(mask).definite is Definite.UNKNOWN


def _process(kernel: Callable[..., Any]) -> Callable[[Any, Any], None]:
    def model(x: Any, y: Any) -> None:
        variance, length, noise = (
            numpyro.sample(name, nd.LogNormal(0.0, 0.3)) for name in ("variance", "length", "noise")
        )
        covariance = kernel(x, variance, length) + noise * jnp.eye(len(x))
        law = nd.MultivariateNormal(0.0, covariance_matrix=covariance)
        numpyro.sample("y", law, obs=y)

    return model


@pytest.mark.parametrize(
    ("kernel", "wanted"),
    [
        (lambda x, v, s: v * jnp.exp(-0.5 * jnp.power((x[:, None] - x) / s, 2.0)), "pathwise"),
        (lambda x, v, s: v * jnp.cos((x[:, None] - x) / s), "pathwise"),
        (lambda x, v, s: v * jnp.exp(-(((x[:, None] - x) / s) ** 4)), "score"),
    ],
    ids=["squared exponential", "cosine", "of no kernel"],
)
def test_a_gaussian_process_is_pathwise(kernel: Any, wanted: str) -> None:
    x = np.linspace(-1.0, 1.0, 5)
    model = _process(kernel)
    explained = str(rb.ELBO(model, AutoNormal(model)).compile(x, np.sin(x)).explain())
    assert explained.count(f"exp of Normal, {wanted}\n") == 3


def _closing_over(noise: Any, apart: Any | None = None) -> Callable[[Any, Any], None]:
    """A Gaussian process whose function holds its matrix of noise, and maybe its differences."""

    def model(x: Any, y: Any) -> None:
        length, sd = (numpyro.sample(s, nd.LogNormal(0.0, 0.3)) for s in ("length", "sd"))
        differences = x[:, None] - x if apart is None else apart
        covariance = jnp.exp(-((differences / length) ** 2)) + sd * noise
        numpyro.sample("y", nd.MultivariateNormal(0.0, covariance_matrix=covariance), obs=y)

    return model


@pytest.mark.parametrize("number", [1.0, 0.25, 0.0])
def test_a_multiple_of_the_identity_is_known_at_any_size(number: float) -> None:
    """It is the same matrix as a traced one, and definite where the number is above 0."""
    x = np.linspace(-1.0, 1.0, 20)
    made = _closing_over(np.float32(number) * np.eye(20, dtype=np.float32) + 0.0)
    traced = _closing_over(number * jnp.eye(20))
    first, second = (rb.ELBO(m, AutoNormal(m)).compile(x, np.sin(x)) for m in (made, traced))
    pathwise = str(first.explain()).count("exp of Normal, pathwise\n")
    assert pathwise == (2 if number > 0.0 else 0)
    if number > 0.0:
        params = first.init(0)
        assert first.value(params, 1) == pytest.approx(float(second.value(params, 1)), rel=1e-5)


@pytest.mark.parametrize("beside", [0.0, 0.1])
def test_a_matrix_with_more_beside_its_diagonal_is_none(beside: float) -> None:
    noise = (np.eye(20) + beside * (np.eye(20, k=1) + np.eye(20, k=-1))).astype(np.float32)
    x, model = np.linspace(-1.0, 1.0, 20), _closing_over(noise)
    module: Any = rb.ELBO(model, AutoNormal(model)).compile(x, np.sin(x)).ir(1)
    (function,) = [
        op for op in module.walk() if isinstance(op, prob.FuncOp) and op.sym_name.data == "model"
    ]
    assert len(function.arguments(prob.ClosureAttr)) == (beside > 0.0)


def test_a_closed_over_diagonal_is_known_and_closed_over_differences_are_not() -> None:
    x, noise = np.linspace(-1.0, 1.0, 5), np.diag([1.0, 2.0, 3.0, 2.0, 1.0])
    for apart, wanted in ((None, "pathwise"), (x[:, None] - x, "score")):
        model = _closing_over(noise, apart)
        explained = str(rb.ELBO(model, AutoNormal(model)).compile(x, np.sin(x)).explain())
        assert explained.count(f"exp of Normal, {wanted}\n") == 2


def test_factors_that_are_drawn_and_inverted_are_pathwise() -> None:
    """Triangular systems in a factor of a draw, in a draw of factors, in one with a unit diagonal."""
    solve = jax.scipy.linalg.solve_triangular

    def model() -> None:
        lower: Any = rb.sample("lower", nd.LKJCholesky(3, 1.0))
        c: Any = rb.sample("c", nd.LKJ(3, 1.0))
        total = jnp.sum(solve(lower, jnp.ones(3), lower=True))
        total += jnp.sum(solve(jnp.linalg.cholesky(c), jnp.ones(3), lower=True))
        total += jnp.sum(solve(c, jnp.ones(3), lower=True, unit_diagonal=True))
        total += jnp.sum(jnp.linalg.cholesky(lower @ lower.T))
        rb.factor("f", -total)

    explained = str(rb.ELBO(model, AutoNormal(model)).compile().explain())
    assert explained.count("pathwise\n") == 2


def test_a_triangle_whose_diagonal_may_be_0_is_scored() -> None:
    def model() -> None:
        z: Any = rb.sample("z", nd.Normal(jnp.zeros(2), 1.0).to_event(1))
        matrix = jnp.diag(z) + jnp.array([[0.0, 0.0], [1.0, 0.0]])
        x = jax.scipy.linalg.solve_triangular(matrix, jnp.ones(2), lower=True)
        rb.factor("f", jnp.sum(jnp.cos(x)))

    explained = str(rb.ELBO(model, AutoNormal(model)).compile().explain())
    assert "in a triangle whose diagonal is not proved positive, inverted by lax." in explained
