"""The results as tables: rows of mean values, with the paper's values among them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from skcnn.study.mistakes import mean_error
from skcnn.study.paper2014.experiments import EXPERIMENTS, Point
from skcnn.study.paper2014.runs import Checkpoint, FitResult, Results, TimingResult
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
    train_images: int | None = None  # on which the training error is measured
    seconds_per_iteration: float | None = None
    fit_seconds: float | None = None
    neighbour_correlation: float | None = None  # of the filters, in Fig. 9
    filters: Any = None  # of the first seed, in Fig. 9


Tables = dict[str, list[Row]]  # by experiment


def make_table(experiment: str, points: Iterable[Point], results: Results) -> list[Row]:
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
            curves = zip(*(result.curve for result in found), strict=True)
            rows += [_row(series, at[0].iteration, at) for at in curves]
            continue
        others: dict[str, Any] = {"seconds_per_iteration": times.get(x)}
        others["fit_seconds"] = float(np.mean([result.fit_seconds for result in found]))
        if experiment == "fig9":
            others["filters"] = found[0].filters
            others["neighbour_correlation"] = neighbour_correlation(found[0].filters)
        rows.append(_row(series, x, found, **others))
    return rows


def _row(series: str, x: Any, found: Sequence[FitResult | Checkpoint], **others: Any) -> Row:
    """Means and standard deviations over the seeds."""
    counts = {
        "test_error": ([result.wrong for result in found], found[0].tested),
        "train_error": ([result.train_wrong for result in found], found[0].train_tested),
    }
    for name, (wrong, n_images) in counts.items():
        others[name] = 100 * mean_error(wrong, n_images)
        if len(found) > 1:
            others[f"{name}_sd"] = 100 * float(np.std(wrong, ddof=1)) / n_images
    return Row(series, x, len(found), train_images=found[0].train_tested, **others)


def paper_rows(experiment: str) -> list[Row]:
    """The paper's values for an experiment."""
    columns: Mapping[str, Mapping[Any, Any]] = EXPERIMENTS[experiment].published
    xs = dict.fromkeys(x for values in columns.values() for x in values)
    return [Row("paper", x, 1, **{name: v.get(x) for name, v in columns.items()}) for x in xs]


def curve(rows: Sequence[Row], series: str, column: str = "test_error") -> dict[Any, float]:
    """The values of a series by x, in the order of the rows, without those that are missing."""
    values = {row.x: getattr(row, column) for row in rows if row.series == series}
    return {x: value for x, value in values.items() if value is not None}


def neighbour_correlation(filters: Any) -> float:
    """Correlation of weights with the next ones to the right and below: 0 for noise.

    The filters have shape (n_filters, height, width, channels).
    """
    weights = np.asarray(filters, dtype=float)
    if min(weights.shape[1:3]) < 2:
        return math.nan
    weights = weights - weights.mean(axis=(1, 2), keepdims=True)
    a = np.concatenate([weights[:, :, 1:].ravel(), weights[:, 1:].ravel()])
    b = np.concatenate([weights[:, :, :-1].ravel(), weights[:, :-1].ravel()])
    return float(np.corrcoef(a, b)[0, 1])


def write_tables(tables: Tables, folder: Path) -> None:
    """Write a CSV file for each experiment. Where x is a pair, it takes two columns."""
    for experiment, rows in tables.items():
        names = [field.name for field in fields(Row) if field.name != "filters"]
        names = [name for name in names if any(getattr(row, name) is not None for row in rows)]
        header = {name: (name,) for name in names} | {"x": EXPERIMENTS[experiment].x_names}
        write_csv(
            folder / f"{experiment}.csv",
            [column for columns in header.values() for column in columns],
            ([cell for name in names for cell in _cells(getattr(row, name))] for row in rows),
        )


def _cells(value: Any) -> Sequence[Any]:
    if isinstance(value, tuple):
        return value
    return (round(value, 5) if isinstance(value, float) else value,)
