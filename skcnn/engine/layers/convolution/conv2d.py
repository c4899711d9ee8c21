"""`Conv2D`, and the choice between the ways to compute a convolution."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from skcnn.engine.initialization import InitName, initializer
from skcnn.engine.layer import Layer, Parameter, Plan, Shape
from skcnn.engine.layers.convolution.gemm import GemmConvolution
from skcnn.engine.layers.convolution.geometry import Geometry, Padding
from skcnn.engine.layers.convolution.winograd import WinogradConvolution
from skcnn.engine.layers.convolution.winograd_2d import Winograd2DConvolution
from skcnn.engine.plan_check import check_n_weights, check_out_shape

# Limits from which Winograd's method is used, by the number of outputs at a time: at least so many
# channels and filters, and so many FLOPs for one image. It works on contiguous runs of as many
# numbers, and short runs take as long as long ones; in layers with little work its calls take
# longer than they save.
LIMITS = {2: ((32, 1e6),), 4: ((32, 2e5), (16, 1e6))}
LEAST_SHARE = 0.29  # of the multiplications that must be saved
# In two dimensions there are more numbers to transform. That pays with many channels and filters,
# if clearly more multiplications are saved than in one dimension.
FEWEST_CHANNELS_2D = 32  # and filters
LEAST_CHANNELS_TIMES_FILTERS_2D = 2048
LEAST_ADDED_SHARE_2D = 0.14  # of the multiplications of a direct sum

Method = Literal["auto", "gemm", "winograd", "winograd4", "winograd4x4"]
ConvolutionKernel = GemmConvolution | WinogradConvolution | Winograd2DConvolution


@dataclass(frozen=True)
class Conv2D(Layer):
    """Convolution (cross-correlation, as usual in this field) with square filters and stride 1.

    The `BiasActivation` that follows adds the bias. Adding it after max pooling gives the same
    result with a quarter of the additions.

    Parameters
    ----------
    n_filters, filter_size : int
    padding : {"same", "valid"}
    method : {"auto", "gemm", "winograd", "winograd4", "winograd4x4"}
        How to compute it: by lowering and matrix products, or with fewer multiplications by
        Winograd's method, two, four or 4 x 4 adjacent outputs at a time. The latter two are for
        filters of 3 x 3 only. "auto" chooses the fastest one.
    init : {"he", "glorot", "uniform", "zeros"}
        Initial distribution of the weights; see `initializer`.
    """

    n_filters: int
    filter_size: int
    padding: Padding = "same"
    method: Method = "auto"
    init: InitName = field(default="glorot", compare=False)

    def __post_init__(self) -> None:
        for name, known in (("padding", get_args(Padding)), ("method", get_args(Method))):
            value = getattr(self, name)
            if value not in known:
                raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}.")

    def plan(self, in_shape: Shape) -> Plan:
        if len(in_shape) != 3:
            raise ValueError(
                f"{self} has an input of shape {in_shape}; expected images (height, width, "
                "channels). Convolutions come before Flatten()."
            )
        geometry = Geometry(in_shape, self.n_filters, self.filter_size, self.padding)
        check_out_shape(self, in_shape, geometry.out_shape)
        i, j, c, k = shape = geometry.weights_shape
        check_n_weights(self, shape)
        weights = Parameter(shape, initializer(self.init, i * j * c, i * j * k), matrix=True)
        if self.method in ("winograd4", "winograd4x4") and self.filter_size != 3:
            raise ValueError(
                f"{self} has method={self.method!r}, which is for filters of 3 x 3 only. "
                "Use method='auto'."
            )
        kernel = _kernel(self.method, geometry)
        plan = replace(kernel.plan(), parameters={"weights": weights}, folding="weights")
        if isinstance(kernel, GemmConvolution):
            return plan
        # The products of a single image are too small to gain from Winograd's method.
        return replace(plan, separate_images_layer=replace(self, method="gemm"))

    def __repr__(self) -> str:
        method = "" if self.method == "auto" else f", method={self.method!r}"
        return (
            f"Conv2D(n_filters={self.n_filters}, filter_size={self.filter_size}, "
            f"padding={self.padding!r}{method})"
        )


def _kernel(method: Method, geometry: Geometry) -> ConvolutionKernel:
    if method == "gemm":
        return GemmConvolution(geometry)
    if method == "auto":
        return _fastest_kernel(geometry)
    if method == "winograd4x4":
        return Winograd2DConvolution(geometry)
    return WinogradConvolution(geometry, 4 if method == "winograd4" else 2)


def _fastest_kernel(geometry: Geometry) -> ConvolutionKernel:
    kernels = [WinogradConvolution(geometry)]
    if geometry.filter_size == 3:
        kernels.append(WinogradConvolution(geometry, 4))
    best = max(kernels, key=lambda kernel: kernel.saved_share)  # of equal ones the first
    c, k = geometry.in_shape[2], geometry.n_filters
    wide = min(c, k) >= FEWEST_CHANNELS_2D and c * k >= LEAST_CHANNELS_TIMES_FILTERS_2D
    if geometry.filter_size == 3 and wide:
        in_two = Winograd2DConvolution(geometry)
        if in_two.saved_share - max(best.saved_share, 0) >= LEAST_ADDED_SHARE_2D:
            return in_two
    enough = any(
        min(c, k) >= channels and geometry.flops >= flops
        for channels, flops in LIMITS[best.n_outputs]
    )
    if enough and best.saved_share >= LEAST_SHARE:
        return best
    return GemmConvolution(geometry)
