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
LEAST_RATIO = 2.0  # of the standard deviations of all pixels, too
MANY_NEGATIVE, FEW_NEGATIVE = 0.2, 0.05  # shares of the pixels
MOST_CHANCE = 0.01  # of a difference by accident

Sample = NDArray[np.float64]  # (images, values, channels): some pixels of some images
Verdicts = NDArray[np.bool_]  # (channels,)


def warn_if_other_range(
    images: NDArray[Any],
    validation: NDArray[Any],
    names: tuple[str, str] = ("X", "X_val"),
    remedy: str = (
        "Scale X_val before you call fit, or let a Pipeline do it with transform_input=['X_val'] "
        "(see the example of ConvNetClassifier.fit)."
    ),
) -> None:
    """Warn if the pixels of the validation images do not have the range of `images`.

    The pixels of all channels are compared, and those of each channel. The message calls the two
    arrays `names` and says what to do, `remedy`.

    Raises ValueError if the validation images are too large for the network.
    """
    check_pixel_size(validation, names[1])
    train, val = _sample(images), _sample(validation)
    channel = _channel_of_other_range(train, val)
    if channel is None:
        return
    where = ""
    if channel >= 0:
        train, val = train[..., [channel]], val[..., [channel]]
        where = f" in channel {channel} (counted from 0)"
    warn_caller(
        f"{names[1]} has pixels {_describe(val)}{where}, but {names[0]} has pixels "
        f"{_describe(train)}; expected images that are scaled like {names[0]}. {remedy}",
        UserWarning,
    )


def _channel_of_other_range(train: Sample, val: Sample) -> int | None:
    """The first channel of another range; -1 if that of all channels together differs."""
    all_train, all_val = (sample.reshape(len(sample), -1, 1) for sample in (train, val))
    if _differ(all_train, all_val, n_tests=1).any():
        return -1
    n_channels = train.shape[2]
    # A few images may well be unusual in one of many channels, by chance.
    if n_channels == 1 or n_channels * (len(train) + 1) ** (-len(val) / 2) > MOST_CHANCE:
        return None
    differing = np.flatnonzero(_differ(train, val, n_tests=n_channels))
    return int(differing[0]) if len(differing) else None


def _differ(train: Sample, val: Sample, n_tests: int) -> Verdicts:
    """Whether each channel has another range; the more tests, the clearer it must be."""
    return (
        _other_contrast(train, val, n_tests)
        | _other_level(train, val)
        | _other_sign(train, val, n_tests)
    )


def _sample(images: NDArray[Any]) -> Sample:
    n, height, width, n_channels = images.shape
    chosen = np.linspace(0, n - 1, min(n, SAMPLE_IMAGES)).astype(np.intp)
    most = max(1, math.isqrt(SAMPLE_VALUES // n_channels))  # pixels along each axis
    rows, columns = (slice(None, None, -(-side // most)) for side in (height, width))
    sample = images[:, rows, columns][chosen].astype(np.float64)
    return sample.reshape(len(chosen), -1, n_channels)


def _describe(sample: Sample) -> str:
    return (
        f"from {sample.min():.4g} to {sample.max():.4g} (mean {sample.mean():.4g}, standard "
        f"deviation {sample.std():.4g})"
    )


def _other_contrast(train: Sample, val: Sample, n_tests: int) -> Verdicts:
    """The median contrast of the validation images is far from that of the training images."""
    # The median of as many training images is likely to lie between these; the fewer, the wider.
    around = min(0.5, 0.45 / math.sqrt(len(val)) * (1 + math.sqrt(2 * math.log(n_tests))))
    low, high = np.quantile(train.std(axis=1), (0.5 - around, 0.5 + around), axis=0)
    typical = np.median(val.std(axis=1), axis=0)
    # If half of the images are blank, the median may be that of a blank image by chance.
    train_std, val_std = train.std(axis=(0, 1)), val.std(axis=(0, 1))
    lower = (typical < low / TOLERANCE) & (val_std < train_std / LEAST_RATIO)
    rounding = 1e-12 * np.abs(train).max(axis=(0, 1))  # in the contrast of a blank image
    higher = (typical > high * TOLERANCE + rounding) & (val_std > train_std * LEAST_RATIO)
    return lower | higher


def _other_level(train: Sample, val: Sample) -> Verdicts:
    """Most validation images are on average far darker or brighter than any training pixel."""
    lowest, highest = train.min(axis=(0, 1)), train.max(axis=(0, 1))
    typical = np.median(val.mean(axis=1), axis=0)
    width = np.maximum(highest - lowest, 1e-6 * np.abs(highest))  # at least the rounding
    return (typical < lowest - width) | (typical > highest + width)


def _other_sign(train: Sample, val: Sample, n_tests: int) -> Verdicts:
    """Only one of the two has been centred around zero."""
    train_shares, val_shares = ((sample < 0).mean(axis=1) for sample in (train, val))
    gained = ~train_shares.any(axis=0) & (val_shares.mean(axis=0) > MANY_NEGATIVE)
    had_many = train_shares.mean(axis=0) >= MANY_NEGATIVE
    # It must not be an accident that all validation images are without negative pixels.
    chance = (np.count_nonzero(train_shares <= FEW_NEGATIVE, axis=0) + 1) / (len(train) + 1)
    lost = had_many & (val_shares <= FEW_NEGATIVE).all(axis=0)
    return gained | (lost & (n_tests * chance ** len(val) < MOST_CHANCE))
