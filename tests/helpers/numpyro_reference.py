"""The ELBO and its pathwise gradient by NumPyro's own log densities, at our program's draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.infer.util import compute_log_probs
from numpyro.primitives import Messenger

from relbo_ir.lowering.site_values import leaf_name
from relbo_ir.objective import Objective

DRAWS = (
    "objective",
    "relbo-report{minibatches=true}",
    "relbo-lower-sampling",
    "relbo-canonicalize",
    "cse",
)
"""The choices, the named values and the minibatches."""


def parameter_trees(
    model: Callable[..., Any], guide: Callable[..., Any], args: tuple[Any, ...]
) -> dict[str, Any]:
    """The parameters that are trees of arrays, by name."""
    guide_trace = handlers.trace(handlers.seed(guide, 0)).get_trace(*args)
    replayed = handlers.replay(handlers.seed(model, 1), guide_trace)
    model_trace = handlers.trace(replayed).get_trace(*args)
    values = {
        name: site["value"]
        for name, site in {**guide_trace, **model_trace}.items()
        if site["type"] == "param"
    }
    return {n: v for n, v in values.items() if not jax.tree_util.all_leaves([v])}


def put_together(parameters: Mapping[str, Any], trees: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with the trees among them put together again."""
    whole = dict(parameters)
    for name, tree in trees.items():
        paths, structure = jax.tree_util.tree_flatten_with_path(tree)
        leaves = [whole.pop(leaf_name(name, path), leaf) for path, leaf in paths]
        whole[name] = jax.tree.unflatten(structure, leaves)
    return whole


def numpyro_elbo(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    params: Mapping[str, Any],
    draws: Mapping[str, Any],
) -> Any:
    """NumPyro's `Trace_ELBO` of one particle whose draws are given."""
    seeded = handlers.seed(_Given(guide, draws), 0)
    guide_terms, guide_trace = compute_log_probs(seeded, args, {}, dict(params))
    replayed = handlers.replay(handlers.seed(_Given(model, draws), 1), guide_trace)
    model_terms, _ = compute_log_probs(replayed, args, {}, dict(params))
    return sum(model_terms.values()) - sum(guide_terms.values())


class _Given(Messenger):
    """Gives choices and minibatches their values; a flow gets its base draw, as it samples."""

    def __init__(self, fn: Callable[..., Any], draws: Mapping[str, Any]):
        super().__init__(fn)
        self.draws = draws

    def process_message(self, msg: Any) -> None:
        name, value = msg.get("name"), msg.get("value")
        if msg["type"] == "plate" and name in self.draws:
            msg["value"] = self.draws[name]
        if msg["type"] != "sample" or value is not None or type(msg["fn"]) is dist.Delta:
            return
        base = self.draws.get(f"{name}_base")
        if base is not None and isinstance(msg["fn"], dist.TransformedDistribution):
            intermediates: list[Any] = []
            for transform in msg["fn"].transforms:
                before = base
                base, inner = transform.call_with_intermediates(before)
                intermediates.append([before, inner])
            msg["value"], msg["intermediates"] = base, intermediates
        elif name in self.draws:
            msg["value"] = self.draws[name]


def reference(
    objective: Objective,
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    unconstrained: Mapping[str, Any],
    key: jax.Array,
) -> tuple[Any, dict[str, Any]]:
    """NumPyro's ELBO at our draws, and its derivative through them."""
    program = objective.variant(DRAWS)
    data = objective.data_for(program)
    has_trees = any("$params/" in name for name in unconstrained)
    trees = parameter_trees(model, guide, args) if has_trees else {}

    def elbo(u: Mapping[str, Any]) -> Any:
        draws = program.plain(u, key, data)
        params = put_together(objective.constrain(u), trees)
        return numpyro_elbo(model, guide, args, params, draws)

    return jax.value_and_grad(elbo)(dict(unconstrained))


def assert_equal(ours: tuple[Any, Any], theirs: tuple[Any, Any], tolerance: float = 1e-9) -> None:
    """Value and every gradient agree to the tolerance, relative to the largest element."""
    np.testing.assert_allclose(ours[0], theirs[0], rtol=tolerance)
    assert set(ours[1]) == set(theirs[1])
    for name, gradient in ours[1].items():
        scale = max(1.0, float(np.max(np.abs(theirs[1][name]), initial=0.0)))
        np.testing.assert_allclose(
            gradient, theirs[1][name], atol=tolerance * scale, rtol=0, err_msg=name
        )
