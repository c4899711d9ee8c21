"""`Estimator`: what all estimators of skcnn share."""

from __future__ import annotations

import sys
import warnings
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from skcnn._text import short_repr
from skcnn._version import __version__
from skcnn.exceptions import UNKNOWN, InconsistentVersionWarning

# `Documentation` in pyproject.toml, where .github/workflows/ci.yml publishes the manual, and the
# page that docs/api.rst makes of a class.
MANUAL = "https://skcnn.github.io/skcnn"
PAGE = MANUAL + "/generated/skcnn.{estimator_name}.html"


class Estimator(TransformerMixin, BaseEstimator):
    """An estimator that computes features of images, in float32.

    Its files name the version of skcnn that wrote them, and its HTML representation links to its
    page in the manual.
    """

    _doc_link_module = "skcnn"
    _doc_link_template = PAGE

    def _validate_params(self) -> None:
        """Check the parameters, unless `sklearn.set_config` says otherwise."""
        if get_config()["skip_parameter_validation"]:
            return
        # scikit-learn's constraints compare plain numbers only.
        for name, value in self.get_params(deep=False).items():
            if isinstance(value, Real) and not _is_plain(value):
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} is {short_repr(value)}, of "
                    f"type {type(value).__name__}; expected an int or a float, of Python or NumPy, "
                    "that float64 can hold. Convert it."
                )
        super()._validate_params()

    def _copy(self) -> Self:
        """A copy to compute with: another thread may fit the estimator meanwhile."""
        copied = type(self).__new__(type(self))
        copied.__dict__.update(vars(self))  # in a tenth of the time of copy.copy
        return copied

    def _copy_fitted(self) -> Self:
        """The copy; NotFittedError if there is nothing to compute with."""
        copied = self._copy()
        check_is_fitted(copied)
        return copied

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

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
