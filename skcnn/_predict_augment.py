"""Copies of images whose predictions are averaged (test-time augmentation)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.inference import outputs
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads

Transform = Callable[[NDArray[Any]], NDArray[Any]]
Copy = tuple[float, Transform | None]  # its weight; None: the image itself


def _same(images: NDArray[Any]) -> NDArray[Any]:
    return images


def _mirrored(images: NDArray[Any]) -> NDArray[Any]:
    return images[:, :, ::-1]


def _shifted(down: int, right: int) -> Transform:
    """A shift by up to one pixel; edge pixels are repeated."""

    def shift(images: NDArray[Any]) -> NDArray[Any]:
        _, h, w, _ = images.shape
        wider = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        return wider[:, 1 - down : 1 - down + h, 1 - right : 1 - right + w]

    return shift


# Each with its weight; the weights of a name add up to one.
COPIES: dict[str, list[tuple[float, Transform]]] = {
    "flip": [(0.5, _same), (0.5, _mirrored)],
    "shift": [(0.5, _same), (0.25, _shifted(1, 1)), (0.25, _shifted(-1, -1))],
}


def copies_of(setting: str | Sequence[str] | None) -> list[Copy]:
    """Weights and transformations of the copies; with several names, of all combinations.

    Raises
    ------
    ValueError
        If it is neither a name nor a sequence of different names.

    Examples
    --------
    >>> from skcnn._predict_augment import copies_of
    >>> [weight for weight, _ in copies_of(("flip", "shift"))]
    [0.25, 0.125, 0.125, 0.25, 0.125, 0.125]
    """
    if setting is None:
        return [(1.0, None)]
    names = setting if isinstance(setting, (tuple, list)) else (setting,)
    known = all(isinstance(name, str) and name in COPIES for name in names)
    if not names or not known or len(set(names)) < len(names):
        raise ValueError(
            f"predict_augment is {setting!r}; expected one or several of {', '.join(COPIES)}, each "
            "once, or None. Pass one of these."
        )
    return [
        (math.prod(weight for weight, _ in chosen), _in_turn([step for _, step in chosen]))
        for chosen in itertools.product(*(COPIES[name] for name in names))
    ]


def average_outputs(
    copies: Sequence[Copy], network: Network, reader: ImageReader, threads: Threads
) -> NDArray[np.float64]:
    """The weighted mean of `outputs` over the copies, (n, classes)."""
    (weight, transform), *others = copies
    z = outputs(network, reader, threads, transform=transform)
    if others:
        z *= weight
    for weight, transform in others:
        z += weight * outputs(network, reader, threads, transform=transform)
    return z


def _in_turn(steps: Sequence[Transform]) -> Transform | None:
    steps = [step for step in steps if step is not _same]
    if not steps:
        return None

    def transform(images: NDArray[Any]) -> NDArray[Any]:
        for step in steps:
            images = step(images)
        return images

    return transform
