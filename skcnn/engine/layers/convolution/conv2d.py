"""`Conv2D`, which chooses between two ways to compute the same convolution."""

from __future__ import annotations

from dataclasses import dataclass, replace

from skcnn.engine.layer import Plan, Shape
from skcnn.engine.layers.convolution.gemm import DirectConvolution
from skcnn.engine.layers.convolution.lowering import Geometry
from skcnn.engine.layers.convolution.winograd import WinogradConvolution, saved_share

METHODS = {"direct": DirectConvolution, "winograd": WinogradConvolution}

# Winograd's method adds numbers that lie in pieces as long as there are channels or filters, and
# short pieces take as long as long ones; in layers of little work its calls take longer than they
# save. `examples/benchmarks/speed.py` has networks on either side of these limits.
FEWEST_CHANNELS = 32
LEAST_SHARE = 0.29  # of the multiplications, to be saved; filters of 3 x 3 save 0.33, 5 x 5 0.30
LEAST_FLOPS = 1e6  # an image


@dataclass(frozen=True)
class Conv2D:
    """Convolution (cross-correlation, as everywhere in this field) with square filters, stride 1.

    The bias belongs to the `BiasActivation` that follows: behind max pooling, with which it
    commutes, it meets four times fewer numbers.

    Parameters
    ----------
    n_filters, filter_size : int
    padding : {"same", "valid"}
    method : {"auto", "direct", "winograd"}
        How to compute it; "auto": whichever takes less time.
    """

    n_filters: int
    filter_size: int
    padding: str = "same"
    method: str = "auto"

    def plan(self, in_shape: Shape) -> Plan:
        geometry = Geometry(in_shape, self.n_filters, self.filter_size, self.padding)
        method = _faster_method(geometry) if self.method == "auto" else self.method
        kernel = METHODS[method](geometry)
        plan = replace(kernel.plan(), kernel=kernel)
        if method == "direct":
            return plan
        # with one image it is the calls that count, of which the direct method makes fewer
        return replace(plan, single_image_layer=replace(self, method="direct"))

    def __repr__(self) -> str:
        method = "" if self.method == "auto" else f", method={self.method!r}"
        return (
            f"Conv2D(n_filters={self.n_filters}, filter_size={self.filter_size}, "
            f"padding={self.padding!r}{method})"
        )


def _faster_method(geometry: Geometry) -> str:
    if min(geometry.in_shape[2], geometry.n_filters) < FEWEST_CHANNELS:
        return "direct"
    share = saved_share(geometry.filter_size, geometry.columns.n_out)
    return "winograd" if share >= LEAST_SHARE and geometry.flops >= LEAST_FLOPS else "direct"
