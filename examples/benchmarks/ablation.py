"""What each ingredient of the CIFAR-10 recipe is worth in the same training time.

    python examples/benchmarks/ablation.py --data FOLDER [--seconds 60] [--seeds 1] [--out DIR]

FOLDER is that of `examples/cifar10_in_minutes.py`. Each variant changes one ingredient of the
recipe for two minutes, and the settings that go with it: another optimizer or mini-batch has a
learning rate of its own, chosen on validation images. All train for the same time on nine tenths of
the training images, so an ingredient that costs time must be worth it. The accuracy is that on the
others, which are predicted once each, and as an average over mirrored and shifted copies.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from numpy.typing import NDArray
from speed import save

from skcnn import ConvNetClassifier
from skcnn.augment import Shift

sys.path.insert(0, str(Path(__file__).parents[1]))
from cifar10_in_minutes import load, recipe

VARIANTS = {
    "the recipe": {},
    "no batch normalization": {"normalization": None},
    "Adam": {"solver": "adam", "learning_rate": "one_cycle", "learning_rate_init": 0.012},
    "SGD": {
        "solver": "sgd",
        "learning_rate": "one_cycle",
        "learning_rate_init": 0.2,
        "alpha": 0.06,
        "batch_size": 128,
    },
    "one-cycle learning rate": {"learning_rate": "one_cycle"},
    "learning rate 0.025": {"learning_rate_init": 0.025},
    "learning rate 0.1": {"learning_rate_init": 0.1},
    "no mirror images": {"augment": None},
    "also shifts": {"augment": ("flip", Shift(reach=1 / 16, whole_pixels=True))},
    "mini-batches of 128": {"batch_size": 128, "learning_rate_init": 0.035},
    "mini-batches of 512": {"batch_size": 512, "learning_rate_init": 0.07},
    "no label smoothing": {"label_smoothing": 0.0},
    "hidden layer of 128 units": {"hidden_layer_sizes": (128,), "dropout": "auto"},
    "three wider layers": {"n_filters": (32, 64, 128), "pool_size": 2},
    "two layers before each pooling": {
        "n_filters": (24, 24, 64, 64, 128, 128),
        "pool_size": (1, 2, 1, 2, 1, 2),
    },
}


HEADS = ("variant", "accuracy, averaged", "accuracy, once", "thousands of images in training")


def measure(params: dict, seconds: float, seed: int, data: tuple[NDArray, ...]) -> tuple:
    """Accuracy in percent, averaged over copies and not, and thousands of images in training."""
    X, y, X_val, y_val = data
    cnn = ConvNetClassifier(**params, max_time=seconds, random_state=seed).fit(X, y)
    averaged = 100 * cnn.score(X_val, y_val)
    return averaged, 100 * cnn.set_params(predict_augment=None).score(X_val, y_val), cnn.t_ / 1000


def table(rows: list[dict]) -> str:
    lines = [f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    for row in rows:
        variant, averaged, once, images = row.values()
        lines.append(f"| {variant} | {averaged:.2f} % | {once:.2f} % | {images:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/")
    parser.add_argument("--seconds", type=float, default=60, help="of training (default: 60)")
    parser.add_argument("--seeds", type=int, default=1, help="fits of each variant (default: 1)")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--out", type=Path, default=Path("ablation"), help="output folder")
    args = parser.parse_args()
    args.out = args.out.expanduser()
    args.out.mkdir(parents=True, exist_ok=True)
    data = load(args.data.expanduser(), validate=True, train_size=None)
    rows = []
    for name in args.variants:
        params = recipe(2) | VARIANTS[name]
        runs = [measure(params, args.seconds, seed, data) for seed in range(args.seeds)]
        medians = [statistics.median(values) for values in zip(*runs, strict=True)]
        rows.append(dict(zip(HEADS, (name, *medians), strict=True)))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    save(rows, table(rows), args.out, "ablation")


if __name__ == "__main__":
    main()
