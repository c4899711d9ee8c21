"""skorch's NeuralNetClassifier, for `peers.py`."""

from __future__ import annotations

import contextlib

import numpy as np
import torch
from peers_networks import BATCH, EPOCHS, FILTERS, RATE, UNITS, Peer
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import nn
from torch.utils.data import default_collate


class Network(nn.Module):
    """The convolutional network; sample weights belong to the loss."""

    def __init__(self, filters: int = FILTERS, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, filters, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * filters, UNITS),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(UNITS, 10),
        )

    def forward(self, X: torch.Tensor, sample_weight: torch.Tensor | None = None) -> torch.Tensor:
        return self.layers(X)


class Table(nn.Module):
    """A network for tables of any width and dtype, for scikit-learn's estimator checks."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(UNITS), nn.ReLU(), nn.Linear(UNITS, 10))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.layers(X.float())


class Weighted(NeuralNetClassifier):
    """Sample weights as skorch's FAQ recommends: X is a dict that has them, too."""

    def get_loss(self, y_pred, y_true, X=None, training=False):
        losses = super().get_loss(y_pred, y_true, X, training)
        return (losses * X["sample_weight"]).mean()


class Count(Callback):
    """A callback of skorch."""

    def __init__(self, record: list) -> None:
        self.record = record

    def on_epoch_end(self, net, **kwargs):
        self.record.append(len(net.history))


def shifted(batch):
    """Random shifts of the training images by a pixel."""
    X, y = default_collate(batch)
    dy, dx = (int(step) for step in torch.randint(-1, 2, (2,)))
    return torch.roll(X, (dy, dx), (2, 3)), y


class Skorch(Peer):
    name, title = "skorch", "skorch"
    distributions = ("skorch", "torch")
    statement = "from skorch import NeuralNetClassifier"
    how = {  # noqa: RUF012
        "images as X": "as the module takes them, here (n, channels, h, w)",
        "own validation set": "`train_split=predefined_split(...)`[^skorch-faq]",
        "callbacks": "its own, many included[^skorch-callbacks]",
        "sample weights": "a subclass that weights the loss[^skorch-faq]",
        "class weights": "`criterion__weight`, by position",
        "dropout": "a layer",
        "augmentation": "a function as `iterator_train__collate_fn`",
        "transform": "`forward` returns the outputs of the module[^skorch-net]",
        "threads": "`torch.set_num_threads`, for the whole process[^torch-threads]",
        "same results again": "`torch.manual_seed`",
        "ONNX": "`torch.onnx.export` of `module_`, without the softmax",
        "files without code": (
            "weights alone by `save_params(use_safetensors=True)`[^skorch-save]; all of it by skops"
        ),
    }
    partly = ("sample weights", "threads")

    def new(
        self,
        epochs=EPOCHS,
        *,
        filters=FILTERS,
        batch=BATCH,
        dropout=False,
        augment=False,
        kind=NeuralNetClassifier,
        **others,
    ):
        settings = {
            "criterion": nn.CrossEntropyLoss,
            "optimizer": torch.optim.Adam,
            "lr": RATE,
            "max_epochs": epochs,
            "batch_size": batch,
            "iterator_train__shuffle": True,
            "module__filters": filters,
            "module__dropout": 0.5 if dropout else 0.0,
            "train_split": None,
            "verbose": 0,
        }
        if augment:
            settings["iterator_train__collate_fn"] = shifted
        return kind(Network, **(settings | others))

    def checked(self):
        return NeuralNetClassifier(
            Table,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=RATE,
            train_split=None,
            verbose=0,
        )

    def images(self, X):
        return X.reshape(-1, 1, 8, 8)

    def set_seed(self, seed):
        torch.manual_seed(seed)

    def epochs_of(self, estimator):
        return len(estimator.history)

    def weights(self, estimator):
        state = estimator.module_.state_dict()
        return np.concatenate([tensor.numpy().ravel() for tensor in state.values()])

    def fit_weighted(self, X, y, weights):
        net = self.new(kind=Weighted, criterion__reduction="none")
        return net.fit({"X": X, "sample_weight": weights.astype(np.float32)}, y)

    def fit_class_weighted(self, X, y, weights):
        tensor = torch.tensor([weights.get(label, 1.0) for label in np.unique(y)])
        return self.new(criterion__weight=tensor.float()).fit(X, y)

    def fit_validated(self, X, y, X_val, y_val):
        net = self.new(train_split=predefined_split(Dataset(X_val, y_val))).fit(X, y)
        return list(net.history[:, "valid_loss"])

    def fit_with_callback(self, X, y, record):
        self.new(callbacks=[Count(record)]).fit(X, y)

    @contextlib.contextmanager
    def threads(self, estimator, number):
        before = torch.get_num_threads()
        torch.set_num_threads(number)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def to_onnx(self, estimator, X, path):
        images = torch.from_numpy(X[:2])
        shapes = ({0: torch.export.Dim.DYNAMIC},)
        layers = estimator.module_.layers.eval()
        torch.onnx.export(layers, (images,), str(path), dynamic_shapes=shapes, verbose=False)

    def save_safely(self, estimator, X, folder):
        estimator.save_params(f_params=folder / "weights.safetensors", use_safetensors=True)
        new = self.new().initialize()
        new.load_params(f_params=folder / "weights.safetensors", use_safetensors=True)
        return np.array_equal(new.predict_proba(X), estimator.predict_proba(X))
