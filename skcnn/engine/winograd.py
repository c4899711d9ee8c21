"""Convolution with fewer multiplications (Winograd 1980; Lavin & Gray 2016), along the width.

Two neighbouring outputs of a filter of three taps, ``y0 = a0 g0 + a1 g1 + a2 g2`` and
``y1 = a1 g0 + a2 g1 + a3 g2``, take six multiplications; or four, of sums of inputs by sums of
taps, which for a whole layer are matrix products::

    m0 = (a0 - a2) g0                        y0 = m0 + m1 + m2
    m1 = (a1 + a2) (g0 + g1 + g2) / 2        y1 = m1 - m2 + m3
    m2 = (a2 - a1) (g0 - g1 + g2) / 2
    m3 = (a3 - a1) g2

These are the polynomials' values at the points 0, 1, -1 and infinity (Toom & Cook). A longer row
of a filter is cut into pieces of three taps and a rest of two (three products at the points 0, 1
and infinity instead of four) or one. A filter of five thus takes 7 products instead of 10, one of
13 takes 18 instead of 26. As the pieces share the points, and so the way from the m to the y, the
inputs of all pieces at a point stand side by side, and one product adds them up.

What each point multiplies is stored ``(points, t, pairs, h, pieces * c)``, pairs of columns of the
output: as in `lowering`, the rows of a filter meet adjacent numbers in it, nothing is copied for
them, and rows beyond the image are left out. All steps are linear; the gradients take the same
steps transposed, and cost as many multiplications.

In float32 the result differs from a direct sum's by rounding, of about twice the size.

Contains `WinogradConvolution` and `saved_share`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from skcnn.engine import lowering
from skcnn.engine.memory import Array
from skcnn.engine.plan import Calls, Parameter, Plan, Shape

# By the number of taps of a piece, by point: the inputs and the taps that are added, with signs.
INPUTS: dict[int, dict[int, tuple[tuple[int, int], ...]]] = {
    1: {0: ((1, 0),), 3: ((1, 1),)},
    2: {0: ((1, 0), (-1, 1)), 1: ((1, 1),), 3: ((1, 2), (-1, 1))},
    3: {
        0: ((1, 0), (-1, 2)),
        1: ((1, 1), (1, 2)),
        2: ((1, 2), (-1, 1)),
        3: ((1, 3), (-1, 1)),
    },
}
TAPS: dict[int, dict[int, tuple[tuple[int, int], ...]]] = {
    1: {0: ((1, 0),), 3: ((1, 0),)},
    2: {0: ((1, 0),), 1: ((1, 0), (1, 1)), 3: ((1, 1),)},
    3: {0: ((1, 0),), 1: ((1, 0), (1, 1), (1, 2)), 2: ((1, 0), (-1, 1), (1, 2)), 3: ((1, 2),)},
}
HALVED = {(3, 1), (3, 2)}  # (taps of the piece, point) whose sum of taps is halved
OUTPUTS = {0: ((1, 0),), 1: ((1, 0), (1, 1)), 2: ((1, 0), (-1, 1)), 3: ((1, 1),)}

BLOCK = 128 * 1024  # numbers of a tile's products at once: half of a second-level cache of 1 MB
TILE = 32  # images, for that purpose


@dataclass(frozen=True)
class Piece:
    """Taps ``first ... first + size - 1`` of each row of a filter."""

    first: int
    size: int


def pieces_of(filter_size: int) -> list[Piece]:
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
    """See `Conv2D`, the module's text, and `plan` for what the arrays are."""

    n_filters: int
    filter_size: int
    padding: str = "same"

    @cached_property
    def pieces(self) -> list[Piece]:
        return pieces_of(self.filter_size)

    @cached_property
    def groups(self) -> list[list[int]]:
        """Points with equally many pieces, whose products numpy makes in one call."""
        groups: dict[int, list[int]] = {}
        for point in range(4):
            pieces = self._pieces_at(point)
            if pieces:
                groups.setdefault(len(pieces), []).append(point)
        return list(groups.values())

    @cached_property
    def points(self) -> list[int]:
        """In the order in which they are stored."""
        return [point for group in self.groups for point in group]

    def _pieces_at(self, point: int) -> list[Piece]:
        return [piece for piece in self.pieces if point in INPUTS[piece.size]]

    def _windows(self, in_shape: Shape) -> tuple[lowering.Window, lowering.Window]:
        return (
            lowering.Window.along(self.filter_size, in_shape[0], self.padding),
            lowering.Window.along(self.filter_size, in_shape[1], self.padding),
        )

    def plan(self, in_shape: Shape) -> Plan:
        h, _, c = in_shape
        n, k = self.filter_size, self.n_filters
        rows, columns = self._windows(in_shape)
        n_pairs = -(-columns.n_out // 2)
        meetings = sum(
            len(run) * (run.hi - run.lo) for run in lowering.runs(rows.n_out, h, n, rows.before)
        )
        n_points = len(self.points)
        at_once = min(rows.n_out, max(1, BLOCK // (TILE * n_points * n_pairs * k)))
        kept, backward, derived = {}, {}, {}
        backward["doutputs"] = Array((n_points, n_pairs, rows.n_out, k), rows_first=True)
        for number, group in enumerate(self.groups):
            size, depth = len(group), len(self._pieces_at(group[0])) * c
            kept[f"inputs{number}"] = Array((size, n_pairs, h, depth), rows_first=True)
            backward[f"dinputs{number}"] = Array((size * h, n_pairs, depth), rows_first=True)
            backward[f"partials{number}"] = Array((rows.n_out, size, n * depth, k), fixed=True)
            backward[f"dtaps{number}"] = Array((size, n, depth, k), fixed=True)
            derived[f"transformed{number}"] = (size, n, depth, k)
            derived[f"reversed{number}"] = (size, n, k, depth)
        return Plan(
            out_shape=(rows.n_out, columns.n_out, k),
            parameters={"weights": Parameter((n, n, c, k), n * n * c, n * n * k)},
            kept=kept,
            scratch={"products": Array((n_points * at_once, n_pairs, k), rows_first=True)},
            backward_scratch=backward,
            derived=derived,
            # of a last pair that has one column only, the other sees zeros
            input_padding=(columns.before, columns.after + columns.n_out % 2),
            row_order=True,
            periods=(1, 2),
            flops=2 * columns.n_out * meetings * n * c * k,
        )

    def derive(self, p) -> Calls:
        """Sums of taps at each point; and these with rows reversed, for the input's gradient."""
        calls: Calls = []
        for number, group in enumerate(self.groups):
            transformed = getattr(p, f"transformed{number}")
            c = p.weights.shape[2]
            for slot, point in enumerate(group):
                for piece, part in self._parts(point, c):
                    terms = [
                        (sign, p.weights[:, piece.first + tap])
                        for sign, tap in TAPS[piece.size][point]
                    ]
                    calls += _signed_sum(transformed[slot, :, part], terms)
                    if (piece.size, point) in HALVED:
                        calls.append(_halve(transformed[slot, :, part]))
            flipped = transformed[:, ::-1].swapaxes(2, 3)
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
        n, k = self.filter_size, self.n_filters
        h, t, w, c = m.x.shape
        rows, _ = self._windows((h, w, c))
        n_points, (_, _, n_pairs, _) = len(self.points), m.products.shape
        y = _halves(m.y_planes)
        at_once = len(m.products) // n_points
        products = m.products.reshape(n_points, at_once, t * n_pairs, k)
        calls: Calls = []
        for first in range(0, rows.n_out, at_once):
            last = min(first + at_once, rows.n_out)
            for run in lowering.runs(rows.n_out, h, n, rows.before):
                run = run.between(first, last)
                if not len(run):
                    continue
                here = slice(run.first - first, run.last - first)
                for number, slots in self._group_slots():
                    inputs = getattr(m, f"inputs{number}")
                    calls.append(
                        lowering.product(
                            inputs.reshape(len(inputs), t * n_pairs, h, -1),
                            run,
                            getattr(p, f"transformed{number}").reshape(len(inputs), -1, k)[
                                :, run.taps(inputs.shape[-1])
                            ],
                            products[slots, here],
                        )
                    )
            done = products[:, : last - first].reshape(n_points, last - first, t, n_pairs, k)
            for column in (0, 1):
                target = y[column][first:last]
                terms = [
                    (sign, done[self.points.index(point), :, :, : target.shape[2]])
                    for point in (0, 3, 1, 2)
                    if point in self.points
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
                if point == 3:
                    calls.append(partial(out[:, n_whole:].fill, 0))
                else:
                    calls.append(partial(np.copyto, out[:, n_whole:], dy[0][:, n_whole:]))
        return calls

    def _weights_gradient(self, m, g) -> Calls:
        n, k = self.filter_size, self.n_filters
        h, t, w, c = m.x.shape
        rows, _ = self._windows((h, w, c))
        runs = lowering.runs(rows.n_out, h, n, rows.before)
        calls: Calls = []
        dtaps: dict[int, NDArray] = {}
        for number, slots in self._group_slots():
            inputs = getattr(m, f"inputs{number}")
            size, _, n_pairs, _, depth = inputs.shape
            doutputs = m.doutputs[slots].reshape(size, t * n_pairs, rows.n_out, k)
            sums = getattr(m, f"dtaps{number}")
            calls += lowering.taps_gradient(
                inputs.reshape(size, t * n_pairs, h, depth),
                runs,
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
        n, k = self.filter_size, self.n_filters
        h, t, w, c = m.x.shape
        rows, columns = self._windows((h, w, c))
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
    (_, total), *others = sorted(terms, key=lambda term: -term[0])
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
