"""Convolution with fewer multiplications (Winograd 1980; Lavin & Gray 2016), along the width.

Two neighbouring outputs of a filter of three taps, ``y0 = a0 g0 + a1 g1 + a2 g2`` and
``y1 = a1 g0 + a2 g1 + a3 g2``, take six multiplications; or four, of sums of inputs by sums of
taps, which for a whole layer are matrix products::

    m0 = (a0 - a2) g0                        y0 = m0 + m1 + m2
    m1 = (a1 + a2) (g0 + g1 + g2) / 2        y1 = m1 - m2 + m3
    m2 = (a2 - a1) (g0 - g1 + g2) / 2
    m3 = (a3 - a1) g2

The m belong to the points 0, 1, -1 and infinity, at which the method (by Toom & Cook, for
polynomials) takes its values. A longer row of a filter is cut into pieces of three taps and a rest
of two taps, ::

    m0 = (a0 - a1) g0    m1 = a1 (g0 + g1)    m3 = (a2 - a1) g1    m2 = 0

or of one, with ``m0 = a0 g0`` and ``m3 = a1 g0``. A filter of five thus takes 7 products instead of
10, one of 13 takes 18 instead of 26. As the way from the m to the y is the same for all pieces,
their inputs stand side by side at each point, and one product adds them up.

What each point multiplies is stored ``(points, t, pairs, h, pieces * c)``, pairs of columns of the
output: as in `lowering`, the rows of a filter meet adjacent numbers in it, nothing is copied for
them, and rows beyond the image are left out. All steps are linear; the gradients take the same
steps transposed, and cost as many multiplications.

In float32 the errors of rounding are little larger than a direct sum's; `tests/test_layers.py`
allows them half as much again.

Contains `WinogradConvolution` and `saved_share`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Calls, Plan
from skcnn.engine.layers.convolution import lowering
from skcnn.engine.layers.convolution.lowering import Geometry
from skcnn.engine.memory import Array

ZERO, ONE, MINUS_ONE, INFINITY = range(4)  # the points; m0 ... m3 above
Terms = tuple[tuple[int, int], ...]  # (sign, which) of what is added

# by the number of taps of a piece: the inputs and the taps in the product at each point
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
HALVED = {(3, ONE), (3, MINUS_ONE)}  # (taps of the piece, point) whose sum of taps is halved
# which of the pair of outputs a product goes to
OUTPUTS: dict[int, Terms] = {
    ZERO: ((1, 0),),
    ONE: ((1, 0), (1, 1)),
    MINUS_ONE: ((1, 0), (-1, 1)),
    INFINITY: ((1, 1),),
}

# Products are added up some rows at a time, while they fit into half of a second-level cache of
# 1 MB: so many numbers in float32, of a tile of so many images.
BLOCK = 128 * 1024
TILE = 32


@dataclass(frozen=True)
class Piece:
    """Taps ``first ... first + size - 1`` of each row of a filter."""

    first: int
    size: int


def pieces_of(filter_size: int) -> list[Piece]:
    """Pieces of three taps, and the rest."""
    threes = [Piece(first, 3) for first in range(0, filter_size - 2, 3)]
    rest = filter_size % 3
    return threes + ([Piece(filter_size - rest, rest)] if rest else [])


def saved_share(filter_size: int, n_columns: int) -> float:
    """The share of a direct convolution's multiplications that is saved; may be negative."""
    products = sum(len(INPUTS[piece.size]) for piece in pieces_of(filter_size))
    n_pairs = -(-n_columns // 2)
    return 1 - products * n_pairs / (filter_size * n_columns)


@dataclass(frozen=True)
class WinogradConvolution:
    """A kernel of `Conv2D`. For its arrays, numbered by group of points, see `plan`."""

    geometry: Geometry

    @cached_property
    def groups(self) -> list[list[int]]:
        """Points with equally many pieces, whose products numpy makes in one call."""
        groups: dict[int, list[int]] = {}
        for point in (ZERO, ONE, MINUS_ONE, INFINITY):
            pieces = self._pieces_at(point)
            if pieces:
                groups.setdefault(len(pieces), []).append(point)
        return list(groups.values())

    @cached_property
    def points(self) -> list[int]:
        """In the order in which they are stored."""
        return [point for group in self.groups for point in group]

    def _pieces_at(self, point: int) -> list[Piece]:
        pieces = pieces_of(self.geometry.filter_size)
        return [piece for piece in pieces if point in INPUTS[piece.size]]

    def plan(self) -> Plan:
        h, _, c = self.geometry.in_shape
        n, k = self.geometry.filter_size, self.geometry.n_filters
        rows, columns = self.geometry.rows, self.geometry.columns
        n_pairs = -(-columns.n_out // 2)
        n_points = len(self.points)
        at_once = min(rows.n_out, max(1, BLOCK // (TILE * n_points * n_pairs * k)))
        kept, scratch, derived, backward_derived = {}, {}, {}, {}
        # the points (and rows) come first, then the images
        scratch["doutputs"] = Array((n_points, n_pairs, rows.n_out, k), images_second=True)
        for number, group in enumerate(self.groups):
            size, depth = len(group), len(self._pieces_at(group[0])) * c
            kept[f"inputs{number}"] = Array((size, n_pairs, h, depth), images_second=True)
            scratch[f"dinputs{number}"] = Array((size * h, n_pairs, depth), images_second=True)
            scratch[f"partials{number}"] = Array((rows.n_out, size, n * depth, k), fixed=True)
            scratch[f"dtaps{number}"] = Array((size, n, depth, k), fixed=True)
            derived[f"taps{number}"] = (size, n, depth, k)
            backward_derived[f"reversed{number}"] = (size, n, k, depth)
        return Plan(
            out_shape=self.geometry.out_shape,
            parameters={"weights": self.geometry.weights},
            kept=kept,
            scratch={"products": Array((n_points * at_once, n_pairs, k), images_second=True)},
            backward_scratch=scratch,
            derived=derived,
            backward_derived=backward_derived,
            # of a last pair that has one column only, the other sees zeros
            input_padding=(columns.before, columns.after + columns.n_out % 2),
            row_order=True,
            periods=(1, 2),
            flops=self.geometry.flops,
        )

    def derive(self, p, training) -> Calls:
        """Sums of taps at each point; and these with rows reversed, for the input's gradient."""
        calls: Calls = []
        for number, group in enumerate(self.groups):
            sums = getattr(p, f"taps{number}")
            c = p.weights.shape[2]
            for slot, point in enumerate(group):
                for piece, part in self._parts(point, c):
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

    def _parts(self, point: int, c: int) -> list[tuple[Piece, slice]]:
        """The pieces at a point, and where their inputs stand among its inputs."""
        return [
            (piece, slice(place * c, (place + 1) * c))
            for place, piece in enumerate(self._pieces_at(point))
        ]

    def forward(self, p, m) -> Calls:
        return self._transform_inputs(m) + self._outputs(p, m)

    def _transform_inputs(self, m) -> Calls:
        calls: Calls = []
        c = m.x.shape[3]
        n_pairs = m.inputs0.shape[2]
        for number, group in enumerate(self.groups):
            inputs = getattr(m, f"inputs{number}")
            for slot, point in enumerate(group):
                for piece, part in self._parts(point, c):
                    # (t, pairs, h, c): every second column, from this one on
                    starts = [(s, piece.first + one) for s, one in INPUTS[piece.size][point]]
                    terms = [
                        (
                            sign,
                            m.x_stored[:, :, start : start + 2 * n_pairs - 1 : 2].transpose(
                                1, 2, 0, 3
                            ),
                        )
                        for sign, start in starts
                    ]
                    calls += _signed_sum(inputs[slot, ..., part], terms)
        return calls

    def _outputs(self, p, m) -> Calls:
        """Products and their sums, some rows of the output at a time, while they are in cache."""
        k, (h, _, _) = self.geometry.n_filters, self.geometry.in_shape
        n_rows, n_points = self.geometry.rows.n_out, len(self.points)
        _, t, n_pairs, _ = m.products.shape
        at_once = len(m.products) // n_points
        products = m.products.reshape(n_points, at_once, t * n_pairs, k)
        y = _halves(m.y_planes)
        calls: Calls = []
        for first in range(0, n_rows, at_once):
            last = min(first + at_once, n_rows)
            for run in self.geometry.row_runs:
                run = run.between(first, last)
                here = slice(run.first - first, run.last - first)
                for number, slots in self._group_slots() if len(run) else ():
                    inputs = getattr(m, f"inputs{number}")
                    size, depth = len(inputs), inputs.shape[-1]
                    taps = getattr(p, f"taps{number}").reshape(size, -1, k)
                    windows = inputs.reshape(size, t * n_pairs, h, depth)
                    calls.append(
                        lowering.product(
                            windows, run, taps[:, run.taps(depth)], products[slots, here]
                        )
                    )
            done = products[:, : last - first].reshape(n_points, last - first, t, n_pairs, k)
            for column in (0, 1):
                target = y[column][first:last]
                # Each column is added up in the memory of the product that it has to itself.
                own = (ZERO, INFINITY)[column]
                terms = [
                    (sign, done[slot, :, :, : target.shape[2]])
                    for slot, point in sorted(
                        enumerate(self.points), key=lambda entry: entry[1] != own
                    )
                    for sign, of in OUTPUTS[point]
                    if of == column
                ]
                calls += _signed_sum(target, terms, accumulate=True)
        return calls

    def _group_slots(self) -> list[tuple[int, slice]]:
        """The number of each group of points, and where its points stand among all."""
        found, first = [], 0
        for number, group in enumerate(self.groups):
            found.append((number, slice(first, first + len(group))))
            first += len(group)
        return found

    def backward(self, p, m, g) -> Calls:
        calls = self._transform_doutputs(m) + self._weights_gradient(m, g)
        if m.dx is not None:
            calls += self._input_gradient(p, m)
        return calls

    def _transform_doutputs(self, m) -> Calls:
        calls: Calls = []
        dy = [half.transpose(1, 2, 0, 3) for half in _halves(m.dy_planes)]  # (t, pairs, h, k)
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

    def _weights_gradient(self, m, g) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, t, _, c = m.x.shape
        n_rows = self.geometry.rows.n_out
        calls: Calls = []
        dtaps: dict[int, NDArray] = {}
        for number, slots in self._group_slots():
            inputs = getattr(m, f"inputs{number}")
            size, _, n_pairs, _, depth = inputs.shape
            doutputs = m.doutputs[slots].reshape(size, t * n_pairs, n_rows, k)
            sums = getattr(m, f"dtaps{number}")
            calls += lowering.taps_gradient(
                inputs.reshape(size, t * n_pairs, h, depth),
                self.geometry.row_runs,
                doutputs.swapaxes(1, 2),
                getattr(m, f"partials{number}"),
                sums.reshape(size, n * depth, k),
            )
            dtaps |= dict(zip(self.groups[number], sums, strict=True))
        terms: dict[int, list] = {tap: [] for tap in range(n)}
        for point in self.points:
            for piece, part in self._parts(point, c):
                gradient = dtaps[point][:, part]
                if (piece.size, point) in HALVED:
                    calls.append(_halve(gradient))
                for sign, tap in TAPS[piece.size][point]:
                    terms[piece.first + tap].append((sign, gradient))
        for tap in range(n):
            calls += _signed_sum(g.weights[:, tap], terms[tap])
        return calls

    def _input_gradient(self, p, m) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, t, _, c = m.x.shape
        rows, columns = self.geometry.rows, self.geometry.columns
        # Tap r of input row y is output row y + r - reach: the filter, rows reversed.
        reach = n - 1 - rows.before
        calls: Calls = []
        halves = [m.dx[:, :, parity::2] for parity in (0, 1)]
        terms: list[list] = [[], []]
        for number, slots in self._group_slots():
            dinputs = getattr(m, f"dinputs{number}")
            _, _, n_pairs, depth = dinputs.shape
            group = self.groups[number]
            dinputs = dinputs.reshape(len(group), h, t * n_pairs, depth)
            doutputs = m.doutputs[slots].reshape(len(group), t * n_pairs, rows.n_out, k)
            flipped = getattr(p, f"reversed{number}").reshape(len(group), n * k, depth)
            for run in lowering.runs(h, rows.n_out, n, reach):
                taps = flipped[:, run.taps(k)]
                calls.append(lowering.product(doutputs, run, taps, dinputs[:, run.positions]))
            for slot, point in enumerate(group):
                for piece, part in self._parts(point, c):
                    gradient = dinputs[slot].reshape(h, t, n_pairs, depth)[..., part]
                    for sign, one in INPUTS[piece.size][point]:
                        pair, parity = divmod(piece.first + one - columns.before, 2)
                        terms[parity].append((sign, gradient, pair))
        for half, mine in zip(halves, terms, strict=True):
            calls += _shifted_sum(half, mine)
        return calls


def _halves(planes: NDArray) -> tuple[NDArray, NDArray]:
    """Even and odd columns, ``(h, t, columns, k)``, of ``(h, period, t, w / period, k)``."""
    if planes.shape[1] == 2:
        return planes[:, 0], planes[:, 1]
    return planes[:, 0, :, 0::2], planes[:, 0, :, 1::2]


def _halve(array: NDArray):
    return partial(np.multiply, array, array.dtype.type(0.5), array)


def _signed_sum(
    out: NDArray, terms: Sequence[tuple[int, NDArray]], *, accumulate: bool = False
) -> Calls:
    """``out = sum(sign * array)``, a positive one first; `accumulate` may use up that array."""
    (sign, total), *others = sorted(terms, key=lambda term: -term[0])
    assert sign > 0, "nothing to begin with"
    if not others:
        return [partial(np.copyto, out, total)]
    calls: Calls = []
    for number, (sign, array) in enumerate(others, start=1):
        target = total if accumulate and number < len(others) else out
        calls.append(partial(np.add if sign > 0 else np.subtract, total, array, target))
        total = target
    return calls


def _shifted_sum(out: NDArray, terms: Sequence[tuple[int, NDArray, int]]) -> Calls:
    """``out[x + shift] = sum(sign * array[x])`` along axis 2, each as far as it reaches."""
    reaching = []
    n = out.shape[2]
    for sign, array, shift in terms:
        first, last = max(0, shift), min(n, shift + array.shape[2])
        if first < last:
            reaching.append((sign, array[:, :, first - shift : last - shift], slice(first, last)))
    whole = [(sign, array) for sign, array, place in reaching if place == slice(0, n)]
    calls: Calls = []
    if any(sign > 0 for sign, _ in whole):
        calls += _signed_sum(out, whole)
        reaching = [term for term in reaching if term[2] != slice(0, n)]
    else:
        calls.append(partial(out.fill, 0))
    for sign, array, place in reaching:
        part = out[:, :, place]
        calls.append(partial(np.add if sign > 0 else np.subtract, part, array, part))
    return calls
