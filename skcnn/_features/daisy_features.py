"""DAISY's settings resolved for one image shape, and the features of a batch of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skcnn._input.settings import ImageShape
from skcnn.engine.runtime.floating_point import ignore_underflow


@dataclass(frozen=True)
class DaisySettings:
    """Settings of `skimage.feature.daisy` for images of one shape.

    The images are enlarged by `padding`, pixels (before, after) along each axis, or cropped where
    it is negative, so that the centres of the descriptors are spread evenly over the image.
    """

    padding: tuple[tuple[int, int], tuple[int, int]]
    n_centres: tuple[int, int]
    step: int
    radius: int
    rings: int
    histograms: int
    orientations: int
    normalization: str

    @property
    def n_features(self) -> int:
        """Number of features of one image."""
        rows, columns = self.n_centres
        return rows * columns * (self.rings * self.histograms + 1) * self.orientations

    def feature_names(self) -> list[str]:
        """Name of each feature, as the notes of `DaisyTransformer` describe them."""
        places = ["centre"] + [
            f"ring{ring}_{place}" for ring in range(self.rings) for place in range(self.histograms)
        ]
        # scikit-image's first direction is to the left.
        directions = [(180 + 360 * k / self.orientations) % 360 for k in range(self.orientations)]
        return [
            f"point{row}_{column}_{place}_{degrees:.4g}deg"
            for row, column in np.ndindex(self.n_centres)
            for place in places
            for degrees in directions
        ]

    @ignore_underflow  # worker processes have settings of their own
    def compute(self, images: NDArray) -> NDArray[np.float32]:
        """Features (n, n_features) of one batch of images (n, h, w, channels)."""
        from skimage.feature import daisy  # imported here so that importing skcnn stays fast

        grey = _as_grey(images.astype(np.float64))
        # Features do not depend on the contrast. Tiny numbers would vanish beside a small constant
        # in skimage, and squares of huge ones overflow.
        largest = np.abs(grey).max(axis=(1, 2), keepdims=True)
        grey /= np.where(largest > 0, largest, 1)
        added = [(max(0, before), max(0, after)) for before, after in self.padding]
        padded = np.pad(grey, ((0, 0), *added), mode="edge")
        rows, columns = (
            slice(max(0, -before), side - max(0, -after))
            for (before, after), side in zip(self.padding, padded.shape[1:], strict=True)
        )
        return np.stack(
            [
                daisy(
                    image,
                    step=self.step,
                    radius=self.radius,
                    rings=self.rings,
                    histograms=self.histograms,
                    orientations=self.orientations,
                    normalization=self.normalization,
                )
                .astype(np.float32)
                .ravel()
                for image in padded[:, rows, columns]
            ]
        )


def automatic_spacing(shorter: int) -> int:
    """The step and the radius "auto" for images whose shorter side has this many pixels."""
    return max(min(2, shorter), round(shorter / 6))


def resolve_settings(
    shape: ImageShape,
    *,
    step: int | str,
    radius: int | str,
    rings: int,
    histograms: int,
    orientations: int,
    normalization: str,
) -> DaisySettings:
    """Resolve the parameters of `DaisyTransformer` for images of `shape` (h, w, channels).

    Raises
    ------
    ValueError
        If the image is smaller than the radius or the step.
    """
    height, width, _ = shape
    shorter, longer = sorted((height, width))
    auto = automatic_spacing(shorter)
    step = auto if isinstance(step, str) else int(step)
    radius = auto if isinstance(radius, str) else int(radius)
    images = f"Images of {height} x {width} pixels (rows x columns)"
    if radius > shorter:  # the rings would only see copies of the border pixels
        raise ValueError(
            f"{images} are smaller than the radius of {radius} pixels; expected a radius of at "
            f'most {shorter}, their shorter side. Reduce radius, or set it to "auto".'
        )
    if step > longer:  # there would be a single point, whatever the step
        raise ValueError(
            f"{images} are smaller than the step of {step} pixels; expected a step of at most "
            f'{longer}, their longer side. Reduce step, or set it to "auto".'
        )
    padding, n_centres = [], []
    for side in (height, width):
        n = max(1, round(side / step))
        first = (side - 1 - (n - 1) * step) // 2  # centre of the first descriptor
        before = radius - first
        after = 2 * radius + (n - 1) * step + 1 - side - before
        padding.append((before, after))
        n_centres.append(n)
    return DaisySettings(
        (padding[0], padding[1]),
        (n_centres[0], n_centres[1]),
        step,
        radius,
        int(rings),
        int(histograms),
        int(orientations),
        normalization,
    )


def _as_grey(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Images (n, h, w): the luminance of three channels, the mean of any other number."""
    if images.shape[-1] == 3:
        from skimage.color import rgb2gray

        return rgb2gray(images)
    return images.mean(axis=-1)
