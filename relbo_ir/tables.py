"""Tables as data: pandas' frames and series become arrays by column."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.tree_util import GetAttrKey

from relbo_ir.dialects.errors import ModelError


@jax.tree_util.register_pytree_with_keys_class
class Table:
    """
    The columns of a frame as arrays of one length, by name: `table["x"]`, or `table.x`.

    Its length is the number of rows, as a frame's is.
    """

    def __init__(self, columns: Mapping[str, Any], rows: int):
        self._columns, self._rows = dict(columns), rows

    def __getitem__(self, name: str) -> Any:
        if name not in self._columns:
            raise ModelError(
                f"the table has no column {name!r}", f"it has {', '.join(self._columns)}"
            )
        return self._columns[name]

    def __getattr__(self, name: str) -> Any:
        columns = self.__dict__.get("_columns", {})
        if name in columns:
            return columns[name]
        raise AttributeError(
            f"a table of a compiled model has columns and a length, no {name!r}: "
            "do what pandas does before the data are passed"
        )

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self._columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._rows, len(self._columns)

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], Any]:
        """The columns as leaves."""
        pairs = [(GetAttrKey(name), value) for name, value in self._columns.items()]
        return pairs, (self.columns, self._rows)

    @classmethod
    def tree_unflatten(cls, static: Any, columns: Any) -> Table:
        """The table of these columns."""
        names, rows = static
        return cls(dict(zip(names, columns, strict=True)), rows)


def as_arrays(value: Any) -> Any:
    """
    The value with every pandas frame as a `Table` and every series and index as an array, also
    inside tuples, lists and dicts. Raises ModelError for a column that holds no numbers.
    """
    pandas: Any = sys.modules.get("pandas")
    return value if pandas is None else _converted(value, pandas, "the data")


def _converted(value: Any, pandas: Any, name: str) -> Any:
    if isinstance(value, pandas.DataFrame):
        return _table(value)
    if isinstance(value, (pandas.Series, pandas.Index)):
        return _column(value, str(value.name) if value.name is not None else name)
    if type(value) is dict:
        items: dict[Any, Any] = value
        return {key: _converted(v, pandas, str(key)) for key, v in items.items()}
    if type(value) in (tuple, list):
        return type(value)(_converted(v, pandas, name) for v in value)
    return value


def _table(frame: Any) -> Table:
    names = list(frame.columns)
    for name in names:
        if not isinstance(name, str):
            raise ModelError(
                f"a column of the table is named {name!r}",
                "name columns by text: frame.columns = [...]",
            )
        if names.count(name) > 1:
            raise ModelError(f"two columns of the table are named {name!r}", "rename one")
    return Table({name: _column(frame[name], name) for name in names}, len(frame))


def _column(series: Any, name: str) -> np.ndarray[Any, Any]:
    missing = int(series.isna().sum())
    if missing:
        raise ModelError(
            f'the column "{name}" lacks {missing} of its {len(series)} values',
            "remove or impute the missing values before they are passed",
        )
    array = np.asarray(series)
    if array.dtype.kind == "O":  # pandas' own number types, such as Int64
        kind = getattr(series.dtype, "kind", "O")
        if kind in "biuf":
            array = np.asarray(series.to_numpy(dtype=series.dtype.numpy_dtype))
    if array.dtype.kind not in "biuf":
        raise ModelError(
            f'the column "{name}" holds {series.dtype}, not numbers',
            "pass codes for categories (frame[column].cat.codes), numbers for dates, or leave "
            "the column out",
        )
    return array
