"""LossCurveDisplay: loss and error by epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skcnn.displays._common import BLUE, VERMILION, find_fitted, grid_axes, plain_log_axis


class LossCurveDisplay:
    """How training went: the loss by epoch and, if there was a validation set, its error.

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
        Loss, then error (if there is one to show).
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib Line2D
        By legend label.

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
                "least one epoch."
            )
        self.validation_scores = _by_epoch(validation_scores)
        self.validation_loss_curve = _by_epoch(validation_loss_curve)
        self.training_scores = _by_epoch(training_scores)

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, log_loss=True):
        """Draw the training of a fitted network.

        Parameters
        ----------
        estimator : ConvNetClassifier, or a fitted Pipeline or search that holds one
            Its `loss_curve_` is drawn, and `validation_scores_` where the fit had a validation
            set (``early_stopping=True`` or ``fit(..., X_val=..., y_val=...)``).
        ax : matplotlib Axes or sequence of Axes, default=None
            Where to draw; one is divided if two panels are needed. None: a new figure.
        log_loss : bool, default=True
            A logarithmic axis for the loss.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        AttributeError
            If no fitted network is inside `estimator`.
        ImportError
            Without matplotlib.

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
        network = find_fitted(estimator, "loss_curve_", cls.__name__)
        display = cls(
            network.loss_curve_,
            validation_scores=getattr(network, "validation_scores_", None),
        )
        return display.plot(ax=ax, log_loss=log_loss)

    def plot(self, ax=None, *, log_loss=True):
        """Draw loss and error; the parameters are those of `from_estimator`.

        Returns
        -------
        display : LossCurveDisplay
            Itself, with `axes_`, `figure_` and `lines_` set.
        """
        errors = {
            "training error": self.training_scores,
            "validation error": self.validation_scores,
        }
        has_errors = any(scores is not None for scores in errors.values())
        panels = 2 if has_errors else 1
        axes = grid_axes(type(self).__name__, ax, 1, panels, (4.8 * panels, 3.6))[0]
        colours = {"training": BLUE, "validation": VERMILION}
        self.lines_ = {}

        def draw(panel, label, values):
            which = label.split()[0]
            (self.lines_[label],) = panel.plot(
                np.arange(1, len(values) + 1),
                values,
                color=colours[which],
                marker="o" if which == "training" else "s",
                markersize=3.5,
                label=label,
            )

        draw(axes[0], "training loss", self.loss_curve)
        if self.validation_loss_curve is not None:
            draw(axes[0], "validation loss", self.validation_loss_curve)
        if log_loss and min(line.get_ydata().min() for line in self.lines_.values()) > 0:
            plain_log_axis(axes[0])
        axes[0].set_ylabel("mean loss per image")
        for label, scores in errors.items():
            if scores is not None:
                draw(axes[1], label, 100 * (1 - scores))
        if has_errors:
            axes[1].set_ylabel("error (% of images)")
            axes[1].set_ylim(bottom=0)
        for panel in axes:
            panel.set_xlabel("epoch")
            panel.xaxis.get_major_locator().set_params(integer=True)
            panel.grid(alpha=0.3)
            panel.legend()
        self.axes_, self.figure_ = axes, axes[0].figure
        return self


def _by_epoch(values: ArrayLike | None):
    """A float array of one value per epoch; None stays, and so does a curve without epochs."""
    if values is None or np.size(values) == 0:
        return None
    return np.asarray(values, dtype=np.float64)
