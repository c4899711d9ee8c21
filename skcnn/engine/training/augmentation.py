"""The check of what an `augment` function returns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.standardization import LARGEST_VALUE


def check_augmented(result: object, images: NDArray[Any]) -> NDArray[Any]:
    """What `augment` returned for `images`, as an array that can be read in their place.

    Raises
    ------
    ValueError
        If it is not an array of the same shape, of finite real numbers that float32 can hold.
    """
    expected = (
        f"expected the images that it was given, changed: shape {images.shape} (n, height, width, "
        "channels), finite real numbers. Change the augment function."
    )
    if result is None:
        raise ValueError(f"augment returned None; {expected}")
    try:
        augmented = np.asarray(result)
    except Exception as error:
        raise ValueError(
            f"augment returned a {type(result).__name__}, which is not an array ({error}); "
            f"{expected}"
        ) from error
    if np.ma.is_masked(result):
        raise ValueError(f"augment returned masked pixels; {expected}")
    if augmented.shape != images.shape:
        raise ValueError(f"augment returned an array of shape {augmented.shape}; {expected}")
    if augmented.dtype.kind not in "biuf":
        raise ValueError(f"augment returned an array of dtype {augmented.dtype}; {expected}")
    low, high = float(augmented.min()), float(augmented.max())  # float16 cannot hold the limits
    if not (low >= -LARGEST_VALUE and high <= LARGEST_VALUE):  # also if they are NaN
        found = "NaN" if np.isnan(low) else f"pixels from {low:g} to {high:g}"
        raise ValueError(f"augment returned {found}; {expected}")
    return augmented
