"""From the estimator's parameters to the layers of a network.

Contains `build_layers` and the checks of what a network can look like.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral

from skcnn.engine.layer import Layer
from skcnn.engine.layers.basic import BiasActivation, Dense, Dropout, Flatten
from skcnn.engine.layers.convolution.conv2d import Conv2D
from skcnn.engine.layers.pooling import MaxPool2D, MeanPool2D

AUTO_DROPOUT = 0.3
FEW_INPUTS = 64


def as_tuple(name: str, value, minimum: int = 1) -> tuple[int, ...]:
    """An int or several as a tuple of ints, each `minimum` at least; a ValueError otherwise."""
    values = (
        tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    )
    for one in values:
        if not isinstance(one, Integral) or isinstance(one, bool) or one < minimum:
            raise ValueError(
                f"{name} is {value!r}; expected an int, or a tuple of ints, of {minimum} or more."
            )
    return tuple(int(one) for one in values)


def per_layer(name: str, value, n_layers: int) -> tuple[int, ...]:
    """One int a convolution layer; a single one serves them all."""
    values = as_tuple(name, value)
    if len(values) == 1:
        return values * n_layers
    if len(values) != n_layers:
        raise ValueError(
            f"{name} has {len(values)} values ({value!r}), but n_filters asks for {n_layers} "
            f"convolution layers. Give one value, or one a layer."
        )
    return values


def build_layers(
    image_shape: tuple[int, int, int],
    n_classes: int,
    *,
    n_filters,
    filter_size,
    padding: str,
    pool_size,
    pool_regions,
    pooling: str,
    hidden_layer_sizes,
    activation: str,
    dropout: float | str,
) -> list[Layer]:
    """The layers of a `ConvNetClassifier`, whose parameters these are.

    Max pooling stands before the bias and the activation: the three commute, as the activations
    never fall, and there are four times fewer numbers behind it.

    Raises
    ------
    ValueError
        If a parameter has not one value a layer, or the image becomes smaller than a filter.

    Examples
    --------
    >>> from skcnn._architecture import build_layers
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
    filters = as_tuple("n_filters", n_filters)
    if not filters:
        raise ValueError("n_filters is empty; expected at least one convolution layer.")
    sizes = per_layer("filter_size", filter_size, len(filters))
    pool_sizes = per_layer("pool_size", pool_size, len(filters))
    regions: tuple[int | None, ...] = (None,) * len(filters)
    if pool_regions is not None:
        regions = per_layer("pool_regions", pool_regions, len(filters))
    pool_class = MaxPool2D if pooling == "max" else MeanPool2D

    layers: list[Layer] = []
    shape: tuple[int, ...] = image_shape
    for number, (k, size, window, n_regions) in enumerate(
        zip(filters, sizes, pool_sizes, regions, strict=True), start=1
    ):
        if padding == "valid" and size > min(shape[:2]):
            raise ValueError(
                f"filter_size is {size}, but the images that reach convolution layer {number} are "
                f"{shape[0]} x {shape[1]} pixels. With padding='valid' a filter has to fit into "
                "the image: use a smaller filter_size, less pooling, or padding='same'."
            )
        convolution = Conv2D(k, size, padding)
        shape = convolution.plan(shape).out_shape
        pool = []
        # also of size 1: a convolution wants its input stored otherwise than another leaves it
        if n_regions is not None or window > 1 or number < len(filters):
            pool = [pool_class(window, n_regions)]
            shape = pool[0].plan(shape).out_shape
        bias = [BiasActivation(activation)]
        layers += [convolution, *(pool + bias if pooling == "max" else bias + pool)]
    layers.append(Flatten())
    n_inputs = math.prod(shape)
    for units in (*as_tuple("hidden_layer_sizes", hidden_layer_sizes), n_classes):
        rate = dropout
        if dropout == "auto":
            rate = AUTO_DROPOUT if activation == "relu" and n_inputs >= FEW_INPUTS else 0.0
        if rate > 0:
            layers.append(Dropout(float(rate)))
        layers += [Dense(units), BiasActivation(activation)]
        n_inputs = units
    layers[-1] = BiasActivation("identity")  # the loss applies the output's activation
    return layers
