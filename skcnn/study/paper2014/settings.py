"""The paper's settings, in one place, and the same network with our way of training.

Contains `PAPER`, `paper_classifier`, `TODAY`, `today_classifier`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skcnn.classifier import ConvNetClassifier
from skcnn.engine.training.optimizers import one_cycle

BATCH = 256  # images of an iteration
SECONDS_PER_ITERATION = 30.48  # Table 2, no hidden layer
TEN_HOURS = 1181  # iterations, at 30.48 seconds each
THREE_HOURS = 354  # of the heatmaps
QUARTER_HOUR = TEN_HOURS / 40  # between two points of Fig. 8
LONGER = 2  # times the iterations, where the rerun asks whether the paper trained longer
GD_ITERATIONS = 5  # what full-batch gradient descent did in ten hours
IMAGE_SIDE = 28  # pixels
GREY_LEVELS = 256  # by which pixels are divided


def paper_rate(iteration: int) -> float:
    """The learning rate of an iteration, counted from 0: 150 / (150 + i).

    Examples
    --------
    >>> from skcnn.study.paper2014.settings import paper_rate
    >>> paper_rate(0), paper_rate(150)
    (1.0, 0.5)
    """
    return 150 / (150 + iteration)


def paper_momentum(iteration: int) -> float:
    """The momentum of an iteration, counted from 0: 0.5, after 20 iterations 0.9.

    Examples
    --------
    >>> from skcnn.study.paper2014.settings import paper_momentum
    >>> paper_momentum(19), paper_momentum(20)
    (0.5, 0.9)
    """
    return 0.5 if iteration < 20 else 0.9


def last_commit_rate(iteration: int) -> float:
    """The learning rate in the last commit of the published code: 5 / (50 + i).

    Examples
    --------
    >>> from skcnn.study.paper2014.settings import last_commit_rate
    >>> last_commit_rate(0), last_commit_rate(50)
    (0.1, 0.05)
    """
    return 5 / (50 + iteration)


NETWORK = {
    "n_filters": 64,
    "filter_size": 13,
    "padding": "valid",
    "pool_regions": 2,
    "pooling": "mean",
    "hidden_layer_sizes": (),
    "activation": "sigmoid",
    "output_activation": "softmax",
    "dropout": 0.0,
}
"""The paper's network (its Table 1), which both ways of training share."""

PAPER = {
    **NETWORK,
    "label_smoothing": 0.0,
    "weight_init": "uniform",  # U[-1, 1), weights and biases
    "solver": "sgd",
    "learning_rate": paper_rate,
    "momentum": paper_momentum,
    "nesterovs_momentum": False,
    "alpha": 0.0,
    "batch_size": BATCH,
    "shuffle": "replacement",
    "standardize": False,  # instead, pixels are divided by 256: `paper_pixels`
    "max_iter": 5,  # epochs; of 60,000 images: 1,175 iterations
}
"""The paper's way of training, as published."""

LAST_COMMIT = {**PAPER, "learning_rate": last_commit_rate, "momentum": 0.95}
"""The same with the rate and momentum that the published code ended up with."""

TODAY = {
    **NETWORK,
    "label_smoothing": 0.0,
    "weight_init": "auto",
    "solver": "adam",
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,  # from 0.01 to 0.03 the errors on held-out images are alike
    "alpha": 0.0,
    "batch_size": 64,
    "standardize": True,
    "max_iter": 5,
}
"""The same network, trained as one would today."""

TODAY_GD_RATE = 0.1  # of full-batch gradient descent; higher ones overshoot within five steps


def paper_classifier(**changes) -> ConvNetClassifier:
    """The paper's network and training, exactly.

    Its images are numbers from 0 to 255 / 256, see `paper_pixels`. What is not in the text of the
    paper (the size of a mini-batch, the schedules, the start) is from its full report and its
    published code.

    Parameters
    ----------
    **changes
        Parameters of `ConvNetClassifier` that are to differ.

    Returns
    -------
    classifier : ConvNetClassifier
        Not fitted. Its `fit` makes five passes; `skcnn.study.paper2014.fits` counts iterations.

    Raises
    ------
    TypeError
        If a name is no parameter of `ConvNetClassifier`.

    Examples
    --------
    >>> from skcnn.study.paper2014 import paper_classifier
    >>> net = paper_classifier(hidden_layer_sizes=(10,))
    >>> net.filter_size, net.n_filters, net.pool_regions, net.hidden_layer_sizes
    (13, 64, 2, (10,))
    """
    return ConvNetClassifier(**{**PAPER, **changes})


def today_classifier(**changes) -> ConvNetClassifier:
    """The paper's network with today's training: Adam, one cycle, He's or Glorot's start.

    Parameters
    ----------
    **changes
        Parameters of `ConvNetClassifier` that are to differ.

    Returns
    -------
    classifier : ConvNetClassifier
        Not fitted. Five passes, as many as the paper's ten hours.

    Raises
    ------
    TypeError
        If a name is no parameter of `ConvNetClassifier`.

    Examples
    --------
    >>> from skcnn.study.paper2014 import today_classifier
    >>> today_classifier().solver
    'adam'
    """
    return ConvNetClassifier(**{**TODAY, **changes})


@dataclass(frozen=True)
class OneCycle:
    """The one-cycle schedule over a known number of steps, for `partial_fit`: step -> rate.

    Examples
    --------
    >>> from skcnn.study.paper2014.settings import OneCycle
    >>> rate = OneCycle(highest=0.01, steps=100)
    >>> rate(20), rate(100)
    (0.01, 0.0)
    """

    highest: float
    steps: int

    def __call__(self, step: int) -> float:
        return self.highest * one_cycle(step, step / self.steps)


def paper_pixels(X: NDArray, largest: float = GREY_LEVELS - 1) -> NDArray[np.float32]:
    """Pixels as the paper's network sees them: 0 to 255, divided by 256.

    Parameters
    ----------
    X : ndarray
        Images.
    largest : float, default=255
        What is white in X (16 in scikit-learn's digits).

    Returns
    -------
    images : ndarray of float32, of the shape of X

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.study.paper2014.settings import paper_pixels
    >>> paper_pixels(np.array([0, 128, 255], dtype=np.uint8)).tolist()
    [0.0, 0.5, 0.99609375]
    """
    factor = (GREY_LEVELS - 1) / largest / GREY_LEVELS
    return np.multiply(X, np.float32(factor), dtype=np.float32)
