"""Error against training time: skcnn, and PyTorch with the same network and recipe.

    python examples/benchmarks/curves.py [--mnist DIR] [--cifar10 FOLDER] [--seeds 1] [--out DIR]

On MNIST, the network and the training are those of `ConvNetClassifier()`; on CIFAR-10 (FOLDER is
that of `examples/cifar10_in_minutes.py`), those of its recipe for two minutes. Each point is a fit
of its own, whose learning rate falls to zero within the time of training. Test images are predicted
once each, not as an average over copies. The two take turns, on the same cores. Network and recipe
were chosen for skcnn; PyTorch is not compiled.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from speed import PAUSE, save
from torch_recipe import TorchClassifier

from skcnn import ConvNetClassifier
from skcnn.datasets import load_mnist

sys.path.insert(0, str(Path(__file__).parents[1]))
from cifar10_in_minutes import load, recipe

SECONDS = {"MNIST": (4, 8, 15, 30, 60), "CIFAR-10": (15, 30, 60, 120)}
LOOKS = {"skcnn": ("o-", "#0072B2"), "PyTorch": ("s--", "#D55E00")}
TICKS = (0.4, 0.5, 0.6, 0.8, 1, 1.5, 2, 3, 15, 20, 25, 30, 40, 50)  # percent
Data = tuple[NDArray, NDArray, NDArray, NDArray]


def train(name: str, params: dict, seconds: float, seed: int, data: Data) -> tuple[float, float]:
    """The seconds of training and the test error in percent."""
    X_train, y_train, X_test, y_test = data
    params = {**params, "max_iter": 1_000_000, "max_time": seconds, "predict_augment": None}
    if name == "PyTorch":
        model = TorchClassifier(params, seed)
    else:
        model = ConvNetClassifier(**params, random_state=seed)
    time.sleep(PAUSE)
    begin = time.perf_counter()
    model.fit(X_train, y_train)
    took = getattr(model, "seconds_", time.perf_counter() - begin)
    found = 100 * (1 - model.score(X_test, y_test))
    print(f"{name}: {took:.1f} s of training, test error {found:.2f} %", flush=True)
    return took, found


def measure(params: dict, budgets: list[float], seeds: int, data: Data) -> list[dict]:
    """For each time of training and each of the two, the median seconds and errors."""
    rows = []
    for seconds in budgets:
        runs: dict = {name: [] for name in LOOKS}
        for seed in range(seeds):
            for name, found in runs.items():
                found.append(train(name, params, seconds, seed, data))
        for name, found in runs.items():
            took, errors = zip(*found, strict=True)
            rows.append(
                {
                    "trained by": name,
                    "seconds": statistics.median(took),
                    "test error (%)": statistics.median(errors),
                    "of each seed": " ".join(f"{error:.2f}" for error in errors),
                }
            )
    return rows


def draw(curves: dict[str, list[dict]], path: Path) -> None:
    """One panel for each data set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(curves), figsize=(4.5 * len(curves), 3.6), layout="constrained", squeeze=False
    )
    for ax, (data, rows) in zip(axes[0], curves.items(), strict=True):
        for name, (style, colour) in LOOKS.items():
            own = [row for row in rows if row["trained by"] == name]
            seconds = [row["seconds"] for row in own]
            errors = [row["test error (%)"] for row in own]
            ax.plot(seconds, errors, style, color=colour, label=name)
        ax.set(title=data, xlabel="seconds of training", ylabel="test error (%)", xscale="log")
        ax.set_yscale("log")
        ax.set_xticks(seconds, [f"{s:.0f}" for s in seconds])
        low, high = (f(row["test error (%)"] for row in rows) for f in (min, max))
        ticks = [t for t in TICKS if 0.9 * low <= t <= 1.1 * high]
        ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
        ax.minorticks_off()
        ax.grid(color="0.9")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", type=Path, help="folder with the four IDX files")
    parser.add_argument("--cifar10", type=Path, help="folder with train/ and test/")
    parser.add_argument("--seconds", type=float, nargs="+", help="of training")
    parser.add_argument("--seeds", type=int, default=1, help="fits for each point (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("curves"), help="output folder")
    args = parser.parse_args()
    if args.mnist is None and args.cifar10 is None:
        parser.error("neither --mnist nor --cifar10 is given; give at least one")
    args.out = args.out.expanduser()
    args.out.mkdir(parents=True, exist_ok=True)
    curves = {}
    for data, folder, params in (("MNIST", args.mnist, {}), ("CIFAR-10", args.cifar10, recipe(2))):
        if folder is None:
            continue
        if data == "MNIST":
            X, y, X_test, y_test = load_mnist(folder)
        else:
            X, y, X_test, y_test = load(folder.expanduser(), validate=False, train_size=None)
        classes, y = np.unique(y, return_inverse=True)
        data_set = (X, y, X_test, np.searchsorted(classes, y_test))
        curves[data] = measure(params, args.seconds or SECONDS[data], args.seeds, data_set)
    rows = [{"data": data, **row} for data, found in curves.items() for row in found]
    lines = [f"| {' | '.join(rows[0])} |", "|---" * len(rows[0]) + "|"]
    lines += [
        f"| {data} | {name} | {seconds:.1f} | {error:.2f} | {errors} |"
        for data, name, seconds, error, errors in (row.values() for row in rows)
    ]
    save(rows, "\n".join(lines), args.out, "curves")
    draw(curves, args.out / "curves.png")


if __name__ == "__main__":
    main()
