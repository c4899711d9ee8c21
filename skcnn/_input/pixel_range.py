"""Whether validation images have been scaled like the training images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._warn import warn_caller
from skcnn.engine.standardization import check_pixel_size

SAMPLE_IMAGES, SAMPLE_VALUES = 200, 2**13  # images, and about the values of each
TOLERANCE = 4.0  # ratio of contrasts; images may be darker or brighter
LEAST_RATIO = 2.0  # of the standard deviations of all pixels, besides
MANY_NEGATIVE, FEW_NEGATIVE = 0.2, 0.05  # shares of the pixels

Sample = NDArray[np.float64]  # (images, values): some pixels of some images


def warn_if_other_range(images: NDArray[Any], validation: NDArray[Any]) -> None:
    """Warn if the pixels of the validation images do not have the range of `images`.

    Raises ValueError if they are too large for the network.
    """
    check_pixel_size(validation, "X_val")
    train, val = _sample(images), _sample(validation)
    if _other_contrast(train, val) or _other_level(train, val) or _other_sign(train, val):
        warn_caller(
            f"X_val has pixels {_describe(val)}, but X has pixels {_describe(train)}; expected "
            "validation images that are scaled like X. Scale X_val before you call fit, or let a "
            "Pipeline do it with transform_input=['X_val'] (see the example of "
            "ConvNetClassifier.fit).",
            UserWarning,
        )


def _sample(images: NDArray[Any]) -> Sample:
    n, height, width, n_channels = images.shape
    chosen = np.linspace(0, n - 1, min(n, SAMPLE_IMAGES)).astype(np.intp)
    most = max(1, math.isqrt(SAMPLE_VALUES // n_channels))  # pixels along each axis
    rows, columns = (slice(None, None, -(-side // most)) for side in (height, width))
    return images[:, rows, columns][chosen].astype(np.float64).reshape(len(chosen), -1)


def _describe(sample: Sample) -> str:
    return (
        f"from {sample.min():.4g} to {sample.max():.4g} (mean {sample.mean():.4g}, standard "
        f"deviation {sample.std():.4g})"
    )


def _other_contrast(train: Sample, val: Sample) -> bool:
    """The median contrast of the validation images is far from that of the training images."""
    # The median of as many training images is likely to lie between these; the fewer, the wider.
    around = 0.45 / np.sqrt(len(val))
    low, high = np.quantile(train.std(axis=1), (0.5 - around, 0.5 + around))
    typical = np.median(val.std(axis=1))
    # If half of the images are blank, the median may be that of a blank image by chance.
    lower = typical < low / TOLERANCE and val.std() < train.std() / LEAST_RATIO
    higher = typical > high * TOLERANCE and val.std() > train.std() * LEAST_RATIO
    return bool(lower or higher)


def _other_level(train: Sample, val: Sample) -> bool:
    """Most validation images are on average far darker or brighter than any training pixel."""
    lowest, highest = train.min(), train.max()
    typical = np.median(val.mean(axis=1))
    width = highest - lowest
    return bool(typical < lowest - width or typical > highest + width)


def _other_sign(train: Sample, val: Sample) -> bool:
    """Only one of the two has been centred around zero."""
    train_shares, val_shares = ((sample < 0).mean(axis=1) for sample in (train, val))
    if not train_shares.any():
        return bool(val_shares.mean() > MANY_NEGATIVE)
    if train_shares.mean() < MANY_NEGATIVE or (val_shares > FEW_NEGATIVE).any():
        return False
    # It must not be an accident that all validation images are without negative pixels.
    without = np.count_nonzero(train_shares <= FEW_NEGATIVE)
    chance = (without + 1) / (len(train) + 1)
    return bool(chance ** len(val) < 0.01)
