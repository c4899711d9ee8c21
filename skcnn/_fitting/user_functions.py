"""Functions that users pass as parameters: `augment`, `learning_rate`, `momentum`."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import InvalidParameterError

from skcnn._text import short_repr


class UserFunction:
    """A function passed as a parameter, which its errors name.

    It is called under the settings of `numpy.seterr` with which it was wrapped, not under those of
    the training.

    Parameters
    ----------
    parameter : str
    function : callable
    *arguments : str
        Names of the arguments with which it will be called.

    Raises
    ------
    InvalidParameterError
        If it does not accept so many arguments.
    """

    def __init__(self, parameter: str, function: Callable[..., Any], *arguments: str) -> None:
        self._parameter, self._function, self._arguments = parameter, function, arguments
        self._errors = np.geterr()
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # some built-in functions have none
            return
        try:
            signature.bind(*arguments)
        except TypeError as error:
            raise InvalidParameterError(  # a ValueError and a TypeError
                f"{parameter} is {function!r}, which has the signature {signature}; expected a "
                f"function of the arguments ({', '.join(arguments)}): {error}. Change its "
                "arguments."
            ) from error

    def __call__(self, *values: Any) -> Any:
        try:
            with np.errstate(**self._errors):
                return self._function(*values)
        except Exception as error:
            error.add_note(f"The error comes from the function passed as {self._parameter}.")
            raise

    def number(self, value: Any, highest: float = math.inf) -> float:
        """The number that the function returns, finite and from 0 to `highest`."""
        result = self(value)
        is_number = isinstance(result, Real) or (
            isinstance(result, np.ndarray) and result.ndim == 0 and result.dtype.kind in "iuf"
        )
        if not is_number or not 0 <= result <= min(highest, sys.float_info.max):
            limits = f"from 0 to {highest:g}" if math.isfinite(highest) else "of at least 0"
            raise ValueError(
                f"{self._parameter} returned {short_repr(result)} for {self._arguments[0]} {value};"
                f" expected a finite number {limits}. Change the function."
            )
        return float(result)
