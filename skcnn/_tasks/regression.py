"""Regression: one or several numbers for each image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import r2_score

from skcnn._input.labels import check_same_length
from skcnn._input.values import check_values
from skcnn._tasks.statistics import statistics_of
from skcnn._tasks.task import OutputsTask, Weights, other_form
from skcnn.engine.network import Network
from skcnn.engine.standardization import LARGEST_VALUE, ChannelStatistics
from skcnn.engine.training.losses import SquaredError
from skcnn.engine.training.targets import RowTargets, Targets


class Regression(OutputsTask):
    """Real targets, which the network learns in standardized form.

    Parameters
    ----------
    values : ndarray of float64 of shape (n,) or (n, n_targets)
    """

    score_name = "R2"
    constant = "the mean of the targets"

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.key = values.reshape(len(values), -1)
        self.n_outputs, self.loss = self.key.shape[1], SquaredError()
        self.strata = np.zeros(len(values), np.intp)
        self.attributes = {"_is_1d": values.ndim == 1}

    def prepare(
        self,
        work: Any,
        train: NDArray[np.intp],
        weights: Weights,
        *,
        incremental: bool,
        resume: bool,
    ) -> None:
        """Set `target_mean_` and `target_scale_`: in `partial_fit`, those of all targets so far.

        In a warm start, they are those of the new targets, and the network predicts these in their
        units. In `partial_fit`, the output layer is adapted, so that the predictions stay the same
        ("Pop-Art": van Hasselt et al., "Learning values across many orders of magnitude", NeurIPS
        2016).
        """
        targets = self.key[:, None, None, :]
        statistics = statistics_of(targets, train, weights, incremental=incremental)
        if resume and incremental:
            before, statistics = work._target_statistics, work._target_statistics.merged(statistics)
            _keep_predictions(work.network_, before, statistics)
        work._target_statistics = statistics
        work.target_mean_, work.target_scale_ = statistics.mean, statistics.scale

    def targets(self, work: Any) -> Targets:
        rows = (self.key - work.target_mean_) / work.target_scale_
        return RowTargets(rows.astype(work.network_.dtype))

    def score(self, z: NDArray[Any], targets: NDArray[Any], weights: Weights) -> float:
        """R2, the mean over the targets; NaN for a single image."""
        if len(z) < 2:
            return math.nan
        return float(r2_score(targets, z, sample_weight=weights))


def _keep_predictions(network: Network, old: ChannelStatistics, new: ChannelStatistics) -> None:
    """Change the output layer so that with the new mean and scale it predicts the same."""
    # Of targets that were all equal so far, the scale of one is only a placeholder.
    scale = np.where(old.deviation > 0, old.scale, new.scale)
    weights, bias = network.layer_parameters[-2].weights, network.layer_parameters[-1].bias
    weights[:] = weights * (scale / new.scale)
    bias[:] = (bias * scale + old.mean - new.mean) / new.scale


def read_values(
    y: ArrayLike, images: NDArray[Any], X_name: str = "X", y_name: str = "y"
) -> NDArray[np.float64]:
    """Real targets, (n,) or (n, n_targets), in float64.

    Raises
    ------
    ValueError
        If they are not finite real numbers of at most 1e30, one or one row for each image.
    """
    values = check_values(y, y_name)
    if values.ndim not in (1, 2) or 0 in values.shape[1:]:
        raise ValueError(
            f"{y_name} has shape {values.shape}; expected (n,) or (n, n_targets): one number for "
            f"each image, or a row of them. Reshape {y_name}."
        )
    check_same_length(images, values, X_name, y_name, "target" if values.ndim == 1 else "row")
    largest = np.abs(values).max(initial=0)
    if largest > LARGEST_VALUE:
        raise ValueError(
            f"{y_name} has values as large as {largest:g}; expected at most {LARGEST_VALUE:g}. "
            f"Divide {y_name} by a suitable number."
        )
    return values


def check_same_form(
    values: NDArray[np.float64], n_targets: int | None, *, of_validation: bool = False
) -> None:
    """Check that there are as many targets as before; `n_targets` is None for a y of shape (n,)."""
    if values.shape[1:] != (() if n_targets is None else (n_targets,)):
        form = "(n,)" if n_targets is None else f"(n, {n_targets})"
        raise other_form(f"has shape {values.shape}", form, of_validation=of_validation)
