"""`EarlyStopping`: when to stop, and which weights were the best."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.network import Network


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
        self.best = -np.inf
        self._best_variables: NDArray[Any] | None = None
        self._without_improvement = 0

    def update(self, value: float) -> bool:
        """Add the score of an epoch; True if training should stop."""
        improved = value >= self.best + self.tol
        self._without_improvement = 0 if improved else self._without_improvement + 1
        if value > self.best:
            self.remember(value)
        return self._without_improvement >= self.n_iter_no_change

    def remember(self, value: float) -> None:
        """Store the current network as the best so far."""
        self.best = value
        if self.keep_best:
            self._best_variables = self.network.snapshot()

    def restore_best(self) -> None:
        """Restore the best parameters and state, if any were stored."""
        if self._best_variables is not None:
            self.network.restore(self._best_variables)
