"""Messages name a call by its function and the shapes of its arrays."""

from functools import partial

import numpy as np
import pytest

from skcnn.engine.runtime.calls import describe


class Double:
    """A callable without a name."""

    def __call__(self, *args):
        return 2 * args[0]

    def twice(self):
        return 4


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (Double(), "Double"),
        (Double().twice, "Double.twice"),
        (partial(Double(), 3, None), "Double(3, None)"),
        (
            partial(np.negative, np.zeros(2), out=np.zeros(2)),
            "negative(float64 (2,), float64 (2,))",
        ),
        (partial(print, "x" * 50), f"print('{'x' * 39})"),
    ],
    ids=["object", "method", "object with arguments", "keyword", "long argument"],
)
def test_describe(call, text):
    assert describe(call) == text
