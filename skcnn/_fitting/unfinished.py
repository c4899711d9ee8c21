"""`UnfinishedFit`: what the file of a checkpoint has, so that an interrupted fit can be resumed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._fitting.problem import Problem
from skcnn.engine.training.early_stopping import StoppingState
from skcnn.engine.training.loop import Position

COMPARED_IMAGES = 16  # of X; to read all would take long

# Of each argument; an autoencoder has two of X: of some images, and of some pixels of each.
Checksums = dict[str, tuple[int | None, ...]]


@dataclass(eq=False)
class UnfinishedFit:
    """What resuming a fit after its last epoch needs, beside the fitted attributes.

    Attributes
    ----------
    begin : Position
    n_images : int
    checksums : dict
        Of the arguments of `fit`.
    variables : ndarray
        Parameters and state of the network after the last epoch; `network_` may have the best.
    stopping : StoppingState or None
        Of early stopping.
    n_iter : int
        `n_iter_` before the fit.
    """

    begin: Position
    n_images: int
    checksums: Checksums
    variables: NDArray[Any]
    stopping: StoppingState | None
    n_iter: int

    def check_same_data(self, problem: Problem) -> None:
        """ValueError unless `fit` seems to receive the same as before the interruption."""
        remedy = "Pass the same data, or train on other data with fit or partial_fit."
        n = len(problem.images)
        if n != self.n_images:
            raise ValueError(
                f"X has {n} images; expected the {self.n_images} images of the interrupted fit. "
                f"{remedy}"
            )
        for name, found in checksums_of(problem).items():
            before = self.checksums[name]
            if found != before:
                raise ValueError(
                    f"{name} {'is None' if None in found else 'has other values'}; expected "
                    f"{'None' if None in before else 'the same values'} as in the interrupted "
                    f"fit. {remedy}"
                )


def checksums_of(problem: Problem) -> Checksums:
    """A checksum of each argument of `fit`; None for one that was not passed."""
    given, key_name = problem.validation, problem.task.key_name
    sums: Checksums = {}
    for name, value in (
        ("X", _of_images(problem.images)),
        (key_name, _of_values(problem.task.key)),
        ("sample_weight", _of_values(problem.weights)),
        ("X_val", None if given is None else _of_images(given.images)),
        (f"{key_name}_val", None if given is None else _of_values(given.task.key)),
        ("sample_weight_val", None if given is None else _of_values(given.weights)),
    ):
        sums[name] = (*sums.get(name, ()), value)
    return sums


def _of_images(images: NDArray[Any]) -> int:
    some = np.linspace(0, len(images) - 1, COMPARED_IMAGES).astype(int)
    return zlib.crc32(images[some].astype(np.float32).tobytes())  # in any dtype


def _of_values(values: NDArray[Any] | None) -> int | None:
    return None if values is None else zlib.crc32(np.ascontiguousarray(values).data)
