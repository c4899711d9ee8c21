"""`skcnn.datasets`: scikit-learn's digits, IDX files, four of them as a data set."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
from helpers.idx import CODES, idx_bytes, small_data_set, write_data_set
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from skcnn.datasets import load_digits_images, load_idx, load_mnist


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    X, y = load_digits_images()
    assert X.dtype == np.uint8
    assert_array_equal(X, load_digits().images)
    assert_array_equal(y, load_digits().target)


@settings(max_examples=60)
@given(
    array=hnp.arrays(
        st.sampled_from(list(CODES)).map(np.dtype), hnp.array_shapes(max_dims=4, min_side=0)
    ),
    compressed=st.booleans(),
)
def test_idx_round_trip(tmp_path_factory, array, compressed):
    path = tmp_path_factory.mktemp("idx") / "file"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content, 1) if compressed else content)
    loaded = load_idx(path)
    assert loaded.dtype == array.dtype
    assert loaded.dtype.isnative
    assert loaded.flags.writeable
    assert_array_equal(loaded, array)


@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_or_longer_idx_is_refused(tmp_path, compressed):
    """A file cut at any length, or with a byte too many, raises an error that names the file."""
    content = idx_bytes(np.arange(6, dtype="i2").reshape(2, 3))
    whole = gzip.compress(content) if compressed else content
    path = tmp_path / "cut"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut is (a damaged|truncated|not an IDX file)"):
            load_idx(path)
    path.write_bytes(gzip.compress(content + b"\0") if compressed else content + b"\0")
    with pytest.raises(ValueError, match=r"too long.* 25 bytes; expected 24, .* 2 x 3 .* int16"):
        load_idx(path)


def test_damaged_gzip_is_refused(tmp_path):
    compressed = bytearray(gzip.compress(idx_bytes(np.arange(200, dtype="i4"))))
    compressed[40] ^= 0xFF
    (tmp_path / "damaged.gz").write_bytes(compressed)
    with pytest.raises(ValueError, match=r"damaged\.gz is a damaged or truncated gzip file"):
        load_idx(tmp_path / "damaged.gz")


@pytest.mark.parametrize("start", [b"\1\0\x08\1", b"\0\0\x0a\1", b"\x89PNG", b"P5 2"])
def test_file_of_another_format_is_refused(tmp_path, start):
    (tmp_path / "bad").write_bytes(start + bytes(20))
    with pytest.raises(ValueError, match=f"not an IDX file: it starts with.*{start.hex(' ')}"):
        load_idx(tmp_path / "bad")


@pytest.mark.parametrize(
    ("start", "format"),
    [
        (b"PK\3\4", "a ZIP archive"),
        (b"\xfd7zXZ", "an XZ file"),
        (b"BZh9", "a bzip2 file"),
        (b"<!DOCTYPE html>", "a web page, so the download failed"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
    ],
)
def test_what_a_file_is_instead(tmp_path, start, format):
    (tmp_path / "bad").write_bytes(start + bytes(20))
    with pytest.raises(ValueError, match=rf"bad is not an IDX file: .* \({format}"):
        load_idx(tmp_path / "bad")


def test_missing_idx_file(tmp_path):
    (tmp_path / "labels.gz").touch()
    with pytest.raises(FileNotFoundError, match=r"no file .*labels; .* has labels\.gz; expected"):
        load_idx(tmp_path / "labels")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*none; expected"):
        load_idx(tmp_path / "none" / "labels")
    with pytest.raises(IsADirectoryError, match=r"is a folder; expected .* has labels\.gz\. Pass"):
        load_idx(tmp_path)


def test_unreadable_idx_file(tmp_path, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "labels").touch()
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(
        PermissionError, match=r"labels cannot be read: Permission denied; expected"
    ):
        load_idx(tmp_path / "labels")


@pytest.mark.parametrize("bad", [None, 3, b"labels", ["labels"]])
def test_a_path_of_another_type_is_refused(bad):
    with pytest.raises(TypeError, match=r"path is .* of type .*; expected a path\. Pass a string"):
        load_idx(bad)
    if bad is not None:
        with pytest.raises(TypeError, match=r"data_home is .* of type .*; expected a path"):
            load_mnist(bad)


def test_an_empty_path_is_refused():
    """It is not taken for the current folder, and MNIST is not downloaded."""
    with pytest.raises(ValueError, match="path is empty; expected a path"):
        load_idx("")
    with pytest.raises(ValueError, match="data_home is empty; expected a path"):
        load_mnist("")


def test_labels_of_qmnist(tmp_path):
    """Eight columns of big-endian 32-bit integers, of which the first is the class."""
    arrays = small_data_set()
    classes = [arrays[1], arrays[3]]
    for position in (1, 3):
        table = np.arange(8 * len(arrays[position]), dtype="i4").reshape(-1, 8) + 1000
        table[:, 0] = arrays[position]
        arrays[position] = table
    write_data_set(tmp_path, arrays)
    _, y_train, _, y_test = load_mnist(tmp_path)
    for y, expected in zip((y_train, y_test), classes, strict=True):
        assert y.dtype == np.int32
        assert y.dtype.isnative
        assert y.flags.c_contiguous
        assert_array_equal(y, expected)


@pytest.mark.parametrize(
    ("position", "array", "message"),
    [
        (
            1,
            np.zeros(5, np.uint8),
            r"train-labels.* \(5,\), but .*train-images.* 6 images; expected",
        ),
        (
            3,
            np.zeros((3, 1), np.uint8),
            r"t10k-labels.* \(3, 1\), but .*t10k-images.* 3 images; exp",
        ),
        (1, np.eye(6, 8, dtype=np.uint8), r"train-labels.* \(6, 8\), but .*; expected one label"),
        (1, np.eye(6, 10, dtype="i4"), r"train-labels.* \(6, 10\), but .*; expected one label"),
        (0, np.zeros((6, 35), np.uint8), r"train-images.* shape \(6, 35\); expected images"),
        (2, np.zeros((3, 7, 5), np.uint8), r"training images of shape \(5, 7\), .* \(7, 5\); exp"),
    ],
)
def test_inconsistent_files_are_refused(tmp_path, position, array, message):
    arrays = small_data_set()
    arrays[position] = array
    write_data_set(tmp_path, arrays)
    with pytest.raises(ValueError, match=message):
        load_mnist(tmp_path)


def test_mnist(mnist):
    """The published data set: sizes, mean, first labels, and the SHA-256 of the bytes."""
    X_train, y_train, X_test, y_test = mnist
    assert X_train.shape == (60000, 28, 28)
    assert X_test.shape == (10000, 28, 28)
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    if X_train.mean().round(3) != 33.318:
        pytest.skip("SKCNN_DATA has another data set in MNIST's shape")
    assert {hashlib.sha256(idx_bytes(array)).hexdigest()[:16] for array in mnist} == {
        "ba891046e6505d7a",
        "65a50cbbf4e906d7",
        "0fa7898d509279e4",
        "ff7bcfd416de3373",
    }
