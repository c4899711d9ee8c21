"""skcnn's Muon in PyTorch, for networks with batch normalization."""

from __future__ import annotations

import torch
from torch import nn

from skcnn.engine.training.muon import N_ITERATIONS, OTHERS, POLYNOMIAL


class TorchMuon:
    """`skcnn.engine.training.muon.Muon`: hidden weights as matrices, everything else by Adam."""

    def __init__(self, model: nn.Sequential, weight_decay: float) -> None:
        weights = [p for p in model.parameters() if p.ndim > 1]
        self.hidden, output = weights[:-1], weights[-1]
        self.moments = [torch.zeros_like(weight) for weight in self.hidden]
        others = [p for p in model.parameters() if p.ndim == 1 and p.requires_grad]
        groups = [{"params": [output], "weight_decay": weight_decay}, {"params": others}]
        self.adam = torch.optim.Adam(groups, fused=True)

    @torch.no_grad()
    def step(self, rate: float, momentum: float) -> None:
        for weight, moment in zip(self.hidden, self.moments, strict=True):
            moment.mul_(momentum).add_(weight.grad)
            move = equalized(weight.grad.add(moment, alpha=momentum))
            before = weight.norm()
            weight.sub_(move.mul_(rate * before / move.norm()))
            weight.mul_(before / weight.norm())
        for group in self.adam.param_groups:
            group["lr"] = OTHERS * rate
        self.adam.step()


def equalized(move: torch.Tensor) -> torch.Tensor:
    """A few Newton-Schulz iterations make the singular values more equal."""
    x = move.flatten(1)  # (filters, inputs)
    tall = x.shape[0] > x.shape[1]
    x = (x.T if tall else x) / x.norm()
    a, b, c = POLYNOMIAL
    for _ in range(N_ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x.T if tall else x).reshape(move.shape)
