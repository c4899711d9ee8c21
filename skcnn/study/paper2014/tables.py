"""The results as tables: rows of mean values, with the paper's values among them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skcnn.study.paper2014.execute import Result
from skcnn.study.paper2014.experiments import EXPERIMENTS, Point, Run
from skcnn.study.paper2014.networks import FitResult, TimingResult
from skcnn.study.store import write_csv


@dataclass(frozen=True)
class Row:
    """Values of a series at x: means over the seeds, and standard deviations if there are several.

    Errors are in percent, times in seconds.
    """

    series: str
    x: Any
    seeds: int = 1
    test_error: float | None = None
    test_error_sd: float | None = None
    train_error: float | None = None
    train_error_sd: float | None = None
    seconds_per_iteration: float | None = None
    fit_seconds: float | None = None
    neighbour_correlation: float | None = None  # of the filters, in Fig. 9


Tables = dict[str, list[Row]]  # by experiment


def make_table(
    experiment: str, points: Iterable[Point], results: Mapping[Run, Result]
) -> list[Row]:
    """The rows of an experiment, given its points and the results of their runs."""
    groups: dict[tuple[str, Any], list[FitResult]] = {}
    times: dict[Any, float] = {}
    for point in points:
        result = results[point.run]
        if isinstance(result, TimingResult):
            times[point.x] = result.seconds_per_iteration
        else:
            groups.setdefault((point.series, point.x), []).append(result)
    rows = paper_rows(experiment)
    for (series, x), found in groups.items():
        if experiment == "fig8":
            rows += _curve_rows(series, found)
        else:
            rows.append(_mean_row(series, x, found, times.get(x), experiment == "fig9"))
    return rows


def paper_rows(experiment: str) -> list[Row]:
    """The paper's values for an experiment."""
    columns = EXPERIMENTS[experiment].published
    xs = dict.fromkeys(x for values in columns.values() for x in values)
    return [
        Row("paper", x, **{name: values.get(x) for name, values in columns.items()}) for x in xs
    ]


def curve(rows: Sequence[Row], series: str, column: str = "test_error") -> dict[Any, float]:
    """x -> value of a series, where it has one, in the order of the rows.

    Examples
    --------
    >>> from skcnn.study.paper2014.tables import curve, paper_rows
    >>> curve(paper_rows("fig6"), "paper")[2]
    2.69
    """
    values = {row.x: getattr(row, column) for row in rows if row.series == series}
    return {x: value for x, value in values.items() if value is not None}


def neighbour_correlation(filters: ArrayLike) -> float:
    """Correlation of weights with the next ones to the right and below: 0 for noise.

    The filters have shape (n_filters, height, width, channels).

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.study.paper2014.tables import neighbour_correlation
    >>> smooth = np.add.outer(np.arange(9.0), np.arange(9.0))[None, :, :, None]
    >>> neighbour_correlation(smooth) > 0.9
    True
    """
    weights = np.asarray(filters, dtype=float)
    if min(weights.shape[1:3]) < 2:
        return math.nan
    weights = weights - weights.mean(axis=(1, 2), keepdims=True)
    pairs = [(weights[:, :, 1:], weights[:, :, :-1]), (weights[:, 1:], weights[:, :-1])]
    a = np.concatenate([first.ravel() for first, _ in pairs])
    b = np.concatenate([second.ravel() for _, second in pairs])
    return float(np.corrcoef(a, b)[0, 1])


def write_tables(tables: Tables, folder: Path) -> None:
    """Write a CSV file for each experiment. Where x is a pair, it takes two columns."""
    for experiment, rows in tables.items():
        columns = [c.name for c in fields(Row) if any(getattr(r, c.name) is not None for r in rows)]
        names = {"x": EXPERIMENTS[experiment].x_names}
        write_csv(
            folder / f"{experiment}.csv",
            [name for column in columns for name in names.get(column, (column,))],
            ([cell for c in columns for cell in _cells(getattr(row, c))] for row in rows),
        )


def _cells(value: Any) -> Sequence[Any]:
    if isinstance(value, tuple):
        return value
    return (round(value, 5) if isinstance(value, float) else value,)


def _mean_row(
    series: str, x: Any, found: list[FitResult], seconds: float | None, with_filters: bool
) -> Row:
    return Row(
        series,
        x,
        len(found),
        *_mean_and_spread([result.test_error for result in found]),
        *_mean_and_spread([result.train_error for result in found]),
        seconds_per_iteration=seconds,
        fit_seconds=float(np.mean([result.fit_seconds for result in found])),
        neighbour_correlation=neighbour_correlation(found[0].filters) if with_filters else None,
    )


def _curve_rows(series: str, found: list[FitResult]) -> list[Row]:
    """A row for each checkpoint of the error curves."""
    return [
        Row(
            series,
            at[0].iteration,
            len(found),
            *_mean_and_spread([point.test_error for point in at]),
            *_mean_and_spread([point.train_error for point in at]),
        )
        for at in zip(*(result.curve for result in found), strict=True)
    ]


def _mean_and_spread(values: list[float]) -> tuple[float, float | None]:
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None
