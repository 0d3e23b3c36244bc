"""What a fit gives: parameters, history, and draws from the fitted guide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from relbo_ir.notebook import preformatted
from relbo_ir.objective import Key, Objective, Params, as_key
from relbo_ir.storage import arrays_to_bytes, write_file

_QUANTILES = (0.05, 0.5, 0.95)
_ROWS = 40


@dataclass(frozen=True)
class Fit:
    """
    A fitted guide.

    `unconstrained` are the parameters that were optimised, `elbo_history` holds the ELBO estimate
    of every step (nats), `elbo` is the final ELBO and `elbo_error` its standard error.
    """

    objective: Objective
    unconstrained: Params
    elbo_history: np.ndarray[Any, np.dtype[np.float64]]
    elbo: float
    elbo_error: float
    interrupted: bool = False

    @cached_property
    def params(self) -> dict[str, np.ndarray[Any, Any]]:
        """The fitted parameters in their own spaces, by name."""
        constrained = self.objective.constrain(self.unconstrained)
        return {name: np.asarray(value) for name, value in constrained.items()}

    def sample_posterior(self, n: int, key: Key = 0) -> dict[str, np.ndarray[Any, Any]]:
        """`n` draws from the fitted guide: every choice and named value, each of shape (n, ...)."""
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
