"""Settings: of a rerun, of the paper's training, and of today's training of the same network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.classifier import ConvNetClassifier
from skcnn.study.published import TABLE2_SECONDS
from skcnn.study.settings import StudySettings

BATCH = 256  # images per iteration
TEN_HOURS = round(36_000 / TABLE2_SECONDS["none"])  # iterations: 1,181
THREE_HOURS = round(10_800 / TABLE2_SECONDS["none"])  # iterations, for the heatmaps: 354
QUARTER_HOUR = TEN_HOURS / 40  # iterations between two points of Fig. 8
GD_ITERATIONS = 5  # of full-batch gradient descent in the paper's ten hours
IMAGE_SIDE = 28  # pixels
GREY_LEVELS = 256  # the paper divides pixels by this


@dataclass(frozen=True, kw_only=True)
class Settings(StudySettings):
    """The settings of a rerun; `skcnn.study.paper2014.run` documents them."""

    data: Any = "mnist"
    out: Path = Path("skcnn-paper")


def paper_rate(iteration: int) -> float:
    """Learning rate of an iteration, counted from 0."""
    return 150 / (150 + iteration)


def paper_momentum(iteration: int) -> float:
    """Momentum of an iteration, counted from 0."""
    return 0.5 if iteration < 20 else 0.9


def last_commit_rate(iteration: int) -> float:
    """Learning rate in the last commit of the published code."""
    return 5 / (50 + iteration)


# The paper's default network (its Table 1), the same in all protocols.
NETWORK: dict[str, Any] = {
    "n_filters": 64,
    "filter_size": 13,
    "padding": "valid",
    "pool_regions": 2,
    "pooling": "mean",
    "hidden_layer_sizes": (),
    "activation": "sigmoid",
    "output_activation": "softmax",
    "normalization": None,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "alpha": 0.0,
}
# Training as published.
PAPER: dict[str, Any] = {
    **NETWORK,
    "weight_init": "uniform",  # U[-1, 1), weights and biases
    "solver": "sgd",
    "learning_rate": paper_rate,
    "momentum": paper_momentum,
    "nesterovs_momentum": False,
    "batch_size": BATCH,
    "shuffle": "replacement",
    "standardize": False,  # `paper_pixels` divides by 256 instead
    "max_iter": 5,  # epochs; 1,175 iterations on 60,000 images
}
# The same with the learning rate and the momentum in the last commit of the published code.
LAST_COMMIT: dict[str, Any] = {**PAPER, "learning_rate": last_commit_rate, "momentum": 0.95}
# The same network with a training of today.
TODAY: dict[str, Any] = {
    **NETWORK,
    "weight_init": "auto",
    "solver": "adam",
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,  # errors on held-out images are alike from 0.01 to 0.03
    "batch_size": 64,
    "standardize": True,
    "max_iter": 5,
}
PROTOCOLS = {"published": PAPER, "today": TODAY, "last commit": LAST_COMMIT}
TODAY_GD_RATE = 0.1  # for full-batch gradient descent; larger rates overshoot within five steps


def paper_classifier(**changes: Any) -> ConvNetClassifier:
    """The paper's network with the paper's training.

    The images must be scaled to [0, 255 / 256], as `skcnn.study.paper2014.settings.paper_pixels`
    does. Settings that the text of the paper omits (mini-batch size, schedules, initial weights)
    are from its full report and its published code.

    Parameters
    ----------
    **changes
        Parameters of `ConvNetClassifier` to change.

    Returns
    -------
    classifier : ConvNetClassifier
        Not fitted. `fit` makes five passes over the training images.

    Raises
    ------
    TypeError
        If `ConvNetClassifier` has no parameter of that name.

    References
    ----------
    F. Bastani and Z. Wang, "Convolutional Neural Networks for Classifying Handwritten Digits",
    2014.

    Examples
    --------
    >>> from skcnn.study.paper2014 import paper_classifier
    >>> net = paper_classifier(hidden_layer_sizes=(10,))
    >>> net.filter_size, net.n_filters, net.pool_regions, net.hidden_layer_sizes
    (13, 64, 2, (10,))
    """
    return ConvNetClassifier(**{**PAPER, **changes})


def today_classifier(**changes: Any) -> ConvNetClassifier:
    """The paper's network trained as is usual today: Adam, one cycle, Glorot initialization.

    Parameters, result and errors are those of `paper_classifier`.

    Examples
    --------
    >>> from skcnn.study.paper2014 import today_classifier
    >>> today_classifier().solver
    'adam'
    """
    return ConvNetClassifier(**{**TODAY, **changes})


def paper_pixels(X: NDArray, largest: float = GREY_LEVELS - 1) -> NDArray[np.float32]:
    """Pixels scaled as in the paper: 0 to 255, divided by 256. In X, white is `largest`."""
    factor = (GREY_LEVELS - 1) / largest / GREY_LEVELS
    return np.multiply(X, np.float32(factor), dtype=np.float32)
