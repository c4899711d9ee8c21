"""What free-threaded Python gains: training, prediction and HOG with and without the lock.

    python3.14t examples/benchmarks/free_threading.py [--threads 2] [--rounds 5] [--mnist DIR]

The script needs a free-threaded build of Python. In each round, one process with the interpreter's
lock (`PYTHON_GIL=1`) and one without it (`PYTHON_GIL=0`) time each task once, on one thread and on
as many as there are cores. The script prints the medians of the rounds and of their ratios.
With `--ordinary PYTHON`, processes of that ordinary build take turns with the others. It needs the
same versions of skcnn's dependencies.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from functools import partial
from itertools import product

LOCK, NO_LOCK, ORDINARY = "with the lock", "without", "ordinary build"
N_COLOUR = 3000
EPOCHS = 3


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(n_threads: int, n_images: int, mnist: str | None) -> dict:
    """Seconds of each task by its name and number of threads, in this process."""
    import joblib
    import numpy as np

    from skcnn import ConvNetClassifier, HOGTransformer
    from skcnn.datasets import load_mnist

    X, y, *_ = load_mnist(mnist)
    X, y = X[:n_images], y[:n_images]
    n_colour = min(n_images, N_COLOUR)
    colour = np.random.default_rng(0).integers(0, 256, (n_colour, 32, 32, 3), dtype=np.uint8)
    classes = np.arange(n_colour) % 10

    def train(images, labels, n_jobs: int, **settings) -> float:
        model = ConvNetClassifier(max_iter=EPOCHS, random_state=0, n_jobs=n_jobs, **settings)
        model.fit(images[:500], labels[:500])  # warms up
        return seconds(partial(model.fit, images, labels)) / EPOCHS

    def predict(n_jobs: int) -> float:
        model = ConvNetClassifier(max_iter=1, random_state=0, n_jobs=n_jobs)
        model.fit(X[:500], y[:500]).predict(X[:500])
        return seconds(partial(model.predict, X))

    def hog(n_jobs: int) -> float:
        transformer = HOGTransformer(n_jobs=n_jobs).fit(X)
        with joblib.parallel_config("threading"):
            return seconds(partial(transformer.transform, X))

    tasks = {
        f"training on {len(X):,} images of MNIST, an epoch": partial(train, X, y),
        f"the same on {n_colour:,} of 32 x 32 x 3, n_filters=(32, 64, 128)": partial(
            train, colour, classes, n_filters=(32, 64, 128)
        ),
        f"prediction of {len(X):,} images of MNIST": predict,
        f"HOG of {len(X):,} images of MNIST, threading backend": hog,
    }
    return {
        "lock": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "seconds": [
            (name, n_jobs, task(n_jobs))
            for (name, task), n_jobs in product(tasks.items(), (1, n_threads))
        ],
    }


def in_a_process(kind: str, args: argparse.Namespace) -> dict[tuple[str, int], float]:
    """`measure` in a new process of the given kind."""
    python = args.ordinary if kind == ORDINARY else sys.executable
    environment = {key: value for key, value in os.environ.items() if key != "PYTHON_GIL"}
    if kind != ORDINARY:
        environment["PYTHON_GIL"] = str(int(kind == LOCK))
    command = [python, *sys.argv, "--worker"]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    found = json.loads(output)
    if found["lock"] != (kind != NO_LOCK):
        sys.exit(f"The process {kind!r} has lock={found['lock']}. Check --ordinary.")
    return {(name, n_jobs): value for name, n_jobs, value in found["seconds"]}


def table(rounds: list[dict[str, dict[tuple[str, int], float]]]) -> str:
    """Milliseconds of each task, the gain without the lock, and the speed-up by threads."""
    kinds = list(rounds[0])
    heads = ["task", "threads", *(f"ms {kind}" for kind in kinds)]
    heads += [f"without: times as fast as {kind}" for kind in kinds if kind != NO_LOCK]
    heads += [f"speed-up by threads: {kind}" for kind in kinds]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    median = statistics.median
    for name, n_jobs in rounds[0][NO_LOCK]:
        key = name, n_jobs
        cells = [name, str(n_jobs)]
        cells += [f"{1e3 * median(each[kind][key] for each in rounds):.0f}" for kind in kinds]
        cells += [
            f"{median(each[kind][key] / each[NO_LOCK][key] for each in rounds):.2f}"
            for kind in kinds
            if kind != NO_LOCK
        ]
        cells += [
            f"{median(each[kind][name, 1] / each[kind][key] for each in rounds):.2f}"
            for kind in kinds
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def versions() -> str:
    import numpy
    import scipy
    import skimage
    import sklearn

    packages = {"NumPy": numpy, "SciPy": scipy, "scikit-learn": sklearn, "scikit-image": skimage}
    found = ", ".join(f"{name} {package.__version__}" for name, package in packages.items())
    return f"CPython {platform.python_version()}t, {found}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=max(2, os.cpu_count() or 2))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=10_000, help="of MNIST")
    parser.add_argument("--mnist", help="folder of MNIST's files (default: as load_mnist)")
    parser.add_argument("--ordinary", metavar="PYTHON", help="also measure this ordinary build")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(measure(args.threads, args.images, args.mnist)))
        return
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        sys.exit(
            f"{sys.executable} is an ordinary build of Python, which always has the lock; expected "
            "a free-threaded build. Run this script with one, such as python3.14t."
        )
    kinds = [LOCK, NO_LOCK] + [ORDINARY] * bool(args.ordinary)
    print(versions(), flush=True)
    rounds = []
    for number in range(args.rounds):
        order = kinds if number % 2 == 0 else kinds[::-1]
        found = {kind: in_a_process(kind, args) for kind in order}
        rounds.append({kind: found[kind] for kind in kinds})
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
    print(f"\n{table(rounds)}")


if __name__ == "__main__":
    main()
