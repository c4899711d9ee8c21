"""Descriptors of many images, batch by batch, by worker processes if that pays off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

_BATCH_IMAGES = 256  # at most; enough to make the cost of passing a batch on negligible
_BATCH_VALUES = 2**20  # at most, pixels or features of a batch: limits the memory in use
_PARALLEL_SECONDS = 1.0  # about the cost of starting worker processes


class DescriptorSettings(Protocol):
    """Settings of a descriptor, resolved for images of one shape; they can be pickled."""

    @property
    def n_features(self) -> int:
        """Number of features of one image."""

    def feature_names(self) -> list[str]:
        """Name of each feature."""

    def compute(self, images: NDArray) -> NDArray[np.float32]:
        """Features (n, n_features) of a batch of images (n, h, w, channels)."""


def iterate_features(
    images: NDArray, settings: DescriptorSettings, n_jobs: int | None
) -> Iterator[NDArray[np.float32]]:
    """Features of `images` (n, h, w, channels), batch by batch in order.

    Worker processes take over once the time of the first batches shows that they pay off.
    """
    values = max(images[0].size, settings.n_features)
    size = min(_BATCH_IMAGES, max(1, _BATCH_VALUES // values))
    starts = range(0, len(images), size)
    n_workers = effective_n_jobs(n_jobs)

    settings.compute(images[:1])  # imports skimage, which must not be timed
    started = time.perf_counter()
    for n_done, start in enumerate(starts, start=1):
        yield settings.compute(images[start : start + size])
        starts_left = starts[n_done:]
        seconds_left = (time.perf_counter() - started) / n_done * len(starts_left)
        if n_workers > 1 and len(starts_left) > 1 and seconds_left > _PARALLEL_SECONDS:
            break
    else:
        return
    # Each batch is read once, by one worker, so joblib need not dump it to a file
    # (max_nbytes=None). The worker opens a slice of a memory map by itself.
    parallel = Parallel(n_jobs, prefer="processes", return_as="generator", max_nbytes=None)
    yield from parallel(
        delayed(settings.compute)(images[start : start + size]) for start in starts_left
    )
