"""Reading drawings to train on: a folder of SVG, QuickDraw's ``.ndjson``, and ``.npz`` of stroke-3."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lcgan_core import CorpusError, SampleError, Strokes

from .drawing import lines_of, moves_of
from .sample_kind import Drawings

if TYPE_CHECKING:
    from .drawing import Moves, Points

ACCEPTED = "a folder of SVG files, an .ndjson file of QuickDraw, or an .npz file of stroke-3"
AXES = 2
"""x and y; what QuickDraw has beyond, the time, is not used."""


class Read(NamedTuple):
    """The drawings of a source, and how many were left out because they have too many movements."""

    drawings: list[Moves]
    too_long: int


def read_drawings(source: Path, column: str, tolerance: float, max_movements: int) -> Read:
    """All drawings at ``source`` of at most ``max_movements`` movements, simplified and scaled as ``moves_of`` does it.

    ``column`` is the array of an ``.npz`` file. Raises ``CorpusError`` or ``SampleError`` if there are none, or one cannot be
    read.
    """
    if source.is_dir():
        found = _folder(source)
    elif source.suffix == ".ndjson":
        found = _ndjson(source)
    elif source.suffix == ".npz":
        found = _npz(source, column)
    else:
        raise CorpusError(f"No drawings at {source}. Give {ACCEPTED}.")
    drawings = [moves_of(lines, tolerance) for lines in found]
    if not drawings:
        raise CorpusError(f"{source} contains no drawings. Give {ACCEPTED}.")
    fitting = [moves for moves in drawings if len(moves) <= max_movements]
    if not fitting:
        shortest = min(map(len, drawings))
        raise CorpusError(
            f"All {len(drawings):,} drawings of {source} have more than {max_movements} movements, the shortest {shortest}. "
            f"Allow more (--set max_movements={shortest}), or simplify more (--set tolerance={2 * tolerance:g})."
        )
    return Read(fitting, len(drawings) - len(fitting))


def _folder(folder: Path) -> Iterator[list[Points]]:
    """The SVG files of a folder and of the folders in it."""
    folders = [folder, *sorted(inner for inner in folder.iterdir() if inner.is_dir())]
    files = [file for inner in folders for file in sorted(inner.iterdir()) if file.suffix.lower() == ".svg"]
    if not files:
        raise CorpusError(f"{folder} contains no drawings: no file that ends in .svg.")
    for file in files:
        yield lines_of(Drawings().parse(str(file)))


def _ndjson(path: Path) -> Iterator[list[Points]]:
    """One drawing a line: ``{"drawing": [[[x, ...], [y, ...]], ...]}``."""
    try:
        with path.open(encoding="utf-8") as rows:
            for number, row in enumerate(rows, start=1):
                if row.strip():
                    yield _of_quickdraw(row, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read: {error}. Get the file again.") from error


def _of_quickdraw(row: str, where: str) -> list[Points]:
    try:
        strokes = json.loads(row)["drawing"]
        lines = [np.array(stroke[:AXES], np.float64).T for stroke in strokes]
        if not lines or any(line.ndim != AXES or line.shape[1] != AXES or not np.isfinite(line).all() for line in lines):
            raise ValueError("no x and y for each point of each stroke")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise CorpusError(
            f'{where} is not a drawing: {reason}. Expected: {{"drawing": [[[x, ...], [y, ...]], ...]}}'
        ) from error
    return lines


def _npz(path: Path, column: str) -> Iterator[list[Points]]:
    """The drawings in one array of an .npz file: each is an array of movements as in ``lcgan_core.Strokes``."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            name = column if column in names else names[0] if len(names) == 1 else None
            array = _array(archive.read(f"{name}.npy")) if name else None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError) as error:
        raise CorpusError(f"{path} cannot be read: {error}. Get the file again.") from error
    if array is None:
        raise CorpusError(f"{path} has no array {column!r}; it has {', '.join(names)}. Choose with --column.")
    for number, moves in enumerate(array, start=1):
        try:
            yield lines_of(Strokes.array(moves))
        except SampleError as error:
            raise CorpusError(f"{path}, {name}, drawing {number}: {error}") from error


def _array(content: bytes) -> Any:
    """The array of an .npy file. Arrays of arrays are pickled there, as QuickDraw's are; nothing but arrays is unpickled."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if not dtype.hasobject:
        return np.load(io.BytesIO(content), allow_pickle=False)
    try:
        array = _OnlyArrays(file, encoding="latin1").load()
    except (AttributeError, TypeError, IndexError, MemoryError) as error:  # what damaged pickles lead to
        raise ValueError(str(error)) from error
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError("it holds no array")
    return array


class _OnlyArrays(pickle.Unpickler):
    """Unpickles arrays of numbers, and refuses whatever could run code."""

    ALLOWED = frozenset({("_reconstruct", "multiarray"), ("ndarray", "numpy"), ("dtype", "numpy"), ("encode", "_codecs")})

    def find_class(self, module: str, name: str) -> Any:
        if (name, module.rpartition(".")[2]) not in self.ALLOWED or module.partition(".")[0] not in ("numpy", "_codecs"):
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no array and might be code")
        if name == "encode":
            return lambda text, encoding: text.encode("latin1")
        return np.empty(0).__reduce__()[0] if name == "_reconstruct" else getattr(np, name)
