"""Texts between two: those that take some of the passages in which they differ from one, the rest from the other."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import pairwise, product

MOST_PASSAGES = 4
"""Passages that are taken or left on their own; where there are more, neighbours go together."""


def mixed_texts(before: str, after: str) -> list[str]:
    """Every text with some of the changed passages and not all, without repetition."""
    first, second = before.split(), after.split()
    passages = changed_passages(first, second)
    mixed = []
    for taken in product((False, True), repeat=len(passages)):
        words, at = [], 0
        for take, (start, end, other_start, other_end) in zip(taken, passages, strict=True):
            words += [*first[at:start], *(second[other_start:other_end] if take else first[start:end])]
            at = end
        mixed.append(" ".join(words + first[at:]))
    return [text for text in dict.fromkeys(mixed) if text not in (before, after)]


def changed_passages(first: list[str], second: list[str]) -> list[tuple[int, int, int, int]]:
    """Where the words differ: start and end in the first, start and end in the second, from left to right."""
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    passages = [passage for kind, *passage in blocks if kind != "equal"]
    while len(passages) > MOST_PASSAGES:
        gaps = [later[0] - earlier[1] for earlier, later in pairwise(passages)]
        i = gaps.index(min(gaps))
        (start, _, other_start, _), (_, end, _, other_end) = passages[i : i + 2]
        passages[i : i + 2] = [[start, end, other_start, other_end]]
    return [(start, end, other_start, other_end) for start, end, other_start, other_end in passages]
