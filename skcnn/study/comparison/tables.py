"""The figures of a comparison as files: ``results.json`` and a CSV file per table."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from skcnn.study.store import _plain as plain
from skcnn.study.store import write_text as write_whole


def write_tables(results: dict[str, Any], y_test: NDArray, out: Path) -> None:
    """Write ``results.json`` and ``tables/*.csv`` into the folder `out`.

    Errors are shares (0.01 is one in a hundred), times seconds, sizes bytes.
    """
    final = results["final"]
    tables = out / "tables"
    bare = {
        key: {k: v for k, v in result.items() if k not in ("predicted", "confidence")}
        for key, result in final.items()
    }
    text = json.dumps(without_nan({**results, "final": bare}), indent=1, default=plain)
    write_whole(out / "results.json", text)

    columns = [
        "wrong",
        "test_error",
        "train_error",
        "fit_seconds",
        "predict_seconds",
        "single_predict_seconds",
        "peak_bytes",
        "model_bytes",
    ]
    _write(
        tables / "final.csv",
        ["contender", *columns, "interval_low", "interval_high"],
        (
            [key, *(result[c] for c in columns), *result["interval"]]
            for key, result in final.items()
        ),
    )
    names = ["contender", "share", "images", "seed", "test_error", "train_error", "fit_seconds"]
    _write(
        tables / "learning_curves.csv", names, ([r[n] for n in names] for r in results["curves"])
    )
    names = ["a", "b", "only_a", "only_b", "both", "p_value", "p_adjusted"]
    _write(tables / "mcnemar.csv", names, ([r[n] for n in names] for r in results["pairs"]))
    for key, found in results["search"].items():
        settings = sorted({name for row in found["rows"] for name in row["params"]})
        _write(
            tables / f"search_{key}.csv",
            [*settings, "error", "spread", "fit_seconds", "images"],
            (
                [
                    *(row["params"].get(name, "") for name in settings),
                    row["error"],
                    row["spread"],
                    row["fit_seconds"],
                    row["images"],
                ]
                for row in found["rows"]
            ),
        )
    _write(
        tables / "predictions.csv",
        ["image", "true", *(f"{key}_{what}" for key in final for what in ("said", "confidence"))],
        (
            [
                index,
                label,
                *(
                    value[index]
                    for result in final.values()
                    for value in (result["predicted"], result["confidence"])
                ),
            ]
            for index, label in enumerate(y_test.tolist())
        ),
    )


def without_nan(value: Any) -> Any:
    """The same with None for what is not a number: JSON does not know NaN.

    Examples
    --------
    >>> from skcnn.study.comparison.tables import without_nan
    >>> without_nan({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_whole(path, text.getvalue())
