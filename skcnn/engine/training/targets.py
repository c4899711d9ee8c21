"""What the network's output should be for each image.

Axes: t images of a tile, k outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.training.losses import Loss


class Targets(Protocol):
    """Writes the targets of a tile, and knows the losses that a useful training must beat."""

    def read(self, indices: NDArray[np.intp], images: NDArray[Any], out: NDArray[Any]) -> None:
        """Write the targets of the images of `indices`, (t, k), to `out`.

        `images` (t, h, w, channels) are these images as the network receives them.
        """

    def references(
        self, loss: Loss, indices: NDArray[np.intp], weights: NDArray[Any] | None
    ) -> tuple[float, float]:
        """The lowest mean loss on these images: of outputs that fit each of them, and that are the
        same for all. `weights` (n,) are those of all images.
        """


@dataclass(frozen=True)
class ClassTargets:
    """One of a few targets for each image.

    Attributes
    ----------
    labels : ndarray of int of shape (n,)
        Class of each image, 0 ... n_classes - 1.
    table : ndarray of shape (n_classes, k)
        Row c is the target of class c.
    """

    labels: NDArray[np.intp]
    table: NDArray[Any]

    def read(self, indices: NDArray[np.intp], images: NDArray[Any], out: NDArray[Any]) -> None:
        np.take(self.table, self.labels[indices], axis=0, out=out, mode="clip")

    def references(
        self, loss: Loss, indices: NDArray[np.intp], weights: NDArray[Any] | None
    ) -> tuple[float, float]:
        chosen = None if weights is None else weights[indices]
        counts = np.bincount(self.labels[indices], chosen, len(self.table))
        return loss.references(self.table.astype(np.float64), counts / counts.sum())


@dataclass(frozen=True)
class RowTargets:
    """A target of its own for each image: the rows of an array (n, k)."""

    rows: NDArray[Any]

    def read(self, indices: NDArray[np.intp], images: NDArray[Any], out: NDArray[Any]) -> None:
        np.take(self.rows, indices, axis=0, out=out, mode="clip")

    def references(
        self, loss: Loss, indices: NDArray[np.intp], weights: NDArray[Any] | None
    ) -> tuple[float, float]:
        shares = np.ones(len(indices)) if weights is None else weights[indices]
        rows = self.rows[indices].astype(np.float64)
        return loss.references(rows, shares / shares.sum())


@dataclass(frozen=True)
class ImageTargets:
    """Each image is its own target, flattened: for an autoencoder.

    Attributes
    ----------
    variance : float
        Mean squared difference of a pixel from the mean of its channel.
    """

    variance: float

    def read(self, indices: NDArray[np.intp], images: NDArray[Any], out: NDArray[Any]) -> None:
        np.copyto(out.reshape(images.shape), images)

    def references(
        self, loss: Loss, indices: NDArray[np.intp], weights: NDArray[Any] | None
    ) -> tuple[float, float]:
        return 0.0, 0.5 * self.variance
