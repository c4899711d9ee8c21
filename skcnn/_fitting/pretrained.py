"""Convolution layers that start from filters learned before, as `pretrained` gives them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Layer, Shape
from skcnn.engine.layers import BatchNorm, BiasActivation, Conv2D, Flatten
from skcnn.engine.network import Network


class Pretraining(NamedTuple):
    """The parameters `pretrained` and `freeze` of an estimator."""

    source: Any = None
    freeze: bool = False


class Block(NamedTuple):
    """The arrays of a convolution layer, its bias and its normalization.

    Attributes
    ----------
    weights : ndarray of shape (rows, columns, channels, filters)
    bias : ndarray of shape (filters,)
    state : dict of arrays, or None
        Running statistics of batch normalization. None: there is none.
    folded : Block or None
        The same without batch normalization; None: there is none.
    """

    weights: NDArray[Any]
    bias: NDArray[Any]
    state: dict[str, NDArray[Any]] | None = None
    folded: Block | None = None


class _Place(NamedTuple):
    """Indices of a convolution, of its bias and of its batch normalization."""

    weights: int
    bias: int
    state: int | None


def read_pretrained(source: Any) -> list[Block]:
    """The convolution layers of a fitted estimator, or filters as arrays.

    Raises
    ------
    ValueError
        If it is neither, or is not fitted.
    """
    if source is None:
        return []
    if hasattr(source, "fit"):
        network = getattr(source, "network_", None)
        if not isinstance(network, Network):
            raise ValueError(
                f"pretrained is {source!r}, which has no fitted network; expected a fitted "
                "ConvAutoencoder, ConvNetClassifier or ConvNetRegressor, or an array of filters. "
                "Pass a fitted one. A search and a cross-validation clone it without its fit: wrap "
                "it in sklearn.frozen.FrozenEstimator there."
            )
        return _blocks_of(network)
    if isinstance(source, (list, tuple)) and not source:
        raise ValueError(f"pretrained is {source!r}; expected at least one array. Pass None.")
    return [_block_of_filters(array) for array in _arrays_of(source)]


def _arrays_of(source: Any) -> Sequence[Any]:
    """An array of filters for each layer; a sequence of filters is an array for one."""
    if not isinstance(source, (list, tuple)):
        return [source]
    try:
        return [source] if np.ndim(source[0]) == 3 else source
    except ValueError:  # of lists of different lengths
        return [source]


def _blocks_of(network: Network) -> list[Block]:
    folded, calls = network.prepare(training=False)
    for call in calls:
        call()
    blocks = []
    for place in _places(network.layers[: network.feature_layer]):
        weights = network.layer_parameters[place.weights].weights
        block = Block(weights, network.layer_parameters[place.bias].bias)
        if place.state is not None:
            block = block._replace(
                state=vars(network.layer_state[place.state]),
                folded=Block(folded[place.weights].weights, folded[place.bias].bias),
            )
        blocks.append(block)
    return blocks


def _places(layers: Sequence[Layer]) -> list[_Place]:
    """Where each convolution, its bias and its normalization are."""
    starts = [i for i, layer in enumerate(layers) if isinstance(layer, Conv2D)]
    places = []
    for start, end in itertools.pairwise([*starts, len(layers)]):
        block = range(start, end)
        bias = next(i for i in block if isinstance(layers[i], BiasActivation))
        norm = range(start, bias)
        state = next((i for i in norm if isinstance(layers[i], BatchNorm)), None)
        places.append(_Place(start, bias, state))
    return places


def _block_of_filters(filters: Any) -> Block:
    try:
        array = np.asarray(filters)
        found = f"an array of shape {array.shape}"
    except (TypeError, ValueError):
        array, found = np.empty(0), f"{filters!r:.60}"
    is_numeric = array.dtype.kind in "biuf"
    if not is_numeric:
        found += f" and dtype {array.dtype}"
    if array.ndim != 4 or not array.size or not (is_numeric and _is_float32(array)):
        raise ValueError(
            f"pretrained has {found}; expected filters of shape (n_filters, filter_size, "
            "filter_size, channels), finite numbers, one array for each of the first convolution "
            "layers, or a fitted estimator. Pass one of these."
        )
    return Block(array.transpose(1, 2, 3, 0), np.zeros(len(array)))


def _is_float32(array: NDArray[Any]) -> bool:
    """Whether all numbers are finite, also in float32."""
    return bool((np.abs(array.astype(np.float64)) <= np.finfo(np.float32).max).all())


def check_pretrained(blocks: Sequence[Block], network: Network) -> None:
    """Check that the blocks fit the first convolution layers of the network."""
    places = _places(network.layers)
    if len(blocks) > len(places):
        sizes = tuple(block.weights.shape[-1] for block in blocks)
        raise ValueError(
            f"pretrained has {len(blocks)} convolution layers, but n_filters defines "
            f"{len(places)}; expected at most as many. Set n_filters={sizes}."
        )
    for number, (block, place) in enumerate(zip(blocks, places, strict=False), start=1):
        expected = network.plans[place.weights].parameters["weights"].shape
        if block.weights.shape != expected:
            raise ValueError(
                f"pretrained has {_describe(block.weights.shape)} in convolution layer {number}, "
                f"but the parameters and the images ask for {_describe(expected)}. Change "
                "n_filters or filter_size, or use images with as many channels."
            )


def _describe(shape: Shape) -> str:
    rows, columns, channels, n_filters = shape
    return f"{n_filters} filters of {rows} x {columns} pixels and {channels} channels"


def n_layers_of(blocks: Sequence[Block], layers: Sequence[Layer]) -> int:
    """How many layers, from the first one on, the blocks make up: up to the next convolution."""
    if not blocks:
        return 0
    convolutions = [place.weights for place in _places(layers)]
    end = next(i for i, layer in enumerate(layers) if isinstance(layer, Flatten))
    return [*convolutions, end][len(blocks)]


def use_pretrained(blocks: Sequence[Block], network: Network) -> None:
    """Copy the blocks to the first convolution layers."""
    for block, place in zip(blocks, _places(network.layers), strict=False):
        own = block
        if place.state is None:
            own = block.folded or block
        elif block.state is not None:
            for name, values in block.state.items():
                getattr(network.layer_state[place.state], name)[:] = values
        network.layer_parameters[place.weights].weights[:] = own.weights
        network.layer_parameters[place.bias].bias[:] = own.bias
