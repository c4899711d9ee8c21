"""Prediction of many images, with tiles spread over threads."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.workspace import Workspace

FEW_IMAGES = 64  # up to this number, images are predicted one by one


def prediction_tile_size(network: Network) -> int:
    """Images in a tile; prediction keeps less memory for each image than training.

    If an image costs little, as many as fit into 2 MiB of float32 in the widest layer.
    """
    if network.flops >= 5e5:
        return 32
    widest = max(math.prod(shape) for shape in network.shapes)
    return min(max(32, 2**19 // widest), 256)


def outputs(
    network: Network,
    reader: ImageReader,
    threads: Threads,
    indices: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Output of the last layer, (n, classes), for the images of `indices`; None: all images."""
    n = len(reader) if indices is None else len(indices)
    result = np.empty((n, *network.shapes[-1]), np.float64)

    def write(rows: slice, space: Workspace) -> None:
        result[rows] = space.output[: rows.stop - rows.start]

    predict(network, reader, threads, write, indices)
    return result


def features(network: Network, reader: ImageReader, threads: Threads) -> NDArray[Any]:
    """The flattened output of the last layer on images, (n, features), in the network's dtype."""
    layer = network.feature_layer
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
) -> None:
    """Run images forward; ``write(rows, workspace)`` collects the first ``len(rows)`` results.

    `indices` selects images of the reader; None: all of them.

    A few images are predicted one by one: a single image then takes little time, and its result
    does not depend in its last bits on the images beside it. In larger tiles it does, because the
    rounding of a BLAS kernel depends on the position of a row (OpenBLAS for AVX2: on the remainder
    modulo twelve).
    """
    n = len(reader) if indices is None else len(indices)
    tile = 1 if n <= FEW_IMAGES else prediction_tile_size(network)
    spaces: dict[int, tuple[Workspace, NDArray[Any] | None]] = {}
    if tile == 1:
        network = network.for_single_images()
    parameters, derive = network.prepare(training=False)
    for call in derive:
        call()

    def run_tile(thread: int, index: int) -> None:
        if thread not in spaces:
            spaces[thread] = (Workspace(network, tile, parameters), reader.scratch(tile))
        space, raw = spaces[thread]
        rows = slice(index * tile, min((index + 1) * tile, n))
        numbers = np.minimum(np.arange(index * tile, (index + 1) * tile), n - 1)
        reader.read(numbers if indices is None else indices[numbers], space.input, raw)
        space.forward()
        write(rows, space)

    threads.run(run_tile, -(-n // tile))
