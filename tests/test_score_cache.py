from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from lcgan_core import Constraint, ConstraintError, Images, Text
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
    assert scores(Slow(), ["ab", "b"], Text()) == [1 / 6, 0.0]
    assert scores(Slow(), ["ab", "b"], Text()) == [1 / 6, 0.0]
    assert asked == ["ab", "b"] * 2
