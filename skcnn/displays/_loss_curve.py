"""LossCurveDisplay: loss and error after each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, is_classifier

from skcnn.displays._common import BLUE, VERMILION, grid_axes, plain_log_axis
from skcnn.displays._estimators import find_fitted
from skcnn.engine.runtime.floating_point import ignore_underflow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from skcnn.displays._common import AxesLike

_ACCEPTED = "ConvNetClassifier, ConvNetRegressor or ConvAutoencoder"
_LOOKS = {"training": (BLUE, "o"), "validation": (VERMILION, "s")}  # colour, marker


class LossCurveDisplay:
    """The loss after each epoch and, if there are scores, the error.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Mean training loss of each epoch (of each pass, for `partial_fit`).
    validation_scores : array-like of shape (n_epochs,), default=None
        Accuracy on the validation set after each epoch, in [0, 1].
    validation_loss_curve : array-like of shape (n_epochs,), default=None
        Mean loss on the validation set after each epoch.
    training_scores : array-like of shape (n_epochs,), default=None
        Accuracy on the training set after each epoch, in [0, 1].

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (1,) or (2,)
        Axes of the loss and, if there are scores, of the error.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : dict of str to matplotlib Line2D
        The curves by their legend labels.

    Raises
    ------
    ValueError
        If `loss_curve` is not one-dimensional, or is empty.

    Examples
    --------
    >>> from skcnn.displays import LossCurveDisplay
    >>> display = LossCurveDisplay([1.2, 0.5, 0.3], validation_scores=[0.8, 0.9, 0.95]).plot()
    >>> sorted(display.lines_)
    ['training loss', 'validation error']
    """

    def __init__(
        self,
        loss_curve: ArrayLike,
        *,
        validation_scores: ArrayLike | None = None,
        validation_loss_curve: ArrayLike | None = None,
        training_scores: ArrayLike | None = None,
    ):
        self.loss_curve = np.asarray(loss_curve, dtype=np.float64)
        if self.loss_curve.ndim != 1 or not len(self.loss_curve):
            raise ValueError(
                f"loss_curve has shape {self.loss_curve.shape}; expected (n_epochs,), with at "
                "least one epoch. Pass one mean loss per epoch."
            )
        self.validation_scores = _by_epoch(validation_scores)
        self.validation_loss_curve = _by_epoch(validation_loss_curve)
        self.training_scores = _by_epoch(training_scores)

    @classmethod
    @ignore_underflow
    def from_estimator(
        cls, estimator: BaseEstimator, *, ax: AxesLike | None = None, log_loss: bool = True
    ) -> Self:
        """Draw the loss curve of a fitted network.

        Parameters
        ----------
        estimator : ConvNetClassifier, ConvNetRegressor or ConvAutoencoder, or a Pipeline, \
                search or ensemble that contains one
            The fitted network, or the first of several. Its `loss_curve_` is drawn, and its
            `validation_loss_curve_` if it was fitted with a validation set
            (``early_stopping=True`` or ``fit(..., X_val=...)``). So are the `validation_scores_` of
            a classifier.
        ax : matplotlib Axes or sequence of Axes, default=None
            Axes to draw into. A single one is divided if there are two panels. None creates a new
            figure.
        log_loss : bool, default=True
            Whether the axis of the loss is logarithmic. It is linear if a loss is not positive.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        AttributeError
            If `estimator` contains no fitted network.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from skcnn import ConvNetClassifier
        >>> from skcnn.datasets import load_digits_images
        >>> from skcnn.displays import LossCurveDisplay
        >>> X, y = load_digits_images()
        >>> net = ConvNetClassifier(n_filters=4, max_iter=2, random_state=0)
        >>> net = net.fit(X[:200], y[:200], X_val=X[200:300], y_val=y[200:300])
        >>> LossCurveDisplay.from_estimator(net).axes_.shape
        (2,)
        """
        network = find_fitted(estimator, "loss_curve_", cls.__name__, _ACCEPTED)
        display = cls(
            network.loss_curve_,
            validation_scores=getattr(network, "validation_scores_", None)
            if is_classifier(network)  # others have no share of wrong images
            else None,
            validation_loss_curve=getattr(network, "validation_loss_curve_", None),
        )
        return display.plot(ax=ax, log_loss=log_loss)

    @ignore_underflow
    def plot(self, ax: AxesLike | None = None, *, log_loss: bool = True) -> Self:
        """Draw loss and error.

        Parameters
        ----------
        ax, log_loss
            As in `from_estimator`.

        Returns
        -------
        display : LossCurveDisplay
            The display itself, with `axes_`, `figure_` and `lines_` set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        losses = _given(
            {"training loss": self.loss_curve, "validation loss": self.validation_loss_curve}
        )
        scores = _given(
            {"training error": self.training_scores, "validation error": self.validation_scores}
        )
        panels = 2 if scores else 1
        axes = grid_axes(type(self).__name__, ax, 1, panels, (4.8 * panels, 3.6))[0]
        self.lines_: dict[str, Line2D] = {}
        for label, loss in losses.items():
            self._draw(axes[0], label, loss)
        for label, score in scores.items():
            self._draw(axes[1], label, 100 * (1 - score))
        if log_loss and min(np.nanmin(loss) for loss in losses.values()) > 0:
            plain_log_axis(axes[0])
        axes[0].set_ylabel("mean loss per image")
        if scores:
            axes[1].set_ylabel("error (% of images)")
            axes[1].set_ylim(bottom=0)
        for panel in axes:
            panel.set_xlabel("epoch")
            panel.xaxis.get_major_locator().set_params(integer=True)
            panel.grid(alpha=0.3)
            panel.legend()
        self.axes_, self.figure_ = axes, axes[0].figure
        return self

    def _draw(self, panel: Axes, label: str, values: NDArray) -> None:
        """Draw one curve in the colour and with the marker of its set of images."""
        colour, marker = _LOOKS[label.split()[0]]
        (self.lines_[label],) = panel.plot(
            np.arange(1, len(values) + 1),
            values,
            color=colour,
            marker=marker,
            markersize=3.5,
            label=label,
        )


def _by_epoch(values: ArrayLike | None) -> NDArray[np.float64] | None:
    """One value per epoch as a float array; None if there is no number to draw."""
    if values is None:
        return None
    curve = np.asarray(values, dtype=np.float64)
    return curve if np.isfinite(curve).any() else None


def _given(curves: dict[str, NDArray | None]) -> dict[str, NDArray]:
    """The curves that are not None."""
    return {label: values for label, values in curves.items() if values is not None}
