"""`load_image_folder` and forms of pixels of TIFF and PNG: read correctly or refused."""

import re
import struct
from itertools import product

import numpy as np
import pytest
from helpers.image_files import png_file, tiff_file
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.datasets import load_image_folder

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
OFFSETS = {False: 273, True: 324}  # the tag of strips, of tiles
EXTRA, SAMPLE_FORMAT, SUBSAMPLING, COLOR_MAP, ORIENTATION = 338, 339, 530, 320, 274
SHAPE = (21, 37)


def values(bits, channels, shape=SHAPE):
    return np.random.default_rng(bits).integers(0, 2**bits, (*shape, channels))


def read(folder, content, **options):
    """The image, or why it is refused."""
    (folder / "a").mkdir(exist_ok=True)
    (folder / "a" / "1.tif").write_bytes(content)
    try:
        return load_image_folder(folder, **options)[0][0]
    except ValueError as error:
        return str(error).splitlines()[1]


def expected(pixels, bits, photometric, extra, palette):
    """The image in RGB, from the definition of its form."""
    scaled = pixels / (2**bits - 1) * 255
    if photometric == RGB:
        color = scaled[..., :3]
    elif photometric == PALETTE:
        color = palette[pixels[..., 0]]
    elif photometric == CMYK:
        color = (255 - scaled[..., :3]) * (255 - scaled[..., 3:4]) / 255
    else:
        color = np.repeat(scaled[..., :1], 3, axis=2)
        color = 255 - color if photometric == WHITE_IS_ZERO else color
    if extra != 2:  # 2: alpha, with which the colours are not multiplied
        return color
    alpha = scaled[..., -1:] / 255
    return color * alpha + 255 * (1 - alpha)


FORMS = [  # bits, photometric, channels, extra
    *product((1, 2, 4, 8), (WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE), [1], [None]),
    *product((10, 12, 14, 16), (WHITE_IS_ZERO, BLACK_IS_ZERO), [1], [None]),
    *product((8, 10, 12, 16), [RGB], [3], [None]),
    *product((8, 16), [RGB], [4], (0, 2)),
    *product([8], (BLACK_IS_ZERO, PALETTE), [2], (0, 2)),
    *product((8, 16), [CMYK], [4], [None]),
    (8, CMYK, 5, 0),
]
PLAIN = [(8, BLACK_IS_ZERO, 1), (8, RGB, 3), (8, RGB, 4), (8, CMYK, 4), (8, PALETTE, 1),
         (1, BLACK_IS_ZERO, 1)]  # fmt: skip
WHOLE = [*PLAIN, (8, WHITE_IS_ZERO, 1), (16, BLACK_IS_ZERO, 1), (16, RGB, 3), (16, RGB, 4)]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_no_form_of_tiff_is_read_with_wrong_pixels(tmp_path, form):
    bits, photometric, channels, extra = form
    pixels = values(bits, channels)
    palette = np.random.default_rng(0).integers(0, 256, (2**bits, 3))
    tags = {} if extra is None else {EXTRA: extra}
    tags |= {COLOR_MAP: palette.T.ravel() * 257} if photometric == PALETTE else {}
    right = expected(pixels, bits, photometric, extra, palette)
    for order, fill_order, planes, compressed, tile in product("<>", (1, 2), *[(False, True)] * 3):
        layout = {"order": order, "fill_order": fill_order, "planes": planes,
                  "compressed": compressed, "tile": tile}  # fmt: skip
        image = read(tmp_path, tiff_file(pixels, bits, photometric, tags=tags, **layout))
        must_be_read = extra != 0 and fill_order == 1 and form[:3] in (
            PLAIN if planes and not compressed else WHOLE
        )  # fmt: skip
        if must_be_read or not isinstance(image, str):
            assert_allclose(image, right, atol=2, err_msg=str(layout))


@pytest.mark.parametrize(("bits", "photometric"), [
    (12, BLACK_IS_ZERO), (16, BLACK_IS_ZERO), (16, WHITE_IS_ZERO),
])  # fmt: skip
@pytest.mark.parametrize("compressed", [False, True])
def test_the_upper_8_of_12_or_16_bits_are_read(tmp_path, bits, photometric, compressed):
    pixels = values(bits, 1)
    upper = pixels[..., 0] >> bits - 8
    right = 255 - upper if photometric == WHITE_IS_ZERO else upper
    content = tiff_file(pixels, bits, photometric, compressed=compressed)
    assert_array_equal(read(tmp_path, content, grayscale=True), right)
    upside_down = {ORIENTATION: 3}
    content = tiff_file(pixels, bits, photometric, compressed=compressed, tags=upside_down)
    assert_array_equal(read(tmp_path, content, grayscale=True), right[::-1, ::-1])


@pytest.mark.parametrize(("bits", "sample_format", "kind"), [
    (8, 2, "signed integers of 8"), (16, 2, "signed integers of 16"),
    (32, 1, "unsigned integers of 32"), (32, 2, "signed integers of 32"),
    (32, 3, "floating-point numbers of 32"),
])  # fmt: skip
def test_other_numbers_are_refused(tmp_path, bits, sample_format, kind):
    pixels = values(7, 1).astype(np.float32 if sample_format == 3 else int)
    content = tiff_file(pixels, bits, BLACK_IS_ZERO, tags={SAMPLE_FORMAT: sample_format})
    assert f"{kind} bits, not unsigned integers of at most 16 bits" in read(tmp_path, content)


@pytest.mark.parametrize(("bits", "photometric", "channels", "layout"), [
    (8, WHITE_IS_ZERO, 1, {}), (4, BLACK_IS_ZERO, 1, {}), (1, WHITE_IS_ZERO, 1, {}),
    (8, RGB, 3, {"fill_order": 2}), (16, RGB, 3, {}), (16, RGB, 3, {"tile": True}),
    (8, RGB, 4, {"compressed": True}), (8, RGB, 4, {"tile": True}),  # alpha without its tag
    (8, BLACK_IS_ZERO, 2, {"compressed": True, "tags": {EXTRA: 2}}),
    (8, LAB, 3, {}), (8, LAB, 3, {"compressed": True}),
])  # fmt: skip
def test_separate_planes_that_pillow_confuses_are_refused(
    tmp_path, bits, photometric, channels, layout
):
    content = tiff_file(values(bits, channels), bits, photometric, planes=True, **layout)
    assert "save it with PlanarConfiguration 1" in read(tmp_path, content)


@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize(("bits", "channels"), [(8, 2), (8, 4), (16, 4)])
def test_colors_that_are_multiplied_with_alpha(tmp_path, bits, channels, planes):
    alpha = values(bits, 1)
    pixels = np.concatenate([alpha // 3] * (channels - 1) + [alpha], axis=2)
    photometric = RGB if channels == 4 else BLACK_IS_ZERO
    layout = {"planes": planes, "compressed": True, "tags": {EXTRA: 1}}
    image = read(tmp_path, tiff_file(pixels, bits, photometric, **layout))
    if channels == 2 and isinstance(image, str):
        # Pillow 10.1 does not read this form, later versions only if there is a single plane.
        assert "damaged, or not in one" in image or (planes and "PlanarConfiguration 1" in image)
    else:
        right = 255 - alpha / (2**bits - 1) * 170
        assert_allclose(image, np.broadcast_to(right, image.shape), atol=3)


@pytest.mark.parametrize("planes", [False, True])
def test_other_numbers_of_channels_than_usual(tmp_path, planes):
    pixels = values(8, 4)
    image = read(tmp_path, tiff_file(pixels, 8, RGB, planes=planes))
    assert_allclose(image, expected(pixels, 8, RGB, 2, None), atol=2)
    image = read(tmp_path, tiff_file(pixels[..., :1], 8, YCBCR, planes=planes), grayscale=True)
    assert_array_equal(image, pixels[..., 0])


@pytest.mark.parametrize("layout", [
    {}, {"planes": True}, {"tile": True}, {"compressed": True},
    {"planes": True, "compressed": True},
], ids=str)  # fmt: skip
def test_missing_strips_or_tiles_are_noticed(tmp_path, layout):
    content = tiff_file(values(8, 3), 8, RGB, **layout)
    assert not isinstance(read(tmp_path, content), str)
    tag = OFFSETS[layout.get("tile", False)]
    entry = content.rindex(struct.pack("<HH", tag, 4))  # then the number of offsets
    n = struct.unpack_from("<I", content, entry + 4)[0]
    changed = content[: entry + 4] + struct.pack("<I", n - 1) + content[entry + 8 :]
    reason = "decoder error|-2" if "compressed" in layout else "do not cover the whole image"
    assert re.search(reason, read(tmp_path, changed))


@pytest.mark.parametrize("subsampling", [None, (2, 1), (1, 1)])
def test_ycbcr(tmp_path, subsampling):
    """Pillow 10.1 confuses all that are not compressed, later versions those with subsampling."""
    pixels = np.full((20, 36, 3), (150, 100, 140))
    tags = {} if subsampling is None else {SUBSAMPLING: subsampling}
    image = read(tmp_path, tiff_file(pixels, 8, YCBCR, tags=tags) + bytes(5000))
    if subsampling != (1, 1) or isinstance(image, str):
        assert "its YCbCr pixels are not compressed, " in image
    else:
        assert_allclose(image, np.broadcast_to((166.8, 151.1, 100.4), image.shape), atol=2)
    tags = {SUBSAMPLING: (1, 1)}
    image = read(tmp_path, tiff_file(pixels, 8, YCBCR, compressed=True, tags=tags))
    assert_allclose(image, np.broadcast_to((166.8, 151.1, 100.4), image.shape), atol=2)


@pytest.mark.parametrize(("bits", "channels"), [
    (1, 1), (2, 1), (4, 1), (8, 1), (16, 1), (8, 3), (16, 3),
])  # fmt: skip
def test_the_transparent_color_of_a_png_file_becomes_white(tmp_path, bits, channels):
    pixels = values(bits, channels, (9, 13))
    color = pixels[0, 0]
    pixels[2:4, 1:7] = color
    pixels[3, 2] ^= 1  # almost this colour
    right = pixels >> 8 if bits == 16 else pixels * 255 // (2**bits - 1)
    right[(pixels == color).all(axis=2)] = 255
    right = np.broadcast_to(right, (9, 13, 3))
    color_type = 2 if channels == 3 else 0
    assert_array_equal(read(tmp_path, png_file(pixels, bits, color_type, color)), right)
    if 1 < bits < 16:  # only the lower bits count
        higher = color + 2**bits
        assert_array_equal(read(tmp_path, png_file(pixels, bits, color_type, higher)), right)


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_png_files_of_16_bits(tmp_path, color_type, channels):
    pixels = values(16, channels)
    photometric = RGB if channels > 2 else BLACK_IS_ZERO
    right = expected(pixels, 16, photometric, 2 if channels in (2, 4) else None, None)
    assert_allclose(read(tmp_path, png_file(pixels, 16, color_type)), right, atol=2)


@pytest.mark.parametrize("largest", [1, 100, 255, 1023, 4095, 65535])
@pytest.mark.parametrize("channels", [1, 3])
def test_pgm_and_ppm_files_of_any_range(tmp_path, channels, largest):
    pixels = np.random.default_rng(0).integers(0, largest + 1, (9, 13, channels))
    data = pixels.astype(">u2" if largest > 255 else np.uint8).tobytes()
    content = b"P%d 13 9 %d\n" % (5 if channels == 1 else 6, largest) + data
    right = np.broadcast_to(pixels / largest * 255, (9, 13, 3))
    assert_allclose(read(tmp_path, content), right, atol=1)
