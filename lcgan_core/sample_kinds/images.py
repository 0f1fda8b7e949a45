"""Images as NumPy arrays, PIL images or tensors; only their pixels count."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Literal

from ..errors import SampleError
from .base import FileKind, as_numpy, is_tensor, key_of

SHOWN = (96, 256)
"""Smallest and largest longer side on a page, in pixels; other images are scaled. Arbitrary."""
WINDOW = 7
"""Side of the windows that closeness compares, in pixels; the default of scikit-image."""


@dataclass(frozen=True)
class Images(FileKind[Any]):
    """Images. With ``sample_kind = Images("L", (28, 28))``, files are read as grey images of that size.

    A sample may be a NumPy array ``[height, width]`` or ``[height, width, 1, 3 or 4]``, a PIL image, or a tensor
    ``[height, width]`` or ``[1, 3 or 4, height, width]``. Its numbers are uint8, or floating-point in [0, 1].
    """

    mode: Literal["L", "RGB", "RGBA"] | None = None
    """Mode to which files are converted; by default they stay grey, coloured or transparent."""
    size: tuple[int, int] | None = None
    """Width and height in pixels to which files are scaled; they are cropped if the aspect ratio differs."""
    form: Literal["array", "pil", "tensor"] = "array"
    """What a file is read as: a uint8 NumPy array, a PIL image, or a float32 tensor ``[channels, height, width]`` in [0, 1]."""

    name: ClassVar[str] = "images"
    suffixes: ClassVar[tuple[str, ...]] = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")

    @staticmethod
    def array(sample: Any) -> Any:
        """The pixels as a uint8 array ``[height, width]`` (grey) or ``[height, width, 3 or 4]``; raises ``SampleError``."""
        import numpy as np

        if isinstance(sample, _pillow().Image):
            return np.asarray(sample if sample.mode in ("L", "RGB", "RGBA") else _plain(sample))
        found = as_numpy(sample)
        if found.ndim == 3 and is_tensor(sample):
            found = found.transpose(1, 2, 0)
        if found.ndim == 3 and found.shape[2] == 1:
            found = found[:, :, 0]
        if not (found.ndim == 2 or (found.ndim == 3 and found.shape[2] in (3, 4))) or not found.size:
            raise SampleError(
                f"{type(sample).__name__} of shape {tuple(np.shape(sample))} is not an image. An array is [height, width] or "
                "[height, width, 1, 3 or 4], a tensor [height, width] or [1, 3 or 4, height, width]."
            )
        if found.dtype == np.uint8:
            return np.ascontiguousarray(found)
        if found.dtype == bool or (np.issubdtype(found.dtype, np.floating) and found.min() >= 0 and found.max() <= 1):
            return np.ascontiguousarray((found * 255.0).round().astype(np.uint8))
        raise SampleError(
            f"An array of {found.dtype} from {found.min()} to {found.max()} is not an image. "
            "Give uint8, or floating-point numbers in [0, 1]."
        )

    def key(self, sample: Any) -> str:
        """A hash of size and pixels, the same for an array, a PIL image and a tensor with equal pixels."""
        pixels = self.array(sample)
        return key_of(pixels.shape, pixels.tobytes())

    def line(self, sample: Any) -> str:
        pixels = self.array(sample)
        colours = {1: "grey", 3: "colour", 4: "colour with transparency"}[pixels.shape[2] if pixels.ndim == 3 else 1]
        return f"image {self.key(sample)[:8]}, {pixels.shape[1]} x {pixels.shape[0]}, {colours}"

    def html(self, sample: Any) -> str:
        """An ``<img>`` with the pixels in a data URI; large images are scaled down."""
        image = _pillow().fromarray(self.array(sample))
        image.thumbnail((SHOWN[1], SHOWN[1]))
        png = io.BytesIO()
        image.save(png, "PNG")
        zoom = max(1.0, SHOWN[0] / max(image.size))
        width, height = (round(zoom * side) for side in image.size)
        return (
            f'<img src="data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}" width="{width}" height="{height}" '
            f'alt="{escape(self.line(sample))}"{" style=image-rendering:pixelated" if zoom > 1 else ""}>'
        )

    def read(self, path: Path) -> Any:
        import numpy as np

        opener = _pillow()
        from PIL import ImageOps

        with opener.open(path) as opened:
            image = ImageOps.exif_transpose(opened)  # photographs may lie on their side
            image = image.convert(self.mode) if self.mode else _plain(image)
        if self.size and image.size != self.size:
            image = ImageOps.fit(image, self.size)
        if self.form == "pil":
            return image
        if self.form == "array":
            return np.asarray(image)
        import torch

        pixels = torch.from_numpy(np.array(image)).float() / 255
        return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)

    def write(self, sample: Any, path: Path) -> None:
        _pillow().fromarray(self.array(sample)).save(path)

    def strip(self, samples: Sequence[Any]) -> Any:
        """An array, with the images at the height of the first; in colours if one of them is."""
        import numpy as np

        images = [_pillow().fromarray(self.array(sample)) for sample in samples]
        mode = max((image.mode for image in images), key=("L", "RGB", "RGBA").index)
        height = images[0].height
        return np.hstack(
            [np.asarray(image.convert(mode).resize((image.width * height // image.height, height))) for image in images]
        )

    def closeness(self, before: Sequence[Any], after: Sequence[Any]) -> list[float]:
        """Structural similarity, with negative values set to 0; 0 for images of different sizes."""
        pairs = ((self.array(first), self.array(second)) for first, second in zip(before, after, strict=True))
        return [similarity(first, second) if first.shape == second.shape else 0.0 for first, second in pairs]


def _pillow() -> Any:
    """The module ``PIL.Image``; raises ``SampleError`` if it is not installed."""
    try:
        from PIL import Image
    except ImportError as error:
        raise SampleError("Images need PIL: pip install 'lcgan-core[images]'.") from error
    return Image


def similarity(first: Any, second: Any) -> float:
    """The mean SSIM of two uint8 arrays of the same shape, at least 0 (Wang et al. 2004, doi 10.1109/TIP.2003.819861).

    Windows are uniform squares, ``WINDOW`` pixels wide or as large as a smaller image allows. All channels count equally.
    """
    x, y = (pixels.reshape(*pixels.shape[:2], -1) / 255.0 for pixels in (first, second))
    side = min(WINDOW, *x.shape[:2])
    c1, c2 = 0.01**2, 0.03**2  # the paper's constants against division by 0
    mean_x, mean_y = _window_means(x, side), _window_means(y, side)
    variance_x, variance_y = _window_means(x * x, side) - mean_x**2, _window_means(y * y, side) - mean_y**2
    covariance = _window_means(x * y, side) - mean_x * mean_y
    same_light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    same_shape = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return min(1.0, max(0.0, float((same_light * same_shape).mean())))


def _window_means(pixels: Any, side: int) -> Any:
    """The mean over every square window of ``[height, width, channels]``, by cumulative sums."""
    import numpy as np

    sums = np.pad(pixels, ((1, 0), (1, 0), (0, 0))).cumsum(0).cumsum(1)
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2


def _plain(image: Any) -> Any:
    """The PIL image, converted to whichever of L, RGB and RGBA fits best."""
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    if image.mode in ("1", "I;16", "I", "F"):
        return image.convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
