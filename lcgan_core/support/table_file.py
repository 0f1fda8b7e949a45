"""Rows of named values as a table in a file: CSV, JSON lines or Parquet. And as a data frame of pandas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .extras import needed
from .files import whole, write_text

if TYPE_CHECKING:
    from pandas import DataFrame

ENDINGS = (".csv", ".jsonl", ".parquet")


def is_table(path: Path) -> bool:
    """Whether the name of a file says that it is a table."""
    return path.suffix.lower() in ENDINGS


def require_writer(path: Path) -> None:
    """Raises ``RunError`` if the library that writes this kind of table is not installed."""
    if path.suffix.lower() == ".parquet":
        needed("pyarrow", "Writing Parquet", "tables")


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the rows, which all have the same columns; the format follows the ending of ``path``, one of ``ENDINGS``."""
    ending = path.suffix.lower()
    if ending == ".csv":
        write_text(path, as_csv(rows))
    elif ending == ".jsonl":
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    else:
        table = needed("pyarrow", "Writing Parquet", "tables").Table.from_pylist(list(rows))
        with whole(path) as unfinished:
            needed("pyarrow.parquet", "Writing Parquet", "tables").write_table(table, unfinished)


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def data_frame(rows: Sequence[Mapping[str, Any]]) -> DataFrame:
    """The rows as a data frame; raises ``RunError`` if pandas is not installed."""
    found: DataFrame = needed("pandas", "A data frame", "tables").DataFrame(list(rows))
    return found
