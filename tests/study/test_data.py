"""The data and the output folder of a study: folders of IDX files, and paths."""

from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from helpers.idx import small_data_set, write_data_set
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import DataConversionWarning

from skcnn.__main__ import main
from skcnn.study.comparison.settings import Settings
from skcnn.study.data import load_images
from skcnn.study.progress import Reporter
from skcnn.study.provenance import reproducing_command
from skcnn.study.settings import StudySettings
from skcnn.study.store import open_session

EMNIST_NAMES = [
    f"emnist-letters-{part}-{kind}"
    for part in ("train", "test")
    for kind in ("images-idx3-ubyte.gz", "labels-idx1-ubyte.gz")
]


@pytest.fixture
def arrays():
    """A small data set with two classes."""
    X_train, _, X_test, _ = small_data_set()
    return [X_train, np.uint8([0, 1] * 3), X_test, np.uint8([1, 0, 1])]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A new home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # Windows
    monkeypatch.delenv("SKCNN_DATA", raising=False)
    return tmp_path


def test_a_data_set_is_named_after_its_files_or_folder(home, arrays):
    write_data_set(home / "FashionMNIST" / "raw", arrays)
    write_data_set(home / "gzip", arrays, EMNIST_NAMES)
    write_data_set(home / "my digits", arrays)
    for data, name in (
        ("~/FashionMNIST/raw", "FashionMNIST"),
        ("~/FashionMNIST/", "FashionMNIST"),
        (home / "gzip", "emnist-letters"),
        ("~/gzip/emnist-letters", "emnist-letters"),
        (Path("~/my digits"), "my digits"),
    ):
        images = load_images(data)
        assert images.name == name
        assert images.source == f"The four IDX files of {name}, with their own train/test split."
        for loaded, array in zip(
            (images.X_train, images.y_train, images.X_test, images.y_test), arrays, strict=True
        ):
            assert_array_equal(loaded, array)


def test_another_data_set_in_skcnn_data_is_not_called_mnist(home, arrays, monkeypatch):
    write_data_set(home / "FashionMNIST", arrays)
    monkeypatch.setenv("SKCNN_DATA", "~/FashionMNIST")
    assert load_images("mnist").name == "FashionMNIST"
    monkeypatch.setenv("SKCNN_DATA", "~/FashionMNIST/none")
    with pytest.raises(ValueError, match=r"the environment variable SKCNN_DATA is .*none"):
        load_images("mnist")


@pytest.mark.parametrize("kind", ["training", "test"])
def test_a_folder_without_images_of_a_kind(home, arrays, kind):
    empty = slice(4) if kind == "training" else slice(2, 4)
    arrays[empty] = [array[:0] for array in arrays[empty]]
    write_data_set(home, arrays)
    with pytest.raises(ValueError, match=f"There are no {kind} images; expected at least one"):
        load_images(home)


def test_test_labels_of_a_folder_are_checked(home, arrays):
    write_data_set(home, [*arrays[:3], arrays[3] + 1])
    with pytest.raises(ValueError, match=r"labels that y_train does not have: \[2\]; expected"):
        load_images(home)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("cifar", "(no such folder)"),
        ("~/none", "(no such folder)"),
        ("~/file", "(a file)"),
        ("~", "(no IDX files of a data set in it or below)"),
    ],
)
def test_unknown_data(home, data, found):
    (home / "file").touch()
    path = Path(data).expanduser()
    with pytest.raises(ValueError, match="data is") as error:
        load_images(data)
    assert f"data is {path} {found}; " in str(error.value)
    assert 'expected "digits", "mnist", or a folder with the files train-images' in str(error.value)


def test_an_empty_path_is_refused(home):
    """`--data "$UNSET"` does not mean the current folder."""
    with pytest.raises(ValueError, match="data is empty; expected a path"):
        load_images("")
    with pytest.raises(ValueError, match="out is empty; expected a path"):
        StudySettings(data="digits", out="")


def test_out(home):
    assert StudySettings(data="digits", out="~/report/").out == home / "report"
    with pytest.raises(TypeError, match="out is 3, of type int; expected a path"):
        StudySettings(data="digits", out=3)


@pytest.mark.parametrize("command", ["compare", "paper"])
def test_commands_expand_the_home_directory(home, arrays, command, capsys):
    """In --data and in --out, whose folder is checked before anything is measured."""
    write_data_set(home / "data", [np.tile(a, (10,) + (1,) * (a.ndim - 1)) for a in arrays])
    (home / "report").touch()
    assert main([command, "--data=~/data", "--out=~/report"]) == 2
    printed = capsys.readouterr()
    assert "data: 60 training and 30 test images" in printed.err
    assert f"out is the folder {home / 'report' / 'parts'}, which cannot be used" in printed.err


def test_an_output_folder_that_is_not_writable(home, monkeypatch):
    images = load_images("digits", train_size=100)
    settings = StudySettings(data="digits", out=home / "out")
    monkeypatch.setattr("os.access", lambda *_: False)
    with (
        pytest.raises(PermissionError, match="cannot be used: Permission denied; expected"),
        open_session(settings, images, Reporter(False)),
    ):
        pass


def test_any_path_is_reproduced():
    settings = Settings(data=PurePosixPath("my images"))
    assert reproducing_command(settings, "compare") == "python -m skcnn compare --data 'my images'"


def test_the_download_needs_no_folder(home, monkeypatch):
    """Without SKCNN_DATA, "mnist" is what `load_mnist` downloads."""
    arrays = small_data_set()
    arrays[1] = np.uint8([0, 1] * 3)
    monkeypatch.setattr("skcnn.datasets.load_mnist", lambda: tuple(arrays))
    assert load_images("mnist").name == "MNIST"


def test_test_images_of_another_range(arrays):
    X_train, y_train, X_test, y_test = arrays
    message = r"X_test has pixels from .*but X_train has pixels .*Scale both in the same way"
    with pytest.warns(UserWarning, match=message) as caught:
        load_images((X_train, y_train, X_test / 255, y_test))
    assert len(caught) == 1
    load_images((X_train / 255, y_train, X_test / 255, y_test))


@pytest.mark.parametrize("name", ["X_train", "X_test"])
def test_errors_name_the_array(arrays, name):
    images = arrays[0 if name == "X_train" else 2].astype(float)
    flat = images.reshape(len(images), -1)
    missing = np.where(np.arange(flat.shape[1]) == 5, np.nan, flat)
    for wrong, message in (
        ([*images[:-1], np.zeros((9, 9))], "X has images of 2 different shapes"),
        (csr_array(flat), rf"is a sparse csr_array of .*Pass {name}.toarray\(\)"),
        (missing, "Input contains NaN"),
        (flat.astype(str).astype(object) + "a", "could not convert string to float"),
        (flat[0], "X has shape"),
        ([], "X is empty"),
    ):
        data = list(arrays)
        data[0 if name == "X_train" else 2] = wrong
        with pytest.raises(ValueError, match=rf"^{name}\b.*{message}"):
            load_images(data)


def test_columns_of_labels_are_flattened_with_one_warning_each(digits):
    X, y = digits[0][:100], digits[1][:100].astype(str)
    with pytest.warns(DataConversionWarning) as caught:
        images = load_images((X, y[:, None], X, y[:, None].tolist()))
    messages = [str(warning.message).partition(" was")[0] for warning in caught]
    assert messages == ["A column-vector y_train", "A column-vector y_test"]
    assert {warning.filename for warning in caught} == {__file__}
    assert_array_equal(images.y_train, y)
    assert_array_equal(images.y_test, y)
    assert images.classes.tolist() == list("0123456789")


@pytest.mark.parametrize("kind", ["bool", "float64", "float16", "uint64", "str"])
def test_labels_of_these_types_are_accepted(digits, kind):
    X, y = digits[0][:100], (digits[1][:100] % 2).astype(kind)
    assert_array_equal(load_images((X, y, X, y)).y_train, y)
