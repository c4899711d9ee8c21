"""How much memory fits, streams and predictions need for a million images in a memory map.

    python examples/benchmarks/large.py                   # 1,000,000 images of 8 x 8 pixels, 61 MiB
    python examples/benchmarks/large.py --side 28         # 748 MiB
    python examples/benchmarks/large.py --images 100000

The script writes random uint8 images to a temporary file, maps it read-only and reads all of it.
Each task then runs in a process of its own, because a peak never falls. The script prints by how
much the task raises the peak memory of the process beyond imports, images and the task's result,
in MiB and in bytes per image. It fails if this is more than a fixed amount for tiles and threads
and a few numbers (labels, order, weights) for each image.

The last table is of a process that goes on: hundreds of calls of `partial_fit`, `fit` and
`predict_proba`. After a first tenth of the calls, its memory must not grow.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from memory import peak_mib

FIXED_MIB = 64  # tiles, gradients, threads
BYTES_PER_IMAGE = 64  # int64 labels, classes, order and indices; float64 weights
GROWTH_MIB = 4  # of a process that repeats calls; the allocator does not return everything
CHUNK = 1000

Task = Callable[[Any, np.ndarray, np.ndarray], np.ndarray | None]


def network() -> Any:
    from skcnn import ConvNetClassifier

    return ConvNetClassifier(n_filters=4, hidden_layer_sizes=(), max_iter=1, random_state=0)


def autoencoder() -> Any:
    from skcnn import ConvAutoencoder

    return ConvAutoencoder(n_filters=4, max_iter=1, random_state=0)


def hog() -> Any:
    from skcnn import HOGTransformer

    return HOGTransformer(orientations=4, n_jobs=1)


def fit(estimator: Any, X: np.ndarray, y: np.ndarray) -> None:
    estimator.fit(X, y)


def weighted_fit(estimator: Any, X: np.ndarray, y: np.ndarray) -> None:
    estimator.set_params(early_stopping=True, class_weight="balanced").fit(X, y)


def stream(estimator: Any, X: np.ndarray, y: np.ndarray) -> None:
    for start in range(0, len(X), CHUNK):
        part = slice(start, start + CHUNK)
        estimator.partial_fit(X[part], y[part], classes=range(10))


def predict_proba(estimator: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return estimator.predict_proba(X)


def predict(estimator: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return estimator.predict(X)


def score(estimator: Any, X: np.ndarray, y: np.ndarray) -> None:
    estimator.score(X, y)


def transform(estimator: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return estimator.transform(X)


TASKS: dict[str, tuple[Callable[[], Any], Task]] = {
    "fit, one epoch": (network, fit),
    "fit, early stopping and class weights": (network, weighted_fit),
    f"partial_fit, {CHUNK:,} images a call": (network, stream),
    "predict_proba": (network, predict_proba),
    "predict": (network, predict),
    "score": (network, score),
    "transform": (network, transform),
    "ConvAutoencoder.fit, one epoch": (autoencoder, fit),
    "HOGTransformer.transform": (hog, transform),
}


def open_images(path: str, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The images, all of them read once, and labels."""
    X = np.memmap(path, np.uint8, "r").reshape(-1, side, side)
    X.max()
    return X, (np.arange(len(X)) % 10).astype(np.uint8)


def run_task(name: str, path: str, side: int) -> None:
    make, task = TASKS[name]
    X, y = open_images(path, side)
    estimator = make().fit(X[:CHUNK].copy(), y[:CHUNK])
    task(estimator, X[:CHUNK], y[:CHUNK])  # loads what is loaded on first use
    before = peak_mib()
    result = task(estimator, X, y)
    own = 0.0 if result is None else result.nbytes / 2**20
    growth = peak_mib() - before - own
    print(f"| {name} | {own:.0f} | {growth:.0f} | {growth * 2**20 / len(X):.0f} |", flush=True)
    if growth > FIXED_MIB + BYTES_PER_IMAGE * len(X) / 2**20:
        sys.exit(f"{name} needs {growth:.0f} MiB beyond its result; expected less")


def repeat_calls(path: str, side: int) -> None:
    """Call the same method often, and compare the peaks after a tenth of the calls and at last."""
    X, y = open_images(path, side)
    few = slice(0, 200)
    fitted = network().fit(X[few], y[few])
    calls: dict[str, tuple[int, Callable[[], Any]]] = {
        "partial_fit": (500, lambda: fitted.partial_fit(X[few], y[few])),
        "fit of a new estimator": (200, lambda: network().fit(X[few], y[few])),
        "fit again": (200, lambda: fitted.fit(X[few], y[few])),
        "predict_proba": (500, lambda: fitted.predict_proba(X[few])),
        "predict_proba of one image": (2000, lambda: fitted.predict_proba(X[:1])),
        "HOGTransformer.fit_transform": (200, lambda: hog().fit_transform(X[few])),
    }
    for name, (n, call) in calls.items():
        for number in range(n):
            if number == n // 10:
                before = peak_mib()
            call()
        growth = peak_mib() - before
        print(f"| {name} | {n:,} | {growth:.1f} |", flush=True)
        if growth > GROWTH_MIB:
            sys.exit(f"{n} calls of {name} raise the peak by {growth:.1f} MiB; expected less")


def write_images(path: Path, n_images: int, side: int) -> None:
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        for start in range(0, n_images, CHUNK):
            shape = (min(CHUNK, n_images - start), side, side)
            file.write(rng.integers(0, 256, shape, dtype=np.uint8).tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--side", type=int, default=8, help="height and width (default: 8)")
    parser.add_argument("--task", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.task:
        name, path = args.task
        run_task(name, path, args.side) if name in TASKS else repeat_calls(path, args.side)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images"
        write_images(path, args.images, args.side)
        size = path.stat().st_size / 2**20
        print(f"{args.images:,} images of {args.side} x {args.side} pixels, {size:.0f} MiB\n")
        print("| task | result, MiB | beyond it, MiB | bytes per image |\n|---|---|---|---|")
        for name in [*TASKS, "calls"]:
            if name == "calls":
                print("\n| call | times | growth of the peak, MiB |\n|---|---|---|", flush=True)
            task = ["--side", str(args.side), "--task", name, str(path)]
            process = subprocess.run([sys.executable, __file__, *task], check=False)
            if process.returncode:
                sys.exit(process.returncode)


if __name__ == "__main__":
    main()
