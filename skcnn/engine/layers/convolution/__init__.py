"""Convolution: `geometry`, two kernels (`gemm`, `winograd`) and `Conv2D`, which chooses one."""

from skcnn.engine.layers.convolution.conv2d import Conv2D

__all__ = ["Conv2D"]
