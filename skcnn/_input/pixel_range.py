"""Whether validation images have been scaled like the training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._warn import warn_caller
from skcnn.engine.standardization import check_pixel_size

SAMPLE_IMAGES, SAMPLE_SIDE = 200, 64  # images, and pixels of an image along each axis
TOLERANCE = 4.0  # ratio of contrasts; images may be darker or brighter
MANY_NEGATIVE, FEW_NEGATIVE = 0.2, 0.05  # shares of the pixels


@dataclass(frozen=True)
class _Sample:
    """Pixels of some images, in float64: (n, values)."""

    pixels: NDArray[np.float64]

    @classmethod
    def of(cls, images: NDArray[Any]) -> _Sample:
        n, height, width, _ = images.shape
        chosen = np.linspace(0, n - 1, min(n, SAMPLE_IMAGES)).astype(np.intp)
        rows, columns = (slice(None, None, -(-side // SAMPLE_SIDE)) for side in (height, width))
        pixels = images[:, rows, columns][chosen].astype(np.float64)
        return cls(pixels.reshape(len(chosen), -1))

    @property
    def contrasts(self) -> NDArray[np.float64]:
        """Standard deviation of each image's pixels."""
        return self.pixels.std(axis=1)

    @property
    def negative_shares(self) -> NDArray[np.float64]:
        """Share of each image's pixels that are negative."""
        return (self.pixels < 0).mean(axis=1)

    def __str__(self) -> str:
        lowest, highest = self.pixels.min(), self.pixels.max()
        mean, deviation = self.pixels.mean(), self.pixels.std()
        return (
            f"from {lowest:.4g} to {highest:.4g} (mean {mean:.4g}, standard deviation "
            f"{deviation:.4g})"
        )


def warn_if_other_range(images: NDArray[Any], validation: NDArray[Any]) -> None:
    """Warn if the pixels of the validation images do not have the range of `images`.

    Raises ValueError if they are too large for the network.
    """
    check_pixel_size(validation, "X_val")
    train, val = _Sample.of(images), _Sample.of(validation)
    if _other_contrast(train, val) or _other_level(train, val) or _other_sign(train, val):
        warn_caller(
            f"X_val has pixels {val}, but X has pixels {train}; expected validation images that "
            "are scaled like X. Scale X_val before you call fit, or let a Pipeline do it with "
            "transform_input=['X_val'] (see the example of ConvNetClassifier.fit).",
            UserWarning,
        )


def _other_contrast(train: _Sample, val: _Sample) -> bool:
    """The median contrast of the validation images is far from that of the training images."""
    # About where the median of so many training images can lie: the fewer, the wider.
    around = 0.45 / np.sqrt(len(val.pixels))
    low, high = np.quantile(train.contrasts, (0.5 - around, 0.5 + around))
    typical = np.median(val.contrasts)
    return bool(typical < low / TOLERANCE or typical > high * TOLERANCE)


def _other_level(train: _Sample, val: _Sample) -> bool:
    """Most validation images are on average far darker or brighter than any training pixel."""
    lowest, highest = train.pixels.min(), train.pixels.max()
    typical = np.median(val.pixels.mean(axis=1))
    width = highest - lowest
    return bool(typical < lowest - width or typical > highest + width)


def _other_sign(train: _Sample, val: _Sample) -> bool:
    """Only one of the two has been centred around zero."""
    train_negative, val_negative = train.negative_shares, val.negative_shares
    if not train_negative.any():
        return bool(val_negative.mean() > MANY_NEGATIVE)
    centred = val_negative > FEW_NEGATIVE
    if train_negative.mean() < MANY_NEGATIVE or centred.any():
        return False
    # It must not be an accident that all validation images are without negative pixels.
    without = np.count_nonzero(train_negative <= FEW_NEGATIVE)
    chance = (without + 1) / (len(train_negative) + 1)
    return bool(chance ** len(val_negative) < 0.01)
