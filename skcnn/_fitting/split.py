"""Which images of X to train on, and which to set aside for early stopping."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skcnn._fitting.problem import Problem
from skcnn._warn import warn_caller

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Split:
    """What a warm start needs to set aside the same images as the fit before.

    Attributes
    ----------
    seed : int
    n_images : int
    key : int
        Checksum of the task's key.
    held_out : ndarray of uint8
        A bit for each image: whether it was set aside.
    """

    seed: int
    n_images: int
    key: int
    held_out: NDArray[np.uint8]

    @classmethod
    def of(cls, seed: int, key: NDArray[Any], held_out: NDArray[np.bool_]) -> Split:
        """The split that sets aside the images where `held_out` is True."""
        return cls(
            seed, len(key), zlib.crc32(np.ascontiguousarray(key).data), np.packbits(held_out)
        )

    def matches(self, key: NDArray[Any]) -> bool:
        """Whether the images seem to be the same, perhaps followed by further ones."""
        n = self.n_images
        return n <= len(key) and zlib.crc32(np.ascontiguousarray(key[:n]).data) == self.key

    def mask(self) -> NDArray[np.bool_]:
        """Whether each image was set aside."""
        return np.unpackbits(self.held_out, count=self.n_images).astype(bool)


def split(work: Any, problem: Problem, *, resume: bool) -> tuple[Indices, Indices | None]:
    """Indices of the images to train on and of those set aside for early stopping."""
    usable = np.arange(len(problem.images))
    if problem.weights is not None:
        usable = np.flatnonzero(problem.weights)  # images of weight zero do not count
    before: Split | None = work._split if resume else None
    work._split = None
    if not work.early_stopping or problem.validation is not None:
        return usable, None
    seed = _seed(work.random_state) if before is None else before.seed
    fraction, strata, key = float(work.validation_fraction), problem.task.strata, problem.task.key
    train, held_out = _draw(usable, strata, fraction, seed)
    if before is not None and before.matches(key):
        mask = _extended(before, usable, strata, fraction)
        if not np.array_equal(np.sort(held_out), usable[mask[usable]]):
            train, held_out = usable[~mask[usable]], usable[mask[usable]]
            train = np.random.default_rng(seed).permutation(train)
    else:
        mask = np.zeros(len(strata), bool)
        mask[held_out] = True
        if resume:
            _warn_of_trained_images(before, problem.task.key_name)
    if not (len(train) and len(held_out)):
        n_strata = len(np.unique(strata[usable]))
        classes = f" with {n_strata} classes" if n_strata > 1 else ""
        raise ValueError(
            f"early_stopping=True could not set aside validation_fraction={fraction} of "
            f"{len(usable)} images{classes} and leave an image{' of each class' * bool(classes)} "
            "to train on. Give more images, or X_val and y_val."
        )
    work._split = Split.of(seed, key, mask)
    return train, held_out


def _seed(random_state: Any) -> int:
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _draw(
    usable: Indices, labels: NDArray[np.intp], fraction: float, seed: int
) -> tuple[Indices, Indices]:
    """Set aside a share of each class, but leave at least one image of it to train on."""
    from sklearn.model_selection import train_test_split  # takes long to import

    own_labels = labels[usable]
    counts = np.bincount(own_labels)
    present = counts[counts > 0]
    n_held_out = math.ceil(fraction * len(usable))
    if present.min() > 1 and len(present) <= min(n_held_out, len(usable) - n_held_out):
        train, held_out = train_test_split(
            usable, test_size=fraction, stratify=own_labels, random_state=seed
        )
        if np.count_nonzero(np.bincount(labels[train])) == len(present):
            return train, held_out
    # train_test_split cannot do it, or leaves no image of a rare class to train on.
    rng = np.random.default_rng(seed)
    shares = _shares(counts, n_held_out, rng)
    order = rng.permutation(len(usable))
    order = order[np.argsort(own_labels[order], kind="stable")]  # by class, random within it
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = rank < np.repeat(shares, counts)
    return usable[rng.permutation(order[~chosen])], usable[order[chosen]]


def _shares(
    counts: NDArray[np.intp], n_held_out: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """How many images of each class to set aside: in proportion, but not all of any class."""
    most = np.maximum(counts - 1, 0)
    exact = n_held_out * counts / counts.sum()
    shares = np.minimum(exact.astype(np.intp), most)
    order = np.lexsort((rng.random(len(counts)), shares - exact))  # the largest remainder first
    while (missing := min(n_held_out, most.sum()) - shares.sum()) > 0:
        shares[order[shares[order] < most[order]][:missing]] += 1
    return shares


def _extended(
    before: Split, usable: Indices, labels: NDArray[np.intp], fraction: float
) -> NDArray[np.bool_]:
    """The images set aside before, and a share of those that have been added since."""
    mask = np.zeros(len(labels), bool)
    mask[: before.n_images] = before.mask()
    added = usable[usable >= before.n_images]
    if len(added):
        mask[_draw(added, labels, fraction, before.seed)[1]] = True
    return mask


def _warn_of_trained_images(before: Split | None, key_name: str) -> None:
    reason = (
        "an earlier fit or partial_fit set none aside"
        if before is None
        else f"{key_name} differs from that of the fit before"
    )
    warn_caller(
        "The images that early_stopping=True sets aside may be images that the network has been "
        f"trained on, because {reason}; the validation score may then be too high. Pass X_val"
        f"{' and y_val' * (key_name == 'y')}, or set warm_start=False to start over.",
        UserWarning,
    )
