"""What xDSL's tools find: our dialects and passes, each imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from xdsl.universe import Universe

DIALECTS: dict[str, str] = {
    "dist": "relbo_ir.dialects.dist:Dist",
    "estim": "relbo_ir.dialects.estim:Estim",
    "lax": "relbo_ir.dialects.lax:Lax",
    "prob": "relbo_ir.dialects.prob:Prob",
    "rng": "relbo_ir.dialects.rng:Rng",
}
PASSES: dict[str, str] = {
    "relbo-assign-estimators": "relbo_ir.passes.assign_estimators:AssignEstimatorsPass",
    "relbo-baseline": "relbo_ir.passes.baseline:BaselinePass",
    "relbo-canonicalize": "relbo_ir.passes.canonicalize:CanonicalizePass",
    "relbo-differentiate": "relbo_ir.lowering.differentiate:DifferentiatePass",
    "relbo-disarm": "relbo_ir.passes.disarm:DisarmPass",
    "relbo-drop-zero-score": "relbo_ir.passes.drop_zero_score:DropZeroScorePass",
    "relbo-expand-densities": "relbo_ir.lowering.expand_densities:ExpandDensitiesPass",
    "relbo-externalize-draws": "relbo_ir.passes.externalize_draws:ExternalizeDrawsPass",
    "relbo-form-elbo": "relbo_ir.passes.form_elbo:FormElboPass",
    "relbo-importance-weighted": "relbo_ir.passes.importance_weighted:ImportanceWeightedPass",
    "relbo-lower-estimators": "relbo_ir.passes.lower_estimators:LowerEstimatorsPass",
    "relbo-lower-sampling": "relbo_ir.passes.lower_sampling:LowerSamplingPass",
    "relbo-merge-scores": "relbo_ir.passes.merge_scores:MergeScoresPass",
    "relbo-pathwise": "relbo_ir.passes.pathwise:PathwisePass",
    "relbo-predict": "relbo_ir.passes.predict:PredictPass",
    "relbo-raise-idioms": "relbo_ir.passes.raise_idioms:RaiseIdiomsPass",
    "relbo-rao-blackwellize": "relbo_ir.passes.rao_blackwellize:RaoBlackwellizePass",
    "relbo-report": "relbo_ir.passes.report:ReportPass",
    "relbo-score-function": "relbo_ir.passes.score_function:ScoreFunctionPass",
    "relbo-split-addends": "relbo_ir.passes.split_addends:SplitAddendsPass",
    "relbo-unconstrain-params": "relbo_ir.lowering.unconstrain_params:UnconstrainParamsPass",
}


def _lazy(path: str) -> Callable[[], Any]:
    module, _, name = path.partition(":")
    return lambda: getattr(import_module(module), name)


RELBO_UNIVERSE = Universe(
    all_dialects={name: _lazy(path) for name, path in DIALECTS.items()},
    all_passes={name: _lazy(path) for name, path in PASSES.items()},
)
"""Our dialects and passes, for the entry point `xdsl.universe`."""
