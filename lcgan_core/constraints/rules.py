"""Rules about the words of a text: how many, and which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from ..constraint import Constraint


class Length(Constraint):
    """Texts with a number of words in a given range; words are separated by spaces.

    >>> Length(max_words=3)(["short and sweet", "this one is too long"])
    [1.0, 0.0]
    """

    name = "length"
    judges = frozenset({"text"})

    min_words: int = Field(1, ge=0)
    """Minimum number of words."""
    max_words: int = Field(6, ge=1)
    """Maximum number of words."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_words > self.max_words:
            raise ValueError(f"min_words ({self.min_words}) is larger than max_words ({self.max_words})")
        return self

    def __call__(self, samples: Sequence[str]) -> list[float]:
        return [float(self.min_words <= len(text.split()) <= self.max_words) for text in samples]


class Keyword(Constraint):
    """Texts that contain the given words; only whole words count, and case is ignored.

    >>> Keyword(words="tea,coffee")(["Coffee, please!", "a teapot"])
    [1.0, 0.0]
    """

    name = "keyword"
    judges = frozenset({"text"})

    words: tuple[str, ...] = Field(min_length=1)
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
        patterns = [re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE) for word in self.words]
        decide = any if self.match == "any" else all
        return [float(decide(pattern.search(text) for pattern in patterns)) for text in samples]
