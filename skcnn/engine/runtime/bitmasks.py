"""Choices between numbers, bit by bit.

A boolean array that meets floats is first converted, through a buffer. A mask of as many bits as
the floats have is not: it is the sign, spread over the whole number, and one bitwise "and" applies
it. So a choice costs a few vector operations at full speed, and needs no memory of its own.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Calls


def as_bits(array: NDArray) -> NDArray:
    """The same memory as signed integers."""
    return array.view(f"i{array.itemsize}")


def spread_sign(array: NDArray) -> Calls:
    """Turn each number, in place, into all ones where it is below zero, else into all zeros."""
    bits = as_bits(array)
    return [partial(np.right_shift, bits, np.array(8 * bits.itemsize - 1, bits.dtype), bits)]


def keep(array: NDArray, mask: NDArray, out: NDArray) -> Calls:
    """``out = array`` where the mask is all ones, 0 where it is all zeros."""
    return [partial(np.bitwise_and, as_bits(array), as_bits(mask), as_bits(out))]


def leave(array: NDArray, kept: NDArray, out: NDArray) -> Calls:
    """``out = array`` where `keep` gave 0, 0 where it gave the number itself."""
    return [partial(np.bitwise_xor, as_bits(array), as_bits(kept), as_bits(out))]
