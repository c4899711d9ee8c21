"""A network and its training with the parameters of a `ConvNetClassifier`, in PyTorch."""

from __future__ import annotations

import copy
import statistics
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch_networks import translate

from skcnn import ConvNetClassifier
from skcnn._fitting.settings import layers_of, settings_of
from skcnn._parallel import n_threads
from skcnn.engine.network import Network
from skcnn.engine.training.muon import N_ITERATIONS, OTHERS, POLYNOMIAL

MEMORY_FORMATS = (torch.contiguous_format, torch.channels_last)


class TorchClassifier:
    """What `ConvNetClassifier(solver="muon", **params)` does, in PyTorch.

    The network, the initial distribution of the weights, standardization, augmentation, loss,
    mini-batches, optimizer and learning rates are the same, and training takes the memory format in
    which a few steps take less time. Two details differ: the statistics of batch normalization are
    over the whole mini-batch, and its running statistics forget exponentially, as is usual in
    PyTorch.
    """

    def __init__(self, params: dict[str, Any], seed: int) -> None:
        self.params = ConvNetClassifier().get_params() | params
        if self.params["solver"] != "muon":
            raise ValueError(
                f"solver is {self.params['solver']!r}; expected 'muon', the only one here."
            )
        self.seed = seed

    def fit(self, X: NDArray, y: NDArray) -> TorchClassifier:
        """Train on images (n, h, w) or (n, h, w, channels) with labels 0, 1, ..."""
        torch.set_num_threads(n_threads(None))
        torch.manual_seed(self.seed)
        estimator = ConvNetClassifier(**self.params)
        settings = settings_of(estimator, len(X), incremental=False, has_validation=False)
        X = X.reshape(*X.shape[:3], -1)
        self.mean, self.scale = X.mean((0, 1, 2)), X.std((0, 1, 2))
        n_classes = y.max() + 1
        network = Network(layers_of(estimator, X.shape[1:], n_classes), X.shape[1:])
        network.initialize(np.random.default_rng(self.seed))
        self.model = translate(network.layers, X.shape[1:])
        copy_weights(network, self.model)
        self.loss = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
        labels = torch.from_numpy(y.astype(np.int64))
        self._choose_memory_format(X, labels, settings.step.batch_size)
        optimizer = TorchMuon(self.model, settings.step.l2 / settings.step.batch_size)
        self._train(X, labels, settings, optimizer)
        self.model.eval()
        return self

    def _train(self, X, labels, settings, optimizer: TorchMuon) -> None:
        size, epochs = settings.step.batch_size, settings.epochs
        n_steps, done, begin = epochs.n_epochs * -(-len(X) // size), 0, time.perf_counter()
        rng = np.random.default_rng(self.seed)
        while True:
            order = rng.permutation(len(X))
            for start in range(0, len(X), size):
                progress = done / n_steps
                if epochs.max_time is not None:
                    progress = max(progress, (time.perf_counter() - begin) / epochs.max_time)
                if progress >= 1:
                    return
                chosen = order[start : start + size]
                images = X[chosen].astype(np.float32)
                if settings.step.augment is not None:
                    images = settings.step.augment(images, rng)
                self._step(images, labels[chosen])
                optimizer.step(epochs.rate(done, progress), epochs.momentum(done))
                done += 1

    def _step(self, images: NDArray, labels: torch.Tensor) -> None:
        self.model.zero_grad()
        self.loss(self.model(self._prepared(images)), labels).backward()

    def _prepared(self, images: NDArray) -> torch.Tensor:
        standardized = ((images - self.mean) / self.scale).astype(np.float32, copy=False)
        tensor = torch.from_numpy(standardized).permute(0, 3, 1, 2)
        return tensor.contiguous(memory_format=self.memory_format)

    def _choose_memory_format(self, X: NDArray, labels: torch.Tensor, size: int) -> None:
        trained = self.model

        def seconds(memory_format: torch.memory_format) -> float:
            self.memory_format = memory_format
            self.model = copy.deepcopy(trained).to(memory_format=memory_format)
            times = []
            for _ in range(12):
                start = time.perf_counter()
                self._step(X[:size], labels[:size])
                times.append(time.perf_counter() - start)
            return statistics.median(times)

        self.memory_format = min(MEMORY_FORMATS, key=seconds)
        self.model = trained.to(memory_format=self.memory_format)

    def score(self, X: NDArray, y: NDArray) -> float:
        """Accuracy."""
        X = X.reshape(*X.shape[:3], -1)
        with torch.inference_mode():
            found = [
                self.model(self._prepared(X[start : start + 256])).argmax(1)
                for start in range(0, len(X), 256)
            ]
        return float(np.mean(torch.cat(found).numpy() == y))


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


def copy_weights(network: Network, model: nn.Sequential) -> None:
    """Give the PyTorch model the weights of the network, biases of zero, and no trained scales."""
    weights = [vars(p)["weights"] for p in network.layer_parameters if "weights" in vars(p)]
    layers = [layer for layer in model if isinstance(layer, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        for layer, initial in zip(layers, weights, strict=True):
            # (i, j, c, k) -> (k, c, i, j), or (inputs, units) -> (units, inputs). The inputs behind
            # the last convolution have another order here, but all have the same distribution.
            values = initial.transpose(3, 2, 0, 1) if initial.ndim == 4 else initial.T
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(values)))
            if layer.bias is not None:
                layer.bias.zero_()
        for layer in model:
            if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                layer.weight.requires_grad_(False)  # no trained scale, as in skcnn
