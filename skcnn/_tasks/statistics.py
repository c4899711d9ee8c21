"""Mean and variance of what a network is trained on: images, or the targets of a regression."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._tasks.task import Weights
from skcnn.engine.standardization import ChannelStatistics


def statistics_of(
    values: NDArray[Any], train: NDArray[np.intp], weights: Weights, *, incremental: bool
) -> ChannelStatistics:
    """Statistics of those of the values (n, h, w, channels) that `train` selects.

    `weights` (n,) are those of all values. Only in `partial_fit`, if `incremental`, does their sum
    matter, when the statistics are merged with those of other calls.
    """
    counts = np.zeros(len(values))
    counts[train] = 1 if weights is None else weights[train]
    statistics = ChannelStatistics.of(values, counts)
    if incremental:
        return statistics
    return dataclasses.replace(statistics, weight=float(len(train)))
