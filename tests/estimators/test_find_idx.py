"""Which files `load_mnist` finds: names, folders, several data sets, and what it says otherwise."""

import os
from pathlib import Path

import pytest
from helpers.idx import NAMES, small_data_set, write_data_set
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skcnn.datasets import load_idx, load_mnist

EMNIST_SPLITS = ("balanced", "byclass", "bymerge", "digits", "letters", "mnist")
EMNIST_NAMES = (
    "emnist-{}-train-images-idx3-ubyte",
    "emnist-{}-train-labels-idx1-ubyte",
    "emnist-{}-test-images-idx3-ubyte",
    "emnist-{}-test-labels-idx1-ubyte",
)
QMNIST_NAMES = (
    "qmnist-train-images-idx3-ubyte.gz",
    "qmnist-train-labels-idx2-int.gz",
    "qmnist-test-images-idx3-ubyte.gz",
    "qmnist-test-labels-idx2-int.gz",
)
DOTTED = tuple(name.replace("-idx", ".idx") for name in NAMES)


def emnist_names(split):
    return [name.format(split) for name in EMNIST_NAMES]


def assert_loads(data_home, arrays):
    for loaded, array in zip(load_mnist(data_home), arrays, strict=True):
        assert_array_equal(loaded, array)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([f"{name}.gz" for name in NAMES], id="MNIST, Fashion-MNIST and KMNIST"),
        pytest.param([f"MNIST/raw/{name}" for name in NAMES], id="torchvision"),
        pytest.param([f"gzip/{name}.gz" for name in emnist_names("digits")], id="EMNIST, NIST"),
        pytest.param(
            [f"emnist_source_files/{name}" for name in emnist_names("letters")], id="EMNIST, Kaggle"
        ),
        pytest.param(QMNIST_NAMES, id="QMNIST"),
        pytest.param(DOTTED, id="unpacked by their stored names"),
        pytest.param([f"{name}/{name}" for name in NAMES], id="folders of the same name"),
        pytest.param([f"{n}/{d}" for n, d in zip(NAMES, DOTTED, strict=True)], id="7-Zip"),
        pytest.param([f"{NAMES[2]}/{name}" for name in DOTTED], id="all in a folder of one name"),
        pytest.param([f"{name}.idx" for name in NAMES], id="with an ending"),
        pytest.param([name.upper() + ".GZ" for name in NAMES], id="upper case"),
        pytest.param([name.replace("-", "_") for name in NAMES], id="underscores"),
        pytest.param([name.replace("t10k", "test") for name in NAMES], id="test for t10k"),
    ],
)
def test_published_names(tmp_path, names):
    arrays = small_data_set()
    write_data_set(tmp_path, arrays, names)
    for other in ("README.md", "emnist-letters-mapping.txt", "qmnist-train-labels.tsv.gz"):
        (tmp_path / other).write_text("not an IDX file")
    assert_loads(tmp_path, arrays)


@settings(max_examples=60)
@given(
    prefix=st.sampled_from(["", "mnist", "emnist-byclass", "my_digits", "Train-Set.2"]),
    test=st.sampled_from(["t10k", "test"]),
    suffixes=st.tuples(*[st.sampled_from(["", ".gz", ".idx", "-ubyte", "-int.gz"])] * 4),
    separators=st.tuples(*[st.sampled_from("-_.")] * 3),
    change_case=st.sampled_from([str.lower, str.upper, str.title]),
    folder=st.sampled_from([".", "raw", "MNIST/raw"]),
)
def test_any_form_of_the_names(
    tmp_path_factory, prefix, test, suffixes, separators, change_case, folder
):
    tmp_path = tmp_path_factory.mktemp("data")
    first, second, third = separators
    roles = [(part, kind) for part in ("train", test) for kind in ("images", "labels")]
    names = [
        change_case(f"{prefix}{first if prefix else ''}{part}{second}{kind}{third}idx{suffix}")
        for (part, kind), suffix in zip(roles, suffixes, strict=True)
    ]
    arrays = small_data_set()
    write_data_set(tmp_path / folder, arrays, names)
    assert_loads(tmp_path, arrays)
    assert_loads(tmp_path / folder / prefix, arrays)


def test_the_splits_of_emnist(tmp_path, monkeypatch):
    """They are in one folder: the error lists paths, each of which loads one split."""
    data_sets = {split: small_data_set(seed=seed) for seed, split in enumerate(EMNIST_SPLITS)}
    for split, arrays in data_sets.items():
        write_data_set(tmp_path / "EMNIST" / "raw", arrays, emnist_names(split))
    with pytest.raises(
        ValueError, match=r"which has 6 data sets; expected one\. Pass the"
    ) as error:
        load_mnist(tmp_path)
    paths = str(error.value).partition("one of them: ")[2].rstrip(".").split(", ")
    assert [Path(path).name for path in paths] == [f"emnist-{split}" for split in EMNIST_SPLITS]
    for path, arrays in zip(paths, data_sets.values(), strict=True):
        assert_loads(path, arrays)
        assert_loads(Path(path), arrays)
        monkeypatch.setenv("SKCNN_DATA", path)
        assert_loads(None, arrays)
    assert_loads(f"{paths[4]}{os.sep}", data_sets["letters"])
    assert_loads(tmp_path / "EMNIST" / "raw" / "EMNIST-Letters", data_sets["letters"])


def test_unknown_split(tmp_path):
    write_data_set(tmp_path, small_data_set(), emnist_names("letters"))
    with pytest.raises(FileNotFoundError, match=r"the data sets there are .*emnist-letters;"):
        load_mnist(tmp_path / "emnist-leters")


def test_several_data_sets_of_torchvision(tmp_path):
    for seed, name in enumerate(("FashionMNIST", "MNIST")):
        write_data_set(tmp_path / name / "raw", small_data_set(seed=seed))
    with pytest.raises(ValueError, match=r"2 data sets; .* .*FashionMNIST.raw, .*MNIST.raw\."):
        load_mnist(tmp_path)
    assert_loads(tmp_path / "MNIST", small_data_set(seed=1))


def test_the_names_of_mnist_take_precedence(tmp_path):
    """In the folder itself, before other data sets in it and before subfolders."""
    write_data_set(tmp_path, small_data_set(seed=1))
    write_data_set(tmp_path, small_data_set(seed=2), QMNIST_NAMES)
    write_data_set(tmp_path / "raw", small_data_set(seed=3))
    assert_loads(tmp_path, small_data_set(seed=1))
    assert_loads(tmp_path / "qmnist", small_data_set(seed=2))


def test_one_of_several_copies_is_read(tmp_path):
    """Archives have the same file in several forms; which one is read does not vary."""
    forms = [[f"{name}/{name}" for name in NAMES], DOTTED, [f"{name}.gz" for name in NAMES]]
    for seed, names in enumerate(forms):
        write_data_set(tmp_path, small_data_set(seed=seed), names)
        assert_loads(tmp_path, small_data_set(seed=seed))


def test_images_and_labels_of_different_sets_are_not_mixed(tmp_path):
    write_data_set(tmp_path, small_data_set())
    (tmp_path / NAMES[3]).rename(tmp_path / "test-labels-idx1-ubyte")
    with pytest.raises(FileNotFoundError, match=r"\(t10k-labels-idx\* missing\)"):
        load_mnist(tmp_path)


@pytest.mark.parametrize("remnant", ["._{}", "{}.part", "{}.gz.crdownload", "{}.md5", ".{}"])
def test_remnants_are_ignored(tmp_path, remnant):
    """Files of macOS and unfinished downloads are not taken for the data."""
    write_data_set(tmp_path, small_data_set())
    (tmp_path / NAMES[0]).rename(tmp_path / remnant.format(NAMES[0]))
    with pytest.raises(FileNotFoundError, match=r"\(train-images-idx\* missing\)"):
        load_mnist(tmp_path)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (NAMES, "t10k-images-idx*"),
        (emnist_names("letters"), "emnist-letters-test-images-idx*"),
        (QMNIST_NAMES, "qmnist-test-images-idx*"),
    ],
)
def test_missing_files_are_named(tmp_path, names, missing):
    """The message also lists what is there and says what was expected."""
    write_data_set(tmp_path, small_data_set(), names)
    (tmp_path / names[2]).unlink()
    with pytest.raises(FileNotFoundError) as error:
        load_mnist(tmp_path)
    message = str(error.value)
    assert f"data_home is {tmp_path} ({missing} missing)" in message
    assert f"{tmp_path} has {', '.join(sorted([names[0], names[1], names[3]]))};" in message
    assert "expected a folder with the files train-images-idx3-ubyte, " in message


def test_a_folder_without_data_is_listed(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\(no IDX files of a data set.*has no files;"):
        load_mnist(tmp_path)
    for number in range(30):
        (tmp_path / f"image{number:02}.png").touch()
    (tmp_path / "cats").mkdir()
    with pytest.raises(FileNotFoundError, match=r"has cats., image00.*image10\.png, 19 more; exp"):
        load_mnist(tmp_path)


def test_a_folder_that_does_not_exist(tmp_path, monkeypatch):
    with pytest.raises(
        FileNotFoundError, match=r"data_home is .*none \(no such folder\); .* has no"
    ):
        load_mnist(tmp_path / "none")
    monkeypatch.setenv("SKCNN_DATA", str(tmp_path / "none" / "nothing"))
    with pytest.raises(
        FileNotFoundError,
        match=r"variable SKCNN_DATA is .*nothing \(no such folder\); there is no folder .*none;",
    ):
        load_mnist()
    write_data_set(tmp_path, small_data_set())
    assert_loads(str(tmp_path), small_data_set())  # data_home takes precedence


@pytest.mark.parametrize(
    ("name", "proposed"), [(EMNIST_NAMES[0].format("letters"), "emnist-letters"), ("notes.txt", "")]
)
def test_a_file_instead_of_a_folder(tmp_path, name, proposed):
    (tmp_path / name).touch()
    with pytest.raises(NotADirectoryError) as error:
        load_mnist(tmp_path / name)
    assert f"data_home is {tmp_path / name} (a file); expected a folder" in str(error.value)
    assert f"Pass {tmp_path / proposed}, or" in str(error.value)


@pytest.mark.parametrize("name", ["gzip.zip", "MNIST.TAR.GZ"])
def test_an_archive(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(NotADirectoryError, match=r"\(a file\); .* Unpack it, and pass the folder"):
        load_mnist(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=f"no IDX files.* If {name} has the files, unpack"):
        load_mnist(tmp_path)


def test_an_unreadable_folder(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    write_data_set(tmp_path, small_data_set())
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="cannot be read: Permission denied; expected"):
        load_mnist(tmp_path)


def test_links(tmp_path):
    """A folder that is found twice is one data set; links to nothing are skipped."""
    write_data_set(tmp_path / "raw", small_data_set())
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone").symlink_to(tmp_path / "none")
    (tmp_path / "raw" / f"{NAMES[0]}.gz").symlink_to(tmp_path / "none")
    assert_loads(tmp_path, small_data_set())


def test_home_directory(tmp_path, monkeypatch):
    """`~` works in every path: of a file, a folder, a data set, and in SKCNN_DATA."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # Windows
    arrays = small_data_set()
    write_data_set(tmp_path / "data", arrays, QMNIST_NAMES)
    assert_array_equal(load_idx(f"~/data/{QMNIST_NAMES[0]}"), arrays[0])
    for data_home in ("~", "~/data", "~/data/", "~/data/qmnist", Path("~/data")):
        assert_loads(data_home, arrays)
        monkeypatch.setenv("SKCNN_DATA", str(data_home))
        assert_loads(None, arrays)
    with pytest.raises(FileNotFoundError, match="no-such-user-here"):
        load_mnist("~no-such-user-here/data")
