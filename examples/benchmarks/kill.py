"""Kill a training or a study at random moments, let it go on, and compare the results.

    python examples/benchmarks/kill.py --kills 200
    python examples/benchmarks/kill.py --of paper --kills 100
    python examples/benchmarks/kill.py --of compare --kills 50

A child process trains and stores a checkpoint after every epoch, or makes the report of a small
study. It is killed (SIGKILL) after a random time, also within a write, and started again, until it
is done. Then the weights, or all results but times, must be those of a child that was never killed,
bit for bit; and the next one begins. After each kill the checkpoint, or every stored result and
model, must load; at the end of a study, nothing temporary may be left. Trainings need scikit-learn
1.9.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import random
import sys
import tempfile
import time
import zlib
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import joblib

from skcnn import ConvNetClassifier
from skcnn.callbacks import Checkpoint, resume_fit
from skcnn.datasets import load_digits_images
from skcnn.study import comparison, paper2014

N_IMAGES, EPOCHS = 600, 8


def new_network(number: int) -> ConvNetClassifier:
    """A network whose settings depend on the number: with early stopping, without, ..."""
    settings = [{}, {"early_stopping": True}, {"augment": "shift"}, {"solver": "adam"}]
    return ConvNetClassifier(max_iter=EPOCHS, random_state=number, n_jobs=1, **settings[number % 4])


def train(folder: Path, number: int) -> None:
    """Fit or go on; at the end, write the checksum of the weights."""
    X, y = load_digits_images()
    X, y = X[:N_IMAGES], y[:N_IMAGES]
    checkpoint = Checkpoint(folder / "checkpoint.joblib")
    if checkpoint.path.exists():
        network = resume_fit(checkpoint.path, X, y, callbacks=[checkpoint])
    else:
        network = new_network(number).set_callbacks(checkpoint).fit(X, y)
    (folder / "checksum").write_text(checksum(network))


def checksum(network: ConvNetClassifier) -> str:
    state = network.network_.parameters.tobytes() + network.network_.state.tobytes()
    return f"{zlib.crc32(state):08x}"


def study(folder: Path, number: int, name: str) -> None:
    """Make a report, or go on; at the end, write its results without times."""
    X, y = load_digits_images()
    data = (X[:200], y[:200], X[200:300], y[200:300])
    common = {"data": data, "out": folder / "out", "quick": True, "verbose": False, "n_jobs": 1}
    if name == "paper":
        made = paper2014.run(["fig9"], seeds=1 + number % 3, **common)
        rows = [asdict(row) for table in made.tables.values() for row in table]
        results = [{k: v for k, v in row.items() if "seconds" not in k} for row in rows]
    else:
        # Drawing takes most of the time, and stores nothing that is used again.
        picture = folder / "picture.png"
        picture.write_bytes(b"")
        comparison.runner.draw = lambda *_: defaultdict(lambda: picture)
        made = comparison.run(seeds=1, candidates=1, **common)
        final = made.results["final"]
        curves = [(c["contender"], c["images"], c["test_error"]) for c in made.results["curves"]]
        results = [made.results["params"], sorted(curves)]
        results += [(key, fit["predicted"], fit["confidence"]) for key, fit in final.items()]
    (folder / "checksum").write_text(f"{zlib.crc32(repr(results).encode()):08x}")


def check_files(folder: Path) -> None:
    """Load all that is stored: it must be complete at any time."""
    for path in folder.rglob("*.joblib"):
        joblib.load(path)
    for path in folder.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--of", choices=("training", "paper", "compare"), default="training")
    options = parser.parse_args()
    random.seed(0)
    target = train if options.of == "training" else functools.partial(study, name=options.of)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["skcnn", "skcnn.callbacks", "skcnn.study.comparison", "skcnn.study.paper2014"]
    )
    kills = done = wrong = left_over = 0
    start = time.perf_counter()
    while kills < options.kills:
        with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as other:
            folder, whole = Path(name), Path(other)
            began = time.perf_counter()
            child = context.Process(target=target, args=(whole, done))
            child.start()
            child.join()
            seconds = time.perf_counter() - began
            while not (folder / "checksum").exists():
                child = context.Process(target=target, args=(folder, done))
                child.start()
                child.join(random.uniform(0, seconds))
                if child.is_alive():
                    child.kill()
                    kills += 1
                child.join()
                check_files(folder)
            left_over += len([*folder.rglob("*.partial"), *folder.rglob("cache-*")])
            wrong += (folder / "checksum").read_text() != (whole / "checksum").read_text()
        done += 1
        print(f"{kills} kills, {done} times done, {wrong} with other results", file=sys.stderr)
    print(
        f"{kills} kills ({options.of}, {done} times done): every file was complete; {wrong} ended "
        f"with other results; {left_over} temporary files are left. "
        f"{time.perf_counter() - start:.0f} s"
    )
    return 1 if wrong or (left_over and options.of != "training") else 0


if __name__ == "__main__":
    sys.exit(main())
