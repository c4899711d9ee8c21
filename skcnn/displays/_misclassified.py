"""MisclassifiedDisplay: the images that a classifier gets wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length

from skcnn._input.labels import check_labels, comparable, find, kind_of, show
from skcnn._warn import warn_caller
from skcnn.displays._common import (
    check_most,
    check_total,
    columns_of,
    grid_axes,
    label_texts,
    show_image,
    view_images,
)
from skcnn.displays._estimators import confidence_of
from skcnn.engine.runtime.floating_point import ignore_underflow

if TYPE_CHECKING:
    from skcnn.displays._common import AxesLike


class MisclassifiedDisplay:
    """The images that a classifier gets wrong, the most confident mistakes first.

    Parameters
    ----------
    images : ndarray of shape (n_wrong, height, width, channels)
        The misclassified images.
    y_true : array-like of shape (n_wrong,)
        Their true labels.
    y_pred : array-like of shape (n_wrong,)
        Their predicted labels.
    confidence : array-like of shape (n_wrong,), default=None
        Confidence in each prediction, for example the probability of the predicted class.
    n_images : int, default=None
        Number of images that were classified, for the title.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (rows, columns)
        One per image shown. Those left over are switched off.
    figure_ : matplotlib Figure
        Figure of the axes.

    Raises
    ------
    ValueError
        If `n_images` is not an integer, or less than the number of `images`.

    Examples
    --------
    >>> from skcnn.datasets import load_digits_images
    >>> from skcnn.displays import MisclassifiedDisplay
    >>> X, y = load_digits_images()
    >>> y_pred = y.copy()
    >>> y_pred[3] = 8
    >>> display = MisclassifiedDisplay.from_predictions(X, y, y_pred)
    >>> display.y_true, display.y_pred
    (array([3]), array([8]))
    """

    def __init__(
        self,
        images: NDArray,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        confidence: ArrayLike | None = None,
        n_images: int | None = None,
    ):
        self.images = images
        self.y_true = check_labels(y_true, "y_true")
        self.y_pred = check_labels(y_pred, "y_pred")
        self.confidence = confidence if confidence is None else np.asarray(confidence)
        check_total(n_images, len(images))
        self.n_images = n_images

    @classmethod
    @ignore_underflow
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        image_shape: Sequence[int] | None = None,
        ax: AxesLike | None = None,
        max_images: int = 25,
        columns: int | None = None,
    ) -> Self:
        """Predict the labels of X and draw the images whose prediction differs from `y`.

        Parameters
        ----------
        estimator : fitted classifier
            Any classifier of images. Its confidence is the probability of the predicted class.
            Without `predict_proba` it is the decision value of the predicted class or, of more
            than two classes, the difference from the largest value of the others. It is small or
            negative if the classifier does not predict the class with the largest value.
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images, usually ones that the classifier was not trained on.
        y : array-like of shape (n,)
            Their true labels.
        image_shape : (h, w) or (h, w, channels), default=None
            Shape of the image in one row of a 2-D X. None takes it from the network, or assumes
            square images for other classifiers.
        ax : matplotlib Axes or sequence of Axes, default=None
            Axes to draw into. A single one is divided. None creates a new figure.
        max_images : int, default=25
            Largest number of images to draw.
        columns : int, default=None
            Number of images in a row. None means 5, or 8 if there are more than 10 images.

        Returns
        -------
        display : MisclassifiedDisplay

        Raises
        ------
        ValueError
            If X and `y` differ in length, if `image_shape` does not fit X, if `y` does not have one
            label for each image, if none of its labels is a class of the estimator, if that does
            not give one probability or decision value per class (as an SVC with
            ``decision_function_shape="ovo"``), or if `max_images` or `columns` is not positive.
        ImportError
            If matplotlib is not installed.

        Warns
        -----
        UserWarning
            If some labels of `y` are not classes of the estimator.

        Examples
        --------
        >>> from sklearn.svm import SVC
        >>> from skcnn.datasets import load_digits_images
        >>> from skcnn.displays import MisclassifiedDisplay
        >>> X, y = load_digits_images()
        >>> rows = X.reshape(len(X), -1)
        >>> svc = SVC(kernel="linear").fit(rows[:500], y[:500])
        >>> display = MisclassifiedDisplay.from_estimator(svc, rows[500:], y[500:], max_images=8)
        >>> len(display.images) == (svc.predict(rows[500:]) != y[500:]).sum()
        np.True_
        """
        check_most(max_images, "max_images")
        y = check_labels(y)
        classes = getattr(estimator, "classes_", None)
        if classes is not None:
            _check_known(y, check_labels(classes, "classes_"))
        y_pred = check_labels(estimator.predict(X), "y_pred")
        confidence = confidence_of(estimator, X, y_pred)
        images = view_images(X, image_shape, estimator)
        return cls.from_predictions(
            images,
            y,
            y_pred,
            confidence=confidence,
            image_shape=images.shape[1:],
            ax=ax,
            max_images=max_images,
            columns=columns,
        )

    @classmethod
    @ignore_underflow
    def from_predictions(
        cls,
        X: ArrayLike,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        confidence: ArrayLike | None = None,
        image_shape: Sequence[int] | None = None,
        ax: AxesLike | None = None,
        max_images: int = 25,
        columns: int | None = None,
    ) -> Self:
        """Draw the images whose predicted label differs from the true one.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            All images, right and wrong.
        y_true : array-like of shape (n,)
            True labels.
        y_pred : array-like of shape (n,)
            Predicted labels.
        confidence : array-like of shape (n,), default=None
            Confidence in each prediction. It sorts the images and is written above them.
        image_shape, ax, max_images, columns
            As in `from_estimator`.

        Returns
        -------
        display : MisclassifiedDisplay

        Raises
        ------
        ValueError
            If the lengths differ, if `image_shape` does not fit X, if `y_true` or `y_pred` does
            not have one label for each image, if only one of the two has numbers, or if
            `max_images` or `columns` is not positive.
        ImportError
            If matplotlib is not installed.

        Warns
        -----
        UserWarning
            If `y_true` and `y_pred` have no label in common, although both have several.
        """
        y_true, y_pred = check_labels(y_true, "y_true"), check_labels(y_pred, "y_pred")
        check_consistent_length(X, y_true, y_pred, confidence)
        _check_common(y_true, y_pred)
        images = view_images(X, image_shape)
        wrong = np.flatnonzero(y_true != y_pred)
        if confidence is not None:
            confidence = np.asarray(confidence)[wrong]
            order = np.argsort(-confidence, kind="stable")
            wrong, confidence = wrong[order], confidence[order]
        display = cls(
            images[wrong],
            y_true[wrong],
            y_pred[wrong],
            confidence=confidence,
            n_images=len(images),
        )
        return display.plot(ax=ax, max_images=max_images, columns=columns)

    @ignore_underflow
    def plot(
        self, ax: AxesLike | None = None, *, max_images: int = 25, columns: int | None = None
    ) -> Self:
        """Draw the images with their true and predicted labels.

        Parameters
        ----------
        ax, max_images, columns
            As in `from_estimator`.

        Returns
        -------
        display : MisclassifiedDisplay
            The display itself, with `axes_` and `figure_` set.

        Raises
        ------
        ValueError
            If `max_images` or `columns` is not positive.
        ImportError
            If matplotlib is not installed.
        """
        check_most(max_images, "max_images")
        shown = min(len(self.images), max_images)
        columns = columns_of(columns, 8 if shown > 10 else 5, max(shown, 1))
        rows = max(1, math.ceil(shown / columns))
        figsize = (max(1.35 * columns, 4.5), 1.75 * rows + 0.6)
        axes = grid_axes(type(self).__name__, ax, rows, columns, figsize)
        texts = label_texts([*self.y_true, *self.y_pred])
        for index, panel in enumerate(axes.flat):
            if index >= shown:
                panel.set_axis_off()
                continue
            show_image(panel, self.images[index])
            true, predicted = texts[index], texts[len(self.y_true) + index]
            if self.confidence is not None and not np.isnan(self.confidence[index]):
                predicted += f" ({self.confidence[index]:.2f})"
            panel.set_title(f"true {true}\npredicted {predicted}", fontsize=9)
        self.axes_, self.figure_ = axes, axes.flat[0].figure
        if not shown:
            axes.flat[0].text(0.5, 0.5, "no image misclassified", ha="center", va="center")
        elif ax is None:
            total = "" if self.n_images is None else f" of {self.n_images:,}"
            part = f", first {shown} shown" if shown < len(self.images) else ""
            self.figure_.suptitle(f"{len(self.images)}{total} images misclassified{part}")
        return self


def _check_known(y: NDArray, classes: NDArray) -> None:
    """Refuse labels none of which is a class; warn if only some are classes."""
    labels = np.unique(y)
    unknown = labels[find(labels, classes) < 0]
    if not len(unknown):
        return
    found = f"y has the labels {show(unknown)} ({kind_of(unknown)})"
    expected = f"classes of the estimator, {show(classes)} ({kind_of(classes)})"
    if len(unknown) == len(labels):
        raise ValueError(f"{found}; expected labels among the {expected}. Convert y.")
    warn_caller(
        f"{found} that are not among the {expected}. Their images count as misclassified.",
        UserWarning,
    )


def _check_common(y_true: NDArray, y_pred: NDArray) -> None:
    """Refuse labels that cannot be equal; warn if there are several and none is in common."""
    true, predicted = np.unique(y_true), np.unique(y_pred)
    found = (
        f"y_true has the labels {show(true)} ({kind_of(true)}) and y_pred {show(predicted)} "
        f"({kind_of(predicted)})"
    )
    if len(true) and not comparable(true, predicted):
        raise ValueError(f"{found}; expected labels of the same type. Convert one of the two.")
    if min(len(true), len(predicted)) > 1 and (find(true, predicted) < 0).all():
        warn_caller(
            f"{found}, none of them in common. All images count as misclassified.", UserWarning
        )
