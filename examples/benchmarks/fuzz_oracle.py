"""What a fitted network answers, in float64, by code that shares nothing with the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from skcnn.engine.layers.batch_norm import EPSILON

Values = dict[str, np.ndarray]


def compute(
    estimator: Any, images: np.ndarray, rounding: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Features, and the output of the last layer before its activation, for (n, h, w, channels).

    With `rounding`, all numbers that the network computes with are changed by random errors of
    this relative size: it shows how much float32 can matter.
    """
    rng = np.random.default_rng(0)

    def rounded(array: np.ndarray) -> np.ndarray:
        if not rounding:
            return array
        return array * (1 + rounding * rng.standard_normal(array.shape))

    network = estimator.network_
    x = rounded((images.astype(np.float64) - estimator.mean_) / estimator.scale_)
    features = x
    for index, (layer, parameters, state) in enumerate(
        zip(network.layers, network.layer_parameters, network.layer_state, strict=True)
    ):
        given = {**vars(parameters), **vars(state)}
        values = {name: rounded(array.astype(np.float64)) for name, array in given.items()}
        x = rounded(LAYERS[type(layer).__name__](layer, x, values))
        if index == getattr(estimator, "_code_layer", network.feature_layer):
            features = x
    return features, x


def _convolution(layer: Any, x: np.ndarray, p: Values) -> np.ndarray:
    size = layer.filter_size
    if layer.padding == "same":
        sides = ((size - 1) // 2, size // 2)
        x = np.pad(x, ((0, 0), sides, sides, (0, 0)))
    windows = sliding_window_view(x, (size, size), axis=(1, 2))  # (n, h, w, channels, i, j)
    return np.einsum("nhwcij,ijck->nhwk", windows, p["weights"])


def _pooling(layer: Any, x: np.ndarray, p: Values) -> np.ndarray:
    def parts(n: int) -> list[np.ndarray]:
        if layer.regions is not None:
            return np.array_split(np.arange(n), min(layer.regions, n))
        return [np.arange(start, min(start + layer.size, n)) for start in range(0, n, layer.size)]

    reduce = np.max if type(layer).__name__ == "MaxPool2D" else np.mean
    rows, columns = parts(x.shape[1]), parts(x.shape[2])
    pooled = [[reduce(x[:, r][:, :, c], axis=(1, 2)) for c in columns] for r in rows]
    return np.array(pooled).transpose(2, 0, 1, 3)


def _bias_activation(layer: Any, x: np.ndarray, p: Values) -> np.ndarray:
    z = x + p["bias"]
    if layer.function == "relu":
        return np.maximum(z, 0)
    if layer.function == "tanh":
        return np.tanh(z)
    return z if layer.function == "identity" else (1 + np.tanh(z / 2)) / 2


def _upsampling(layer: Any, x: np.ndarray, p: Values) -> np.ndarray:
    height, width = layer.out_size
    return x.repeat(layer.size, axis=1).repeat(layer.size, axis=2)[:, :height, :width]


LAYERS = {
    "Conv2D": _convolution,
    "MaxPool2D": _pooling,
    "MeanPool2D": _pooling,
    "BatchNorm": lambda layer, x, p: (x - p["mean"]) / np.sqrt(p["variance"] + EPSILON),
    "BiasActivation": _bias_activation,
    "Dense": lambda layer, x, p: x @ p["weights"],
    "Flatten": lambda layer, x, p: x.reshape(len(x), -1),
    "Unflatten": lambda layer, x, p: x.reshape(len(x), *layer.image_shape),
    "Upsample2D": _upsampling,
    # Only in training:
    "Dropout": lambda layer, x, p: x,
    "GaussianNoise": lambda layer, x, p: x,
    "KeepLargest": lambda layer, x, p: x,
}
