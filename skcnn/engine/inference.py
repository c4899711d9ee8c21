"""Prediction, with tiles of images spread over threads.

A few images are computed so that the bits of a result do not depend on the other images
(``separate_images`` in `layer`): the same image has the same result in any small call. For many
images, larger matrix products are faster. There the rounding of a BLAS kernel depends on the shape
of the product and on the position of a row in it.

For a few images, laying out a workspace takes longer than the computation. The network therefore
keeps laid-out predictors for the next call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.workspace import Workspace

FEW_IMAGES = 64  # up to this number, results do not depend on the other images in any bit
FEW_NUMBERS = 2**18  # float32 numbers in the widest layer of a tile of few images: 1 MiB
MOST_KEPT = 2**19  # numbers in the widest layer of a tile that is kept for the next call: 2 MiB
CHEAP_NUMBERS = 2**19  # the same in a tile of images that cost little: 2 MiB
LEAST_FLOPS = 3e7  # for each thread: about 0.4 ms; a second thread costs as much


def largest_tile(network: Network, *, few: bool) -> int:
    """The largest number of images in a tile; prediction needs less memory than training."""
    if few:
        return min(max(1, FEW_NUMBERS // network.widest), 32)
    if network.flops >= 5e5:
        return 32
    return min(max(32, CHEAP_NUMBERS // network.widest), 256)


def even_tile(n_images: int, largest: int) -> int:
    """Images in a tile: an even number of equal tiles, so that two threads end together.

    The size does not depend on the number of threads, so that no result does.
    """
    n_pairs = -(-n_images // (2 * largest))
    return -(-n_images // (2 * n_pairs))


def useful_threads(network: Network, n_images: int) -> int:
    """How many threads are worth starting to predict `n_images`."""
    return int(max(1, n_images * network.flops // LEAST_FLOPS))


class Predictor:
    """A network laid out for tiles of `n_images`, with a workspace for each thread that needs one.

    Parameters
    ----------
    network : Network
    n_images : int
    separate_images : bool
        As for `Workspace`; the network must be one from `Network.for_separate_images`.
    """

    def __init__(self, network: Network, n_images: int, *, separate_images: bool) -> None:
        self.n_images, self.separate_images = n_images, separate_images
        self._parameters, self._derive = network.prepare(training=False)
        self._spaces: dict[int, Workspace] = {}

    def derive(self) -> None:
        """Compute the derived arrays; the parameters may have changed since the last use."""
        for call in self._derive:
            call()

    def workspace(self, network: Network, thread: int) -> Workspace:
        """The workspace of a thread; each thread asks for its own only.

        `network` is that of the constructor. It holds idle predictors, so a reference from here
        would be a cycle, and its memory would not be freed at once.
        """
        if thread not in self._spaces:
            self._spaces[thread] = Workspace(
                network,
                self.n_images,
                self._parameters,
                separate_images=self.separate_images,
            )
        return self._spaces[thread]


def outputs(
    network: Network,
    reader: ImageReader,
    threads: Threads,
    indices: NDArray[np.intp] | None = None,
    transform: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
) -> NDArray[np.float64]:
    """Output of the last layer, (n, classes), for the images of `indices`; None: all images.

    `transform` changes images (n, h, w, channels) before they are standardized.
    """
    n = len(reader) if indices is None else len(indices)
    result = np.empty((n, *network.shapes[-1]), np.float64)

    def write(rows: slice, space: Workspace) -> None:
        result[rows] = space.output[: rows.stop - rows.start]

    predict(network, reader, threads, write, indices, transform)
    return result


def features(
    network: Network, reader: ImageReader, threads: Threads, layer: int | None = None
) -> NDArray[Any]:
    """The output of a layer with features, (n, features), in the network's dtype.

    None: the flattened output of the last layer on images.
    """
    layer = network.feature_layer if layer is None else layer
    result = np.empty((len(reader), *network.plans[layer].out_shape), network.dtype)

    def write(rows: slice, space: Workspace) -> None:
        result[rows] = space.memories[layer].y[: rows.stop - rows.start]

    predict(network, reader, threads, write)
    return result


def predict(
    network: Network,
    reader: ImageReader,
    threads: Threads,
    write: Callable[[slice, Workspace], None],
    indices: NDArray[np.intp] | None = None,
    transform: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
) -> None:
    """Run images forward; ``write(rows, workspace)`` collects the first ``len(rows)`` results.

    `indices` selects images of the reader; None: all of them. `transform` as for `outputs`. Several
    threads may call this at once with one network.
    """
    n = len(reader) if indices is None else len(indices)
    if n == 0:
        return
    few = n <= FEW_IMAGES
    if few:
        network = network.for_separate_images()
    tile = even_tile(n, largest_tile(network, few=few))
    predictor = network.idle_predictors.take(tile) if few else None
    if predictor is None:
        predictor = Predictor(network, tile, separate_images=few)
    predictor.derive()
    scratches: dict[int, NDArray[Any] | None] = {}

    def run_tile(thread: int, index: int) -> None:
        if thread not in scratches:
            scratches[thread] = reader.scratch(tile)
        space = predictor.workspace(network, thread)
        rows = slice(index * tile, min((index + 1) * tile, n))
        numbers = np.minimum(np.arange(index * tile, (index + 1) * tile), n - 1)
        reader.read(
            numbers if indices is None else indices[numbers],
            space.input,
            scratches[thread],
            transform,
        )
        space.forward()
        write(rows, space)

    threads.run(run_tile, -(-n // tile))
    # The others would take too much memory in an ensemble; for them, laying out takes little time.
    if few and tile * network.widest <= MOST_KEPT:
        network.idle_predictors.give(tile, predictor)
