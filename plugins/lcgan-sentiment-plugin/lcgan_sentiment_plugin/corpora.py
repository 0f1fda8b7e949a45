"""Labelled texts to train on and to test with."""

from __future__ import annotations

import csv
import gzip
import random
import re
from pathlib import Path
from typing import NamedTuple

import click

from lcgan_core import CorpusError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""The type of a file argument on the command line."""
LABELS = ("negative", "positive")
CLEAR = 1.0
"""Minimum absolute human valence, in a range of -4 to 4, for a text to count as positive or negative."""


class Labelled(NamedTuple):
    """A text, and the index of its sentiment in ``LABELS``."""

    text: str
    label: int


def read_labelled(path: Path) -> list[Labelled]:
    """The texts of a CSV file with the columns text and label (positive, negative), or of a ``.txt`` file of
    tab-separated lines "id, valence, text". Lines without a clear valence are left out. Either file may be gzipped.

    Raises ``CorpusError`` if the file holds anything else.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            if Path(path.stem if path.suffix == ".gz" else path.name).suffix == ".csv":
                found = [Labelled(row["text"], LABELS.index(row["label"])) for row in csv.DictReader(file)]
            else:
                rows = [line.rstrip("\r\n").split("\t", 2) for line in file]
                found = [Labelled(text, int(float(valence) > 0)) for _, valence, text in rows if abs(float(valence)) >= CLEAR]
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise CorpusError(
            f"{path} holds no labelled texts: {type(error).__name__}: {error}. "
            f"Give a CSV file with the columns text and label ({' or '.join(LABELS)})."
        ) from error
    return found


def as_written(text: str) -> str:
    """A tokenised, lower-cased text in ordinary spelling: tokens joined, first letter upper-case, numbers for ``_num_``."""
    numbers = random.Random(text)
    text = re.sub(r"_num_", lambda _: str(numbers.choice([2, 3, 5, 10, 20, 45])), text)
    text = re.sub(r" (n't|'(?:s|m|d|re|ve|ll)\b|[.,!?;:)])", r"\1", text)
    text = re.sub(r"([($]) ", r"\1", text)
    return text[:1].upper() + text[1:]
