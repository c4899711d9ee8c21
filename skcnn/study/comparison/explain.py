"""Pictures that need the fitted models: filters, training, mistakes, what decisions hang on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.displays import (
    FilterDisplay,
    LossCurveDisplay,
    MisclassifiedDisplay,
    OcclusionDisplay,
)
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.data import Images
from skcnn.study.figures import new_figure

MISTAKES_SHOWN, COLUMNS = 24, 8
EXPLAINED = 6  # images whose decision is taken apart


def filters(network: Any):
    """The first layer's filters (Fig. 9 of the paper)."""
    figure, axes = new_figure(6, 4.6)
    FilterDisplay.from_estimator(network, ax=axes[0, 0])
    return figure


def training(network: Any):
    """Loss by epoch."""
    figure, axes = new_figure(6, 3.4)
    LossCurveDisplay.from_estimator(network, ax=axes[0, 0])
    return figure


def mistake_columns(wrong: int) -> int:
    """Images in a row of the picture of so many mistakes."""
    return min(max(wrong, 3), COLUMNS)


def mistakes(result: dict[str, Any], images: Images):
    """The test images that a contender gets wrong, surest first."""
    predicted = np.asarray(result["predicted"])
    shown = min(result["wrong"], MISTAKES_SHOWN)
    columns = mistake_columns(result["wrong"])
    rows = max(1, -(-shown // columns))
    figure, axes = new_figure(1.25 * columns, 1.75 * rows + 0.1)
    MisclassifiedDisplay.from_predictions(
        images.X_test,
        images.y_test,
        predicted,
        confidence=result["confidence"],
        image_shape=images.image_shape,
        ax=axes[0, 0],
        max_images=MISTAKES_SHOWN,
        columns=columns,
    )
    return figure


def chosen_for_explanation(final: dict[str, Any], images: Images) -> NDArray:
    """Test images to explain: those that CNN and HOG + SVC disagree on, then one of each class."""
    first, second = (np.asarray(final[key]["predicted"]) for key in ("cnn", "hog_svc"))
    disputed = np.flatnonzero(first != second)
    plain = [np.flatnonzero(images.y_test == label)[0] for label in np.unique(images.y_test)]
    return np.concatenate([disputed[: EXPLAINED // 2], plain]).astype(int)[:EXPLAINED]


def occlusion(key: str, model: Any, chosen: NDArray, images: Images):
    """Which pixels of the chosen images a contender's decision for the true class hangs on."""
    figure, axes = new_figure(10, 3.9, 2, len(chosen))
    OcclusionDisplay.from_estimator(
        model,
        images.X_test[chosen],
        images.y_test[chosen],
        image_shape=images.image_shape,
        # A network is often so sure that no patch changes its probability to be seen.
        response_method="predict_log_proba" if key == "cnn" else "decision_function",
        relative=True,
        ax=axes,
    )
    said = model.predict(images.X_test[chosen])
    for panel, label, answer in zip(axes[0], images.y_test[chosen], said, strict=True):
        panel.set_title(f"{label}" if answer == label else f"{label}, said {answer}", fontsize=10)
    figure.suptitle(CONTENDERS[key].name, fontsize=11)
    return figure
