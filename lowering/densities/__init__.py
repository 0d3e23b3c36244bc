"""Log densities of the families; importing a module registers its own."""

from relbo_ir.lowering.densities import commonest, continuous, counts, multivariate
from relbo_ir.lowering.densities.commonest import DENSITIES
from relbo_ir.lowering.densities.multivariate import TRACED

__all__ = ["DENSITIES", "TRACED", "commonest", "continuous", "counts", "multivariate"]
