from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lcgan_core import Constraint, ConstraintError
from lcgan_core.constraints.score_cache import cached_scores
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
    monkeypatch.setenv("LCGAN_CACHE", str(tmp_path))
    return tmp_path / "scores.sqlite"


def test_a_text_is_scored_once_however_often_it_comes() -> None:
    first = scores(Slow(), ["ab", "b", "ab", "aa"])
    assert first == [1 / 6, 0.0, 1 / 6, 1 / 3]
    assert asked == ["ab", "b", "aa"]
    assert scores(Slow(), ["aa", "new", "b"]) == [1 / 3, 0.0, 0.0]
    assert asked == ["ab", "b", "aa", "new"]


def test_other_options_are_another_constraint() -> None:
    assert scores(Slow(), ["ab"]) == scores(Slow(letter="b"), ["ab"])
    assert asked == ["ab", "ab"]


def test_more_texts_than_a_query_takes() -> None:
    texts = [f"a{number}" for number in range(2300)]
    first = scores(Slow(), texts)
    assert scores(Slow(), texts[::-1]) == first[::-1]
    assert len(asked) == 2300


def test_a_value_that_is_refused_is_not_kept() -> None:
    for _ in range(2):
        with pytest.raises(ConstraintError, match=r"returned 1\.66"):
            scores(Slow(letter="!"), ["right", "wrong"])
    assert asked == ["right", "wrong"] * 2


def test_a_cheap_constraint_and_samples_that_are_no_texts_are_not_cached(cache_file: Path) -> None:
    class Cheap(Slow):
        expensive: ClassVar[bool] = False

    assert scores(Cheap(), ["ab"]) == [1 / 6]
    assert scores(Slow(letter="z"), [("z", "a")]) == [1 / 6]  # type: ignore[list-item]
    assert not cache_file.exists()


@pytest.mark.parametrize("damage", ["no database", "locked", "a folder in its place"])
def test_a_cache_that_cannot_be_used_costs_time_and_nothing_else(
    cache_file: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout: connect(path, timeout=0.01))
    if damage == "no database":
        cache_file.write_text("this is no database, and long enough to be none " * 100, encoding="utf-8")
    elif damage == "locked":
        cached_scores("other", ["text"], lambda texts: [0.5])
        holder = connect(cache_file, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
    else:
        cache_file.mkdir()
    assert scores(Slow(), ["ab", "b"]) == [1 / 6, 0.0]
    assert scores(Slow(), ["ab", "b"]) == [1 / 6, 0.0]
    assert asked == ["ab", "b"] * 2
