"""The same networks in PyTorch, in the fastest form without compilation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from networks import NETWORKS, layers_of
from torch import nn
from torch_muon import TorchMuon

from skcnn.engine.layer import Layer
from skcnn.engine.layers import (
    BatchNorm,
    BiasActivation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    MeanPool2D,
)

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "identity": nn.Identity}


def build_torch(name: str) -> nn.Sequential:
    """The network `name` of `networks`."""
    return translate(layers_of(name), NETWORKS[name][0])


def translate(layers: Sequence[Layer], image_shape: tuple[int, int, int]) -> nn.Sequential:
    """Translate the layers one by one; convolutions and dense layers include their bias."""
    shape: tuple[int, ...] = image_shape
    modules: list[nn.Module] = []
    for number, layer in enumerate(layers):
        out_shape = layer.plan(shape).out_shape
        match layer:
            case Conv2D():
                modules.append(
                    nn.Conv2d(
                        shape[2],
                        layer.n_filters,
                        layer.filter_size,
                        padding=layer.padding,
                        bias=not is_normalized(layers, number),
                    )
                )
            case MaxPool2D(regions=None):
                modules.append(nn.MaxPool2d(layer.size, ceil_mode=True))
            case MeanPool2D() if shape[0] % out_shape[0] == 0:
                modules.append(nn.AvgPool2d(shape[0] // out_shape[0]))
            case BatchNorm():
                kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
                modules.append(kind(shape[-1]))
                modules[-1].weight.requires_grad_(False)  # no trained scale, as in skcnn
            case BiasActivation():
                modules.append(ACTIVATIONS[layer.function]())
            case Flatten():
                modules.append(nn.Flatten())
            case Dense():
                bias = not is_normalized(layers, number)
                modules.append(nn.Linear(shape[0], layer.n_units, bias=bias))
            case Dropout():
                modules.append(nn.Dropout(layer.rate))
            case _:
                raise ValueError(
                    f"{layer} has no translation to PyTorch; expected a layer that `translate` "
                    "knows. Add a case for it."
                )
        shape = out_shape
    return nn.Sequential(*modules)


def is_normalized(layers: Sequence[Layer], number: int) -> bool:
    """Whether batch normalization, which has the bias, follows this layer before an activation."""
    for layer in layers[number + 1 :]:
        if isinstance(layer, (BatchNorm, BiasActivation)):
            return isinstance(layer, BatchNorm)
    return False


class TorchTrainer:
    """Training steps and prediction with PyTorch, in one memory format.

    Networks with batch normalization are trained by Muon, others by Adam.
    """

    def __init__(self, name: str, images, labels, memory_format: torch.memory_format) -> None:
        self.model = build_torch(name).to(memory_format=memory_format)
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2)
        self.images = self.images.contiguous(memory_format=memory_format)
        self.labels = torch.from_numpy(labels)
        self.memory_format = memory_format
        self.muon = None
        if any(isinstance(layer, nn.BatchNorm2d) for layer in self.model):
            self.muon = TorchMuon(self.model, 0.0)
        self.adam = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)
        self.loss = nn.CrossEntropyLoss()

    def step(self, indices) -> None:
        chosen = torch.from_numpy(indices)
        images = self.images[chosen].contiguous(memory_format=self.memory_format)
        self.model.zero_grad()
        self.loss(self.model(images), self.labels[chosen]).backward()
        if self.muon is None:
            self.adam.step()
        else:
            self.muon.step(1e-3, 0.9)

    def predict(self, batch_size: int) -> None:
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(self.images), batch_size):
                self.model(self.images[start : start + batch_size])
        self.model.train()
