"""Random convolutions: of one or two spatial axes, with all that may be said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from hypothesis import strategies as st

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Convolution:
    """A convolution of arrays of these shapes."""

    lhs: Shape
    rhs: Shape
    options: dict[str, Any]

    def __call__(self, x: Any, kernel: Any) -> jax.Array:
        return jax.lax.conv_general_dilated(x, kernel, **self.options)


@st.composite
def convolutions(draw: st.DrawFn) -> Convolution:
    """Legal ones, of few elements each."""
    space = draw(st.integers(1, 2))
    by_feature, by_row = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (3, 1), (1, 2), (1, 3)]))

    def numbers(low: int, high: int) -> list[int]:
        return [draw(st.integers(low, high)) for _ in range(space)]

    read = draw(st.integers(1, 2))
    kernels = draw(st.integers(1, 2)) * by_feature * by_row
    lhs = [draw(st.integers(1, 2)) * by_row, read * by_feature, *numbers(1, 5)]
    rhs = [kernels, read, *numbers(1, 3)]
    specs = [tuple(draw(st.permutations(range(space + 2)))) for _ in range(3)]
    padding = [
        (draw(st.integers(-1, 4)), draw(st.integers(max(0, 2 - n), 4))) for n in lhs[2:]
    ]  # what is cropped is there
    options = {
        "window_strides": tuple(numbers(1, 3)),
        "padding": tuple(padding),
        "lhs_dilation": tuple(numbers(1, 3)),
        "rhs_dilation": tuple(numbers(1, 3)),
        "dimension_numbers": jax.lax.ConvDimensionNumbers(*specs),
        "feature_group_count": by_feature,
        "batch_group_count": by_row,
    }
    return Convolution(_placed(lhs, specs[0]), _placed(rhs, specs[1]), options)


def _placed(sizes: list[int], spec: Shape) -> Shape:
    """The sizes where the axes are that a specification names for them."""
    return tuple(sizes[spec.index(k)] for k in range(len(spec)))
