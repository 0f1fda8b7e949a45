"""Rules about the words of a text: how many, and which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from ..constraint import Constraint

MOST = 1_000_000
"""Maximum limit of a length. Arbitrary: far beyond the text of any model."""


class Length(Constraint):
    """Texts with a number of words in a given range, or a number of characters.

    >>> Length(max_words=3)(["short and sweet", "this one is too long"])
    [1.0, 0.0]
    >>> Length(max_characters=4)(["soup", "soups"])
    [1.0, 0.0]
    """

    name = "length"
    judges = frozenset({"text"})

    min_words: int = Field(1, ge=0, le=MOST)
    """Minimum number of words. Spaces separate words; where a script has none, such as Chinese, Unicode's rules do."""
    max_words: int = Field(6, ge=1, le=MOST)
    """Maximum number of words."""
    min_characters: int | None = Field(None, ge=0, le=MOST)
    """Minimum number of characters. If it or ``max_characters`` is given, characters are counted instead of words."""
    max_characters: int | None = Field(None, ge=1, le=MOST)
    """Maximum number of characters."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_words > self.max_words:
            raise ValueError(f"min_words ({self.min_words}) is larger than max_words ({self.max_words})")
        if self._counts_characters and self.model_fields_set & {"min_words", "max_words"}:
            raise ValueError("give limits of words or limits of characters, not both")
        least, most = self.min_characters, self.max_characters
        if least is not None and most is not None and least > most:
            raise ValueError(f"min_characters ({least}) is larger than max_characters ({most})")
        return self

    @property
    def _counts_characters(self) -> bool:
        return self.min_characters is not None or self.max_characters is not None

    def __call__(self, samples: Sequence[str]) -> list[float]:
        from ..sample_kinds.words import characters, words

        if self._counts_characters:
            least, most = self.min_characters or 0, self.max_characters or math.inf
            return [float(least <= characters(text) <= most) for text in samples]
        return [float(self.min_words <= len(words(text)) <= self.max_words) for text in samples]


class Keyword(Constraint):
    """Texts that contain the given words; only whole words count, and case is ignored.

    >>> Keyword(words="tea,coffee")(["Coffee, please!", "a teapot"])
    [1.0, 0.0]
    """

    name = "keyword"
    judges = frozenset({"text"})

    words: tuple[str, ...] = Field(min_length=1, max_length=1000)
    """The words to look for."""
    match: Literal["any", "all"] = "any"
    """Whether any one of the words is enough, or all are required."""

    @field_validator("words", mode="before")
    @classmethod
    def _from_commas(cls, words: object) -> object:
        return tuple(word.strip() for word in words.split(",")) if isinstance(words, str) else words

    @field_validator("words")
    @classmethod
    def _not_blank(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if not all(word.strip() for word in words):
            raise ValueError("a word is empty")
        return words

    def __call__(self, samples: Sequence[str]) -> list[float]:
        from ..sample_kinds.words import contains

        decide = any if self.match == "any" else all
        return [float(decide(contains(text, word) for word in self.words)) for text in samples]
