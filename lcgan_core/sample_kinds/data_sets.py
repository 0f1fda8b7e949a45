"""Data sets that the ``datasets`` library finds by their names: ``datasets:NAME[:CONFIG][#SPLIT]``.

NAME is USER/NAME on the hub, or a folder of this machine. Without SPLIT, it is ``train``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import CorpusError

DATA_SET = "datasets:"


def is_data_set(source: str | Path) -> bool:
    return str(source).startswith(DATA_SET)


def load_data_set(source: str | Path, column: str) -> Any:
    """The rows of a data set with this column, a ``datasets.Dataset``.

    Raises ``CorpusError`` if ``datasets`` is not installed, or if it finds no such data set, configuration, split or column.
    """
    try:
        import datasets
    except ImportError as error:
        raise CorpusError(f"Reading a data set needs {error.name}: pip install 'lcgan-core[pretrain]'.") from error
    name, _, split = str(source).removeprefix(DATA_SET).partition("#")
    name, _, config = name.partition(":")
    datasets.utils.disable_progress_bars()
    try:
        rows = datasets.load_dataset(name, config or None, split=split or "train")
    except Exception as error:  # of any type: many libraries read data sets
        reason = " ".join(str(error).split()).rstrip(".")
        raise CorpusError(
            f"{source} cannot be loaded: {reason}. Write {DATA_SET}NAME, {DATA_SET}NAME:CONFIG or {DATA_SET}NAME#SPLIT."
        ) from error
    if column not in rows.column_names:
        raise CorpusError(f"{source} has no column {column!r}; it has {', '.join(rows.column_names)}. Choose with --column.")
    return rows
