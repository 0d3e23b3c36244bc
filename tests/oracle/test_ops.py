"""The oracle's ops against NumPy, and their derivatives against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from oracle import parse_module
from oracle.dual import Array, Dual
from oracle.elementwise import BINARY, UNARY, binary, unary
from oracle.machine import Machine

POINTS = np.array([0.13, 0.42, 0.77])
SMOOTH = [s for s in UNARY if s not in ("logical_not", "acosh")]


@pytest.mark.parametrize("short", SMOOTH)
def test_derivatives_of_one_operand(short: str) -> None:
    points, step = POINTS[np.newaxis], 1e-6
    moved = unary(short, Dual(points, np.ones((1, 1, 3))))
    high, low = unary(short, Dual(points + step)).value, unary(short, Dual(points - step)).value
    slope = np.zeros((1, 1, 3)) if moved.tangent is None else moved.tangent
    np.testing.assert_allclose(slope[0], (high - low) / (2 * step), rtol=1e-6, atol=1e-8)


DISCRETE = ("nextafter", "logical", "shift", "polygamma", "zeta")


@pytest.mark.parametrize("short", [s for s in BINARY if not s.startswith(DISCRETE)])
def test_derivatives_of_two_operands(short: str) -> None:
    x, y, step = POINTS[np.newaxis] + 0.05, POINTS[np.newaxis, ::-1], 1e-6
    one = np.ones((1, 1, 3))
    for first in (True, False):
        if first and short in ("igamma", "igammac"):
            with pytest.raises(NotImplementedError, match="no closed form"):
                binary(short, Dual(x, one), Dual(y))
            continue
        moved = binary(short, Dual(x, one if first else None), Dual(y, None if first else one))
        d = (step, 0.0) if first else (0.0, step)
        high = binary(short, Dual(x + d[0]), Dual(y + d[1])).value
        low = binary(short, Dual(x - d[0]), Dual(y - d[1])).value
        slope = np.zeros((1, 1, 3)) if moved.tangent is None else moved.tangent
        np.testing.assert_allclose(slope[0], (high - low) / (2 * step), rtol=1e-6, atol=1e-8)


def _evaluate(body: str, result: str, x: Array, direction: Array | None = None) -> Dual:
    """%r of a body that reads %x, a 2 by 3 matrix, and the table's rows %i."""
    module = parse_module(f"""
    func.func @f(%x: tensor<2x3xf64>, %i: tensor<2x1xi32>) -> {result} {{
      {body}
      func.return %r : {result}
    }}""")
    tangent = None if direction is None else direction[np.newaxis, np.newaxis]
    rows = Dual(np.array([[[1], [0]]]))
    return Machine(module).call("f", [Dual(x[np.newaxis], tangent), rows])[0]


M, V = "tensor<2x3xf64>", "tensor<2xf64>"
C, H = "tensor<2x3xcomplex<f64>>", "tensor<2x2xcomplex<f64>>"
CASES: dict[str, tuple[str, str, Callable[[Array], Array]]] = {
    "transpose": (
        f"%r = lax.transpose %x {{permutation = array<i64: 1, 0>}} : ({M}) -> tensor<3x2xf64>",
        "tensor<3x2xf64>",
        np.transpose,
    ),
    "concatenate": (
        f"%r = lax.concatenate %x, %x {{dimension = 1 : i64}} : ({M}, {M}) -> tensor<2x6xf64>",
        "tensor<2x6xf64>",
        lambda x: np.concatenate([x, x], axis=1),
    ),
    "pad": (
        f"""%v = lax.constant "0.5" : tensor<f64>
        %r = lax.pad %x, %v {{low = array<i64: 1, 0>, high = array<i64: 0, 2>, interior = array<i64: 0, 0>}} : ({M}, tensor<f64>) -> tensor<3x5xf64>""",
        "tensor<3x5xf64>",
        lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=0.5),
    ),
    "slice": (
        f"%r = lax.slice %x {{start = array<i64: 0, 0>, limit = array<i64: 2, 3>, strides = array<i64: 1, 2>}} : ({M}) -> tensor<2x2xf64>",
        "tensor<2x2xf64>",
        lambda x: x[:, ::2],
    ),
    "split": (
        f"%q, %r = lax.split %x {{sizes = array<i64: 1, 2>, axis = 1 : i64}} : ({M}) -> (tensor<2x1xf64>, tensor<2x2xf64>)",
        "tensor<2x2xf64>",
        lambda x: x[:, 1:],
    ),
    "unstack": (
        f"%q, %r = lax.unstack %x {{axis = 0 : i64}} : ({M}) -> (tensor<3xf64>, tensor<3xf64>)",
        "tensor<3xf64>",
        lambda x: x[1],
    ),
    "reduce_prod": (
        f"%r = lax.reduce_prod %x {{axes = array<i64: 1>}} : ({M}) -> {V}",
        V,
        lambda x: np.prod(x, axis=1),
    ),
    "reduce_max": (
        f"%r = lax.reduce_max %x {{axes = array<i64: 1>}} : ({M}) -> {V}",
        V,
        lambda x: np.max(x, axis=1),
    ),
    "logsumexp": (
        f"%r = lax.logsumexp %x {{axes = array<i64: 1>}} : ({M}) -> {V}",
        V,
        lambda x: np.log(np.sum(np.exp(x), axis=1)),
    ),
    "cumprod": (
        f"%r = lax.cumprod %x {{axis = 1 : i64, reverse = true}} : ({M}) -> {M}",
        M,
        lambda x: np.cumprod(x[:, ::-1], axis=1)[:, ::-1],
    ),
    "cumlogsumexp": (
        f"%r = lax.cumlogsumexp %x {{axis = 1 : i64, reverse = false}} : ({M}) -> {M}",
        M,
        lambda x: np.log(np.cumsum(np.exp(x), axis=1)),
    ),
    "cummax": (
        f"%r = lax.cummax %x {{axis = 1 : i64, reverse = false}} : ({M}) -> {M}",
        M,
        lambda x: np.maximum.accumulate(x, axis=1),
    ),
    "sort": (
        f"%r = lax.sort %x {{dimension = 1 : i64, is_stable = true, num_keys = 1 : i64}} : ({M}) -> {M}",
        M,
        lambda x: np.sort(x, axis=1),
    ),
    "dot_general": (
        f"%r = lax.dot_general %x, %x {{x_batch = array<i64: 0>, y_batch = array<i64: 0>, x_contract = array<i64: 1>, y_contract = array<i64: 1>}} : ({M}, {M}) -> {V}",
        V,
        lambda x: np.sum(x * x, axis=1),
    ),
    "conv_general_dilated": (
        f"""%rows = lax.reshape %x : ({M}) -> tensor<2x1x3xf64>
        %kernel = lax.slice %rows {{start = array<i64: 1, 0, 0>, limit = array<i64: 2, 1, 2>, strides = array<i64: 1, 1, 1>}} : (tensor<2x1x3xf64>) -> tensor<1x1x2xf64>
        %wide = lax.conv_general_dilated %rows, %kernel {{lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 0>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64}} : (tensor<2x1x3xf64>, tensor<1x1x2xf64>) -> tensor<2x1x3xf64>
        %r = lax.reshape %wide : (tensor<2x1x3xf64>) -> {M}""",
        M,
        lambda x: np.stack([np.convolve(row, x[1, 1::-1])[:3] for row in x]),
    ),
    "fft": (
        f"""%c = lax.complex %x, %x : ({M}, {M}) -> {C}
        %d = lax.fft %c {{kind = "FFT", lengths = array<i64: 3>}} : ({C}) -> {C}
        %e = lax.mul %d, %d : {C}
        %r = lax.imag %e : ({C}) -> {M}""",
        M,
        lambda x: np.imag(np.fft.fft(x + 1j * x) ** 2),
    ),
    "ifft in two axes": (
        f"""%z = lax.convert %x : ({M}) -> {C}
        %d = lax.fft %z {{kind = "IFFT", lengths = array<i64: 2, 3>}} : ({C}) -> {C}
        %r = lax.real %d : ({C}) -> {M}""",
        M,
        lambda x: np.real(np.fft.ifft2(x)),
    ),
    "rfft and back": (
        f"""%d = lax.fft %x {{kind = "RFFT", lengths = array<i64: 3>}} : ({M}) -> {H}
        %e = lax.square %d : {H}
        %r = lax.fft %e {{kind = "IRFFT", lengths = array<i64: 3>}} : ({H}) -> {M}""",
        M,
        lambda x: np.fft.irfft(np.fft.rfft(x) ** 2, 3),
    ),
    **{
        f"scatter_{short}": (
            f'%r = lax.scatter_{short} %x, %i, %x {{update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = true, mode = "fill"}} : ({M}, tensor<2x1xi32>, {M}) -> {M}',
            M,
            truth,
        )
        for short, truth in {
            "sub": lambda x: x - x[::-1],
            "mul": lambda x: x * x[::-1],
            "min": lambda x: np.minimum(x, x[::-1]),
            "max": lambda x: np.maximum(x, x[::-1]),
        }.items()
    },
    "gather": (
        f'%r = lax.gather %x, %i {{offset_dims = array<i64: 1>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 3>, indices_are_sorted = false, unique_indices = false, mode = "fill"}} : ({M}, tensor<2x1xi32>) -> {M}',
        M,
        lambda x: x[[1, 0]],
    ),
    "scatter_add": (
        f'%r = lax.scatter_add %x, %i, %x {{update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"}} : ({M}, tensor<2x1xi32>, {M}) -> {M}',
        M,
        lambda x: x + x[::-1],
    ),
    "dynamic_update_slice": (
        f"""%n = lax.constant "9" : tensor<i32>
        %o = lax.constant "0" : tensor<i32>
        %u = lax.slice %x {{start = array<i64: 0, 0>, limit = array<i64: 2, 1>, strides = array<i64: 1, 1>}} : ({M}) -> tensor<2x1xf64>
        %r = lax.dynamic_update_slice %x, %u, %o, %n : ({M}, tensor<2x1xf64>, tensor<i32>, tensor<i32>) -> {M}""",
        M,
        lambda x: np.concatenate([x[:, :2], x[:, :1]], axis=1),
    ),
    "cholesky": (
        f"""%y = lax.dot_general %x, %x {{x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1>, y_contract = array<i64: 1>}} : ({M}, {M}) -> tensor<2x2xf64>
        %r = lax.cholesky %y : (tensor<2x2xf64>) -> tensor<2x2xf64>""",
        "tensor<2x2xf64>",
        lambda x: np.linalg.cholesky(x @ x.T),
    ),
    "triangular_solve": (
        f"""%y = lax.dot_general %x, %x {{x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1>, y_contract = array<i64: 1>}} : ({M}, {M}) -> tensor<2x2xf64>
        %r = lax.triangular_solve %y, %x {{left_side = true, lower = true, transpose_a = true, unit_diagonal = false}} : (tensor<2x2xf64>, {M}) -> {M}""",
        M,
        lambda x: np.linalg.solve(np.tril(x @ x.T).T, x),
    ),
    "triangular_solve of a unit diagonal": (
        f"""%y = lax.slice %x {{start = array<i64: 0, 0>, limit = array<i64: 2, 2>, strides = array<i64: 1, 1>}} : ({M}) -> tensor<2x2xf64>
        %r = lax.triangular_solve %y, %y {{left_side = false, lower = false, transpose_a = false, unit_diagonal = true}} : (tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>""",
        "tensor<2x2xf64>",
        lambda x: x[:, :2] @ np.linalg.inv(np.eye(2) + np.triu(x[:, :2], 1)),
    ),
    "clamp": (
        f"""%l = lax.constant "-0.5" : tensor<f64>
        %h = lax.constant "0.4" : tensor<f64>
        %r = lax.clamp %l, %x, %h : (tensor<f64>, {M}, tensor<f64>) -> {M}""",
        M,
        lambda x: np.clip(x, -0.5, 0.4),
    ),
    "integer_pow": (
        f"%r = lax.integer_pow %x {{exponent = -2 : i64}} : ({M}) -> {M}",
        M,
        lambda x: x**-2.0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_ops_that_move_and_combine_elements(name: str) -> None:
    body, result, truth = CASES[name]
    x = np.array([[0.31, -0.72, 1.13], [0.94, 0.25, -1.56]])
    direction = np.array([[1.0, -2.0, 0.5], [0.3, 1.7, -0.4]])
    moved = _evaluate(body, result, x, direction)
    np.testing.assert_allclose(moved.value[0], truth(x), rtol=1e-13)
    step = 1e-6
    slope = (truth(x + step * direction) - truth(x - step * direction)) / (2 * step)
    tangent = np.zeros(1) if moved.tangent is None else moved.tangent[0, 0]
    np.testing.assert_allclose(tangent, slope, rtol=1e-7, atol=1e-8)


CALLS = """
func.func @step(%k: tensor<f64>, %c: tensor<f64>, %x: tensor<f64>) -> (tensor<f64>, tensor<f64>) {
  %a = lax.mul %k, %c : tensor<f64>
  %b = lax.add %a, %x : tensor<f64>
  func.return %b, %a : tensor<f64>, tensor<f64>
}
func.func @loop(%k: tensor<f64>, %c: tensor<f64>, %xs: tensor<3xf64>) -> tensor<f64> {
  %r, %ys = lax.scan @step(%k, %c, %xs) {num_consts = 1 : i64, num_carry = 1 : i64, length = 3 : i64, reverse = false, unroll = 1 : i64} : (tensor<f64>, tensor<f64>, tensor<3xf64>) -> (tensor<f64>, tensor<3xf64>)
  func.return %r : tensor<f64>
}
func.func @double(%i: tensor<i32>, %x: tensor<f64>) -> tensor<f64> {
  %r = lax.add %x, %x : tensor<f64>
  func.return %r : tensor<f64>
}
func.func @square(%i: tensor<i32>, %x: tensor<f64>) -> tensor<f64> {
  %r = lax.square %x : tensor<f64>
  func.return %r : tensor<f64>
}
func.func @branch(%i: tensor<i32>, %x: tensor<f64>) -> tensor<f64> {
  %r = lax.cond %i, [@double, @square](%i, %x) : (tensor<i32>, tensor<i32>, tensor<f64>) -> tensor<f64>
  func.return %r : tensor<f64>
}
func.func @small(%x: tensor<f64>) -> tensor<i1> {
  %k = lax.constant "9.0" : tensor<f64>
  %r = lax.lt %x, %k : tensor<f64> -> tensor<i1>
  func.return %r : tensor<i1>
}
func.func @twice(%x: tensor<f64>) -> tensor<f64> {
  %r = lax.add %x, %x : tensor<f64>
  func.return %r : tensor<f64>
}
func.func @until(%x: tensor<f64>) -> tensor<f64> {
  %r = lax.while cond @small body @twice(%x) {cond_consts = 0 : i64, body_consts = 0 : i64} : (tensor<f64>) -> tensor<f64>
  func.return %r : tensor<f64>
}
func.func @rule(%i: tensor<i32>, %x: tensor<f64>, %t: tensor<f64>) -> (tensor<f64>, tensor<f64>) {
  %r = lax.square %x : tensor<f64>
  %d = lax.mul %r, %t : tensor<f64>
  func.return %r, %d : tensor<f64>, tensor<f64>
}
func.func @custom(%i: tensor<i32>, %x: tensor<f64>) -> tensor<f64> {
  %r = lax.custom_jvp @square rule @rule(%i, %x) : (tensor<i32>, tensor<f64>) -> tensor<f64>
  func.return %r : tensor<f64>
}
"""


def test_loops_branches_and_custom_derivatives() -> None:
    machine = Machine(parse_module(CALLS))
    k, c = Dual(np.array([0.5]), np.array([[1.0]])), Dual(np.array([2.0]))
    looped = machine.call("loop", [k, c, Dual(np.array([[1.0, 2.0, 3.0]]))])[0]
    assert looped.value[0] == pytest.approx(2 * 0.5**3 + 0.5**2 + 2 * 0.5 + 3)
    assert looped.tangent is not None
    assert looped.tangent[0, 0] == pytest.approx(6 * 0.5**2 + 2 * 0.5 + 2)
    index, x = Dual(np.array([0, 1, 7])), Dual(np.array([1.5, 2.5, 3.5]), np.ones((1, 3)))
    chosen = machine.call("branch", [index, x])[0]
    np.testing.assert_allclose(chosen.value, [3.0, 6.25, 12.25])
    grown = machine.call("until", [x])[0]
    np.testing.assert_allclose(grown.value, [12.0, 10.0, 14.0])
    assert grown.tangent is not None
    np.testing.assert_allclose(grown.tangent[0], [8.0, 4.0, 4.0])
    custom = machine.call("custom", [index, x])[0]
    assert custom.tangent is not None
    np.testing.assert_allclose(custom.tangent[0], x.value**2)


def test_an_op_without_semantics_is_named() -> None:
    body = '%r = lax.bind "cholesky"(%x) {parameters = {}} : (tensor<2x3xf64>) -> tensor<2x3xf64>'
    with pytest.raises(NotImplementedError, match=r"lax\.bind"):
        _evaluate(body, M, np.ones((2, 3)))
