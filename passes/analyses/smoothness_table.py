"""How smooth deterministic ops are, by name, and what is said of those that are not."""

from __future__ import annotations

SMOOTH_OPS = {
    f"lax.{short}"
    for short in [
        "neg",
        "exp",
        "exp2",
        "expm1",
        "sin",
        "cos",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "atan",
        "square",
        "logistic",
        "softplus",
        "erf",
        "erfc",
        "add",
        "sub",
        "mul",
        "logaddexp",
        "copy",
        "log_ndtr",
        "bessel_i0e",
        "bessel_i1e",
    ]
} | {
    "lax.broadcast_in_dim",
    "lax.reshape",
    "lax.transpose",
    "lax.squeeze",
    "lax.concatenate",
    "lax.stack",
    "lax.unstack",
    "lax.split",
    "lax.slice",
    "lax.pad",
    "lax.rev",
    "lax.reduce_sum",
    "lax.reduce_prod",
    "lax.logsumexp",
    "lax.cumsum",
    "lax.cumprod",
    "lax.cumlogsumexp",
    "lax.dot_general",
    "lax.conv_general_dilated",
    "lax.fft",
    "lax.real",
    "lax.imag",
    "lax.complex",
    "estim.log_mean_exp",
    "estim.score",
    "estim.joint",
}
ON_COMPLEX = {
    f"lax.{short}"
    for short in [
        "add",
        "broadcast_in_dim",
        "complex",
        "concatenate",
        "conv_general_dilated",
        "convert",
        "copy",
        "cos",
        "cosh",
        "cumprod",
        "cumsum",
        "div",
        "dot_general",
        "dynamic_slice",
        "dynamic_update_slice",
        "exp",
        "fft",
        "gather",
        "imag",
        "integer_pow",
        "mul",
        "neg",
        "pad",
        "real",
        "reduce_prod",
        "reduce_sum",
        "reshape",
        "rev",
        "scatter",
        "scatter_add",
        "scatter_mul",
        "scatter_sub",
        "select_n",
        "sin",
        "sinh",
        "slice",
        "split",
        "square",
        "squeeze",
        "stack",
        "sub",
        "transpose",
        "triangular_solve",
        "unstack",
    ]
}
"""
What treats complex numbers as it treats real ones. Others are cut there, as log is, have poles, as
tanh has, or put the numbers in an order, as max does.
"""
LIPSCHITZ_OPS = {
    f"lax.{short}"
    for short in ["abs", "max", "min", "clamp", "reduce_max", "reduce_min", "cummax", "cummin"]
}
NEEDS_POSITIVE: dict[str, tuple[int, ...]] = {
    "lax.log": (0,),
    "lax.sqrt": (0,),
    "lax.rsqrt": (0,),
    "lax.cbrt": (0,),
    "lax.div": (1,),
    "lax.lgamma": (0,),
    "lax.digamma": (0,),
    "lax.xlogy": (1,),
    "lax.betaln": (0, 1),
}
"""Smooth where these operands, if they depend on the draw, are proved positive."""


WORDS = {
    **{f"lax.{c}": "compared" for c in ("eq", "ne", "lt", "le", "gt", "ge", "is_finite")},
    **{
        f"lax.{r}": "rounded"
        for r in ("floor", "ceil", "round_half_even", "round_half_away", "sign")
    },
    "lax.cholesky": "in a matrix that is not proved positive definite, factored",
    "lax.triangular_solve": "in a triangle whose diagonal is not proved positive, inverted",
    "lax.convert": "converted to integers",
    "lax.sort": "sorted",
    "lax.argmax": "turned into an index",
    "lax.argmin": "turned into an index",
    "lax.stop_gradient": "hidden from the derivative",
    "lax.while": "read by a loop of so many steps as it takes, which has no derivative in reverse,",
    "lax.bind": "read by an operation without a rule",
}
