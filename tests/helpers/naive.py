"""Naive implementations of the engine's kernels: plain loops in float64, for comparison.

Images are ``(t, h, w, c)``, filters ``(rows, columns, c, k)``. A gradient is ``d`` + name.
"""

import functools
import math

import numpy as np

from skcnn.engine.layers import (
    BiasActivation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    MeanPool2D,
    Unflatten,
    Upsample2D,
)


def same_padding(size):
    """(before, after): rows of zeros with which the output has as many rows as the image."""
    return (size - 1) // 2, size // 2


def conv2d(x, filters, padding):
    """Cross-correlation, stride 1: (t, out_h, out_w, k)."""
    t, h, w, _ = x.shape
    size, k = filters.shape[0], filters.shape[3]
    before, after = same_padding(size) if padding == "same" else (0, 0)
    y = np.zeros((t, h + before + after - size + 1, w + before + after - size + 1, k))
    for image, row, column, i, j, pixel in _taps_and_pixels(x, y, size, before):
        for channel in range(x.shape[3]):
            y[image, row, column] += x[image, *pixel, channel] * filters[i, j, channel]
    return y


def conv2d_backward(x, filters, padding, dy):
    """(dx, dfilters)"""
    dx, dfilters = np.zeros(x.shape), np.zeros(filters.shape)
    before = same_padding(filters.shape[0])[0] if padding == "same" else 0
    for image, row, column, i, j, pixel in _taps_and_pixels(x, dy, filters.shape[0], before):
        for channel in range(x.shape[3]):
            dx[image, *pixel, channel] += filters[i, j, channel] @ dy[image, row, column]
            dfilters[i, j, channel] += x[image, *pixel, channel] * dy[image, row, column]
    return dx, dfilters


def _taps_and_pixels(x, y, size, before):
    """For each pixel of the output: each tap (i, j) of the filter and the input pixel under it."""
    t, h, w, _ = x.shape
    for image, row, column in np.ndindex(t, *y.shape[1:3]):
        for i, j in np.ndindex(size, size):
            pixel = row + i - before, column + j - before
            if 0 <= pixel[0] < h and 0 <= pixel[1] < w:
                yield image, row, column, i, j, pixel


def windows_by_size(n_pixels, size):
    """[(start, stop)] of the windows along one axis; the last one may be partial."""
    return [(start, min(start + size, n_pixels)) for start in range(0, n_pixels, size)]


def windows_by_regions(n_pixels, n_regions):
    """[(start, stop)] of `n_regions` regions, as equal as possible, but of at least a pixel."""
    parts = np.array_split(np.arange(n_pixels), min(n_regions, n_pixels))
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def pool(x, rows, columns, kind):
    """The maximum or the mean of every window ``rows[i]`` x ``columns[j]``."""
    y = np.zeros((len(x), len(rows), len(columns), x.shape[3]))
    for image, i, j, channel in np.ndindex(y.shape):
        window = x[image, slice(*rows[i]), slice(*columns[j]), channel]
        y[image, i, j, channel] = window.max() if kind == "max" else window.sum() / window.size
    return y


def pool_backward(x, rows, columns, kind, dy):
    """dx; no window may have equal maxima."""
    dx = np.zeros(x.shape)
    for image, i, j, channel in np.ndindex(dy.shape):
        at = (image, slice(*rows[i]), slice(*columns[j]), channel)
        window = x[at]
        if kind == "max":
            dx[at] = np.where(window == window.max(), dy[image, i, j, channel], 0)
        else:
            dx[at] = dy[image, i, j, channel] / window.size
    return dx


def dense(x, weights):
    """(t, units)"""
    y = np.zeros((len(x), weights.shape[1]))
    for image, i, unit in np.ndindex(len(x), *weights.shape):
        y[image, unit] += x[image, i] * weights[i, unit]
    return y


def dense_backward(x, weights, dy):
    """(dx, dweights)"""
    dx, dweights = np.zeros(x.shape), np.zeros(weights.shape)
    for image, i, unit in np.ndindex(len(x), *weights.shape):
        dx[image, i] += dy[image, unit] * weights[i, unit]
        dweights[i, unit] += dy[image, unit] * x[image, i]
    return dx, dweights


ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": lambda z: z if z > 0 else 0.0,
    "tanh": math.tanh,
    # two forms, so that exp never overflows
    "sigmoid": lambda z: (
        1 / (1 + math.exp(-z)) if z > 0 else math.exp(max(z, -700)) / (1 + math.exp(max(z, -700)))
    ),
}
DERIVATIVES = {
    "identity": lambda z: 1.0,
    "relu": lambda z: 1.0 if z > 0 else 0.0,
    "tanh": lambda z: 1 - math.tanh(z) ** 2,
    "sigmoid": lambda z: ACTIVATIONS["sigmoid"](z) * ACTIVATIONS["sigmoid"](-z),
}


def elementwise(function, z):
    """Apply a function of one number to each element of z."""
    return np.array([function(float(value)) for value in z.ravel()]).reshape(z.shape)


def log_sigmoid(z):
    """Logarithm of the sigmoid of a number."""
    return -math.log1p(math.exp(-z)) if z > -700 else z


def log_softmax(z):
    """Logarithm of the softmax of each row."""
    totals = [max(row) + math.log(sum(math.exp(v - max(row)) for v in row)) for row in z]
    return z - np.array(totals)[:, np.newaxis]


def softmax_cross_entropy(z, targets):
    """The loss of each image."""
    return -(targets * log_softmax(z)).sum(axis=1)


def sigmoid_squared_error(z, targets):
    """The loss of each image."""
    outputs = elementwise(ACTIVATIONS["sigmoid"], z)
    return np.array(
        [
            0.5 * sum((o - t) ** 2 for o, t in zip(row, target, strict=True))
            for row, target in zip(outputs, targets, strict=True)
        ]
    )


def sigmoid_cross_entropy(z, targets):
    """The loss of each image."""
    log_yes, log_no = elementwise(log_sigmoid, z), elementwise(log_sigmoid, -z)
    return -(targets * log_yes + (1 - targets) * log_no).sum(axis=1)


def squared_error(z, targets):
    """The loss of each image."""
    return np.array(
        [
            0.5 * sum((o - t) ** 2 for o, t in zip(row, target, strict=True)) / len(row)
            for row, target in zip(z, targets, strict=True)
        ]
    )


def numerical_gradient(function, x, step=1e-6):
    """Gradient of a scalar ``function(x)`` by central differences, one element at a time."""
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[index] += step
        behind[index] -= step
        gradient[index] = (function(ahead) - function(behind)) / (2 * step)
    return gradient


@functools.singledispatch
def forward(layer, x, p):
    """Output of a layer with parameters p for images or features x, in prediction."""
    raise TypeError(
        f"{layer} has no naive implementation; expected one for each layer that is compared. "
        "Register one with @forward.register."
    )


@forward.register
def _(layer: Conv2D, x, p):
    return conv2d(x, p.weights, layer.padding)


def _pooled(layer, x, kind):
    split, n = windows_by_size, layer.size
    if layer.regions is not None:
        split, n = windows_by_regions, layer.regions
    return pool(x, split(x.shape[1], n), split(x.shape[2], n), kind)


@forward.register
def _(layer: MaxPool2D, x, p):
    return _pooled(layer, x, "max")


@forward.register
def _(layer: MeanPool2D, x, p):
    return _pooled(layer, x, "mean")


@forward.register
def _(layer: Flatten, x, p):
    return x.reshape(len(x), -1)


@forward.register
def _(layer: Dense, x, p):
    return dense(x, p.weights)


@forward.register
def _(layer: BiasActivation, x, p):
    return elementwise(ACTIVATIONS[layer.function], x + p.bias)


@forward.register
def _(layer: Dropout, x, p):
    return x


@forward.register
def _(layer: Unflatten, x, p):
    return x.reshape(len(x), *layer.image_shape)


@forward.register
def _(layer: Upsample2D, x, p):
    h, w = layer.out_size or (layer.size * x.shape[1], layer.size * x.shape[2])
    y = np.zeros((len(x), h, w, x.shape[3]))
    for i, j in np.ndindex(h, w):
        y[:, i, j] = x[:, i // layer.size, j // layer.size]
    return y
