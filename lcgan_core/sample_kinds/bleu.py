"""BLEU: how many words in a row texts share with their references."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

ORDER = 4
"""Words in the longest n-gram, as in the paper and wherever BLEU is reported."""


def bleu(found: Sequence[str], wanted: Sequence[Sequence[str]], *, effective_order: bool = False) -> float:
    """Corpus BLEU of ``found`` in [0, 1], against one or more references for each text (Papineni et al. 2002, equation 3).

    Words are what spaces separate. An order of n-grams without a match counts as half a match, the next such order as a
    quarter, and so on: the exponential smoothing of NIST's mteval-v13a.pl, which is sacrebleu's default. With
    ``effective_order``, texts too short for n-grams of four words are scored by the longest that they have; without, by 0.

    >>> round(bleu(["the soup was very cold"], [["the soup was cold"]]), 3)
    0.427
    """
    matched, total = [0] * ORDER, [0] * ORDER
    length = wanted_length = 0
    for text, references in zip(found, wanted, strict=True):
        words = len(text.split())
        length += words
        wanted_length += min((len(other.split()) for other in references), key=lambda other: (abs(other - words), other))
        for gram, count in _grams(text).items():
            total[len(gram) - 1] += count
            matched[len(gram) - 1] += min(count, max(_grams(other)[gram] for other in references))
    orders = sum(1 for count in total if count)
    if not matched[0] or (orders < ORDER and not effective_order):
        return 0.0
    halvings, logarithms = 0, 0.0
    for some, all_ in zip(matched[:orders], total[:orders], strict=True):
        halvings += not some
        logarithms += math.log((some or 0.5**halvings) / all_)
    brevity = min(0.0, 1 - wanted_length / length)
    return math.exp(brevity + logarithms / orders)


@lru_cache(maxsize=4096)  # self-BLEU takes each text as a reference of every other one
def _grams(text: str) -> Counter[tuple[str, ...]]:
    words = text.split()
    return Counter(tuple(words[start : start + n]) for n in range(1, ORDER + 1) for start in range(len(words) - n + 1))
