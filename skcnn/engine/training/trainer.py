"""Tiles over threads: one training step, or the prediction of many images.

A mini-batch is cut into tiles of a few images. Threads take tiles; each goes forward and backward
through all layers in the thread's own memory and leaves its gradients in a lane of its own. Then
the threads share the blocks of the parameter vector: the lanes are added in tile order, and the
optimizer moves the block while it is in the cache. Neither tiles nor blocks depend on the number
of threads, so neither do the results, to the last bit.

Contains `tile_size`, `prediction_tile_size`, `Trainer` and `predict`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.optimizer_step import Update
from skcnn.engine.training.optimizers import Optimizer
from skcnn.engine.workspace import Workspace

MOST_IMAGES_AT_ONCE = 1024  # larger mini-batches are taken in several goes
FEW_IMAGES = 64  # up to so many are predicted one by one


def tile_size(network: Network) -> int:
    """Images in a tile: enough to make the calls worth their price, few enough to share.

    The less an image costs, the more of them a tile takes. Between two calls of numpy a thread
    needs the interpreter's lock, and may have to wait for it: few long calls beat many short ones,
    even where the tile outgrows the second-level cache.
    """
    if network.flops >= 1e7:
        return 16
    return 32 if network.flops >= 5e5 else 64


def prediction_tile_size(network: Network) -> int:
    """Images in a tile of a prediction, which keeps less of each image in memory than training.

    Where an image costs little, as many as 2 MiB of float32 hold in the widest place.
    """
    if network.flops >= 5e5:
        return 32
    widest = max(math.prod(shape) for shape in network.shapes)
    return min(max(32, 2**19 // widest), 256)


class _Stream:
    """A random stream for every tile of every step, the same whichever thread draws from it.

    Philox counts; a stream is a place to count from. To set the place is six times as fast as to
    make a new generator.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=seed)
        self.generator = np.random.Generator(self._bits)
        self._state = self._bits.state  # as made: nothing drawn, nothing left over

    def at(self, step: int, tile: int) -> np.random.Generator:
        self._state["state"]["counter"][:] = (0, 0, step, tile)
        self._bits.state = self._state
        return self.generator


class Trainer:
    """Everything that one training step needs, laid out once.

    Parameters
    ----------
    network : Network
        Its parameters are moved in place.
    loss : SoftmaxCrossEntropy or SigmoidSquaredError
    optimizer : Optimizer
    moments : sequence of ndarray of shape (n_parameters,)
        The optimizer's memory.
    source : ImageReader
    targets : ndarray of shape (n_classes, n_classes)
        Row c is what the network should say for an image of class c.
    labels : ndarray of shape (n,)
        Class of each image of the source, 0 ... n_classes - 1.
    weights : ndarray of shape (n,) or None
        How much each image counts; 1 on the average over the images to be trained on, so that a
        mini-batch of heavy images moves the network more than one of light ones.
    l2 : float
        Strength of ``0.5 * l2 * sum(weights ** 2)`` per mini-batch, biases left out.
    batch_size : int
    seed : int
        Of the random streams of dropout and augmentation.
    threads : Threads
    augment : callable or None
        ``augment(images, rng)`` returns warped images of the same shape (t, h, w, channels).
    """

    def __init__(
        self,
        network: Network,
        loss,
        optimizer: Optimizer,
        moments: Sequence[NDArray],
        source: ImageReader,
        targets: NDArray,
        labels: NDArray[np.intp],
        weights: NDArray | None,
        *,
        l2: float,
        batch_size: int,
        seed: int,
        threads: Threads,
        augment: Callable | None = None,
    ) -> None:
        self.network, self.loss = network, loss
        self.source, self.targets, self.labels, self.weights = source, targets, labels, weights
        self.threads, self.augment = threads, augment
        dtype = network.dtype
        self.tile = tile_size(network)
        at_once = min(batch_size, MOST_IMAGES_AT_ONCE)
        n_lanes = -(-at_once // self.tile)
        # whole-batch gradients do not pass through the lanes
        self.lanes = np.zeros((n_lanes, network.n_parameters - network.n_whole_batch), dtype)
        self.losses = np.zeros(n_lanes)
        self.stores = [
            SimpleNamespace(
                x=np.zeros((at_once, *network.shapes[i]), dtype),
                dy=np.zeros((at_once, *plan.out_shape), dtype),
            )
            if plan.whole_batch
            else None
            for i, plan in enumerate(network.plans)
        ]
        self.parameters, self.derive = network.prepare(training=True)
        self.update = Update(
            network, optimizer, moments, self.lanes, self.stores, l2=l2, threads=threads
        )
        self.spaces: list[dict[int, SimpleNamespace]] = [{} for _ in range(threads.n_threads)]
        self.streams = [_Stream(seed) for _ in range(threads.n_threads)]
        self.random = augment is not None or any(plan.random for plan in network.plans)

    def _space(self, thread: int, n_images: int) -> SimpleNamespace:
        spaces = self.spaces[thread]
        if n_images not in spaces:
            network = self.network
            gradient = np.zeros(network.n_parameters, network.dtype)
            spaces[n_images] = SimpleNamespace(
                net=Workspace(
                    network,
                    n_images,
                    self.parameters,
                    gradients=network.views(gradient),
                    stores=self.stores,
                    rng=self.streams[thread].generator,
                ),
                gradient=gradient[network.n_whole_batch :],
                raw=self.source.scratch(n_images),
                targets=np.empty((n_images, len(self.targets)), network.dtype),
                weights=np.empty((n_images, 1), network.dtype),
            )
        return spaces[n_images]

    def step(self, indices: NDArray[np.intp], *, step: int, rate: float, momentum: float) -> float:
        """One step of the optimizer on the images of `indices`; returns their mean weighted loss.

        `step` counts from 1.
        """
        for call in self.derive:
            call()
        loss = 0.0
        n = len(indices)
        for start in range(0, n, MOST_IMAGES_AT_ONCE):
            part = indices[start : start + MOST_IMAGES_AT_ONCE]
            n_tiles = -(-len(part) // self.tile)
            first_tile = start // self.tile

            def run_tile(thread, lane, part=part, first_tile=first_tile):
                self._run_tile(thread, lane, part, (step, first_tile + lane), n)

            self.threads.run(run_tile, n_tiles)
            loss += math.fsum(self.losses[:n_tiles])
            self.update.run(
                len(part),
                n_tiles,
                first=start == 0,
                last=start + len(part) == n,
                batch_size=n,
                step=step,
                rate=rate,
                momentum=momentum,
            )
        return loss / n

    def _run_tile(self, thread, lane, part, stream, batch_size) -> None:
        rows = slice(lane * self.tile, min((lane + 1) * self.tile, len(part)))
        indices = part[rows]
        space = self._space(thread, len(indices))
        net = space.net
        augment = None
        if self.random:
            rng = self.streams[thread].at(*stream)
            if self.augment is not None:
                augment = functools.partial(self._augmented, rng)
        self.source.read(indices, net.input, space.raw, augment)
        net.forward()
        np.take(self.targets, self.labels[indices], axis=0, out=space.targets, mode="clip")
        if self.weights is None:
            space.weights.fill(1 / batch_size)
        else:
            np.divide(self.weights[indices], batch_size, out=space.weights[:, 0])
        loss = self.loss.loss(net.output, space.targets, space.weights, net.doutput)
        self.losses[lane] = loss * batch_size
        net.rows = rows
        net.backward()
        np.copyto(self.lanes[lane], space.gradient)

    def _augmented(self, rng: np.random.Generator, images: NDArray) -> NDArray:
        warped = np.asarray(self.augment(images, rng))
        if warped.shape != images.shape:
            raise ValueError(
                f"augment returned an array of shape {warped.shape}; expected images of the shape "
                f"that it was given, {images.shape} (n, height, width, channels)."
            )
        return warped


def predict(
    network: Network,
    source: ImageReader,
    threads: Threads,
    write: Callable[[slice, Workspace], None],
    indices: NDArray[np.intp] | None = None,
) -> None:
    """Run images forward; ``write(rows, workspace)`` collects a tile's first ``len(rows)`` results.

    `indices` names the images in the source; None: all of them.

    A few images go one by one: the answer to a single image comes soon, and does not depend in its
    last bits on the images beside it. In larger tiles it does, as a BLAS kernel rounds a row by
    where the row stands (OpenBLAS's for AVX2, by the remainder modulo twelve).
    """
    n = len(source) if indices is None else len(indices)
    tile = 1 if n <= FEW_IMAGES else prediction_tile_size(network)
    spaces = {}
    if tile == 1:
        network = network.for_single_images()
    parameters, derive = network.prepare(training=False)
    for call in derive:
        call()

    def run_tile(thread: int, index: int) -> None:
        if thread not in spaces:
            space = Workspace(network, tile, parameters)
            spaces[thread] = (space, source.scratch(tile))
        space, raw = spaces[thread]
        rows = slice(index * tile, min((index + 1) * tile, n))
        numbers = np.minimum(np.arange(index * tile, (index + 1) * tile), n - 1)
        source.read(numbers if indices is None else indices[numbers], space.input, raw)
        space.forward()
        write(rows, space)

    threads.run(run_tile, -(-n // tile))
