"""`load_image_folder` and links, unusual names, and files that are made to do harm."""

import os
import struct
import sys
import zlib

import numpy as np
import pytest
from helpers.damage import CHANGES, alarm, changed
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from skcnn.datasets import load_image_folder

MIB = 2**20
BOMB = b"k\0\0" + zlib.compress(bytes(9 * MIB), 1)  # a text or a profile in a PNG file
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)


@pytest.fixture
def cats(tmp_path):
    """A folder with one image of one class."""
    (tmp_path / "cat").mkdir()
    Image.fromarray(PIXELS).save(tmp_path / "cat" / "0.png")
    return tmp_path


def png(width, height, data=b"x", *chunks):
    """A PNG file that claims a size; the checksums are right."""
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", size), *chunks, (b"IDAT", zlib.compress(data, 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


@pytest.mark.parametrize("image_shape", [None, (4, 4)])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (png(30_000, 30_000), r"900000000 pixels\) exceeds .*PIL\.Image\.MAX_IMAGE_PIXELS sets"),
        (png(2**31 - 1, 2**31 - 1), r"exceeds .*PIL\.Image\.MAX_IMAGE_PIXELS sets the limit"),
        (png(0, 4), "damaged, or not in one"),
        (png(4, 6), "truncated"),
        (b"P5 99999999999999999999 5 255\n", "Token too long"),
        (b"P5 1 999999 255\n", "truncated"),
        (b"BM" + bytes(100), "damaged, or not in one|Unsupported BMP header"),
        (png(4, 6, bytes(30), (b"zTXt", BOMB)), "[Tt]oo [Ll]arge"),
        (png(4, 6, bytes(30), (b"iCCP", BOMB)), "[Tt]oo [Ll]arge"),
    ],
    ids=range(9),
)  # fmt: skip
def test_files_that_claim_too_much(cats, content, reason, image_shape):
    (cats / "cat" / "1.png").write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"1 of 2 files .* cannot be read; .*\n  cat.1.png: .*({reason})"
    ):
        load_image_folder(cats, image_shape)


def test_pixels_beyond_the_stated_size_are_not_read(cats):
    (cats / "cat" / "0.png").write_bytes(png(6, 4, bytes(28) + bytes(9 * MIB)))
    assert load_image_folder(cats)[0].shape == (1, 4, 6, 3)


@settings(max_examples=60)
@given(
    format=st.sampled_from(["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"]),
    changes=CHANGES,
    cut=st.integers(0),
)
@pytest.mark.filterwarnings("ignore")  # those of Pillow
def test_changed_images_are_refused_or_have_a_shape(tmp_path_factory, format, changes, cut):
    path = tmp_path_factory.getbasetemp() / "changed" / "a" / "1.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path, format=format)
    path.write_bytes(changed(path.read_bytes(), changes, cut))
    message = ""
    try:
        X, _ = load_image_folder(path.parents[1], (5, 3))
    except ValueError as error:
        message = str(error).replace(os.sep, "/")
    assert "\n  a/1.png: " in message if message else X.shape == (1, 5, 3, 3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
def test_pipes_devices_and_loops(cats):
    os.mkfifo(cats / "cat" / "1.png")
    (cats / "cat" / "2.png").symlink_to("/dev/zero")
    (cats / "cat" / "3.png").symlink_to("3.png")
    with alarm(), pytest.raises(ValueError, match="3 of 4 files") as error:
        load_image_folder(cats)
    assert [line.split(": ")[1] for line in str(error.value).splitlines()[1:]] == [
        *["it is a pipe, a socket or a device, not a file"] * 2,
        "Too many levels of symbolic links",
    ]


def test_links_in_a_circle(cats, tmp_path_factory):
    (cats / "cat" / "all").symlink_to(cats)
    with pytest.warns(UserWarning, match=r"1 subfolder of a class folder \(cat.all\)"):
        assert load_image_folder(cats)[1].tolist() == ["cat"]
    (cats / "cat" / "all").unlink()
    (cats / "all").symlink_to(cats)
    with pytest.raises(ValueError, match=r"1 of 2 subfolders .* has no image files: all; "):
        load_image_folder(cats)
    (cats / "all").unlink()
    (cats / "all").symlink_to("all")
    for folder in (cats, cats / "all"):
        with pytest.raises(OSError, match=r"all cannot be read: Too many levels of symbolic links"):
            load_image_folder(folder)


def test_a_class_folder_that_cannot_be_read(cats, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("cat"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match=r"cat cannot be read: Permission denied; expected"):
        load_image_folder(cats)


def test_an_image_that_cannot_be_read(cats, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(cats), "open", refuse)
    with pytest.raises(ValueError, match=r"1 of 1 file .*\n  cat.0.png: Permission denied"):
        load_image_folder(cats)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are restricted")
@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)<\\x>", '"><img src=x onerror=1>', "&amp;", "$\\alpha", " a b ", "-rf", "~",
     "new\nline", "\x1b[31m", "n" * 255, "猫", "b\udcff", "a,b", "=1+1", "%s{x}"],
)  # fmt: skip
def test_names_of_classes_are_taken_as_they_are(cats, name):
    (cats / "cat" / "0.png").rename(cats / "cat" / f"{name[:20]}.png")
    (cats / "cat").rename(cats / name)
    X, y = load_image_folder(cats)
    assert y.tolist() == [name]
    assert (X == PIXELS).all()
    (cats / name / f"{name[:20]}.gif").touch()
    with pytest.raises(ValueError, match="1 of 2 files") as error:
        load_image_folder(cats)
    assert f"\n  {name}/{name[:20]}.gif: empty file" in str(error.value)
