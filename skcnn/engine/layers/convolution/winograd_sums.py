"""`SumTransforms`: two adjacent outputs at a time, F(2, 3), for filters of any size.

All coefficients are 1 or -1, so the transforms are sums and differences of whole arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Namespace
from skcnn.engine.layers.convolution.winograd_terms import (
    HALVED,
    INFINITY,
    INPUTS,
    MINUS_ONE,
    ONE,
    OUTPUTS,
    TAPS,
    ZERO,
    Piece,
    pieces_of,
)
from skcnn.engine.layers.convolution.winograd_transforms import Transforms
from skcnn.engine.runtime.calls import Call, Calls


@dataclass(frozen=True)
class SumTransforms(Transforms):
    """Transforms for blocks of two columns (`winograd_terms`)."""

    n_outputs: ClassVar[int] = 2

    @cached_property
    def groups(self) -> list[list[int]]:
        """Points with equally many pieces: one NumPy call computes their products."""
        groups: dict[int, list[int]] = {}
        for point in (ZERO, ONE, MINUS_ONE, INFINITY):
            pieces = self._pieces_at(point)
            if pieces:
                groups.setdefault(len(pieces), []).append(point)
        return list(groups.values())

    @property
    def group_sizes(self) -> list[tuple[int, int]]:
        return [(len(group), len(self._pieces_at(group[0]))) for group in self.groups]

    @cached_property
    def points(self) -> list[int]:
        """All points, in the order in which they are stored."""
        return [point for group in self.groups for point in group]

    def _pieces_at(self, point: int) -> list[Piece]:
        pieces = pieces_of(self.geometry.filter_size)
        return [piece for piece in pieces if point in INPUTS[piece.size]]

    def _parts(self, point: int) -> list[tuple[Piece, slice]]:
        """The pieces at a point, and the part of its inputs that belongs to each."""
        c = self.geometry.in_shape[2]
        return [
            (piece, slice(place * c, (place + 1) * c))
            for place, piece in enumerate(self._pieces_at(point))
        ]

    def derive(self, p: Namespace, training: bool) -> Calls:
        calls: Calls = []
        for number, group in enumerate(self.groups):
            sums = getattr(p, f"taps{number}")
            for slot, point in enumerate(group):
                for piece, part in self._parts(point):
                    terms = [
                        (sign, p.weights[:, piece.first + tap])
                        for sign, tap in TAPS[piece.size][point]
                    ]
                    calls += _signed_sum(sums[slot, :, part], terms)
                    if (piece.size, point) in HALVED:
                        calls.append(_halve(sums[slot, :, part]))
            if training:
                flipped = sums[:, ::-1].swapaxes(2, 3)
                calls.append(partial(np.copyto, getattr(p, f"reversed{number}"), flipped))
        return calls

    def inputs(self, m: Namespace) -> Calls:
        calls: Calls = []
        n_pairs = m.inputs0.shape[2]
        for number, group in enumerate(self.groups):
            inputs = getattr(m, f"inputs{number}")
            for slot, point in enumerate(group):
                for piece, part in self._parts(point):
                    terms = [
                        (sign, _every_second_column(m.x_stored, piece.first + offset, n_pairs))
                        for sign, offset in INPUTS[piece.size][point]
                    ]
                    calls += _signed_sum(inputs[slot, ..., part], terms)
        return calls

    def outputs(self, products: NDArray[Any], y_planes: NDArray[Any]) -> Calls:
        calls: Calls = []
        for column, y in enumerate(_even_and_odd(y_planes)):
            # The sum is formed in the memory of the product that no other column needs.
            own = (ZERO, INFINITY)[column]
            by_point = sorted(enumerate(self.points), key=lambda entry: entry[1] != own)
            terms = [
                (sign, products[slot, :, :, : y.shape[2]])
                for slot, point in by_point
                for sign, target in OUTPUTS[point]
                if target == column
            ]
            calls += _signed_sum(y, terms, accumulate=True)
        return calls

    def doutputs(self, m: Namespace) -> Calls:
        calls: Calls = []
        dy = [half.transpose(1, 2, 0, 3) for half in _even_and_odd(m.dy_planes)]  # (t, pairs, h, k)
        n_whole = dy[1].shape[1]
        for slot, point in enumerate(self.points):
            out = m.doutputs[slot]
            terms = [(sign, dy[column]) for sign, column in OUTPUTS[point]]
            calls += _signed_sum(out[:, :n_whole], [(s, half[:, :n_whole]) for s, half in terms])
            if n_whole < out.shape[1]:  # a pair of one column
                if point == INFINITY:
                    calls.append(partial(out[:, n_whole:].fill, 0))
                else:
                    calls.append(partial(np.copyto, out[:, n_whole:], dy[0][:, n_whole:]))
        return calls

    def dweights(self, m: Namespace, g: Namespace) -> Calls:
        calls: Calls = []
        terms: list[list[Term]] = [[] for _ in range(self.geometry.filter_size)]
        for number, group in enumerate(self.groups):
            dtaps = dict(zip(group, getattr(m, f"dtaps{number}"), strict=True))
            for point in group:
                for piece, part in self._parts(point):
                    gradient = dtaps[point][:, part]
                    if (piece.size, point) in HALVED:
                        calls.append(_halve(gradient))
                    for sign, tap in TAPS[piece.size][point]:
                        terms[piece.first + tap].append((sign, gradient))
        for tap, sums in enumerate(terms):
            calls += _signed_sum(g.weights[:, tap], sums)
        return calls

    def dinputs(self, m: Namespace) -> list[NDArray[Any]]:
        found = []
        for number, group in enumerate(self.groups):
            dinputs = getattr(m, f"dinputs{number}")
            _, t, n_pairs, depth = dinputs.shape
            found.append(dinputs.reshape(len(group), -1, t * n_pairs, depth))
        return found

    def dx(self, m: Namespace) -> Calls:
        terms: list[list[ShiftedTerm]] = [[], []]  # of the even and the odd columns
        for number, group in enumerate(self.groups):
            dinputs = getattr(m, f"dinputs{number}")
            dinputs = dinputs.reshape(len(group), -1, *dinputs.shape[1:])
            for slot, point in enumerate(group):
                for piece, part in self._parts(point):
                    gradient = dinputs[slot, ..., part]
                    for sign, offset in INPUTS[piece.size][point]:
                        column = piece.first + offset - self.geometry.columns.before
                        pair, parity = divmod(column, 2)
                        terms[parity].append((sign, gradient, pair))
        calls: Calls = []
        for parity in (0, 1):
            calls += _shifted_sum(m.dx[:, :, parity::2], terms[parity])
        return calls


Term = tuple[int, NDArray[Any]]  # sign, array
ShiftedTerm = tuple[int, NDArray[Any], int]  # sign, array, shift


def _every_second_column(x: NDArray[Any], start: int, n_pairs: int) -> NDArray[Any]:
    """Columns start, start + 2, ... of (h, t, w, c), as (t, pairs, h, c)."""
    return x[:, :, start : start + 2 * n_pairs - 1 : 2].transpose(1, 2, 0, 3)


def _even_and_odd(planes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Even and odd columns, ``(h, t, columns, k)``, of ``(h, period, t, w / period, k)``."""
    if planes.shape[1] == 2:
        return planes[:, 0], planes[:, 1]
    return planes[:, 0, :, 0::2], planes[:, 0, :, 1::2]


def _halve(array: NDArray[Any]) -> Call:
    return partial(np.multiply, array, array.dtype.type(0.5), array)


def _signed_sum(out: NDArray[Any], terms: Sequence[Term], *, accumulate: bool = False) -> Calls:
    """``out = sum(sign * array)``, a positive term first; `accumulate` may overwrite that array."""
    (sign, total), *others = sorted(terms, key=lambda term: -term[0])
    assert sign > 0, "no positive term to begin with"
    if not others:
        return [partial(np.copyto, out, total)]
    calls: Calls = []
    for number, (sign, array) in enumerate(others, start=1):
        target = total if accumulate and number < len(others) else out
        calls.append(partial(np.add if sign > 0 else np.subtract, total, array, target))
        total = target
    return calls


def _shifted_sum(out: NDArray[Any], terms: Sequence[ShiftedTerm]) -> Calls:
    """``out[x + shift] = sum(sign * array[x])`` along axis 2, where x + shift is inside `out`."""
    n = out.shape[2]
    everywhere: list[Term] = []
    elsewhere: list[tuple[int, NDArray[Any], slice]] = []
    for sign, array, shift in terms:
        first, last = max(0, shift), min(n, shift + array.shape[2])
        if first < last:
            part = array[:, :, first - shift : last - shift]
            elsewhere.append((sign, part, slice(first, last)))
            if (first, last) == (0, n):
                everywhere.append((sign, part))
    calls: Calls = []
    if any(sign > 0 for sign, _ in everywhere):
        calls += _signed_sum(out, everywhere)
        elsewhere = [term for term in elsewhere if term[2] != slice(0, n)]
    else:
        calls.append(partial(out.fill, 0))
    for sign, part, place in elsewhere:
        target = out[:, :, place]
        calls.append(partial(np.add if sign > 0 else np.subtract, target, part, target))
    return calls
