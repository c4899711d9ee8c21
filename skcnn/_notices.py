"""Warnings that training gives rise to; the public methods issue them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skcnn._settings import FitSettings


class Notice(NamedTuple):
    """A warning for the user, to be issued by the public method."""

    message: str
    category: type[Warning]


def convergence_notices(settings: FitSettings) -> list[Notice]:
    """A warning if the epochs were over before the watched training loss had converged."""
    stopping, n_epochs = settings.stopping, settings.epochs.n_epochs
    if stopping.watch != "loss" or stopping.n_iter_no_change == np.inf:
        return []
    return [
        Notice(
            f"max_iter={n_epochs} epochs were done before the training loss stopped improving "
            f"by tol={stopping.tol:g} for n_iter_no_change={stopping.n_iter_no_change} epochs. "
            "Increase max_iter, or use learning_rate='one_cycle', which ends at max_iter.",
            ConvergenceWarning,
        )
    ]
