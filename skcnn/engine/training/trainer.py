"""`Trainer`: one training step, with its tiles spread over threads.

A mini-batch is divided into tiles of a few images. Threads take tiles; each tile passes forward and
backward through all layers in the thread's own memory and writes its gradients to a row of its own.
Then the threads share the blocks of the parameter vector (`optimizer_step`). Neither tiles nor
blocks depend on the number of threads, and sums are formed in tile order, so the results are
bit-identical for any number of threads.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.network import Network
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.augmentation import check_augmented
from skcnn.engine.training.optimizer_step import OptimizerStep
from skcnn.engine.training.settings import StepSettings, TrainingData, TrainingState
from skcnn.engine.workspace import Workspace

# Larger mini-batches are processed in parts. A part has fewer images if the gradients of its tiles
# would take more memory than this, but at least this many tiles, for as many threads.
MOST_IMAGES_AT_ONCE = 1024
GRADIENT_BYTES = 64 * 2**20
FEWEST_TILES_AT_ONCE = 16


def tile_size(network: Network) -> int:
    """Images in a tile: enough for long NumPy calls, few enough to share among threads.

    The less an image costs, the more of them a tile holds. Between two NumPy calls a thread needs
    the interpreter's lock and may have to wait for it: few long calls are faster than many short
    ones, even where the tile exceeds the second-level cache. Batch normalization, whose statistics
    are those of a tile, is more accurate with 32 than with 16 images.
    """
    if network.flops >= (5e8 if network.has_state else 1e7):
        return 16
    return 32 if network.flops >= 5e5 else 64


class _RandomStream:
    """A random stream for every tile of every step, whichever thread draws from it.

    The generator is counter-based: a stream is a position of the counter. Setting the position is
    six times as fast as making a new generator.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=seed)
        self.generator = np.random.Generator(self._bits)
        self._state: Any = self._bits.state  # as new: nothing drawn, nothing buffered

    def at(self, step: int, tile: int) -> np.random.Generator:
        """The generator at the beginning of this stream."""
        self._state["state"]["counter"][:] = (0, 0, step, tile)
        self._bits.state = self._state
        return self.generator


@dataclass(frozen=True)
class TileBuffers:
    """A thread's memory for tiles of one size."""

    workspace: Workspace
    gradient: NDArray[Any]  # without the whole-batch part
    observed: NDArray[Any]  # of the layers' state
    raw_images: NDArray[Any] | None
    targets: NDArray[Any]
    weights: NDArray[Any]


class Trainer:
    """Does training steps; all memory is laid out once.

    Parameters
    ----------
    network : Network
        Its parameters are moved in place.
    settings : StepSettings
    data : TrainingData
    state : TrainingState
        Its moments are updated in place.
    threads : Threads
    """

    def __init__(
        self,
        network: Network,
        settings: StepSettings,
        data: TrainingData,
        state: TrainingState,
        threads: Threads,
    ) -> None:
        self.network, self.settings, self.data = network, settings, data
        self.state, self.threads = state, threads
        dtype = network.dtype
        self.tile = tile_size(network)
        n_by_tile = network.n_parameters - network.n_whole_batch
        fit = GRADIENT_BYTES // (max(1, n_by_tile) * dtype.itemsize)
        most = MOST_IMAGES_AT_ONCE // self.tile
        self.tiles_at_once = min(max(fit, FEWEST_TILES_AT_ONCE), most)
        at_once = min(settings.batch_size, self.tiles_at_once * self.tile)
        n_tiles = -(-at_once // self.tile)
        self.tile_gradients = np.zeros((n_tiles, n_by_tile), dtype)
        self.tile_losses = np.zeros(n_tiles)
        # State is merged once for the mini-batch, not for each of its parts.
        n_all_tiles = -(-settings.batch_size // self.tile)
        self.tile_observed = np.zeros((n_all_tiles, network.n_state), dtype)
        self.tile_images = np.zeros(n_all_tiles, np.intp)
        self.factors = network.new_factors(at_once)
        self.parameters, self._derive = network.prepare(training=True)
        self._optimizer_step = OptimizerStep(
            network,
            settings.optimizer,
            state.moments,
            self.tile_gradients,
            self.factors,
            l2=settings.l2,
            threads=threads,
        )
        self._buffers: list[dict[int, TileBuffers]] = [{} for _ in range(threads.n_threads)]
        self._streams = [_RandomStream(state.seed) for _ in range(threads.n_threads)]
        self._is_random = settings.augment is not None or network.is_random

    def step(self, indices: NDArray[np.intp], *, step: int, rate: float, momentum: float) -> float:
        """One optimizer step on the images of `indices`; returns their mean weighted loss.

        `step` counts from 1. Raises ValueError if there are more than `batch_size` images.
        """
        n = len(indices)
        if n > self.settings.batch_size:
            raise ValueError(
                f"The mini-batch has {n} images; expected at most {self.settings.batch_size}, for "
                "which memory was laid out. Increase batch_size."
            )
        for call in self._derive:
            call()
        loss = 0.0
        n_tiles = -(-n // self.tile)
        bounds = [n * tile // n_tiles for tile in range(n_tiles + 1)]  # as equal as possible
        at_once = -(-n_tiles // -(-n_tiles // self.tiles_at_once))  # parts as equal as possible
        for first in range(0, n_tiles, at_once):
            last = min(first + at_once, n_tiles)
            part = indices[bounds[first] : bounds[last]]
            starts = [bound - bounds[first] for bound in bounds[first : last + 1]]
            run_tile = functools.partial(self._run_tile, part, starts, (step, first), n)
            self.threads.run(run_tile, last - first)
            loss += math.fsum(self.tile_losses[: last - first])
            self._optimizer_step.run(
                len(part),
                last - first,
                first=first == 0,
                last=last == n_tiles,
                batch_size=n,
                step=step,
                rate=rate,
                momentum=momentum,
            )
        if self.network.has_state:
            self.network.update_state(self.tile_observed[:n_tiles], self.tile_images[:n_tiles])
        return loss / n

    def _run_tile(
        self,
        part: NDArray[np.intp],
        starts: list[int],
        place: tuple[int, int],
        batch_size: int,
        thread: int,
        tile: int,
    ) -> None:
        """Forward and backward for a tile of a part; `place` is its step and its first tile."""
        rows = slice(starts[tile], starts[tile + 1])
        indices = part[rows]
        buffers = self.buffers(thread, len(indices))
        workspace, data = buffers.workspace, self.data
        step, first_tile = place
        augment = None
        if self._is_random:
            rng = self._streams[thread].at(step, first_tile + tile)
            if self.settings.augment is not None:
                augment = functools.partial(self._augmented, rng)
        data.reader.read(indices, workspace.input, buffers.raw_images, augment)
        data.targets.read(indices, workspace.input, buffers.targets)
        workspace.forward()
        if data.weights is None:
            buffers.weights.fill(1 / batch_size)
        else:
            np.divide(data.weights[indices], batch_size, out=buffers.weights[:, 0])
        loss = self.settings.loss.loss(
            workspace.output, buffers.targets, buffers.weights, workspace.doutput
        )
        self.tile_losses[tile] = loss * batch_size
        workspace.place.rows = rows
        workspace.backward()
        np.copyto(self.tile_gradients[tile], buffers.gradient)
        if self.network.has_state:
            np.copyto(self.tile_observed[first_tile + tile], buffers.observed)
            self.tile_images[first_tile + tile] = len(indices)

    def buffers(self, thread: int, n_images: int) -> TileBuffers:
        """The thread's buffers for tiles of `n_images`."""
        buffers = self._buffers[thread]
        if n_images not in buffers:
            network = self.network
            gradient = np.zeros(network.n_parameters, network.dtype)
            observed = np.zeros(network.n_state, network.dtype)
            buffers[n_images] = TileBuffers(
                workspace=Workspace(
                    network,
                    n_images,
                    self.parameters,
                    gradients=network.views(gradient),
                    observed=network.state_views(observed),
                    factors=self.factors,
                    rng=self._streams[thread].generator,
                ),
                gradient=gradient[network.n_whole_batch :],
                observed=observed,
                raw_images=self.data.reader.scratch(n_images),
                targets=np.empty((n_images, *network.shapes[-1]), network.dtype),
                weights=np.empty((n_images, 1), network.dtype),
            )
        return buffers[n_images]

    def _augmented(self, rng: np.random.Generator, images: NDArray[Any]) -> NDArray[Any]:
        assert self.settings.augment is not None
        return check_augmented(self.settings.augment(images, rng), images)
