"""Disk cache for the scores of expensive constraints, by constraint and sample."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing

from ..support.cache_folder import cache_folder

SCORES = "scores.sqlite"
ASKED_AT_ONCE = 500
"""Samples per query; SQLite limits the number of parameters."""


def cached_scores(fingerprint: str, samples: Sequence[str], score: Callable[[list[str]], list[float]]) -> list[float]:
    """The values of distinct ``samples``, given as their keys, in order; calls ``score`` only for samples not in the cache.

    If the cache cannot be opened, read or written, it is bypassed: the values are the same, only slower.
    """
    keys = [hashlib.sha256(f"{fingerprint} {sample}".encode()).digest() for sample in samples]
    kept = _read(keys)
    missing = [i for i, key in enumerate(keys) if key not in kept]
    if missing:
        fresh = dict(zip((keys[i] for i in missing), score([samples[i] for i in missing]), strict=True))
        _write(fresh)
        kept |= fresh
    return [kept[key] for key in keys]


def _open() -> sqlite3.Connection:
    cache_folder().mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(cache_folder() / SCORES, timeout=30)
    connection.execute("CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID")
    return connection


def _read(keys: list[bytes]) -> dict[bytes, float]:
    found: dict[bytes, float] = {}
    try:
        with closing(_open()) as connection:
            for start in range(0, len(keys), ASKED_AT_ONCE):
                some = keys[start : start + ASKED_AT_ONCE]
                marks = ",".join("?" * len(some))
                found |= dict(connection.execute(f"SELECT key, value FROM scores WHERE key IN ({marks})", some))
    except (sqlite3.Error, OSError):
        return {}
    return found


def _write(scores: dict[bytes, float]) -> None:
    try:
        with closing(_open()) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?)", scores.items())
    except (sqlite3.Error, OSError):
        return
