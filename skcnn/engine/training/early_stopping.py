"""`EarlyStopping`: when to stop, and which weights were the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.network import Network


@dataclass
class Progress:
    """The scores so far.

    Attributes
    ----------
    best : float
        The highest score.
    best_variables : ndarray or None
        Parameters and state of the network that has it, if they are kept.
    score : float or None
        What else was measured when the highest score was.
    n_without_improvement : int
        Scores in a row without an improvement.
    """

    best: float = -np.inf
    best_variables: NDArray[Any] | None = None
    score: float | None = None
    n_without_improvement: int = 0


class EarlyStopping:
    """Stop when a score no longer increases.

    Parameters
    ----------
    network : Network
    tol : float
        The least increase that counts as an improvement.
    n_iter_no_change : int or inf
        Stop after this many scores in a row without an improvement.
    keep_best : bool
        Whether to store the parameters and the state with the best score.
    """

    def __init__(
        self, network: Network, *, tol: float, n_iter_no_change: float, keep_best: bool
    ) -> None:
        self.network = network
        self.tol, self.n_iter_no_change, self.keep_best = tol, n_iter_no_change, keep_best
        self.progress = Progress()

    @property
    def is_over(self) -> bool:
        """Whether training should stop."""
        return self.progress.n_without_improvement >= self.n_iter_no_change

    def update(self, value: float, score: float | None = None) -> bool:
        """Add the score of an epoch, and what else was measured; True if training should stop."""
        progress = self.progress
        improved = value >= progress.best + self.tol
        progress.n_without_improvement = 0 if improved else progress.n_without_improvement + 1
        if value > progress.best:
            self.remember(value, score)
        return self.is_over

    def remember(self, value: float, score: float | None = None) -> None:
        """Store the current network as the best so far."""
        progress = self.progress
        variables = self.network.snapshot() if self.keep_best else None
        # All at once: no call in between, so no Ctrl-C either.
        progress.best, progress.best_variables, progress.score = value, variables, score

    def restore_best(self, network: Network | None = None) -> None:
        """Restore the best parameters and state, if any were stored, here or in this copy."""
        if self.progress.best_variables is not None:
            (network or self.network).restore(self.progress.best_variables)
