"""Speed of training and prediction, compared with PyTorch and with a large matrix product.

    python examples/benchmarks/speed.py [--networks paper colour] [--threads 2] [--out DIR]

The following take turns in one process: skcnn; PyTorch with the same network, optimizer and number
of threads, in both of its memory formats; and a large sgemm, whose speed gives the floor, the time
for the network's matrix products alone. scikit-learn's MLPClassifier is included for scale. The
results are medians in microseconds per image. Both have the faster of mini-batches of 64 and 256
images, PyTorch also the faster memory format. Networks with batch normalization are trained by Muon
(`torch_muon`), others by Adam.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from networks import N_CLASSES, NETWORKS, build, training_flops
from sklearn.neural_network import MLPClassifier

from skcnn.engine.inference import predict
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.losses import LOSSES
from skcnn.engine.training.muon import Muon
from skcnn.engine.training.optimizers import Adam
from skcnn.engine.training.settings import StepSettings, TrainingData, TrainingState
from skcnn.engine.training.trainer import Trainer

BATCHES = (64, 256)


class SkcnnTrainer:
    """Training steps and prediction with skcnn, on raw uint8 images."""

    def __init__(self, name: str, images, labels, threads: Threads) -> None:
        self.network = build(name)
        self.network.initialize(np.random.default_rng(0))
        self.threads = threads
        self.reader = ImageReader(images, 128.0, 74.0)
        data = TrainingData(self.reader, labels, np.eye(N_CLASSES, dtype=np.float32))
        optimizer = Muon() if self.network.has_state else Adam()
        state = TrainingState.new(self.network, optimizer, np.random.default_rng(0))
        self.trainers = {
            size: Trainer(
                self.network,
                StepSettings(LOSSES["softmax"], optimizer, size, l2=1e-4),
                data,
                state,
                threads,
            )
            for size in BATCHES
        }
        self.steps = 0
        self.result = np.empty((len(images), N_CLASSES))

    def train(self, order, batch_size: int) -> None:
        with single_threaded_blas():  # once, as `fit` does
            train(self.step, order, batch_size)

    def step(self, indices) -> None:
        self.steps += 1
        trainer = self.trainers[len(indices)]
        trainer.step(indices, step=self.steps, rate=1e-3, momentum=0.9)

    def predict(self) -> None:
        def write(rows, workspace):
            self.result[rows] = workspace.output[: rows.stop - rows.start]

        with single_threaded_blas():
            predict(self.network, self.reader, self.threads, write)


PAUSE = 0.3  # seconds; PyTorch's OpenMP threads keep spinning for 0.2 seconds after their work


def seconds(run, *args) -> float:
    """Time the second of two runs: the first one wakes the cores from the pause."""
    time.sleep(PAUSE)
    run(*args)
    start = time.perf_counter()
    run(*args)
    return time.perf_counter() - start


def train(step, order, batch_size: int) -> None:
    for start in range(0, len(order) - batch_size + 1, batch_size):
        step(order[start : start + batch_size])


def sgemm_speed(threads: int) -> float:
    """Floating-point operations per second of a large float32 matrix product."""
    from threadpoolctl import threadpool_limits

    a = np.ones((2048, 2048), np.float32)
    out = np.empty_like(a)
    with threadpool_limits(threads, user_api="blas"):
        best = min(seconds(lambda: np.matmul(a, a, out=out)) for _ in range(3))
    return 2 * 2048**3 / best


def measure(name: str, n_threads: int, rounds: int, n_images: int) -> dict:
    import torch
    from torch_networks import TorchTrainer

    torch.set_num_threads(n_threads)
    shape, _ = NETWORKS[name]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n_images, *shape), dtype=np.uint8)
    labels = rng.integers(0, N_CLASSES, n_images)
    order = rng.permutation(n_images)
    ready = (images.astype(np.float32) - 128) / 74
    mlp = MLPClassifier((128,), batch_size=64, max_iter=1)
    flat = ready.reshape(n_images, -1)
    mlp.partial_fit(flat[:64], labels[:64], classes=range(N_CLASSES))

    times: dict[tuple, list[float]] = {}

    with Threads(n_threads) as threads:
        skcnn_trainer = SkcnnTrainer(name, images, labels, threads)
        torch_trainers = {
            "contiguous": TorchTrainer(name, ready, labels, torch.contiguous_format),
            "channels last": TorchTrainer(name, ready, labels, torch.channels_last),
        }
        floor_flops = training_flops(skcnn_trainer.network)
        micro = 1e6 / n_images
        for number in range(rounds + 1):  # the first round only warms up
            found = {("floor", "flops"): sgemm_speed(n_threads)}
            for size in BATCHES:
                found["train", "skcnn", size] = micro * seconds(skcnn_trainer.train, order, size)
                for kind, torch_trainer in torch_trainers.items():
                    found["train", kind, size] = micro * seconds(
                        train, torch_trainer.step, order, size
                    )
            found["predict", "skcnn", 0] = micro * seconds(skcnn_trainer.predict)
            for kind, torch_trainer in torch_trainers.items():
                for size in BATCHES:
                    found["predict", kind, size] = micro * seconds(torch_trainer.predict, size)
            found["train", "mlp", 64] = micro * seconds(mlp.partial_fit, flat, labels)
            if number:
                for key, value in found.items():
                    times.setdefault(key, []).append(value)

    median = {key: statistics.median(values) for key, values in times.items()}

    def best_of_torch(what):
        keys = [key for key in median if key[0] == what and key[1] in torch_trainers]
        key = min(keys, key=median.get)
        return median[key], f"{key[1]}, {key[2]}"

    def ratio(skcnn_key, torch_key):
        """The median of the rounds' ratios, in which changes of the machine's speed cancel."""
        return statistics.median(
            b / a for a, b in zip(times[skcnn_key], times[torch_key], strict=True)
        )

    size = min(BATCHES, key=lambda size: median["train", "skcnn", size])
    skcnn_train = ("train", "skcnn", size)
    torch_train, torch_train_kind = best_of_torch("train")
    torch_predict, torch_predict_kind = best_of_torch("predict")
    key_of = {f"{k[1]}, {k[2]}": k for k in median if k[0] == "train" and k[1] in torch_trainers}
    predict_key_of = {
        f"{k[1]}, {k[2]}": k for k in median if k[0] == "predict" and k[1] in torch_trainers
    }
    floor = statistics.median(1e6 * floor_flops / speed for speed in times["floor", "flops"])
    return {
        "network": name,
        "threads": n_threads,
        "skcnn_train_us": median[skcnn_train],
        "skcnn_train_best": size,
        "torch_train_us": torch_train,
        "torch_train_best": torch_train_kind,
        "train_times_as_fast": ratio(skcnn_train, key_of[torch_train_kind]),
        "skcnn_predict_us": median["predict", "skcnn", 0],
        "torch_predict_us": torch_predict,
        "torch_predict_best": torch_predict_kind,
        "predict_times_as_fast": ratio(("predict", "skcnn", 0), predict_key_of[torch_predict_kind]),
        "floor_train_us": floor,
        "share_of_floor": statistics.median(
            1e6 * floor_flops / speed / train_us
            for speed, train_us in zip(times["floor", "flops"], times[skcnn_train], strict=True)
        ),
        "mlp_train_us": median["train", "mlp", 64],
        "sgemm_gflops": statistics.median(times["floor", "flops"]) / 1e9,
    }


def table(rows: list[dict]) -> str:
    lines = [
        "| network | training µs/image: skcnn | PyTorch | times as fast | of the sgemm floor "
        "| prediction: skcnn | PyTorch | times as fast | MLPClassifier, training |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['network']} | {r['skcnn_train_us']:.0f} | {r['torch_train_us']:.0f} "
        f"| {r['train_times_as_fast']:.2f} | {100 * r['share_of_floor']:.0f} % "
        f"| {r['skcnn_predict_us']:.1f} | {r['torch_predict_us']:.1f} "
        f"| {r['predict_times_as_fast']:.2f} | {r['mlp_train_us']:.0f} |"
        for r in rows
    ]
    return "\n".join(lines)


def draw(rows: list[dict], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 0.6 * len(rows) + 1.6), layout="constrained")
    places = np.arange(len(rows))
    for ax, what in zip(axes, ("train", "predict"), strict=True):
        ax.barh(places - 0.2, [r[f"skcnn_{what}_us"] for r in rows], 0.38, label="skcnn")
        ax.barh(
            places + 0.2,
            [r[f"torch_{what}_us"] for r in rows],
            0.38,
            label="PyTorch, fastest setting",
        )
        if what == "train":
            floors = [r["floor_train_us"] for r in rows]
            ax.plot(floors, places - 0.2, "k|", markersize=14, label="matrix products alone")
        ax.set_yticks(places, [r["network"] for r in rows])
        ax.invert_yaxis()
        ax.set_xlabel("microseconds per image (shorter is faster)")
        ax.set_title({"train": "Training, mini-batches", "predict": "Prediction"}[what])
        ax.legend(frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def save(rows: list[dict], text: str, out: Path, name: str) -> None:
    """Write the rows as CSV and their table as Markdown, and print the table."""
    with open(out / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (out / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n\nwritten to {out}{os.sep}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=4096, help="images per run")
    parser.add_argument("--out", type=Path, default=Path("speed"))
    args = parser.parse_args()
    args.out = args.out.expanduser()
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        import torch
    except ImportError:
        sys.exit("PyTorch is not installed; this benchmark needs it. Run: pip install torch")
    print(f"PyTorch {torch.__version__}, NumPy {np.__version__}, {args.threads} threads")
    rows = []
    for name in args.networks:
        rows.append(measure(name, args.threads, args.rounds, args.images))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    save(rows, table(rows), args.out, "speed")
    draw(rows, args.out / "speed.png")


if __name__ == "__main__":
    main()
