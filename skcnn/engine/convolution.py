"""`Conv2D`, which chooses between two ways to compute the same convolution."""

from __future__ import annotations

from dataclasses import dataclass, field

from skcnn.engine.direct import DirectConvolution
from skcnn.engine.plan import Calls, Plan, Shape
from skcnn.engine.winograd import WinogradConvolution, saved_share

METHODS = {"direct": DirectConvolution, "winograd": WinogradConvolution}

# `WinogradConvolution` adds, where it saves multiplications, numbers that lie in pieces of as many
# as there are channels or filters; short pieces cost as much as long ones. Measured on networks
# from `examples/benchmarks`: with fewer channels, or in small images, it is no faster.
FEWEST_CHANNELS = 32
LEAST_SHARE = 0.3
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
    method : {"direct", "winograd"}, optional
        The way to compute it; by default the one with less work.
    """

    n_filters: int
    filter_size: int
    padding: str = "same"
    method: str | None = field(default=None, repr=False)

    def plan(self, in_shape: Shape) -> Plan:
        return self._way(in_shape).plan(in_shape)

    def derive(self, p) -> Calls:
        way = WinogradConvolution if hasattr(p, "transformed0") else DirectConvolution
        return way(self.n_filters, self.filter_size, self.padding).derive(p)

    def forward(self, p, m) -> Calls:
        return self._way_of(m).forward(p, m)

    def backward(self, p, m, g) -> Calls:
        return self._way_of(m).backward(p, m, g)

    def _way_of(self, m):
        h, _, w, c = m.x.shape
        return self._way((h, w, c))

    def _way(self, in_shape: Shape):
        method = self.method or self._method_with_less_work(in_shape)
        return METHODS[method](self.n_filters, self.filter_size, self.padding)

    def _method_with_less_work(self, in_shape: Shape) -> str:
        if min(in_shape[2], self.n_filters) < FEWEST_CHANNELS:
            return "direct"
        plan = DirectConvolution(self.n_filters, self.filter_size, self.padding).plan(in_shape)
        share = saved_share(self.filter_size, plan.out_shape[1])
        worth_it = share >= LEAST_SHARE and plan.flops >= LEAST_FLOPS
        return "winograd" if worth_it else "direct"
