"""`WinogradConvolution`: convolution with fewer multiplications, along the width.

`winograd_terms` explains the algorithm. All pieces of a filter use the same output transform, so
their inputs are stored side by side at each point, and one product adds them up.

What each point multiplies is stored ``(points, t, pairs, h, pieces * c)``, for pairs of adjacent
columns of the output. As in `lowering`, the rows of a filter meet adjacent numbers in it: nothing
is copied for them, and rows outside the image are left out. All steps are linear; the gradients
use the transposed transforms and as many multiplications.

In float32 the rounding errors are slightly larger than those of direct sums; the tests allow 1.5
times as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Kernel, Namespace, Plan
from skcnn.engine.layers.convolution import lowering
from skcnn.engine.layers.convolution.geometry import Geometry, find_runs
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
from skcnn.engine.memory import Array
from skcnn.engine.runtime.calls import Call, Calls

# Products are added up a few rows at a time, while they are in cache: float32 numbers in half of a
# second-level cache of 1 MB, for tiles of 32 images.
CACHED_NUMBERS = 128 * 1024
TILE = 32


@dataclass(frozen=True)
class WinogradConvolution(Kernel):
    """A kernel of `Conv2D`; `plan` lists its arrays, numbered by group of points."""

    geometry: Geometry

    @cached_property
    def groups(self) -> list[list[int]]:
        """Points with equally many pieces: one NumPy call computes their products."""
        groups: dict[int, list[int]] = {}
        for point in (ZERO, ONE, MINUS_ONE, INFINITY):
            pieces = self._pieces_at(point)
            if pieces:
                groups.setdefault(len(pieces), []).append(point)
        return list(groups.values())

    @cached_property
    def points(self) -> list[int]:
        """All points, in the order in which they are stored."""
        return [point for group in self.groups for point in group]

    def _pieces_at(self, point: int) -> list[Piece]:
        pieces = pieces_of(self.geometry.filter_size)
        return [piece for piece in pieces if point in INPUTS[piece.size]]

    def plan(self) -> Plan:
        """What the kernel needs; the parameters are the layer's."""
        h, _, c = self.geometry.in_shape
        n, k = self.geometry.filter_size, self.geometry.n_filters
        rows, columns = self.geometry.rows, self.geometry.columns
        n_pairs = -(-columns.n_out // 2)
        n_points = len(self.points)
        at_once = min(rows.n_out, max(1, CACHED_NUMBERS // (TILE * n_points * n_pairs * k)))
        kept: dict[str, Array] = {}
        scratch: dict[str, Array] = {}
        derived: dict[str, tuple[int, ...]] = {}
        backward_derived: dict[str, tuple[int, ...]] = {}
        # points (and rows) come first, then images
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
            kernel=self,
            out_shape=self.geometry.out_shape,
            kept=kept,
            scratch={"products": Array((n_points * at_once, n_pairs, k), images_second=True)},
            backward_scratch=scratch,
            derived=derived,
            backward_derived=backward_derived,
            # If the last pair has only one column, its other column reads zeros.
            input_padding=(columns.before, columns.after + columns.n_out % 2),
            unpadded_output=True,
            output_periods=(1, 2),
            flops=self.geometry.flops,
        )

    def derive(self, p: Namespace, training: bool) -> Calls:
        """Sums of taps at each point, and the same with rows reversed for the input's gradient."""
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
        """The pieces at a point, and the part of its inputs that belongs to each."""
        return [
            (piece, slice(place * c, (place + 1) * c))
            for place, piece in enumerate(self._pieces_at(point))
        ]

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        return self._transform_inputs(m) + self._outputs(p, m)

    def _transform_inputs(self, m: Namespace) -> Calls:
        calls: Calls = []
        c = m.x.shape[3]
        n_pairs = m.inputs0.shape[2]
        for number, group in enumerate(self.groups):
            inputs = getattr(m, f"inputs{number}")
            for slot, point in enumerate(group):
                for piece, part in self._parts(point, c):
                    terms = [
                        (sign, _every_second_column(m.x_stored, piece.first + offset, n_pairs))
                        for sign, offset in INPUTS[piece.size][point]
                    ]
                    calls += _signed_sum(inputs[slot, ..., part], terms)
        return calls

    def _outputs(self, p: Namespace, m: Namespace) -> Calls:
        """Products and their sums, a few rows of the output at a time, while they are in cache."""
        k = self.geometry.n_filters
        n_rows, n_points = self.geometry.rows.n_out, len(self.points)
        _, t, n_pairs, _ = m.products.shape
        at_once = len(m.products) // n_points
        products = m.products.reshape(n_points, at_once, t * n_pairs, k)
        y = _even_and_odd(m.y_planes)
        calls: Calls = []
        for first in range(0, n_rows, at_once):
            last = min(first + at_once, n_rows)
            calls += self._products(p, m, products, first, last)
            done = products[:, : last - first].reshape(n_points, last - first, t, n_pairs, k)
            for column in (0, 1):
                calls += self._sum_products(done, y[column][first:last], column)
        return calls

    def _products(
        self, p: Namespace, m: Namespace, products: NDArray[Any], first: int, last: int
    ) -> Calls:
        """Of rows ``first ... last - 1`` of the output, at all points."""
        k, h = self.geometry.n_filters, self.geometry.in_shape[0]
        pairs = products.shape[2]
        calls: Calls = []
        for run in self.geometry.row_runs:
            run = run.between(first, last)
            here = slice(run.first - first, run.last - first)
            for number, slots in self._group_slots() if len(run) else ():
                inputs = getattr(m, f"inputs{number}")
                size, depth = len(inputs), inputs.shape[-1]
                taps = getattr(p, f"taps{number}").reshape(size, -1, k)
                windows = inputs.reshape(size, pairs, h, depth)
                out = products[slots, here]
                calls.append(lowering.product(windows, run, taps[:, run.taps(depth)], out))
        return calls

    def _sum_products(self, products: NDArray[Any], out: NDArray[Any], column: int) -> Calls:
        """Add the products that belong to the even (0) or odd (1) columns of the output.

        The sum is formed in the memory of the product that no other column needs.
        """
        own = (ZERO, INFINITY)[column]
        by_point = sorted(enumerate(self.points), key=lambda entry: entry[1] != own)
        terms = [
            (sign, products[slot, :, :, : out.shape[2]])
            for slot, point in by_point
            for sign, target in OUTPUTS[point]
            if target == column
        ]
        return _signed_sum(out, terms, accumulate=True)

    def _group_slots(self) -> list[tuple[int, slice]]:
        """The number of each group of points, and the place of its points among all."""
        found, first = [], 0
        for number, group in enumerate(self.groups):
            found.append((number, slice(first, first + len(group))))
            first += len(group)
        return found

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        calls = self._transform_doutputs(m) + self._weights_gradient(m, g)
        if m.dx is not None:
            calls += self._input_gradient(p, m)
        return calls

    def _transform_doutputs(self, m: Namespace) -> Calls:
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

    def _weights_gradient(self, m: Namespace, g: Namespace) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, t, _, c = m.x.shape
        n_rows = self.geometry.rows.n_out
        calls: Calls = []
        dtaps: dict[int, NDArray[Any]] = {}
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
        terms: dict[int, list[Term]] = {tap: [] for tap in range(n)}
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

    def _input_gradient(self, p: Namespace, m: Namespace) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, t, _, c = m.x.shape
        rows, columns = self.geometry.rows, self.geometry.columns
        # Tap r of input row y is output row y + r - reach: the filter, rows reversed.
        reach = n - 1 - rows.before
        calls: Calls = []
        terms: list[list[ShiftedTerm]] = [[], []]  # of the even and the odd columns
        for number, slots in self._group_slots():
            dinputs = getattr(m, f"dinputs{number}")
            _, _, n_pairs, depth = dinputs.shape
            group = self.groups[number]
            dinputs = dinputs.reshape(len(group), h, t * n_pairs, depth)
            doutputs = m.doutputs[slots].reshape(len(group), t * n_pairs, rows.n_out, k)
            flipped = getattr(p, f"reversed{number}").reshape(len(group), n * k, depth)
            for run in find_runs(h, rows.n_out, n, reach):
                taps = flipped[:, run.taps(k)]
                calls.append(lowering.product(doutputs, run, taps, dinputs[:, run.positions]))
            for slot, point in enumerate(group):
                for piece, part in self._parts(point, c):
                    gradient = dinputs[slot].reshape(h, t, n_pairs, depth)[..., part]
                    for sign, offset in INPUTS[piece.size][point]:
                        pair, parity = divmod(piece.first + offset - columns.before, 2)
                        terms[parity].append((sign, gradient, pair))
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
