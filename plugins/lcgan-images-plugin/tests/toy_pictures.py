"""Pictures to test with, and files of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw


def drawn(shape: str, box: tuple[int, int, int, int], side: int = 28) -> Any:
    """A light line or ring on dark paper, as a uint8 array."""
    image = Image.new("L", (side, side))
    pen = ImageDraw.Draw(image)
    if shape == "line":
        pen.line(box, 255, 3)
    else:
        pen.ellipse(box, None, 255, 3)
    return np.asarray(image)


ONE, ZERO = drawn("line", (14, 5, 14, 23)), drawn("ring", (7, 4, 20, 23))


def bars(n: int = 120, colours: int = 0) -> Any:
    """Bars of chance places and widths; grey, or of chance colours."""
    chance = np.random.default_rng(0)
    pixels = np.zeros((n, 28, 28, colours or 1), np.uint8)
    for picture, left, width in zip(pixels, chance.integers(2, 20, n), chance.integers(2, 7, n), strict=True):
        picture[4:24, left : left + width] = chance.integers(150, 256, colours or 1)
    return pixels if colours else pixels[..., 0]


def idx(array: Any) -> bytes:
    """An IDX file of bytes."""
    return bytes([0, 0, 8, array.ndim, *b"".join(size.to_bytes(4) for size in array.shape), *array.tobytes()])
