"""Training speed of `ConvAutoencoder` and of a classifier, relative to that of a large sgemm.

    python examples/benchmarks/autoencoder_speed.py [--rounds 5]

For each architecture an autoencoder and a `ConvNetClassifier` with the same convolutions take turns
with a large sgemm, on all cores. Their times are microseconds per image of an epoch, from fits of
one and of several epochs, whose difference leaves out what does not depend on the epochs. "Of the
sgemm floor" is the time of a network's matrix products at the speed of the sgemm, counting every
convolution as a direct sum, divided by the measured time. The decoder repeats the encoder's
convolutions, so that an autoencoder needs about twice the floating-point operations.
"""

from __future__ import annotations

import argparse
import statistics
import time

import joblib
import numpy as np
from networks import training_flops
from speed import sgemm_speed

from skcnn import ConvAutoencoder, ConvNetClassifier

EPOCHS = (1, 3)
# Image shape and the convolutions, which are padded with zeros as those of an autoencoder are.
ARCHITECTURES = {
    "28 x 28, two layers 3 x 3, 32-64": ((28, 28, 1), {"n_filters": (32, 64), "filter_size": 3}),
    "28 x 28, two layers 5 x 5, 32-64": ((28, 28, 1), {"n_filters": (32, 64), "filter_size": 5}),
    "28 x 28, one layer 7 x 7, 64": (
        (28, 28, 1),
        {"n_filters": (64,), "filter_size": 7, "pool_size": 4},
    ),
    "32 x 32 x 3, three layers 3 x 3, 32-64-128": (
        (32, 32, 3),
        {"n_filters": (32, 64, 128), "filter_size": 3},
    ),
}


def microseconds(estimator, X, y) -> float:
    """Time of an epoch, in microseconds per image."""
    times = []
    for epochs in EPOCHS:
        start = time.perf_counter()
        estimator.set_params(max_iter=epochs).fit(X, y)
        times.append(time.perf_counter() - start)
    return 1e6 * (times[1] - times[0]) / (EPOCHS[1] - EPOCHS[0]) / len(X)


def measure(shape, params, rounds: int, n_images: int) -> tuple[list[float], list[float], float]:
    """Times, shares of the floor (autoencoder, classifier), and the ratio of the shares."""
    rng = np.random.default_rng(0)
    coarse = rng.random((n_images, 8, 8, shape[2]))  # smooth images, so that both can learn
    X = np.repeat(np.repeat(coarse, -(-shape[0] // 8), 1), -(-shape[1] // 8), 2)
    X = (255 * X[:, : shape[0], : shape[1]]).astype(np.uint8)
    y = (coarse[:, 0, 0, 0] * 10).astype(int)
    estimators = [
        ConvAutoencoder(**params, batch_size=256, random_state=0),
        ConvNetClassifier(
            **params, padding="same", hidden_layer_sizes=(), batch_size=256, random_state=0
        ),
    ]
    times: list[list[float]] = [[], []]
    shares: list[list[float]] = [[], []]
    for number in range(rounds + 1):  # the first round only warms up
        speed = sgemm_speed(joblib.cpu_count())
        for i, estimator in enumerate(estimators):
            taken = microseconds(estimator, X, y)
            if number:
                floor = 1e6 * training_flops(estimator.network_) / speed
                times[i].append(taken)
                shares[i].append(floor / taken)
    ratio = statistics.median(a / b for a, b in zip(*shares, strict=True))
    return [*map(statistics.median, times)], [*map(statistics.median, shares)], ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--images", type=int, default=2_560, help="training images, default: 2560")
    args = parser.parse_args()
    speed = sgemm_speed(joblib.cpu_count()) / 1e9
    print(f"sgemm: {speed:.0f} GFLOP/s\n")
    header = ["network"]
    for name in ("autoencoder", "classifier"):
        header += [f"{name}: µs/image", "of the sgemm floor"]
    print(f"| {' | '.join([*header, 'ratio of the shares'])} |")
    print("|---|---|---|---|---|---|")
    for name, (shape, params) in ARCHITECTURES.items():
        times, shares, ratio = measure(shape, params, args.rounds, args.images)
        print(
            f"| {name} | {times[0]:.0f} | {100 * shares[0]:.0f} % | {times[1]:.0f} "
            f"| {100 * shares[1]:.0f} % | {ratio:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
