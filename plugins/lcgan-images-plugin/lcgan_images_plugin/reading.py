"""Reading pictures to train on: IDX files, a folder of pictures, ``.npz``, or a data set, ``datasets:NAME``."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lcgan_core import CorpusError, Images, SampleError
from lcgan_core.sample_kinds.data_sets import is_data_set, load_data_set

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    """``[pictures, height, width, 1 or 3]``"""

SMALLEST, LARGEST = 28, 64
"""Sides of pictures that an image VAE is built for, in pixels."""
IDX_HEADER = 4
"""Two zero bytes, the type of the numbers, and the number of axes (yann.lecun.com/exdb/mnist)."""
UINT8 = 8


def read_pictures(
    source: Path, column: str = "image", size: int | None = None, mode: Literal["L", "RGB"] | None = None
) -> Pixels:
    """All pictures at ``source``, scaled and cropped to ``size`` x ``size`` if that is given; grey if all of them are.

    ``column`` is the column of a data set, or the array in an ``.npz`` file. Raises ``CorpusError`` or ``SampleError`` if there
    are none, if one cannot be read, or if they are of mixed sizes.
    """
    import numpy as np

    if source.suffix == ".npz":
        found = list(_npz(source, column))
    elif source.is_dir():
        found = _folder(source, size)
    elif source.is_file():
        found = list(read_idx(source, axes=3))
    elif is_data_set(source):
        found = _data_set(source, column)
    else:
        raise CorpusError(
            f"No pictures at {source}. Give an IDX file, a folder of pictures, an .npz file, or a data set: datasets:NAME."
        )
    if not found:
        raise CorpusError(f"{source} contains no pictures.")
    pictures = [Images.array(picture) for picture in found]
    mode = mode or ("L" if all(picture.ndim == 2 for picture in pictures) else "RGB")
    plain = [fitted(picture, (size, size) if size else None, mode) for picture in pictures]
    shapes = {picture.shape: number for number, picture in reversed(list(enumerate(plain, start=1)))}
    if len(shapes) > 1:
        (one, first), (other, second) = sorted(shapes.items(), key=lambda item: item[1])[:2]
        raise CorpusError(
            f"{source} has pictures of mixed sizes: number {first} has {one[1]} x {one[0]} pixels, number {second} "
            f"{other[1]} x {other[0]}. Scale and crop them all: --set size=28"
        )
    (height, width, _) = plain[0].shape
    if not (min(height, width) >= SMALLEST and max(height, width) <= LARGEST):
        raise CorpusError(
            f"{source} has pictures of {width} x {height} pixels; an image VAE is for {SMALLEST} to {LARGEST} pixels a side. "
            "Scale and crop them: --set size=64"
        )
    return np.stack(plain)


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """The array of an IDX file, also with .gz behind it; raises ``CorpusError`` unless it is whole and has ``axes``."""
    import numpy as np

    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path} cannot be read: {error}. Get the file again.") from error
    if len(content) < IDX_HEADER or content[:2] != b"\0\0" or content[2] != UINT8 or content[3] != axes:
        raise CorpusError(
            f"{path} is not an IDX file of {'pictures' if axes == 3 else 'labels'}. Give such a file, a folder of pictures, an "
            ".npz file, or a data set: datasets:NAME."
        )
    header = IDX_HEADER + 4 * axes
    shape = tuple(int.from_bytes(content[at : at + 4]) for at in range(IDX_HEADER, header, 4))
    if len(content) != header + math.prod(shape):
        raise CorpusError(
            f"{path} is truncated: its header promises {math.prod(shape):,} bytes of {shape[0]:,} items, and "
            f"{max(0, len(content) - header):,} are there. Get the file again."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _npz(path: Path, column: str) -> Any:
    import zipfile

    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            names = arrays.files
            name = column if column in names else names[0] if len(names) == 1 else None
            found = arrays[name] if name else None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, IndexError) as error:
        raise CorpusError(f"{path} cannot be read: {error}. Get the file again.") from error
    if found is None:
        raise CorpusError(f"{path} has no array {column!r}; it has {', '.join(names)}. Choose with --column.")
    if found.ndim not in (3, 4) or (found.ndim == 4 and found.shape[3] not in (1, 3, 4)):
        raise CorpusError(f"{path} has an array of shape {found.shape}, not [pictures, height, width] or [..., 1, 3 or 4].")
    return found


def _folder(folder: Path, size: int | None) -> list[Any]:
    """The pictures of a folder and of the folders in it, one for each class as a rule."""
    folders = [folder, *sorted(inner for inner in folder.iterdir() if inner.is_dir())]
    kind = Images(size=(size, size) if size else None)
    files = [file for inner in folders for file in sorted(inner.iterdir()) if file.suffix.lower() in Images.suffixes]
    if not files:
        raise CorpusError(f"{folder} contains no pictures. They end in {', '.join(Images.suffixes)}.")
    return [kind.parse(str(file)) for file in files]


def _data_set(source: Path, column: str) -> list[Any]:
    """Pictures of a data set that ``datasets`` finds by its name."""
    try:
        return [Images.array(picture) for picture in load_data_set(source, column)[column]]
    except SampleError as error:
        raise CorpusError(f"The column {column!r} of {source} does not hold pictures: {error}") from error


def fitted(picture: Any, size: tuple[int, int] | None, mode: str | None) -> Any:
    """A uint8 array of the picture, scaled and cropped to the width and height of ``size``: ``[height, width, 1]`` in mode L,
    else ``[height, width, 3]``."""
    import numpy as np
    from PIL import Image, ImageOps

    fits = picture.shape[2:] == (() if mode == "L" else (3,))
    if not fits or (size and picture.shape[:2] != size[::-1]):
        image = Image.fromarray(picture).convert(mode)
        picture = np.asarray(ImageOps.fit(image, size) if size and image.size != size else image)
    return picture.reshape(*picture.shape[:2], -1)
