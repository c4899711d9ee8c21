"""IDX files: writing them, and a small data set in the names of MNIST."""

import gzip
import struct

import numpy as np

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx_bytes(array):
    """An array as the content of an IDX file, according to the description of the format."""
    header = struct.pack(
        f">BBBB{array.ndim}I", 0, 0, CODES[array.dtype.str[1:]], array.ndim, *array.shape
    )
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def small_data_set(height=5, width=7, seed=0):
    """Six training and three test images, with labels."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(0, 256, (6, height, width), dtype=np.uint8),
        rng.integers(0, 10, 6, dtype=np.uint8),
        rng.integers(0, 256, (3, height, width), dtype=np.uint8),
        rng.integers(0, 10, 3, dtype=np.uint8),
    ]


def write_data_set(directory, arrays, names=NAMES):
    """Write the arrays as IDX files; names may have folders, and end in .gz in any case."""
    for name, array in zip(names, arrays, strict=True):
        path, content = directory / name, idx_bytes(array)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if name[-3:].lower() == ".gz" else content)
