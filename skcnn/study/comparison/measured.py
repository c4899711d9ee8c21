"""What a comparison measures: scores of the searches, fits of the learning curves, final fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skcnn.study.comparison.contenders import Params
from skcnn.study.data import Images
from skcnn.study.mistakes import Mistakes
from skcnn.study.statistics import error_interval


@dataclass(frozen=True)
class Scores:
    """A setting in the cross-validation: `wrong` of `tested` images are misclassified in all folds.

    `spread` is the standard deviation of the error over the folds. `fit_seconds` and
    `score_seconds` are means, `images` is the number of training images. If a setting was tried
    with several numbers of images, all this is about the largest one; `total_seconds` is the time
    of all fits.
    """

    wrong: int
    tested: int
    spread: float
    fit_seconds: float
    score_seconds: float
    images: int
    total_seconds: float

    @property
    def error(self) -> float:
        """Mean error, in which every image has the same weight."""
        return self.wrong / self.tested


@dataclass(frozen=True)
class Candidate(Scores):
    """A setting that a search tried; `order` is its position in the search."""

    params: Params
    order: int


@dataclass(frozen=True)
class Search:
    """The search of a contender: its candidates, best first, of `total` in the grid.

    Candidates that were tried with more images come before the others. `images` is the number of
    images to search on, `epochs` that of a network's fit.
    """

    rows: list[Candidate]
    total: int
    images: int
    folds: int
    epochs: int

    @property
    def seconds(self) -> float:
        """Time of all fits together."""
        return sum(row.total_seconds for row in self.rows)

    @property
    def sizes(self) -> list[int]:
        """The numbers of training images of the fits, largest first."""
        return sorted({row.images for row in self.rows}, reverse=True)


@dataclass(frozen=True)
class Fit(Mistakes):
    """Mistakes and times of one fit; `seconds` includes its predictions.

    Where features were learned before, `fit_seconds` is the time of the classifier alone.
    """

    fit_seconds: float
    seconds: float


@dataclass(frozen=True)
class FinalFit(Fit):
    """A fit on all training images, with its costs and its predictions of the test images.

    `predict_seconds` is for all test images, `single_predict_seconds` for one; `peak_bytes` is the
    memory beyond that of the process before the fit, None if the system does not tell;
    `confidence` belongs to the predicted label: its probability, or the lead of its decision
    value.
    """

    predict_seconds: float
    single_predict_seconds: float
    peak_bytes: int | None
    model_bytes: int
    predicted: list
    confidence: list[float]

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the test error."""
        return error_interval(self.wrong, self.tested)

    def labels(self, images: Images) -> NDArray:
        """The predicted labels, in the type of the labels of the training images.

        By themselves, integers beyond 63 bits in the list would become floating-point numbers.
        """
        return np.asarray(self.predicted, dtype=images.y_train.dtype)


class FitKey(NamedTuple):
    """A fit of the learning curves; `share` is in percent of the training images."""

    contender: str
    share: float
    images: int
    seed: int
