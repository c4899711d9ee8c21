"""From runs to tables: a row for each point and series, with the paper's values among them.

Errors are percent, times seconds. Contains `make_tables`, `write_tables`, `curve`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.study import published
from skcnn.study.paper2014.experiments import Point, Run, TimingRun
from skcnn.study.paper2014.settings import TEN_HOURS
from skcnn.study.store import write_whole

Row = dict[str, Any]
Tables = dict[str, list[Row]]

COLUMNS = (
    "series",
    "x",
    "seeds",
    "test_error",
    "test_error_sd",
    "train_error",
    "train_error_sd",
    "seconds_per_iteration",
    "fit_seconds",
)
# What the columns called x hold.
X_NAMES = {
    "table2": "hidden layers",
    "fig2": "filter size",
    "fig4": "filters",
    "fig6": "pooling regions per side",
    "sec5.5": "change",
    "fig8": "iteration",
    "fig9": "filters",
    "heatmap1": "pooling regions per side, filter size",
    "heatmap2": "filter size, filters",
    "fig10": "percent of the training images",
    "fig11": "percent of the training images",
    "reasons": "network",
}


def _iteration(hours: float) -> int:
    return round(hours * TEN_HOURS / 10)


_PUBLISHED: dict[str, dict[str, dict[Any, float]]] = {
    "table2": {"test_error": published.TABLE2, "seconds_per_iteration": published.TABLE2_SECONDS},
    "fig2": {"test_error": published.FIG2, "seconds_per_iteration": published.FIG3_SECONDS},
    "fig4": {"test_error": published.FIG4, "seconds_per_iteration": published.FIG5_SECONDS},
    "fig6": {"test_error": published.FIG6, "seconds_per_iteration": published.FIG7_SECONDS},
    "sec5.5": {"test_error": published.SEC55},
    "fig8": {
        "test_error": {_iteration(h): e for h, e in published.FIG8_TEST.items()},
        "train_error": {_iteration(h): e for h, e in published.FIG8_TRAIN.items()},
    },
    "fig10": {"test_error": published.FIG10_TEST, "train_error": published.FIG10_TRAIN},
    "fig11": {"test_error": published.FIG11_TEST, "train_error": published.FIG11_TRAIN},
    "reasons": {"test_error": published.REASONS},
    **{
        name: {
            "train_error": {x: pair[0] for x, pair in cells.items()},
            "test_error": {x: pair[1] for x, pair in cells.items()},
        }
        for name, cells in (
            ("heatmap1", published.HEATMAP_REGIONS_SIZES),
            ("heatmap2", published.HEATMAP_SIZES_FILTERS),
        )
    },
}


def make_tables(points: Sequence[Point], results: dict[Run, dict[str, Any]]) -> Tables:
    """The tables of all experiments among the points.

    Parameters
    ----------
    points : sequence of Point
    results : dict of Run to dict
        Of `skcnn.study.paper2014.execute.execute`.

    Returns
    -------
    tables : dict of str to list of dict
        By experiment; rows have the keys `COLUMNS`, those of series "paper" what the paper has.
    """
    grouped: dict[str, dict[tuple[str, Any], list[Run]]] = {}
    for point in points:
        place = grouped.setdefault(point.experiment, {})
        place.setdefault((point.series, point.x), []).append(point.run)
    tables = {}
    for experiment, groups in grouped.items():
        times = {
            x: results[runs[0]]["seconds_per_iteration"]
            for (_, x), runs in groups.items()
            if isinstance(runs[0], TimingRun)
        }
        rows = paper_rows(experiment)
        for (series, x), runs in groups.items():
            if not isinstance(runs[0], TimingRun):
                found = [results[run] for run in runs]
                rows += _rows(experiment, series, x, found, times.get(x))
        tables[experiment] = rows
    return tables


def paper_rows(experiment: str) -> list[Row]:
    """What the paper has for an experiment."""
    columns = _PUBLISHED.get(experiment, {})
    xs = dict.fromkeys(x for values in columns.values() for x in values)
    return [
        {
            **dict.fromkeys(COLUMNS),
            "series": "paper",
            "x": x,
            "seeds": 1,
            **{name: values.get(x) for name, values in columns.items()},
        }
        for x in xs
    ]


def curve(rows: Sequence[Row], series: str, column: str = "test_error") -> dict[Any, float]:
    """x -> value of a series, where it has one, in the order of the rows.

    Examples
    --------
    >>> from skcnn.study.paper2014.tables import curve, paper_rows
    >>> curve(paper_rows("fig6"), "paper")[2]
    2.69
    """
    chosen = (row for row in rows if row["series"] == series and row[column] is not None)
    return {row["x"]: row[column] for row in chosen}


def neighbour_correlation(filters: NDArray) -> float:
    """Correlation of weights with the next ones to the right and below: 0 is noise.

    Parameters
    ----------
    filters : array-like of shape (k, h, w, channels)

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
    """A CSV file for each experiment; where x is a pair, it takes two columns."""
    for experiment, rows in tables.items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = X_NAMES[experiment].split(", ")
        columns = [c for c in COLUMNS if any(row[c] is not None for row in rows)]
        extra = [key for key in rows[-1] if key not in COLUMNS]
        writer.writerow([name for c in columns for name in (names if c == "x" else [c])] + extra)
        for row in rows:
            values = [row[c] for c in columns]
            place = columns.index("x")
            values[place : place + 1] = row["x"] if isinstance(row["x"], tuple) else [row["x"]]
            values += [row.get(key) for key in extra]
            writer.writerow([round(v, 5) if isinstance(v, float) else v for v in values])
        write_whole(folder / f"{experiment}.csv", text.getvalue())


def _rows(
    experiment: str, series: str, x: Any, found: list[dict[str, Any]], seconds: float | None
) -> list[Row]:
    """The row of a point, or the rows of its curve."""
    if experiment == "fig8":
        curves = np.array([result["curve"] for result in found])  # (seeds, checkpoints, 3)
        return [
            _row(series, int(at[0, 0]), at[:, 2], at[:, 1], None, None)
            for at in curves.transpose(1, 0, 2)
        ]
    row = _row(
        series,
        x,
        [result["test_error"] for result in found],
        [result["train_error"] for result in found],
        seconds,
        float(np.mean([result["fit_seconds"] for result in found])),
    )
    if experiment == "fig9":
        row["neighbour_correlation"] = neighbour_correlation(found[0]["filters"])
    return [row]


def _row(series: str, x: Any, test, train, seconds, fit_seconds) -> Row:
    many = len(test) > 1
    return {
        "series": series,
        "x": x,
        "seeds": len(test),
        "test_error": float(np.mean(test)),
        "test_error_sd": float(np.std(test, ddof=1)) if many else None,
        "train_error": float(np.mean(train)),
        "train_error_sd": float(np.std(train, ddof=1)) if many else None,
        "seconds_per_iteration": seconds,
        "fit_seconds": fit_seconds,
    }
