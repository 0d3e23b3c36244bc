"""The ELBO and its pathwise gradient by NumPyro's own log densities, at our program's draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from numpyro import handlers
from numpyro.infer.util import compute_log_probs

from relbo_ir.dialects import prob
from relbo_ir.objective import Objective


def drawn_sites(objective: Objective) -> set[str]:
    """The names of the choices and of the plates with a minibatch."""
    names: set[str] = set()
    for op in objective.ir(2).walk():
        if isinstance(op, prob.SampleOp):
            names.add(op.site.data)
        elif isinstance(op, prob.SubsampleOp):
            names.add(op.plate.string_value())
    return names


def trees(parameters: Mapping[str, Any], shapes: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with those that are trees put together again; `shapes` holds the trees."""
    from relbo_ir.lowering.numpyro_protocol import leaf_name

    whole = dict(parameters)
    for name, tree in shapes.items():
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
    seeded = handlers.seed(handlers.substitute(guide, data={**params, **draws}), 0)
    guide_terms, guide_trace = compute_log_probs(seeded, args, {}, dict(params))
    seeded = handlers.seed(handlers.substitute(model, substitute_fn=_minibatch(draws)), 1)
    replayed = handlers.replay(seeded, guide_trace)
    model_terms, _ = compute_log_probs(replayed, args, {}, dict(params))
    return sum(model_terms.values()) - sum(guide_terms.values())


def _minibatch(draws: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Gives a plate its minibatch, where one was drawn."""
    return lambda site: draws.get(site["name"]) if site["type"] == "plate" else None


def reference(
    objective: Objective,
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    unconstrained: Mapping[str, Any],
    key: jax.Array,
    shapes: Mapping[str, Any] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """NumPyro's ELBO at our draws, and its derivative through them."""
    program = objective.variant("draws")
    data = objective.data_for(program)
    names = drawn_sites(objective)

    def elbo(u: Mapping[str, Any]) -> Any:
        draws = {k: v for k, v in program.plain(u, key, data).items() if k in names}
        params = trees(objective.constrain(u), shapes or {})
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
