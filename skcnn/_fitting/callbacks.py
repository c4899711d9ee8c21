"""scikit-learn's callbacks: the tasks of a fit and its epochs, of which callbacks are told.

The protocol came with scikit-learn 1.9. Earlier versions have no callbacks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import numpy as np
import sklearn
from numpy.typing import ArrayLike

Attributes = dict[str, Any]

# In which scikit-learn keeps the callbacks of an estimator and the tasks of its fit.
OF_CALLBACKS = {
    "_callback_fit_ctx",
    "_parent_callback_ctx",
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
}

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Says in a clear way that this version of scikit-learn has no callbacks."""

        def set_callbacks(self, *callbacks: object) -> NoReturn:
            """Raise NotImplementedError: callbacks need scikit-learn 1.9."""
            raise NotImplementedError(
                f"set_callbacks needs scikit-learn 1.9 or later; found {sklearn.__version__}. "
                "Upgrade scikit-learn."
            )


class FitCallbacks:
    """The callbacks of one fit.

    Parameters
    ----------
    estimator : estimator
        The one on which the user called `fit`.
    X, y, sample_weight : array-like or None
        As passed to `fit`. Without labels, the targets are the images.
    n_epochs : int
        The largest number of epochs to come.
    """

    def __init__(
        self,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None,
        sample_weight: ArrayLike | None,
        n_epochs: int,
    ) -> None:
        self._fit: Any = None
        self._epoch: Any = None
        # Without callbacks, no attribute is set for a while, which would disturb other threads.
        if not any(hasattr(estimator, name) for name in ("_skl_callbacks", "_parent_callback_ctx")):
            return
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self._arguments: dict[str, Any] = {
            "estimator": estimator,
            "X": X,
            "y": X if y is None else y,
            "metadata": weights,
        }
        self._errors = np.geterr()
        self._fit = estimator._init_callback_context(max_subtasks=n_epochs)
        self._fit.call_on_fit_task_begin(**self._arguments)

    def begin_epoch(self, attributes: Callable[[], Attributes]) -> None:
        """Call after the start of an epoch; `attributes` returns the present fitted attributes."""
        if self._fit is not None:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._tell(self._epoch.call_on_fit_task_begin, attributes)

    def end_epoch(self, attributes: Callable[[], Attributes]) -> bool:
        """Call after an epoch; True if a callback asks to stop the training."""
        if self._epoch is None:
            return False
        epoch, self._epoch = self._epoch, None
        return bool(self._tell(epoch.call_on_fit_task_end, attributes))

    def end(self, *, complete: bool) -> None:
        """Call when the estimator has been fitted; not `complete`: within an epoch, by Ctrl-C.

        Callbacks then see no fitted estimator: what a checkpoint has stored after the last whole
        epoch can be continued exactly, and stays.
        """
        if self._fit is None:
            return
        estimator = self._arguments["estimator"]
        attributes = partial(state_of, estimator) if complete else None
        if self._epoch is not None:  # begun, but not done
            self._tell(self._epoch.call_on_fit_task_end, attributes)
        self._tell(self._fit.call_on_fit_task_end, attributes)

    def _tell(
        self,
        hook: Callable[..., Any],
        attributes: Callable[[], Attributes] | None,
    ) -> Any:
        """Call a hook, under the settings of `numpy.seterr` that `fit` was called with."""
        state = None if attributes is None else lambda: {"__dict__": attributes()}
        with np.errstate(**self._errors):
            return hook(**self._arguments, reconstruction_attributes=state)


def state_of(estimator: Any) -> Attributes:
    """What scikit-learn sets in the copy that callbacks receive: all that the estimator has.

    What it has fitted is copied, so that callbacks cannot change it. The copy has neither an
    attribute of an earlier fit, such as `feature_names_in_`, nor callbacks, which pickle may not be
    able to store.
    """
    return {
        name: _copied(value) if name.startswith("_") or name.endswith("_") else value
        for name, value in vars(estimator).items()
        if name not in OF_CALLBACKS
    }


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except TypeError:  # what a user has added, such as a lock or an open file
        return value
