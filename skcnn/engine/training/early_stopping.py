"""`EpochMonitor`: what is recorded, printed and decided after each epoch."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


class EpochMonitor:
    """Keeps the curves, remembers the best weights, says when to stop.

    Parameters
    ----------
    parameters : ndarray
        The network's flat vector, watched.
    validation_score : callable or None
        Gives the accuracy on the validation images, in [0, 1]; None if there are none.
    loss_curve, validation_scores : list of float
        Appended to.
    tol : float
    n_iter_no_change : int or inf
        Stop after this many epochs without an improvement of at least `tol`...
    watch_score, watch_loss : bool
        ... of the validation score, or of the training loss. With `watch_score`, the weights with
        the best score are remembered.
    verbose : bool
        Print a line an epoch.
    n_epochs : int
        For those lines.
    """

    def __init__(
        self,
        parameters: NDArray,
        validation_score: Callable[[], float] | None,
        loss_curve: list[float],
        validation_scores: list[float],
        *,
        tol: float,
        n_iter_no_change: float,
        watch_score: bool,
        watch_loss: bool,
        verbose: bool,
        n_epochs: int,
    ) -> None:
        self.parameters, self.validation_score = parameters, validation_score
        self.loss_curve, self.validation_scores = loss_curve, validation_scores
        self.tol, self.n_iter_no_change = tol, n_iter_no_change
        self.watch_score, self.watch_loss = watch_score, watch_loss
        self.verbose, self.n_epochs = verbose, n_epochs
        self.best = -np.inf
        self.best_parameters: NDArray | None = None
        self.epochs_without_improvement = 0
        self.converged = False
        self.epoch = 0
        self.begin = time.perf_counter()

    def after_epoch(self, loss: float) -> bool:
        """Record the epoch; True if training is to stop."""
        self.epoch += 1
        self.loss_curve.append(loss)
        line = f"epoch {self.epoch:>{len(str(self.n_epochs))}}/{self.n_epochs}  loss {loss:.4f}"
        if self.validation_score is not None:
            score = self.validation_score()
            self.validation_scores.append(score)
            line += f"  validation accuracy {score:.4f}"
        if self.verbose:
            print(f"{line}  {time.perf_counter() - self.begin:.1f} s", flush=True)
        if self.watch_score:
            return self._no_longer_improves(self.validation_scores[-1])
        if self.watch_loss:
            return self._no_longer_improves(-loss)
        return False

    def _no_longer_improves(self, value: float) -> bool:
        improved = value >= self.best + self.tol
        self.epochs_without_improvement = 0 if improved else self.epochs_without_improvement + 1
        if value > self.best:
            self.remember(value)
        self.converged = self.epochs_without_improvement >= self.n_iter_no_change
        if self.converged and self.verbose:
            print(
                f"stopped: no improvement of {self.tol:g} in {self.n_iter_no_change} epochs",
                flush=True,
            )
        return self.converged

    def remember(self, value: float) -> None:
        """The weights as they are now are the best so far."""
        self.best = value
        if self.watch_score:
            self.best_parameters = self.parameters.copy()

    def restore_best(self) -> None:
        """Put the best weights back, if they were watched."""
        if self.best_parameters is not None:
            self.parameters[:] = self.best_parameters
