"""How much memory a fit needs in addition to imports and images.

    python examples/benchmarks/memory.py

The script writes 60,000 random images of 28 x 28 pixels to a temporary file, maps the file
read-only, reads all of it, fits for one epoch, and prints by how much the fit raises the peak
memory of the process. Each dtype has its own process, because a peak never falls.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

N_IMAGES = 60_000
CASES = ("uint8", "float64")


def peak_mib() -> float:
    """Peak resident memory of this process (Linux reports KiB, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def run_case(path: str, dtype: str) -> None:
    from skcnn import ConvNetClassifier

    images = np.memmap(path, dtype=dtype, mode="r", shape=(N_IMAGES, 28, 28))
    labels = np.arange(N_IMAGES) % 10
    # A small fit loads what is loaded on first use; `max` reads the whole file.
    ConvNetClassifier(max_iter=1).fit(np.array(images[:256]), labels[:256])
    images.max()
    before = peak_mib()
    ConvNetClassifier(max_iter=1).fit(images, labels)
    size, growth = images.nbytes / (1 << 20), peak_mib() - before
    print(f"{dtype:>8}: {size:5.0f} MiB of images, fit raises the peak by {growth:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs=2, metavar=("FILE", "DTYPE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        run_case(*args.case)
        return
    with tempfile.TemporaryDirectory() as folder:
        for dtype in CASES:
            path = Path(folder) / dtype
            file = np.memmap(path, dtype=dtype, mode="w+", shape=(N_IMAGES, 28, 28))
            rng = np.random.default_rng(0)
            for start in range(0, N_IMAGES, 1000):
                file[start : start + 1000] = rng.integers(0, 256, (1000, 28, 28))
            file.flush()
            del file
            subprocess.run([sys.executable, __file__, "--case", path, dtype], check=True)


if __name__ == "__main__":
    main()
