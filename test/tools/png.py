"""Writes PNG files for tests, in every form that the format has."""
import struct
import zlib

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rows_of(samples, depth):
    """Every row behind a byte for its filter, none. samples: [height, width, channels]."""
    rows = samples.reshape(len(samples), -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    elif depth == 8:
        packed = rows.astype(np.uint8)
    else:
        bits = (rows[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
        packed = np.packbits(bits.reshape(len(rows), -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def encode(samples, kind=RGB, depth=8, palette=None, transparent=None, interlaced=False, size=None):
    """samples: integers [height, width] or [height, width, channels]; size: (width, height) to claim instead."""
    samples = np.asarray(samples).reshape(*np.shape(samples)[:2], CHANNELS[kind])
    height, width = size[::-1] if size else samples.shape[:2]
    if interlaced:
        parts = [samples[top::down, left::right] for top, left, down, right in ADAM7]
        data = b"".join(rows_of(np.ascontiguousarray(part), depth) for part in parts if part.size)
    else:
        data = rows_of(samples, depth)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced))
    if palette is not None:
        file += chunk(b"PLTE", np.asarray(palette, np.uint8).tobytes())
    if transparent is not None:
        file += chunk(b"tRNS", transparent)
    return file + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def write(path, samples, **form):
    with open(path, "wb") as file:
        file.write(encode(samples, **form))


def wave(t, period):
    """0 to 255 and back, in whole numbers."""
    return np.abs(t % (2 * period) - period) * 255 // period


def photo(height, width):
    """A made-up photograph: waves of three colours, and an edge. The same everywhere, to the last pixel."""
    y, x = np.mgrid[:height, :width]
    bands = [(wave(x, 15) + wave(y, 21)) // 2, wave(2 * x + 3 * y, 57), np.where(x * height > y * width, 230, 40)]
    return np.stack(bands, axis=-1).astype(np.uint8)
