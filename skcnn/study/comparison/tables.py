"""The results of a comparison as files: ``results.json`` and a CSV file for each table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from skcnn.study.comparison.measured import Fit
from skcnn.study.comparison.results import Results
from skcnn.study.data import Images
from skcnn.study.provenance import reproducing_command
from skcnn.study.store import write_csv, write_json

PER_IMAGE = ("predicted", "confidence")  # in predictions.csv, not in results.json


def as_dict(results: Results, conclusions: list[str]) -> dict[str, Any]:
    """All results as plain values: those of ``results.json``, and the predictions."""
    images, settings = results.images, results.settings
    used, left_out = results.subsets
    environment = asdict(results.environment)
    return {
        "data": {
            "name": images.name,
            "source": images.source,
            "train_images": len(images.y_train),
            "test_images": len(images.y_test),
            "image_shape": images.image_shape,
            "classes": images.classes.tolist(),
            "is_mnist": images.is_mnist,
            "is_full_mnist": images.is_full_mnist,
        },
        "settings": {
            "seeds": settings.seed_list,
            "shares_used": [share for share, _ in used],
            "search": settings.search,
            "time_budget": settings.time_budget,
            "quick": settings.quick,
            "features": settings.features,
            "train_error_images": results.train_error_images,
        },
        "environment": {**environment.pop("versions"), **environment, "seconds": results.elapsed},
        "command": reproducing_command(settings, "compare"),
        "params": results.params,
        "search": {
            key: {
                **asdict(found),
                "rows": [
                    {"error": row.error, **_without(asdict(row), "score_seconds")}
                    for row in found.rows
                ],
            }
            for key, found in results.search.items()
        },
        "final": {
            key: {**_with_errors(fit), "interval": fit.interval}
            for key, fit in results.final.items()
        },
        "pairs": [asdict(pair) for pair in results.pairs],
        "shared_mistakes": [
            {"contenders": group, "images": n} for group, n in results.shared_mistakes
        ],
        "curves": [
            {**key._asdict(), **_without(_with_errors(fit), "seconds")}
            for key, fit in results.curves.items()
        ],
        "by_share": [asdict(row) for row in results.by_share],
        "crossings": [asdict(found) for found in results.crossings],
        "left_out": left_out,
        "skipped": results.skipped,
        "conclusions": conclusions,
    }


def write_results(results: dict[str, Any], images: Images, out: Path) -> None:
    """Write ``results.json`` and ``tables/*.csv`` into the folder `out`.

    Errors are fractions (0.01 means 1 %), times are in seconds, sizes in bytes.
    """
    final = results["final"]
    bare = {key: _without(fit, *PER_IMAGE) for key, fit in final.items()}
    write_json(out / "results.json", {**results, "final": bare})

    def write(name: str, columns: str, rows: list[dict[str, Any]], *first: str) -> None:
        names = [*first, *columns.split()]
        values = ([row.get(name, "") for name in names] for row in rows)
        write_csv(out / "tables" / f"{name}.csv", names, values)

    write(
        "final",
        "contender wrong test_error train_error fit_seconds predict_seconds "
        "single_predict_seconds peak_bytes model_bytes interval_low interval_high",
        [
            dict(fit, contender=key, interval_low=low, interval_high=high)
            for key, fit in final.items()
            for low, high in [fit["interval"]]
        ],
    )
    write(
        "learning_curves",
        "contender share images seed test_error train_error fit_seconds",
        results["curves"],
    )
    write("mcnemar", "a b only_a only_b both p_value p_adjusted", results["pairs"])
    for key, found in results["search"].items():
        params = sorted({name for row in found["rows"] for name in row["params"]})
        rows = [{**row["params"], **row} for row in found["rows"]]
        write(f"search_{key}", "error spread fit_seconds images", rows, *params)
    predictions = {"true": images.y_test.tolist()}
    for key, fit in final.items():
        predictions |= {f"{key}_said": fit["predicted"], f"{key}_confidence": fit["confidence"]}
    lines = ((i, *values) for i, values in enumerate(zip(*predictions.values(), strict=True)))
    write_csv(out / "tables" / "predictions.csv", ["image", *predictions], lines)


def _with_errors(fit: Fit) -> dict[str, Any]:
    return {"test_error": fit.test_error, "train_error": fit.train_error, **asdict(fit)}


def _without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
