"""Texts made of the beginning of one and the end of another, so that an autoencoder sees more texts than a corpus has."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

SHARED = 2
"""Words in a row that both texts have where one goes over into the other."""

MOST_TRIES = 100
"""For each text asked for; a corpus of unlike texts yields fewer."""


def crossovers(texts: Sequence[str], n: int, seed: int) -> list[str]:
    """Up to ``n`` texts that are not in ``texts``, none twice, and none longer in words than the longest of those.

    Each goes along one text as far as two words that another has too, and from there along the other: any three words in a row
    are those of a real text.
    """
    chance = random.Random(seed)
    words = [text.split() for text in texts]
    places: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for row, text in enumerate(words):
        for start in range(len(text) - SHARED + 1):
            places[tuple(text[start : start + SHARED])].append((row, start + SHARED))
    longest = max(map(len, words), default=0)
    known, made = set(texts), dict[str, None]()
    for _ in range(MOST_TRIES * n):
        if len(made) == n:
            break
        first = chance.choice(words)
        end = chance.randrange(SHARED, max(SHARED + 1, len(first)))
        if shared := places.get(tuple(first[end - SHARED : end])):
            row, start = chance.choice(shared)
            mixed = first[:end] + words[row][start:]
            result = " ".join(mixed)
            if len(mixed) <= longest and result not in known:
                made[result] = None
    return list(made)
