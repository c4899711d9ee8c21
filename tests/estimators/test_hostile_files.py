"""IDX files and archives that are damaged or made to do harm: an error that names them, no harm."""

import gzip
import io
import os
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import mirrors
from helpers.damage import CHANGES, alarm, changed
from helpers.idx import idx_bytes, small_data_set, write_data_set
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skcnn._files import cifar10
from skcnn._files.paths import write_bytes
from skcnn.datasets import load_cifar10, load_emnist, load_fashion_mnist, load_idx, load_kmnist

MIB = 2**20
VALID = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
BATCH = 3073 * mirrors.IMAGES_PER_BATCH


def header(code, *sizes, start=b"\0\0"):
    return start + struct.pack(f">BB{len(sizes)}I", code, len(sizes), *sizes)


def attempt(load, path, content, most=MIB):
    """What `load` returns, or None if it refuses the file with an error that names it."""
    path.write_bytes(content)
    loaded, message = None, ""
    tracemalloc.start()
    try:
        loaded = load(path)
    except (ValueError, FileNotFoundError) as error:
        message = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 10 * len(content) + most
    assert loaded is not None or str(path) in message
    return loaded


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header(8, 2**31, 28, 28) + bytes(784), r"truncated: it has 800 bytes; expected 16836271"),
        (header(14, *[2**32 - 1] * 3), r"truncated.* 4294967295 x 4294967295 x 4294967295 values"),
        (header(12, 2**31, 2**31), r"truncated: .* expected 18446744073709551628, since"),
        (header(14, *[2**32 - 1] * 255), r"truncated: it has 1024 bytes"),
        (header(14, 0, *[2**32 - 1] * 3), r"header that states 0 x 42.*; expected the shape of an"),
        (header(8, *[1] * 255) + b"x", r"header that states 1 x 1 .*; expected the shape of an"),
        (header(8, 2, 0) + b"x", r"too long: it has at least 13 bytes; expected 12, since"),
        (header(8, 2) + bytes(5 * MIB), r"too long: it has at least 11 bytes; expected 10, since"),
        (header(8, 2)[:6], r"truncated: it has 6 bytes; expected at least 8, the header"),
        (header(8, 2, start=b"\0\1") + bytes(2), r"not an IDX file: .* 00 01 08 01;"),
        (header(7, 2) + bytes(2), r"not an IDX file: .* 00 00 07 01;"),
        (header(0x0A, 2) + bytes(2), r"not an IDX file: .* 00 00 0a 01;"),
    ],
    ids=range(12),
)
@pytest.mark.parametrize("compressed", [False, True])
def test_hostile_headers(tmp_path, content, message, compressed):
    content = gzip.compress(content) if compressed else content
    assert attempt(load_idx, tmp_path / "file", content) is None
    with pytest.raises(ValueError, match=rf"file (is|has a) {message}"):
        load_idx(tmp_path / "file")


@pytest.mark.parametrize("sizes", [(), (0,), (0, 28, 28), (2, 0), (1,) * 64])
def test_unusual_shapes_are_read(tmp_path, sizes):
    values = bytes(range(np.prod(sizes, dtype=int)))
    assert attempt(load_idx, tmp_path / "file", header(8, *sizes) + values).shape == sizes


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(VALID[:20]) + gzip.compress(VALID[20:]),
        gzip.compress(b"") + gzip.compress(VALID),
        gzip.compress(VALID) + bytes(100),
        gzip.compress(VALID),
        VALID,
    ],
    ids=range(5),
)
@pytest.mark.parametrize("name", ["file", "file.gz"])
def test_the_content_decides_on_the_compression(tmp_path, content, name):
    """Also of several members, and with zeros after the last."""
    loaded = attempt(load_idx, tmp_path / name, content)
    assert_array_equal(loaded.ravel(), np.arange(24))


COMPRESSED = gzip.compress(VALID)


@pytest.mark.parametrize(
    "content",
    [
        COMPRESSED[:-8] + bytes(4) + COMPRESSED[-4:],  # another checksum
        COMPRESSED[:-4] + bytes(4),  # another length
        COMPRESSED + b"junk",
        gzip.compress(VALID[:20]) + gzip.compress(VALID[20:])[:-3],
        COMPRESSED[:2] + b"\7" + COMPRESSED[3:],  # another method
    ],
    ids=range(5),
)
def test_damaged_gzip_files(tmp_path, content):
    assert attempt(load_idx, tmp_path / "file", content) is None
    with pytest.raises(ValueError, match=r"file is a damaged or truncated gzip file"):
        load_idx(tmp_path / "file")
    assert attempt(load_idx, tmp_path / "twice", gzip.compress(COMPRESSED)) is None


@pytest.mark.parametrize("claimed", [2, 2**31])
def test_a_gzip_bomb_is_not_unpacked(tmp_path, claimed):
    """No more is unpacked than the header states, and no more is allocated than there is."""
    bomb = gzip.compress(header(8, claimed) + bytes(16 * MIB), 1)
    most = MIB if claimed == 2 else 40 * MIB
    assert attempt(load_idx, tmp_path / "file", bomb, most) is None


@settings(max_examples=60)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda b: b"\0\0\x08" + b)))
@example(b"\0\0\x08\0x")
def test_random_bytes_are_refused_or_have_the_stated_shape(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "random.idx"
    for one in (content, gzip.compress(content)):
        loaded = attempt(load_idx, path, one)
        if loaded is not None:
            assert loaded.shape == struct.unpack_from(f">{content[3]}I", content, 4)


@settings(max_examples=100)
@given(changes=CHANGES, cut=st.integers(0), compressed=st.booleans())
def test_changed_files_are_refused_or_have_the_stated_shape(
    tmp_path_factory, changes, cut, compressed
):
    path = tmp_path_factory.getbasetemp() / "changed.idx"
    content = changed(COMPRESSED if compressed else VALID, changes, cut)
    loaded = attempt(load_idx, path, content)
    if loaded is not None:
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert loaded.shape == struct.unpack_from(f">{content[3]}I", content, 4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
def test_pipes_and_devices_are_not_replaced(tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(OSError, match=f"{path} cannot be written: Not a regular file; expect"):
            write_bytes(path, b"new")
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="links may need a permission")
@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain"])
def test_a_file_is_written_through_a_link(kind, exists, tmp_path):
    link, file = tmp_path / "latest", tmp_path / "runs" / "model"
    link.symlink_to(file if kind == "absolute" else "last" if kind == "chain" else "runs/model")
    if kind == "chain":
        (tmp_path / "last").symlink_to(Path("runs") / "model")
    if exists:
        write_bytes(file, b"old")
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert os.listdir(file.parent) == ["model"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
def test_pipes_and_devices_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    write_data_set(tmp_path / "data", small_data_set())
    labels = tmp_path / "data" / "t10k-labels-idx1-ubyte"
    labels.unlink()
    os.mkfifo(labels)
    with alarm():
        for name in ("pipe", "zero"):
            with pytest.raises(
                ValueError, match=rf"{name} is a pipe, a socket or a device; expected"
            ):
                load_idx(tmp_path / name)
        with pytest.raises(FileNotFoundError, match=r"t10k-labels-idx\* missing"):
            load_kmnist(tmp_path / "data")
        with pytest.raises(FileNotFoundError):
            load_cifar10(tmp_path / "pipe")
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            load_emnist(tmp_path / "pipe")


def test_an_unreadable_archive(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "gzip.zip").touch()
    (tmp_path / "any.tar").touch()
    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    for load, name in ((load_emnist, "gzip.zip"), (load_cifar10, "any.tar")):
        with pytest.raises(PermissionError, match=rf"{name} cannot be read: Permission denied; ex"):
            load(tmp_path / name)


@pytest.mark.parametrize("label", [10, -1, 0.5, np.nan])
@pytest.mark.parametrize("load", [load_fashion_mnist, load_kmnist])
def test_labels_beyond_the_classes(tmp_path, load, label):
    """Of a data set whose classes have names; of others, any label is returned."""
    arrays = small_data_set()
    arrays[3] = arrays[3].astype("i2" if label in (10, -1) else "f4")
    arrays[3][1] = label
    write_data_set(tmp_path, arrays)
    with pytest.raises(ValueError, match=rf"t10k-labels.* has the label {label}; expected 0 to 9"):
        load(tmp_path)


@pytest.mark.parametrize(("split", "least"), [("digits", 10), ("letters", 27), ("byclass", 62)])
def test_labels_beyond_the_classes_of_emnist(tmp_path, split, least):
    arrays = small_data_set()
    for label in (least - 1, least):
        arrays[1][2] = label
        write_data_set(tmp_path, arrays, mirrors.emnist_names(split))
        (tmp_path / "gzip.zip").unlink(missing_ok=True)
        if label == least:
            for archived in (False, True):
                if archived:
                    (tmp_path / "gzip.zip").write_bytes(mirrors.emnist_archive({split: arrays}))
                with pytest.raises(ValueError, match=rf"train-labels.* has the label {least}; exp"):
                    load_emnist(tmp_path, split=split)
        else:
            assert load_emnist(tmp_path, split=split)[1][2] == label


ZIP = mirrors.emnist_archive({"digits": small_data_set()})
TAR = mirrors.cifar10_archive(mirrors.cifar10_batches(mirrors.small_cifar10()), mode="w:")
HEADERS = [place for place in range(0, len(TAR), 512) if TAR[place + 257 : place + 262] == b"ustar"]


def load_digits(path):
    return load_emnist(path, split="digits")


@settings(max_examples=60)
@given(changes=CHANGES, cut=st.integers(0), in_directory=st.booleans())
def test_changed_zip_archives(tmp_path_factory, changes, cut, in_directory):
    """Half of the changes are in the archive's directory, at its end."""
    path = tmp_path_factory.getbasetemp() / "changed.zip"
    directory = ZIP.index(b"PK\1\2")
    start = directory if in_directory else 0
    content = ZIP[:start] + changed(ZIP[start:], changes, cut)
    attempt(load_digits, path, content)


@settings(max_examples=40)
@given(
    fields=st.lists(
        st.tuples(
            st.sampled_from(HEADERS),
            st.sampled_from([0, 124, 124, 156, 156, 157, 257, 345]),
            st.sampled_from(
                [b"\0", b"x", b"1", b"2", b"L", b"S", b"\xff", b"\x80", b"0777777", b"9"]
            ),
        ),
        min_size=1,
        max_size=3,
    ),
    length=st.integers(0, 4 * len(TAR)),
)
def test_changed_tar_archives(tmp_path_factory, fields, length):
    """In headers: of names, sizes, kinds and links; their checksums are made right again."""
    path = tmp_path_factory.getbasetemp() / "changed.tar"
    content = bytearray(TAR)
    for start, place, value in fields:
        content[start + place : start + place + len(value)] = value
        head = content[start : start + 512]
        total = sum(head[:148]) + 8 * ord(" ") + sum(head[156:])
        content[start + 148 : start + 156] = b"%06o\0 " % total
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar10, "_IMAGES_PER_BATCH", mirrors.IMAGES_PER_BATCH)
        patch.setattr(cifar10, "_MOST_AT_ONCE", 2 * BATCH)
        attempt(load_cifar10, path, bytes(content[:length]))


def test_archives_cut_at_any_length(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "_IMAGES_PER_BATCH", mirrors.IMAGES_PER_BATCH)
    for length in range(0, len(ZIP), 41):
        assert attempt(load_digits, tmp_path / "cut.zip", ZIP[:length]) is None
    compressed = gzip.compress(TAR)
    for length in range(0, len(compressed), len(compressed) // 10):
        assert attempt(load_cifar10, tmp_path / "cut.tar.gz", compressed[:length]) is None


def test_an_encrypted_zip_archive(tmp_path):
    content = bytearray(ZIP)
    for signature, flags in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        place = content.find(signature)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(signature, place + 1)
    (tmp_path / "gzip.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"gzip\.zip is a damaged .*encrypted.*; expected EMNIST"):
        load_digits(tmp_path / "gzip.zip")


def test_a_bomb_in_a_zip_archive(tmp_path):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in mirrors.emnist_names("digits"):
            archive.writestr(name, header(8, 2) + bytes(8 * MIB))
    assert attempt(load_digits, tmp_path / "gzip.zip", bomb.getvalue()) is None


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_in_the_place_of_a_batch(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(cifar10, "_IMAGES_PER_BATCH", mirrors.IMAGES_PER_BATCH)
    with tarfile.open(tmp_path / "any.tar", "w:") as archive:
        member = tarfile.TarInfo("data_batch_1.bin")
        member.type, member.linkname = kind, "data_batch_1.bin"
        archive.addfile(member)
    with pytest.raises(FileNotFoundError, match=r"any\.tar has no data_batch_1\.bin, data_batch_2"):
        load_cifar10(tmp_path / "any.tar")


@pytest.mark.parametrize("where", ["after the batches", "in a header"])
def test_a_bomb_in_a_tar_archive(tmp_path, monkeypatch, where):
    monkeypatch.setattr(cifar10, "_IMAGES_PER_BATCH", mirrors.IMAGES_PER_BATCH)
    monkeypatch.setattr(cifar10, "_MOST_AT_ONCE", 2 * BATCH)
    content = TAR + bytes(32 * MIB)
    if where == "in a header":
        member = tarfile.TarInfo("x")
        member.type, member.size = tarfile.GNUTYPE_LONGNAME, 2**32
        content = member.tobuf() + content
    loaded = attempt(load_cifar10, tmp_path / "any.tar.gz", gzip.compress(content, 1))
    assert (loaded is None) == (where == "in a header")
