"""What a word is, in any script: Unicode's boundaries of words and of characters (UAX 29), by the library ``regex``."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

import regex

_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
"""Scripts that are written without spaces between words."""
_INVISIBLE = regex.compile(r"[\p{C}\p{Z}\p{M}]*")
"""What shows nothing: control and format characters, such as a space of no width, and accents without a letter."""
_BOUNDARY = regex.compile(r"(?wV1)\b")


def words(text: str) -> list[str]:
    """The words of a text: what spaces separate and, where a script has none, what Unicode's word boundaries separate.

    These know no dictionary: each Chinese character and each syllable of Thai counts as a word.
    """
    found = (word for piece in text.split() for word in (_unspaced_words(piece) if not is_spaced(piece) else [piece]))
    return [word for word in found if not _INVISIBLE.fullmatch(word)]


def is_spaced(text: str) -> bool:
    """Whether the text is of scripts that have spaces between words."""
    return not _UNSPACED.search(text)


def _unspaced_words(piece: str) -> list[str]:
    return [part for part in _BOUNDARY.split(piece) if any(character.isalnum() for character in part)]


def characters(text: str) -> int:
    """The number of characters as a reader counts them: a letter with its accents, or an emoji of several parts, is one.

    Spaces at the ends do not count.
    """
    return sum(not _INVISIBLE.fullmatch(character) or character.isspace() for character in regex.findall(r"\X", text.strip()))


def contains(text: str, word: str) -> bool:
    """Whether ``word`` is in the text as a whole word, whatever its case and however its accents are encoded."""
    return _pattern(word).search(unicodedata.normalize("NFC", text)) is not None


@cache
def _pattern(word: str) -> Any:
    escaped = regex.escape(unicodedata.normalize("NFC", word), literal_spaces=True)
    return regex.compile(rf"(?wV1if)(?:(?<!\w)|\b){escaped}(?:(?!\w)|\b)")
