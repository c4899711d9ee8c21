"""`OptimizerStep`: from the tiles' gradients to the next parameters.

The parameter vector is divided into blocks (`blocks`), and each thread has its share of them. For
each block it adds the tiles' gradients, in tile order, or computes the gradient as one product over
the mini-batch, and moves the block, usually while it is in the cache. The result of a block does
not depend on the shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Namespace
from skcnn.engine.network import Network
from skcnn.engine.runtime.calls import Calls
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.blocks import BLOCK, Block, cut_into_blocks, share_out
from skcnn.engine.training.optimizers import Optimizer

WORTH_SHARING = 200_000  # the cost of all blocks below which one thread is as fast


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
        blocks = cut_into_blocks(network, matrices=optimizer.moves_matrices)
        shared = sum(block.cost for block in blocks) >= WORTH_SHARING
        self.shares = share_out(blocks, min(threads.n_threads, len(blocks)) if shared else 1)
        self.gradient = np.zeros(network.n_parameters, dtype)
        self.scratch = [np.zeros(max(map(len, share)), dtype) for share in self.shares]
        # What changes from step to step is held in 0-d arrays, to which the calls are bound.
        self.decay = np.zeros((), dtype)
        self.scalars = [np.zeros((), dtype) for _ in range(optimizer.n_scalars)]
        self._moves = [
            [self._move(block, scratch[: len(block)]) for block in share]
            for share, scratch in zip(self.shares, self.scratch, strict=True)
        ]
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
            self._calls[key] = [self._bind(share, *key) for share in range(len(self.shares))]
        shares = self._calls[key]

        def move(thread: int, share: int) -> None:
            for call in shares[share]:
                call()

        self.threads.run(move, len(self.shares))

    def _bind(self, share: int, n_images: int, n_tiles: int, first: bool, last: bool) -> Calls:
        calls: Calls = []
        for block, move in zip(self.shares[share], self._moves[share], strict=True):
            gradient = self.gradient[block.part]
            scratch = self.scratch[share][: len(block)]
            calls += self._sum(block, n_images, n_tiles, gradient if first else scratch)
            if not first:
                calls.append(partial(np.add, gradient, scratch, gradient))
            if last:
                calls += move
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

    def _move(self, block: Block, scratch: NDArray[Any]) -> Calls:
        """Add the gradient of the penalty, then follow the optimizer.

        Matrices have no penalty: the optimizer preserves their norm.
        """
        parameters, gradient = self.network.parameters[block.part], self.gradient[block.part]
        calls: Calls = []
        n_penalized = min(len(block), self.network.n_penalized - block.part.start)
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
