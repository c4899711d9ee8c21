"""Learn from more images than fit into memory
===========================================

The images are blocks of a zarr array on disk, which dask reads. A network learns from one block
after the other with `partial_fit`. The workers of a dask cluster compute HOG features of each block
and store them as another zarr array, from which a linear SVM learns, also block by block. The
printed peaks show that memory holds a few blocks at a time, however many there are::

    python examples/dask_out_of_core.py
    python examples/dask_out_of_core.py --images 200000

The images are digits in random places of a frame of 24 x 24 pixels, so that the script can write as
many as you like. It needs dask and zarr: ``python -m pip install "skcnn[distributed]"``. On a
cluster of several machines (``--scheduler tcp://192.168.0.10:8786``), all of them must see the
folder ``--out``.
"""

import argparse
import time
import tracemalloc
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.linear_model import SGDClassifier

from skcnn import ConvNetClassifier, HOGTransformer
from skcnn.datasets import load_digits_images

SIDE = 24  # pixels of an image
HIGHEST_RATE = 0.05  # the default of `fit`


def write_images(folder, digits, labels, n_images, block):
    """Write zarr arrays X (n_images, SIDE, SIDE) and y (n_images,), block by block."""
    import zarr

    rng = np.random.default_rng(0)
    side = digits.shape[1]
    X = zarr.create_array(
        folder / "X.zarr", shape=(n_images, SIDE, SIDE), chunks=(block, SIDE, SIDE), dtype="uint8"
    )
    y = zarr.create_array(folder / "y.zarr", shape=(n_images,), chunks=(block,), dtype="int64")
    for start in range(0, n_images, block):
        chosen = rng.integers(len(digits), size=min(block, n_images - start))
        corners = rng.integers(SIDE - side + 1, size=(len(chosen), 2))
        images = np.zeros((len(chosen), SIDE, SIDE), np.uint8)
        for image, digit, (row, column) in zip(images, digits[chosen], corners, strict=True):
            image[row : row + side, column : column + side] = digit
        X[start : start + block], y[start : start + block] = images, labels[chosen]


def megabytes(n_bytes):
    """A number of bytes as text."""
    return f"{n_bytes / 1e6:,.1f} MB"


def learn(model, X, y, epochs):
    """Pass over all blocks several times; returns the peak of memory after each block, in bytes."""
    import dask
    from dask.threaded import get

    rng = np.random.default_rng(0)
    peaks = []
    tracemalloc.start()  # counts the arrays of NumPy, too
    for epoch in range(epochs):
        started = time.perf_counter()
        for block in rng.permutation(X.numblocks[0]):
            # In this process: a worker would only have to send the block.
            images, labels = dask.compute(X.blocks[block], y.blocks[block], scheduler=get)
            if isinstance(model, ConvNetClassifier):  # let the rate fall to zero, as `fit` does
                done = len(peaks) / (epochs * X.numblocks[0])
                model.set_params(learning_rate_init=HIGHEST_RATE * (1 - done))
            model.partial_fit(images, labels, classes=np.arange(10))
            peaks.append(tracemalloc.get_traced_memory()[1])
        seconds = time.perf_counter() - started
        print(f"  epoch {epoch + 1} of {epochs}: {len(y):,} images in {seconds:.1f} s", flush=True)
    tracemalloc.stop()
    first, last = megabytes(peaks[:2][-1]), megabytes(peaks[-1])
    print(f"  peak of memory: {first} after two blocks, {last} at the end")
    return peaks


def hog_features(hog, X):
    """The HOG features of a dask array of images, as a dask array with the same blocks."""
    n_features = len(hog.get_feature_names_out())
    return X.map_blocks(
        hog.transform,
        drop_axis=(1, 2),
        new_axis=1,
        chunks=(X.chunks[0], (n_features,)),
        meta=np.empty((0, n_features), np.float32),
    )


def error_of(model, X, y):
    """Share of wrong predictions; the workers predict the blocks of X."""
    pixels = tuple(range(1, X.ndim))
    predicted = X.map_blocks(model.predict, drop_axis=pixels, meta=np.empty(0, y.dtype))
    return float((predicted != y).mean().compute())


def run(client, folder, n_images, block, epochs):
    """Write the images and learn from them; returns the models, the peaks and the errors."""
    import dask.array as da

    digits, labels = load_digits_images()
    digits = digits.repeat(2, axis=1).repeat(2, axis=2)  # 16 x 16 pixels
    n_train = 1200  # digits that the test images do not show
    write_images(folder / "train", digits[:n_train], labels[:n_train], n_images, block)
    write_images(folder / "test", digits[n_train:], labels[n_train:], n_images // 5, block)
    X, y, X_test, y_test = (
        da.from_zarr(folder / part / f"{name}.zarr") for part in ("train", "test") for name in "Xy"
    )
    print(f"X: {megabytes(X.nbytes)} in {X.numblocks[0]} blocks of {block:,} images")

    print("CNN:")
    network = ConvNetClassifier(random_state=0)
    peaks = {"CNN": learn(network, X, y, epochs)}
    errors = {"CNN": error_of(network, X_test, y_test)}
    print(f"  test error {errors['CNN']:.2%} of {len(y_test):,} images")

    some = X.blocks[0].compute()
    hog = HOGTransformer().fit(some)
    client.run(hog.transform, some)  # imports modules, whose memory is not to be counted
    features = hog_features(hog, X)
    print(f"HOG: {megabytes(features.nbytes)} of features, in as many blocks")
    started = time.perf_counter()
    client.run(tracemalloc.start)
    features.to_zarr(folder / "train" / "hog.zarr")
    peaks["HOG"] = [peak for _, peak in client.run(tracemalloc.get_traced_memory).values()]
    client.run(tracemalloc.stop)
    seconds = time.perf_counter() - started
    most = megabytes(max(peaks["HOG"]))
    print(f"  computed and stored in {seconds:.1f} s; peak of memory of a worker: {most}")

    print("Linear SVM on HOG features:")
    features = da.from_zarr(folder / "train" / "hog.zarr")
    svm = SGDClassifier(average=True, random_state=0)
    peaks["SVM"] = learn(svm, features, y, epochs)
    errors["SVM"] = error_of(svm, hog_features(hog, X_test), y_test)
    print(f"  test error {errors['SVM']:.2%} of {len(y_test):,} images")
    return {"network": network, "svm": svm, "peaks": peaks, "errors": errors}


def main(arguments=None):
    """Read the command line, and run the example on a cluster."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000, help="training images to write")
    parser.add_argument("--block", type=int, default=1000, help="images in a block")
    parser.add_argument("--epochs", type=int, default=5, help="passes over the images")
    parser.add_argument("--out", type=Path, help="new folder for the arrays; default: temporary")
    parser.add_argument("--scheduler", help="address of a cluster; default: start two processes")
    parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
    options = parser.parse_args(arguments)
    if options.images < 10 or options.block < 1 or options.epochs < 1:
        parser.error("expected --images of at least 10, --block and --epochs of at least 1")
    if options.quick:
        options.images, options.block, options.epochs = 1000, 50, 2
    try:
        import zarr  # noqa: F401 (only to say now what is missing)
        from dask.distributed import Client, LocalCluster
    except ImportError as error:
        raise SystemExit(
            f"A package could not be imported ({error}); this example needs dask.distributed and "
            'zarr. Install them: python -m pip install "skcnn[distributed]"'
        ) from error

    with ExitStack() as stack:
        folder = options.out or Path(stack.enter_context(TemporaryDirectory()))
        cluster = options.scheduler or stack.enter_context(
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0")
        )
        client = stack.enter_context(Client(cluster))
        return run(client, folder.expanduser(), options.images, options.block, options.epochs)


if __name__ == "__main__":  # worker processes import this file, too
    main()
