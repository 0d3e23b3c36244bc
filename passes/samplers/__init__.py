"""How draws of each law are written as functions of noise: a module for each kind of law."""

from xdsl.ir import SSAValue

from relbo_ir.dialects import prob
from relbo_ir.passes.draws import Drawer, NoiseSource, prob_shape
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.samplers import continuous, counts, multivariate, wrappers

__all__ = ["antithetic_pair", "continuous", "counts", "draw", "multivariate", "wrappers"]


def draw(choice: prob.SampleOp | prob.DrawOp, writer: Writer, source: NoiseSource) -> SSAValue:
    """Writes a choice's draw from a source of noise."""
    return Drawer(choice, writer, source, prob_shape(choice.law)).draw(choice.law).value


def antithetic_pair(
    choice: prob.SampleOp, writer: Writer, source: NoiseSource
) -> tuple[SSAValue, SSAValue]:
    """Writes a Bernoulli choice's draw and its antithetic twin from one tensor of noise."""
    drawer = Drawer(choice, writer, source, prob_shape(choice.law))
    draw, twin = counts.bernoulli_pair(drawer)
    return draw.value, twin.value
