"""Winograd's fast convolution along one axis: which sums are multiplied, and how they combine.

Two adjacent outputs of a filter with three taps, ``y0 = a0 g0 + a1 g1 + a2 g2`` and
``y1 = a1 g0 + a2 g1 + a3 g2``, take six multiplications. Four suffice, of sums of inputs by sums of
taps (Winograd 1980; Lavin & Gray, CVPR 2016), which for a whole layer are matrix products::

    m0 = (a0 - a2) g0                        y0 = m0 + m1 + m2
    m1 = (a1 + a2) (g0 + g1 + g2) / 2        y1 = m1 - m2 + m3
    m2 = (a2 - a1) (g0 - g1 + g2) / 2
    m3 = (a3 - a1) g2

The m belong to the points 0, 1, -1 and infinity at which the Toom-Cook algorithm evaluates the
polynomials. A longer row of a filter is divided into pieces of three taps and a rest of two, ::

    m0 = (a0 - a1) g0    m1 = a1 (g0 + g1)    m3 = (a2 - a1) g1    m2 = 0

or of one, with ``m0 = a0 g0`` and ``m3 = a1 g0``. A filter with five taps then takes 7 products
instead of 10, one with 13 takes 18 instead of 26.

These are the terms for two outputs, which `winograd_sums` adds up. `winograd_matrices` has the
coefficients for four outputs, from six points.
"""

from __future__ import annotations

from dataclasses import dataclass

ZERO, ONE, MINUS_ONE, INFINITY = range(4)  # the points of m0 ... m3
Terms = tuple[tuple[int, int], ...]  # (sign, index) of what is added

# By the number of taps of a piece: the inputs, and the taps, in the product at each point.
INPUTS: dict[int, dict[int, Terms]] = {
    1: {ZERO: ((1, 0),), INFINITY: ((1, 1),)},
    2: {ZERO: ((1, 0), (-1, 1)), ONE: ((1, 1),), INFINITY: ((1, 2), (-1, 1))},
    3: {
        ZERO: ((1, 0), (-1, 2)),
        ONE: ((1, 1), (1, 2)),
        MINUS_ONE: ((1, 2), (-1, 1)),
        INFINITY: ((1, 3), (-1, 1)),
    },
}
TAPS: dict[int, dict[int, Terms]] = {
    1: {ZERO: ((1, 0),), INFINITY: ((1, 0),)},
    2: {ZERO: ((1, 0),), ONE: ((1, 0), (1, 1)), INFINITY: ((1, 1),)},
    3: {
        ZERO: ((1, 0),),
        ONE: ((1, 0), (1, 1), (1, 2)),
        MINUS_ONE: ((1, 0), (-1, 1), (1, 2)),
        INFINITY: ((1, 2),),
    },
}
HALVED = {(3, ONE), (3, MINUS_ONE)}  # (taps of the piece, point) with a halved sum of taps
# Which of the two outputs each product is added to.
OUTPUTS: dict[int, Terms] = {
    ZERO: ((1, 0),),
    ONE: ((1, 0), (1, 1)),
    MINUS_ONE: ((1, 0), (-1, 1)),
    INFINITY: ((1, 1),),
}


@dataclass(frozen=True)
class Piece:
    """Taps ``first ... first + size - 1`` of each row of a filter."""

    first: int
    size: int


def pieces_of(filter_size: int) -> list[Piece]:
    """Pieces of three taps, and a rest of one or two."""
    threes = [Piece(first, 3) for first in range(0, filter_size - 2, 3)]
    rest = filter_size % 3
    return threes + ([Piece(filter_size - rest, rest)] if rest else [])
