"""Reading a corpus with one text per row: plain text, CSV, JSONL, Parquet, or a data set by its name."""

from __future__ import annotations

import codecs
import gzip
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

from ..errors import CorpusError
from .data_sets import is_data_set, load_data_set

try:
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError
    from datasets.utils import disable_progress_bars
except ImportError as error:
    raise CorpusError(f"Reading a file of texts needs {error.name}: pip install 'lcgan-core[pretrain]'.") from error

READERS = {".txt": "text", ".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}
BROKEN = (gzip.BadGzipFile, zlib.error, EOFError)
"""What a damaged .gz file raises."""
DEEPEST = 50
"""How often values in JSON may be nested. Arbitrary: rows of a corpus have two or three levels."""


def load_corpus(path: Path, column: str = "text") -> list[str]:
    """The texts of a file, or of a data set ``datasets:NAME``, in order, without blank rows and superfluous spaces.

    Raises ``CorpusError`` if the file is missing, of an unknown format, not UTF-8, or has no such column or no texts.
    """
    rows = load_data_set(path, column) if is_data_set(path) else _rows_of_file(path, column)
    found = list(rows[column])
    for row, text in enumerate(found, start=1):
        if text is not None and not isinstance(text, str):  # dates too: their readers would write them in another way
            raise CorpusError(
                f"{path} row {row}: {column!r} is {_shown(text)}, not a text. Repair that row, or choose another --column."
            )
    texts = [text for text in (" ".join((text or "").split()) for text in found) if text]
    if not texts:
        raise _nothing(path)
    return texts


def _nothing(path: Path) -> CorpusError:
    return CorpusError(f"{path} contains no text. A corpus has one text per row.")


def _rows_of_file(path: Path, column: str) -> Any:
    if not path.is_file():
        raise CorpusError(
            f"No corpus at {path}. Give a file: {', '.join(READERS)}, or one of these followed by .gz; or a data set: "
            "datasets:NAME."
        )
    suffix = (Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix).lower()
    if suffix not in READERS:
        raise CorpusError(f"{path}: a corpus must end in {', '.join(READERS)} (or one of these and .gz), not in {suffix!r}.")
    if not path.stat().st_size:
        raise _nothing(path)
    if READERS[suffix] == "json":
        refuse_deep(path)
    options: dict[str, Any] = {"keep_in_memory": True}
    if READERS[suffix] in ("text", "csv"):
        options["encoding"] = encoding_of(path)
    if READERS[suffix] == "csv":
        options |= {"converters": {column: str}, "na_filter": False, "sep": "\t" if suffix == ".tsv" else ","}
    disable_progress_bars()
    try:
        with plainly_named(path) as plain:
            cache = str(plain.parent / "cache")
            rows = load_dataset(READERS[suffix], data_files=str(plain), split="train", cache_dir=cache, **options)
    except (UnicodeDecodeError, DatasetGenerationError) as error:
        reason = error.__cause__ if isinstance(error, DatasetGenerationError) else error
        what = "is not UTF-8 text" if isinstance(reason, UnicodeDecodeError) else "cannot be read"
        raise CorpusError(f"{path} {what}: {reason}. Convert the file, or repair that row.") from error
    except Exception as error:  # of any type: many libraries read these files
        if "no data" in str(error):  # a table with only a header
            raise _nothing(path) from error
        raise CorpusError(f"{path} cannot be read: {error}.") from error
    if column not in rows.column_names:
        raise CorpusError(f"{path} has no column {column!r}; it has {', '.join(rows.column_names)}. Choose with --column.")
    return rows


def encoding_of(path: Path) -> str:
    """UTF-16 if the file begins with its byte order mark, else UTF-8, with or without one."""
    try:
        with opened(path) as file:
            return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    except (OSError, *BROKEN) as error:
        raise CorpusError(f"{path} cannot be read: {error}.") from error


def opened(path: Path) -> IO[bytes]:
    """The file for reading, decompressed if its name ends in .gz."""
    return cast(IO[bytes], gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def refuse_deep(path: Path) -> None:
    """Raises ``CorpusError`` if a line of a JSON file may have deeply nested values: they end the process, in pyarrow."""
    with opened(path) as file:
        try:
            for number, line in enumerate(file, start=1):
                if depth(line) > DEEPEST:
                    raise CorpusError(f"{path} line {number} has values nested more than {DEEPEST} times. Repair that row.")
        except (OSError, *BROKEN) as error:
            raise CorpusError(f"{path} cannot be read: {error}.") from error


def _shown(value: Any) -> str:
    text = f"{type(value).__name__} {value!r}"
    return text if len(text) <= 80 else text[:77] + "..."


def depth(line: bytes) -> int:
    """How deeply lists and objects are nested in a line of JSON; brackets in its texts do not count."""
    if line.count(b"[") + line.count(b"{") <= DEEPEST:
        return 0  # it cannot be too deep
    deepest = now = 0
    for sign in re.sub(rb'"(?:[^"\\]|\\.)*"|[^][{}"]+', b"", line):
        now += 1 if sign in b"[{" else -1
        deepest = max(deepest, now)
    return deepest


@contextmanager
def plainly_named(path: Path) -> Iterator[Path]:
    """Another path to the same texts, in a temporary folder: in a path, datasets reads ``*``, ``[1]``, ``::`` as patterns."""
    with TemporaryDirectory(prefix="lcgan-") as folder:
        if path.suffix.lower() != ".gz":
            plain = Path(folder, f"corpus{path.suffix}")
            plain.symlink_to(path.resolve())
        else:  # datasets takes a compressed text for UTF-8, whatever it is told
            plain = Path(folder, f"corpus{path.suffixes[-2]}")
            with opened(path) as packed, plain.open("wb") as file:
                try:
                    shutil.copyfileobj(packed, file)
                except BROKEN as error:
                    raise CorpusError(f"{path} cannot be read: {error}. Compress the file again.") from error
        yield plain
