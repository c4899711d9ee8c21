"""Selecting numbers with bit masks.

NumPy converts a boolean array that multiplies floats, through a buffer. A mask with as many bits
as the floats needs no conversion: it is the sign bit, copied to all bits, and one bitwise "and"
applies it. A selection then costs a few vector operations at full speed and no memory of its own.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.runtime.calls import Calls


def as_bits(array: NDArray[Any]) -> NDArray[Any]:
    """The same memory as signed integers."""
    return array.view(f"i{array.itemsize}")


def spread_sign(array: NDArray[Any]) -> Calls:
    """Replace each number, in place, by all ones where it is negative and all zeros elsewhere."""
    bits = as_bits(array)
    return [partial(np.right_shift, bits, np.array(8 * bits.itemsize - 1, bits.dtype), bits)]


def keep(array: NDArray[Any], mask: NDArray[Any], out: NDArray[Any]) -> Calls:
    """``out = array`` where the mask is all ones, 0 where it is all zeros."""
    return [partial(np.bitwise_and, as_bits(array), as_bits(mask), as_bits(out))]


def drop(array: NDArray[Any], kept: NDArray[Any], out: NDArray[Any]) -> Calls:
    """``out = array`` where `keep` gave 0 in `kept`, 0 where it gave the number itself."""
    return [partial(np.bitwise_xor, as_bits(array), as_bits(kept), as_bits(out))]
