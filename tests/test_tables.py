"""pandas frames and dicts as data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import relbo_ir as rb
from relbo_ir import distributions as dist

FRAME = pd.DataFrame({"x": [0.5, 1.0, -1.0, 2.0], "y": [1.0, 2.0, 0.0, 3.0], "g": [0, 1, 0, 1]})


def model(table: Any) -> None:
    slope = rb.sample("slope", dist.Normal(0.0, 1.0))
    with rb.plate("rows", len(table["x"])):
        rb.observe("y", dist.Normal(slope * table["x"] + table["g"], 1.0), table["y"])


def framed(table: Any) -> None:
    assert len(table) == 4 and table.shape == (4, 3) and table.columns == ("x", "y", "g")
    assert "x" in table and list(table) == ["x", "y", "g"]
    slope = rb.sample("slope", dist.Normal(0.0, 1.0))
    with rb.plate("rows", len(table)):
        rb.observe("y", dist.Normal(slope * table.x + table["g"], 1.0), table.y)


def guide(table: Any) -> None:
    rb.sample("slope", dist.Normal(rb.param("m", 0.0), 0.1))


def value(model_: Any, table: Any) -> float:
    objective = rb.ELBO(model_, guide).compile(table)
    return float(objective.value(objective.init(), 3))


def test_frames_series_and_dicts_give_one_value() -> None:
    arrays = {name: FRAME[name].to_numpy() for name in FRAME.columns}
    expected = value(model, arrays)
    assert value(framed, FRAME) == expected
    assert value(model, FRAME) == expected
    assert value(model, {name: FRAME[name] for name in FRAME.columns}) == expected
    shuffled = FRAME.set_index(np.array([3, 1, 0, 2]))
    assert value(framed, shuffled) == expected, "rows by position, not by index"
    wide = FRAME.astype({"x": "Float64", "g": "Int64"})
    assert value(framed, wide) == expected


def test_new_frames_can_be_passed() -> None:
    objective = rb.ELBO(framed, guide).compile(FRAME)
    other = FRAME.assign(y=FRAME.y + 1)
    data = objective.prepare(other)
    again = rb.ELBO(framed, guide).compile(other)
    params = objective.init()
    assert float(objective.value(params, 3, data)) == float(again.value(params, 3))
    assert float(objective.value(params, 3)) != float(again.value(params, 3))


def test_a_series_as_an_argument() -> None:
    def one(y: Any) -> None:
        z = rb.sample("z", dist.Normal(0.0, 1.0))
        rb.observe("y", dist.Normal(z, 1.0), y)

    def one_guide(y: Any) -> None:
        rb.sample("z", dist.Normal(rb.param("m", 0.0), 1.0))

    elbo = rb.ELBO(one, one_guide)
    first, second = (elbo.compile(y) for y in (FRAME.y, FRAME.y.to_numpy()))
    assert float(first.value(first.init(), 1)) == float(second.value(second.init(), 1))


@pytest.mark.parametrize(
    ("frame", "parts"),
    [
        (FRAME.assign(x=[1.0, None, 2.0, 3.0]), ('"x" lacks 1 of its 4 values', "impute")),
        (FRAME.assign(x=pd.array([1, None, 2, 3], "Int64")), ('"x" lacks 1 of its 4',)),
        (FRAME.assign(x=list("abcd")), ('the column "x" holds', "not numbers", "codes")),
        (FRAME.assign(x=pd.Categorical(list("abab"))), ('the column "x" holds category',)),
        (FRAME.assign(x=pd.date_range("2020", periods=4)), ('"x" holds datetime64',)),
        (FRAME.rename(columns={"x": 7}), ("a column of the table is named 7", "by text")),
        (pd.concat([FRAME, FRAME[["x"]]], axis=1), ("two columns of the table are named 'x'",)),
    ],
)
def test_columns_that_are_no_data(frame: Any, parts: tuple[str, ...]) -> None:
    with pytest.raises(rb.ModelError) as caught:
        rb.ELBO(framed, guide).compile(frame)
    for part in (*parts, "remedy:"):
        assert part in str(caught.value)


def test_what_a_table_does_not_do_is_said() -> None:
    def grouped(table: Any) -> None:
        table.groupby("g")

    def missing(table: Any) -> None:
        table["z"]

    with pytest.raises(AttributeError, match="do what pandas does before"):
        rb.ELBO(grouped, guide).compile(FRAME)
    with pytest.raises(rb.ModelError, match=r"no column 'z'[\s\S]*x, y, g"):
        rb.ELBO(missing, guide).compile(FRAME)
