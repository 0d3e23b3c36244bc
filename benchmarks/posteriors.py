"""
Fits of the real posteriors by mean-field and full-rank guides, beside their references and NumPyro's
SVI, as a page of the docs.

Every fit is a process of its own: float64, the same guide, start, schedule and draws a step for
both. Means and sds are of the unconstrained coordinates. What a fit cannot do (a guide that
diverges) is in the table as it is. `RELBO_POSTERIORS` names the folder of the references.

    python benchmarks/posteriors.py [--output docs/posteriors.md] [POSTERIOR ...]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

OURS, NUMPYRO = "relbo-ir", "numpyro"
GUIDES = ("mean-field", "full-rank")
STEPS, PARTICLES, STEP_SIZE, LARGEST = 10_000, 4, 0.05, 100.0
DRAWS, MOMENT_DRAWS = 4_000, 40_000
_ROWS = 12
"""Coordinates that a posterior shows one by one."""


def _known(name: str) -> Any:
    from posteriors import PROBLEMS
    from posteriors.reference import ENVIRONMENT, Posterior

    if ENVIRONMENT not in os.environ:
        raise SystemExit(f"{ENVIRONMENT} is not set: it names the folder of the posteriors")
    return Posterior(Path(os.environ[ENVIRONMENT]) / name, PROBLEMS[name])


def one_fit(contestant: str, name: str, guide: str) -> dict[str, Any]:
    """A fit in this process: its moments, ELBO and error (nats), k-hat, and seconds from import."""
    start = time.perf_counter()
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    known = _known(name)
    adam = optax.adam(optax.cosine_decay_schedule(STEP_SIZE, STEPS))
    # The first draws of some have gradients that are far larger than all later ones.
    optimizer = optax.chain(optax.clip_by_global_norm(LARGEST), adam)
    fit = _fit_ours if contestant == OURS else _fit_numpyros
    return fit(known, guide, optimizer, start)


def automatic_guide(model: Any, kind: str) -> Any:
    """NumPyro's automatic guide; its means start at 0 in the unconstrained coordinates."""
    from numpyro.infer import autoguide, init_to_uniform

    start = init_to_uniform(radius=0.0)
    if kind == "mean-field":
        return autoguide.AutoNormal(model, init_loc_fn=start)
    return autoguide.AutoMultivariateNormal(model, init_loc_fn=start)


def _fit_ours(known: Any, guide: str, optimizer: Any, start: float) -> dict[str, Any]:
    import relbo_ir as rb

    elbo = rb.ELBO(known.problem.model, automatic_guide(known.problem.model, guide))
    try:
        fit = rb.fit(
            elbo,
            *known.arguments,
            steps=STEPS,
            particles=PARTICLES,
            optimizer=optimizer,
            progress=False,
        )
    except rb.ModelError as error:
        return {"failure": str(error).splitlines()[0]}
    seconds = time.perf_counter() - start
    weights = fit.log_weights(DRAWS)
    return {
        "seconds": seconds,
        "elbo": float(weights.mean()),
        "error": float(weights.std() / math.sqrt(DRAWS)),
        "k": fit.pareto_k(DRAWS).k,
        **moments(known, fit.sample_posterior(MOMENT_DRAWS, key=1)),
    }


def _fit_numpyros(known: Any, guide: str, optimizer: Any, start: float) -> dict[str, Any]:
    import jax
    from numpyro.infer import SVI, Trace_ELBO
    from numpyro.optim import optax_to_numpyro

    model, automatic = known.problem.model, automatic_guide(known.problem.model, guide)
    svi = SVI(model, automatic, optax_to_numpyro(optimizer), Trace_ELBO(num_particles=PARTICLES))
    key = jax.random.PRNGKey(0)
    result = svi.run(key, STEPS, *known.arguments, progress_bar=False)
    jax.block_until_ready(result.params)
    seconds = time.perf_counter() - start
    one = Trace_ELBO()

    def estimate(key: Any) -> Any:
        return -one.loss(key, result.params, model, automatic, *known.arguments)

    values = np.asarray(jax.jit(jax.vmap(estimate))(jax.random.split(key, DRAWS)))
    draws = automatic.sample_posterior(key, result.params, sample_shape=(MOMENT_DRAWS,))
    return {
        "seconds": seconds,
        "elbo": float(values.mean()),
        "error": float(values.std() / math.sqrt(DRAWS)),
        **moments(known, draws),
    }


def moments(known: Any, draws: dict[str, Any]) -> dict[str, list[float]]:
    """Means and sds of the unconstrained coordinates, in the order of the reference."""
    import jax.numpy as jnp
    from numpyro.distributions import biject_to

    columns: list[Any] = []
    for name, law in known.sites.items():
        values = biject_to(law.support).inv(jnp.asarray(draws[name], float))
        columns.append(np.asarray(values).reshape(MOMENT_DRAWS, -1))
    coordinates = np.concatenate(columns, axis=1)
    return {"mean": coordinates.mean(0).tolist(), "sd": coordinates.std(0).tolist()}


def in_a_process(contestant: str, name: str, guide: str) -> dict[str, Any]:
    """`one_fit` in a fresh process."""
    command = [sys.executable, __file__, "--one", contestant, guide, name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def summary_row(name: str, guide: str, reference: Any, fits: dict[str, Any]) -> str:
    """A line of the first table."""
    bound = reference["elbo"]
    evidence = bound.get("log_evidence_exact", bound.get("log_evidence_bridge", {}))
    evidence = evidence if isinstance(evidence, float) else evidence.get("value", math.nan)
    cells = [name, guide, "none" if math.isnan(evidence) else f"{evidence:.2f}"]
    for who in (OURS, NUMPYRO):
        fit = fits[who]
        if "failure" in fit:
            cells += [f"failed: {fit['failure']}", *[""] * (4 if who == OURS else 3)]
            continue
        worst, ratios = misfit(reference["unconstrained"], fit)
        cells += [f"{fit['elbo']:.2f} ± {fit['error']:.2f}", worst, ratios]
        cells += [f"{fit['k']:.2f}"] if who == OURS else []
        cells += [f"{fit['seconds']:.1f}"]
    return "| " + " | ".join(cells) + " |"


def misfit(moments: Any, fit: dict[str, Any]) -> tuple[str, str]:
    """The largest error of a mean in sds of the reference, and the range of the sds over its sds."""
    mean, sd = np.asarray(moments["mean"]), np.asarray(moments["sd"])
    worst = np.abs((np.asarray(fit["mean"]) - mean) / sd).max()
    ratios = np.asarray(fit["sd"]) / sd
    return f"{worst:.2f}", f"{ratios.min():.2f} to {ratios.max():.2f}"


def detail_rows(name: str, reference: Any, fits: dict[str, dict[str, Any]]) -> list[str]:
    """Mean and sd of each coordinate: the reference's and those of relbo-ir's two fits."""
    known = reference["unconstrained"]
    columns = [known, *[fits[guide][OURS] for guide in GUIDES]]
    rows: list[str] = []
    for k, coordinate in enumerate(known["coordinates"][:_ROWS]):
        cells = [
            "" if "failure" in column else f"{column['mean'][k]:.4g} ± {column['sd'][k]:.3g}"
            for column in columns
        ]
        rows.append("| " + " | ".join([name, coordinate, *cells]) + " |")
    return rows


_HEAD = f"""# Real posteriors

Written by `python benchmarks/posteriors.py`. Each line is a fit of {STEPS:,} steps of Adam (step size
{STEP_SIZE} to 0 along a cosine, {PARTICLES} draws a step, gradients of a norm above {LARGEST:g} cut to it,
float64) that starts at coordinates 0, in a process of its own; seconds count from the first import.
ELBOs (nats) are of {DRAWS:,} draws, with their standard error; the log evidence bounds them. *Mean off* is the largest error of a
mean in sds of the reference, *sds* the range of the fitted sds over the reference's, both over the
unconstrained coordinates. A mean-field guide is expected to have too small sds where coordinates
correlate.

| posterior | guide | log evidence | ELBO | mean off | sds | k-hat | s | NumPyro: ELBO | mean off | sds | s |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""
_DETAILS = f"""
## Means and sds

The first {_ROWS} unconstrained coordinates of each posterior: mean ± sd.

| posterior | coordinate | reference | mean-field | full-rank |
|---|---|---|---|---|
"""


def write(names: list[str], output: Path) -> None:
    """Fits all of them and writes the page."""
    lines: list[str] = []
    details: list[str] = []
    for name in names:
        reference = _known(name).read("reference")
        fits = {
            guide: {who: in_a_process(who, name, guide) for who in (OURS, NUMPYRO)}
            for guide in GUIDES
        }
        lines += [summary_row(name, guide, reference, fits[guide]) for guide in GUIDES]
        print("\n".join(lines[-2:]), flush=True)
        details += detail_rows(name, reference, fits)
    output.write_text(_HEAD + "\n".join(lines) + "\n" + _DETAILS + "\n".join(details) + "\n")


def main() -> None:
    """Writes the page, or makes one fit and prints it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "posteriors.md")
    parser.add_argument("--one", nargs=2, metavar=("CONTESTANT", "GUIDE"), help=argparse.SUPPRESS)
    parser.add_argument("posteriors", nargs="*", metavar="POSTERIOR")
    given = parser.parse_args()
    if given.one is not None:
        contestant, guide = given.one
        print(json.dumps(one_fit(contestant, given.posteriors[0], guide)))
        return
    from posteriors import PROBLEMS

    write(given.posteriors or sorted(PROBLEMS), given.output)


if __name__ == "__main__":
    main()
