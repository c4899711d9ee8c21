"""Latency of predictions for a few images, compared with PyTorch and MLPClassifier.

    python examples/benchmarks/latency.py [--numbers 1 8 64] [--threads 2] [--out DIR]

The following take turns in one process: `ConvNetClassifier().predict_proba` and `transform` on
images of 28 x 28 pixels; PyTorch with the same network, from the array of images to the array of
probabilities, in each of its two memory formats (the default one and "channels last"); and
scikit-learn's `MLPClassifier` with 128 units, for scale. The results are milliseconds per call:
medians of the calls of one round, then of the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier
from speed import PAUSE, save, sgemm_speed

from skcnn import ConvNetClassifier

NUMBERS = (1, 8, 16, 64, 256, 4096)
SECONDS = 0.4  # of calls in a round, but at least 3 calls
CONTENDERS = ("skcnn", "skcnn transform", "PyTorch", "PyTorch, channels last", "MLPClassifier")


def milliseconds(call) -> float:
    """Median time of a call, for as many calls as fit into `SECONDS`."""
    time.sleep(PAUSE)
    call()
    found: list[float] = []
    begin = time.perf_counter()
    while len(found) < 3 or time.perf_counter() - begin < SECONDS:
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return 1e3 * statistics.median(found)


def torch_models(n_threads: int) -> dict[str, Callable]:
    """Functions from images (n, 28, 28) to probabilities, one for each memory format."""
    import torch
    from torch_networks import build_torch

    torch.set_num_threads(n_threads)

    def in_format(memory_format):
        model = build_torch("default").to(memory_format=memory_format).eval()

        def probabilities(images):
            with torch.inference_mode():
                x = torch.from_numpy(images)[:, None].contiguous(memory_format=memory_format)
                return torch.softmax(model(x), dim=1).numpy()

        return probabilities

    return {
        "PyTorch": in_format(torch.contiguous_format),
        "PyTorch, channels last": in_format(torch.channels_last),
    }


def measure(numbers: list[int], n_threads: int, rounds: int) -> list[dict]:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(max(numbers), 28, 28)).astype(np.float32)
    flat = images.reshape(len(images), -1)
    labels = np.arange(200) % 10
    training = rng.normal(size=(200, 28, 28)).astype(np.float32)
    cnn = ConvNetClassifier(max_iter=1, n_jobs=n_threads, random_state=0).fit(training, labels)
    mlp = MLPClassifier((128,), batch_size=64)
    mlp.partial_fit(training.reshape(200, -1), labels, classes=range(10))
    models = torch_models(n_threads)
    rows = []
    for n in numbers:
        some, some_flat = images[:n], flat[:n]
        times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        for number in range(rounds + 1):  # the first round only warms up
            found = {
                "skcnn": milliseconds(lambda: cnn.predict_proba(some)),  # noqa: B023
                "skcnn transform": milliseconds(lambda: cnn.transform(some)),  # noqa: B023
                "MLPClassifier": milliseconds(lambda: mlp.predict_proba(some_flat)),  # noqa: B023
            }
            for name, model in models.items():
                found[name] = milliseconds(lambda m=model: m(some))  # noqa: B023
            if number:
                for name, value in found.items():
                    times[name].append(value)
        rows.append(
            {
                "images": n,
                **{name: statistics.median(values) for name, values in times.items()},
                **{f"{name}: times as fast": ratio(times, name) for name in models},
            }
        )
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    return rows


def ratio(times: dict[str, list[float]], other: str) -> float:
    """The median of the rounds' ratios, in which changes of the machine's speed cancel."""
    return statistics.median(b / a for a, b in zip(times["skcnn"], times[other], strict=True))


def table(rows: list[dict]) -> str:
    others = ("PyTorch", "PyTorch, channels last")
    heads = [
        *("images", *CONTENDERS, "skcnn, microseconds an image"),
        *(f"skcnn, times as fast as {other}" for other in others),
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        figures = [f"{row['images']:,}", *(f"{row[name]:.2f}" for name in CONTENDERS)]
        figures.append(f"{1e3 * row['skcnn'] / row['images']:.0f}")
        figures += [f"{row[f'{other}: times as fast']:.2f}" for other in others]
        lines.append(f"| {' | '.join(figures)} |")
    return "\n".join(lines)


def draw(rows: list[dict], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    numbers = [row["images"] for row in rows]
    for name, style in zip(CONTENDERS, ("o-", "o:", "s-", "s:", "^-"), strict=True):
        ax.loglog(numbers, [row[name] for row in rows], style, label=name)
    ax.set_xticks(numbers, [f"{n:,}" for n in numbers], minor=False)
    ax.minorticks_off()
    ax.set_xlabel("images in a call")
    ax.set_ylabel("milliseconds (lower is faster)")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", nargs="+", type=int, default=list(NUMBERS))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("latency"))
    args = parser.parse_args()
    args.out = args.out.expanduser()
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        import torch
    except ImportError:
        sys.exit("PyTorch is not installed; this benchmark needs it. Run: pip install torch")
    print(
        f"PyTorch {torch.__version__}, NumPy {np.__version__}, {args.threads} threads, sgemm "
        f"{sgemm_speed(args.threads) / 1e9:.0f} GFLOP/s; milliseconds\n"
    )
    rows = measure(args.numbers, args.threads, args.rounds)
    save(rows, table(rows), args.out, "latency")
    draw(rows, args.out / "latency.png")


if __name__ == "__main__":
    main()
