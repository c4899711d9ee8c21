"""How fast skcnn trains and predicts, beside PyTorch and the limit of the matrix product.

    python examples/benchmarks/speed.py [--networks paper colour] [--threads 2] [--out DIR]

In one process, run after run in turn: skcnn; PyTorch on the same network, mini-batch, optimizer and
number of threads, in both memory formats; and a large sgemm, whose speed at that moment gives the
floor: the time that the network's matrix products alone would take. scikit-learn's MLPClassifier
stands by for scale. Medians of microseconds an image; PyTorch's are the best of its memory formats
and of mini-batches of 64 and 256, ours have mini-batches of 64.
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
from skcnn.engine.training.optimizers import Adam
from skcnn.engine.training.settings import TrainingData, TrainingSettings, TrainingState
from skcnn.engine.training.trainer import Trainer

BATCHES = (64, 256)


class Ours:
    """skcnn's training step and prediction, on raw uint8 images."""

    def __init__(self, name: str, images, labels, threads: Threads) -> None:
        self.network = build(name)
        self.network.initialize(np.random.default_rng(0))
        self.threads = threads
        self.reader = ImageReader(images, 128.0, 74.0)
        data = TrainingData(self.reader, labels, np.eye(N_CLASSES, dtype=np.float32))
        state = TrainingState.new(self.network, Adam(), np.random.default_rng(0))
        self.trainers = {
            size: Trainer(
                self.network,
                TrainingSettings(LOSSES["softmax"], Adam(), size, l2=1e-4),
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
        def write(rows, space):
            self.result[rows] = space.output[: rows.stop - rows.start]

        with single_threaded_blas():
            predict(self.network, self.reader, self.threads, write)


PAUSE = 0.3  # seconds; PyTorch's OpenMP threads go on spinning for 0.2 after their work is done


def seconds(run, *args) -> float:
    """Of the second of two runs: the first wakes the cores up from the pause."""
    time.sleep(PAUSE)
    run(*args)
    begin = time.perf_counter()
    run(*args)
    return time.perf_counter() - begin


def train(step, order, batch_size: int) -> None:
    for start in range(0, len(order) - batch_size + 1, batch_size):
        step(order[start : start + batch_size])


def sgemm_speed(threads: int) -> float:
    """Floating-point operations a second of a large float32 product, on as many threads."""
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

    def note(key, value):
        times.setdefault(key, []).append(value)

    with Threads(n_threads) as threads:
        ours = Ours(name, images, labels, threads)
        theirs = {
            "contiguous": TorchTrainer(name, ready, labels, torch.contiguous_format),
            "channels last": TorchTrainer(name, ready, labels, torch.channels_last),
        }
        floor_flops = training_flops(ours.network)
        micro = 1e6 / n_images
        for number in range(rounds + 1):  # the first round only warms up
            found = {("floor", "flops"): sgemm_speed(n_threads)}
            for size in BATCHES:
                found["train", "skcnn", size] = micro * seconds(ours.train, order, size)
                for kind, torch_trainer in theirs.items():
                    found["train", kind, size] = micro * seconds(
                        train, torch_trainer.step, order, size
                    )
            found["predict", "skcnn", 0] = micro * seconds(ours.predict)
            for kind, torch_trainer in theirs.items():
                for size in BATCHES:
                    found["predict", kind, size] = micro * seconds(torch_trainer.predict, size)
            found["train", "mlp", 64] = micro * seconds(mlp.partial_fit, flat, labels)
            if number:
                for key, value in found.items():
                    note(key, value)

    median = {key: statistics.median(values) for key, values in times.items()}

    def best_of_torch(what):
        keys = [key for key in median if key[0] == what and key[1] in theirs]
        key = min(keys, key=median.get)
        return median[key], f"{key[1]}, {key[2]}"

    def ratio(what, ours_key, theirs_key):
        """Median of the ratios within each round: the machine's drift cancels."""
        return statistics.median(
            b / a for a, b in zip(times[ours_key], times[theirs_key], strict=True)
        )

    torch_train, torch_train_kind = best_of_torch("train")
    torch_predict, torch_predict_kind = best_of_torch("predict")
    key_of = {f"{k[1]}, {k[2]}": k for k in median if k[0] == "train" and k[1] in theirs}
    predict_key_of = {f"{k[1]}, {k[2]}": k for k in median if k[0] == "predict" and k[1] in theirs}
    floor = statistics.median(1e6 * floor_flops / speed for speed in times["floor", "flops"])
    return {
        "network": name,
        "threads": n_threads,
        "skcnn_train_us": median["train", "skcnn", 64],
        "skcnn_train_256_us": median["train", "skcnn", 256],
        "torch_train_us": torch_train,
        "torch_train_best": torch_train_kind,
        "train_times_as_fast": ratio("train", ("train", "skcnn", 64), key_of[torch_train_kind]),
        "skcnn_predict_us": median["predict", "skcnn", 0],
        "torch_predict_us": torch_predict,
        "torch_predict_best": torch_predict_kind,
        "predict_times_as_fast": ratio(
            "predict", ("predict", "skcnn", 0), predict_key_of[torch_predict_kind]
        ),
        "floor_train_us": floor,
        "share_of_floor": statistics.median(
            1e6 * floor_flops / speed / ours_us
            for speed, ours_us in zip(
                times["floor", "flops"], times["train", "skcnn", 64], strict=True
            )
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
            places + 0.2, [r[f"torch_{what}_us"] for r in rows], 0.38, label="PyTorch, at its best"
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=4096, help="images a run")
    parser.add_argument("--out", type=Path, default=Path("speed"))
    args = parser.parse_args()
    try:
        import torch
    except ImportError:
        sys.exit("This benchmark compares with PyTorch, which is not installed: pip install torch")
    print(f"PyTorch {torch.__version__}, NumPy {np.__version__}, {args.threads} threads")
    rows = []
    for name in args.networks:
        rows.append(measure(name, args.threads, args.rounds, args.images))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "speed.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (args.out / "speed.md").write_text(table(rows) + "\n", encoding="utf-8")
    draw(rows, args.out / "speed.png")
    print(f"\n{table(rows)}\n\nwritten to {args.out}{os.sep}")


if __name__ == "__main__":
    main()
