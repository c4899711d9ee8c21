"""All pictures of a comparison, as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib

from skcnn.study.comparison import explain, pictures
from skcnn.study.data import Images
from skcnn.study.progress import Reporter

DPI = 130


def draw_all(
    results: dict[str, Any],
    models: dict[str, Path],
    images: Images,
    folder: Path,
    reporter: Reporter,
) -> dict[str, Path]:
    """All pictures as PNG files, by name."""
    final = results["final"]
    loaded = {key: joblib.load(models[key]) for key in ("cnn", "hog_svc")}
    chosen = explain.chosen_for_explanation(final, images)
    makers = {
        "examples": lambda: pictures.examples(images),
        "search": lambda: pictures.search_errors(results["search"]),
        "test_errors": lambda: pictures.test_errors(final),
        "learning_curves": lambda: pictures.learning_curves(results["by_share"], images.is_mnist),
        "costs": lambda: pictures.costs(final, len(images.y_test)),
        "confusions": lambda: pictures.confusions(final, images.y_test, images.classes),
        **{
            f"mistakes_{key}": lambda key=key: explain.mistakes(final[key], images) for key in final
        },
        "filters": lambda: explain.filters(loaded["cnn"]),
        "training": lambda: explain.training(loaded["cnn"]),
        **{
            f"occlusion_{key}": lambda key=key: explain.occlusion(key, loaded[key], chosen, images)
            for key in loaded
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    with reporter.stage("Pictures", len(makers)) as stage:
        for name, make in makers.items():
            paths[name] = folder / f"{name}.png"
            make().savefig(paths[name], dpi=DPI)
            stage.advance(name)
    return paths
