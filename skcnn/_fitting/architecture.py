"""From an estimator's parameters to the layers of its network."""

from __future__ import annotations

import math
from typing import Any

from skcnn._input.settings import in_order, is_positive_int
from skcnn.engine.initialization import InitName
from skcnn.engine.layer import Layer
from skcnn.engine.layers import (
    BatchNorm,
    BiasActivation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    KeepLargest,
    MaxPool2D,
    MeanPool2D,
    Unflatten,
    Upsample2D,
)

AUTO_DROPOUT = 0.3
FEW_INPUTS = 64


def as_tuple(name: str, value: Any) -> tuple[int, ...]:
    """An int or several as a tuple of ints of at least 1; a ValueError otherwise."""
    items = in_order(value)
    values = (value,) if items is None else items
    for one in values:
        if not is_positive_int(one):
            raise ValueError(
                f"{name} is {value!r}; expected a positive int or a tuple of positive ints. "
                f"Replace {one!r}."
            )
    return tuple(int(one) for one in values)


def per_layer(name: str, value: Any, n_layers: int) -> tuple[int, ...]:
    """One int for each convolution layer; a single one applies to all."""
    values = as_tuple(name, value)
    if len(values) == 1:
        return values * n_layers
    if len(values) != n_layers:
        raise ValueError(
            f"{name} has {len(values)} values ({value!r}), but n_filters defines {n_layers} "
            f"convolution layers. Give one value, or {n_layers}."
        )
    return values


def _convolutions(
    n_filters: Any, filter_size: Any, pool_size: Any
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Number of filters, their size and the pooling window of each convolution layer."""
    filters = as_tuple("n_filters", n_filters)
    if not filters:
        raise ValueError(
            "n_filters is empty; expected at least one convolution layer. Pass a number of filters "
            "for each."
        )
    sizes = per_layer("filter_size", filter_size, len(filters))
    return filters, sizes, per_layer("pool_size", pool_size, len(filters))


def build_layers(
    image_shape: tuple[int, int, int],
    n_outputs: int,
    *,
    n_filters: Any,
    filter_size: Any,
    padding: Any,
    pool_size: Any,
    pool_regions: Any,
    pooling: str,
    hidden_layer_sizes: Any,
    activation: Any,
    dropout: float | str,
    weight_init: str = "auto",
    normalization: str | None = None,
) -> list[Layer]:
    """The layers of a `ConvNetClassifier` or a `ConvNetRegressor` with these parameters.

    Max pooling precedes the bias and the activation. The activations are monotonic, so the three
    commute, and after the pooling there are four times fewer numbers. So do batch normalization
    and max pooling, because the former has no negative scale.

    Raises
    ------
    ValueError
        If a parameter does not have one value for each layer, or an image becomes smaller than a
        filter.

    Examples
    --------
    >>> from skcnn._fitting.architecture import build_layers
    >>> layers = build_layers(
    ...     (28, 28, 1), 10, n_filters=64, filter_size=13, padding="valid", pool_size=2,
    ...     pool_regions=2, pooling="mean", hidden_layer_sizes=(10,), activation="sigmoid",
    ...     dropout=0.0,
    ... )
    >>> for layer in layers:
    ...     print(layer)
    Conv2D(n_filters=64, filter_size=13, padding='valid')
    BiasActivation(function='sigmoid')
    MeanPool2D(size=2, regions=2)
    Flatten()
    Dense(n_units=10)
    BiasActivation(function='sigmoid')
    Dense(n_units=10)
    BiasActivation(function='identity')
    """
    filters, sizes, pool_sizes = _convolutions(n_filters, filter_size, pool_size)
    regions: tuple[int | None, ...] = (None,) * len(filters)
    if pool_regions is not None:
        regions = per_layer("pool_regions", pool_regions, len(filters))
    uniform = weight_init == "uniform"
    hidden_init: InitName = "uniform" if uniform else "he" if activation == "relu" else "glorot"
    output_init: InitName = "uniform" if uniform else "glorot"
    bias_init: InitName = "uniform" if uniform else "zeros"
    pool_class = MaxPool2D if pooling == "max" else MeanPool2D
    norm: list[Layer] = [BatchNorm()] if normalization == "batch" else []

    layers: list[Layer] = []
    shape: tuple[int, ...] = image_shape
    for number, (k, size, window, n_regions) in enumerate(
        zip(filters, sizes, pool_sizes, regions, strict=True), start=1
    ):
        if padding == "valid" and size > min(shape[:2]):
            raise ValueError(
                f"filter_size is {size}, but the images at convolution layer {number} have "
                f"{shape[0]} x {shape[1]} pixels. With padding='valid' a filter must fit into the "
                "image: use a smaller filter_size, less pooling, or padding='same'."
            )
        convolution = Conv2D(k, size, padding, init=hidden_init)
        shape = convolution.plan(shape).out_shape
        pool: list[Layer] = []
        if n_regions is not None or window > 1:
            pool = [pool_class(window, n_regions)]
            shape = pool[0].plan(shape).out_shape
        bias: list[Layer] = [*norm, BiasActivation(activation, bias_init)]
        layers += [convolution, *(pool + bias if pooling == "max" else bias + pool)]
    layers.append(Flatten())

    def drop_inputs(n_inputs: int) -> list[Layer]:
        rate = dropout
        if dropout == "auto":
            rate = AUTO_DROPOUT if activation == "relu" and n_inputs >= FEW_INPUTS else 0.0
        return [Dropout(float(rate))] if float(rate) > 0 else []

    n_inputs = math.prod(shape)
    for units in as_tuple("hidden_layer_sizes", hidden_layer_sizes):
        layers += drop_inputs(n_inputs)
        layers += [Dense(units, hidden_init), *norm, BiasActivation(activation, bias_init)]
        n_inputs = units
    layers += drop_inputs(n_inputs)
    # The loss applies the activation of the output.
    return [*layers, Dense(n_outputs, output_init), BiasActivation("identity", bias_init)]


def build_autoencoder(
    image_shape: tuple[int, int, int],
    *,
    n_filters: Any,
    filter_size: Any,
    pool_size: Any,
    pooling: str,
    code_size: int | None,
    activation: Any,
    normalization: str | None,
    noise: float,
    sparsity: float,
) -> list[Layer]:
    """The layers of a `ConvAutoencoder`: the decoder has those of the encoder in reverse order.

    The code is the output of the layer before `Unflatten`.

    Raises
    ------
    ValueError
        If a parameter does not have one value for each layer.

    Examples
    --------
    >>> from skcnn._fitting.architecture import build_autoencoder
    >>> for layer in build_autoencoder(
    ...     (28, 28, 1), n_filters=16, filter_size=5, pool_size=4, pooling="max", code_size=None,
    ...     activation="relu", normalization=None, noise=0.5, sparsity=0.9,
    ... ):
    ...     print(layer)
    GaussianNoise(scale=0.5)
    Conv2D(n_filters=16, filter_size=5, padding='same')
    MaxPool2D(size=4, regions=None)
    BiasActivation(function='relu')
    KeepLargest(share=0.1)
    Flatten()
    Unflatten(image_shape=(7, 7, 16))
    Upsample2D(size=4, out_size=(28, 28))
    Conv2D(n_filters=1, filter_size=5, padding='same')
    BiasActivation(function='identity')
    Flatten()
    """
    filters, sizes, pool_sizes = _convolutions(n_filters, filter_size, pool_size)
    init: InitName = "he" if activation == "relu" else "glorot"
    pool_class = MaxPool2D if pooling == "max" else MeanPool2D
    norm: list[Layer] = [BatchNorm()] if normalization == "batch" else []
    sparse: list[Layer] = [KeepLargest(round(1 - float(sparsity), 10))] if sparsity else []

    layers: list[Layer] = [GaussianNoise(float(noise))] if noise else []
    shape: tuple[int, ...] = image_shape
    shapes = []  # of what each block receives
    for k, size, window in zip(filters, sizes, pool_sizes, strict=True):
        shapes.append(shape)
        pool: list[Layer] = [pool_class(window)] if window > 1 else []
        bias: list[Layer] = [*norm, BiasActivation(activation)]
        layers += [Conv2D(k, size, init=init), *(pool + bias if pooling == "max" else bias + pool)]
        shape = (*(-(-side // window) for side in shape[:2]), k)
    if code_size is None:
        layers += [*sparse, Flatten()]
    else:
        layers += [Flatten(), Dense(int(code_size)), BiasActivation("identity"), *sparse]
        layers += [Dense(math.prod(shape), init), *norm, BiasActivation(activation)]
    height, width, channels = shape
    layers.append(Unflatten((height, width, channels)))
    for size, window, (height, width, channels) in zip(
        reversed(sizes), reversed(pool_sizes), reversed(shapes), strict=True
    ):
        layers += [Upsample2D(window, (height, width))] if window > 1 else []
        layers.append(Conv2D(channels, size, init=init))
        layers += [*norm, BiasActivation(activation)]
    last = len(norm) + 1  # the output is not bounded
    return [*layers[:-last], BiasActivation("identity"), Flatten()]
