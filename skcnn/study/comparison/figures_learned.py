"""The figures that show what the contenders have learned: filters, features, occlusion maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.displays import EmbeddingDisplay, OcclusionDisplay, ReconstructionDisplay
from skcnn.displays._common import label_texts
from skcnn.displays._points import class_legend
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.comparison.measured import FinalFit
from skcnn.study.data import Images, nested_order
from skcnn.study.figures import new_figure, panels_for

N_EXPLAINED = 6  # images with occlusion maps
MAX_MAPPED = 1_000  # images in a map of features
MAX_RECONSTRUCTED = 12


def learned(display: Any, model: Any, height: float) -> Any:
    """A display of what a pipeline has learned: its filters, or its loss."""
    figure, axes = new_figure(6, height)
    display.from_estimator(model, ax=axes[0, 0])
    return figure


def to_explain(final: dict[str, FinalFit], images: Images) -> NDArray:
    """Test images for occlusion maps: first some that CNN and HOG + SVC label differently."""
    differ = final["cnn"].labels(images) != final["hog_svc"].labels(images)
    first = [np.flatnonzero(images.y_test == label)[0] for label in np.unique(images.y_test)]
    chosen = [*np.flatnonzero(differ)[: N_EXPLAINED // 2], *first]
    return np.array(chosen[:N_EXPLAINED], dtype=int)


def occlusion(key: str, model: Any, chosen: NDArray, images: Images) -> Any:
    """On which pixels of the chosen images the score of the true class depends."""
    figure, axes = new_figure(10, 3.9, 2, len(chosen))
    X, y = images.X_test[chosen], images.y_test[chosen]
    OcclusionDisplay.from_estimator(
        model,
        X,
        y,
        image_shape=images.image_shape,
        # Probabilities near 1 hardly change when a patch hides something; their logarithms do.
        response_method="predict_log_proba" if key == "cnn" else "decision_function",
        relative=True,
        ax=axes,
    )
    predicted = model.predict(X)
    texts = label_texts([*y, *predicted])
    for number, panel in enumerate(axes[0]):
        wrong = "" if predicted[number] == y[number] else f", predicted {texts[len(y) + number]}"
        panel.set_title(f"{texts[number]}{wrong}", fontsize=10)
    figure.suptitle(CONTENDERS[key].look.label, fontsize=11)
    return figure


def reconstructions(pipeline: Any, images: Images) -> Any:
    """Test images, the first of each class, and what the autoencoder makes of their codes."""
    figure, axes = new_figure(10, 2.4)
    first = [np.flatnonzero(images.y_test == label)[0] for label in np.unique(images.y_test)]
    X = images.X_test[first[:MAX_RECONSTRUCTED]]
    ReconstructionDisplay.from_estimator(
        pipeline["autoencoder"],
        X,
        image_shape=images.image_shape,
        ax=axes[0, 0],
        max_images=MAX_RECONSTRUCTED,
    )
    return figure


def maps(fitted: dict[str, Any], images: Images) -> Any:
    """Maps of the features of some test images, a panel for each contender."""
    pipelines = {key: pipeline for key, pipeline in fitted.items() if key != "cnn"}
    figure, panels = panels_for(pipelines, 3.4, 3.4)
    chosen = nested_order(images.y_test, seed=0)[:MAX_MAPPED]
    X, labels = images.X_test[chosen], images.y_test[chosen].astype(str)
    points: dict[str, Any] = {}
    for panel, (key, pipeline) in zip(panels, pipelines.items(), strict=True):
        try:
            display = EmbeddingDisplay.from_estimator(pipeline, X, labels, random_state=0, ax=panel)
        except ValueError:  # of a single feature, or of features that are all equal
            panel.text(0.5, 0.5, "no map: the features hardly differ", ha="center")
            panel.set_axis_off()
        else:
            if (legend := panel.get_legend()) is not None:  # the same for all panels
                legend.remove()
                points = display.points_
        panel.set_title(CONTENDERS[key].look.label)
    if points:
        class_legend(figure, points, loc="outside lower center", ncols=6, fontsize=9)
    return figure
