"""Floating-point errors: no setting of `np.seterr` makes a call of skcnn fail by underflow."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")


def ignore_underflow(function: Callable[P, T]) -> Callable[P, T]:
    """Ignore underflow in calls of `function`, for any setting of `np.seterr`.

    The wrapper is a function of this package, unlike that of ``np.errstate``: warnings that point
    to the first line outside of it find the line of the user.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        with np.errstate(under="ignore"):
            return function(*args, **kwargs)

    return wrapper
