"""Words and characters in any script."""

from __future__ import annotations

import unicodedata

import pytest
from pydantic import ValidationError

from lcgan_core import Text
from lcgan_core.constraints.rules import Keyword, Length
from lcgan_core.sample_kinds.words import characters, contains, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what a place !", ["what", "a", "place", "!"]),
        ("don't  stop\tstate-of-the-art", ["don't", "stop", "state-of-the-art"]),
        ("수프가 맛있다", ["수프가", "맛있다"]),
        ("汤很好,我喜欢。", ["汤", "很", "好", "我", "喜", "欢"]),
        ("ラーメンがおいしい", ["ラーメン", "が", "お", "い", "し", "い"]),
        ("我爱pizza 4.5分", ["我", "爱", "pizza", "4.5", "分"]),
        ("อาหาร", ["อ", "า", "ห", "า", "ร"]),
        ("", []),
        ("\u3000汤\u3000", ["汤"]),
        ("\u200b", []),
        ("\u0301 \ufeff \u2060", []),
        ("a \u200b 🙂", ["a", "🙂"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("soup", 4),
        (unicodedata.normalize("NFD", "café é"), 6),
        ("👩‍👩‍👧 🇩🇪", 3),
        ("汤很好", 3),
        (" a b ", 3),
        ("นี้", 1),
        ("\u200b", 0),
        ("\u2060a\u200d", 1),
        ("\u0301", 0),
        ("", 0),
    ],
)
def test_characters_are_what_a_reader_counts(text: str, expected: int) -> None:
    assert characters(text) == expected


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("这个汤很好", "汤", True),
        ("这个汤很好", "很好", True),
        ("このスープが好き", "スープ", True),
        ("このスープが好き", "ー", False),
        ("ฉันชอบซุปนี้", "ซุป", True),
        ("the soup's cold", "soup", True),
        ("soups", "soup", False),
        ("wir sind groß", "GROSS", True),
        ("c++ rocks", "c++", True),
        ("c++x", "c", True),
        ("what a place !", "a place", True),
        (unicodedata.normalize("NFD", "Le Café"), "café", True),
        ("수프가 맛있다", "수프", False),
    ],
)
def test_keywords_are_whole_words(text: str, word: str, found: bool) -> None:
    assert contains(text, word) is found
    assert Keyword(words=(word,))([text]) == [float(found)]


def test_length_counts_what_is_asked() -> None:
    texts = ["汤很好", "这个餐厅的汤很好喝我喜欢", "soup", "a b c d e f g"]
    assert Length()(texts) == [1, 0, 1, 0]
    assert Length(min_characters=4, max_characters=12)(texts) == [0, 1, 1, 0]
    assert Length(max_characters=3)(texts) == [1, 0, 0, 0]
    assert Length(min_characters=5)(texts) == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_characters": 9, "max_characters": 3}, r"min_characters \(9\) is larger"),
        ({"max_words": 3, "max_characters": 30}, "not both"),
        ({"min_words": 9}, r"min_words \(9\) is larger"),
        ({"max_words": 10**22}, "less than or equal to 1000000"),
        ({"min_characters": 10**9}, "less than or equal to 1000000"),
        ({"max_characters": 2**63}, "less than or equal to 1000000"),
    ],
)
def test_limits_that_cannot_be_meant(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Length(**options)


def test_edits_of_unspaced_texts_are_close_word_by_word() -> None:
    same, near, far = Text().closeness(["这个汤很好喝"] * 3, ["这个汤很好喝", "这个汤很难喝", "我不喜欢"])
    assert same == pytest.approx(1)
    assert 0.2 < near < 1
    assert far < 0.1
