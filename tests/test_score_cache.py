from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from lcgan_core import Constraint, ConstraintError, Images, Text
from lcgan_core.constraints.score_cache import _say, cached_scores
from lcgan_core.engine.labelling import scores

asked: list[str] = []


class Slow(Constraint):
    """The share of one letter."""

    name = "slow"
    expensive: ClassVar[bool] = True
    letter: str = "a"
    """The letter."""

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        asked.extend(samples)
        return [len(sample) / 3 if self.letter == "!" else sample.count(self.letter) / (3 * len(sample)) for sample in samples]


@pytest.fixture(autouse=True)
def cache_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    asked.clear()
    _say.cache_clear()
    monkeypatch.setenv("LCGAN_CACHE", str(tmp_path))
    return tmp_path / "scores.sqlite"


def test_a_text_is_scored_once_however_often_it_comes() -> None:
    first = scores(Slow(), ["ab", "b", "ab", "aa"], Text())
    assert first == [1 / 6, 0.0, 1 / 6, 1 / 3]
    assert asked == ["ab", "b", "aa"]
    assert scores(Slow(), ["aa", "new", "b"], Text()) == [1 / 3, 0.0, 0.0]
    assert asked == ["ab", "b", "aa", "new"]


def test_other_options_are_another_constraint() -> None:
    assert scores(Slow(), ["ab"], Text()) == scores(Slow(letter="b"), ["ab"], Text())
    assert asked == ["ab", "ab"]


def test_more_texts_than_a_query_takes() -> None:
    texts = [f"a{number}" for number in range(2300)]
    first = scores(Slow(), texts, Text())
    assert scores(Slow(), texts[::-1], Text()) == first[::-1]
    assert len(asked) == 2300


def test_a_value_that_is_refused_is_not_kept() -> None:
    for _ in range(2):
        with pytest.raises(ConstraintError, match=r"returned 1\.66"):
            scores(Slow(letter="!"), ["right", "wrong"], Text())
    assert asked == ["right", "wrong"] * 2


def test_a_cheap_constraint_is_not_cached(cache_file: Path) -> None:
    class Cheap(Slow):
        expensive: ClassVar[bool] = False

    assert scores(Cheap(), ["ab"], Text()) == [1 / 6]
    assert not cache_file.exists()


def test_images_are_cached_by_their_pixels() -> None:
    class Bright(Slow):
        name = "bright"

        def __call__(self, samples: Sequence[Any]) -> list[float]:
            asked.extend(samples)
            return [float(Images.array(sample).mean()) / 255 for sample in samples]

    light, dark = np.full((40, 40), 255, np.uint8), np.zeros((40, 40), np.uint8)
    assert scores(Bright(), [light, dark, light.copy()], Images()) == [1, 0, 1]
    assert scores(Bright(), [Image.fromarray(dark), light.copy()], Images()) == [0, 1]
    assert len(asked) == 2


@pytest.mark.parametrize("damage", ["locked", "locked for writing", "a folder in its place", "a file above it"])
def test_a_cache_that_cannot_be_used_is_not_waited_for(
    cache_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    waits: list[float] = []
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout: waits.append(timeout) or connect(path, timeout=timeout))
    if damage.startswith("locked"):
        cached_scores("other", ["text"], lambda texts: [0.5])
        holder = connect(cache_file, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE" if damage == "locked" else "BEGIN IMMEDIATE")
    elif damage == "a folder in its place":
        cache_file.mkdir()
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("LCGAN_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert scores(Slow(), ["ab", "b"], Text()) == [1 / 6, 0.0]
    assert asked == ["ab", "b"] * 2
    assert max(waits, default=0) <= 0.1
    assert len(caplog.messages) == 1  # not for every batch
    assert "Scores are computed anew" in caplog.text


def other_tables(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE scores (key BLOB PRIMARY KEY, value REAL)")


BREAK: dict[str, Callable[[Path], object]] = {
    "no database": lambda file: file.write_text("this is no database, and long enough to be none " * 100, encoding="utf-8"),
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:5000]),
    "zeros": lambda file: file.write_bytes(file.read_bytes()[:100] + bytes(file.stat().st_size - 100)),
    "a table of another kind": lambda file: (file.unlink(), other_tables(file)),
}


@pytest.mark.parametrize("damage", BREAK)
def test_a_broken_cache_is_set_aside_and_begun_anew(cache_file: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    texts = [f"a{number}" for number in range(500)]
    first = scores(Slow(), texts, Text())
    BREAK[damage](cache_file)
    for _ in range(3):
        assert scores(Slow(), texts, Text()) == first
    assert len(asked) in (1000, 1500)  # a file may be found broken only when it is written to
    assert cache_file.with_name("scores.sqlite.broken").exists()
    assert "is broken" in caplog.text
    assert "moved to scores.sqlite.broken" in caplog.text


def test_no_flipped_bit_serves_a_wrong_value(cache_file: Path) -> None:
    texts = [f"{'a' * (number % 7)}b{number}" for number in range(60)]
    first = scores(Slow(), texts, Text())
    whole = cache_file.read_bytes()
    random = Random(0)
    for _ in range(150):
        damaged, place = bytearray(whole), random.randrange(len(whole))
        damaged[place] ^= 1 << random.randrange(8)
        cache_file.write_bytes(damaged)
        assert scores(Slow(), texts, Text()) == first


@pytest.mark.parametrize("value", [0.25, 1e300, "text", b"bytes"])
def test_a_damaged_value_is_computed_again_and_said(
    cache_file: Path, caplog: pytest.LogCaptureFixture, value: float | str | bytes
) -> None:
    scores(Slow(), ["ab", "b"], Text())
    with closing(sqlite3.connect(cache_file)) as connection, connection:
        connection.execute("UPDATE scores SET value = ?", (value,))
    for _ in range(2):
        assert scores(Slow(), ["ab", "b"], Text()) == [1 / 6, 0.0]
    assert asked == ["ab", "b"] * 2
    assert "do not fit their checksums" in caplog.text


def test_a_value_under_another_key_is_not_taken(cache_file: Path) -> None:
    scores(Slow(), ["ab", "b"], Text())
    with closing(sqlite3.connect(cache_file)) as connection, connection:
        (one, other) = connection.execute("SELECT value, checksum FROM scores").fetchall()
        for key, row in zip([key for (key,) in connection.execute("SELECT key FROM scores")], (other, one), strict=True):
            connection.execute("UPDATE scores SET value = ?, checksum = ? WHERE key = ?", (*row, key))
    assert scores(Slow(), ["ab", "b"], Text()) == [1 / 6, 0.0]
