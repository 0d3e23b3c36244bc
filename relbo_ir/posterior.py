"""What a fit gives: parameters, history, and draws from the fitted guide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from relbo_ir.diagnostics import ParetoK, Plateau, pareto_k, plateau
from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import ModelError
from relbo_ir.dialects.location import source_line
from relbo_ir.inference_data import axes_of, inference_data
from relbo_ir.notebook import preformatted
from relbo_ir.objective import Key, Objective, Params, as_key
from relbo_ir.predictive import Draws, Forward, log_mean_exp
from relbo_ir.storage import arrays_to_bytes, write_file

_QUANTILES = (0.05, 0.5, 0.95)
_ROWS = 40
_ELBO_DRAWS = 1000


@dataclass(frozen=True)
class Restart:
    """How one start of several ended: its final ELBO and the standard error, or why it has none."""

    elbo: float
    elbo_error: float
    failure: str | None = None


@dataclass(frozen=True)
class Fit:
    """
    A fitted guide.

    `unconstrained` are the parameters that were optimised, `elbo_history` holds the ELBO estimate
    of every step (nats). `restarts` has the ends of all starts where there were several.

    `elbo` is the ELBO of these parameters over 1,000 fresh draws and `elbo_error` its standard error
    (nats). Both are computed, from `elbo_key`, when one is first read: that compiles a program.
    """

    objective: Objective
    unconstrained: Params
    elbo_history: np.ndarray[Any, np.dtype[np.float64]]
    elbo_key: jax.Array
    interrupted: bool = False
    restarts: tuple[Restart, ...] = ()

    @property
    def elbo(self) -> float:
        """The ELBO of the fitted guide (nats)."""
        return self._final_elbo[0]

    @property
    def elbo_error(self) -> float:
        """The standard error of `elbo` (nats)."""
        return self._final_elbo[1]

    @cached_property
    def _final_elbo(self) -> tuple[float, float]:
        draws = self.objective.values(self.unconstrained, _ELBO_DRAWS, self.elbo_key)
        array = np.asarray(draws, dtype=np.float64)
        return float(array.mean()), float(array.std(ddof=1) / math.sqrt(_ELBO_DRAWS))

    @cached_property
    def params(self) -> dict[str, np.ndarray[Any, Any]]:
        """The fitted parameters in their own spaces, by name."""
        constrained = self.objective.constrain(self.unconstrained)
        return {name: np.asarray(value) for name, value in constrained.items()}

    def sample_posterior(self, n: int, key: Key = 0) -> dict[str, np.ndarray[Any, Any]]:
        """
        `n` draws from the fitted guide: every choice and named value, each of shape (n, ...). A
        choice in a subsampled plate is drawn for a minibatch, another one in each draw.
        """
        program = self.objective.draws
        data = self.objective.data_for(program)
        keys = jax.random.split(as_key(key), n)
        draw = jax.jit(jax.vmap(program.plain, in_axes=(None, 0, None), axis_size=n))
        results = draw(self.unconstrained, keys, data)
        return {name: np.asarray(value) for name, value in results.items()}

    def summary(self, n: int = 4000, key: Key = 0) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
        """Mean, sd and quantiles (5, 50, 95 %) of every site over `n` draws, by site."""
        table: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
        for name, draws in self.sample_posterior(n, key).items():
            values = draws.astype(np.float64)
            table[name] = {"mean": values.mean(0), "sd": values.std(0)}
            for q in _QUANTILES:
                table[name][f"{100 * q:g}%"] = np.quantile(values, q, axis=0)
        return table

    def prior_predictive(self, *args: Any, n: int = 1000, key: Key = 0, **kwargs: Any) -> Draws:
        """`ELBO.prior_predictive`, with the model's own parameters as they were fitted."""
        return self._forward(args, kwargs).runs(as_key(key), n, {}, fresh=None)

    def posterior_predictive(
        self, *args: Any, n: int = 1000, key: Key = 0, fresh: Sequence[str] = (), **kwargs: Any
    ) -> Draws:
        """
        `n` draws of the model's observations from their laws and of its named values, each of shape
        (n, ...), at draws of the fitted guide. The arguments are the model's, of any shape (those
        of `compile` when none are given); observed values among them are read for their shape alone,
        and a site that was observed and is not with these arguments (y=None) is drawn.

        A choice that `fresh` names is drawn from the model given the others: right where its
        elements are new ones, new groups say. Raises ModelError where a choice that is not fresh
        has another shape than its posterior draws.
        """
        draws_key, model_key = jax.random.split(as_key(key))
        draws = self.sample_posterior(n, draws_key)
        model = self._forward(args, kwargs)
        unseen = [name for name in model.choices if name not in (*draws, *fresh)]
        if unseen:
            observed = self._forward((), {}).observed
            fresh = [*fresh, *(name for name in unseen if name in observed)]
        return model.runs(model_key, n, draws, fresh)

    def held_out_log_density(
        self, *args: Any, n: int = 1000, key: Key = 0, fresh: Sequence[str] = (), **kwargs: Any
    ) -> Draws:
        """
        log p(y | fitted guide) of observations y in these arguments (nats), one number per element
        of each observed site: the log of the mean density over `n` posterior draws, biased low by
        about half its variance over n. Their sum is the log pointwise predictive density.

        `fresh` and errors are as in `posterior_predictive`.
        """
        draws_key, model_key = jax.random.split(as_key(key))
        draws = self.sample_posterior(n, draws_key)
        model = self._forward(args, kwargs)
        densities = model.runs(model_key, n, draws, fresh, results="densities")
        return {name: log_mean_exp(densities[name]) for name in model.observed}

    def _forward(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Forward:
        return Forward(self.objective.origin.model(args, kwargs), self.params)

    def log_weights(self, n: int = 4000, key: Key = 0) -> np.ndarray[Any, Any]:
        """
        log p(x, z) − log q(z) (nats, float64) at `n` draws z of the fitted guide. Raises ModelError
        where a plate is subsampled: a minibatch's weights are not those of the data.
        """
        _check_not_subsampled(self.objective)
        program = self.objective.addends
        data = self.objective.data_for(program)
        run = jax.vmap(program.plain, in_axes=(None, 0, None), axis_size=n)
        addends = jax.jit(run)(self.unconstrained, jax.random.split(as_key(key), n), data)
        return sum((np.asarray(v, np.float64) for v in addends.values()), np.zeros(n))

    def pareto_k(self, n: int = 4000, key: Key = 0) -> ParetoK:
        """The Pareto k-hat of the fit with its advice, from `n` draws; needs ArviZ."""
        return pareto_k(self.log_weights(n, key))

    def plateau(self) -> Plateau:
        """Whether the ELBO still moved in the second half of the fit."""
        return plateau(self.elbo_history)

    def to_arviz(self, n: int = 1000, key: Key = 0) -> Any:
        """
        Draws of the posterior and of the posterior predictive, log likelihoods and observed data,
        with plates as dimensions: an InferenceData of ArviZ 0.23, a DataTree of ArviZ 1.
        """
        draws_key, model_key = jax.random.split(as_key(key))
        draws = self.sample_posterior(n, draws_key)
        model = self._forward((), {})
        predicted = model.runs(model_key, n, draws)
        densities = model.runs(model_key, n, draws, results="densities")
        groups = {
            "posterior": draws,
            "posterior_predictive": {name: predicted[name] for name in model.observed},
            "log_likelihood": {name: densities[name] for name in model.observed},
        }
        return inference_data(groups, model.observations(draws), axes_of(model.model.module))

    def save(self, path: str | Path) -> None:
        """
        Writes an `.npz` file: `params/NAME` and `unconstrained/NAME` for every parameter,
        `elbo_history`, `elbo` and `elbo_error` (nats).
        """
        arrays: dict[str, Any] = {f"params/{name}": value for name, value in self.params.items()}
        arrays |= {f"unconstrained/{name}": value for name, value in self.unconstrained.items()}
        arrays["elbo_history"] = self.elbo_history
        arrays |= {"elbo": self.elbo, "elbo_error": self.elbo_error}
        write_file(path, arrays_to_bytes(arrays))

    def export(self, path: str | Path, platforms: Sequence[str] = ("cpu", "cuda")) -> None:
        """`Objective.export` with the fitted parameters."""
        self.objective.export(path, platforms, self.unconstrained)

    def __str__(self) -> str:
        steps = len(self.elbo_history)
        head = f"ELBO {self.elbo:.4f} ± {self.elbo_error:.4f} nats after {steps} steps"
        if self.interrupted:
            head += " (interrupted)"
        if self.restarts:
            ends = ", ".join("failed" if r.failure else f"{r.elbo:.4f}" for r in self.restarts)
            head += f"; the best of {len(self.restarts)} starts ({ends})"
        titles, rows = self._table()
        width = max([len(label) for label, _ in rows[:_ROWS]] + [4])
        lines = [head, " " * width + "".join(f"{title:>11}" for title in titles)]
        for label, numbers in rows[:_ROWS]:
            lines.append(f"{label:<{width}}" + "".join(f"{number:11.4g}" for number in numbers))
        if len(rows) > _ROWS:
            lines.append(f"... and {len(rows) - _ROWS} more; see summary()")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def _table(self) -> tuple[list[str], list[tuple[str, list[float]]]]:
        """Titles, and a row for every element of every site (of every parameter without sites)."""
        if self.objective.has_choices:
            titles = ["mean", "sd", *[f"{100 * q:g}%" for q in _QUANTILES]]
            table = {name: list(columns.values()) for name, columns in self.summary().items()}
        else:
            titles, table = ["value"], {name: [value] for name, value in self.params.items()}
        rows: list[tuple[str, list[float]]] = []
        for name, columns in table.items():
            for index in np.ndindex(columns[0].shape):
                label = name + (f"[{','.join(map(str, index))}]" if index else "")
                rows.append((label, [float(column[index]) for column in columns]))
        return titles, rows


def _check_not_subsampled(objective: Objective) -> None:
    for op in objective.ir(1).walk():
        if isinstance(op, prob.PlateOp) and op.subsample is not None:
            name = op.sym_name.data
            raise ModelError(
                f'plate "{name}" is subsampled, and the importance weights of a minibatch say '
                "nothing of the fit",
                f'compile the ELBO with the whole plate "{name}" (subsample_size=None), and start '
                "its fit from this one: fit(init=...)",
                line=source_line(op),
            )
