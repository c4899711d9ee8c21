"""The mean and the scale by which an estimator standardizes images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._fitting.problem import Problem
from skcnn._tasks.statistics import statistics_of
from skcnn.engine.standardization import check_pixel_size


def set_mean_and_scale(
    work: Any, problem: Problem, train: NDArray[np.intp], *, incremental: bool, resume: bool
) -> None:
    """Set `mean_` and `scale_`: in `partial_fit`, those of all images seen so far.

    With ``standardize=False``, the images count, but `mean_` and `scale_` stay as they are. Raises
    ValueError if pixels are too large.
    """
    if resume and not incremental:
        # In a warm start, the weights have been trained with this mean and scale.
        check_pixel_size(problem.images, "X")
        return
    statistics = statistics_of(problem.images, train, problem.weights, incremental=incremental)
    if not resume:
        n_channels = problem.shape[2]
        work.mean_, work.scale_ = np.zeros(n_channels), np.ones(n_channels)
    if resume:
        statistics = work._statistics.merged(statistics)
    work._statistics = statistics
    if work.standardize:
        work.mean_, work.scale_ = statistics.mean.copy(), statistics.scale
