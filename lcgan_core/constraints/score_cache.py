"""Disk cache for the scores of expensive constraints, by constraint and sample."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import sqlite3
import struct
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import cache
from typing import TypeVar

from ..support.cache_folder import cache_folder

SCORES = "scores.sqlite"
ASKED_AT_ONCE = 500
"""Samples per query; SQLite limits the number of parameters."""
BUSY_SECONDS = 0.1
"""How long to wait for another process's lock. Arbitrary: longer than writing a batch takes, too short to be noticed."""
BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH}
"""What SQLite answers if the file is damaged, is no database, or has other tables."""

Answer = TypeVar("Answer")


def cached_scores(fingerprint: str, samples: Sequence[str], score: Callable[[list[str]], list[float]]) -> list[float]:
    """The values of distinct ``samples``, given as their keys, in order; calls ``score`` only for samples not in the cache.

    If the cache cannot be opened, read or written at once, it is bypassed: the values are the same, only slower. A damaged
    value is computed again, and a damaged file is moved aside; both are reported on stderr.
    """
    keys = [hashlib.sha256(f"{fingerprint} {sample}".encode()).digest() for sample in samples]
    kept = _read(keys)
    missing = [i for i, key in enumerate(keys) if key not in kept]
    if missing:
        fresh = dict(zip((keys[i] for i in missing), score([samples[i] for i in missing]), strict=True))
        _write({key: value for key, value in fresh.items() if not math.isnan(value)})  # it may be able to judge those later
        kept |= fresh
    return [kept[key] for key in keys]


def _read(keys: list[bytes]) -> dict[bytes, float]:
    def rows(connection: sqlite3.Connection) -> list[tuple[bytes, float, bytes]]:
        found: list[tuple[bytes, float, bytes]] = []
        for start in range(0, len(keys), ASKED_AT_ONCE):
            some = keys[start : start + ASKED_AT_ONCE]
            marks = ",".join("?" * len(some))
            found += connection.execute(f"SELECT key, value, checksum FROM scores WHERE key IN ({marks})", some)
        return found

    nothing: list[tuple[bytes, float, bytes]] = []
    found = _with_cache(rows, nothing)
    whole = {key: value for key, value, checksum in found if isinstance(value, float) and checksum == _checksum(key, value)}
    if len(whole) < len(found):
        _say(f"{cache_folder() / SCORES}: values that do not fit their checksums are computed again.")
    return whole


def _write(scores: dict[bytes, float]) -> None:
    rows = [(key, value, _checksum(key, value)) for key, value in scores.items()]
    _with_cache(lambda connection: connection.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", rows), None)


def _checksum(key: bytes, value: float) -> bytes:
    return hashlib.sha256(key + struct.pack("<d", value)).digest()[:8]


def _with_cache(use: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
    """What ``use`` makes of the database; ``otherwise`` if that cannot be used now."""
    try:
        file = cache_folder() / SCORES
    except FileNotFoundError:  # the user has no home
        return otherwise
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.touch()  # with the mode of the user's other files, which SQLite would not give it
        with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, value REAL NOT NULL, checksum BLOB) WITHOUT ROWID"
            )
            return use(connection)
    except OSError as error:
        _say(f"{file} cannot be used: {error}. Scores are computed anew.")
    except sqlite3.Error as error:
        # Python itself raises errors without a code, on values that it cannot read.
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in BROKEN:
            _set_aside(error)
        else:
            _say(f"{file} cannot be used now: {error}. Scores are computed anew.")
    return otherwise


def _set_aside(error: sqlite3.Error) -> None:
    """Moves a broken database, and what SQLite keeps beside it, out of the way of a new one."""
    file = cache_folder() / SCORES
    with suppress(OSError):
        for suffix in ("-journal", "-wal", "-shm"):
            file.with_name(SCORES + suffix).unlink(missing_ok=True)
        os.replace(file, file.with_name(f"{SCORES}.broken"))
    _say(f"{file} is broken: {error}. It was moved to {SCORES}.broken, and a new one is begun; scores are computed anew.")


@cache
def _say(message: str) -> None:
    """Logs the message, once a process."""
    logging.getLogger(__name__).warning(message)
