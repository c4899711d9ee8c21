"""Which images of X to train on, and which to set aside for early stopping."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._validation import Problem


def split(work: Any, problem: Problem) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
    """Indices of the images to train on, and of those set aside for early stopping."""
    usable = np.arange(len(problem.images))
    if problem.weights is not None:
        usable = np.flatnonzero(problem.weights)  # images of weight zero do not count
    if not work.early_stopping or problem.validation is not None:
        return usable, None
    from sklearn.model_selection import train_test_split  # takes long to import

    try:
        train, held_out = train_test_split(
            usable,
            test_size=work.validation_fraction,
            stratify=problem.labels[usable],
            random_state=work.random_state,
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True could not set aside validation_fraction="
            f"{work.validation_fraction} of {len(usable)} images with every class in both parts "
            f"({str(error).rstrip('.')}). Give more images, another validation_fraction, or X_val "
            "and y_val."
        ) from error
    return train, held_out
