"""`load_emnist` and `load_cifar10` with `data_home`, and the names of the classes."""

import gzip
import io
import sys
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from helpers import mirrors
from helpers.idx import idx_bytes, small_data_set, write_data_set
from numpy.testing import assert_array_equal

from skcnn import datasets
from skcnn._files import cifar10
from skcnn._files.idx import decode_idx
from skcnn.datasets import load_cifar10, load_emnist, load_fashion_mnist, load_kmnist

L = np.array(  # upright: a long stroke on the left and a short one at the bottom
    [[9, 0, 0], [9, 0, 0], [9, 0, 0], [9, 9, 0]], np.uint8
)


def assert_equal(loaded, arrays):
    for result, array in zip(loaded, arrays, strict=True):
        assert result.dtype == array.dtype
        assert_array_equal(result, array)


@pytest.mark.parametrize("load", [load_fashion_mnist, load_kmnist])
def test_four_files_in_a_folder(load, tmp_path, monkeypatch):
    """As `load_mnist`; but the environment variable is not theirs."""
    write_data_set(tmp_path / "data", small_data_set())
    assert_equal(load(tmp_path / "data"), small_data_set())
    assert_equal(load(str(tmp_path)), small_data_set())
    with pytest.raises(FileNotFoundError, match=r"data_home is .*none"):
        load(tmp_path / "none")
    monkeypatch.setenv("SKCNN_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match="needs pooch"):
        load()


def transposed(arrays):
    return [array.swapaxes(1, 2) if array.ndim == 3 else array for array in arrays]


@pytest.mark.parametrize("form", ["archive", "folder of archive", "gz", "idx", "torchvision"])
def test_emnist_in_each_form(form, tmp_path):
    data_sets = {
        split: small_data_set(seed=n) for n, split in enumerate(datasets.EMNIST_CHARACTERS)
    }
    data_home = tmp_path
    if "archive" in form:
        (tmp_path / "gzip.zip").write_bytes(mirrors.emnist_archive(data_sets))
        data_home = tmp_path / "gzip.zip" if form == "archive" else tmp_path
    else:
        folder = tmp_path / ("EMNIST/raw" if form == "torchvision" else ".")
        for split, arrays in data_sets.items():
            ending = ".gz" if form == "gz" else ""
            names = [f"{name}{ending}" for name in mirrors.emnist_names(split)]
            write_data_set(folder, transposed(arrays), names)
    before = sorted(tmp_path.rglob("*"))
    for split, arrays in data_sets.items():
        assert_equal(load_emnist(str(data_home), split=split), arrays)
    assert_equal(load_emnist(data_home), data_sets["balanced"])
    assert sorted(tmp_path.rglob("*")) == before  # nothing is unpacked to the disk


def test_archive_of_unpacked_files(tmp_path):
    """As on Kaggle, with other names of the archive and its folder, and files of macOS in it."""
    arrays = small_data_set()
    path = tmp_path / "archive.ZIP"
    content = mirrors.emnist_archive({"mnist": arrays}, folder="emnist_source_files/", ending="")
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/gzip/._emnist-mnist-train-images-idx3-ubyte.gz", "Mac OS X")
    assert_equal(load_emnist(path, split="mnist"), arrays)


@pytest.mark.parametrize("archived", [True, False])
def test_emnist_is_upright(tmp_path, archived):
    """EMNIST stores each image with its rows and columns exchanged."""
    labels = np.array([12, 12], np.uint8)
    upright = [np.stack([L, L]), labels, L[None], labels[:1]]
    if archived:
        (tmp_path / "gzip.zip").write_bytes(mirrors.emnist_archive({"letters": upright}))
    else:
        write_data_set(tmp_path, transposed(upright), mirrors.emnist_names("letters"))
    X_train, y_train, X_test, _ = load_emnist(tmp_path, split="letters")
    for image in (*X_train, *X_test):
        assert image.tolist() == [[9, 0, 0], [9, 0, 0], [9, 0, 0], [9, 9, 0]]
    assert datasets.EMNIST_CHARACTERS["letters"][y_train[0]] == "L"
    for X in (X_train, X_test):
        assert X.flags.c_contiguous
        assert X.flags.owndata
        assert X.flags.writeable


@pytest.mark.parametrize("split", ["Letters", "emnist-letters", None, 3])
def test_unknown_split(split, tmp_path):
    with pytest.raises(ValueError, match=r"split is .*; expected one of balanced, byclass.* Pass"):
        load_emnist(tmp_path, split=split)


def test_a_split_that_the_folder_does_not_have(tmp_path):
    write_data_set(tmp_path, small_data_set(), mirrors.emnist_names("letters"))
    with pytest.raises(
        FileNotFoundError, match=r"no files emnist-digits-\* in it or below.* has emnist-letters"
    ):
        load_emnist(tmp_path, split="digits")
    with pytest.raises(FileNotFoundError, match=r"no such folder.*data sets there are .*-letters;"):
        load_emnist(tmp_path / "emnist-letters", split="digits")
    assert_equal(
        load_emnist(tmp_path / "emnist-letters", split="letters"), transposed(small_data_set())
    )
    (tmp_path / mirrors.emnist_names("letters")[2]).unlink()
    with pytest.raises(FileNotFoundError, match=r"\(emnist-letters-test-images-idx\* missing\)"):
        load_emnist(tmp_path, split="letters")


def test_damaged_archives_of_emnist(tmp_path):
    path = tmp_path / "gzip.zip"
    content = mirrors.emnist_archive({"digits": small_data_set()})
    position = content.index(b"\x1f\x8b") + 40  # within the first file
    damaged = content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]
    for bad in (b"", b"<html>", content[:-30], damaged):
        path.write_bytes(bad)
        for data_home in (path, tmp_path):
            with pytest.raises(ValueError, match=r"gzip.zip is a damaged .*Download it again"):
                load_emnist(data_home, split="digits")


def test_an_archive_of_other_files(tmp_path):
    path = tmp_path / "other.zip"
    path.write_bytes(mirrors.emnist_archive({"digits": small_data_set()}))
    with pytest.raises(
        ValueError, match=r"other.zip has no emnist-letters-train-images.* 5 other files; exp"
    ):
        load_emnist(path, split="letters")


def test_errors_name_the_file_in_the_archive(tmp_path):
    arrays = small_data_set()
    arrays[1] = arrays[1][:-1]
    (tmp_path / "gzip.zip").write_bytes(mirrors.emnist_archive({"digits": arrays}))
    with pytest.raises(ValueError, match=r"digits-train-labels.* in .*gzip\.zip has an array"):
        load_emnist(tmp_path, split="digits")


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(cifar10, "_IMAGES_PER_BATCH", mirrors.IMAGES_PER_BATCH)
    return mirrors.cifar10_batches(mirrors.small_cifar10())


def write_batches(folder, batches):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in batches.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("form", ["files", "subfolder", "tar.gz", "tar", "folder of tar.gz"])
def test_cifar10_in_each_form(form, small_batches, tmp_path):
    data_home = tmp_path
    if form in ("files", "subfolder"):
        folder = tmp_path / ("cifar-10-batches-bin" if form == "subfolder" else ".")
        write_batches(folder, small_batches)
    else:
        mode = "w:" if form == "tar" else "w:gz"
        path = tmp_path / ("cifar-10-binary.tar.gz" if form.startswith("folder") else "any.name")
        path.write_bytes(mirrors.cifar10_archive(small_batches, mode=mode))
        data_home = tmp_path if form.startswith("folder") else path
    before = sorted(tmp_path.rglob("*"))
    loaded = load_cifar10(str(data_home))
    assert_equal(loaded, mirrors.small_cifar10())
    assert all(array.flags.c_contiguous and array.flags.owndata for array in loaded)
    assert sorted(tmp_path.rglob("*")) == before


def test_channels_of_cifar10(small_batches, tmp_path):
    """The bytes of an image: the label, then all of red, all of green, all of blue, by rows."""
    red_dot = bytes([7]) + bytes(33) + bytes([200]) + bytes(3072 - 34)
    small_batches["test_batch.bin"] = red_dot * mirrors.IMAGES_PER_BATCH
    write_batches(tmp_path, small_batches)
    _, _, X_test, y_test = load_cifar10(tmp_path)
    assert X_test[0].nonzero() == ([1], [1], [0])
    assert X_test[0, 1, 1, 0] == 200
    assert datasets.CIFAR10_CLASSES[y_test[0]] == "horse"


def test_the_published_size():
    """Each file has 10,000 images, and 30,730,000 bytes (https://www.cs.toronto.edu/~kriz)."""
    assert cifar10._IMAGES_PER_BATCH * cifar10._RECORD == 30_730_000


@pytest.mark.parametrize("archived", [True, False])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda content: content[:-1],
            r"truncated: it has 12,291 bytes; expected 12,292, 4 im",
        ),
        (lambda content: content[:-3073], r"truncated: it has 9,219 bytes"),
        (lambda content: content + b"\0", r"too long: it has 12,293 bytes"),
        (lambda content: b"", r"truncated: it has 0 bytes"),
        (lambda content: b"\x0a" + content[1:], r"has the label 10; expected 0 to 9"),
    ],
)
def test_batches_of_other_content(archived, change, message, small_batches, tmp_path):
    small_batches["data_batch_3.bin"] = change(small_batches["data_batch_3.bin"])
    if archived:
        content = mirrors.cifar10_archive(small_batches)
        (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
    else:
        write_batches(tmp_path, small_batches)
    with pytest.raises(ValueError, match=rf"data_batch_3\.bin .*{message}.* again"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("archived", [True, False])
def test_a_missing_batch(archived, small_batches, tmp_path):
    del small_batches["data_batch_2.bin"]
    if archived:
        content = mirrors.cifar10_archive(small_batches)
        (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
    else:
        write_batches(tmp_path, small_batches)
    with pytest.raises(FileNotFoundError, match=r"data_batch_2\.bin.*expected CIFAR-10's binary"):
        load_cifar10(tmp_path)


def test_a_folder_with_the_name_of_a_batch(small_batches, tmp_path):
    """It does not count as the batch, whose images would then be left uninitialized."""
    del small_batches["data_batch_2.bin"]
    content = io.BytesIO(mirrors.cifar10_archive(small_batches, mode="w:"))
    with tarfile.open(fileobj=content, mode="a:") as archive:
        member = tarfile.TarInfo("data_batch_2.bin")
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    (tmp_path / "some.tar").write_bytes(content.getvalue())
    with pytest.raises(FileNotFoundError, match=r"some\.tar has no data_batch_2\.bin"):
        load_cifar10(tmp_path / "some.tar")


def test_the_python_version_is_refused(small_batches, tmp_path):
    """Its files are pickles."""
    message = r"Python version is not read, because its files are pickles.* Download cifar-10-bin"
    pickles = {name.removesuffix(".bin"): content for name, content in small_batches.items()}
    path = tmp_path / "any.tar.gz"
    path.write_bytes(mirrors.cifar10_archive(pickles, folder="cifar-10-batches-py/"))
    with pytest.raises(FileNotFoundError, match=message):
        load_cifar10(path)
    write_batches(tmp_path / "torchvision" / "cifar-10-batches-py", pickles)
    for folder in (tmp_path / "torchvision", tmp_path / "torchvision" / "cifar-10-batches-py"):
        with pytest.raises(FileNotFoundError, match=message):
            load_cifar10(folder)


def test_no_cifar10_there(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(
        FileNotFoundError, match=r"\(no batches of CIFAR-10\); .* has notes\.txt; expected CIFAR"
    ):
        load_cifar10(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"\(no such file or folder\); .* has notes\.txt"):
        load_cifar10(tmp_path / "cifar")
    with pytest.raises(TypeError, match="data_home is 3, of type int"):
        load_cifar10(3)


def test_damaged_archives_of_cifar10(small_batches, tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    content = mirrors.cifar10_archive(small_batches)
    wrong_checksum = content[:-8] + bytes([content[-8] ^ 1]) + content[-7:]
    plain = gzip.decompress(content)
    for bad in (b"", b"<html>", content[:100], content[:-200], wrong_checksum, plain[:3000]):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"is a damaged or truncated archive.*Download it"):
            load_cifar10(tmp_path)


def test_names_of_the_classes():
    assert len(datasets.FASHION_MNIST_CLASSES) == 10
    assert len(datasets.KMNIST_CLASSES) == 10
    assert len(datasets.CIFAR10_CLASSES) == 10
    characters = datasets.EMNIST_CHARACTERS
    assert sorted(characters) == ["balanced", "byclass", "bymerge", "digits", "letters", "mnist"]
    assert [len(set(characters[split])) for split in ("balanced", "bymerge", "byclass")] == [
        47,
        47,
        62,
    ]
    assert characters["letters"][1] + characters["letters"][26] == "AZ"


def test_memory_of_emnist():
    """Turning the images upright is part of the one copy that is made of what is read."""
    file = io.BytesIO(idx_bytes(np.zeros((2000, 28, 28), np.uint8)))
    tracemalloc.start()
    try:
        X = decode_idx(file, "images", transposed=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.3 * X.nbytes
