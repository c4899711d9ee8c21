"""`Update`: from the tiles' gradients to the next parameters.

The parameter vector is cut into blocks. Each thread takes every so-manieth block: it adds up what
the tiles left, in tile order, or computes the gradient as one product over the mini-batch, and
moves the block while it is in the cache. The blocks do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Calls
from skcnn.engine.network import Network
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.optimizers import Optimizer

BLOCK = 1 << 16  # parameters, about: between short calls threads wait for the interpreter's lock
WORTH_SHARING = 200_000  # parameters; one thread alone moves fewer as soon


@dataclass(frozen=True)
class Block:
    """Part of the parameter vector; of a whole-batch gradient, `rows` of the weights of `layer`."""

    part: slice
    layer: int | None = None
    rows: slice | None = None


def cut_into_blocks(network: Network) -> list[Block]:
    blocks = []
    for (index, _), slot in network.slots.items():
        if slot.stop > network.n_whole_batch:
            continue
        n_in, n_out = network.shapes[index][0], network.plans[index].out_shape[0]
        step = max(1, BLOCK // n_out)
        for first in range(0, n_in, step):
            rows = slice(first, min(first + step, n_in))
            part = slice(slot.start + rows.start * n_out, slot.start + rows.stop * n_out)
            blocks.append(Block(part, index, rows))
    for first in range(network.n_whole_batch, network.n_parameters, BLOCK):
        blocks.append(Block(slice(first, min(first + BLOCK, network.n_parameters))))
    return blocks


class Update:
    """Everything that moving the parameters needs, laid out once.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
    moments : sequence of ndarray of shape (n_parameters,)
    lanes : ndarray of shape (n_tiles, n_parameters - n_whole_batch)
        The tiles' gradients.
    stores : list of namespaces or None, one a layer
        ``x`` and ``dy`` of the mini-batch, for layers with a whole-batch gradient.
    l2 : float
        Strength of the penalty on the weights for a mini-batch.
    threads : Threads
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        moments: Sequence[NDArray],
        lanes: NDArray,
        stores: Sequence[SimpleNamespace | None],
        *,
        l2: float,
        threads: Threads,
    ) -> None:
        self.network, self.optimizer, self.moments = network, optimizer, moments
        self.lanes, self.stores, self.l2, self.threads = lanes, stores, l2, threads
        dtype = network.dtype
        self.blocks = cut_into_blocks(network)
        shared = network.n_parameters >= WORTH_SHARING
        self.n_shares = min(threads.n_threads, len(self.blocks)) if shared else 1
        self.gradient = np.zeros(network.n_parameters, dtype)
        longest = max(block.part.stop - block.part.start for block in self.blocks)
        self.scratch = np.zeros((self.n_shares, longest), dtype)
        # what changes from step to step: 0-d arrays, which the calls are bound to
        self.decay = np.zeros((), dtype)
        self.settings = [np.zeros((), dtype) for _ in range(optimizer.n_settings)]
        self._calls: dict[tuple, list[Calls]] = {}

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
        """Take in the gradients of `n_images` in `n_tiles`; after the `last` of them, move.

        `first`: nothing of this mini-batch has been taken in before. `step` counts from 1.
        """
        self.decay[()] = self.l2 / batch_size
        values = self.optimizer.settings(step, rate, momentum)
        for setting, value in zip(self.settings, values, strict=True):
            setting[()] = value
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
            calls.append(self._sum(block, n_images, n_tiles, gradient if first else scratch))
            if not first:
                calls.append(partial(np.add, gradient, scratch, gradient))
            if last:
                calls += self._move(block, gradient, scratch)
        return calls

    def _sum(self, block: Block, n_images: int, n_tiles: int, out: NDArray):
        if block.layer is None:
            skip = self.network.n_whole_batch
            lanes = self.lanes[:n_tiles, block.part.start - skip : block.part.stop - skip]
            return partial(np.add.reduce, lanes, 0, None, out)
        store = self.stores[block.layer]
        x, dy = store.x[:n_images, block.rows], store.dy[:n_images]
        return partial(np.matmul, x.T, dy, out.reshape(-1, dy.shape[1]))

    def _move(self, block: Block, gradient: NDArray, scratch: NDArray) -> Calls:
        parameters = self.network.parameters[block.part]
        calls: Calls = []
        n_weights = min(len(parameters), self.network.n_weights - block.part.start)
        if self.l2 and n_weights > 0:
            weights, decay = parameters[:n_weights], scratch[:n_weights]
            penalised = gradient[:n_weights]
            calls = [
                partial(np.multiply, weights, self.decay, decay),
                partial(np.add, penalised, decay, penalised),
            ]
        moments = [moment[block.part] for moment in self.moments]
        return calls + self.optimizer.move(parameters, gradient, moments, scratch, self.settings)
