"""The unit of work of the engine: a function bound to its arguments, to be called without any."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

Call = Callable[[], object]
Calls = list[Call]


def describe(call: Call) -> str:
    """A short text for messages: the function and the shapes of its arrays.

    Examples
    --------
    >>> from functools import partial
    >>> import numpy as np
    >>> from skcnn.engine.runtime.calls import describe
    >>> describe(partial(np.add, np.zeros((2, 3)), 1, np.zeros((2, 3))))
    'add(float64 (2, 3), 1, float64 (2, 3))'
    """
    if not isinstance(call, partial):
        return getattr(call, "__qualname__", type(call).__name__)
    function = getattr(call.func, "__name__", type(call.func).__name__)
    arguments = [
        f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else repr(value)[:40]
        for value in (*call.args, *call.keywords.values())
    ]
    return f"{function}({', '.join(arguments)})"
