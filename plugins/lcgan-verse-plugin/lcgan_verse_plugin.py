"""``rhyme`` and ``syllables``: constraints of lcgan for verse, by the CMU Pronouncing Dictionary."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Self

from pydantic import Field, field_validator, model_validator

from lcgan_core import Constraint, hookimpl

SPLIT_OFF = re.compile(r"\s+(?=(?:n't|'(?:s|m|re|ve|ll|d))\b)", re.IGNORECASE)
"""The space before an ending that tokenizers split off: did n't, it 's."""
WORD = re.compile(r"\w+(?:'\w+)*")


class Rhyme(Constraint):
    """English texts whose last word rhymes with a given word, but is not that word."""

    name = "rhyme"
    judges = frozenset({"text"})

    to: str = "year"
    """The word to rhyme with."""

    @field_validator("to")
    @classmethod
    def _known(cls, word: str) -> str:
        if not rhyming_parts(word):
            raise ValueError("needs a word of the CMU Pronouncing Dictionary")
        return word.lower()

    def __call__(self, samples: Sequence[str]) -> list[float]:
        wanted = rhyming_parts(self.to)
        last = [words[-1] if (words := words_of(text)) else "" for text in samples]
        return [float(word != self.to and not wanted.isdisjoint(rhyming_parts(word))) for word in last]


class Syllables(Constraint):
    """English texts with a given range of syllables; a text with a word that is not in the dictionary violates."""

    name = "syllables"
    judges = frozenset({"text"})

    min_syllables: int = Field(5, ge=1)
    """Minimum number of syllables."""
    max_syllables: int = Field(7, ge=1)
    """Maximum number of syllables."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_syllables > self.max_syllables:
            raise ValueError(f"min_syllables ({self.min_syllables}) is larger than max_syllables ({self.max_syllables})")
        return self

    def __call__(self, samples: Sequence[str]) -> list[float]:
        return [float(self.min_syllables <= syllables_of(text) <= self.max_syllables) for text in samples]


def words_of(text: str) -> list[str]:
    """The words of ``text`` in lower case, without punctuation, whether or not its tokens are separated by spaces."""
    return WORD.findall(SPLIT_OFF.sub("", text.replace("’", "'")).lower())


def syllables_of(text: str) -> int:
    """Number of syllables in ``text``, by the first pronunciation of each word; 0 if a word is not in the dictionary."""
    import pronouncing

    pronunciations = [pronouncing.phones_for_word(word) for word in words_of(text)]
    return sum(pronouncing.syllable_count(first) for first, *_ in pronunciations) if all(pronunciations) else 0


def rhyming_parts(word: str) -> frozenset[str]:
    """The sounds of ``word`` from its last stressed vowel on, by pronunciation; none if it is not in the dictionary."""
    import pronouncing

    parts = map(pronouncing.rhyming_part, pronouncing.phones_for_word(word))
    unstressed = (re.sub(r"\d", "", part) for part in parts)  # by secondary stress too: highway rhymes with day
    return frozenset(
        re.sub(r"\bIY R\b", "IH R", part) for part in unstressed
    )  # the dictionary writes here one way, year the other


@hookimpl
def register_constraints(register: Callable[[type[Constraint]], None]) -> None:
    register(Rhyme)
    register(Syllables)
