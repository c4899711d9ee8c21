"""Test error and training time on MNIST: skcnn, PyTorch, MLPClassifier, HOG + SVC.

    python examples/benchmarks/accuracy.py [--data DIR] [--seeds 3] [--out DIR]

PyTorch trains the network of `ConvNetClassifier()` in the same way: the same epochs, mini-batches,
Adam, one-cycle learning rate, dropout, label smoothing, L2 penalty and initial weights. It uses the
memory format in which a few steps take less time. The other classifiers have their defaults and
choose their number of threads; `MLPClassifier` gets pixels from 0 to 1. Each row is the median over
the seeds.
"""

from __future__ import annotations

import argparse
import copy
import csv
import statistics
import time
from pathlib import Path

import numpy as np
from networks import build
from sklearn.neural_network import MLPClassifier

from skcnn import ConvNetClassifier, make_hog_svc
from skcnn._fitting.settings import AUTO_BATCH, AUTO_RATES
from skcnn._parallel import n_threads
from skcnn.datasets import load_mnist
from skcnn.engine.training.schedules import one_cycle

NAMES = ("skcnn", "PyTorch", "MLPClassifier", "HOG + SVC")


class TorchNetwork:
    """The network of `ConvNetClassifier()` in PyTorch, trained in the same way."""

    def __init__(self, seed: int, n_epochs: int) -> None:
        import torch
        from torch_networks import build_torch

        torch.set_num_threads(n_threads(None))
        torch.manual_seed(seed)
        self.seed, self.n_epochs = seed, n_epochs
        self.model = build_torch("default")
        network = build("default")
        network.initialize(np.random.default_rng(seed))
        weights = [vars(p)["weights"] for p in network.layer_parameters if "weights" in vars(p)]
        layers = [layer for layer in self.model if list(layer.parameters())]
        with torch.no_grad():
            for layer, initial in zip(layers, weights, strict=True):
                if initial.ndim == 4:  # (i, j, c, k) -> (k, c, i, j)
                    layer.weight.copy_(torch.from_numpy(initial.transpose(3, 2, 0, 1).copy()))
                else:
                    layer.weight.copy_(torch.from_numpy(initial.T.copy()))
                layer.bias.zero_()

    def _prepare(self, X):
        import torch

        return torch.from_numpy(((X - self.mean) / self.scale).astype(np.float32)[:, None])

    def _choose_memory_format(self, images, labels, loss, batch_size: int) -> None:
        import torch

        def seconds(memory_format) -> float:
            model = copy.deepcopy(self.model).to(memory_format=memory_format)
            times = []
            for _ in range(40):
                start = time.perf_counter()
                part = images[:batch_size].contiguous(memory_format=memory_format)
                loss(model(part), labels[:batch_size]).backward()
                times.append(time.perf_counter() - start)
            return statistics.median(times)

        self.memory_format = min((torch.contiguous_format, torch.channels_last), key=seconds)
        self.model = self.model.to(memory_format=self.memory_format)

    def fit(self, X, y):
        import torch

        params = ConvNetClassifier().get_params()
        batch_size, (highest, _) = AUTO_BATCH, AUTO_RATES["adam"]
        self.mean, self.scale = X.mean(), X.std()
        images, labels = self._prepare(X), torch.from_numpy(y.astype(np.int64))
        loss = torch.nn.CrossEntropyLoss(label_smoothing=params["label_smoothing"])
        self._choose_memory_format(images, labels, loss, batch_size)
        weights, biases = [], []
        for name, parameter in self.model.named_parameters():
            (weights if name.endswith("weight") else biases).append(parameter)
        optimizer = torch.optim.Adam(
            [
                {"params": weights, "weight_decay": params["alpha"] / batch_size},
                {"params": biases},
            ],
            fused=True,
        )
        rng = np.random.default_rng(self.seed)
        n_steps, done = self.n_epochs * -(-len(X) // batch_size), 0
        for _ in range(self.n_epochs):
            order = torch.from_numpy(rng.permutation(len(X)))
            for chosen in order.split(batch_size):
                for group in optimizer.param_groups:
                    group["lr"] = highest * one_cycle(done, done / n_steps)
                optimizer.zero_grad()
                batch = images[chosen].contiguous(memory_format=self.memory_format)
                loss(self.model(batch), labels[chosen]).backward()
                optimizer.step()
                done += 1
        self.model.eval()
        return self

    def score(self, X, y) -> float:
        import torch

        with torch.inference_mode():
            parts = [self.model(part).argmax(1) for part in self._prepare(X).split(256)]
        return float(np.mean(torch.cat(parts).numpy() == y))


def new_contender(name: str, seed: int, n_epochs: int):
    if name == "skcnn":
        return ConvNetClassifier(max_iter=n_epochs, random_state=seed)
    if name == "PyTorch":
        return TorchNetwork(seed, n_epochs)
    if name == "MLPClassifier":
        return MLPClassifier(random_state=seed)
    return make_hog_svc()


def prepared(name: str, X):
    """Images as the classifier needs them: `MLPClassifier` learns little from pixels up to 255."""
    return X.reshape(len(X), -1) / np.float32(255) if name == "MLPClassifier" else X


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="directory of the four IDX files (default: download MNIST)")
    parser.add_argument("--contenders", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--epochs", type=int, default=10, help="epochs of skcnn and PyTorch")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--train-size", type=int, help="use only the first TRAIN_SIZE training images"
    )
    parser.add_argument("--out", type=Path, default=Path("accuracy"))
    args = parser.parse_args()
    args.out = args.out.expanduser()
    args.out.mkdir(parents=True, exist_ok=True)
    X_train, y_train, X_test, y_test = load_mnist(args.data)
    X_train, y_train = X_train[: args.train_size], y_train[: args.train_size]
    rows = []
    for name in args.contenders:
        seconds, errors = [], []
        for seed in range(1 if name == "HOG + SVC" else args.seeds):  # deterministic
            model = new_contender(name, seed, args.epochs)
            X = prepared(name, X_train)
            start = time.perf_counter()
            model.fit(X, y_train)
            seconds.append(time.perf_counter() - start)
            errors.append(100 * (1 - model.score(prepared(name, X_test), y_test)))
        rows.append(
            {
                "contender": name,
                "seconds": f"{statistics.median(seconds):.0f}",
                "test_error_percent": f"{statistics.median(errors):.2f}",
                "errors": " ".join(f"{error:.2f}" for error in errors),
            }
        )
        print(
            "| {contender} | {seconds} s | {test_error_percent} % | {errors} |".format(**rows[-1])
        )
    with open(args.out / "accuracy.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(X_train)} training images; written to {args.out}")


if __name__ == "__main__":
    main()
