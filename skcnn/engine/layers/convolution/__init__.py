"""Convolution: `geometry`, the kernels `gemm`, `winograd` and `winograd_2d`, and `Conv2D`."""

from skcnn.engine.layers.convolution.conv2d import Conv2D

__all__ = ["Conv2D"]
