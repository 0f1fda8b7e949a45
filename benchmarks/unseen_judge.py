"""A judge that no lcgan training ever saw, for the scripts here that measure. It should not be fooled by the same texts."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

from lcgan_core.constraint import SATISFIED, evaluate
from lcgan_core.plugins.discovery import make_constraint

Judge = Callable[[Sequence[str]], list[bool]]


def unseen_judge(train: Path, target: str) -> Judge:
    """Tells whether texts have the sentiment ``target``, by n-grams of the labelled texts in ``train``."""
    judge = make_constraint("sentiment-ngrams", {"train": train, "target": target})
    return lambda texts: [value >= SATISFIED for value in evaluate(judge, texts)]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file with a header, gzipped or not."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
