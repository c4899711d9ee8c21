"""`load_image_folder`: which files are read, how they are decoded, and what is refused."""

import io
import os
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from skimage.transform import resize

from skcnn import ConvNetClassifier
from skcnn._files import progress
from skcnn._files.image_file import ENDINGS
from skcnn.datasets import load_image_folder

GREY = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
# How to store an upright image so that EXIF's orientation turns it upright again.
STORED = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: lambda image: np.rot90(image, -1),
}


def write(path, image=RGB, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(image, Image.Image):
        image = Image.fromarray(np.ascontiguousarray(image))
    image.save(path, **options)
    return path


def read_one(folder, **options):
    X, y = load_image_folder(folder, **options)
    assert len(X) == len(y) == 1
    return X[0]


@pytest.fixture
def animals(tmp_path):
    """Two classes; the names of the files are not in the order in which they are written."""
    for name, value in (("dog/b", 4), ("dog/a", 3), ("cat/2", 2), ("cat/10", 1), ("dog/C", 0)):
        write(tmp_path / f"{name}.png", np.full((4, 6), value, np.uint8))
    return tmp_path


@pytest.mark.parametrize(("grayscale", "channels"), [(False, (3,)), (True, ())])
@pytest.mark.parametrize("shape", [None, (4, 6), [2, 3], (4, 6, "channels"), np.array([5, 9])])
def test_images_and_labels_in_order(animals, shape, grayscale, channels):
    if shape is not None and "channels" in list(shape):
        shape = (4, 6, *(channels or (1,)))
    X, y = load_image_folder(animals, image_shape=shape, grayscale=grayscale)
    assert X.shape == (5, *((4, 6) if shape is None else tuple(shape)[:2]), *channels)
    assert X.dtype == np.uint8
    assert X.flags.c_contiguous
    assert X.flags.writeable
    assert_array_equal(X.reshape(5, -1).max(axis=1), [1, 2, 0, 3, 4])  # 10.png is before 2.png
    assert_array_equal(X.reshape(5, -1).min(axis=1), [1, 2, 0, 3, 4])
    assert y.tolist() == ["cat", "cat", "dog", "dog", "dog"]


def test_a_fitted_classifier_reads_images_of_its_shape(animals, tmp_path_factory):
    X, y = load_image_folder(animals, (8, 8), grayscale=True)
    network = ConvNetClassifier(max_iter=1, random_state=0).fit(X, y)
    new = tmp_path_factory.mktemp("new")
    write(new / "unknown" / "1.jpg", np.zeros((30, 20), np.uint8))
    X_new, _ = load_image_folder(new, network.image_shape_, grayscale=True)
    assert network.predict(X_new)[0] in ("cat", "dog")


def test_home_directory(animals, monkeypatch):
    monkeypatch.setenv("HOME", str(animals.parent))
    monkeypatch.setenv("USERPROFILE", str(animals.parent))  # Windows
    assert len(load_image_folder(f"~/{animals.name}")[0]) == 5


@pytest.mark.parametrize("ending", ["bmp", "gif", "png", "ppm", "pgm", "tif", "TIFF", "Webp"])
def test_lossless_formats(tmp_path, ending):
    image = GREY if ending in ("pgm", "gif") else RGB
    options = {"lossless": True} if ending == "Webp" else {}
    write(tmp_path / "a" / f"1.{ending}", image, **options)
    as_rgb = np.broadcast_to(image.reshape(5, 7, -1), (5, 7, 3))
    assert_array_equal(read_one(tmp_path), as_rgb)
    expected = GREY if image is GREY else np.asarray(Image.fromarray(RGB).convert("L"))
    assert_array_equal(read_one(tmp_path, grayscale=True), expected)
    assert_allclose(expected, as_rgb @ [0.299, 0.587, 0.114], atol=0.6)


@pytest.mark.parametrize("ending", ["jpg", "JPEG", "jfif"])
def test_jpeg(tmp_path, ending):
    flat = np.full((9, 20, 3), (200, 100, 50), np.uint8)
    write(tmp_path / "a" / f"1.{ending}", flat, format="JPEG")
    assert_allclose(read_one(tmp_path), flat, atol=3)
    write(tmp_path / "a" / f"1.{ending}", Image.fromarray(flat).convert("CMYK"), format="JPEG")
    assert_allclose(read_one(tmp_path), flat, atol=3)


def test_the_content_decides_on_the_format(tmp_path):
    write(tmp_path / "a" / "1.jpg", RGB, format="PNG")
    assert_array_equal(read_one(tmp_path), RGB)


def test_only_the_upper_8_of_16_bits_are_read(tmp_path):
    deep = GREY.astype(np.uint16) * 256 + 99
    write(tmp_path / "a" / "1.png", deep)
    write(tmp_path / "a" / "2.tif", deep)
    (tmp_path / "a" / "3.pgm").write_bytes(b"P5 7 5 65535\n" + deep.astype(">u2").tobytes())
    X, _ = load_image_folder(tmp_path, grayscale=True)
    assert_array_equal(X, [GREY] * 3)


def test_transparent_parts_become_white(tmp_path):
    alpha = np.random.default_rng(2).integers(0, 256, (5, 7), dtype=np.uint8)
    weight = alpha / 255
    write(tmp_path / "a" / "1.png", np.dstack([RGB, alpha]))
    expected = RGB * weight[..., None] + 255 * (1 - weight[..., None])
    assert_allclose(read_one(tmp_path), expected, atol=1)
    write(tmp_path / "a" / "1.png", np.dstack([GREY, alpha]))
    expected = GREY * weight + 255 * (1 - weight)
    assert_allclose(read_one(tmp_path, grayscale=True), expected, atol=1)


@pytest.mark.parametrize(("ending", "options"), [
    ("png", {"transparency": 3}),
    ("gif", {"transparency": 3}),
    ("png", {"transparency": bytes([255, 255, 255, 0, *[255] * 12])}),
    ("png", {}),
])  # fmt: skip
def test_palette(tmp_path, ending, options):
    image = Image.fromarray(RGB).quantize(16)
    expected = np.array(image.convert("RGB"))
    if options:
        expected[np.asarray(image) == 3] = 255
    write(tmp_path / "a" / f"1.{ending}", image, **options)
    assert_array_equal(read_one(tmp_path), expected)


def test_black_and_white(tmp_path):
    write(tmp_path / "a" / "1.png", GREY > 127)
    write(tmp_path / "a" / "2.pbm", GREY > 127)
    X, _ = load_image_folder(tmp_path, grayscale=True)
    assert_array_equal(X, [(GREY > 127) * 255] * 2)


@pytest.mark.parametrize("orientation", STORED)
def test_images_are_turned_upright(tmp_path, orientation):
    corners = np.zeros((32, 64), np.uint8)
    corners[:16, :32], corners[:16, 32:], corners[16:, :32] = 250, 170, 90
    exif = Image.Exif()
    exif[0x0112] = orientation
    for number, ending in enumerate(("jpg", "png", "tif", "webp")):
        options = {"lossless": True} if ending == "webp" else {}
        stored = STORED[orientation](corners)
        write(tmp_path / "a" / f"{number}.{ending}", stored, exif=exif, **options)
    X, _ = load_image_folder(tmp_path, grayscale=True)
    assert_allclose(X, [corners] * 4, atol=3)
    X, _ = load_image_folder(tmp_path, (8, 16), grayscale=True)  # of the JPEG, a part is decoded
    assert_allclose(X[:, 1::5, 2::11], [corners[5::20, 10::44]] * 4, atol=9)


def test_damaged_exif_data_are_ignored(tmp_path):
    write(tmp_path / "a" / "1.jpg", np.full((8, 8), 80, np.uint8), exif=b"Exif\0\0no tags")
    assert_allclose(read_one(tmp_path), 80, atol=2)


def test_the_main_picture_of_several_in_a_camera_file_is_read(tmp_path):
    main, preview = (Image.fromarray(np.full((n, n), 80, np.uint8)) for n in (16, 4))
    write(tmp_path / "a" / "1.jpg", main, format="MPO", save_all=True, append_images=[preview])
    assert read_one(tmp_path).shape == (16, 16, 3)


@pytest.mark.parametrize(("shape", "size"), [((40, 64), (16, 16)), ((5, 7), (12, 9))])
def test_resized_images_are_close_to_those_of_scikit_image(tmp_path, shape, size):
    rows, columns = np.indices(shape)
    smooth = (127 + 80 * np.sin(rows / 6) + 40 * np.cos(columns / 4)).astype(np.uint8)
    write(tmp_path / "a" / "1.png", smooth)
    expected = resize(smooth, size, anti_aliasing=True, preserve_range=True)
    assert_allclose(read_one(tmp_path, image_shape=size, grayscale=True), expected, atol=8)


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_fine_stripes_do_not_alias(tmp_path, ending):
    stripes = np.zeros((60, 400), np.uint8)
    stripes[:, ::2] = 255
    write(tmp_path / "a" / f"1.{ending}", stripes)
    assert_allclose(read_one(tmp_path, image_shape=(20, 30), grayscale=True), 127.5, atol=5)


def test_images_of_several_sizes_are_listed(tmp_path):
    for number, size in enumerate([(4, 6), (9, 5), (4, 6), (4, 6), (4, 6), (8, 8)]):
        write(tmp_path / "a" / f"{number}.png", np.zeros(size, np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    write(tmp_path / "b" / "turned.jpg", np.zeros((8, 4), np.uint8), exif=exif)
    with pytest.raises(ValueError, match=r"have 4 different sizes; expected one. Pass image_") as e:
        load_image_folder(tmp_path)
    first, *others = str(e.value).replace(os.sep, "/").splitlines()[1:]
    assert first == "  4 x 6: 4 images (a/0.png, a/2.png, a/3.png, ...)"
    assert sorted(others) == [
        "  4 x 8: 1 image (b/turned.jpg)",
        "  8 x 8: 1 image (a/5.png)",
        "  9 x 5: 1 image (a/1.png)",
    ]
    assert len(load_image_folder(tmp_path, (4, 4))[0]) == 7


def test_all_unreadable_files_are_named(animals):
    whole = (animals / "dog" / "a.png").read_bytes()
    (animals / "cat" / "0.jpg").write_bytes(b"")
    (animals / "cat" / "cut.png").write_bytes(whole[:-30])
    (animals / "cat" / "text.png").write_text("<html>")
    (animals / "dog" / "gone.gif").symlink_to(animals / "nothing")
    write(animals / "dog" / "c.tif", GREY.astype(np.float32))
    write(animals / "dog" / "d.tif", GREY.astype(np.int32))
    pages = [Image.fromarray(image) for image in RGB[:, None]]
    for ending in ("tif", "gif", "png", "webp"):
        write(animals / "dog" / f"e.{ending}", pages[0], save_all=True, append_images=pages[1:])
    for options in ({}, {"image_shape": (4, 6)}):
        with pytest.raises(ValueError, match=r"10 of 15 files .* cannot be read; expected") as e:
            load_image_folder(animals, **options)
        lines = [line.strip().replace(os.sep, "/") for line in str(e.value).splitlines()[1:]]
        assert lines[0] == "cat/0.jpg: empty file"
        assert lines[1].startswith("cat/cut.png: ")
        assert lines[2] == "cat/text.png: damaged, or not in one of these formats"
        assert lines[3].startswith(
            "dog/c.tif: its pixels are floating-point numbers of 32 bits, no"
        )
        assert lines[4].startswith("dog/d.tif: its pixels are signed integers of 32 bits, not uns")
        assert lines[5:9] == [
            f"dog/e.{ending}: it has 5 frames or pages, not one"
            for ending in ("gif", "png", "tif", "webp")
        ]
        assert lines[9] == "dog/gone.gif: No such file or directory"
    assert "Replace these files, or remove them:" in str(e.value)


@pytest.mark.filterwarnings("ignore:Truncated File Read")  # Pillow's, about TIFF
@pytest.mark.parametrize("format", ["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"])
def test_a_cut_file_is_refused_or_complete(tmp_path, format):
    """A file cut at any length raises an error that names it, or has all pixels."""
    path = write(tmp_path / "a" / "1.png", RGB, format=format)
    content, expected, right = path.read_bytes(), read_one(tmp_path), 0
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        try:
            pixels = read_one(tmp_path)
        except ValueError as error:
            right += "\n  a/1.png: " in str(error).replace(os.sep, "/")
        else:
            right += 1
            assert_array_equal(pixels, expected)
    assert right == len(range(0, len(content), 3))


def test_a_picture_above_the_limit_of_pillow_is_named(animals, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # an error above 20, a warning above 10
    with pytest.raises(ValueError, match=r"5 of 5 .*(\n.*)*PIL.Image.MAX_IMAGE_PIXELS sets the l"):
        load_image_folder(animals)


@pytest.mark.parametrize("size", [10**6, 10**9, 2**40])
def test_more_than_memory_holds(animals, size):
    with pytest.raises(MemoryError, match=r"5 images of 1.* need .* GiB, .*smaller image_shape"):
        load_image_folder(animals, (size, size))


def test_hidden_and_system_files_are_ignored(animals):
    for name in (".DS_Store", "cat/.DS_Store", "cat/._2.png", "cat/Thumbs.db", "dog/desktop.ini",
                 ".git/a.png", ".empty/x", "__MACOSX/cat/._2.png", "cat/.ipynb_checkpoints/2.png",
                 "README.md", "labels.csv"):  # fmt: skip
        (animals / name).parent.mkdir(exist_ok=True, parents=True)
        (animals / name).write_bytes(b"no image")
    _, y = load_image_folder(animals)
    assert y.tolist() == ["cat"] * 2 + ["dog"] * 3


def test_a_warning_names_what_else_is_not_read(animals):
    for name in ("cat/1.heic", "cat/2.HEIC", "cat/notes", "dog/small/1.png", "stray.jpg"):
        (animals / name).parent.mkdir(exist_ok=True)
        (animals / name).touch()
    with pytest.warns(UserWarning, match="files that are not read") as record:
        X, _ = load_image_folder(animals)
    assert len(X) == 5
    assert record[0].filename == __file__
    message = str(record[0].message).replace(os.sep, "/")
    for part in ("2 .heic (cat/1.heic, cat/2.HEIC)", "1 file without ending (cat/notes)",
                 "1 subfolder of a class folder (dog/small)",
                 "1 image outside the class folders (stray.jpg)", "Convert or move"):  # fmt: skip
        assert part in message


def test_links_are_followed(animals, tmp_path_factory):
    links = tmp_path_factory.mktemp("links")
    (links / "cat").symlink_to(animals / "cat")
    (links / "pet").mkdir()
    (links / "pet" / "1.png").symlink_to(animals / "dog" / "a.png")
    assert load_image_folder(links)[1].tolist() == ["cat", "cat", "pet"]
    (links / "owl").symlink_to(animals / "owl")
    with pytest.raises(FileNotFoundError, match=r"owl cannot be read: No such file"):
        load_image_folder(links)


def test_class_folders_without_images(animals):
    (animals / "owl").mkdir()
    (animals / "bat").mkdir()
    (animals / "bat" / "1.heic").touch()
    with pytest.raises(
        ValueError,
        match=r"2 of 4 subfolders .* no image files: bat, owl; .*bat has 1\.heic; expected .*png",
    ):
        load_image_folder(animals)


def test_a_folder_of_folders_of_classes(animals, tmp_path_factory):
    above = tmp_path_factory.mktemp("above")
    animals.rename(above / "train")
    with pytest.raises(
        ValueError, match=r"1 of 1 subfolder .* has no image files: train; .*train, pass this path"
    ):
        load_image_folder(above)


def test_paths_that_are_no_folders_of_classes(animals):
    with pytest.raises(FileNotFoundError, match=r"none \(no such folder\); .* has cat.*, dog"):
        load_image_folder(animals / "none")
    with pytest.raises(NotADirectoryError, match=r"a\.png \(a file\); expected .* unpack"):
        load_image_folder(animals / "dog" / "a.png")
    with pytest.raises(ValueError, match=r"no subfolders; .*cat has 10\.png, 2\.png; expected"):
        load_image_folder(animals / "cat")
    with pytest.raises(TypeError, match=r"path is None, of type NoneType; expected a path"):
        load_image_folder(None)


def test_an_unreadable_folder(animals, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match=r"cannot be read: Permission denied; expected"):
        load_image_folder(animals)


@pytest.mark.parametrize(
    "bad", [28, {28, 30}, (28,), (28, 0), (28.0, 28.0), "28", (1, 2, 3, 4), True]
)
def test_bad_image_shape(animals, bad):
    with pytest.raises(ValueError, match=r"image_shape is .*; expected \(height, width\), two"):
        load_image_folder(animals, bad)


def test_image_shape_with_other_channels(animals):
    for shape, grayscale in (((4, 6, 1), False), ((4, 6, 3), True), ((4, 6, 2), True)):
        with pytest.raises(
            ValueError, match=rf"with {shape[2]} channels; expected .* Pass \(4, 6\)"
        ):
            load_image_folder(animals, shape, grayscale=grayscale)


@pytest.mark.parametrize("bad", [None, 1, "gray"])
def test_bad_grayscale(animals, bad):
    with pytest.raises(TypeError, match=r"grayscale is .*; expected a bool\. Pass True"):
        load_image_folder(animals, grayscale=bad)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_only_of_long_loads_in_a_terminal(animals, monkeypatch):
    monkeypatch.setattr(progress, "_EVERY", 0)
    shown = {}
    for kind, stream in (("terminal", Terminal), ("file", io.StringIO)):
        for after in (0, 1000):
            monkeypatch.setattr(progress, "_AFTER", after)
            monkeypatch.setattr(sys, "stderr", stream())
            load_image_folder(animals)
            shown[kind, after] = sys.stderr.getvalue()
    assert "\rReading images: 4 of 5" in shown["terminal", 0]
    assert shown["terminal", 0].endswith("\r")  # the line is erased
    assert {shown["terminal", 1000], shown["file", 0], shown["file", 1000]} == {""}
    monkeypatch.setattr(sys, "stderr", None)  # as in pythonw
    assert len(load_image_folder(animals)[0]) == 5


def test_the_documentation_lists_all_endings():
    for ending in ENDINGS:
        assert f"``{ending}``" in load_image_folder.__doc__
