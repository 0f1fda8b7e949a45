"""``readability``: a constraint of lcgan for texts that are easy or hard to read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from lcgan_core import Constraint, hookimpl

SPLIT_OFF = re.compile(r"\s+(?=(?:n['’]t|['’](?:s|m|re|ve|ll|d))\b)", re.IGNORECASE)
"""The space before an ending that tokenizers split off: did n't, it 's."""
SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)")
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
"""Letters and digits. The placeholder ``_num_`` counts as num: a short word, as most numbers are."""


class Counts(NamedTuple):
    """The counts of a text; all except ``long_words`` are at least 1."""

    sentences: int
    words: int
    letters: int
    syllables: int
    long_words: int
    """Words of three or more syllables."""


FORMULAS: dict[str, Callable[[Counts], float]] = {
    # Kincaid, Fishburne, Rogers & Chissom 1975
    "flesch-kincaid": lambda n: 0.39 * n.words / n.sentences + 11.8 * n.syllables / n.words - 15.59,
    # Gunning 1952
    "gunning-fog": lambda n: 0.4 * (n.words / n.sentences + 100 * n.long_words / n.words),
    # Coleman & Liau 1975
    "coleman-liau": lambda n: 5.88 * n.letters / n.words - 29.6 * n.sentences / n.words - 15.8,
    # Smith & Senter 1967
    "automated": lambda n: 4.71 * n.letters / n.words + 0.5 * n.words / n.sentences - 21.43,
}
"""US school grades, from the counts of a text."""


class Readability(Constraint):
    """English texts of a school grade in a given range; 0.5 at its edge, and higher farther inside."""

    name = "readability"
    judges = frozenset({"text"})

    min_grade: float | None = Field(None, allow_inf_nan=False)
    """Lowest grade that satisfies; a high one asks for texts that are hard to read."""
    max_grade: float | None = Field(2.0, allow_inf_nan=False)
    """Highest grade that satisfies; a low one asks for texts that are easy to read. null sets no limit."""
    formula: Literal["flesch-kincaid", "gunning-fog", "coleman-liau", "automated"] = "flesch-kincaid"
    """How the grade is computed: the first two from syllables, the others from letters; all from the length of sentences."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_grade is None and self.max_grade is None:
            raise ValueError("min_grade and max_grade are both null: give one")
        if self.min_grade is not None and self.max_grade is not None and self.min_grade >= self.max_grade:
            raise ValueError(f"min_grade ({self.min_grade}) is not below max_grade ({self.max_grade}); null sets no limit")
        return self

    def __call__(self, samples: Sequence[str]) -> list[float]:
        return [self._value(counts) if (counts := count(text)) else 0.0 for text in samples]

    def _value(self, counts: Counts) -> float:
        grade = FORMULAS[self.formula](counts)
        inside = [grade - self.min_grade] if self.min_grade is not None else []
        inside += [self.max_grade - grade] if self.max_grade is not None else []
        return 0.5 + 0.5 * math.tanh(min(inside) / 2)  # the logistic function, in a form that does not overflow


def count(text: str) -> Counts | None:
    """The counts of ``text``, whether or not its tokens are separated by spaces; None if it has no words."""
    from syllapy import count as syllables_of

    text = SPLIT_OFF.sub("", text)
    words = WORD.findall(text)
    if not words:
        return None
    syllables = [max(1, syllables_of(word)) for word in words]
    return Counts(
        sentences=sum(bool(WORD.search(part)) for part in SENTENCE_END.split(text)),
        words=len(words),
        letters=sum(map(str.isalnum, "".join(words))),
        syllables=sum(syllables),
        long_words=sum(n >= 3 for n in syllables),
    )


@hookimpl
def register_constraints(register: Callable[[type[Constraint]], None]) -> None:
    register(Readability)
