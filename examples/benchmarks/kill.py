"""Kill a training at random moments, go on from its checkpoint, and compare the results.

    python examples/benchmarks/kill.py --kills 200

A child process trains and stores a checkpoint after every epoch. It is killed (SIGKILL) after a
random time, also within a write, and started again, until the training is complete. Then the
weights must be those of a training that was never killed, bit for bit; and the next one begins.
After each kill the checkpoint, if there is one, must load. It needs scikit-learn 1.9.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
import zlib
from pathlib import Path

import joblib

from skcnn import ConvNetClassifier
from skcnn.callbacks import Checkpoint, resume_fit
from skcnn.datasets import load_digits_images

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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="how many (default: 200)")
    options = parser.parse_args()
    random.seed(0)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["skcnn", "skcnn.callbacks", "sklearn.datasets"])
    kills = trainings = wrong = left_over = 0
    start = time.perf_counter()
    while kills < options.kills:
        with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as other:
            folder, whole = Path(name), Path(other)
            began = time.perf_counter()
            child = context.Process(target=train, args=(whole, trainings))
            child.start()
            child.join()
            seconds = time.perf_counter() - began
            while not (folder / "checksum").exists():
                child = context.Process(target=train, args=(folder, trainings))
                child.start()
                child.join(random.uniform(0, seconds))
                if child.is_alive():
                    child.kill()
                    kills += 1
                child.join()
                if (folder / "checkpoint.joblib").exists():
                    joblib.load(folder / "checkpoint.joblib")  # complete at any time
            left_over += len(list(folder.glob("*.partial")))
            wrong += (folder / "checksum").read_text() != (whole / "checksum").read_text()
        trainings += 1
        print(f"{kills} kills, {trainings} trainings, {wrong} with other weights", file=sys.stderr)
    print(
        f"{kills} kills in {trainings} trainings: every checkpoint was complete; {wrong} trainings "
        f"ended with other weights; {left_over} kills within a write left a partial file. "
        f"{time.perf_counter() - start:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
