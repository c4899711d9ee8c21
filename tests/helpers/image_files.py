"""Contents of TIFF and PNG files with pixels of any number of bits, written without Pillow."""

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def tiff_file(pixels, bits, photometric, *, order="<", fill_order=1, planes=False, compressed=False,
              tile=False, tags=None):  # fmt: skip
    """A TIFF file of pixels (h, w, channels) in strips of 5 rows or in tiles of 16 x 16.

    `order` is "<" for II and ">" for MM; `tags` has more numbers, or lists of them, by tag.
    """
    h, w, channels = pixels.shape
    blocks = []
    for plane in np.split(pixels, channels, axis=2) if planes else [pixels]:
        if tile:
            plane = np.pad(plane, ((0, -h % 16), (0, -w % 16), (0, 0)))
            blocks += [
                plane[i : i + 16, j : j + 16] for i in range(0, h, 16) for j in range(0, w, 16)
            ]
        else:
            blocks += [plane[i : i + 5] for i in range(0, h, 5)]
    data = [b"".join(_packed(row, bits, order) for row in block) for block in blocks]
    data = [zlib.compress(part) for part in data] if compressed else data
    if fill_order == 2:
        reverse = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
        data = [part.translate(reverse) for part in data]
    offsets = [8 + sum(map(len, data[:i])) for i in range(len(data))]
    lengths = [len(part) for part in data]
    entries = {
        256: w, 257: h, 258: [bits] * channels, 259: 8 if compressed else 1, 262: photometric,
        266: fill_order, 277: channels, 284: 2 if planes else 1,
    } | ({322: 16, 323: 16, 324: offsets, 325: lengths} if tile
         else {273: offsets, 278: 5, 279: lengths}) | (tags or {})  # fmt: skip
    body = b"".join(data)
    body += bytes(len(body) % 2)
    end = 8 + len(body) + 2 + 12 * len(entries) + 4
    directory, values = struct.pack(order + "H", len(entries)), b""
    for tag, value in sorted(entries.items()):
        value = np.atleast_1d(value)
        is_long = tag in (273, 279, 324, 325)
        packed = value.astype(order + ("u4" if is_long else "u2")).tobytes()
        directory += struct.pack(order + "HHI", tag, 4 if is_long else 3, len(value))
        if len(packed) <= 4:
            directory += packed.ljust(4, b"\0")
        else:
            directory += struct.pack(order + "I", end + len(values))
            values += packed
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(body))
    return header + body + directory + bytes(4) + values


def png_file(pixels, bits, color_type, transparent=None):
    """A PNG file of pixels (h, w, channels); `transparent` has one value per channel."""
    h, w = pixels.shape[:2]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, color_type, 0, 0, 0))]
    if transparent is not None:
        chunks += [(b"tRNS", np.asarray(transparent, ">u2").tobytes())]
    rows = b"".join(b"\0" + _packed(row, bits, ">") for row in pixels)
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def _packed(row, bits, order):
    """The bytes of a row, which ends with a whole byte."""
    if bits % 8 == 0:
        return row.astype(f"{order}{'f' if row.dtype.kind == 'f' else 'u'}{bits // 8}").tobytes()
    return np.packbits(row.reshape(-1, 1) >> np.arange(bits - 1, -1, -1) & 1).tobytes()
