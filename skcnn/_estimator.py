"""`Estimator`: what all estimators of skcnn share."""

from __future__ import annotations

import sys
import warnings
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import InvalidParameterError

from skcnn._repr import short_repr
from skcnn._version import __version__
from skcnn.exceptions import UNKNOWN, InconsistentVersionWarning

# `Documentation` in pyproject.toml, where .github/workflows/ci.yml publishes the manual, and the
# page that docs/api.rst makes of a class.
MANUAL = "https://skcnn.github.io/skcnn"
PAGE = MANUAL + "/generated/skcnn.{estimator_name}.html"


class Estimator(BaseEstimator):
    """A scikit-learn estimator whose files name the version of skcnn that wrote them.

    Its HTML representation links to its page in the manual.
    """

    _doc_link_module = "skcnn"
    _doc_link_template = PAGE

    def _validate_params(self) -> None:
        """Check the parameters; scikit-learn's constraints compare plain numbers only."""
        for name, value in self.get_params(deep=False).items():
            if isinstance(value, Real) and not _is_plain(value):
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} is {short_repr(value)}, of "
                    f"type {type(value).__name__}; expected an int or a float, of Python or NumPy, "
                    "that float64 can hold. Convert it."
                )
        super()._validate_params()

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


def _is_plain(value: object) -> bool:
    """Whether a number is one of Python or NumPy, and no larger than the largest float."""
    if isinstance(value, int):
        return abs(value) <= sys.float_info.max
    return isinstance(value, float | np.number) and not isinstance(value, np.timedelta64)
