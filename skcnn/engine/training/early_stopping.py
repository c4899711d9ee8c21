"""`EarlyStopping`: when to stop, and which weights were the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.network import Network


@dataclass
class StoppingState:
    """The values so far.

    Attributes
    ----------
    best_value : float
        The highest value.
    best_variables : ndarray or None
        Parameters and state of the network that has it, if they are kept.
    best_score : float or None
        The validation score of that network.
    n_without_improvement : int
        Values in a row without an improvement.
    """

    best_value: float = -np.inf
    best_variables: NDArray[Any] | None = None
    best_score: float | None = None
    n_without_improvement: int = 0


class EarlyStopping:
    """Stop when a value no longer increases.

    Parameters
    ----------
    network : Network
    tol : float
        The least increase that counts as an improvement.
    n_iter_no_change : int or inf
        Stop after this many values in a row without an improvement.
    keep_best : bool
        Whether to store the parameters and the state of the network with the highest value.
    """

    def __init__(
        self, network: Network, *, tol: float, n_iter_no_change: float, keep_best: bool
    ) -> None:
        self.network = network
        self.tol, self.n_iter_no_change, self.keep_best = tol, n_iter_no_change, keep_best
        self.state = StoppingState()

    @property
    def is_over(self) -> bool:
        """Whether training should stop."""
        return self.state.n_without_improvement >= self.n_iter_no_change

    def update(self, value: float, score: float | None = None) -> bool:
        """Add the value and the validation score of an epoch; True if training should stop."""
        state = self.state
        improved = value >= state.best_value + self.tol
        state.n_without_improvement = 0 if improved else state.n_without_improvement + 1
        if value > state.best_value:
            self.remember(value, score)
        return self.is_over

    def remember(self, value: float, score: float | None = None) -> None:
        """Store the current network as the best so far."""
        state = self.state
        variables = self.network.snapshot() if self.keep_best else None
        # All at once: no call in between, so no Ctrl-C either.
        state.best_value, state.best_variables, state.best_score = value, variables, score

    def restore_best(self, network: Network | None = None) -> None:
        """Restore the best parameters and state, if any were stored, here or in this copy."""
        if self.state.best_variables is not None:
            (network or self.network).restore(self.state.best_variables)
