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
from torch_muon import TorchMuon
from torch_networks import translate

from skcnn import ConvNetClassifier
from skcnn._fitting.settings import FitSettings, settings_of
from skcnn._parallel import n_threads
from skcnn._tasks.classification import Classification
from skcnn.engine.network import Network
from skcnn.engine.standardization import ChannelStatistics
from skcnn.engine.training.loop import batches

# Parameters of `ConvNetClassifier` that may differ from the defaults. `predict_augment` has no
# effect here.
SUPPORTED = {
    *("n_filters", "filter_size", "padding", "pool_size", "pool_regions", "pooling"),
    *("hidden_layer_sizes", "activation", "dropout", "label_smoothing", "weight_init"),
    *("learning_rate", "learning_rate_init", "momentum", "alpha", "batch_size", "max_iter"),
    *("max_time", "augment", "predict_augment"),
}
MEMORY_FORMATS = (torch.contiguous_format, torch.channels_last)


class TorchClassifier:
    """What `ConvNetClassifier(**params)` does, in PyTorch, without compilation.

    The network, the initial distribution of the weights, standardization, augmentation, loss,
    mini-batches, optimizer and learning rates are the same. Training takes the memory format in
    which a few steps take less time. Two details differ: the statistics of batch normalization are
    over the whole mini-batch, and its running statistics forget exponentially, as is usual in
    PyTorch.

    Attributes
    ----------
    seconds_ : float
        Time of the training alone: the images are standardized, and the memory format is chosen,
        before the clock starts.
    """

    def __init__(self, params: dict[str, Any], seed: int) -> None:
        defaults = ConvNetClassifier().get_params()
        self.params, self.seed = defaults | params, seed
        other = {key for key, value in self.params.items() if value != defaults[key]} - SUPPORTED
        if other:
            raise ValueError(
                f"params changes {sorted(other)}; expected changes of {sorted(SUPPORTED)} only. "
                "Leave them at their defaults."
            )

    def fit(self, X: NDArray, y: NDArray) -> TorchClassifier:
        """Train on images (n, h, w) or (n, h, w, channels) with labels 0, 1, ..."""
        torch.set_num_threads(n_threads(None))
        torch.manual_seed(self.seed)
        estimator = ConvNetClassifier(**self.params)
        X = X.reshape(*X.shape[:3], -1)
        shape, n_classes = X.shape[1:], int(y.max()) + 1
        task = Classification(
            np.arange(n_classes),
            y,
            output_activation="softmax",
            label_smoothing=estimator.label_smoothing,
        )
        settings = settings_of(estimator, task, len(X), incremental=False, has_validation=False)
        statistics = ChannelStatistics.of(X, np.ones(len(X)))
        self.mean, self.scale = np.float32(statistics.mean), np.float32(statistics.scale)
        network = Network(estimator._layers(shape, n_classes), shape)
        network.initialize(np.random.default_rng(self.seed))
        self.model = translate(network.layers, shape)
        copy_weights(network, self.model)
        self.loss = nn.CrossEntropyLoss(label_smoothing=estimator.label_smoothing)
        X, labels = self._standardized(X), torch.from_numpy(y.astype(np.int64))
        self._choose_memory_format(X, labels, settings.step.batch_size)
        begin = time.perf_counter()
        self._train(X, labels, settings, begin)
        self.seconds_ = time.perf_counter() - begin
        self.model.eval()
        return self

    def _train(self, X: NDArray, labels: torch.Tensor, settings: FitSettings, begin: float) -> None:
        step, epochs = settings.step, settings.epochs
        optimizer = TorchMuon(self.model, step.l2 / step.batch_size)
        n_steps, done = epochs.n_epochs * -(-len(X) // step.batch_size), 0
        rng = np.random.default_rng(self.seed)
        for _ in range(epochs.n_epochs):
            for chosen in batches(rng.permutation(len(X)), step.batch_size):
                progress = done / n_steps
                if epochs.max_time is not None:
                    progress = max(progress, (time.perf_counter() - begin) / epochs.max_time)
                if progress >= 1:
                    return
                images = X[chosen]
                if step.augment is not None:
                    images = step.augment(images, rng)
                self._step(images, labels[chosen])
                optimizer.step(epochs.rate(done, progress), epochs.momentum(done))
                done += 1

    def _step(self, images: NDArray, labels: torch.Tensor) -> None:
        self.model.zero_grad()
        self.loss(self.model(self._tensor(images)), labels).backward()

    def _standardized(self, X: NDArray) -> NDArray:
        X = np.subtract(X, self.mean, dtype=np.float32)
        X /= self.scale
        return X

    def _tensor(self, images: NDArray) -> torch.Tensor:
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
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
        X = self._standardized(X.reshape(*X.shape[:3], -1))
        with torch.inference_mode():
            found = [
                self.model(self._tensor(X[start : start + 256])).argmax(1)
                for start in range(0, len(X), 256)
            ]
        return float(np.mean(torch.cat(found).numpy() == y))


def copy_weights(network: Network, model: nn.Sequential) -> None:
    """Give the PyTorch model the weights of the network, and biases of zero."""
    weights = [vars(p)["weights"] for p in network.layer_parameters if "weights" in vars(p)]
    layers = [layer for layer in model if isinstance(layer, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        for layer, initial in zip(layers, weights, strict=True):
            # (i, j, c, k) -> (k, c, i, j), or (inputs, units) -> (units, inputs). The inputs after
            # the last convolution have another order here, but all have the same distribution.
            values = initial.transpose(3, 2, 0, 1) if initial.ndim == 4 else initial.T
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(values)))
            if layer.bias is not None:
                layer.bias.zero_()
