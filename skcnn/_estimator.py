"""`Estimator`: what all estimators of skcnn share."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.base import BaseEstimator

from skcnn._doc_link import DocLinkMixin
from skcnn._version import __version__
from skcnn.exceptions import InconsistentVersionWarning

UNKNOWN = "unknown"


class Estimator(DocLinkMixin, BaseEstimator):
    """A scikit-learn estimator whose files name the version of skcnn that wrote them."""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_skcnn_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_skcnn_version", UNKNOWN)
        super().__setstate__(state)
        if version != __version__:  # last: if warnings are errors, this one says what is wrong
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_skcnn_version=__version__,
                    original_skcnn_version=version,
                ),
                stacklevel=2,
            )
