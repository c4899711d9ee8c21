"""`OptimizerStep`: from the tiles' gradients to the next parameters.

The parameter vector is divided into blocks. Thread i of n takes blocks i, i + n, i + 2n, ... For
each it adds the tiles' gradients, in tile order, or computes the gradient as one product over the
mini-batch, and moves the block while it is in the cache. The blocks do not depend on the number of
threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Namespace
from skcnn.engine.network import Network
from skcnn.engine.runtime.calls import Calls
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.optimizers import Optimizer

BLOCK = 1 << 16  # parameters, about: after short calls threads wait for the interpreter's lock
WORTH_SHARING = 200_000  # parameters; below this number one thread is as fast


@dataclass(frozen=True)
class Block:
    """Part of the parameter vector.

    With a whole-batch gradient, it is `rows` of the weights of layer number `layer`. As a `matrix`,
    (inputs, outputs), it is all weights of a layer.
    """

    part: slice
    layer: int | None = None
    rows: slice | None = None
    matrix: tuple[int, int] | None = None

    def __len__(self) -> int:
        return int(self.part.stop - self.part.start)


def cut_into_blocks(network: Network, *, matrices: bool) -> list[Block]:
    """Blocks of the whole vector, in order; with `matrices`, the hidden weights are not cut."""
    blocks: list[Block] = []
    whole_batch = network.whole_batch_slots()
    hidden = network.hidden_weights() if matrices else {}
    done = 0  # parameters before this one have a block

    def cut_up_to(end: int) -> None:
        nonlocal done
        starts = range(done, end, BLOCK)
        blocks.extend(Block(slice(start, min(start + BLOCK, end))) for start in starts)
        done = end

    for (index, name), slot in (whole_batch | hidden).items():
        cut_up_to(slot.start)
        shape = network.plans[index].parameters[name].shape
        n_in, n_out = math.prod(shape[:-1]), shape[-1]
        whole = (index, name) in hidden
        step = n_in if whole else max(1, BLOCK // n_out)
        for first in range(0, n_in, step):
            rows = slice(first, min(first + step, n_in))
            part = slice(slot.start + rows.start * n_out, slot.start + rows.stop * n_out)
            matrix = (n_in, n_out) if whole else None
            if (index, name) in whole_batch:
                blocks.append(Block(part, index, rows, matrix))
            else:
                blocks.append(Block(part, matrix=matrix))
        done = slot.stop
    cut_up_to(network.n_parameters)
    return blocks


class OptimizerStep:
    """Moves the parameters; all memory is laid out once.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
    moments : sequence of ndarray of shape (n_parameters,)
    tile_gradients : ndarray of shape (n_tiles, n_parameters - n_whole_batch)
    factors : list of namespaces or None, one for each layer
        ``x`` and ``dy`` of the mini-batch, for layers with a whole-batch gradient.
    l2 : float
        Strength of the L2 penalty for one mini-batch.
    threads : Threads
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        moments: Sequence[NDArray[Any]],
        tile_gradients: NDArray[Any],
        factors: Sequence[Namespace | None],
        *,
        l2: float,
        threads: Threads,
    ) -> None:
        self.network, self.optimizer, self.moments = network, optimizer, moments
        self.tile_gradients, self.factors = tile_gradients, factors
        self.l2, self.threads = l2, threads
        dtype = network.dtype
        self.blocks = cut_into_blocks(network, matrices=optimizer.moves_matrices)
        shared = optimizer.moves_matrices or network.n_parameters >= WORTH_SHARING
        self.n_shares = min(threads.n_threads, len(self.blocks)) if shared else 1
        self.gradient = np.zeros(network.n_parameters, dtype)
        self.scratch = np.zeros((self.n_shares, max(map(len, self.blocks))), dtype)
        # What changes from step to step is held in 0-d arrays, to which the calls are bound.
        self.decay = np.zeros((), dtype)
        self.scalars = [np.zeros((), dtype) for _ in range(optimizer.n_scalars)]
        self._calls: dict[tuple[int, int, bool, bool], list[Calls]] = {}

    def run(
        self,
        n_images: int,
        n_tiles: int,
        *,
        first: bool,
        last: bool,
        batch_size: int,
        step: int,
        rate: float,
        momentum: float,
    ) -> None:
        """Add the gradients of `n_images` in `n_tiles`; after the last part, move the parameters.

        `first` and `last` say which part of the mini-batch this is. `step` counts from 1.
        """
        self.decay[()] = self.l2 / batch_size
        values = self.optimizer.step_scalars(step, rate, momentum)
        for scalar, value in zip(self.scalars, values, strict=True):
            scalar[()] = value
        key = (n_images, n_tiles, first, last)
        if key not in self._calls:
            self._calls[key] = [self._bind(share, *key) for share in range(self.n_shares)]
        shares = self._calls[key]

        def move(thread: int, share: int) -> None:
            for call in shares[share]:
                call()

        self.threads.run(move, self.n_shares)

    def _bind(self, share: int, n_images: int, n_tiles: int, first: bool, last: bool) -> Calls:
        calls: Calls = []
        for block in self.blocks[share :: self.n_shares]:
            gradient = self.gradient[block.part]
            scratch = self.scratch[share, : len(gradient)]
            calls += self._sum(block, n_images, n_tiles, gradient if first else scratch)
            if not first:
                calls.append(partial(np.add, gradient, scratch, gradient))
            if last:
                calls += self._move(block, gradient, scratch)
        return calls

    def _sum(self, block: Block, n_images: int, n_tiles: int, out: NDArray[Any]) -> Calls:
        """The gradient of a block, summed over the tiles."""
        factors = None if block.layer is None else self.factors[block.layer]
        if factors is not None:
            x, dy = factors.x[:n_images, block.rows], factors.dy[:n_images]
            return [partial(np.matmul, x.T, dy, out.reshape(-1, dy.shape[1]))]
        start = block.part.start - self.network.n_whole_batch
        calls: Calls = []
        for first in range(0, len(block), BLOCK):  # while the sum is in the cache
            part = out[first : first + BLOCK]
            tiles = self.tile_gradients[:n_tiles, start + first : start + first + len(part)]
            calls.append(partial(np.add.reduce, tiles, 0, None, part))
        return calls

    def _move(self, block: Block, gradient: NDArray[Any], scratch: NDArray[Any]) -> Calls:
        """Add the gradient of the penalty, then follow the optimizer.

        Matrices have no penalty: the optimizer preserves their norm.
        """
        parameters = self.network.parameters[block.part]
        calls: Calls = []
        n_penalized = min(len(parameters), self.network.n_penalized - block.part.start)
        if self.l2 and n_penalized > 0 and block.matrix is None:
            weights, decay = parameters[:n_penalized], scratch[:n_penalized]
            penalized = gradient[:n_penalized]
            calls = [
                partial(np.multiply, weights, self.decay, decay),
                partial(np.add, penalized, decay, penalized),
            ]
        arrays = [parameters, gradient, *(moment[block.part] for moment in self.moments), scratch]
        shape = block.matrix or (len(block),)
        parameters, gradient, *moments, scratch = (array.reshape(shape) for array in arrays)
        return calls + self.optimizer.move(parameters, gradient, moments, scratch, self.scalars)
